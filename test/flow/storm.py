"""`muster storm`: many UEs at a time go through the whole chain and none fails, whatever SIP goes over; its figures add
up; its users go away again."""
import json
import os

from muster import Deployment, Refused, add_case, case, main, same

dep = Deployment('storm', settings={'pcscf': {'aka_without_protection': 'true'}})  # AKA over TCP and UDP
STEPS = ['configure', 'login', 'keys', 'register', 'authorize', 'profile']


def storm(*words):
    return json.loads(dep.cli('storm', '--json', *words))


def steps_of(r):
    return [s['name'] for s in r['steps']]


@case
def starts():
    dep.start()


@case
def mixed():
    r = storm('--users', '6', '--concurrency', '3', '--seconds', '1')
    same(steps_of(r), STEPS, 'steps')
    same((r['failed'], r['errors']), (0, []), 'failures')
    assert r['chains'] >= 3, r
    for s in r['steps']:
        same(s['done'], r['chains'], s['name'])
        assert 0 < s['median_ms'] <= s['p95_ms'] <= s['p99_ms'] <= s['max_ms'], s
    assert r['cpu_ms_per_chain']['idm'] > 0, r


def waves_over(transport):
    def fn():
        r = storm('--users', '6', '--concurrency', '3', '--waves', '--transport', transport, '--steps',
                  'login,keys,register,authorize,log-off,deregister')
        same(steps_of(r), ['configure', 'login', 'keys', 'register', 'authorize', 'log-off', 'deregister'], 'steps')
        same((r['chains'], r['failed'], r['errors']), (6, 0, []), 'chains')
        assert all(s['done'] == 6 and len(s['cpu_ms']) >= 8 for s in r['steps']), r
    return fn


for t in ('tls', 'tcp', 'udp'):
    add_case('waves-' + t, waves_over(t))


@case
def a_failure_is_counted():
    """Without a login there is no token."""
    try:
        storm('--users', '2', '--concurrency', '2', '--waves', '--steps', 'keys')
    except Refused as e:
        assert 'log in first' in str(e) or 'chains failed' in str(e), e
        return
    raise AssertionError('a storm whose chains fail has to say so')


@case
def removes_its_users():
    assert any(u['mc_id'].startswith('storm-') for u in json.loads(dep.cli('user', 'list', '--json')))
    same(os.stat(dep.path('ue', 'storm.json')).st_mode & 0o777, 0o600, 'mode of ue/storm.json')
    dep.cli('storm', '--remove')
    assert not any(u['mc_id'].startswith('storm-') for u in json.loads(dep.cli('user', 'list', '--json')))
    assert not os.path.exists(dep.path('ue', 'storm.json'))


main()
