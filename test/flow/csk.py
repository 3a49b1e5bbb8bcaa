"""CSK uploads at the MC server. Real UEs sign on, but their PUBLISH ends at an application server of our own; what they
sent is then tried on the real one, as it is, again, changed, and in others' hands."""
import os
import re
import secrets
import time

from muster import Deployment, case, main, same, test_dir, wait_for
from oidc import certificate
from sip import Link, Server
from ue import CLIENT, REDIRECT, Ue

dep = Deployment('csk')
E101 = '101 service authorisation failed'


@case
def starts():
    global anna, bert, isc, server
    dep.setting('hss', 'as', '["sip:%s.77:5061;transport=tls"]' % dep.net)
    folder = os.path.join(test_dir(), 'as')
    os.mkdir(folder)
    server = Server((dep.net + '.77', 5061), certificate(dep, folder, dep.net + '.77'))
    server.answer = lambda m: 403 if m.method == 'PUBLISH' else 200
    dep.start()
    dep.add_client(CLIENT, redirect_uri=REDIRECT)
    anna, bert = Ue(dep, 'anna'), Ue(dep, 'bert')
    isc = Link(dep, 'tls', (dep.net + '.5', 5061), cert=(dep.path('tls', 'scscf.crt'), dep.path('tls', 'scscf.key')))
    wait_for('the server\'s keys', lambda: dep.admin('mcx', 'stats')['role'].get('server_keys_held', True))


def caught(ue):
    """The PUBLISH for MCPTT of a sign-on, which the application server refused: [(media type, octets)] and the message."""
    n = len(server.requests)
    assert ue.run('sign-on').status != 0
    m = wait_for('PUBLISH', lambda: [m for m in server.requests[n:] if m.method == 'PUBLISH'])[0]
    boundary = ('--' + re.search(r'boundary="?([^";]+)', m.get('Content-Type')).group(1)).encode()
    parts = []
    for p in (b'\r\n' + m.body).split(b'\r\n' + boundary)[1:-1]:
        head, _, body = p[2:].partition(b'\r\n\r\n')
        parts.append((re.search(rb'content-type:\s*([^\r\n;]+)', head, re.I).group(1).decode(), body))
    same(len([t for t, _ in parts if t == 'application/mikey']), 1, 'CSK uploads')
    return parts, m


def publish(parts, impu):
    body = b''.join(b'--bb\r\nContent-Type: ' + t.encode() + b'\r\nContent-Transfer-Encoding: binary\r\n\r\n' + b + b'\r\n'
                    for t, b in parts) + b'--bb--\r\n'
    uri = 'sip:mcptt-psi@mc.example'
    return isc.ask('PUBLISH', uri, {
        'Max-Forwards': '66', 'From': '<%s>;tag=%s' % (impu, secrets.token_hex(4)), 'To': '<%s>' % uri,
        'Call-ID': secrets.token_hex(10), 'CSeq': '1 PUBLISH', 'P-Asserted-Identity': '<%s>' % impu,
        'P-Asserted-Service': 'urn:urn-7:3gpp-service.ims.icsi.mcptt', 'Event': 'poc-settings', 'Expires': '4294967295',
        'Content-Type': 'multipart/mixed;boundary=bb'}, body)


def mikey(parts):
    return next(b for t, b in parts if t == 'application/mikey')


def with_mikey(parts, octets):
    return [(t, octets if t == 'application/mikey' else b) for t, b in parts]


def without_mikey(parts):
    return [(t, b) for t, b in parts if t != 'application/mikey']


def refused(parts, impu, req):
    before = dep.mark()
    a = publish(parts, impu)
    same((a.status, a.warning), (403, E101), str(a))
    return dep.refused(before, req, 'mcx')


@case
def upload_is_opened():
    """R-SA-51, R-KMS-118"""
    global first
    first, m = caught(anna)
    same(m.get('P-Asserted-Identity'), '<%s>' % anna.impu, 'P-Asserted-Identity')
    same(publish(first, anna.impu).status, 200, 'as it was sent')
    b = anna.bindings()['mcptt']
    assert b['csk'] and b['csk_id'] >> 28 == 2, b  # TS 33.180 annex G: purpose tag of a CSK


@case
def the_same_again_changes_nothing():
    """R-KMS-111"""
    was = anna.bindings()['mcptt']['csk_id']
    same(publish(first, anna.impu).status, 200, 'again')
    same(anna.bindings()['mcptt']['csk_id'], was, 'CSK-ID')


@case
def a_new_one_replaces_and_the_old_does_not_come_back():
    """R-KMS-119, R-KMS-110"""
    was = anna.bindings()['mcptt']['csk_id']
    time.sleep(1.1)  # its time has to be later, and counts in seconds
    second, _ = caught(anna)
    same(publish(second, anna.impu).status, 200, 'new')
    now = anna.bindings()['mcptt']['csk_id']
    assert now != was, 'the CSK is the same'
    refused(first, anna.impu, 'R-KMS-110')
    same(anna.bindings()['mcptt']['csk_id'], now, 'CSK-ID')


@case
def anothers_upload():
    """R-KMS-118, R-KMS-106"""
    parts, _ = caught(bert)
    refused(with_mikey(parts, mikey(first)), bert.impu, 'R-KMS-106')
    same(bert.bindings(), {}, 'bindings')
    same(publish(parts, bert.impu).status, 200, 'his own')


@case
def another_client_with_the_same_upload():
    """R-KMS-110"""
    parts, _ = caught(bert)
    same(publish(parts, bert.impu).status, 200, 'first client')
    other = [(t, b.replace(bert.state['mc_client_id'].encode(), b'other-client')) for t, b in parts]
    assert other != parts
    refused(other, bert.impu, 'R-KMS-110')


@case
def changed_upload():
    """TS 33.180 clause 5.4: nothing but the whole message, as its sender signed it"""
    parts, _ = caught(bert)
    good = mikey(parts)
    for i in range(0, len(good), 29):
        bad = good[:i] + bytes([good[i] ^ 0x55]) + good[i + 1:]
        a = publish(with_mikey(parts, bad), bert.impu)
        assert (a.status, a.warning) in ((403, E101), (400, None)), 'octet %d: %s' % (i, a)
    for bad in (good[:-1], good[:100], good + b'x', b'\x01', b'', b'QUJD', b'A' * 500):
        a = publish(with_mikey(parts, bad), bert.impu)
        assert (a.status, a.warning) in ((403, E101), (400, None)) or bad == b'', '%r: %s' % (bad[:9], a)
    same(publish(parts, bert.impu).status, 200, 'unchanged')


@case
def upload_may_be_demanded():
    """R-SA-81"""
    parts, _ = caught(bert)
    same(publish(without_mikey(parts), bert.impu).status, 200, 'csk: prefer')
    dep.stop()
    dep.setting('mcx', 'csk', 'require')
    dep.start()
    global isc
    isc = Link(dep, 'tls', (dep.net + '.5', 5061), cert=(dep.path('tls', 'scscf.crt'), dep.path('tls', 'scscf.key')))
    refused(without_mikey(parts), bert.impu, 'R-SA-81')
    same(publish(parts, bert.impu).status, 200, 'with it')


@case
def upload_of_another_time():
    """R-KMS-110"""
    dep.stop()
    dep.setting('mcx', 'mikey_window', '5s')
    dep.start()
    global isc
    isc = Link(dep, 'tls', (dep.net + '.5', 5061), cert=(dep.path('tls', 'scscf.crt'), dep.path('tls', 'scscf.key')))
    parts, _ = caught(anna)
    time.sleep(7)
    refused(parts, anna.impu, 'R-KMS-110')
    parts, _ = caught(anna)
    same(publish(parts, anna.impu).status, 200, 'in time')


main()
