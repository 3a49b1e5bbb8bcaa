"""Every way in which the HTTP functions have to say no, over real processes: the exact answer, and the event that names
the requirement. A control that says yes stands beside each kind."""
import base64
import json
import re
import secrets
import socket
import ssl
import statistics
import threading
import time
import urllib.parse

from muster import Deployment, add_case, case, main, same, setup, test_dir, wait_for
from oidc import SCOPE, Client, Issuer, Key, assemble, b64, claims, hmac_signed, unb64, unsigned

KMS_PATH = '/keymanagement/identity/v1/'
KMS_SCOPE = '3gpp:mc:ptt_key_management_service'
CMS_SCOPE = '3gpp:mc:ptt_config_management_service'
NO_KMS = SCOPE.replace(KMS_SCOPE + ' ', '')
NO_CMS = SCOPE.replace(CMS_SCOPE + ' ', '')
LOOPBACK = 'http://127.0.0.1/callback'
DELAY_AFTER = 20  # more failures of one user than the cases here need

dep = Deployment('refusals', roles=['idm', 'kms', 'cms', 'hss'], settings={'idm': {'delay_after': str(DELAY_AFTER)}})
half_open = []


def xui(user):
    return urllib.parse.quote(user['mcptt_id'], safe='')


def profile_url(d, user):
    return '%s/xcap/org.3gpp.mcptt.user-profile/users/%s/mcptt-user-profile-1.xml' % (d.url('cms'), xui(user))


def oauth_error(answer, status, word, req, d=dep):
    """RFC 6749 clause 5.2, R-ID-68."""
    same(answer.status, status, 'status of %s' % answer)
    same(answer.json.get('error'), word, 'error of %s' % answer)
    same(answer.fields.get('content-type'), 'application/json', 'type')
    same(answer.fields.get('cache-control'), 'no-store', 'Cache-Control')
    assert not set(answer.json) & {'access_token', 'refresh_token', 'id_token'}, answer
    d.refused(answer, req)


def bearer_error(answer, status, word, req, d=dep, scope=None):
    """RFC 6750 clause 3.1."""
    same(answer.status, status, 'status of %s' % answer)
    challenge = answer.fields.get('www-authenticate', '')
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    assert challenge.startswith('Bearer realm="') or word is None, answer
    same(given.get('error'), word, 'error in %r' % challenge)
    if scope:
        same(given.get('scope'), scope, 'scope in %r' % challenge)
    d.refused(answer, req)


def no_keys(answer):
    """R-KMS-61, and nothing of a key set in an answer that says no."""
    for word in ('KmsKeySet', 'UserDecryptKey', 'UserSigningKeySSK', 'UserPubTokenPVT', 'EncKey'):
        assert word not in answer.text, answer
    assert 'KmsError' in answer.text, answer


def key_request(d, token, user=None, path=None, **more):
    path = path or 'keyprov' + ('/' + xui(user) if user else '')
    return d.http('POST', d.url('kms') + KMS_PATH + path, body='', bearer=token, **more)


@setup
def starts():
    global alice, bob, carol, david, client, checker
    dep.start()
    alice, bob, carol, david = (dep.add_user(n) for n in ('alice', 'bobby', 'carol', 'david'))
    dep.add_client('test-client')
    dep.add_client('other-client', redirect_uri=LOOPBACK)
    checker = dep.add_client('checker', auth_method='client_secret_basic', introspects=True)
    client = Client(dep)


# Connections that say nothing, or too little, stay open through all of this file

@case
def half_open_connections_block_nobody():
    """R-ID-7"""
    for role, listener in (('idm', 'authorization'), ('idm', 'token'), ('kms', None), ('cms', None)):
        address = dep.address(role, listener)
        for kind in ('tcp', 'hello', 'head', 'body'):
            for _ in range(8):
                half_open.append((kind, time.monotonic(), half_open_connection(address, kind)))
    start = time.monotonic()
    client.sign_on(alice)
    assert time.monotonic() - start < 20, 'a sign-on took %d s beside them' % (time.monotonic() - start)


def half_open_connection(address, kind):
    s = socket.create_connection(address, 10)
    if kind == 'tcp':
        return s
    if kind == 'hello':
        s.sendall(b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc')
        return s
    s = dep.tls.wrap_socket(s, server_hostname=address[0])
    s.sendall(b'POST /as/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n')
    if kind == 'body':
        s.sendall(b'Content-Length: 1000\r\n\r\ngrant_type=')
    return s


# Login

def shown(page):
    """A page without what differs by right from one transaction to the next."""
    return re.sub(r'name="txn" value="[^"]*"', '', page.text)


def login_page_again(user, password):
    c = Client(dep)
    c.ask()
    return c.fill(user, password)


@case
def wrong_password():
    """R-ID-15"""
    page = login_page_again(alice['mc_id'], 'wrong')
    same(page.status, 200, 'status')
    assert 'role="alert"' in page.text and 'name="password"' in page.text, page
    assert 'location' not in page.fields
    same(page.fields.get('cache-control'), 'no-store', 'Cache-Control')
    dep.refused(page, 'R-ID-15')


@case
def unknown_user_looks_the_same():
    """R-ID-15"""
    known, unknown = login_page_again(bob['mc_id'], 'wrong'), login_page_again('nobod@mc.example', 'wrong')
    same(unknown.status, known.status, 'status')
    same(shown(unknown).replace('nobod@', 'bobby@'), shown(known), 'page')
    fields = [sorted((k, v) for k, v in a.all if k not in ('Date', 'Set-Cookie')) for a in (known, unknown)]
    same(fields[1], fields[0], 'header fields')
    dep.refused(unknown, 'R-ID-15')


@case
def unknown_user_takes_as_long():
    """R-ID-15"""
    took = {'known': [], 'unknown': []}
    for i in range(15):
        took['known'].append(login_page_again(bob['mc_id'], 'wrong').seconds)
        took['unknown'].append(login_page_again('nobod%02d@mc.example' % i, 'wrong').seconds)
    a, b = (statistics.median(v) for v in took.values())
    assert abs(a - b) < 0.4 * max(a, b), 'medians are %.1f ms and %.1f ms' % (a * 1000, b * 1000)


@case
def many_failures_of_one_user_are_delayed():
    """Not those of others, and not in the browser where this user signed on before: R-ID-16"""
    at_home = Client(dep)
    at_home.sign_on(david)
    for _ in range(DELAY_AFTER):
        same(login_page_again(david['mc_id'], 'wrong').status, 200, 'status')
    page = login_page_again(david['mc_id'], david['password'])
    same(page.status, 429, 'status of %s' % page)
    assert int(page.fields['retry-after']) >= 1, page
    dep.refused(page, 'R-ID-16')
    client.sign_on(alice)
    at_home.sign_on(david)


@case
def many_devices_behind_one_address():
    """All sign on at the same time, a third of them with wrong passwords: R-ID-6 R-ID-7"""
    results = []

    def device(i):
        if i % 3 == 0:
            results.append(login_page_again('guest%d@mc.example' % i, 'wrong').status)
        else:
            results.append(len(Client(dep).sign_on((alice, bob)[i % 2])) and 200)
    threads = [threading.Thread(target=device, args=(i,)) for i in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    same(results, [200] * 24, 'answers')


@case
def disabled_user():
    """R-ID-13 R-ID-72"""
    tokens = client.sign_on(carol)
    dep.cli('user', 'disable', 'carol')
    client.ask()
    back = client.sent_back(client.fill(carol['mc_id'], carol['password']))
    same(back.get('error'), 'access_denied', 'error in %s' % back)
    dep.refused(client.page, 'R-ID-13')
    oauth_error(client.refresh(tokens['refresh_token']), 400, 'invalid_grant', re.compile('^R-ID-7[23]$'))
    dep.cli('user', 'enable', 'carol')
    oauth_error(client.refresh(tokens['refresh_token']), 400, 'invalid_grant', 'R-ID-73')


@case
def login_form_of_somebody_else():
    """A form without its cookie, or with another browser's: R-ID-14"""
    c, other = Client(dep), Client(dep)
    c.ask()
    other.ask()
    c.cookies = other.cookies
    page = c.fill(alice['mc_id'], alice['password'])
    same(page.status, 400, 'status of %s' % page)
    assert 'location' not in page.fields
    assert dep.events(event='refused', trace=page.trace), 'no event'


# Authentication requests

def no_redirect(changes, req):
    def run():
        page = client.ask(**changes)
        same(page.status, 400, 'status of %s' % page)
        assert 'location' not in page.fields, page
        assert page.fields['content-type'].startswith('text/html'), page
        for field, value in (('cache-control', 'no-store'), ('referrer-policy', 'no-referrer')):
            same(page.fields.get(field), value, field)
        assert "frame-ancestors 'none'" in page.fields['content-security-policy']
        assert 'name="password"' not in page.text, page
        dep.refused(page, req)
    return run


def sent_back_with(changes, word, req):
    def run():
        client.ask(**changes)
        back = client.sent_back()
        same(back.get('error'), word, 'error in %s' % back)
        same(back.get('state'), changes.get('state', client.state), 'state')
        same(back.get('iss'), dep.url('idm', 'authorization'), 'iss')
        assert 'code' not in back
        dep.refused(client.page, req)
    return run


for name, changes, req in (
        ('foreign-redirect-uri', {'redirect_uri': 'https://evil.example/callback'}, 'R-ID-41'),
        ('redirect-uri-with-suffix', {'redirect_uri': LOOPBACK + '/x'}, 'R-ID-41'),
        ('redirect-uri-with-query', {'redirect_uri': LOOPBACK + '?x=y'}, 'R-ID-41'),
        ('redirect-uri-in-capitals', {'redirect_uri': 'HTTP://127.0.0.1/callback'}, 'R-ID-41'),
        ('redirect-uri-of-localhost', {'redirect_uri': 'http://localhost/callback'}, 'R-ID-41'),
        ('redirect-uri-with-user', {'redirect_uri': 'http://127.0.0.1@evil.example/callback'}, 'R-ID-41'),
        ('no-redirect-uri', {'redirect_uri': None}, 'R-ID-41'),
        ('unknown-client', {'client_id': 'nobody'}, 'R-ID-40'),
        ('no-client', {'client_id': None}, 'R-ID-40')):
    add_case('page-for-%s (%s)' % (name, req), no_redirect(changes, req))

for name, changes, word, req in (
        ('token-response-type', {'response_type': 'token'}, 'unsupported_response_type', 'R-ID-42'),
        ('hybrid-response-type', {'response_type': 'code id_token'}, 'unsupported_response_type', 'R-ID-42'),
        ('no-state', {'state': None}, 'invalid_request', 'R-ID-43'),
        ('no-openid', {'scope': '3gpp:mc:ptt_service'}, 'invalid_scope', 'R-ID-44'),
        ('no-acr', {'acr_values': None}, 'invalid_request', 'R-ID-45'),
        ('no-challenge', {'code_challenge': None}, 'invalid_request', 'R-ID-47'),
        ('no-challenge-method', {'code_challenge_method': None}, 'invalid_request', 'R-ID-47'),
        ('plain-challenge', {'code_challenge_method': 'plain'}, 'invalid_request', 'R-ID-47'),
        ('short-challenge', {'code_challenge': 'abc'}, 'invalid_request', 'R-ID-48')):
    add_case('sent-back-for-%s (%s)' % (name, req), sent_back_with(changes, word, req))


@case
def repeated_parameter():
    """R-ID-49"""
    q = urllib.parse.urlencode(client.request()) + '&scope=openid'
    answer = dep.http('GET', client.authorize_url + '?' + q)
    same(client.sent_back(answer).get('error'), 'invalid_request', 'error')
    dep.refused(answer, 'R-ID-49')


# Token endpoint

@case
def wrong_verifier():
    """R-ID-62"""
    code = client.code(alice)
    oauth_error(client.redeem(code, code_verifier=b64(secrets.token_bytes(32))), 400, 'invalid_grant', 'R-ID-62')


@case
def code_used_twice_revokes_its_tokens():
    """R-ID-64 R-ID-65 R-ID-102"""
    code = client.code(alice)
    tokens = client.redeem(code).json
    same(introspect(tokens['access_token']).get('active'), True, 'active before')
    oauth_error(client.redeem(code), 400, 'invalid_grant', 'R-ID-65')
    for kind in ('access_token', 'refresh_token'):
        same(introspect(tokens[kind]), {'active': False}, kind)
    oauth_error(client.refresh(tokens['refresh_token']), 400, 'invalid_grant', 'R-ID-73')


def basic(secret):
    return {'Authorization': 'Basic ' + base64.b64encode(b'checker:' + secret.encode()).decode()}


def introspect(token):
    a = dep.http('POST', client.base + '/as/introspect', form={'token': token}, fields=basic(checker['secret']))
    same(a.status, 200, 'status of %s' % a)
    return a.json


@case
def code_redeemed_at_once_by_many():
    """R-ID-64"""
    code, answers = client.code(alice), []
    threads = [threading.Thread(target=lambda: answers.append(client.redeem(code))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    good = [a for a in answers if a.status == 200]
    assert len(good) == 1, [a.status for a in answers]
    assert all(a.json['error'] == 'invalid_grant' for a in answers if a.status != 200), answers
    oauth_error(client.refresh(good[0].json['refresh_token']), 400, 'invalid_grant', 'R-ID-73')


@case
def code_of_another_client():
    """R-ID-66"""
    oauth_error(client.redeem(client.code(alice), client_id='other-client'), 400, 'invalid_grant', 'R-ID-66')


@case
def code_with_another_redirect_uri():
    """R-ID-66"""
    oauth_error(client.redeem(client.code(alice), redirect_uri='http://127.0.0.1:1/callback'), 400, 'invalid_grant',
                'R-ID-66')


@case
def unknown_code():
    """R-ID-64"""
    client.request()
    oauth_error(client.redeem(b64(secrets.token_bytes(32))), 400, 'invalid_grant', 'R-ID-64')


@case
def refresh_token_used_twice_ends_the_family():
    """R-ID-73. The second use comes after the newer token was used: that is no lost answer."""
    first = client.sign_on(alice)
    second = client.refresh(first['refresh_token']).json
    third = client.refresh(second['refresh_token']).json
    oauth_error(client.refresh(first['refresh_token']), 400, 'invalid_grant', 'R-ID-73')
    oauth_error(client.refresh(third['refresh_token']), 400, 'invalid_grant', 'R-ID-73')
    same(introspect(third['access_token']), {'active': False}, 'introspection')


@case
def refresh_token_of_another_client():
    """R-ID-74"""
    t = client.sign_on(alice)
    oauth_error(client.refresh(t['refresh_token'], client_id='other-client'), 400, 'invalid_grant', 'R-ID-74')
    same(client.refresh(t['refresh_token']).status, 200, 'the right client afterwards')


@case
def refresh_scope_beyond_the_grant():
    """R-ID-71"""
    t = client.sign_on(alice, scope=NO_KMS)
    oauth_error(client.refresh(t['refresh_token'], scope=KMS_SCOPE), 400, 'invalid_scope', 'R-ID-71')


@case
def token_request_without_its_parts():
    """R-ID-60"""
    for part in ('grant_type', 'code', 'redirect_uri', 'code_verifier'):
        oauth_error(client.redeem(client.code(alice), **{part: None}), 400, 'invalid_request', 'R-ID-60')


@case
def token_request_by_password():
    """R-ID-142"""
    a = client.post('/as/token', grant_type='password', username=alice['mc_id'], password=alice['password'],
                    client_id='test-client')
    oauth_error(a, 400, 'unsupported_grant_type', 'R-ID-142')


@case
def token_request_as_json():
    """R-ID-61"""
    a = dep.http('POST', client.token_url, body=json.dumps({'grant_type': 'refresh_token'}),
                 fields={'Content-Type': 'application/json'})
    oauth_error(a, 415, 'invalid_request', 'R-ID-61')


@case
def token_request_with_a_repeated_parameter():
    """R-ID-49"""
    a = dep.http('POST', client.token_url, body='grant_type=refresh_token&grant_type=refresh_token',
                 fields={'Content-Type': 'application/x-www-form-urlencoded'})
    oauth_error(a, 400, 'invalid_request', 'R-ID-49')


@case
def client_with_wrong_secret():
    """R-ID-69 R-ID-137"""
    for path in ('/as/introspect', '/as/revoke'):
        a = dep.http('POST', client.base + path, form={'token': 'x'}, fields=basic('wrong'))
        oauth_error(a, 401, 'invalid_client', 'R-ID-69')
        assert a.fields['www-authenticate'].startswith('Basic realm="'), a


@case
def client_without_right_to_introspect():
    """R-ID-137"""
    oauth_error(client.post('/as/introspect', token='x', client_id='test-client'), 401, 'invalid_client', 'R-ID-137')


# Resource servers with real tokens

@case
def good_token_opens_kms_and_cms():
    """The control: R-ID-90 R-KMS-5 R-SA-113"""
    token = client.sign_on(alice)['access_token']
    a = key_request(dep, token, alice)
    same(a.status, 200, 'status of %s' % a)
    assert 'KmsKeySet' in a.text, a
    same(dep.http('GET', profile_url(dep, alice), bearer=token).status, 200, 'profile')


@case
def token_without_key_management_scope():
    """R-ID-83 R-ID-90 R-KMS-34"""
    token = client.sign_on(alice, scope=NO_KMS)['access_token']
    for path in ('init', 'keyprov', 'keyprov/' + xui(alice), 'certcache'):
        a = key_request(dep, token, path=path)
        bearer_error(a, 403, 'insufficient_scope', 'R-ID-83', scope=KMS_SCOPE)
        no_keys(a)


@case
def token_without_configuration_scope():
    """R-ID-83 R-SA-114"""
    token = client.sign_on(alice, scope=NO_CMS)['access_token']
    bearer_error(dep.http('GET', profile_url(dep, alice), bearer=token), 403, 'insufficient_scope', 'R-ID-83',
                 scope=CMS_SCOPE)


@case
def no_token():
    """R-ID-81 R-KMS-30 R-SA-114"""
    a = dep.http('POST', dep.url('kms') + KMS_PATH + 'init', body='')
    bearer_error(a, 401, None, 'R-KMS-30')
    assert a.fields['www-authenticate'].startswith('Bearer'), a
    no_keys(a)
    a = dep.http('GET', profile_url(dep, alice))
    same(a.status, 403, 'status of %s' % a)
    dep.refused(a, 'R-SA-114')


@case
def keys_of_another_user():
    """R-ID-91 R-KMS-36"""
    a = key_request(dep, client.sign_on(alice)['access_token'], bob)
    same(a.status, 403, 'status of %s' % a)
    no_keys(a)
    dep.refused(a, 'R-KMS-36')


@case
def profile_of_another_user():
    """R-SA-114"""
    a = dep.http('GET', profile_url(dep, bob), bearer=client.sign_on(alice)['access_token'])
    same(a.status, 403, 'status of %s' % a)
    same(a.body, b'', 'body')
    dep.refused(a, 'R-SA-114')


@case
def asserted_identity_of_a_stranger():
    """What a trusted proxy may say counts for nothing from anybody else: R-ID-89 R-KMS-39 R-SA-123"""
    word = {'X-3GPP-Asserted-Identity': '"%s"' % bob['mcptt_id']}
    a = dep.http('POST', dep.url('kms') + KMS_PATH + 'keyprov/' + xui(bob), body='', fields=word)
    same(a.status, 401, 'status of %s' % a)
    no_keys(a)
    a = key_request(dep, client.sign_on(alice)['access_token'], bob, fields=word)
    same(a.status, 403, 'status of %s' % a)
    no_keys(a)
    same(dep.http('GET', profile_url(dep, bob), fields=word).status, 403, 'cms')


@case
def profile_paths_that_are_none():
    """R-SA-115 R-SA-114"""
    token = client.sign_on(alice)['access_token']
    base = profile_url(dep, alice).rsplit('/users/', 1)[0]
    for path, status in (('/users/%s/other.xml' % xui(alice), 404), ('/users/%s' % xui(alice), 404),
                         ('/users/%s/../x.xml' % xui(alice), 400), ('/users//mcptt-user-profile-1.xml', 400),
                         ('/users/%s/mcptt-user-profile-1.xml%%00' % xui(alice), 400), ('/users/%zz/x.xml', 400),
                         ('/users/%s%%2f..%%2fx/mcptt-user-profile-1.xml' % xui(bob), 400)):
        same(dep.http('GET', base + path, bearer=token).status, status, path)


# Key requests

KMS_REQUEST = ('<?xml version="1.0" encoding="UTF-8"?>\n<KmsRequest xmlns="urn:3gpp:ns:mcsecKMSInterface:1.0" Version="1.1.0">'
               '<UserUri>{user}</UserUri><KmsUri>{kms}</KmsUri><Time>{time}</Time><ClientReqUrl>{url}</ClientReqUrl>'
               '</KmsRequest>')


def kms_body(address, **changes):
    words = {'user': alice['mcptt_id'], 'kms': 'kms.' + dep.domain, 'url': address,
             'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}
    words.update(changes)
    return KMS_REQUEST.format(**words)


def kms_refuses(status, req, path=None, edit=lambda text: text, media='application/xml', method='POST', **changes):
    def run():
        url = dep.url('kms') + KMS_PATH + (path or 'keyprov/' + xui(alice)).format(alice=xui(alice))
        fields = {'Content-Type': media} if media else {}
        a = dep.http(method, url, body=edit(kms_body(url, **changes)), fields=fields,
                     bearer=client.sign_on(alice)['access_token'])
        same(a.status, status, 'status of %s' % a)
        if status == 200:
            return
        no_keys(a)
        dep.refused(a, req)
    return run


DTD = '<!DOCTYPE KmsRequest [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><KmsRequest'
FILE = '<!DOCTYPE KmsRequest [<!ENTITY a SYSTEM "file:///etc/passwd">]><KmsRequest'

for name, status, req, more in (
        ('right', 200, None, {}),
        ('by-another-kms', 400, 'R-KMS-50', {'kms': 'kms.elsewhere.example'}),
        ('for-another-address', 400, 'R-KMS-51', {'url': 'https://elsewhere.example/'}),
        ('of-an-hour-ago', 400, 'R-KMS-52',
         {'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() - 3600))}),
        ('for-somebody-else', 403, re.compile('R-KMS-3[67]'), {'user': 'sip:bobby@mc.example'}),
        ('cut-short', 400, re.compile('R-(KMS-5[45]|SA-57)'), {'edit': lambda t: t[:-20]}),
        ('not-xml', 400, re.compile('R-(KMS-5[45]|SA-57)'), {'edit': lambda t: 'hello'}),
        ('with-entities', 400, 'R-KMS-54',
         {'edit': lambda t: t.replace('<KmsRequest', DTD).replace('kms.mc', '&b;')}),
        ('with-external-entity', 400, 'R-KMS-54',
         {'edit': lambda t: t.replace('<KmsRequest', FILE).replace('kms.mc', '&a;')}),
        ('too-deep', 413, re.compile('R-(KMS-54|SA-57)'),
         {'edit': lambda t: t.replace('</KmsRequest>', '<x>' * 300 + '</x>' * 300 + '</KmsRequest>')}),
        ('of-another-root', 400, 'R-KMS-55', {'edit': lambda t: t.replace('KmsRequest', 'KmsResponse')}),
        ('of-another-namespace', 400, 'R-KMS-55', {'edit': lambda t: t.replace('KMSInterface:1.0', 'KMSInterface:9.9')}),
        ('as-text', 415, 'R-KMS-54', {'media': 'text/plain'}),
        ('for-no-time', 400, 'R-KMS-57', {'path': 'keyprov/{alice}/xyz'}),
        ('for-next-century', 404, 'R-KMS-57', {'path': 'keyprov/{alice}/FFFFFFFF00000000'}),
        ('with-a-slash-in-the-user', 400, 'R-KMS-59', {'path': 'keyprov/{alice}%2fx'}),
        ('for-nothing', 404, 'R-KMS-58', {'path': 'keyprov/{alice}/D6B4323200000000/x'})):
    ids = re.sub(r'\[(.).*', r'\1', getattr(req, 'pattern', req) or 'R-KMS-2').replace('(', '').split('|')[0]
    add_case('key-request-%s (%s)' % (name, ids), kms_refuses(status, req, **more))


@case
def other_tokens_as_bearer():
    """ID token, refresh token and code open nothing: R-ID-82 R-ID-28"""
    t = client.sign_on(alice)
    for word, req in ((t['id_token'], 'R-ID-28'), (t['refresh_token'], 'R-ID-82')):
        bearer_error(key_request(dep, word, alice), 401, 'invalid_token', req)
        bearer_error(dep.http('GET', profile_url(dep, alice), bearer=word), 401, 'invalid_token', req)


@case
def token_elsewhere_than_in_the_header():
    """R-ID-80 R-KMS-38"""
    token = client.sign_on(alice)['access_token']
    bearer_error(dep.http('POST', dep.url('kms') + KMS_PATH + 'init?access_token=' + token, body=''), 400,
                 'invalid_request', 'R-ID-80')
    bearer_error(dep.http('GET', profile_url(dep, alice) + '?access_token=' + token), 400, 'invalid_request', 'R-ID-80')
    a = dep.http('POST', dep.url('kms') + KMS_PATH + 'init', form={'access_token': token})
    same(a.status, 401, 'status of %s' % a)


@case
def token_with_a_changed_character():
    """Signature and claims, each octet counts: R-ID-82 R-KMS-32"""
    token = client.sign_on(alice)['access_token']
    head, payload, mac = token.split('.')
    forged = b64(json.dumps(dict(claims(token), mcptt_id=bob['mcptt_id'])).encode())
    for bad in ('.'.join((head, forged, mac)), '.'.join((head, payload, mac[:40] + ('A' if mac[40] != 'A' else 'B') + mac[41:])),
                '.'.join((head, payload, '')), head + '.' + payload):
        a = key_request(dep, bad, bob)
        bearer_error(a, 401, 'invalid_token', 'R-ID-82')
        no_keys(a)
        bearer_error(dep.http('GET', profile_url(dep, bob), bearer=bad), 401, 'invalid_token', 'R-ID-82')


@case
def two_tokens():
    """R-KMS-62"""
    token = client.sign_on(alice)['access_token']
    text = raw(dep.address('kms'), 'POST %sinit HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n%sConnection: close\r\n\r\n'
               % (KMS_PATH, ('Authorization: Bearer %s\r\n' % token) * 2))
    assert text.startswith(b'HTTP/1.1 400 '), text[:200]
    text = raw(dep.address('kms'), 'POST %sinit HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n'
               'Connection: close\r\n\r\n0\r\n\r\n' % KMS_PATH)
    assert text.startswith(b'HTTP/1.1 400 '), text[:200]


# Resource servers that trust an issuer of this test: a good signature over every wrong claim

forge = Deployment('forged', roles=['kms', 'cms'])
rsa, ec, stranger = Key(test_dir(), 'rsa'), Key(test_dir(), 'ec', 'EC'), Key(test_dir(), 'stranger')
issuer = Issuer(forge, forge.net + '.200', [rsa, ec])
for section in ('kms', 'cms'):
    forge.setting(section, 'issuer', '"%s"' % issuer.url)
    forge.setting(section, 'jwks_url', '"%s/jwks.json"' % issuer.url)


@setup
def forger_starts():
    global victim
    forge.start()
    victim = forge.add_user('victim')
    for key in (rsa, ec):
        good = key.token(issuer.claims(mcptt_id=victim['mcptt_id'], aud=forge.domain))
        same(key_request(forge, good, victim).status, 200, 'kms with a good token')
        same(forge.http('GET', profile_url(forge, victim), bearer=good).status, 200, 'cms with a good token')


def forged(make, status, word, req):
    """make: (good claims) to token."""
    def run():
        token = make(issuer.claims(mcptt_id=victim['mcptt_id'], aud=forge.domain))
        forge.secret(token)
        a = key_request(forge, token, victim)
        if status == 200:
            same(a.status, 200, 'status of %s' % a)
            return
        bearer_error(a, status, word, req, forge)
        no_keys(a)
        a = forge.http('GET', profile_url(forge, victim), bearer=token)
        bearer_error(a, status, word, req, forge)
        same(a.body, b'', 'body')
    return run


def changed(**changes):
    return lambda c: rsa.token({k: v for k, v in dict(c, **changes).items() if v is not None})


def headed(**head):
    return lambda c: rsa.token(c, **head)


def respelled(token):
    """The same token in another spelling: the last character carries two bits that mean nothing."""
    letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    return token[:-1] + letters[letters.index(token[-1]) ^ 1]


def now(seconds):
    return int(time.time()) + seconds


for name, make, req in (
        ('expired', lambda c: rsa.token(dict(c, iat=now(-900), exp=now(-35))), 'R-ID-100'),
        ('expired-long-ago', lambda c: rsa.token(dict(c, iat=1600000000, exp=1600000900)), 'R-ID-100'),
        ('not-yet-valid', lambda c: rsa.token(dict(c, nbf=now(60))), 'R-ID-85'),
        ('issued-tomorrow', lambda c: rsa.token(dict(c, iat=now(86400), exp=now(90000))), 'R-ID-85'),
        ('without-exp', changed(exp=None), 'R-ID-26'),
        ('exp-as-text', lambda c: rsa.token(dict(c, exp=str(c['exp']))), 'R-ID-23'),
        ('without-client', changed(client_id=None), 'R-ID-26'),
        ('without-scope', changed(scope=None), 'R-ID-26'),
        ('forged-signature', lambda c: stranger.token(c, kid='rsa'), 'R-ID-82'),
        ('unknown-key', lambda c: stranger.token(c), 'R-ID-86'),
        ('without-kid-of-a-stranger', lambda c: stranger.token(c, kid=None), 'R-ID-8[26]'),
        ('alg-none', unsigned, 'R-ID-87'),
        ('alg-None', lambda c: unsigned(c, 'None', kid='rsa'), 'R-ID-87'),
        ('alg-absent', lambda c: assemble({'typ': 'at+jwt', 'kid': 'rsa'}, c, rsa.sign), 'R-ID-8[27]'),
        ('hs256-with-the-public-pem', lambda c: hmac_signed(c, rsa.public_pem(), kid='rsa'), 'R-ID-87'),
        ('hs256-with-the-modulus', lambda c: hmac_signed(c, unb64(rsa.jwk()['n']), kid='rsa'), 'R-ID-87'),
        ('es256-label-on-rs256', headed(alg='ES256'), 'R-ID-8[27]'),
        ('rs384-label', headed(alg='RS384'), 'R-ID-87'),
        ('critical-header', headed(crit=['exp']), 'R-ID-87'),
        ('unencoded-payload', headed(b64=False, crit=['b64']), 'R-ID-87'),
        ('key-in-the-header', lambda c: stranger.token(c, kid=None, jwk=stranger.jwk()), 'R-ID-8[267]'),
        ('key-by-address', lambda c: stranger.token(c, jku='https://evil.example/jwks.json'), 'R-ID-8[267]'),
        ('other-issuer', changed(iss='https://evil.example'), 'R-ID-86'),
        ('issuer-with-slash', lambda c: rsa.token(dict(c, iss=c['iss'] + '/')), 'R-ID-86'),
        ('without-issuer', changed(iss=None), 'R-ID-86'),
        ('other-audience', changed(aud='https://elsewhere.example'), 'R-ID-88'),
        ('audience-list-without-us', changed(aud=['a', 'b']), 'R-ID-88'),
        ('without-audience', changed(aud=None), 'R-ID-88'),
        ('typ-jwt', headed(typ='JWT'), 'R-ID-28'),
        ('security-token', headed(typ='st+jwt'), 'R-ID-28'),
        ('padded', lambda c: rsa.token(c) + '==', 'R-ID-8[02]'),
        ('spelled-otherwise', lambda c: respelled(rsa.token(c)), 'R-ID-82'),
        ('claims-no-object', lambda c: rsa.token(b'[]'), 'R-ID-82'),
        ('claims-no-json', lambda c: rsa.token(b'{"iss":'), 'R-ID-82'),
        ('claims-twice', lambda c: rsa.token(json.dumps(c).replace('{', '{"scope":"x",', 1).encode()), 'R-ID-82')):
    exact = req if '[' not in req else re.compile('^' + req + '$')
    add_case('token-%s (%s)' % (name, re.sub(r'\[(.).*', r'\1', req)),
             forged(make, 401, 'invalid_token', exact))

add_case('token-expired-within-leeway (R-ID-85)', forged(lambda c: rsa.token(dict(c, exp=now(-20))), 200, None, None))


@case
def token_without_mc_service_id():
    """R-ID-84"""
    token = rsa.token(issuer.claims(aud=forge.domain))
    a = key_request(forge, token, victim)
    same(a.status, 403, 'status of %s' % a)
    no_keys(a)
    forge.refused(a, 'R-ID-84')


@case
def users_who_are_not_provisioned():
    """The same answer to a stranger of the domain and to one of elsewhere: R-KMS-41"""
    answers = []
    for uri in ('sip:ghost@mc.example', 'sip:ghost@else.where'):
        token = rsa.token(issuer.claims(aud=forge.domain, mcptt_id=uri))
        a = key_request(forge, token, {'mcptt_id': uri})
        same(a.status, 404, 'status of %s' % a)
        no_keys(a)
        forge.refused(a, 'R-KMS-41')
        answers.append(re.sub(r'<(\w+:)?(Time|ClientReqUrl|UserUri)>[^<]*', '', a.text))
    same(answers[1], answers[0], 'answer')


# The house's doors

@case
def each_endpoint_refuses_the_others_paths():
    """R-ID-1"""
    bases = {'authorization': dep.url('idm', 'authorization'), 'token': dep.url('idm', 'token'),
             'kms': dep.url('kms'), 'cms': dep.url('cms')}
    paths = {'authorization': [('GET', '/as/authorize'), ('GET', '/.well-known/openid-configuration')],
             'token': [('POST', '/as/token'), ('POST', '/as/revoke'), ('POST', '/as/introspect'), ('GET', '/jwks.json')],
             'kms': [('POST', KMS_PATH + 'init')], 'cms': []}
    for owner, rows in paths.items():
        for method, path in rows:
            for where, base in bases.items():
                if where == owner:
                    continue
                a = dep.http(method, base + path, body='' if method == 'POST' else None)
                # cms serves GET below any path, and asks for a token before it says what there is
                wanted = (403, 404, 405) if where == 'cms' else (404,)
                assert a.status in wanted, '%s %s at %s: %s' % (method, path, where, a)
                assert 'html' not in a.fields.get('content-type', ''), a


@case
def token_endpoint_takes_post_alone():
    """R-ID-8 R-KMS-58"""
    for method in ('GET', 'PUT', 'DELETE', 'HEAD'):
        for url in (client.token_url, dep.url('kms') + KMS_PATH + 'init'):
            a = dep.http(method, url)
            same(a.status, 405, '%s %s' % (method, a))
            same(a.fields.get('allow'), 'POST', 'Allow')


def raw(address, text, tls=True):
    """What comes back until the other side closes."""
    s = socket.create_connection(address, 15)
    if tls:
        s = dep.tls.wrap_socket(s, server_hostname=address[0])
    got = b''
    try:
        s.sendall(text.encode() if isinstance(text, str) else text)
        while True:
            more = s.recv(65536)
            if not more:
                break
            got += more
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        s.close()
    return got


def doors():
    return [dep.address('idm', 'authorization'), dep.address('idm', 'token'), dep.address('kms'), dep.address('cms')]


@case
def oversized_bodies():
    """R-SA-128 R-KMS-54"""
    form = 'Content-Type: application/x-www-form-urlencoded\r\n'
    for address, path in ((doors()[0], '/as/authorize'), (doors()[1], '/as/token'), (doors()[2], KMS_PATH + 'init')):
        mark = dep.mark()
        text = raw(address, 'POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: 1048577\r\n\r\n' % (path, form))
        assert text.startswith(b'HTTP/1.1 413 '), (path, text[:200])
        dep.refused(mark, 'R-SA-128')
        chunk = b'10000\r\n' + b'a' * 65536 + b'\r\n'
        text = raw(address, b'POST %s HTTP/1.1\r\nHost: x\r\n%sTransfer-Encoding: chunked\r\n\r\n'
                   % (path.encode(), form.encode()) + chunk * 18)
        assert text.startswith(b'HTTP/1.1 413 ') or text == b'', (path, text[:200])
    token = client.sign_on(alice)['access_token']
    a = dep.http('POST', dep.url('kms') + KMS_PATH + 'init', body='<' + 'a' * (300 << 10), bearer=token,
                 fields={'Content-Type': 'application/xml'})
    same(a.status, 413, 'status of %s' % a)
    dep.refused(a, 'R-KMS-54')


@case
def oversized_heads():
    for address in doors():
        text = raw(address, 'GET / HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n' % ('a' * 20000))
        assert text.startswith(b'HTTP/1.1 431 '), text[:200]


def try_tls(address, ctx):
    """The version spoken, or None: then the server has to have said why."""
    try:
        with socket.create_connection(address, 15) as s, ctx.wrap_socket(s, server_hostname=address[0]) as t:
            return t.version()
    except ssl.SSLError as e:
        assert 'PROTOCOL_VERSION' in (e.reason or ''), 'the server did not say why: %s' % e
        return None


@case
def old_tls():
    """R-ID-3 R-KMS-60"""
    old = ssl.create_default_context(cafile=dep.ca)
    old.set_ciphers('ALL:@SECLEVEL=0')
    for address in doors():
        for version, good in ((ssl.TLSVersion.TLSv1, False), (ssl.TLSVersion.TLSv1_1, False),
                              (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
            ctx = ssl.create_default_context(cafile=dep.ca)
            ctx.set_ciphers('ALL:@SECLEVEL=0')
            ctx.minimum_version = ssl.TLSVersion.TLSv1
            ctx.maximum_version = ctx.minimum_version = version
            spoken = try_tls(address, ctx)
            assert bool(spoken) == good, '%s at %s: %s' % (version.name, address, spoken)
        # not each of many is told, so that a flood cannot fill the disk
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        mark = dep.mark()
        wait_for('tls-refused by R-ID-3', lambda: not try_tls(address, old) and
                 dep.news(mark, event='tls-refused', req='R-ID-3'), 20)


@case
def plain_http():
    """R-ID-2"""
    for address in doors():
        got = raw(address, 'GET /.well-known/openid-configuration HTTP/1.1\r\nHost: x\r\n\r\n', tls=False)
        assert b'HTTP/' not in got, got


@case
def upgrade_to_tls_inside_http():
    """R-ID-4"""
    got = raw(doors()[0], 'GET /.well-known/openid-configuration HTTP/1.1\r\nHost: x\r\nUpgrade: TLS/1.2, h2c\r\n'
              'Connection: Upgrade, close\r\n\r\n')
    assert got.startswith(b'HTTP/1.1 200 '), got[:200]
    assert b'\r\nupgrade:' not in got.lower(), got[:500]


@case
def half_open_connections_are_closed():
    """By the server, each within its time-out"""
    limit = {'tcp': 15, 'hello': 15, 'head': 15, 'body': 40}
    for kind, opened, s in half_open:
        if kind == 'body':
            s.close()  # half a minute: what the server allows a body on a slow link
            continue
        s.settimeout(max(1, opened + limit[kind] - time.monotonic()))
        try:
            while s.recv(4096):
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        except (TimeoutError, socket.timeout):
            raise AssertionError('a connection (%s) was open after %d s' % (kind, time.monotonic() - opened)) from None
        finally:
            s.close()


@case
def no_secret_in_any_log():
    """R-ID-141 R-SA-127"""
    assert len(dep.secrets) > 100, len(dep.secrets)
    for d in (dep, forge):
        same(d.leaks(), [], 'leaks of ' + d.dir)


main()
