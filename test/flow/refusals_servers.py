"""KMS and configuration management with real tokens: what is not this user's, not this token's scope, no token, no
request. A control that says yes stands beside each kind."""
import json
import re
import time

from muster import Deployment, add_case, case, main, same, setup, wait_for
from oidc import SCOPE, Client, Key, b64, claims
from refusals import CMS_SCOPE, KMS_PATH, KMS_SCOPE, bearer_error, key_request, no_keys, profile_url, raw, xui

NO_KMS = SCOPE.replace(KMS_SCOPE + ' ', '')
NO_CMS = SCOPE.replace(CMS_SCOPE + ' ', '')

dep = Deployment('servers', roles=['idm', 'kms', 'cms', 'hss'])


@setup
def starts():
    global alice, bob, client
    dep.start()
    alice, bob = (dep.add_user(n) for n in ('alice', 'bobby'))
    dep.add_client('test-client')
    client = Client(dep)


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
def token_denied_before_its_time():
    """Nobody wants to wait for its end; the next sign-on is good again: R-KMS-33"""
    token = client.sign_on(bob)['access_token']
    for role, ask in (('kms', lambda t: key_request(dep, t, bob)),
                      ('cms', lambda t: dep.http('GET', profile_url(dep, bob), bearer=t))):
        same(ask(token).status, 200, role + ' before')
        dep.admin(role, 'token-deny', sub=claims(token)['sub'])
        a = ask(token)
        bearer_error(a, 401, 'invalid_token', 'R-KMS-33')
        assert 'error_description="revoked"' in a.fields['www-authenticate'], a
        # tokens carry whole seconds: one of the same second is denied as well
        wait_for(role + ' to take a new token', lambda: ask(client.sign_on(bob)['access_token']).status == 200, 10)


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
    text = raw(dep, dep.address('kms'), 'POST %sinit HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n%sConnection: close\r\n\r\n'
               % (KMS_PATH, ('Authorization: Bearer %s\r\n' % token) * 2))
    assert text.startswith(b'HTTP/1.1 400 '), text[:200]
    text = raw(dep, dep.address('kms'), 'POST %sinit HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n'
               'Connection: close\r\n\r\n0\r\n\r\n' % KMS_PATH)
    assert text.startswith(b'HTTP/1.1 400 '), text[:200]


@case
def no_secret_in_any_log():
    """R-ID-141 R-SA-127"""
    assert len(dep.secrets) > 20, len(dep.secrets)
    same(dep.leaks(), [], 'leaks')


main()
