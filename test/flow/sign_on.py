"""The whole chain through the scripted UE, over real processes: both orders, AKA and Digest, UDP, TCP and TLS; what
comes after a sign-on; and what registered users may do who are not authorised."""
import os
import re
import subprocess

from muster import MUSTER, PATIENCE, Deployment, add_case, case, main, same, wait_for
from oidc import claims
from ue import CLIENT, REDIRECT, SERVICES, Ue

dep = Deployment('sign-on', settings={'pcscf': {'aka_without_protection': 'yes'}})


@case
def starts():
    global aka, digest
    dep.start()
    dep.add_client(CLIENT, redirect_uri=REDIRECT)
    aka, digest = Ue(dep, 'anna'), Ue(dep, 'dora', auth='digest')


# The ladder of one sign-on, in full

LADDER = [
    ('0', 'ue', 'cms', 'HTTPS', 'GET UE initial'), ('0', 'cms', 'ue', 'HTTPS', 'UE initial configuration'),
    ('1', 'ue', 'pcscf', 'SIP/TLS', 'REGISTER'), ('1', 'pcscf', 'icscf', 'SIP/TLS', 'REGISTER'),
    ('1', 'icscf', 'hss', 'Diameter Cx', 'UAR'), ('1', 'icscf', 'scscf', 'SIP/TLS', 'REGISTER, no credentials'),
    ('1', 'scscf', 'hss', 'Diameter Cx', 'MAR'), ('1', 'pcscf', 'ue', 'SIP/TLS', '401, AKAv1-MD5'),
    ('1', 'ue', 'pcscf', 'SIP/TLS', 'REGISTER, answer'), ('1', 'icscf', 'scscf', 'SIP/TLS', 'REGISTER, with response'),
    ('1', 'scscf', 'hss', 'Diameter Cx', 'SAR'), ('1', 'pcscf', 'ue', 'SIP/TLS', '200, registered'),
    ('2', 'scscf', 'mcx', 'SIP/TLS', "third-party REGISTER with the UE's REGISTER inside"),
    ('3a', 'ue', 'idm', 'HTTPS', 'authentication request'), ('3b', 'idm', 'ue', 'HTTPS', '200, login page'),
    ('3b', 'ue', 'idm', 'HTTPS', 'MC ID and password'), ('3d', 'idm', 'ue', 'HTTPS', '302'),
    ('3e', 'ue', 'idm', 'HTTPS', 'code and code_verifier'), ('3f', 'idm', 'ue', 'HTTPS', '200, ID token'),
    ('3g', 'ue', 'ue', 'inside', 'tokens handed'), ('3.5', 'ue', 'kms', 'HTTPS', 'POST init'),
    ('3.5', 'kms', 'ue', 'HTTPS', '200, KmsInit'), ('3.5', 'ue', 'kms', 'HTTPS', 'POST keyprov'),
    ('3.5', 'kms', 'ue', 'HTTPS', '200, KmsKeyProv'), ('4', 'ue', 'pcscf', 'SIP/TLS', 'PUBLISH'),
    ('4', 'pcscf', 'scscf', 'SIP', 'PUBLISH'), ('4', 'scscf', 'mcx', 'SIP/TLS', 'PUBLISH with access token'),
    ('4', 'pcscf', 'ue', 'SIP/TLS', '200, mcptt service authorised'), ('4', 'ue', 'cms', 'HTTPS', 'GET user profile'),
    ('4', 'cms', 'ue', 'HTTPS', '200, user profile'),
]


def drawn(arrows, wanted, proto='TLS'):
    """Each of `wanted` is there. What is too long for a datagram goes over TCP (RFC 3261 clause 18.1.1)."""
    missing = []
    for step, a, b, p, text in wanted:
        p = re.sub('TLS$', 'UDP|SIP/TCP' if proto == 'UDP' and a == 'ue' else proto, p) if 'ue' in (a, b) else p
        if not any(o[:3] == (step, a, b) and o[3] in p.split('|') and o[4].startswith(text) for o in arrows):
            missing.append((step, a, b, p, text))
    assert not missing, 'not in the ladder: %s; there is %s' % (missing, arrows)


@case
def ladder_shows_every_message():
    """R-SA-3, R-SA-29"""
    run = aka.do('sign-on')
    arrows = run.arrows()
    drawn(arrows, LADDER)
    same([s for s in dict.fromkeys(a[0] for a in arrows) if s != '2'],
         ['0', '1', '3a', '3b', '3d', '3e', '3f', '3g', '3.5', '4'], 'order of the steps')
    same(len([a for a in arrows if a[0] == '4' and a[1] == 'scscf']), 3, 'PUBLISHes, one for each service')
    same(len([a for a in arrows if a[0] == '2']), 1, 'third-party REGISTERs')
    same(run.events(event='refused'), [], 'refusals')
    text = dep.cli('ladder', trace=run.trace, width=120)
    assert 'no radio was used' in text, text  # step 0 says what does not run here
    assert '%d messages' % len(arrows) in text, text  # and it draws each of them


def bound(ue, run):
    """What has to hold after any sign-on; the bindings without what differs from one to the next."""
    got = ue.wait_bindings(SERVICES)
    for s, b in got.items():
        same(b['mc_id'], ue.profile[s + '_id'], 'MC service ID of %s' % s)  # R-SA-70: the token's, nothing else
        same(b['client_id'], ue.state['mc_client_id'], 'client id')
        same((b['answer_mode'], b['profile_index']), ('automatic', 1), 'settings')
        assert b['csk'] and b['csk_id'], b
    same(sorted(ue.registration()['services']), sorted(SERVICES), 'announced services')
    same(run.events(event='refused'), [], 'refusals')
    drop = ('authorised_at', 'valid_until', 'csk_id')
    return {s: {k: v for k, v in b.items() if k not in drop} for s, b in got.items()}


def leave(ue, transport):
    ue.do('log-off', transport=transport)
    same(ue.bindings(), {}, 'bindings after log-off')
    ue.do('deregister', transport=transport)
    ue.wait_registration(False)


def both_orders(ue_of, transport):
    def run():
        ue, ends = ue_of(), []
        for order in ('register-first', 'login-first'):
            r = ue.do('sign-on', order=order, transport=transport)
            arrows = r.arrows()
            drawn(arrows, [a for a in LADDER if ue is aka or '401' not in a[4]], transport.upper())
            steps = list(dict.fromkeys(a[0] for a in arrows if a[0] in ('1', '3a')))
            same(steps, ['1', '3a'] if order == 'register-first' else ['3a', '1'], 'order')
            ends.append(bound(ue, r))
            leave(ue, transport)
        same(ends[0], ends[1], 'what the two orders end in')
    return run


def add_orders():
    for kind in ('aka', 'digest'):
        for transport in ('tls', 'tcp', 'udp'):
            def fn(kind=kind, transport=transport):
                both_orders(lambda: {'aka': aka, 'digest': digest}[kind], transport)()
            fn.__doc__ = 'R-SA-108, R-ID-95, R-SA-51, R-SA-70, R-SA-93, R-SA-32, R-KMS-118, ' + (
                'R-SA-3' if kind == 'aka' else 'R-SA-10')
            add_case('both-orders-%s-%s' % (kind, transport), fn)


add_orders()


def add_inside():
    for transport in ('tls', 'udp'):
        def fn(transport=transport):
            """R-SA-42"""
            r = aka.do('sign-on', token_in_register=True, transport=transport)
            drawn(r.arrows(), [a for a in LADDER if a[0] in '012' or a[0].startswith('3')], transport.upper())
            b = aka.wait_bindings(['mcptt'])['mcptt']
            same((b['mc_id'], b['impu'], b['csk']), (aka.profile['mcptt_id'], aka.impu, True), 'binding')
            assert r.events('mcx', event='service-authorised', by='REGISTER'), 'no event'
            # each REGISTER of the dialogue carries the body, only the authenticated one reaches the server
            same(len(r.events('mcx', event='arrow', step='2')), 1, 'third-party REGISTERs')
            aka.do('deregister', transport=transport)
            aka.wait_bindings([])
            aka.wait_registration(False)
        add_case('token-inside-register-%s' % transport, fn)


add_inside()


@case
def consent_in_a_browser():
    """R-ID-52"""
    ue = Ue(dep, 'berta')
    dep.add_client('careful', redirect_uri='http://127.0.0.1/callback', consent=True)
    ue.change_profile(oauth_client='careful')
    browser_login(ue)


def browser_login(ue):
    """`muster ue login --browser` prints an address; this is the browser (RFC 8252)."""
    import html
    import urllib.parse
    import urllib.request
    before = dep.mark()
    p = subprocess.Popen([MUSTER, 'ue', 'login', '--browser', '--no-open', '--json', '--dir', dep.dir, '--user',
                          ue.name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dep.environment())
    try:
        url = next(x.strip() for x in p.stderr if x.strip().startswith('https://'))
        cookies = {}

        def browse(method, to, form=None):
            fields = {'Cookie': '; '.join('%s=%s' % kv for kv in cookies.items())} if cookies else {}
            a = dep.http(method, to, form=form, fields=fields)
            for k, v in a.all:
                if k.lower() == 'set-cookie':
                    cookies.update([v.split(';')[0].split('=', 1)])
            return a

        def fill(page, **more):
            hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text)
            return browse('POST', url.split('?')[0], dict({k: html.unescape(v) for k, v in hidden}, **more))
        page = fill(browse('GET', url), username=ue.profile['mc_id'], password=ue.password)
        same(page.status, 200, 'consent page: %s' % page)
        button = re.search(r'<button[^>]*name="([^"]*)"[^>]*value="([^"]*)"', page.text)
        assert button, page.text
        back = fill(page, **{button.group(1): button.group(2)})
        same(back.status, 302, 'answer to consent %s' % back)
        to = back.fields['location']
        assert re.match(r'http://127\.0\.0\.1:\d+/callback\?', to), to
        same(urllib.request.urlopen(to, timeout=PATIENCE).status, 200, 'page of the UE')
        out, err = p.communicate(timeout=PATIENCE)
        same(p.returncode, 0, err)
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()
    ue.note_secrets()
    steps = {o['step'] for o in dep.news(before, event='arrow')}
    same(sorted(s for s in steps if s.startswith('3')), ['3a', '3b', '3c', '3d', '3e', '3f', '3g'], 'steps')


# AKA

@case
def sqn_out_of_range_is_resynchronised():
    """R-SA-6"""
    aka.do('register')
    aka.keep(sqn='%012x' % (int(aka.state['sqn'], 16) + 0x100000))
    run = aka.do('register')
    texts = [a[4] for a in run.arrows() if a[0] == '1']
    drawn(run.arrows(), [('1', 'pcscf', 'ue', 'SIP/TLS', '401, AKAv1-MD5 challenge: SQN is old, resynchronising'),
                         ('1', 'scscf', 'hss', 'Diameter Cx', 'MAR, AKA, resynchronisation')])
    same(len([t for t in texts if t.startswith('401')]), 2, 'challenges in %s' % texts)
    assert texts[-1].startswith('200, registered') or any(t.startswith('200, registered') for t in texts), texts
    # and the next one needs none
    texts = [a[4] for a in aka.do('register').arrows() if a[0] == '1']
    same(len([t for t in texts if t.startswith('401')]), 1, 'challenges in %s' % texts)


@case
def wrong_k_is_not_our_network():
    """R-SA-7"""
    ue = Ue(dep, 'karl')
    ue.change_profile(k='00' * 16)
    run = ue.run('register').refused('403')
    assert len([1 for o in run.events(event='refused', req='R-SA-7')]) == 1, run.events(event='refused')


@case
def unknown_private_identity():
    """R-SA-14"""
    ue = Ue(dep, 'rita')
    ue.change_profile(impi='other.' + ue.impi)
    run = ue.run('register').refused('403')
    assert run.events(event='refused', req='R-SA-14'), run.events(event='refused')


@case
def wrong_sip_password():
    """R-SA-10"""
    ue = Ue(dep, 'dirk', auth='digest')
    ue.change_profile(ims_password='wrong')
    run = ue.run('register')
    assert run.status != 0, run
    assert run.events(event='refused', req='R-SA-10') or '401' in run.error, run.error


@case
def identities_that_do_not_belong_together():
    """R-SA-13"""
    ue = Ue(dep, 'ivan')
    ue.change_profile(impus=[aka.impu])
    run = ue.run('register').refused('403')
    assert run.events(event='refused', req='R-SA-13'), run.events(event='refused')


@case
def aka_wants_protection_unless_told_otherwise():
    """R-SA-22"""
    global strict
    with Deployment('strict') as strict:
        strict.add_client(CLIENT, redirect_uri=REDIRECT)
        a, d = Ue(strict, 'anna'), Ue(strict, 'dora', auth='digest')
        for transport in ('udp', 'tcp'):
            run = a.run('register', transport=transport).refused('403')
            assert run.events('pcscf', event='refused', req='R-SA-22'), run.events(event='refused')
            d.do('register', transport=transport)
        a.do('register', transport='tls')


# What comes after a sign-on

@case
def tokens_are_refreshed():
    """R-SA-73, R-KMS-119"""
    aka.do('sign-on')
    old = aka.state['tokens']
    aka.do('refresh')
    new = aka.state['tokens']
    assert new['access'] != old['access'] and new['refresh'] != old['refresh'], 'the same tokens again'
    for name in ('sub', 'mcptt_id', 'client_id', 'scope'):
        same(claims(new['access']).get(name), claims(old['access']).get(name), name)
    # the new one authorises: the binding stays one
    was = aka.bindings()['mcptt']
    aka.do('authorize')
    now = aka.bindings()['mcptt']
    same((now['mc_id'], now['client_id'], now['impu']), (was['mc_id'], was['client_id'], was['impu']), 'binding')
    assert now['csk_id'] != was['csk_id'], 'each PUBLISH brings a new CSK, which replaces the old (R-KMS-119)'


@case
def re_registration_keeps_the_binding():
    """R-SA-46"""
    aka.do('sign-on')
    was = aka.bindings()
    run = aka.do('register')
    wait_for('the third-party REGISTER', lambda: run.events('mcx', event='arrow', step='2'))
    same(aka.bindings(), was, 'bindings')
    same(aka.tries('MESSAGE')[0], 501, 'a MESSAGE of the authorised user')  # not a server for calls, but known


@case
def log_off_ends_the_binding_alone():
    """R-SA-93"""
    aka.do('sign-on')
    aka.do('log-off')
    same(aka.bindings(), {}, 'bindings')
    assert aka.registration(), 'still registered'
    same(aka.tries('INVITE'), (404, 141), 'an INVITE afterwards')


@case
def de_registration_ends_everything():
    """R-SA-32, R-SA-48"""
    aka.do('sign-on')
    run = aka.do('deregister')
    aka.wait_registration(False)
    same(aka.bindings(), {}, 'bindings')
    wait_for('Expires 0', lambda: [o for o in run.events('mcx', event='arrow', step='2')
                                   if o['text'] == 'third-party REGISTER, Expires 0'])
    # de-registration of who is not registered any more
    run = aka.run('deregister')
    assert run.status == 0 or '403' in run.error, run.error


# Limited service

@case
def registered_alone():
    """R-SA-46"""
    global limited
    limited = Ue(dep, 'lena')
    limited.do('register')
    limited.wait_registration()
    same(limited.bindings(), {}, 'bindings')


def add_limited():
    for method in ('INVITE', 'MESSAGE', 'SUBSCRIBE', 'PUBLISH', 'OPTIONS', 'REFER'):
        def fn(method=method):
            before = dep.mark()
            status, warning = limited.tries(method)
            if method == 'PUBLISH':  # without a body it is no publication at all: RFC 3903
                assert (status, warning) in ((489, -1), (400, -1), (404, 141)), (status, warning)
            else:
                same((status, warning), (404, 141), method)
                dep.refused(before, 'R-SA-101', 'mcx', method=method)
        fn.__doc__ = 'R-SA-101, R-SA-106, R-ID-94'
        add_case('limited-service-%s' % method.lower(), fn)


add_limited()


@case
def user_profile_needs_the_users_token():
    """R-SA-113"""
    aka.do('login')
    run = aka.do('profile')
    drawn(run.arrows(), [('4', 'ue', 'cms', 'HTTPS', 'GET user profile'),
                         ('4', 'cms', 'ue', 'HTTPS', '200, user profile')])


@case
def users_do_not_mix():
    """R-SA-70, R-SA-110"""
    digest.do('sign-on')
    aka.do('sign-on')
    same(aka.bindings()['mcptt']['mc_id'], aka.profile['mcptt_id'], 'first user')
    same(digest.bindings()['mcptt']['mc_id'], digest.profile['mcptt_id'], 'second user')
    # the first user's tokens in the second one's device: the device changes hands
    digest.keep(tokens=aka.state['tokens'])
    digest.do('authorize')
    same(digest.bindings()['mcptt']['mc_id'], aka.profile['mcptt_id'], 'user of the device')
    same([b['mc_id'] for b in dep.admin('mcx', 'binding-list')['bindings'] if b['service'] == 'mcptt'
          and b['impu'] == digest.impu], [aka.profile['mcptt_id']], 'bindings on the IMPU')


@case
def restart_of_the_mc_server_forgets_nobody():
    """R-SA-111"""
    aka.do('sign-on')
    was = aka.bindings()
    dep.wait_restarted('mcx', dep.kill('mcx'))
    same(aka.bindings(), was, 'bindings')


@case
def nothing_leaks():
    """R-ID-141, R-SA-127"""
    same(dep.leaks(), [], 'secrets in logs')


main()
