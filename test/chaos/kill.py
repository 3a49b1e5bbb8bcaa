"""200 sign-ons while every function in turn is killed without warning: what was acknowledged stands afterwards, nothing
is honoured twice, and what failed in the middle goes through when it is tried again."""
import collections
import queue
import random
import threading
import time

from muster import Deployment, case, main, same, wait_for
from oidc import Client
from ue import CLIENT, REDIRECT, SERVICES, Ue

USERS, ROUNDS, WORKERS = 40, 5, 4
ROLES = ('mcx', 'idm', 'scscf', 'kms', 'hss', 'pcscf', 'cms', 'icscf')
TRIES = 25

dep = Deployment('kill', settings={'idm': {'refresh_grace_s': '0s'}})  # a lost answer is not repeated
users, wrong = [], []            # wrong: what must never be seen
acknowledged = {}                # user: its state at the last sign-on that was acknowledged
counts = collections.Counter()
killed = collections.Counter()
done = threading.Event()


@case
def starts():
    dep.start()
    dep.add_client(CLIENT, redirect_uri=REDIRECT)
    dep.add_client('test-client')
    for i in range(USERS):
        users.append(Ue(dep, 'user%02d' % i, auth=('aka', 'digest')[i % 2]))


def binding_of(ue):
    """The MC server's word, as soon as it can give it."""
    def look():
        try:
            return {b['service']: b for b in dep.admin('mcx', 'binding-list')['bindings'] if b['impu'] == ue.impu}
        except (OSError, ValueError):
            return None
    got = []
    wait_for('the MC server', lambda: got.append(look()) or got[-1] is not None)
    return got[-1]


def stands(ue, when):
    got = binding_of(ue)
    for s in SERVICES:
        b = got.get(s)
        if b is None or b['mc_id'] != ue.profile[s + '_id'] or b['client_id'] != acknowledged[ue.name]['mc_client_id']:
            wrong.append('%s: the %s authorisation of %s was acknowledged; there is %s' % (when, s, ue.name, b))
            return


def sign_on(ue):
    for n in range(TRIES):
        run = ue.run('sign-on', order=random.choice(('register-first', 'login-first')))
        counts['tries'] += 1
        if run.status == 0:
            acknowledged[ue.name] = ue.state
            counts['signed on'] += 1
            stands(ue, 'at once')
            return
        counts['failed'] += 1
        # nobody may be told "no" because somebody else was killed
        if 'E_LOGIN_FAILED' in run.error or 'E_AUTH_FAILED' in run.error:
            wrong.append('%s was refused: %s' % (ue.name, run.error))
        time.sleep(0.2 + 0.1 * n)
    wrong.append('%s did not get through in %d tries: %s' % (ue.name, TRIES, run.error))


def worker(jobs):
    while True:
        try:
            own = jobs.get_nowait()
        except queue.Empty:
            return
        for _ in range(ROUNDS):
            sign_on(own)


def killer():
    """Each function twice, spread over the sign-ons, again only when the last one is back: a sign-on needs all of them.
    Oftener, and the supervisor would let them rest longer each time."""
    kills = ROLES * 2
    for n, role in enumerate(kills):
        while counts['signed on'] < n * USERS * ROUNDS // (len(kills) + 1) and not done.is_set():
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.3))
        try:
            dep.wait_restarted(role, dep.kill(role))
        except (AssertionError, ProcessLookupError) as e:
            wrong.append('%s did not come back: %s' % (role, e))
            return
        killed[role] += 1


def lost(fn):
    """Its status, or None: nobody knows what became of the request."""
    try:
        return fn()
    except (OSError, ValueError, AttributeError, AssertionError, KeyError):
        return None


def many(fn, n=3):
    """The answers of requests at the same time."""
    got, threads = [], []
    for _ in range(n):
        t = threading.Thread(target=lambda: got.append(lost(fn)))
        t.start()
        threads.append(t)
    for t in threads:
        t.join()
    return [a for a in got if a is not None]


def one_chain(user):
    """A code redeemed by several at once, and again; then refresh tokens, each once, and again."""
    client = lost(lambda: Client(dep))
    code = client and lost(lambda: client.code(user))
    if code is None:
        return
    good = [a for a in many(lambda: client.redeem(code)) if a.status == 200]
    if len(good) > 1:
        wrong.append('a code was honoured %d times' % len(good))
    time.sleep(random.uniform(0, 0.5))
    for _ in range(3):
        again = lost(lambda: client.redeem(code))
        if again is not None and again.status == 200 and good:
            wrong.append('a code was honoured again')
        elif again is not None and again.status == 200:
            good.append(again)  # nobody had got through before
    counts['codes'] += 1
    # another session, whose refresh tokens are used in order
    code = lost(lambda: client.code(user))
    a = lost(lambda: client.redeem(code)) if code else None
    if a is None or a.status != 200:
        return
    token = a.json['refresh_token']
    for _ in range(4):
        a = lost(lambda: client.refresh(token))
        if a is None or a.status >= 500:
            return  # it may have been used up, with the answer lost
        if a.status != 200:
            wrong.append('an acknowledged refresh token was answered %s' % a)
            return
        old, token = token, a.json['refresh_token']
        counts['refreshed'] += 1
        time.sleep(random.uniform(0, 0.3))
    good = [a for a in many(lambda: client.refresh(old)) if a.status == 200]
    if good:
        wrong.append('a refresh token was honoured %d times more' % len(good))


def chains(user):
    while not done.is_set():
        one_chain(user)


@case
def sign_ons_while_everything_is_killed():
    """R-SA-111, R-ID-64, R-ID-73"""
    jobs = queue.Queue()
    for ue in users:
        jobs.put(ue)
    extra = dict(dep.add_user('chain'))
    side = [threading.Thread(target=killer), threading.Thread(target=chains, args=(extra,))]
    work = [threading.Thread(target=worker, args=(jobs,)) for _ in range(WORKERS)]
    for t in side + work:
        t.start()
    for t in work:
        t.join()
    done.set()
    for t in side:
        t.join()
    print('# %s; killed %s' % (dict(counts), dict(killed)), flush=True)
    same(wrong, [], 'what must not be')
    same(counts['signed on'], USERS * ROUNDS, 'sign-ons')
    assert all(killed[r] == 2 for r in ROLES), 'not everything was killed: %s' % killed
    assert counts['failed'] > 0, 'nobody was in the middle'


@case
def everything_acknowledged_stands():
    """R-SA-111"""
    dep.wait_ready()
    for ue in users:
        stands(ue, 'at the end')
    same(wrong, [], 'what must not be')
    same(len(dep.admin('mcx', 'binding-list')['bindings']), USERS * len(SERVICES), 'bindings')


@case
def acknowledged_tokens_refresh():
    """R-ID-70, R-ID-73"""
    for ue in users:
        old = ue.state['tokens']['refresh']
        ue.do('refresh')
        assert ue.state['tokens']['refresh'] != old, 'the same token'


@case
def all_can_leave():
    """R-SA-93"""
    for ue in users[:6]:
        ue.do('log-off')
        ue.do('deregister')
        ue.wait_registration(False)


main()
