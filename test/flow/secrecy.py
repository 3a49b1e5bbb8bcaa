"""After sign-ons and refusals of every kind: no log, event, status or metric holds a secret, and no store holds one in the
clear. The secrets are those of the provisioned users, of UEs, and of a client and a UE of our own, which know theirs."""
import base64
import glob
import os
import re
import subprocess
import urllib.parse

from muster import MUSTER, Deployment, Refused, case, main, same
from oidc import Client
from sip import Link, RawUe, authorization, md5
from ue import CLIENT, REDIRECT, Ue

dep = Deployment('secrets')
texts, octets = {}, {}  # what -> secret
SEALED = ('ims password', 'K', 'OPc', 'HA1', 'password', 'refresh', 'code', 'verifier', 'SSK', 'RSK', 'RES', 'CK', 'IK')


def aes(key, block):
    return subprocess.run(['openssl', 'enc', '-aes-128-ecb', '-nopad', '-K', key.hex()], input=block, check=True,
                          capture_output=True).stdout


def milenage(k, opc, rand):
    """(RES, CK, IK): TS 35.206 clause 4.1."""
    def xor(a, b):
        return bytes(x ^ y for x, y in zip(a, b))

    def out(rotate, c):
        t = xor(temp, opc)
        t = t[rotate // 8:] + t[:rotate // 8]
        return xor(aes(k, xor(t, bytes(15) + bytes([c]))), opc)
    temp = aes(k, xor(rand, opc))
    return out(0, 1)[8:], out(32, 2), out(64, 4)


@case
def starts():
    dep.start()
    dep.add_client(CLIENT, redirect_uri=REDIRECT)
    dep.add_client('test-client')


@case
def scripted_ues_sign_on():
    """R-SA-3, R-SA-10"""
    global aka, digest
    aka, digest = Ue(dep, 'anna'), Ue(dep, 'dora', auth='digest')
    for ue, more in ((aka, {}), (aka, {'order': 'login-first'}), (digest, {'transport': 'udp'}), (aka, {'token_in_register': True})):
        ue.do('sign-on', **more)
        note_tokens(ue)
    for words in (('refresh',), ('register',), ('authorize',), ('log-off',), ('deregister',)):
        aka.do(*words)
        note_tokens(aka)
    for ue in (aka, digest):
        p = ue.profile
        texts['password of ' + ue.name] = ue.password
        if 'k' in p:
            octets['K of ' + ue.name], octets['OPc of ' + ue.name] = bytes.fromhex(p['k']), bytes.fromhex(p['opc'])
        else:
            texts['ims password of ' + ue.name] = p['ims_password']
            octets['HA1 of ' + ue.name] = bytes.fromhex(md5('%s:%s:%s' % (p['impi'], dep.ims, p['ims_password'])))


def note_tokens(ue):
    for name in ('access', 'id', 'refresh'):
        t = ue.state['tokens'][name]
        texts['%s token %s' % (name, t[-8:])] = t


@case
def scripted_ues_are_refused():
    """R-SA-7"""
    wrong = Ue(dep, 'wilma')
    wrong.change_profile(k='00' * 16)
    assert wrong.run('register').status != 0
    wrong.password = 'not-the-password-of-wilma'
    assert wrong.run('login').status != 0
    texts['wrong password'] = wrong.password
    d = Ue(dep, 'dirk', auth='digest')
    d.change_profile(ims_password='not-the-sip-password')
    assert d.run('register').status != 0
    texts['wrong ims password'] = 'not-the-sip-password'
    # tokens that were tampered with, at every server
    t = aka.state['tokens']
    aka.keep(tokens=dict(t, access=t['access'][:-9] + 'AAAAAAAA' + t['access'][-1], refresh='AAAAAAAA' + t['refresh'][8:]))
    texts['tampered token'] = aka.state['tokens']['access']
    texts['tampered refresh token'] = aka.state['tokens']['refresh']
    for command in ('refresh', 'keys', 'authorize', 'profile'):
        assert aka.run(command).status != 0, command
    aka.keep(tokens=t)


@case
def client_of_our_own():
    """R-ID-62, R-ID-64"""
    client = Client(dep)
    user = dict(aka.profile, password=aka.password)
    code = client.code(user)
    texts['code 1'], texts['verifier 1'] = code, client.verifier
    assert client.redeem(code, code_verifier='x' * 43).status == 400
    client.ask()
    assert client.cookies, 'no cookie to look for'
    for k, v in client.cookies.items():
        texts['cookie ' + k] = v
    code = client.sent_back(client.fill(user['mc_id'], user['password']))['code']
    texts['code 2'], texts['verifier 2'], texts['state'] = code, client.verifier, client.state
    a = client.redeem(code).json
    texts['refresh token'], texts['access token'] = a['refresh_token'], a['access_token']
    keys = dep.http('POST', dep.url('kms') + '/keymanagement/identity/v1/keyprov', body='', bearer=a['access_token'])
    same(keys.status, 200, 'keys')
    found = 0
    for name, what in (('UserSigningKeySSK', 'SSK'), ('UserDecryptKey', 'RSK')):
        for i, v in enumerate(re.findall(r'<(?:\w+:)?%s[^>]*>([0-9A-Fa-f\s]{32,})<' % name, keys.text)):
            octets['%s %d' % (what, i)] = bytes.fromhex(re.sub(r'\s', '', v))
            found += 1
    assert found >= 2, keys.text
    bad = a['access_token'][:-9] + 'AAAAAAAA' + a['access_token'][-1]
    for url in (dep.url('kms') + '/keymanagement/identity/v1/init', dep.url('cms') + '/xcap/org.3gpp.mcptt.user-profile/users/x/y'):
        same(dep.http('POST' if 'keym' in url else 'GET', url, body='' if 'keym' in url else None, bearer=bad).status, 401, url)
    again = client.redeem(code)
    same(again.status, 400, 'the code again')
    same(client.refresh(a['refresh_token']).status, 400, 'its refresh token')
    same(dep.http('GET', dep.url('cms') + '/xcap/org.3gpp.mcptt.user-profile/users/x/y?access_token=' +
                  a['access_token']).status // 100, 4, 'token in the query')


@case
def ue_of_our_own():
    """R-SA-3, R-SA-4, R-SA-5, R-SA-8"""
    eva = dep.add_user('eva')
    k, opc = bytes.fromhex(eva['k']), bytes.fromhex(eva['opc'])
    octets['K of eva'], octets['OPc of eva'] = k, opc
    for good in (True, False, True):
        u = RawUe(dep, eva, Link(dep, 'tls', (dep.net + '.6', 5061)))
        same(u.first().status, 401, 'first')
        res, ck, ik = milenage(k, opc, base64.b64decode(u.nonce['nonce'])[:16])
        for name, v in (('RES', res), ('CK', ck), ('IK', ik)):
            octets['%s %s' % (name, v.hex()[:6])] = v
        same(u.answer(password=res if good else res[::-1]).status, 200 if good else 403, 'answer')


def forms(what, secret):
    """Every way in which it may stand in a file; 16 octets of it are too many."""
    if isinstance(secret, bytes):
        part = secret[:16]
        found = [part.hex().encode(), part.hex().upper().encode(), base64.b64encode(part).rstrip(b'=')[:20],
                 base64.urlsafe_b64encode(part).rstrip(b'=')[:20]]
        return found + ([part] if len(part) >= 8 else [])
    t = secret.split('.', 1)[1] if secret.count('.') == 2 else secret
    return [x[:16].encode() for x in {t, urllib.parse.quote(t, safe='')}] + [
        base64.b64encode(t.encode())[:20], t.encode().hex().encode()[:32]]


TOKEN = re.compile(rb'eyJ[\w-]{10,}\.[\w-]{10,}')  # any JWT: a UE has more of them than it keeps


def search(name, data, secrets):
    assert all(secrets.values()), secrets.keys()
    if TOKEN.search(data):
        return [(name, 'a token')]
    return [(name, what) for what, secret in secrets.items() for f in forms(what, secret) if f in data]


def everything():
    return dict(texts, **octets)


@case
def nothing_in_logs():
    """R-ID-141, R-SA-127, R-KMS-87"""
    assert len(texts) > 20 and len(octets) > 8, 'too few secrets: %s %s' % (list(texts), list(octets))
    found, n = [], 0
    for f in glob.glob(dep.path('**'), recursive=True) + [dep.output]:
        inside = os.path.relpath(f, dep.dir)
        if not os.path.isfile(f) or re.match(r'(ue|keys|state)/|tls/.*\.key$', inside):
            continue
        with open(f, 'rb') as r:
            found += search(inside, r.read(), everything())
        n += 1
    same(found, [], 'secrets')
    assert n > 15, 'only %d files were looked at' % n
    # and the search would have found them
    with open(dep.path('ue', 'anna.state.json'), 'rb') as r:
        assert search('', r.read(), everything()), 'the search finds nothing at all'


@case
def nothing_in_what_is_shown():
    """R-ID-141, R-SA-127"""
    shown = {}
    for words in (('status',), ('status', '--json'), ('ladder',), ('ladder', '--json'), ('logs',), ('user', 'list'),
                  ('user', 'show', 'anna'), ('user', 'show', 'dora'), ('client', 'list'), ('config', 'show')):
        shown[' '.join(words)] = dep.cli(*words).encode()
    for role in dep.roles():
        for cmd in ('status', 'stats', 'metrics'):
            try:
                shown['%s %s' % (role, cmd)] = str(dep.admin(role, cmd)).encode()
            except Refused:
                pass
    shown['bindings'] = str(dep.admin('mcx', 'binding-list')).encode()
    same([x for name, text in shown.items() for x in search(name, text, everything())], [], 'secrets')


@case
def nothing_in_the_clear_in_stores():
    """R-KMS-87, R-SA-127"""
    sealed = {k: v for k, v in everything().items() if k.startswith(SEALED)}
    for kind in ('K', 'OPc', 'HA1', 'ims password', 'password', 'refresh', 'code', 'SSK', 'RSK'):
        assert any(k.startswith(kind) for k in sealed), 'no %s to look for' % kind
    found, n = [], 0
    for f in glob.glob(dep.path('state', '*', '*')):
        with open(f, 'rb') as r:
            data = r.read()
        found += search(os.path.relpath(f, dep.dir), data, sealed)
        n += f.endswith(('.db', '-wal'))
    same(found, [], 'secrets')
    assert n >= 6, 'only %d stores were looked at' % n


@case
def only_the_owner_reads_them():
    """R-KMS-87"""
    for f in glob.glob(dep.path('ue', '*')) + glob.glob(dep.path('keys', '*')) + glob.glob(dep.path('tls', '*.key')):
        same(os.stat(f).st_mode & 0o077, 0, 'others\' rights to ' + f)
    for d in glob.glob(dep.path('state', '*')):
        same(os.stat(d).st_mode & 0o077, 0, 'others\' rights to ' + d)


main()
