"""sipp (Debian: sip-tester), a SIP implementation of others, registers users of SIP Digest over UDP and TCP."""
import os
import shutil
import subprocess

from muster import ROOT, Deployment, Skip, add_case, case, free_port, main, same, setup, test_dir

FOLDER = os.path.join(ROOT, 'test', 'interop', 'sipp')
TRANSPORTS = {'udp': 'u1', 'tcp': 't1'}
USERS = 5

dep = Deployment('sipp')


@setup
def starts():
    global users, phone
    if shutil.which('sipp') is None:
        raise Skip('there is no sipp here')
    dep.start()
    users = [dep.add_user('sipp%d' % i, auth='digest') for i in range(USERS)]
    # private and public identity alike, as a phone has them that knows one name and one password
    phone = dep.add_user('phone', auth='digest', impi='phone@' + dep.ims, impu='sip:phone@' + dep.ims)


def sipp(scenario, transport, who, calls=1, rate=1, password=None):
    """(calls that went well, calls that did not, what it said)"""
    here = dep.net + '.200'
    name = '%s-%s-%s' % (scenario, transport, os.urandom(3).hex())
    rows = os.path.join(test_dir(), name + '.csv')
    with open(rows, 'w', encoding='utf-8') as f:
        f.write('SEQUENTIAL\n')
        for u in who:
            f.write('%s;[authentication username=%s password=%s];%s;%s\n'
                    % (u['impus'][0].split(':', 1)[1], u['impi'], password or u['ims_password'], dep.ims, u['impi']))
    to = '%s:%d' % dep.address('pcscf', 'gm')
    argv = ['sipp', to, '-sf', os.path.join(FOLDER, scenario + '.xml'), '-inf', rows, '-t', TRANSPORTS[transport],
            '-i', here, '-p', str(free_port(here)), '-m', str(calls), '-r', str(rate), '-l', '1' if len(who) == 1 else str(len(who)),
            '-timeout', '60', '-timeout_error', '-recv_timeout', '20000', '-nostdin', '-trace_err',
            '-error_file', os.path.join(test_dir(), name + '.err'), '-trace_stat', '-stf', os.path.join(test_dir(), name + '.stat'),
            '-fd', '3600']
    p = subprocess.run(argv, cwd=test_dir(), capture_output=True, text=True, errors='replace', timeout=120)
    with open(os.path.join(test_dir(), name + '.stat'), encoding='utf-8') as f:
        lines = [x.rstrip('\n').split(';') for x in f]
    stat = dict(zip(lines[0], lines[-1]))
    said = ''
    try:
        with open(os.path.join(test_dir(), name + '.err'), encoding='utf-8', errors='replace') as f:
            said = f.read()[:1500]
    except OSError:
        pass
    return int(stat['SuccessfulCall(C)']), int(stat['FailedCall(C)']), 'sipp ended with %d: %s' % (p.returncode, said)


def all_good(result, calls):
    good, bad, said = result
    assert (good, bad) == (calls, 0), '%d good, %d failed; %s' % (good, bad, said)


def ims_ue(transport):
    def run():
        mark = dep.mark()
        all_good(sipp('ims_ue', transport, users[:1]), 1)
        texts = [o['text'] for o in dep.news(mark, event='arrow', step='1')]
        assert any('REGISTER' in t for t in texts), texts
    return run


def plain_phone(transport):
    return lambda: all_good(sipp('plain_phone', transport, [phone]), 1)


def wrong_password(transport):
    def run():
        mark = dep.mark()
        all_good(sipp('wrong_password', transport, users[:1], password='wrong'), 1)
        dep.refused(mark, 'R-SA-10', cause='E_AUTH_FAILED')
        all_good(sipp('ims_ue', transport, users[:1]), 1)  # and the right one is not shut out
    return run


def unknown_user(transport):
    def run():
        mark = dep.mark()
        ghost = {'impi': 'ghost.impi@' + dep.ims, 'impus': ['sip:ghost.impu@' + dep.ims], 'ims_password': 'x'}
        all_good(sipp('unknown_user', transport, [ghost]), 1)
        dep.refused(mark, 'R-SA-14')
    return run


def foreign_identity(transport):
    """The private identity of one user with the public identity of another."""
    def run():
        mark = dep.mark()
        all_good(sipp('unknown_user', transport, [dict(users[0], impus=users[1]['impus'])]), 1)
        dep.refused(mark, 'R-SA-13')
    return run


def many(transport):
    return lambda: all_good(sipp('ims_ue', transport, users, calls=50, rate=10), 50)


for t in TRANSPORTS:
    add_case('registers, registers again and leaves over %s (R-SA-1 R-SA-10 R-SA-17)' % t, ims_ue(t))
    add_case('phone without IMS over %s (R-SA-23)' % t, plain_phone(t))
    add_case('wrong password over %s (R-SA-10)' % t, wrong_password(t))
    add_case('unknown user over %s (R-SA-14)' % t, unknown_user(t))
    add_case('foreign public identity over %s (R-SA-13)' % t, foreign_identity(t))
    add_case('fifty registrations over %s (R-SA-10)' % t, many(t))


@case
def nobody_stays_registered():
    """Every UE left: R-SA-20"""
    for u in users:
        same(dep.admin('hss', 'user-show', impi=u['impi'])['state'], 'not registered', u['impi'])


main()
