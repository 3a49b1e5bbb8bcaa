"""Every way in which the IdM server has to say no: the exact answer of login page, authorization endpoint and token
endpoint, and the event that names the requirement."""
import base64
import json
import re
import secrets
import statistics
import threading
import urllib.parse

from muster import Deployment, add_case, case, main, same, setup
from oidc import SCOPE, Client, b64
from refusals import KMS_SCOPE, LOOPBACK, oauth_error

NO_KMS = SCOPE.replace(KMS_SCOPE + ' ', '')
DELAY_AFTER = 20  # more failures of one user than the cases here need

dep = Deployment('refusals', roles=['idm', 'kms', 'cms', 'hss'], settings={'idm': {'delay_after': str(DELAY_AFTER)}})


@setup
def starts():
    global alice, bob, carol, david, client, checker
    dep.start()
    alice, bob, carol, david = (dep.add_user(n) for n in ('alice', 'bobby', 'carol', 'david'))
    dep.add_client('test-client')
    dep.add_client('other-client', redirect_uri=LOOPBACK)
    checker = dep.add_client('checker', auth_method='client_secret_basic', introspects=True)
    client = Client(dep)


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


@case
def no_secret_in_any_log():
    """R-ID-141 R-SA-127"""
    assert len(dep.secrets) > 60, len(dep.secrets)
    same(dep.leaks(), [], 'leaks')


main()
