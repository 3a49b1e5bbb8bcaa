"""The SIP core alone: UEs that say what they should not, an application server that does not answer, and the messages
between the CSCFs seen from inside (TS 24.229; RFC 3261 clause 10.3)."""
import base64
import hashlib
import re
import secrets
import socket
import ssl
import threading
import time

from muster import PATIENCE, Deployment, add_case, case, main, same, setup, wait_for
from sip import Link, Message, RawUe, cut

ROLES = ['hss', 'icscf', 'scscf', 'pcscf']
REALM = 'ims.mc.example'
K, OPC = '465b5ce8b199b49faa5f0a2ee238a6bc', 'cd63cb71954a9f4e48a5994e37a02baf'
PTT = 'urn:urn-7:3gpp-service.ims.icsi.mcptt'


# Milenage f2 and f5 (TS 35.206 clause 4.1), as far as a UE without integrity needs them

def _sbox():
    p, q, box = 1, 1, [0] * 256
    while True:
        p ^= (p << 1) & 0xff ^ (0x1b if p & 0x80 else 0)
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xff
        q ^= 0x09 if q & 0x80 else 0
        x = q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4)
        box[p] = (x & 0xff) ^ 0x63
        if p == 1:
            box[0] = 0x63
            return box


SBOX = _sbox()


def _double(b):
    return (b << 1) & 0xff ^ (0x1b if b & 0x80 else 0)


def aes128(key, block):
    words = [list(key[i:i + 4]) for i in range(0, 16, 4)]
    rcon = 1
    for i in range(4, 44):
        t = list(words[-1])
        if i % 4 == 0:
            t = [SBOX[b] for b in t[1:] + t[:1]]
            t[0] ^= rcon
            rcon = _double(rcon)
        words.append([a ^ b for a, b in zip(words[i - 4], t)])
    keys = [sum(words[i:i + 4], []) for i in range(0, 44, 4)]
    s = [a ^ b for a, b in zip(block, keys[0])]
    for r in range(1, 11):
        s = [SBOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]  # SubBytes and ShiftRows
        if r < 10:
            mixed = []
            for c in range(0, 16, 4):
                a = s[c:c + 4]
                mixed += [_double(a[i]) ^ _double(a[(i + 1) % 4]) ^ a[(i + 1) % 4] ^ a[(i + 2) % 4] ^ a[(i + 3) % 4]
                          for i in range(4)]
            s = mixed
        s = [a ^ b for a, b in zip(s, keys[r])]
    return bytes(s)


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def res_of(k, opc, rand):
    k, opc = bytes.fromhex(k), bytes.fromhex(opc)
    temp = aes128(k, xor(rand, opc))
    return xor(aes128(k, xor(xor(temp, opc), bytes(15) + b'\x01')), opc)[8:]


# The application server

class As:
    """Keeps each request it gets over TLS, in order, and answers with what `rule` says: a status, or None for silence."""

    def __init__(self, dep, port=5071):
        self.requests, self.rule, self.lock = [], lambda m: 200, threading.Lock()
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(dep.path('tls', 'mcx.crt'), dep.path('tls', 'mcx.key'))
        self.name = 'sip:%s.5:%d;transport=tls' % (dep.net, port)
        self.sock = ctx.wrap_socket(socket.create_server((dep.net + '.5', port)), server_side=True,
                                    do_handshake_on_connect=False)
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
                m.at = time.monotonic()
                status = self.rule(m)
                with self.lock:
                    self.requests.append(m)
                if status is None or m.method == 'ACK':
                    continue
                rows = ['%s: %s' % (k, v) for k, v in m.all if k in ('via', 'from', 'call-id', 'cseq')]
                rows += ['To: %s;tag=as' % m.get('to'), 'Content-Length: 0']
                s.sendall(('SIP/2.0 %d Answer\r\n%s\r\n\r\n' % (status, '\r\n'.join(rows))).encode())
        except OSError:
            return

    def of(self, impu, method='REGISTER'):
        """Those about this identity, as outer To or, for other methods, as who asks."""
        with self.lock:
            return [m for m in self.requests if m.method == method and
                    '<%s>' % impu in (m.get('To'), m.get('P-Asserted-Identity'))]

    def wait(self, impu, n=1, method='REGISTER'):
        """The nth about this identity."""
        return wait_for('%s number %d about %s' % (method, n, impu),
                        lambda: self.of(impu, method) if len(self.of(impu, method)) >= n else None)[n - 1]


def parts(m):
    """[(content type, body)] of a multipart/mixed body."""
    got = re.match(r'multipart/mixed\s*;.*boundary="?([^";]+)', m.get('Content-Type') or '', re.I)
    assert got, m.get('Content-Type')
    found = []
    for piece in m.body.split(b'--' + got.group(1).encode())[1:-1]:
        head, _, body = piece.partition(b'\r\n\r\n')
        kind = re.search(rb'content-type:\s*([^\r\n]+)', head, re.I).group(1).decode()
        found.append((kind, body[:-2]))
    return found


def inside(m):
    """(REGISTER, 200) of the UE as octets; told apart by their start line."""
    both = [b for kind, b in parts(m) if kind == 'message/sip']
    return ([b for b in both if b.startswith(b'REGISTER')] + [None])[0], \
           ([b for b in both if b.startswith(b'SIP/2.0')] + [None])[0]


# Users

def subscribe(dep, name, auth='digest', more=()):
    impi, impu = '%s.impi@%s' % (name, REALM), 'sip:%s.impu@%s' % (name, REALM)
    password = secrets.token_hex(12)
    dep.secret(password, K, OPC)
    row = {'impi': impi, 'impus': [impu, *more], 'auth': auth, 'new': True}
    row.update({'k': K, 'opc': OPC} if auth == 'aka' else {'password': password})
    dep.admin('hss', 'user-put', **row)
    return {'impi': impi, 'impus': [impu], 'ims_password': password, 'auth': auth}


class CoreUe(RawUe):
    """Digest or AKA over TLS or UDP."""

    def __init__(self, dep, name, proto='tls', auth='digest', more=(), profile=None):
        link = Link(dep, proto, (dep.net + '.6', 5061 if proto == 'tls' else 5060))
        super().__init__(dep, profile or subscribe(dep, name, auth, more), link)

    def answer(self, password=None, **changes):
        if self.profile['auth'] == 'aka' and password is None:
            password = res_of(K, OPC, base64.b64decode(self.nonce['nonce'])[:16])
        return super().answer(password, **changes)

    def good(self, **changes):
        a = self.register(**changes)
        same(a.status, 200, 'answer to REGISTER %s' % a)
        return a


def expires(a):
    """{contact URI: seconds} of a 200."""
    return {m.group(1): int(m.group(2)) for m in
            (re.match(r'<([^>]+)>.*;expires=(\d+)', v) for v in a.each('Contact')) if m}


def core(name, **settings):
    all_of = {'deployment': {'roles': '[%s]' % ', '.join(ROLES)}, 'scscf': {'as_timeout': '2s'},
              'pcscf': {'aka_without_protection': 'yes'}}
    for section, rows in settings.items():
        all_of.setdefault(section, {}).update(rows)
    dep = Deployment(name, settings=all_of)
    dep.setting('hss', 'as', '["sip:%s.5:5071;transport=tls"]' % dep.net)
    server = As(dep)
    return dep.start(), server


@setup
def starts():
    global dep, server
    same(res_of(K, OPC, bytes.fromhex('23553cbe9637a89d218ae64dae47bf35')).hex(), 'a54211d5e3ba50bf', 'RES')
    dep, server = core('core')


# What a UE hears

@case
def keys_do_not_reach_the_ue():
    """R-SA-8, R-SA-130"""
    ue = CoreUe(dep, 'k8', auth='aka', proto='udp')
    a = ue.first()
    same(a.status, 401, 'challenge')
    c = a.challenge()
    assert 'ck' not in c and 'ik' not in c, c
    same((c['algorithm'], c['qop'], len(base64.b64decode(c['nonce']))), ('AKAv1-MD5', 'auth', 32), 'challenge')
    assert ',auth-int' not in a.get('WWW-Authenticate'), a
    # between the CSCFs they are there
    inner = Link(dep, 'tls', (dep.net + '.7', 5061), source=dep.net + '.6',
                 cert=(dep.path('tls', 'pcscf.crt'), dep.path('tls', 'pcscf.key')))
    other = RawUe(dep, ue.profile, inner)
    c = other.first(Path='<sip:x@%s.6:5071;transport=tls;lr>' % dep.net).challenge()
    same((len(c['ck']), len(c['ik'])), (32, 32), 'keys for the P-CSCF')
    same(ue.answer().status, 200, 'answer to AKA')
    d = CoreUe(dep, 'k130')
    same(d.first().challenge()['qop'], 'auth', 'qop of SIP Digest')


@case
def foreign_domain():
    """R-SA-2"""
    ue = CoreUe(dep, 'f2')
    before = dep.mark()
    same(ue.ask(uri='sip:elsewhere.example').status, 404, 'REGISTER for another domain')
    dep.refused(before, 'R-SA-2')
    same(server.of(ue.impu), [], 'news of it')


@case
def nonce_is_used_once():
    """R-SA-9"""
    ue = CoreUe(dep, 'n9', auth='aka')
    ue.good()
    spent = ue.nonce
    a = ue.answer()  # the right answer to a spent challenge, on the same connection
    same(a.status, 401, 'replay')
    assert a.challenge()['nonce'] != spent['nonce'], 'the same nonce again'
    # a nonce which this network never gave
    ue.nonce = dict(spent, nonce=base64.b64encode(secrets.token_bytes(32)).decode())
    same(ue.answer().status, 401, 'invented nonce')
    same(len(server.of(ue.impu)), 1, 'registrations that the server heard of')


@case
def nonce_count_has_to_grow():
    """R-SA-11"""
    ue = CoreUe(dep, 'n11')
    first = ue.good()
    ue.nc -= 1  # the same again
    before = expires(first)
    a = ue.answer(Contact='%s;expires=3000' % ue.contact)
    same((a.status, a.challenge().get('stale')), (401, 'true'), 'answer to a replay')
    ue.nonce, ue.nc = a.challenge(), 0
    q = ue.answer(Contact=None)  # a query shows what is bound
    same(q.status, 200, 'query')
    assert all(s <= before[c] for c, s in expires(q).items()), (before, expires(q))
    # with a higher one the same nonce serves again
    same(ue.answer().status, 200, 'nc 2')


@case
def what_a_ue_claims_is_thrown_away():
    """R-SA-12"""
    ue = CoreUe(dep, 'c12', proto='udp')
    ue.first()
    a = ue.answer(auth_changes={'integrity-protected': 'tls-yes', 'ck': '00' * 16, 'ik': '11' * 16},
                  P_Visited_Network_ID='"evil.example"', P_Charging_Vector='icid-value="forged"',
                  Path='<sip:evil.example;lr>', P_Asserted_Identity='<sip:boss@%s>' % REALM)
    same(a.status, 200, 'answer')
    rq = Message(inside(server.wait(ue.impu))[0])
    auth = rq.get('Authorization')
    same(re.findall(r'integrity-protected="?([\w-]+)', auth), ['ip-assoc-pending'], auth)
    assert 'ck=' not in auth and 'ik=' not in auth, auth
    same(rq.get('P-Visited-Network-ID'), '"%s"' % REALM, 'visited network')
    for text in (b'evil.example', b'forged', b'boss'):
        assert text not in rq.raw, rq
    ue.answer()
    auth = Message(inside(server.wait(ue.impu, 2))[0]).get('Authorization')
    same(re.findall(r'integrity-protected="?([\w-]+)', auth), ['ip-assoc-yes'], 'of a registered UE: %s' % auth)


@case
def lifetimes():
    """R-SA-15, R-SA-16"""
    ue = CoreUe(dep, 'l15')
    ue.good()

    def asks(contact='', **more):
        return ue.answer(Contact=ue.contact + contact, **more)
    a = asks(';expires=30')
    same((a.status, a.get('Min-Expires')), (423, '60'), 'below the minimum')
    same(asks(Expires='30').status, 423, 'below the minimum, by the header')
    for contact, header, wanted in ((';expires=999999', None, 3600), ('', '999999', 3600), (';expires=100', '900', 100),
                                    ('', '900', 900), ('', None, 3600), (';expires=60', None, 60)):
        a = asks(contact, Expires=header)
        same(a.status, 200, 'answer to %s, %s' % (contact, header))
        got = list(expires(a).values())
        assert len(got) == 1 and wanted - 2 <= got[0] <= wanted, (contact, header, wanted, got)


@case
def ok_holds_what_it_has_to():
    """R-SA-17, R-SA-1"""
    tel = 'tel:+15550117'
    ue = CoreUe(dep, 'o17', more=[tel, {'uri': 'sip:o17.barred@' + REALM, 'barred': True}])
    tags = '+sip.instance="<urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6>";+g.3gpp.mcptt;+G.3gpp.odd="a;b,c"'
    a = ue.good(Contact='%s;%s;expires=600' % (ue.contact, tags), Supported='path')
    same(a.each('P-Associated-URI'), ['<%s>' % ue.impu, '<%s>' % tel], 'implicit set')
    same(len(a.each('Service-Route')), 1, 'Service-Route')
    assert re.fullmatch(r'<sip:orig@%s\.8:\d+;transport=tls;lr>' % re.escape(dep.net), a.get('Service-Route')), a
    assert re.fullmatch(r'<sip:[\w-]+@%s\.6:\d+;transport=tls;lr>' % re.escape(dep.net), a.get('Path')), a
    assert any(tags in v for v in a.each('Contact')), a.each('Contact')
    # a second UE of the same subscription: the 200 lists both
    other = CoreUe(dep, 'o17', profile=ue.profile)
    a = other.good()
    same(len(expires(a)), 2, 'contacts in %s' % a.each('Contact'))
    assert any(tags in v for v in a.each('Contact')), a.each('Contact')
    # the barred identity cannot be registered
    ue.impu = 'sip:o17.barred@' + REALM
    same(ue.register().status if ue.first().status == 401 else 403, 403, 'a barred identity')


@case
def contacts_of_one_register_are_one_ue():
    """R-SA-18"""
    ue = CoreUe(dep, 'c18')
    here = 'sip:ue@%s:%d' % (ue.link.ip, ue.link.port)
    for other in ('sip:ue@192.0.2.9:%d' % ue.link.port, 'sip:ue@%s:%d' % (ue.link.ip, ue.link.port ^ 1)):
        before = dep.mark()
        same(ue.first(Contact=['<%s>' % here, '<%s>' % other]).status, 400, 'contacts %s' % other)
        dep.refused(before, 'R-SA-18', 'pcscf')
    a = ue.good(Contact=['<%s>;+g.3gpp.mcptt' % here, '<sip:other@%s:%d>' % (ue.link.ip, ue.link.port)])
    same(len(expires(a)), 2, 'contacts at one address')


@case
def cseq_has_to_grow():
    """R-SA-19"""
    ue = CoreUe(dep, 'q19')
    ue.good()
    seq = ue.cseq
    for n in (seq, seq - 1):
        before = dep.mark()
        a = ue.answer(CSeq='%d REGISTER' % n, Contact=ue.contact + ';expires=0')
        same(a.status, 500, 'CSeq %d after %d' % (n, seq))
        dep.refused(before, 'R-SA-19', 'scscf')
    same(len(expires(ue.answer(Contact=None))), 1, 'bindings that are left')


@case
def star():
    """R-SA-20, R-SA-32"""
    ue = CoreUe(dep, 's20')
    ue.good()
    for changes in ({'Expires': '600'}, {}, {'Contact': ['*', ue.contact], 'Expires': '0'}):
        same(ue.answer(**dict({'Contact': '*'}, **changes)).status, 400, 'Contact: * with %s' % changes)
    same(len(expires(ue.answer(Contact=None))), 1, 'bindings that are left')
    n = len(server.of(ue.impu))
    a = ue.answer(Contact='*', Expires='0')
    same((a.status, a.each('Contact')), (200, []), 'Contact: * with Expires: 0')
    gone = server.wait(ue.impu, n + 1)
    same((gone.get('Expires'), gone.body), ('0', b''), 'news of it')
    same(ue.link.ask('MESSAGE', 'sip:someone@' + REALM, ue.headers('MESSAGE')).status, 403, 'a MESSAGE afterwards')


def ask_as(ue, **headers):
    """What the application server sees of a MESSAGE."""
    n = len(server.of(ue.impu, 'MESSAGE')) + len(server.of(ue.second, 'MESSAGE'))
    a = ue.request('MESSAGE', 'sip:mcptt-psi@mc.example', **dict({'P_Preferred_Service': PTT}, **headers))
    same(a.status, 200, 'answer to MESSAGE %s' % a)
    wait_for('the MESSAGE', lambda: len(server.of(ue.impu, 'MESSAGE')) + len(server.of(ue.second, 'MESSAGE')) > n)
    return server.requests[-1]


@case
def identity_is_asserted():
    """R-SA-25"""
    second = 'sip:i25.second@' + REALM
    ue = CoreUe(dep, 'i25', more=[second])
    ue.second = second
    ue.good()
    for preferred, wanted in ((None, ue.impu), (second, second), ('sip:boss@' + REALM, ue.impu)):
        m = ask_as(ue, P_Preferred_Identity=preferred and '<%s>' % preferred,
                   P_Asserted_Identity=['<sip:boss@%s>' % REALM, '<tel:+1555>'])
        same((m.each('P-Asserted-Identity'), m.get('P-Preferred-Identity')), (['<%s>' % wanted], None),
             'identity with %s preferred' % preferred)
        assert b'boss@' not in m.raw, m


@case
def service_is_asserted():
    """R-SA-26"""
    ue = CoreUe(dep, 's26')
    ue.second = ue.impu
    ue.good()
    m = ask_as(ue, P_Asserted_Service='urn:urn-7:3gpp-service.ims.icsi.mcdata')
    same((m.each('P-Asserted-Service'), m.get('P-Preferred-Service')), ([PTT], None), 'service')
    # what nobody serves is dropped, and then no server is asked
    n = len(server.requests)
    for headers in ({'P_Preferred_Service': 'urn:urn-7:3gpp-service.ims.icsi.mmtel'}, {'P_Asserted_Service': PTT}):
        same(ue.request('MESSAGE', 'sip:mcptt-psi@mc.example', **headers).status, 404, 'a MESSAGE with %s' % headers)
    same(len(server.requests), n, 'requests at the server')


@case
def asking_what_is_bound_tells_nobody():
    """R-SA-17: a REGISTER without Contact (RFC 3261 clause 10.2.3)."""
    ue = CoreUe(dep, 'q17')
    same((ue.first().status, ue.answer(Contact=None).status), (401, 200), 'query before the registration')
    same(dep.admin('hss', 'user-show', impi=ue.impi)['state'], 'not registered', 'state in the HSS')
    ue.answer()
    server.wait(ue.impu)
    same(list(expires(ue.answer(Contact=None))), [ue.contact.strip('<>')], 'bindings')
    ue.answer(Contact=ue.contact + ';expires=0')
    same(server.wait(ue.impu, 2).get('Expires'), '0', 'what the server hears next')


# The third-party REGISTER

@case
def third_party_register():
    """R-SA-29, R-SA-32, R-SA-1"""
    ue = CoreUe(dep, 't29')
    a = ue.good(Contact='%s;+g.3gpp.mcptt;expires=700' % ue.contact)
    m = server.wait(ue.impu)
    me = re.match(r'sip:%s\.8:\d+;transport=tls' % re.escape(dep.net), m.get('Contact').strip('<>'))
    assert me, m
    same(m.uri, server.name, 'Request-URI')
    same(m.get('From').split('>')[0] + '>', m.get('Contact'), 'From and Contact')
    same(m.get('To'), '<%s>' % ue.impu, 'To')
    same(m.get('Expires'), str(expires(a)[ue.contact.strip('<>')]), 'Expires')
    same(m.get('Authorization'), None, 'Authorization')
    assert 'mcptt' not in m.get('Contact'), m
    assert 'orig-ioi="Type 3%s"' % REALM in m.get('P-Charging-Vector'), m.get('P-Charging-Vector')
    ue.answer(Contact='%s;expires=800' % ue.contact)
    again = server.wait(ue.impu, 2)
    same((again.get('Expires'), again.get('Call-ID')), ('800', m.get('Call-ID')), 're-registration')
    assert int(again.get('CSeq').split()[0]) > int(m.get('CSeq').split()[0]), again
    ue.answer(Contact='%s;expires=0' % ue.contact)  # no feature tags in this one
    gone = server.wait(ue.impu, 3)
    same((gone.get('Expires'), gone.get('Call-ID')), ('0', m.get('Call-ID')), 'de-registration')
    same(len(server.of(ue.impu)), 3, 'third-party REGISTERs')


@case
def parts_are_octet_identical():
    """R-SA-30, R-SA-31: the S-CSCF is given a REGISTER from the I-CSCF's place, in odd writing."""
    link = Link(dep, 'tls', (dep.net + '.8', 5061), source=dep.net + '.7',
                cert=(dep.path('tls', 'icscf.crt'), dep.path('tls', 'icscf.key')))
    ue = RawUe(dep, subscribe(dep, 'p30'), link)
    same(ue.first(Path='<sip:x@%s.6:5071;transport=tls;lr>' % dep.net).status, 401, 'challenge')
    body = b'--b1\r\nContent-Type: text/plain\r\n\r\n\xc3\xa4  octets\t\r\n--b1--\r\n'
    from sip import authorization
    rows = ['i : ' + ue.call_id, 'f:<%s> ; tag=1' % ue.impu, 'TO:  <%s>' % ue.impu, 'cseq:   77   REGISTER',
            'Max-Forwards: 68', 'PATH: <sip:x@%s.6:5071;transport=tls;lr>' % dep.net,
            'm:   "Odd; name" <sip:ue@192.0.2.1:5060;x=%41>\r\n ;+g.3gpp.mcptt ; EXPIRES=600;+sip.Instance="<urn:uuid:1>"',
            'X-Unknown:  kept \t', 'Authorization: ' + authorization(ue.nonce, ue.impi, ue.profile['ims_password'],
                                                                    ue.home), 'c: multipart/mixed;boundary=b1']
    sent = link.build('REGISTER', ue.home, rows, body)
    link.send(sent)
    ok = link.final()
    same(ok.status, 200, 'answer %s' % ok)
    m = server.wait(ue.impu)
    same(len(parts(m)), 2, 'parts')
    request, response = inside(m)
    same(request, sent, 'REGISTER inside')
    for name in ('Contact', 'P-Associated-URI', 'Service-Route', 'Call-ID', 'CSeq', 'Path'):
        same(Message(response).each(name), ok.each(name), name + ' of the 200 inside')
    assert any(';+g.3gpp.mcptt ;' in v or ';+g.3gpp.mcptt' in v for v in ok.each('Contact')), ok


@case
def register_goes_through_with_its_body():
    """R-SA-1, R-SA-30: what the UE wrote arrives, header by header, behind three hops."""
    ue = CoreUe(dep, 'b30', proto='udp')
    body = '--ue\r\nContent-Type: application/vnd.3gpp.mcptt-info+xml\r\n\r\n<?xml version="1.0"?><x> \u00e4 </x>\r\n--ue--'
    contact = '%s;+g.3gpp.icsi-ref="urn%%3Aurn-7%%3A3gpp-service.ims.icsi.mcptt";+g.3gpp.mcptt;expires=600' % ue.contact
    more = {'Contact': contact, 'Content_Type': 'multipart/mixed;boundary=ue', 'X_Own': 'a  b'}
    ue.first(body=body, **more)
    same(ue.answer(body=body, **more).status, 200, 'answer')
    request = Message(inside(server.wait(ue.impu))[0])
    same(request.body, body.encode(), 'body')
    for name, value in (('Contact', contact), ('Content-Type', more['Content_Type']), ('X-Own', 'a  b'),
                        ('Call-ID', ue.call_id), ('To', '<%s>' % ue.impu), ('From', '<%s>;tag=%s' % (ue.impu, ue.tag))):
        same(request.get(name), value, name)


@case
def a_silent_server_delays_nobody():
    """R-SA-35, R-SA-34"""
    ue = CoreUe(dep, 'q35')
    server.rule = lambda m: None if ue.impu in m.get('To') else 200
    try:
        before = dep.mark()
        ue.first()
        start = time.monotonic()
        same(ue.answer().status, 200, 'answer')
        seconds = time.monotonic() - start
        m = server.wait(ue.impu)
        assert seconds < 1.5, '200 came after %.2f s, the server may take 2 s' % seconds
        assert m.at > start, 'told before the answer was right'
        # DefaultHandling 0: the server's failure changes nothing
        dep.wait_event('scscf', event='third-party-register-failed', server=server.name)
        same(dep.news(before, 'scscf', event='network-deregistration'), [], 'network de-registrations')
        same(len(expires(ue.answer(Contact=None))), 1, 'bindings')
    finally:
        server.rule = lambda m: 200


@case
def no_failure_ends_a_registration_that_may_continue():
    """R-SA-34"""
    for status in (500, 503, 408, 403):
        ue = CoreUe(dep, 'c34-%d' % status)
        server.rule = lambda m: status if ue.impu in m.get('To') else 200
        before = dep.mark()
        ue.good()
        server.wait(ue.impu)
        wait_for('the failure', lambda: dep.news(before, 'scscf', event='third-party-register-failed', status=status))
        same(len(expires(ue.answer(Contact=None))), 1, 'bindings after %d' % status)
        same(dep.news(before, 'scscf', event='network-deregistration'), [], 'network de-registrations')
    server.rule = lambda m: 200


@case
def restart_repeats_what_was_not_answered():
    """R-SA-29: a third-party REGISTER that was on its way when the S-CSCF ended."""
    ue, told = CoreUe(dep, 'r29', proto='udp'), CoreUe(dep, 'r29b')
    told.good()
    server.wait(told.impu)
    server.rule = lambda m: None if ue.impu in m.get('To') else 200
    ue.good()
    first = server.wait(ue.impu)
    server.rule = lambda m: 200
    dep.wait_restarted('scscf', dep.kill('scscf'))
    again = server.wait(ue.impu, 2)
    same((again.get('Call-ID'), inside(again)[0]), (first.get('Call-ID'), inside(first)[0]), 'what is repeated')
    assert int(again.get('CSeq').split()[0]) > int(first.get('CSeq').split()[0]), again
    assert 0 < int(again.get('Expires')) <= int(first.get('Expires')), again
    # the binding is the one from before, and it is told of once
    same(len(expires(ue.good())), 1, 'bindings')
    server.wait(ue.impu, 3)
    time.sleep(2.5)  # two ticks, in which nothing may happen
    same((len(server.of(ue.impu)), len(server.of(told.impu))), (3, 1), 'third-party REGISTERs')


# Subscriptions to registrations

class Subscriber:
    """One reg-event dialog over a link, which also takes the NOTIFYs that come on it and answers them."""

    def __init__(self, link, impu, contact, asserted=None, who=None):
        self.link, self.impu, self.contact, self.asserted = link, impu, contact, asserted
        self.who = who or impu
        self.call_id, self.cseq, self.tag, self.notifies = secrets.token_hex(8), 0, secrets.token_hex(4), []
        self.to, self.routes, self.target = '<%s>' % impu, [], impu

    def ask(self, **changes):
        self.cseq += 1
        h = {'Max-Forwards': '70', 'From': '<%s>;tag=%s' % (self.who, self.tag), 'To': self.to, 'Call-ID': self.call_id,
             'CSeq': '%d SUBSCRIBE' % self.cseq, 'Contact': self.contact, 'Event': 'reg', 'Route': self.routes,
             'Accept': 'application/reginfo+xml', 'Expires': '600000', 'P-Asserted-Identity': self.asserted}
        h.update(changes)
        self.link.send(self.link.build('SUBSCRIBE', self.target, h))
        a = self.pump(lambda: False)
        if a.status == 200:
            self.to, self.routes = a.get('To'), a.each('Record-Route')[::-1]
            self.target = a.get('Contact').strip('<>')
        return a

    def pump(self, done):
        """Takes messages until there is an answer, which is returned, or done()."""
        while not done():
            m = self.link.receive()
            assert m is not None, 'nothing came; %s' % [x.text for x in self.notifies]
            if m.status:
                if m.status >= 200:
                    return m
                continue
            same((m.method, m.get('Call-ID'), m.get('Event')), ('NOTIFY', self.call_id, 'reg'), 'request %s' % m)
            self.notifies.append(m)
            rows = ['%s: %s' % (k, v) for k, v in m.all if k in ('via', 'from', 'to', 'call-id', 'cseq')]
            self.link.send(('SIP/2.0 200 OK\r\n%s\r\nContent-Length: 0\r\n\r\n' % '\r\n'.join(rows)).encode())
        return None

    def wait(self, n):
        self.pump(lambda: len(self.notifies) >= n)
        return [RegInfo(m) for m in sorted(self.notifies, key=lambda m: int(m.get('CSeq').split()[0]))]


class RegInfo:
    """version, state; aors {aor: (state, {contact uri: (state, event)})}"""

    def __init__(self, m):
        import xml.etree.ElementTree as ET
        ns = '{urn:ietf:params:xml:ns:reginfo}'
        same(m.get('Content-Type'), 'application/reginfo+xml', 'Content-Type')
        root = ET.fromstring(m.body)
        same((root.tag, root.get('state')), (ns + 'reginfo', 'full'), 'document')
        self.version, self.subscription = int(root.get('version')), m.get('Subscription-State')
        self.aors = {r.get('aor'): (r.get('state'), {c.find(ns + 'uri').text: (c.get('state'), c.get('event'))
                                                     for c in r}) for r in root}


def add_watchers():
    for proto in ('tls', 'udp'):
        def fn(proto=proto):
            tel = 'tel:+1555027%d' % (1 if proto == 'tls' else 2)
            ue = CoreUe(dep, 'e27-' + proto, proto=proto, more=[tel])
            ue.good()
            here = ue.contact.strip('<>')
            watch = Subscriber(ue.link, ue.impu, ue.contact)
            a = watch.ask()
            same((a.status, a.get('Expires')), (200, '600000'), 'answer %s' % a)
            first = watch.wait(1)[0]
            both = {ue.impu: ('active', {here: ('active', 'registered')}), tel: ('active', {here: ('active', 'registered')})}
            same((first.version, first.aors), (0, both), 'first NOTIFY')
            assert first.subscription.startswith('active;expires='), first.subscription
            # another UE of the same user comes and goes
            other = CoreUe(dep, '', profile=ue.profile)
            other.good()
            there = other.contact.strip('<>')
            same(watch.wait(2)[1].aors[ue.impu], ('active', {here: ('active', 'registered'),
                                                             there: ('active', 'registered')}), 'second')
            same(other.answer(Contact=other.contact + ';expires=0').status, 200, 'the other leaves')
            same(watch.wait(3)[2].aors[tel], ('active', {here: ('active', 'registered'),
                                                         there: ('terminated', 'unregistered')}), 'third')
            same(watch.ask().status, 200, 'refresh inside of the dialog')
            same(watch.wait(4)[3].aors, both, 'fourth')
            # a restart, after which the numbers go on
            if proto == 'udp':
                dep.wait_restarted('scscf', dep.kill('scscf'))
                same(watch.ask().status, 200, 'refresh after the restart')
                watch.wait(5)
            a = watch.ask(Expires='0')
            same((a.status, a.get('Expires')), (200, '0'), 'end')
            news = watch.wait(len(watch.notifies) + 1 if 'terminated' not in watch.notifies[-1].get('Subscription-State')
                              else len(watch.notifies))
            same([n.version for n in news], list(range(len(news))), 'versions')
            same(news[-1].subscription, 'terminated;reason=timeout', 'last')
            same(watch.ask().status, 481, 'refresh of what is over')
        fn.__doc__ = 'R-SA-27'
        add_case('registration-is-watched-over-%s' % proto, fn)


add_watchers()


@case
def who_may_watch():
    """R-SA-27"""
    ue, stranger = CoreUe(dep, 'w27'), CoreUe(dep, 'w27x')
    ue.good()
    stranger.good()
    before = dep.mark()
    same(Subscriber(stranger.link, ue.impu, stranger.contact, who=stranger.impu).ask().status, 403, 'another user')
    dep.refused(before, 'R-SA-27', 'scscf')
    same(Subscriber(stranger.link, ue.impu, stranger.contact, asserted='<%s>' % ue.impu).ask().status, 403,
         'another user with a forged identity')
    same(Subscriber(stranger.link, 'sip:nobody@' + REALM, stranger.contact).ask().status, 404, 'nobody')

    def core_link(role, ip):
        return Link(dep, 'tls', (dep.net + '.8', 5061), source='%s.%d' % (dep.net, ip),
                    cert=(dep.path('tls', role + '.crt'), dep.path('tls', role + '.key')))
    mcx, pcscf = core_link('mcx', 5), core_link('pcscf', 6)
    here = '<%s>' % server.name
    for link, asserted, wanted in ((mcx, '<sip:%s.5:5071>' % dep.net, 200), (pcscf, '<sip:%s.6:5061>' % dep.net, 200),
                                   (mcx, '<sip:%s.77:5071>' % dep.net, 403), (mcx, None, 403),
                                   (mcx, '<sip:someone@%s.5:5071>' % dep.net, 403)):
        w = Subscriber(link, ue.impu, here, asserted=asserted, who='sip:core')
        same(w.ask().status, wanted, '%s asks' % asserted)
        if wanted == 200:
            m = wait_for('the NOTIFY', lambda: [m for m in server.requests if m.get('Call-ID') == w.call_id])[0]
            same(RegInfo(m).aors[ue.impu][0], 'active', 'state')


# Another HSS profile: one part, and DefaultHandling 1

@setup
def second_core():
    global strict, strict_server
    strict, strict_server = core('strict', hss={'as_failure': 'terminated', 'as_parts': '[request]'})


@case
def one_part_is_the_body():
    """R-SA-31"""
    ue = CoreUe(strict, 'b31')
    ue.good()
    m = strict_server.wait(ue.impu)
    same(m.get('Content-Type'), 'message/sip', 'Content-Type')
    rq = Message(m.body)
    same((rq.method, rq.get('Call-ID')), ('REGISTER', ue.call_id), 'body')


def add_terminated():
    for status, ends in ((500, True), (503, True), (408, True), (None, True), (403, False), (200, False)):
        def fn(status=status, ends=ends):
            ue = CoreUe(strict, 't34-%s' % status)
            strict_server.rule = lambda m: 200 if m.get('Expires') == '0' else status
            before = strict.mark()
            ue.good()
            strict_server.wait(ue.impu)
            if status is None:  # there is time to subscribe before the server is given up
                watch = Subscriber(ue.link, ue.impu, ue.contact)
                same(watch.ask().status, 200, 'SUBSCRIBE')
                watch.wait(1)
                end = watch.wait(2)[1]
                same((end.version, end.aors, end.subscription), (
                    1, {ue.impu: ('terminated', {ue.contact.strip('<>'): ('terminated', 'rejected')})},
                    'terminated;reason=noresource'), 'NOTIFY of the end')
            if ends:
                same(strict_server.wait(ue.impu, 2).get('Expires'), '0', 'Expires of the second one')
                wait_for('the de-registration', lambda: strict.news(before, 'scscf', event='network-deregistration'))
                same(ue.request('MESSAGE', 'sip:mcptt-psi@mc.example', P_Preferred_Service=PTT).status, 403,
                     'a MESSAGE afterwards')
                same(strict.admin('hss', 'user-show', impi=ue.impi)['state'], 'not registered', 'state in the HSS')
            else:
                strict_server.rule = lambda m: 200
                same(len(expires(ue.answer(Contact=None))), 1, 'bindings')
                same(strict.news(before, 'scscf', event='network-deregistration'), [], 'network de-registrations')
        fn.__doc__ = 'R-SA-34, R-SA-28'
        add_case('default-handling-1-%s' % (status or 'silence'), fn)


add_terminated()


@case
def nothing_leaks():
    """R-SA-127"""
    same(dep.leaks() + strict.leaks(), [], 'secrets in logs')


main()
