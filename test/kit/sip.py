"""A small SIP client for tests, which says exactly what it is told to: right and wrong. UDP, TCP, TLS; no transactions,
no retransmissions, Digest and AKA by hashlib."""
import base64
import hashlib
import re
import secrets
import socket
import ssl
import threading

from muster import PATIENCE, same

COMPACT = {'v': 'via', 'f': 'from', 't': 'to', 'i': 'call-id', 'm': 'contact', 'l': 'content-length',
           'c': 'content-type', 'e': 'content-encoding', 's': 'subject', 'k': 'supported'}


class Message:
    """status or method and uri; all (pairs, names in lower case); body."""

    def __init__(self, data):
        head, _, self.body = data.partition(b'\r\n\r\n')
        lines = re.sub(r'\r\n[ \t]+', ' ', head.decode(errors='replace')).split('\r\n')
        self.start, self.status, self.method, self.uri, self.raw = lines[0], None, None, None, data
        if self.start.startswith('SIP/2.0 '):
            self.status = int(self.start.split()[1])
        else:
            self.method, self.uri = self.start.split()[:2]
        self.all = []
        for line in lines[1:]:
            k, _, v = line.partition(':')
            k = k.strip().lower()
            self.all.append((COMPACT.get(k, k), v.strip()))

    def get(self, name):
        for k, v in self.all:
            if k == name.lower():
                return v
        return None

    def each(self, name):
        return [v for k, v in self.all if k == name.lower()]

    @property
    def warning(self):
        """'101 service authorisation failed', or None. R-SA-98: 399, a host, a quoted text."""
        v = self.get('Warning')
        if v is None:
            return None
        m = re.fullmatch(r'399 [A-Za-z0-9.:\[\]-]+ "(\d{3} [^"]*)"', v)
        assert m, 'Warning: %s' % v
        return m.group(1)

    @property
    def text(self):
        return self.body.decode(errors='replace')

    def challenge(self):
        v = self.get('WWW-Authenticate')
        assert v and v.startswith('Digest '), self
        return {k: q or w for k, q, w in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', v)}

    def __repr__(self):
        return self.raw.decode(errors='replace').replace('\r\n', ' | ')[:900]


def cut(buffer):
    """(message, rest) of a stream, or (None, buffer) while it is not whole."""
    buffer = buffer.lstrip(b'\r\n')
    head, sep, rest = buffer.partition(b'\r\n\r\n')
    if not sep:
        return None, buffer
    m = re.search(rb'^(?:content-length|l)\s*:\s*(\d+)', head, re.I | re.M)
    n = int(m.group(1)) if m else 0
    if len(rest) < n:
        return None, buffer
    return Message(head + sep + rest[:n]), rest[n:]


class Link:
    """One UDP socket, TCP or TLS connection. cert: (certificate file, key file)."""

    def __init__(self, dep, proto, address, source=None, cert=None, check=True):
        self.proto, self.address, self.buffer, self.closed = proto, address, b'', False
        kind = socket.SOCK_DGRAM if proto == 'udp' else socket.SOCK_STREAM
        self.sock = socket.socket(socket.AF_INET, kind)
        self.sock.settimeout(PATIENCE)
        self.sock.bind((source or dep.net + '.90', 0))
        self.sock.connect(address)
        if proto == 'tls':
            ctx = ssl.create_default_context(cafile=dep.ca)
            ctx.check_hostname = check
            if cert:
                ctx.load_cert_chain(*cert)
            self.sock = ctx.wrap_socket(self.sock, server_hostname=address[0])
        self.ip, self.port = self.sock.getsockname()[:2]

    def send(self, data):
        self.sock.sendall(data)

    def receive(self, seconds=None):
        """The next message, or None: closed, or nothing in time."""
        self.sock.settimeout(seconds or PATIENCE)
        if self.proto == 'udp':
            try:
                return Message(self.sock.recv(65536))
            except (socket.timeout, ConnectionRefusedError):
                return None
        while True:
            m, self.buffer = cut(self.buffer)
            if m is not None:
                return m
            try:
                more = self.sock.recv(65536)
            except socket.timeout:
                return None
            except OSError:
                more = b''
            if not more:
                self.closed = True
                return None
            self.buffer += more

    def via(self):
        return 'Via: SIP/2.0/%s %s:%d;branch=z9hG4bK%s;rport' % (self.proto.upper(), self.ip, self.port,
                                                               secrets.token_hex(8))

    def build(self, method, uri, headers, body=b'', via=True, length=None):
        """headers: list of lines, or a dictionary; None leaves one out."""
        if isinstance(headers, dict):
            rows = []
            for k, v in headers.items():
                rows += ['%s: %s' % (k, x) for x in (v if isinstance(v, list) else [v]) if x is not None]
            headers = rows
        body = body.encode() if isinstance(body, str) else body
        lines = ['%s %s SIP/2.0' % (method, uri)] + ([self.via()] if via else []) + list(headers)
        lines.append('Content-Length: %d' % (len(body) if length is None else length))
        return '\r\n'.join(lines).encode() + b'\r\n\r\n' + body

    def ask(self, *args, **more):
        """Sends a request; its final answer."""
        self.send(self.build(*args, **more))
        return self.final()

    def final(self, seconds=None):
        while True:
            m = self.receive(seconds)
            if m is None or (m.status and m.status >= 200):
                assert m is not None, 'no answer over %s; closed: %s' % (self.proto, self.closed)
                return m

    def close(self):
        self.sock.close()


def md5(text):
    return hashlib.md5(text if isinstance(text, bytes) else text.encode()).hexdigest()


def authorization(challenge, username, password, uri, method='REGISTER', count=1, **changes):
    """RFC 2617 with qop=auth. password: text, or octets for AKA. changes: parameters by name, None leaves one out."""
    password = password.encode() if isinstance(password, str) else password
    cnonce, count = secrets.token_hex(8), '%08x' % count
    ha1 = md5(('%s:%s:' % (username, challenge['realm'])).encode() + password)
    ha2 = md5('%s:%s' % (method, uri))
    p = {'username': username, 'realm': challenge['realm'], 'nonce': challenge['nonce'], 'uri': uri,
         'response': md5(':'.join((ha1, challenge['nonce'], count, cnonce, 'auth', ha2))),
         'algorithm': challenge.get('algorithm', 'MD5'), 'qop': 'auth', 'nc': count, 'cnonce': cnonce}
    p.update(changes)
    bare = ('algorithm', 'qop', 'nc')
    return 'Digest ' + ','.join(('%s=%s' if k in bare else '%s="%s"') % (k, v) for k, v in p.items() if v is not None)


class RawUe:
    """REGISTER and other requests of a Digest user over a Link, each changeable."""

    def __init__(self, dep, profile, link):
        self.dep, self.profile, self.link = dep, profile, link
        self.impu, self.impi = profile['impus'][0], profile['impi']
        self.home = 'sip:' + dep.ims
        self.call_id, self.cseq, self.tag = secrets.token_hex(10), 0, secrets.token_hex(4)
        self.nonce, self.nc = None, 0
        self.contact = '<sip:ue@%s:%d;transport=%s>' % (link.ip, link.port, link.proto)

    def headers(self, method='REGISTER', **changes):
        """Names with underscores for hyphens."""
        self.cseq += 1
        h = {'Max-Forwards': '70', 'From': '<%s>;tag=%s' % (self.impu, self.tag), 'To': '<%s>' % self.impu,
             'Call-ID': self.call_id, 'CSeq': '%d %s' % (self.cseq, method),
             'Contact': self.contact + ';+g.3gpp.mcptt;expires=600'}
        h.update({k.replace('_', '-'): v for k, v in changes.items()})
        return h

    def ask(self, body=b'', uri=None, auth=None, **changes):
        h = self.headers(**changes)
        if auth:
            h['Authorization'] = auth
        return self.link.ask('REGISTER', uri or self.home, h, body)

    def first(self, **changes):
        """The challenge."""
        a = self.ask(auth='Digest username="%s",realm="%s",uri="%s",nonce="",response=""' % (
            self.impi, self.dep.ims, self.home), **changes)
        if a.status == 401:
            self.nonce, self.nc = a.challenge(), 0
        return a

    def answer(self, password=None, auth_changes=None, **changes):
        self.nc += 1
        password = self.profile['ims_password'] if password is None else password
        return self.ask(auth=authorization(self.nonce, self.impi, password, self.home, count=self.nc,
                                           **(auth_changes or {})), **changes)

    def register(self, **changes):
        same(self.first(**changes).status, 401, 'first answer')
        return self.answer(**changes)

    def request(self, method, uri, body=b'', **changes):
        h = {'Max-Forwards': '70', 'From': '<%s>;tag=%s' % (self.impu, secrets.token_hex(4)), 'To': '<%s>' % uri,
             'Call-ID': secrets.token_hex(10), 'CSeq': '1 ' + method, 'Contact': self.contact}
        h.update({k.replace('_', '-'): v for k, v in changes.items()})
        return self.link.ask(method, uri, h, body)


class Server:
    """In the place of an application server: keeps the requests it gets over TLS, and answers 200 or what `answer` says."""

    def __init__(self, address, cert):
        self.requests, self.answer = [], lambda m: 200
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(*cert)
        self.sock = ctx.wrap_socket(socket.create_server(address), server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        buffer = b''
        try:
            while True:
                m, buffer = cut(buffer)
                if m is None:
                    more = s.recv(65536)
                    if not more:
                        return
                    buffer += more
                    continue
                if m.method == 'ACK':
                    continue
                status = self.answer(m)
                rows = ['%s: %s' % (k, v) for k, v in m.all if k in ('via', 'from', 'call-id', 'cseq')]
                rows += ['To: %s;tag=as' % m.get('to'), 'Content-Length: 0']
                s.sendall(('SIP/2.0 %d Whatever\r\n' % status + '\r\n'.join(rows) + '\r\n\r\n').encode())
                self.requests.append(m)
        except OSError:
            return


def b64nonce(nonce):
    return base64.b64decode(nonce)
