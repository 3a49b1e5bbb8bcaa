"""The scripted UE (`muster ue`) for tests: what it did, what it keeps, and the ladder of a run."""
import json
import os
import subprocess

from muster import MUSTER, PATIENCE, same, wait_for

# the client and redirect URI that `muster ue` uses when a UE's profile names none
CLIENT, REDIRECT = 'mcx-handset-01', 'com.example.mcxhandset:/oauth2redirect'
SERVICES = ('mcptt', 'mcvideo', 'mcdata')


class Run:
    """One `muster ue ...`: status, text, error; trace of its messages."""

    def __init__(self, dep, words, p, before):
        self.dep, self.words, self.status = dep, words, p.returncode
        self.text, self.error, self.before = p.stdout, p.stderr, before

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def trace(self):
        return self.json['trace']

    def good(self):
        same(self.status, 0, 'exit status of %s\n%s\n' % (self, self.error))
        return self

    def refused(self, text):
        """It ended badly, and says so with this text."""
        assert self.status != 0 and text in self.error, '%s: %d %s %s' % (self, self.status, self.text, self.error)
        return self

    def events(self, role='*', **wanted):
        return self.dep.news(self.before, role, **wanted)

    def arrows(self):
        """[(step, from, to, proto, text)] since it began."""
        return [(o['step'], o['from'], o['to'], o['proto'], o['text']) for o in self.events(event='arrow')]

    def __repr__(self):
        return 'muster ue ' + ' '.join(self.words)


class Ue:
    """A user and its UE. options go to `muster user add`."""

    def __init__(self, dep, name, **options):
        self.dep, self.name = dep, name
        self.profile = dep.add_user(name, **options)
        self.password = self.profile['password']
        self.impu, self.impi = self.profile['impus'][0], self.profile['impi']

    def run(self, *words, timeout=None, **options):
        argv = [MUSTER, 'ue', *words, '--dir', self.dep.dir, '--user', self.name, '--json']
        if words[0] in ('sign-on', 'login'):
            argv.append('--password-stdin')
        for k, v in options.items():
            argv += ['--' + k.replace('_', '-')] + ([] if v is True else [str(v)])
        before = self.dep.mark()
        p = subprocess.run(argv, input=self.password + '\n', capture_output=True, text=True,
                           timeout=timeout or PATIENCE * 2, env=self.dep.environment())
        self.note_secrets()
        return Run(self.dep, words, p, before)

    def do(self, *words, **options):
        return self.run(*words, **options).good()

    def tries(self, method, **options):
        """(status, Warning code or -1) of the MC server's answer."""
        o = self.do('try', method, **options).json
        return o['status'], o['warning']

    # What it keeps

    @property
    def state_file(self):
        return self.dep.path('ue', self.name + '.state.json')

    @property
    def state(self):
        try:
            with open(self.state_file, encoding='utf-8') as f:
                return json.load(f)
        except FileNotFoundError:
            return {}

    def keep(self, **changes):
        """Changes its state between two runs."""
        o = dict(self.state, **changes)
        with open(self.state_file, 'w', encoding='utf-8') as f:
            json.dump(o, f)

    def forget(self):
        os.unlink(self.state_file)

    def change_profile(self, **changes):
        with open(self.dep.path('ue', self.name + '.json'), encoding='utf-8') as f:
            o = dict(json.load(f), **changes)
        with open(self.dep.path('ue', self.name + '.json'), 'w', encoding='utf-8') as f:
            json.dump(o, f)

    def note_secrets(self):
        t = self.state.get('tokens', {})
        self.dep.secret(t.get('access'), t.get('id'), t.get('refresh'))

    # What the MC server knows of it

    def bindings(self):
        """{service: binding}"""
        return {b['service']: b for b in self.dep.admin('mcx', 'binding-list')['bindings']
                if b['impu'] == self.impu}

    def registration(self):
        for r in self.dep.admin('mcx', 'binding-list')['registrations']:
            if r['impu'] == self.impu:
                return r
        return None

    def wait_registration(self, is_there=True):
        """The MC server hears of a registration after the UE has its 200 (R-SA-35)."""
        return wait_for('the MC server to know %s: %s' % (self.impu, is_there),
                        lambda: (self.registration() is not None) == is_there)

    def wait_bindings(self, services):
        wait_for('bindings %s of %s' % (services, self.impu), lambda: sorted(self.bindings()) == sorted(services))
        return self.bindings()
