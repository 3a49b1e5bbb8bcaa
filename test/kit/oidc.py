"""An OpenID Connect client for tests: what a browser and an MCX client do, in the open, so that a test can do it wrong.
And JOSE enough to forge tokens: openssl signs, nothing is trusted."""
import base64
import hashlib
import hmac
import html
import http.server
import json
import os
import re
import secrets
import ssl
import subprocess
import threading
import time
import urllib.parse

from muster import same

SCOPE = ('openid 3gpp:mc:ptt_service 3gpp:mc:ptt_key_management_service 3gpp:mc:ptt_config_management_service '
         '3gpp:mc:ptt_group_management_service')


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def pkce():
    """(code_verifier, code_challenge) by RFC 7636."""
    v = b64(secrets.token_bytes(32))
    return v, b64(hashlib.sha256(v.encode()).digest())


def claims(token):
    return json.loads(unb64(token.split('.')[1]))


class Client:
    """A public client with its browser. Each request can be changed by keyword; None leaves a parameter out."""

    def __init__(self, dep, client_id='test-client', redirect_uri='http://127.0.0.1/callback'):
        self.dep, self.client_id, self.redirect_uri = dep, client_id, redirect_uri
        self.authorize_url = dep.url('idm', 'authorization') + '/as/authorize'
        self.base = dep.url('idm', 'token')
        self.token_url = self.base + '/as/token'
        self.cookies, self.verifier, self.state = {}, None, None

    def _browse(self, method, url, **more):
        fields = more.pop('fields', {})
        if self.cookies:
            fields['Cookie'] = '; '.join('%s=%s' % kv for kv in self.cookies.items())
        a = self.dep.http(method, url, fields=fields, **more)
        for k, v in a.all:
            if k.lower() == 'set-cookie':
                name, value = v.split(';')[0].split('=', 1)
                self.cookies[name] = value
                self.dep.secret(value)
        return a

    def request(self, **changes):
        """The parameters of an authentication request (TS 33.180 B.4.2.2), with fresh PKCE and state."""
        self.verifier, challenge = pkce()
        self.state = b64(secrets.token_bytes(16))
        self.dep.secret(self.verifier)
        p = {'response_type': 'code', 'client_id': self.client_id, 'scope': SCOPE, 'redirect_uri': self.redirect_uri,
             'state': self.state, 'acr_values': '3gpp:acr:password', 'code_challenge': challenge,
             'code_challenge_method': 'S256'}
        p.update(changes)
        return {k: v for k, v in p.items() if v is not None}

    def ask(self, **changes):
        """The login page, or what comes in its place."""
        self.page = self._browse('GET', self.authorize_url + '?' + urllib.parse.urlencode(self.request(**changes)))
        return self.page

    def fill(self, user, password):
        """Sends the form of the page with its hidden fields."""
        form = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', self.page.text))
        form = {k: html.unescape(v) for k, v in form.items()}
        form.update(username=user, password=password)
        self.page = self._browse('POST', self.authorize_url, form=form)
        return self.page

    def sent_back(self, answer=None):
        """The parameters of the redirect; its address has to be this client's."""
        a = answer or self.page
        same(a.status, 302, 'status of %s' % a)
        u = urllib.parse.urlsplit(a.fields['location'])
        same(urllib.parse.urlunsplit((u.scheme, u.netloc, u.path, '', '')), self.redirect_uri, 'redirect')
        return dict(urllib.parse.parse_qsl(u.query))

    def code(self, user, **changes):
        self.ask(**changes)
        back = self.sent_back(self.fill(user['mc_id'], user['password']))
        same(back.get('state'), self.state, 'state in %s' % back)
        self.dep.secret(back['code'])
        return back['code']

    def post(self, path, **form):
        return self.dep.http('POST', self.base + path, form={k: v for k, v in form.items() if v is not None})

    def redeem(self, its_code, **changes):
        form = {'grant_type': 'authorization_code', 'code': its_code, 'client_id': self.client_id,
                'redirect_uri': self.redirect_uri, 'code_verifier': self.verifier}
        form.update(changes)
        return self._tokens(self.post('/as/token', **form))

    def refresh(self, token, **changes):
        form = {'grant_type': 'refresh_token', 'refresh_token': token, 'client_id': self.client_id}
        form.update(changes)
        return self._tokens(self.post('/as/token', **form))

    def _tokens(self, answer):
        if answer.status == 200:
            o = answer.json
            self.dep.secret(o.get('access_token'), o.get('refresh_token'), o.get('id_token'))
        return answer

    def sign_on(self, user, **changes):
        """From nothing to the token answer's members."""
        a = self.redeem(self.code(user, **changes))
        same(a.status, 200, 'status of %s' % a)
        return a.json


class Key:
    """A signing key of our own, made by openssl: kind 'RSA' or 'EC'."""

    def __init__(self, folder, kid, kind='RSA'):
        self.kid, self.kind, self.file = kid, kind, os.path.join(folder, kid + '.pem')
        how = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'] if kind == 'RSA' else \
            ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']
        subprocess.run(['openssl', 'genpkey', '-out', self.file] + how, check=True, capture_output=True)

    def public_pem(self):
        return subprocess.run(['openssl', 'pkey', '-in', self.file, '-pubout'], check=True, capture_output=True).stdout

    def jwk(self):
        der = subprocess.run(['openssl', 'pkey', '-in', self.file, '-pubout', '-outform', 'DER'], check=True,
                             capture_output=True).stdout
        # a SubjectPublicKeyInfo ends with the point, or with the modulus and five octets of exponent 65537
        if self.kind == 'RSA':
            return {'kty': 'RSA', 'kid': self.kid, 'use': 'sig', 'alg': 'RS256', 'n': b64(der[-261:-5]), 'e': 'AQAB'}
        return {'kty': 'EC', 'crv': 'P-256', 'kid': self.kid, 'use': 'sig', 'alg': 'ES256', 'x': b64(der[-64:-32]),
                'y': b64(der[-32:])}

    def sign(self, data):
        s = subprocess.run(['openssl', 'dgst', '-sha256', '-sign', self.file], input=data, check=True,
                           capture_output=True).stdout
        if self.kind == 'RSA':
            return s
        at, parts = 2, []
        for _ in range(2):  # SEQUENCE of two INTEGERs
            n = s[at + 1]
            parts.append(s[at + 2:at + 2 + n].lstrip(b'\0').rjust(32, b'\0'))
            at += 2 + n
        return parts[0] + parts[1]

    def token(self, payload, **head):
        h = {'alg': 'RS256' if self.kind == 'RSA' else 'ES256', 'kid': self.kid, 'typ': 'at+jwt'}
        h.update(head)
        h = {k: v for k, v in h.items() if v is not None}
        return assemble(h, payload, self.sign)


def assemble(head, payload, sign):
    text = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(',', ':')).encode()
    signed = b64(json.dumps(head, separators=(',', ':')).encode()) + '.' + b64(text)
    return signed + '.' + b64(sign(signed.encode()))


def unsigned(payload, alg='none', **head):
    return assemble(dict({'alg': alg, 'typ': 'at+jwt'}, **head), payload, lambda data: b'')


def hmac_signed(payload, key, **head):
    """The public key as HMAC key: what a verifier accepts that lets the token choose the kind of key."""
    return assemble(dict({'alg': 'HS256', 'typ': 'at+jwt'}, **head), payload,
                    lambda data: hmac.new(key, data, hashlib.sha256).digest())


class Issuer:
    """A small issuer of our own: its key set over HTTPS with a certificate of the deployment's CA. What a resource server
    that trusts it says to a token depends on the token alone, so that every claim can be wrong with a good signature."""

    def __init__(self, dep, address, keys):
        self.keys, folder = keys, os.path.dirname(dep.dir)
        crt, key = certificate(dep, folder, address)
        jwks = json.dumps({'keys': [k.jwk() for k in keys]}).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_GET(self):
                self.send_response(200)
                self.send_header('Content-Type', 'application/jwk-set+json')
                self.send_header('Content-Length', str(len(jwks)))
                self.end_headers()
                self.wfile.write(jwks)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.server.daemon_threads = True
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(crt, key)
        self.server.socket = ctx.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = 'https://%s:%d' % self.server.server_address
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def claims(self, **changes):
        """Good claims of an access token by TS 33.180 B.2.2 and RFC 9068, changed by keyword; None leaves one out."""
        now = int(time.time())
        c = {'iss': self.url, 'sub': 'u-1', 'client_id': 'test-client', 'scope': SCOPE, 'iat': now, 'exp': now + 600,
             'jti': secrets.token_hex(8)}
        c.update(changes)
        return {k: v for k, v in c.items() if v is not None}


def certificate(dep, folder, address):
    """(certificate file, key file) for an IP address, signed by the deployment's CA."""
    key, csr, crt = (os.path.join(folder, 'issuer.' + x) for x in ('key', 'csr', 'crt'))
    ext = os.path.join(folder, 'issuer.ext')
    with open(ext, 'w', encoding='utf-8') as f:
        f.write('subjectAltName=IP:%s\nextendedKeyUsage=serverAuth\n' % address)
    for argv in (['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key,
                  '-out', csr, '-subj', '/CN=' + address],
                 ['x509', '-req', '-in', csr, '-CA', dep.path('tls', 'ca.crt'), '-CAkey', dep.path('tls', 'ca.key'),
                  '-set_serial', '0x' + secrets.token_hex(8), '-days', '2', '-extfile', ext, '-out', crt]):
        subprocess.run(['openssl'] + argv, check=True, capture_output=True)
    return crt, key
