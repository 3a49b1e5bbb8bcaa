"""The doors of the HTTP functions: TLS versions, plain HTTP, paths of others, sizes, and connections that say nothing."""
import socket
import ssl
import time

from muster import Deployment, case, main, same, setup, wait_for
from oidc import Client
from refusals import KMS_PATH, raw

dep = Deployment('doors', roles=['idm', 'kms', 'cms', 'hss'])
half_open = []


@setup
def starts():
    global alice, client
    dep.start()
    alice = dep.add_user('alice')
    dep.add_client('test-client')
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


def doors():
    return [dep.address('idm', 'authorization'), dep.address('idm', 'token'), dep.address('kms'), dep.address('cms')]


def told(status, req, address, text):
    """Asks until the event comes: not each of many is told, so that a flood cannot fill the disk."""
    mark = dep.mark()

    def once():
        got = raw(dep, address, text)
        assert got.startswith(b'HTTP/1.1 %d ' % status), (address, got[:200])
        return dep.news(mark, event='http-refused', req=req)
    wait_for('http-refused by ' + req, once, 20)


@case
def oversized_bodies():
    """R-SA-128 R-KMS-54"""
    form = 'Content-Type: application/x-www-form-urlencoded\r\n'
    for address, path in ((doors()[0], '/as/authorize'), (doors()[1], '/as/token'), (doors()[2], KMS_PATH + 'init')):
        told(413, 'R-SA-128', address, 'POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: 1048577\r\n\r\n' % (path, form))
        chunk = b'10000\r\n' + b'a' * 65536 + b'\r\n'
        text = raw(dep, address, b'POST %s HTTP/1.1\r\nHost: x\r\n%sTransfer-Encoding: chunked\r\n\r\n'
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
        text = raw(dep, address, 'GET / HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n' % ('a' * 20000))
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
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        mark = dep.mark()
        wait_for('tls-refused by R-ID-3', lambda: not try_tls(address, old) and
                 dep.news(mark, event='tls-refused', req='R-ID-3'), 20)


@case
def plain_http():
    """R-ID-2"""
    for address in doors():
        got = raw(dep, address, 'GET /.well-known/openid-configuration HTTP/1.1\r\nHost: x\r\n\r\n', tls=False)
        assert b'HTTP/' not in got, got


@case
def upgrade_to_tls_inside_http():
    """R-ID-4"""
    got = raw(dep, doors()[0], 'GET /.well-known/openid-configuration HTTP/1.1\r\nHost: x\r\nUpgrade: TLS/1.2, h2c\r\n'
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


main()
