"""A deployment for tests over real processes, and a small runner of cases. Standard library only.

    from muster import Deployment, case, main, setup

    dep = Deployment()

    @setup
    def starts():
        dep.start()

    @case
    def wrong_verifier():
        '''R-ID-62'''
        ...

    main()

A case is a function: it returns (ok), raises Skip('why') or anything else (not ok). Deployments live below
$MUSTER_TEST_DIR on a loopback network of their own, so that any number of them run side by side, and end with the test:
orderly at the end of main(), by a signal from the kernel when the test is killed.
"""
import atexit
import ctypes
import glob
import http.client
import inspect
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse

MUSTER = os.environ.get('MUSTER', 'muster')
ROOT = os.environ.get('MUSTER_SOURCE_ROOT') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# everything takes longer under sanitizers and on a loaded machine; an event that comes ends the waiting at once
PATIENCE = 120 if 'ASAN_OPTIONS' in os.environ else 60


# decisions of roles; what the HTTP server refuses before a role sees it
REFUSALS = ('refused', 'http-refused', 'tls-refused')


class Skip(Exception):
    """The case cannot be tried here; the text says why."""


class Refused(Exception):
    """An administration command or a command line was answered with no."""


def test_dir():
    d = os.environ.get('MUSTER_TEST_DIR')
    if d is None:
        d = tempfile.mkdtemp(prefix='muster-test-')
        os.environ['MUSTER_TEST_DIR'] = d
        print('results stay in %s' % d, file=sys.stderr)
    return d


def wait_for(what, fn, seconds=None):
    """fn() until it is true; its value. `what` is for the message when it does not become so."""
    end, pause = time.monotonic() + (seconds or PATIENCE), 0.005
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError('waited %d s for %s' % (seconds or PATIENCE, what))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def same(got, wanted, what=''):
    if got != wanted:
        raise AssertionError('%s is %r, not %r' % (what or 'it', got, wanted))


def claim_network():
    """('127.A.B', claim): nobody else's while `claim` is open. The claim is an abstract socket, so that it goes with the
    process and leaves nothing behind."""
    for _ in range(1000):
        net = '127.%d.%d' % (random.randint(2, 250), random.randint(0, 250))
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            s.bind('\0muster-test-%s' % net)
        except OSError:
            s.close()
            continue
        return net, s
    raise Skip('no loopback network is free')


def free_port(address, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG


class Answer:
    """Of an HTTP request: status, fields (names in lower case; the last of that name), all (pairs), body, seconds; trace
    is what events about it carry. dep: the deployment that answered."""

    def __init__(self, dep, r, body, seconds, trace):
        self.dep, self.status, self.all, self.body = dep, r.status, r.getheaders(), body
        self.seconds, self.trace = seconds, trace
        self.fields = {k.lower(): v for k, v in self.all}

    @property
    def text(self):
        return self.body.decode(errors='replace')

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return '%d %s %s' % (self.status, self.all, self.text[:500])


_running = []


class Deployment:
    """net: '127.A.B', or a free one. roles: those to serve, or all. settings: {'idm': {'access_ttl_s': '60s'}, ...}."""

    def __init__(self, name='d', roles=None, settings=None, domain='mc.example', net=None):
        self.net, self._claim = (net, None) if net else claim_network()
        self.dir = os.path.join(test_dir(), name)
        self.domain, self.ims = domain, 'ims.' + domain
        self.process, self.secrets, self._seen = None, set(), {}
        self.output = os.path.join(test_dir(), name + '.out')
        self.cli('init', '--net', self.net, '--domain', domain)
        if roles:
            self.setting('deployment', 'roles', '[%s]' % ', '.join(roles))
        for section, rows in (settings or {}).items():
            for key, value in rows.items():
                self.setting(section, key, value)
        self.ca = self.path('tls', 'ca.crt')
        self.tls = ssl.create_default_context(cafile=self.ca)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # The directory

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def setting(self, section, key, value):
        """Writes a row of muster.yaml as it would be written by hand: value is YAML."""
        with open(self.path('muster.yaml'), encoding='utf-8') as f:
            lines = f.read().split('\n')
        try:
            at = lines.index(section + ':') + 1
        except ValueError:
            raise AssertionError('muster.yaml has no section %s' % section) from None
        while at < len(lines) and not re.match(r'\w', lines[at]):
            m = re.match(r'  (# )?%s:' % re.escape(key), lines[at])
            if m:
                lines[at] = '  %s: %s' % (key, value)
                with open(self.path('muster.yaml'), 'w', encoding='utf-8') as f:
                    f.write('\n'.join(lines))
                return
            at += 1
        raise AssertionError('muster.yaml has no row %s in %s' % (key, section))

    # Processes

    def environment(self):
        """Reports of sanitizers go to files of their own, where stop() finds them."""
        env = dict(os.environ)
        for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS'):
            if name in env:
                env[name] += ':log_path=' + os.path.join(test_dir(), 'sanitizer-%s' % os.path.basename(self.dir))
        return env

    def start(self, wait=True):
        with open(self.output, 'ab') as out:
            self.process = subprocess.Popen([MUSTER, 'serve', '--dir', self.dir], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, env=self.environment(), start_new_session=True,
                                            preexec_fn=_die_with_parent)
        _running.append(self)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, roles=None):
        names = roles or self.roles()

        def ready():
            if self.process.poll() is not None:
                raise AssertionError('muster serve ended with status %d:\n%s' % (self.process.returncode, self.tail()))
            return all(self.role_status(r).get('ready') for r in names)
        try:
            wait_for('%s to be ready' % ', '.join(names), ready)
        except AssertionError as e:
            raise AssertionError('%s\n%s' % (e, self.tail())) from None

    def roles(self):
        """The roles that run here, as the supervisor has them."""
        return [o['role'] for o in self.status()]

    def status(self):
        return json.loads(self.cli('status', '--json', good=(0, 3)))

    def role_status(self, role):
        """{} while the role does not answer."""
        try:
            return self.admin(role, 'status')
        except (OSError, Refused, ValueError):
            return {}

    def pid(self, role):
        return self.role_status(role).get('pid')

    def kill(self, role, sig=signal.SIGKILL):
        """Ends the process of a role; its pid, so that the restarted one can be told from it."""
        pid = wait_for('a pid of ' + role, lambda: self.pid(role))
        os.kill(pid, sig)
        return pid

    def wait_restarted(self, role, old_pid):
        wait_for('%s to be restarted' % role, lambda: self.role_status(role).get('ready') and self.pid(role) != old_pid)

    def processes(self):
        """Pids of everything that runs with this directory on its command line."""
        found, needle = [], os.fsencode(self.dir)
        for name in os.listdir('/proc'):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                with open('/proc/%s/cmdline' % name, 'rb') as f:
                    words = f.read().split(b'\0')
            except OSError:
                continue
            if b'serve' in words and needle in words:
                found.append(int(name))
        return found

    def stop(self):
        """Orderly: SIGTERM, and nothing may be left, no sanitizer may have complained, no secret stands in a log."""
        if self.process is None:
            return
        if self in _running:
            _running.remove(self)
        p, self.process = self.process, None
        p.terminate()
        try:
            rc = p.wait(PATIENCE)
            wait_for('all processes of %s to end' % self.dir, lambda: not self.processes(), 5)
        except (subprocess.TimeoutExpired, AssertionError):
            left = self.processes()
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            p.kill()
            p.wait()
            raise AssertionError('muster serve did not stop: %s were left\n%s' % (left, self.tail())) from None
        reports = self.reports()
        if reports:
            raise AssertionError('sanitizers found:\n' + reports)
        same(rc, 0, 'exit status of muster serve')
        same(self.leaks(), [], 'secrets in the logs of %s (R-ID-141, R-SA-127)' % self.dir)

    def end(self):
        """For the way out after a failure: ends what runs, complains about nothing."""
        try:
            self.stop()
        except (AssertionError, OSError):
            pass

    def reports(self):
        """What sanitizers said about processes of this deployment."""
        text = ''
        for f in sorted(glob.glob(os.path.join(test_dir(), 'sanitizer-%s.*' % os.path.basename(self.dir)))):
            with open(f, encoding='utf-8', errors='replace') as r:
                text += r.read()
            os.unlink(f)
        return text

    def tail(self, n=30):
        with open(self.output, encoding='utf-8', errors='replace') as f:
            return ''.join(f.readlines()[-n:])

    # Command line and administration

    def cli(self, *words, stdin='', good=(0,), **options):
        """`muster WORDS --dir ...`: standard output. Options: mcptt_id='x' is --mcptt-id x, json=True is --json."""
        argv = [MUSTER, *words, '--dir', self.dir]
        for k, v in options.items():
            argv += ['--' + k.replace('_', '-')] + ([] if v is True else [str(v)])
        p = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=PATIENCE * 2,
                           env=self.environment())
        if p.returncode not in good:
            raise Refused('%s: exit status %d: %s' % (' '.join(words), p.returncode, (p.stderr or p.stdout).strip()))
        return p.stdout

    def admin(self, role, cmd, **args):
        """The role's administration socket (src/host/admin.h)."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(PATIENCE)
            s.connect(os.path.relpath(self.path('run', role + '.sock')))  # a socket's path has to be short
            s.sendall(json.dumps({'cmd': cmd, 'args': args}).encode() + b'\n')
            got = b''
            while not got.endswith(b'\n'):
                more = s.recv(65536)
                if not more:
                    raise OSError('%s closed the connection' % role)
                got += more
        o = json.loads(got)
        if not o['ok']:
            raise Refused('%s %s: %s %s' % (role, cmd, o.get('code'), o.get('text')))
        return o['result']

    def add_user(self, name, password=None, **options):
        """The user's profile with `password` and, as ue/NAME.json has them, the secrets of its UE."""
        password = password or '%s-%016x' % (name, random.getrandbits(64))
        self.secrets.add(password)
        self.cli('user', 'add', name, '--password-stdin', stdin=password + '\n', **options)
        with open(self.path('ue', name + '.json'), encoding='utf-8') as f:
            profile = json.load(f)
        for key in ('k', 'opc', 'ims_password'):
            if profile.get(key):
                self.secrets.add(profile[key])
        return dict(profile, password=password)

    def add_client(self, client_id, redirect_uri='http://127.0.0.1/callback', **options):
        """A public client unless auth_method says otherwise; what the command line answers."""
        text = self.cli('client', 'add', client_id, json=True, redirect_uri=redirect_uri, **options)
        o = json.loads(text)
        if o.get('secret'):
            self.secrets.add(o['secret'])
        return o

    # HTTP

    def address(self, role, listener=None):
        """(ip, port) of a listener as `muster status` tells it."""
        for l in self.role_status(role).get('listeners', []):
            if listener is None or l['name'] == listener:
                ip, port = l['address'].rsplit(':', 1)
                return ip, int(port)
        raise AssertionError('%s has no listener %s' % (role, listener or ''))

    def url(self, role, listener=None):
        return 'https://%s:%d' % self.address(role, listener)

    def http(self, method, url, body=None, fields=None, form=None, bearer=None, timeout=None):
        """One request over TLS checked against the deployment's CA; redirects are not followed."""
        u = urllib.parse.urlsplit(url)
        trace = '%032x' % random.getrandbits(128)
        fields = dict({'traceparent': '00-%s-%016x-01' % (trace, random.getrandbits(64) | 1)}, **(fields or {}))
        if form is not None:
            body = urllib.parse.urlencode(form)
            fields.setdefault('Content-Type', 'application/x-www-form-urlencoded')
        if bearer is not None:
            fields['Authorization'] = 'Bearer ' + bearer
        c = http.client.HTTPSConnection(u.hostname, u.port, context=self.tls, timeout=timeout or PATIENCE)
        try:
            start = time.monotonic()
            c.request(method, u.path + ('?' + u.query if u.query else ''), body, fields)
            r = c.getresponse()
            return Answer(self, r, r.read(), time.monotonic() - start, trace)
        finally:
            c.close()

    # Events

    def events(self, role='*', since=None, **wanted):
        """Events of all roles in order of time whose members are as wanted: events(event='refused', req='R-ID-62').
        A value may be a function of the member, or a compiled expression that is searched for in it."""
        def fits(o):
            for k, v in wanted.items():
                has = o.get(k)
                if callable(v):
                    good = has is not None and v(has)
                elif isinstance(v, re.Pattern):
                    good = has is not None and v.search(str(has))
                else:
                    good = has == v
                if not good:
                    return False
            return True

        found = []
        for f in glob.glob(self.path('log', 'events-%s.jsonl' % role)):
            with open(f, 'rb') as lines:
                lines.seek((since or {}).get(f, 0))
                for line in lines:
                    if line.endswith(b'\n'):
                        o = json.loads(line)
                        if fits(o):
                            found.append(o)
        return sorted(found, key=lambda o: o['time'])

    def wait_event(self, role='*', **wanted):
        return wait_for('an event %s' % wanted, lambda: self.events(role, **wanted))[-1]

    def mark(self):
        """What happens after this is news(mark)."""
        return {f: os.path.getsize(f) for f in glob.glob(self.path('log', 'events-*.jsonl'))}

    def news(self, mark, role='*', **wanted):
        return self.events(role, since=mark, **wanted)

    def refused(self, where, req, role='*', **wanted):
        """The event in which somebody was refused because of this requirement. where: the answer that said no, whose
        trace is looked for, or a mark()."""
        since = where if isinstance(where, dict) else None
        if since is None:
            wanted['trace'] = where.trace

        def look():
            return [o for o in self.events(role, since=since, req=req, **wanted) if o['event'] in REFUSALS]
        try:
            return wait_for('', look, 10)[-1]
        except AssertionError:
            wanted.pop('req', None)
            others = [(o['role'], o['event'], o.get('req'), o.get('cause'), o.get('text'))
                      for o in self.events(role, since=since, **wanted) if o['event'] in REFUSALS]
            raise AssertionError('no event of a refusal with req %s; there are %s' % (req, others)) from None

    # Secrets

    def secret(self, *values):
        """These may never be seen in a log (R-ID-141)."""
        self.secrets.update(v for v in values if v)

    def leaks(self):
        """[(file, secret abbreviated)]: secrets in event files and in what the processes printed. A fragment of 16
        characters is too much already."""
        needles = {}
        for s in self.secrets:
            for part in (s, urllib.parse.quote(s, safe='')):
                # the head of a JWT says nothing; what follows is the token
                part = part.split('.', 1)[1] if part.count('.') == 2 and part.startswith('eyJ') else part
                needles[part[:16] if len(part) >= 16 else part] = s[:4] + '...'
        found = []
        for f in glob.glob(self.path('log', '*')) + [self.output]:
            with open(f, encoding='utf-8', errors='replace') as r:
                text = r.read()
            found += [(os.path.basename(f), shown) for needle, shown in needles.items() if needle in text]
        return found


# Cases

_cases = []


def case(fn):
    """A case of this file, in order of definition. Its name is the function's, with hyphens."""
    _cases.append(fn)
    return fn


def setup(fn):
    """A case without which the others make no sense: when it fails or skips, they are not tried."""
    fn.is_setup = True
    return case(fn)


def add_case(name, fn):
    """A case with a name of its own: for tables."""
    fn.case_name = name
    _cases.append(fn)


def _one_line(e):
    return re.sub(r'\s*\n\s*', ' | ', str(e) or type(e).__name__)[:1500]


_states = []


def report(name, state, why=''):
    """The result of one step: state is 'ok', 'not ok' or 'skip'. For cases that consist of several."""
    print('%s %s%s' % (state, name.replace(':', ''), ': ' + why if state != 'ok' else ''), flush=True)
    _states.append(state)


def run_case(fn):
    name = getattr(fn, 'case_name', fn.__name__.replace('_', '-'))
    ids = ' '.join(re.findall(r'R-[A-Z0-9]+-\d+', inspect.getdoc(fn) or ''))
    label = name + (' (%s)' % ids if ids else '')
    start = time.monotonic()
    try:
        fn()
    except Skip as e:
        report(label, 'skip', _one_line(e))
    except Exception as e:  # every failure is a result
        report(label, 'not ok', _one_line(e))
        traceback.print_exc()
    else:
        report(label, 'ok')
    if 'MUSTER_TEST_TIMES' in os.environ:
        print('%8.2f s %s' % (time.monotonic() - start, name), file=sys.stderr)


def main():
    """Runs all cases, or those whose name contains an argument, stops deployments, exits."""
    chosen = sys.argv[1:]
    for c in _cases:
        needed = getattr(c, 'is_setup', False)
        if not chosen or needed or any(w in getattr(c, 'case_name', c.__name__) for w in chosen):
            run_case(c)
            if needed and _states[-1] != 'ok':
                break

    def stops():
        for d in list(_running):
            d.stop()
    if _running:
        run_case(stops)
    if 'not ok' in _states:
        sys.exit(1)
    sys.exit(0 if 'ok' in _states else 77)


@atexit.register
def _end_all():
    for d in list(_running):
        d.end()
