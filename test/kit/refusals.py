"""What a refusal has to look like at the HTTP functions, and the requests that provoke one."""
import re
import socket
import ssl
import urllib.parse

from muster import same

KMS_PATH = '/keymanagement/identity/v1/'
KMS_SCOPE = '3gpp:mc:ptt_key_management_service'
CMS_SCOPE = '3gpp:mc:ptt_config_management_service'
LOOPBACK = 'http://127.0.0.1/callback'


def xui(user):
    return urllib.parse.quote(user['mcptt_id'], safe='')


def profile_url(dep, user):
    return '%s/xcap/org.3gpp.mcptt.user-profile/users/%s/mcptt-user-profile-1.xml' % (dep.url('cms'), xui(user))


def oauth_error(answer, status, word, req):
    """RFC 6749 clause 5.2, R-ID-68."""
    same(answer.status, status, 'status of %s' % answer)
    same(answer.json.get('error'), word, 'error of %s' % answer)
    same(answer.fields.get('content-type'), 'application/json', 'type')
    same(answer.fields.get('cache-control'), 'no-store', 'Cache-Control')
    assert not set(answer.json) & {'access_token', 'refresh_token', 'id_token'}, answer
    answer.dep.refused(answer, req)


def bearer_error(answer, status, word, req, scope=None):
    """RFC 6750 clause 3.1."""
    same(answer.status, status, 'status of %s' % answer)
    challenge = answer.fields.get('www-authenticate', '')
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    assert challenge.startswith('Bearer realm="') or word is None, answer
    same(given.get('error'), word, 'error in %r' % challenge)
    if scope:
        same(given.get('scope'), scope, 'scope in %r' % challenge)
    answer.dep.refused(answer, req)


def no_keys(answer):
    """R-KMS-61, and nothing of a key set in an answer that says no."""
    for word in ('KmsKeySet', 'UserDecryptKey', 'UserSigningKeySSK', 'UserPubTokenPVT', 'EncKey'):
        assert word not in answer.text, answer
    assert 'KmsError' in answer.text, answer


def key_request(dep, token, user=None, path=None, **more):
    path = path or 'keyprov' + ('/' + xui(user) if user else '')
    return dep.http('POST', dep.url('kms') + KMS_PATH + path, body='', bearer=token, **more)


def raw(dep, address, text, tls=True):
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
