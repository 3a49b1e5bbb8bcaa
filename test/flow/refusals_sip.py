"""Every way in which the SIP functions have to say no, over real processes with a client that says what it is told to:
the exact answer, and the event that names the requirement. First the SIP core, in front of an application server of our
own that sees what the core sends; then the MC server, which believes an S-CSCF's certificate."""
import concurrent.futures
import os
import re
import secrets
import socket
import threading
import time

from muster import Deployment, add_case, case, main, same, test_dir, wait_for
from oidc import SCOPE, Issuer, Key, hmac_signed, unsigned
from sip import Link, Message, RawUe, Server, authorization

core = Deployment('core', roles=['hss', 'pcscf', 'icscf', 'scscf'],
                  settings={'scscf': {'expires_min': '60', 'auth_failures_max': '3'}})
PSI = 'sip:mcptt-psi@mc.example'


def gm(proto='udp', **more):
    return Link(core, proto, (core.net + '.6', 5061 if proto == 'tls' else 5060), **more)


@case
def core_starts():
    global server, dora, dirk, aka
    core.start()
    server = Server((core.net + '.5', 5061), (core.path('tls', 'mcx.crt'), core.path('tls', 'mcx.key')))
    dora, dirk, aka = (core.add_user(n, auth=a) for n, a in (('dora', 'digest'), ('dirk', 'digest'), ('anna', 'aka')))


def ue_of(profile, proto='udp'):
    return RawUe(core, profile, gm(proto))


def heard(method, after, fits=lambda m: True):
    """The next request of this method that the application server gets."""
    def look():
        return [m for m in server.requests[after:] if m.method == method and fits(m)]
    return wait_for('%s at the application server' % method, look)[0]


# What the core makes of a good registration: the control for what follows

@case
def good_registration():
    """R-SA-1, R-SA-10, R-SA-17, R-SA-23, R-SA-130"""
    for proto in ('udp', 'tcp', 'tls'):
        u = ue_of(dora, proto)
        a = u.first()
        same(a.status, 401, 'first')
        c = a.challenge()
        same((c['algorithm'], c['qop'], c['realm'], c.get('stale')), ('MD5', 'auth', core.ims, None), 'challenge')
        ok = u.answer()
        same(ok.status, 200, 'answer %s' % ok)
        assert re.search(r'rspauth="[0-9a-f]{32}"', ok.get('Authentication-Info')), ok
        same(ok.get('P-Associated-URI'), '<%s>' % u.impu, 'P-Associated-URI')
        assert ok.get('Service-Route') and ok.get('Path'), ok
        assert '+g.3gpp.mcptt' in ok.get('Contact') and re.search(r'expires=(600|599)', ok.get('Contact')), ok
        same(u.register(Contact='*', Expires='0').status, 200, 'leaving')


@case
def third_party_register_says_what_was_said():
    """R-SA-29, R-SA-30, R-SA-31, R-SA-32, R-SA-35"""
    u, n = ue_of(dora), len(server.requests)
    ok = u.register()
    same(ok.status, 200, 'answer')
    tp = heard('REGISTER', n, lambda m: u.call_id in m.text)
    same((tp.uri, tp.get('To')), ('sip:%s.5:5061;transport=tls' % core.net, '<%s>' % u.impu), 'third-party REGISTER')
    assert core.net + '.8:' in tp.get('From') and core.net + '.8:' in tp.get('Contact'), tp
    assert tp.get('Expires') in ('600', '599'), tp
    parts = tp.body.split(('--' + re.search(r'boundary="?([^";]+)', tp.get('Content-Type')).group(1)).encode())
    same((tp.get('Content-Type').split(';')[0], len(parts)), ('multipart/mixed', 4), 'body')
    inner, answer = (Message(p.split(b'\r\n\r\n', 1)[1]) for p in parts[1:3])
    same((inner.method, inner.get('Call-ID'), inner.get('CSeq')), ('REGISTER', u.call_id, '2 REGISTER'), 'inner')
    same((answer.status, answer.get('P-Associated-URI')), (200, '<%s>' % u.impu), 'inner answer')
    n = len(server.requests)
    same(u.answer(Contact=u.contact + ';expires=0').status, 200, 'leaving without feature tags')
    gone = heard('REGISTER', n)
    same((gone.get('Expires'), gone.body), ('0', b''), 'third-party REGISTER at the end')


@case
def ues_own_claims_are_discarded():
    """R-SA-12, R-SA-25, R-SA-24"""
    u, n = ue_of(dora), len(server.requests)
    same(u.first().status, 401, 'first')
    ok = u.answer(auth_changes={'integrity-protected': 'yes'}, Path='<sip:evil@192.0.2.1;lr>',
                  P_Asserted_Identity='<sip:boss.impu@ims.mc.example>', P_Asserted_Service='urn:urn-7:3gpp-service.ims.icsi.mcptt',
                  P_Visited_Network_ID='"elsewhere"', P_Charging_Vector='icid-value=mine', Service_Route='<sip:evil;lr>')
    same(ok.status, 200, 'answer')
    tp = heard('REGISTER', n, lambda m: u.call_id in m.text)
    inner = Message(tp.body.split(b'message/sip', 1)[1].split(b'\r\n\r\n', 1)[1])
    assert 'integrity-protected="ip-assoc-pending"' in inner.get('Authorization'), inner
    for name in ('P-Asserted-Identity', 'P-Asserted-Service', 'Service-Route'):
        same(inner.get(name), None, name)
    same((len(inner.each('Path')), 'evil' in inner.get('Path')), (1, False), 'Path')
    assert 'elsewhere' not in inner.get('P-Visited-Network-ID') and 'mine' not in inner.get('P-Charging-Vector'), inner
    same(len([m for m in server.requests[n:] if u.call_id in m.text]), 1, 'third-party REGISTERs')
    # a request of the registered UE
    n = len(server.requests)
    a = u.request('MESSAGE', PSI, P_Preferred_Identity='<%s>' % dirk['impus'][0],
                  P_Asserted_Identity='<sip:boss.impu@ims.mc.example>', Route='<sip:192.0.2.1;lr>',
                  P_Preferred_Service='urn:urn-7:3gpp-service.ims.icsi.mcptt')
    same(a.status, 200, 'MESSAGE')
    m = heard('MESSAGE', n)
    same(m.each('P-Asserted-Identity'), ['<%s>' % u.impu], 'P-Asserted-Identity')
    same(m.get('P-Asserted-Service'), 'urn:urn-7:3gpp-service.ims.icsi.mcptt', 'P-Asserted-Service')
    same((m.get('P-Preferred-Identity'), m.get('P-Preferred-Service')), (None, None), 'preferences')
    u.register(Contact='*', Expires='0')


@case
def ck_and_ik_stay_in_the_core():
    """R-SA-3, R-SA-8"""
    import base64
    for proto in ('tls',):
        u = ue_of(aka, proto)
        a = u.first()
        same(a.status, 401, 'first')
        same(a.challenge()['algorithm'], 'AKAv1-MD5', 'algorithm')
        same(len(base64.b64decode(a.challenge()['nonce'])), 32, 'octets of the nonce')
        for word in ('ck=', 'ik='):
            assert word not in a.raw.decode(), a


@case
def wrong_res():
    """R-SA-4"""
    u, before = ue_of(aka, 'tls'), core.mark()
    same(u.first().status, 401, 'first')
    same(u.answer(password=b'\0' * 8).status, 403, 'wrong RES')
    core.refused(before, 'R-SA-4', 'scscf')


@case
def wrong_mac_s():
    """R-SA-6"""
    u, before = ue_of(aka, 'tls'), core.mark()
    same(u.first().status, 401, 'first')
    same(u.answer(password=b'', auth_changes={'auts': 'AAAAAAAAAAAAAAAAAAA='}).status, 403, 'wrong MAC-S')
    core.refused(before, 'R-SA-6', 'scscf')


@case
def network_refused_once_is_asked_again():
    """R-SA-7"""
    u, before = ue_of(aka, 'tls'), core.mark()
    same(u.first().status, 401, 'first')
    for status in (401, 403):
        a = u.answer(password='', auth_changes={'response': '', 'qop': None, 'nc': None, 'cnonce': None})
        same(a.status, status, 'empty response')
        u.nonce = a.challenge() if status == 401 else None
    core.refused(before, 'R-SA-7', 'scscf')


@case
def wrong_password():
    """R-SA-10"""
    u, before = ue_of(dora), core.mark()
    same(u.first().status, 401, 'first')
    for status in (401, 401, 403):
        a = u.answer(password='wrong')
        same(a.status, status, 'wrong password')
        if status == 401:
            assert a.challenge()['nonce'] != u.nonce['nonce'] and 'stale' not in a.challenge(), a
            u.nonce, u.nc = a.challenge(), 0
    core.refused(before, 'R-SA-10', 'scscf')


@case
def nonce_is_used_once():
    """R-SA-9, R-SA-11"""
    u = ue_of(dora)
    same(u.register().status, 200, 'registered')
    u.nc = 0
    a = u.answer()  # the same nc again
    same((a.status, a.challenge().get('stale')), (401, 'true'), 'replay')
    assert a.challenge()['nonce'] != u.nonce['nonce'], 'the same nonce again'
    # an AKA nonce is spent with its answer, right or wrong
    k = ue_of(aka, 'tls')
    k.first()
    same(k.answer(password=b'x').status, 403, 'wrong')
    a = k.answer(password=b'y')
    same((a.status, a.challenge()['nonce'] == k.nonce['nonce']), (401, False), 'spent nonce')
    # a nonce that nobody gave out
    u.nonce = dict(u.nonce, nonce='made-up')
    a = u.answer()
    same((a.status, a.challenge().get('stale')), (401, 'true'), 'unknown nonce')
    u.register(Contact='*', Expires='0')


@case
def unknown_user():
    """R-SA-14"""
    before = core.mark()
    u = ue_of(dict(dora, impi='nobody@ims.mc.example', impus=['sip:nobody@ims.mc.example']))
    same(u.first().status, 403, 'unknown')
    core.refused(before, 'R-SA-14', 'icscf')


@case
def identities_of_two():
    """R-SA-13"""
    before = core.mark()
    same(ue_of(dict(dora, impi=dirk['impi'])).first().status, 403, 'a stranger\'s IMPI')
    core.refused(before, 'R-SA-13', 'icscf')


@case
def foreign_domain():
    """R-SA-2"""
    before = core.mark()
    same(ue_of(dora).ask(uri='sip:ims.elsewhere.example').status, 404, 'foreign domain')
    core.refused(before, 'R-SA-2', 'icscf')


@case
def contact_star():
    """R-SA-20"""
    u, before = ue_of(dora), core.mark()
    same(u.first(Contact='*', Expires='600').status, 400, '* that is to stay')
    same(u.first(Contact=['*', u.contact], Expires='0').status, 400, '* and another')
    core.refused(before, 'R-SA-20')
    same(u.register().status, 200, 'registered')
    ok = u.answer(Contact='*', Expires='0')
    same((ok.status, ok.each('Contact')), (200, []), '* that is to go')


@case
def contacts_that_differ():
    """R-SA-18"""
    u, before = ue_of(dora), core.mark()
    same(u.first(Contact=['<sip:a@192.0.2.1:5060>', '<sip:b@192.0.2.2:5060>']).status, 400, 'two addresses')
    same(u.first(Contact=['<sip:a@192.0.2.1:5060>', '<sip:b@192.0.2.1:5062>']).status, 400, 'two ports')
    core.refused(before, 'R-SA-18', 'pcscf')


@case
def too_brief_too_long():
    """R-SA-15, R-SA-16"""
    u, before = ue_of(dora), core.mark()
    a = u.first(Contact=u.contact + ';expires=59')
    same((a.status, a.get('Min-Expires')), (423, '60'), 'too brief')
    core.refused(before, 'R-SA-15', 'scscf')
    ok = u.register(Contact=u.contact + ';expires=4000000000')
    same(ok.status, 200, 'long')
    assert int(re.search(r'expires=(\d+)', ok.get('Contact')).group(1)) <= 604800, ok
    ok = u.register(Contact=u.contact + ';expires=120', Expires='300')
    assert re.search(r'expires=1(20|19)', ok.get('Contact')), ok
    ok = u.register(Contact=u.contact, Expires='300')
    assert re.search(r'expires=(300|299)', ok.get('Contact')), ok
    u.register(Contact='*', Expires='0')


@case
def cseq_used_again():
    """R-SA-19"""
    u, before = ue_of(dora), core.mark()
    same(u.register().status, 200, 'registered')
    u.cseq -= 1
    a = u.answer(Contact=u.contact + ';expires=0')
    same(a.status, 500, 'the same CSeq in another REGISTER')
    core.refused(before, 'R-SA-19', 'scscf')
    same(u.register(Contact='*', Expires='0').status, 200, 'leaving')


@case
def retransmission_is_answered_alike():
    """R-SA-99"""
    u = ue_of(dora)
    rq = u.link.build('REGISTER', u.home, u.headers(Authorization='Digest username="%s",realm="%s",uri="%s",nonce="",'
                                                    'response=""' % (u.impi, core.ims, u.home)))
    u.link.send(rq)
    first = u.link.final()
    u.link.send(rq)
    same(u.link.final().raw, first.raw, 'second answer')


@case
def strangers_requests():
    """R-SA-24"""
    for proto in ('udp', 'tcp', 'tls'):
        for method in ('PUBLISH', 'INVITE', 'MESSAGE'):
            before = core.mark()
            a = ue_of(dora, proto).request(method, PSI, P_Asserted_Identity='<%s>' % dora['impus'][0])
            same(a.status, 403, '%s over %s' % (method, proto))
            core.refused(before, 'R-SA-24', 'pcscf', method=method)


@case
def registered_elsewhere():
    """R-SA-24"""
    u = ue_of(dora)
    same(u.register().status, 200, 'registered')
    # the same host from another port, and over TCP from another port, is not this UE
    same(ue_of(dora).request('MESSAGE', PSI).status, 403, 'another port')
    same(ue_of(dora, 'tcp').request('MESSAGE', PSI).status, 403, 'another port over TCP')
    same(ue_of(dora, 'tls').request('MESSAGE', PSI).status, 403, 'another connection')
    u.register(Contact='*', Expires='0')
    same(u.request('MESSAGE', PSI).status, 403, 'after leaving')


@case
def one_ue_leaves_and_the_other_stays():
    """R-SA-24"""
    a, b = ue_of(dora), ue_of(dora, 'tcp')
    same((a.register().status, b.register().status), (200, 200), 'two UEs of one identity')
    same(a.answer(Contact=a.contact + ';expires=0').status, 200, 'one leaves')
    same(a.request('MESSAGE', PSI).status, 403, 'who left')
    same(b.request('MESSAGE', PSI, P_Preferred_Service='urn:urn-7:3gpp-service.ims.icsi.mcptt').status, 200, 'who stays')
    b.register(Contact='*', Expires='0')


def core_side(port, cert=None, proto='tls'):
    return Link(core, proto, (core.net + '.' + port.split(':')[0], int(port.split(':')[1])), cert=cert)


@case
def core_believes_certificates_alone():
    """R-SA-24"""
    hss = (core.path('tls', 'hss.crt'), core.path('tls', 'hss.key'))  # of the deployment, and of no CSCF
    for port, proto, cert in (('7:5061', 'tls', None), ('7:5061', 'tls', hss), ('7:5060', 'tcp', None),
                              ('8:5061', 'tls', hss), ('8:5060', 'tcp', None), ('6:5070', 'tcp', None)):
        before = core.mark()
        try:
            link = core_side(port, cert, proto)
            u = RawUe(core, dora, link)
            a = u.first()
        except (OSError, AssertionError):  # the handshake failed: refused too
            continue
        same(a.status, 403, '%s over %s' % (port, proto))
        core.refused(before, 'R-SA-24')


# Messages that are none, and connections that say too little

@case
def malformed():
    """RFC 3261 clause 18.3"""
    rows = [
        (b'REGISTER sip:ims.mc.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n\r\n', 400),
        (b'REGISTER sip:ims.mc.example SIP/3.0\r\nVia: SIP/3.0/UDP 127.0.0.1;branch=z9hG4bK2\r\nTo: <sip:a@b>\r\nFrom: '
         b'<sip:a@b>;tag=1\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n', 505)]
    for data, status in rows:
        link = gm('udp')
        link.send(data.replace(b'127.0.0.1;', ('%s:%d;rport;' % (link.ip, link.port)).encode()))
        a = link.receive(2)
        assert a is None or a.status == status, '%s: %s' % (data, a)
    u = ue_of(dora)
    for changes in ({'To': 'nonsense <'}, {'To': None}, {'CSeq': 'x REGISTER'}, {'CSeq': '1 INVITE'},
                    {'Contact': '<nonsense'}, {'Call_ID': None}, {'From': None}, {'To': '<mailto:a@b>'}):
        u.link.send(u.link.build('REGISTER', u.home, u.headers(**changes)))
        a = u.link.receive(2)
        assert a is None or a.status in (400, 403, 416), '%s: %s' % (changes, a)
    for junk in (b'\0' * 100, secrets.token_bytes(1000), b'GET / HTTP/1.1\r\n\r\n', b'\r\n\r\n', b'SIP/2.0 200 OK\r\n\r\n'):
        for proto in ('udp', 'tcp'):
            link = gm(proto)
            link.send(junk)
    same(ue_of(dora).first().status, 401, 'afterwards')


@case
def too_large():
    """R-SA-128"""
    u = ue_of(dora, 'tcp')
    h = u.headers(Content_Type='text/plain')
    u.link.send(u.link.build('REGISTER', u.home, h, b'x' * 70000))
    a = u.link.receive(5)
    same(a.status, 413, 'body of 70000')
    same(u.link.receive(5), None, 'nothing more')
    assert u.link.closed, 'the connection stands'
    u = ue_of(dora, 'tcp')
    u.link.send(b'REGISTER sip:x SIP/2.0\r\n' + b'X: ' + b'y' * 70000)
    a = u.link.receive(5)
    assert a is None or a.status == 413, a
    same(ue_of(dora).first().status, 401, 'afterwards')


@case
def half_open_and_slow_senders_block_nobody():
    """R-SA-128"""
    held = []
    for _ in range(30):
        s = socket.create_connection((core.net + '.6', 5061))  # no TLS follows
        held.append(s)
        s = socket.create_connection((core.net + '.6', 5061))
        s.sendall(b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc')
        held.append(s)
        link = gm('tcp')
        link.send(b'REGISTER sip:ims.mc.example SIP/2.0\r\nVia: SIP/2.0/TCP')
        held.append(link)
    stop = threading.Event()

    def drip(link):
        for octet in b' 192.0.2.1;branch=z9hG4bK' * 40:
            if stop.wait(0.02):
                return
            try:
                link.send(bytes([octet]))
            except OSError:
                return
    for link in held[2:30:3]:
        threading.Thread(target=drip, args=(link,), daemon=True).start()
    try:
        for proto in ('udp', 'tcp', 'tls'):
            start = time.monotonic()
            u = ue_of(dirk, proto)
            same(u.register().status, 200, proto)
            same(u.register(Contact='*', Expires='0').status, 200, proto)
            assert time.monotonic() - start < 5, '%.1f s over %s' % (time.monotonic() - start, proto)
    finally:
        stop.set()
        for s in held:
            s.close()


@case
def security_agreement_may_be_demanded():
    """R-SA-22"""
    with Deployment('agree', roles=['hss', 'pcscf', 'icscf', 'scscf'], settings={'pcscf': {'sec_agree': 'require'}}) as d:
        user = d.add_user('dora', auth='digest')
        u = RawUe(d, user, Link(d, 'tls', (d.net + '.6', 5061)))
        before = d.mark()
        a = u.first()
        same((a.status, a.get('Require')), (421, 'sec-agree'), 'without')
        d.refused(before, 'R-SA-22', 'pcscf')
        a = u.first(Require='sec-agree')
        same((a.status, a.get('Security-Server')), (494, 'tls;q=0.1'), 'without a mechanism')
        asks = {'Require': 'sec-agree', 'Proxy_Require': 'sec-agree', 'Security_Client': 'tls'}
        a = u.first(**asks)
        same((a.status, a.get('Security-Server')), (401, 'tls;q=0.1'), 'with')
        a = u.answer(Security_Verify='tls;q=0.9', **asks)
        same((a.status, a.get('Security-Server')), (494, 'tls;q=0.1'), 'another Security-Verify')
        same(u.answer(Security_Verify='tls;q=0.1', **asks).status, 200, 'all of it')


# The MC server, as an S-CSCF sees it

mc = Deployment('mc', roles=['mcx'], settings={'mcx': {'publish_min': '2s', 'bindings_max': '2'}})
good_key, ec_key, stranger_key = (Key(test_dir(), k, t) for k, t in (('k1', 'RSA'), ('k2', 'EC'), ('k9', 'RSA')))
NOTHING = object()


def mc_user(name, **more):
    o = {'mc_id': name + '@mc.example', 'mcptt_id': 'sip:%s@mc.example' % name, 'mcvideo_id': 'sip:%s-v@mc.example' % name,
         'mcdata_id': 'sip:%s-d@mc.example' % name, 'profiles': [1, 2]}
    mc.admin('mcx', 'user-put', **dict(o, **more))
    return dict(o, impu='sip:%s.impu@ims.mc.example' % name)


@case
def mc_server_starts():
    global issuer, isc, alice, bob, off
    issuer = Issuer(mc, mc.net + '.99', [good_key, ec_key])
    mc.setting('mcx', 'issuer', issuer.url)
    mc.setting('mcx', 'jwks_url', issuer.url + '/jwks.json')
    mc.start()
    alice, bob, off = mc_user('alice'), mc_user('bob'), mc_user('gone', enabled=False)
    isc = link()


def link(proto='tls', cert='scscf'):
    return Link(mc, proto, (mc.net + '.5', 5061 if proto == 'tls' else 5060),
                cert=cert and (mc.path('tls', cert + '.crt'), mc.path('tls', cert + '.key')))


def token(user=None, key=None, head=None, **changes):
    user = user or alice
    c = dict({'aud': ['mc.example'], 'mcptt_id': user['mcptt_id'], 'mcvideo_id': user['mcvideo_id'],
              'mcdata_id': user['mcdata_id'], 'scope': SCOPE + ' 3gpp:mc:video_service 3gpp:mc:data_service'}, **changes)
    t = (key or good_key).token(issuer.claims(**c), **(head or {}))
    mc.secret(t)
    return t


def info(service='mcptt', inside='', tag='', **elements):
    """mcptt-info with elements by name, underscores for hyphens; a value None leaves it out."""
    rows = ''
    for k, v in elements.items():
        if v is not None:
            kind = 'anyURI' if 'uri' in k else 'String'
            name = '%s%s' % (service, 'URI' if kind == 'anyURI' else 'String')
            rows += '<%s-%s type="Normal"><%s>%s</%s></%s-%s>' % (service, k.replace('_', '-'), name, v, name, service,
                                                                 k.replace('_', '-'))
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<%sinfo xmlns="urn:3gpp:ns:%sInfo:1.0"><%s-Params%s>%s%s</%s-Params>'
            '</%sinfo>' % (service, service, service, tag, rows, inside, service, service))


def settings(mode='automatic', index=1, extra=''):
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<poc-settings xmlns="urn:oma:params:xml:ns:poc:poc-settings" '
            'xmlns:m="urn:3gpp:mcsSettings:1.0"><entity id="e1">%s%s%s</entity></poc-settings>' % (
                '<am-settings><answer-mode>%s</answer-mode></am-settings>' % mode if mode else '', extra,
                '<m:selected-user-profile-index><m:user-profile-index>%s</m:user-profile-index>'
                '</m:selected-user-profile-index>' % index if index is not None else ''))


INFO, SETTINGS = 'application/vnd.3gpp.mcptt-info+xml', 'application/poc-settings+xml'


def multipart(*parts, boundary='b1', end=True):
    text = ''.join('--%s\r\nContent-Type: %s\r\n\r\n%s\r\n' % ((boundary,) + p) for p in parts)
    return text + ('--%s--\r\n' % boundary if end else '')


def publish(parts=None, user=None, on=None, impu=None, body=None, kind='multipart/mixed;boundary=b1', uri=PSI, **changes):
    """parts: [(media type, text)], or a whole body. Headers with underscores; None leaves one out."""
    impu = impu or (user or alice)['impu']
    body = body if body is not None else multipart(*parts) if parts else b''
    h = {'Max-Forwards': '66', 'From': '<%s>;tag=%s' % (impu, secrets.token_hex(4)), 'To': '<%s>' % uri,
         'Call-ID': secrets.token_hex(10), 'CSeq': '1 PUBLISH', 'P-Asserted-Identity': '<%s>' % impu,
         'P-Asserted-Service': 'urn:urn-7:3gpp-service.ims.icsi.mcptt', 'Event': 'poc-settings', 'Expires': '4294967295',
         'Content-Type': kind if body else None}
    h.update({k.replace('_', '-'): v for k, v in changes.items()})
    return (on or isc).ask('PUBLISH', uri, h, body)


def authorise(user=None, client='c1', its_token=None, **changes):
    user = user or alice
    return publish([(INFO, info(access_token=its_token or token(user), client_id=client)), (SETTINGS, settings())],
                   user=user, **changes)


def bindings(user=None, service='mcptt'):
    return sorted((b['client_id'], b['impu']) for b in mc.admin('mcx', 'binding-list')['bindings']
                  if b['mc_id'] == (user or alice)[service + '_id'] and b['service'] == service)


def leave(user=None):
    """All bindings of the IMPU go."""
    user = user or alice
    same(third_party(user['impu'], expires=0).status, 200, 'leaving')


tp_cseq = [0]


def third_party(impu, expires=3600, body=b'', on=None, **changes):
    tp_cseq[0] += 1
    uri = 'sip:%s.5:5061;transport=tls' % mc.net
    h = {'Max-Forwards': '70', 'From': '<sip:%s.8:5061>;tag=%s' % (mc.net, secrets.token_hex(4)), 'To': '<%s>' % impu,
         'Call-ID': '3p-' + impu, 'CSeq': '%d REGISTER' % tp_cseq[0], 'Contact': '<sip:%s.8:5061;transport=tls>' % mc.net,
         'Expires': None if expires is None else str(expires)}
    h.update({k.replace('_', '-'): v for k, v in changes.items()})
    return (on or isc).ask('REGISTER', uri, h, body)


def no(answer, status, warning=None):
    same((answer.status, answer.warning), (status, warning), str(answer))


E101 = '101 service authorisation failed'
E141 = '141 user unknown to the participating function'


@case
def good_authorisation():
    """R-SA-51, R-SA-58, R-SA-69, R-SA-75, R-SA-76, R-SA-132"""
    same(third_party(alice['impu']).status, 200, 'third-party REGISTER')
    ok = authorise()
    same(ok.status, 200, str(ok))
    assert re.fullmatch(r'[A-Za-z0-9.!%*_+`~-]+', ok.get('SIP-ETag')), ok
    same((int(ok.get('Expires')) <= 2147483647, ok.get('P-Asserted-Identity'), ok.body), (True, '<%s>' % PSI, b''), 'answer')
    # as clients vary it: quoted boundary, preamble, order, unknown parts and elements, no Accept-Contact
    body = 'preamble\r\n' + multipart(('text/plain', 'hello'), (SETTINGS, settings()), (INFO, info(
        client_id='c1', access_token=token(), inside='<x:new xmlns:x="urn:x">1</x:new>', tag=' x="y"')), boundary='b 1')
    same(publish(body=body, kind='multipart/mixed; boundary="b 1"').status, 200, 'variations')
    same(bindings(), [('c1', alice['impu'])], 'bindings')


# Heads and bodies of PUBLISH

def add_publish(name, req, status, warning, make):
    def fn():
        before = mc.mark()
        no(make(), status, warning)
        mc.refused(before, req, 'mcx')
    fn.__doc__ = req
    add_case('publish-' + name, fn)


def good_parts():
    return [(INFO, info(access_token=token(), client_id='c1')), (SETTINGS, settings())]


DTD = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'

for _name, _req, _status, _warning, _make in [
    ('without-event', 'R-SA-53', 489, None, lambda: publish(good_parts(), Event=None)),
    ('of-another-event', 'R-SA-53', 489, None, lambda: publish(good_parts(), Event='reg')),
    ('without-asserted-identity', 'R-SA-54', 403, None, lambda: publish(good_parts(), P_Asserted_Identity=None)),
    ('to-a-stranger', 'R-SA-55', 404, None, lambda: publish(good_parts(), uri='sip:other@elsewhere.example')),
    ('of-text', 'R-SA-56', 415, None, lambda: publish(body='hello', kind='text/plain')),
    ('of-parts-that-are-not-served', 'R-SA-56', 415, None, lambda: publish([('text/plain', 'hello')])),
    ('without-boundary', 'R-SA-57', 400, None, lambda: publish(body=multipart(*good_parts()), kind='multipart/mixed')),
    ('with-another-boundary', 'R-SA-57', 400, None,
     lambda: publish(body=multipart(*good_parts()), kind='multipart/mixed;boundary=b2')),
    ('unterminated', 'R-SA-57', 400, None, lambda: publish(body=multipart(*good_parts(), end=False))),
    ('of-malformed-xml', 'R-SA-57', 400, None, lambda: publish([(INFO, info(client_id='c1')[:-4])])),
    ('with-a-dtd', 'R-SA-57', 400, None,
     lambda: publish([(INFO, info(access_token=token(), client_id='&e;').replace('?>\n', '?>\n' + DTD))])),
    ('nested-too-deep', 'R-SA-39', 413, None, lambda: publish(body=nested(6))),
    ('without-body-and-etag', 'R-SA-89', 400, None, lambda: publish()),
    ('with-an-unknown-etag', 'R-SA-88', 412, None, lambda: publish(SIP_If_Match='nobodys')),
    ('with-a-token-and-an-unknown-etag', 'R-SA-88', 412, None, lambda: publish(good_parts(), SIP_If_Match='nobodys')),
    ('of-two-services', 'R-SA-97', 400, None, lambda: publish(good_parts() + [
        ('application/vnd.3gpp.mcdata-info+xml', info('mcdata', access_token=token(), client_id='c1'))])),
    ('twice-the-same-service', 'R-SA-97', 400, None, lambda: publish(good_parts() + good_parts()[:1])),
    ('with-a-wrong-answer-mode', 'R-SA-83', 400, None,
     lambda: publish([good_parts()[0], (SETTINGS, settings(mode='sometimes'))])),
    ('of-an-unknown-profile', 'R-SA-84', 403, '100 function not allowed due to unknown user profile',
     lambda: publish([good_parts()[0], (SETTINGS, settings(index=7))])),
    ('without-client-id', 'R-SA-68', 403, E101, lambda: publish([(INFO, info(access_token=token()))])),
    ('with-an-empty-client-id', 'R-SA-68', 403, E101, lambda: publish([(INFO, info(access_token=token(), client_id=''))])),
    ('of-another-user', 'R-SA-66', 403, E101, lambda: publish([(INFO, info(
        access_token=token(), client_id='c1', request_uri='sip:bob@mc.example'))])),
    ('of-an-unknown-user', 'R-SA-67', 403, E101, lambda: authorise(its_token=token(mcptt_id='sip:nobody@mc.example'))),
    ('of-a-disabled-user', 'R-SA-67', 403, E101, lambda: authorise(off)),
    ('with-a-token-element-without-token', 'R-SA-77', 403, E101, lambda: publish([(INFO, info(
        client_id='c1', inside='<mcptt-access-token type="Normal"/>'))])),
    ('encrypted-without-data', 'R-SA-78', 403, '140 unable to decrypt XML content', lambda: publish([(INFO, info(
        client_id='c1', inside='<mcptt-access-token type="Encrypted"/>'))])),
    ('of-settings-by-nobody', 'R-SA-91', 404, E141, lambda: publish([(SETTINGS, settings())], user=bob)),
    ('of-settings-for-another', 'R-SA-92', 403, E101, lambda: publish([
        (INFO, info(request_uri='sip:bob@mc.example')), (SETTINGS, settings())])),
    ('log-off-of-nobody', 'R-SA-91', 404, E141, lambda: publish(user=bob, Expires='0')),
]:
    add_publish(_name, _req, _status, _warning, _make)


def nested(depth):
    body, kind = info(access_token=token(), client_id='c1'), INFO
    for i in range(depth):
        body, kind = multipart((kind, body), boundary='n%d' % i), 'multipart/mixed;boundary=n%d' % i
    return multipart((kind, body))


@case
def refusals_name_what_is_served():
    """R-SA-53, R-SA-56, R-SA-87"""
    assert 'poc-settings' in publish(good_parts(), Event='reg').get('Allow-Events'), 'Allow-Events'
    assert any(INFO in v for v in publish(body='x', kind='text/plain').each('Accept')), 'Accept'
    before = mc.mark()
    a = publish(good_parts(), Expires='1')
    same((a.status, a.get('Min-Expires')), (423, '2'), 'too brief')
    mc.refused(before, 'R-SA-87', 'mcx')
    no(publish(good_parts(), SIP_If_Match=['a', 'b']), 400)  # R-SA-88; no role sees a header twice that stands once


# Tokens

def add_token(name, req, make, ids='', service=None):
    def fn():
        before = mc.mark()
        no(authorise(client='forger', its_token=make()), 403, E101)
        mc.refused(before, req, 'mcx')
        assert ('forger', alice['impu']) not in bindings(), 'it is bound'
    fn.__doc__ = ids + ' ' + req
    add_case('token-' + name, fn)


def tampered():
    h, p, s = token().split('.')
    return '.'.join((h, p, ('A' if s[20] != 'A' else 'B').join((s[:20], s[21:]))))


def claims():
    return issuer.claims(aud=['mc.example'], mcptt_id=alice['mcptt_id'])


for _name, _req, _make, _ids in [
    ('that-is-none', 'R-ID-82', lambda: 'not-a-token', 'R-SA-59'),
    ('with-a-changed-signature', 'R-ID-82', tampered, 'R-SA-59'),
    ('by-a-stranger-under-our-kid', 'R-ID-82', lambda: token(key=stranger_key, head={'kid': 'k1'}), 'R-SA-59'),
    ('by-a-stranger', 'R-ID-86', lambda: token(key=stranger_key), 'R-SA-60'),
    ('without-signature', 'R-ID-87', lambda: unsigned(claims(), kid='k1'), 'R-SA-60'),
    ('signed-with-the-public-key', 'R-ID-87', lambda: hmac_signed(claims(), good_key.public_pem(), kid='k1'), 'R-SA-60'),
    ('expired', 'R-ID-100', lambda: token(exp=int(time.time()) - 120, iat=int(time.time()) - 700), 'R-SA-61'),
    ('not-valid-yet', 'R-ID-85', lambda: token(nbf=int(time.time()) + 600), 'R-SA-61'),
    ('of-another-issuer', 'R-ID-86', lambda: token(iss='https://other.example'), 'R-SA-62'),
    ('without-the-service-scope', 'R-ID-83', lambda: token(scope='openid 3gpp:mc:ptt_key_management_service'), 'R-SA-63'),
    ('for-another-audience', 'R-ID-88', lambda: token(aud=['elsewhere.example']), ''),
    ('without-mcptt-id', 'R-ID-84', lambda: token(mcptt_id=None), 'R-SA-64'),
    ('with-an-id-that-is-no-uri', 'R-SA-64', lambda: token(mcptt_id='alice'), 'R-SA-64'),
    ('of-mcdata-alone', 'R-ID-83', lambda: token(mcptt_id=None, scope='openid 3gpp:mc:data_service'), 'R-SA-65'),
    ('of-another-kind', 'R-ID-28', lambda: token(head={'typ': 'JWT'}), ''),
]:
    add_token(_name, _req, _make, _ids)


@case
def bound_is_whom_the_token_names():
    """R-SA-70"""
    leave(bob)
    same(authorise(bob, impu=bob['impu']).status, 200, 'bob')
    a = publish([(INFO, info(access_token=token(alice), client_id='c1')), (SETTINGS, settings())], user=bob,
                From='<%s>;tag=1' % bob['impu'])
    same(a.status, 200, 'alice on bob\'s device')
    same((bindings(bob), bindings(alice)), ([], [('c1', bob['impu'])]), 'bindings')  # R-SA-109 too: hers moved


# Several clients, refresh, end

@case
def second_client_is_told():
    """R-SA-71, R-SA-133"""
    leave(bob)
    leave()
    third_party(alice['impu'])
    same(authorise(client='c1').body, b'', 'the first hears nothing')
    ok = authorise(client='c2')
    same((ok.status, ok.get('Content-Type')), (200, INFO), str(ok))
    assert re.search(r'<multiple-devices-ind[^>]*>\s*<mcpttBoolean>true<', ok.text), ok.text
    same(len(bindings()), 2, 'bindings')


@case
def limit_of_clients():
    """R-SA-72, R-SA-73"""
    before, was = mc.mark(), bindings()
    no(authorise(client='c3'), 486, '164 maximum number of service authorizations reached')
    mc.refused(before, 'R-SA-72', 'mcx')
    same(bindings(), was, 'bindings')
    same(authorise(client='c2').status, 200, 'one of them again')


@case
def settings_are_those_of_the_etags_client():
    """R-SA-88, R-SA-90, R-SA-94, R-SA-134"""
    e1, e2 = (authorise(client=c).get('SIP-ETag') for c in ('c1', 'c2'))
    ok = publish(SIP_If_Match=e1)
    same((ok.status, ok.get('SIP-ETag') not in (e1, e2, None)), (200, True), 'refresh without body')
    no(publish(SIP_If_Match=e1), 412)
    same(authorise(client='c2', SIP_If_Match=e2).status, 200, 'refresh with everything')
    same(len(bindings()), 2, 'bindings')
    # one leaves, the other stays
    same(publish(SIP_If_Match=ok.get('SIP-ETag'), Expires='0').get('Expires'), '0', 'log-off')
    same([c for c, _ in bindings()], ['c2'], 'bindings')
    before = mc.mark()
    same(publish(Expires='0').status, 200, 'the last one')
    same(isc.ask('INVITE', PSI, {'Max-Forwards': '70', 'From': '<%s>;tag=1' % alice['impu'], 'To': '<%s>' % PSI,
                                 'Call-ID': secrets.token_hex(8), 'CSeq': '1 INVITE',
                                 'P-Asserted-Identity': '<%s>' % alice['impu']}).warning, E141, 'INVITE')
    mc.refused(before, 'R-SA-101', 'mcx')


@case
def two_at_once_at_the_limit():
    """R-SA-100"""
    leave()
    third_party(alice['impu'])
    same(authorise(client='c1').status, 200, 'first')
    for _ in range(5):
        links = [link() for _ in range(6)]
        bodies = [token() for _ in links]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            got = sorted(pool.map(lambda i: authorise(client='r%d' % i, its_token=bodies[i], on=links[i]).status, range(6)))
        same(got, [200] + [486] * 5, 'answers')
        same(len(bindings()), 2, 'bindings')
        winner = [c for c, _ in bindings() if c != 'c1'][0]
        etag = authorise(client=winner).get('SIP-ETag')
        same(publish(SIP_If_Match=etag, Expires='0').status, 200, 'the winner leaves')


@case
def another_impu_and_another_user():
    """R-SA-109, R-SA-110"""
    leave()
    for impu in (alice['impu'], 'sip:other.impu@ims.mc.example'):
        third_party(impu)
        same(authorise(client='c1', impu=impu).status, 200, impu)
        same(bindings(), [('c1', impu)], 'bindings')
    # both clients of the first user leave the device with it
    impu = alice['impu']
    for c in ('c1', 'c2'):
        same(authorise(client=c, impu=impu).status, 200, c)
    same(authorise(bob, client='c1', impu=impu).status, 200, 'the next user')
    same((bindings(), bindings(bob)), ([], [('c1', impu)]), 'bindings')
    leave()


@case
def services_apart():
    """R-SA-95, R-SA-96"""
    for s in ('mcvideo', 'mcdata'):
        a = publish([('application/vnd.3gpp.%s-info+xml' % s, info(s, access_token=token(), client_id='c1'))],
                    uri='sip:%s-psi@mc.example' % s, P_Asserted_Service='urn:urn-7:3gpp-service.ims.icsi.' + s)
        same(a.status, 200, str(a))
        same(bindings(service=s), [('c1', alice['impu'])], s)
    same(bindings(), [], 'mcptt')
    leave()


@case
def deployed_client():
    """R-SA-52, R-SA-82, R-SA-131"""
    ok = publish([(INFO, info(access_token=token(), client_id=alice['mcptt_id']))], uri='sip:mc.example',
                 P_Asserted_Service='urn:urn-7:3gpp-service.ims.icsi.mcptt')
    same(ok.status, 200, str(ok))
    same([b['answer_mode'] for b in mc.admin('mcx', 'binding-list')['bindings']], ['manual'], 'answer mode')
    leave()


@case
def authorisation_ends():
    """R-SA-102"""
    third_party(alice['impu'])
    same(authorise(Expires='2').get('Expires'), '2', 'granted')
    wait_for('the end', lambda: not bindings(), 10)
    no(publish([(SETTINGS, settings())]), 404, E141)


# Third-party REGISTER

def mixed(inner, depth=0):
    body, kind = inner, 'message/sip'
    for i in range(depth):
        body, kind = multipart((kind, body), boundary='d%d' % i), 'multipart/mixed;boundary=d%d' % i
    return {'body': body, 'Content_Type': kind}


def inner(user=None, to=None, tags=';+g.3gpp.mcptt', body='', kind=INFO):
    to = to or (user or alice)['impu']
    return ('REGISTER sip:ims.mc.example SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKi\r\nFrom: <%s>;tag=1\r\nTo: <%s>'
            '\r\nCall-ID: i%s\r\nCSeq: 1 REGISTER\r\nContact: <sip:ue@192.0.2.1>%s\r\n%sContent-Length: %d\r\n\r\n%s' % (
                to, to, secrets.token_hex(6), tags, 'Content-Type: %s\r\n' % kind if body else '', len(body), body))


def registered(impu):
    return any(r['impu'] == impu for r in mc.admin('mcx', 'binding-list')['registrations'])


def with_token(its_token=None, user=None, **more):
    return inner(body=info(access_token=its_token or token(user), client_id='c1'), user=user, **more)


@case
def third_party_register_with_token():
    """R-SA-36, R-SA-42, R-SA-43"""
    for body in (mixed(with_token()), mixed(with_token(), 1), mixed(inner(
            body=multipart((INFO, info(access_token=token(), client_id='c1'))), kind='multipart/mixed;boundary=b1'), 1)):
        same(third_party(alice['impu'], **body).status, 200, 'answer')
        wait_for('the binding', bindings)
        leave()
        same((bindings(), registered(alice['impu'])), ([], False), 'R-SA-48')


@case
def third_party_register_ends():
    """R-SA-48"""
    third_party(alice['impu'])
    for c in ('c1', 'c2'):
        same(authorise(client=c).status, 200, c)
    same(third_party(alice['impu'], expires=0).status, 200, 'end')
    same((bindings(), registered(alice['impu'])), ([], False), 'what is left')


@case
def third_party_register_runs_out():
    """R-SA-49, R-SA-135"""
    third_party(alice['impu'])
    same(authorise(client='c1').status, 200, 'authorisation, which would last longer')
    same(third_party(alice['impu'], expires=2).status, 200, 'a short refresh')
    assert bindings() and registered(alice['impu']), 'gone at once'
    wait_for('the end', lambda: not registered(alice['impu']), 10)
    same(bindings(), [], 'bindings that are left')


@case
def third_party_register_in_the_form_of_kamailio():
    """R-SA-50"""
    plain = '<?xml version="1.0"?>\n<ims-3gpp version="1"><service-info>mcx=1</service-info></ims-3gpp>\n'
    same(third_party(alice['impu'], body=plain, Content_Type='application/3gpp-ims+xml', Event='registration',
                     Subject='REGISTRATION').status, 200, 'answer')
    assert registered(alice['impu']), 'not registered'
    same(bindings(), [], 'bindings')
    same(third_party(alice['impu'], expires=0, Event='registration').status, 200, 'end')
    assert not registered(alice['impu']), 'still registered'


@case
def third_party_register_is_answered_first():
    """R-SA-36"""
    for its_token in (None, 'e30.e30.c2ln'):  # RFC 3261 clause 17.1.1.1: T1 is 500 ms
        start = time.monotonic()
        same(third_party(alice['impu'], **mixed(with_token(its_token), 1)).status, 200, 'answer')
        assert time.monotonic() - start < 0.5, 'answered after %.2f s' % (time.monotonic() - start)
    leave()


@case
def third_party_register_without_expires():
    """R-SA-38"""
    same(third_party(alice['impu'], expires=None).get('Expires'), '3600', 'default')
    a = third_party(alice['impu'], expires=None, Contact='<sip:%s.8:5061>;expires=77' % mc.net)
    same(a.get('Expires'), '77', 'of the Contact')


@case
def third_party_register_of_a_wrong_to():
    """R-SA-38"""
    before = mc.mark()
    same(third_party('mailto:alice@mc.example').status, 400, 'mailto')
    mc.refused(before, 'R-SA-38', 'mcx')


def add_quiet(name, req, make, ids=''):
    """The S-CSCF gets its 200; nobody is bound."""
    def fn():
        leave()
        before = mc.mark()
        same(third_party(alice['impu'], **make()).status, 200, 'answer')
        mc.refused(before, req, 'mcx')
        same((bindings(), registered(alice['impu'])), ([], True), 'bound and registered')
    fn.__doc__ = ids + ' ' + req
    add_case('third-party-register-' + name, fn)


add_quiet('nested-too-deep', 'R-SA-39', lambda: mixed(with_token(), 6))
add_quiet('of-another-identity-inside', 'R-SA-40', lambda: mixed(with_token(user=bob), 1))
add_quiet('with-an-expired-token', 'R-ID-100', lambda: mixed(with_token(token(exp=int(time.time()) - 120)), 1), 'R-SA-44')
add_quiet('with-malformed-xml-inside', 'R-SA-57', lambda: mixed(inner(body='<mcptt'), 1), 'R-SA-44')
add_quiet('without-boundary', 'R-SA-57', lambda: {'body': 'x', 'Content_Type': 'multipart/mixed'}, 'R-SA-44')


@case
def one_bad_token_of_three():
    """R-SA-45"""
    leave()
    body = multipart(*[('application/vnd.3gpp.%s-info+xml' % s, info(s, access_token=t, client_id='c1')) for s, t in (
        ('mcptt', token()), ('mcvideo', tampered()), ('mcdata', token()))])
    third_party(alice['impu'], **mixed(inner(body=body, kind='multipart/mixed;boundary=b1',
                                             tags=';+g.3gpp.mcptt;+g.3gpp.mcvideo;+g.3gpp.mcdata.sds'), 1))
    wait_for('two bindings', lambda: bindings() and bindings(service='mcdata'))
    same(bindings(service='mcvideo'), [], 'the bad one')


@case
def service_no_longer_announced():
    """R-SA-47, R-SA-41"""
    third_party(alice['impu'], **mixed(inner(tags=';+g.3gpp.mcdata.sds'), 1))
    wait_for('mcptt to end', lambda: not bindings())
    same(bindings(service='mcdata'), [('c1', alice['impu'])], 'mcdata')
    leave()


@case
def news_that_was_overtaken():
    """R-SA-19"""
    third_party(alice['impu'])
    before = mc.mark()
    assert third_party(alice['impu'], expires=0, CSeq='1 REGISTER').status in (400, 500), 'an old CSeq'
    mc.refused(before, 'R-SA-19', 'mcx')
    assert registered(alice['impu']), 'it was believed'


@case
def strangers():
    """R-SA-37"""
    leave(bob)
    before = mc.mark()
    same(third_party(bob['impu'], on=link('tcp', None)).status, 403, 'without TLS')
    refusal = mc.refused(before, 'R-SA-37', 'mcx')
    assert 'R-SA-37' == refusal['req'], refusal
    for cert in (None, 'hss', 'pcscf'):
        before = mc.mark()
        try:
            a = third_party(bob['impu'], on=link('tls', cert))
        except (OSError, AssertionError):  # refused in the handshake
            continue
        same((a.status, a.warning), (403, None), 'certificate of %s' % cert)
        mc.refused(before, 'R-SA-37', 'mcx')
    same(authorise(bob, on=link('tcp', None)).status, 403, 'PUBLISH without TLS')
    same((bindings(bob), registered(bob['impu'])), ([], False), 'what a stranger reached')


@case
def issuer_out_of_reach_is_no_refusal():
    """R-SA-74"""
    with Deployment('alone', roles=['mcx']) as d:
        d.admin('mcx', 'user-put', mc_id='alice@mc.example', mcptt_id=alice['mcptt_id'], profiles=[1])
        l = Link(d, 'tls', (d.net + '.5', 5061), cert=(d.path('tls', 'scscf.crt'), d.path('tls', 'scscf.key')))
        # a token of the issuer that this one trusts, whose keys it cannot fetch
        a = authorise(its_token=token(iss='https://%s.1:8443' % d.net), on=l)
        same((a.status, a.warning), (500, None), str(a))
        assert int(a.get('Retry-After')) > 0, a


@case
def nothing_leaks():
    """R-SA-127"""
    same((core.leaks(), mc.leaks()), ([], []), 'secrets in logs')


main()
