"""sign-on: a deployment from nothing, and a storm of UEs on it.

Ours is what the roles spend on one whole chain, as chains per second of one processor. The reference is what that would
be if the network did nothing but the cryptography and the durable writes that a chain forces on it, each measured by
itself in the same run (bench_chain). Time of the UEs counts on neither side.
"""
import json
import os
import shutil
import statistics
import subprocess
import tempfile

GOAL = 0.5


def storm(muster, d, *words):
    argv = [muster, 'storm', '--json', '--dir', d.dir, *words]
    p = subprocess.run(argv, capture_output=True, text=True, timeout=900)
    if p.returncode != 0:
        raise RuntimeError('muster storm: %s%s' % (p.stderr.strip()[-2000:], p.stdout[-1000:]))
    return json.loads(p.stdout)


def measure(bench, muster):
    """(waves of which each gives a row of processor times, one storm of mixed steps)"""
    import muster as kit
    kit.MUSTER = muster
    users, rounds = (8, 1) if bench.quick else (48, 3)
    seconds = 2 if bench.quick else bench.seconds or 10
    with kit.Deployment('sign-on') as d:
        storm(muster, d, '-n', str(users), '-c', '4', '--waves')  # provisions, and warms caches up
        waves = [storm(muster, d, '-n', str(users), '-c', '4', '--waves') for _ in range(rounds)]
        mixed = storm(muster, d, '-n', str(users), '-c', str(min(users, 2 * (os.cpu_count() or 2))), '-s', str(seconds))
    return waves, mixed


def limit(needs, **where):
    """Milliseconds of processor time that cannot be avoided."""
    return sum(n['count'] * n['cpu_ms'] for n in needs if all(n[k] == v for k, v in where.items()))


def median_of(waves, fn):
    return statistics.median(fn(w) for w in waves)


def rows_of(bench, needs, waves, mixed):
    all_ms = median_of(waves, lambda w: w['roles_cpu_ms_per_chain'])
    rows = [bench.row('sign-on/chains', 'chains/cpu-s', 1000 / all_ms, 1000 / limit(needs), GOAL),
            bench.row('sign-on/chains_wall', 'chains/s', mixed['chains_per_s'])]
    for i, step in enumerate(waves[0]['steps']):
        ours = median_of(waves, lambda w, i=i: sum(w['steps'][i]['cpu_ms'].values()))
        least = limit(needs, step=step['name'])
        rows.append(bench.row('sign-on/step/' + step['name'], 'ms cpu', ours, least or None,
                              ratio=least / ours if least and ours else None))
    for role in waves[0]['cpu_ms_per_chain']:
        ours = median_of(waves, lambda w, r=role: w['cpu_ms_per_chain'][r])
        least = limit(needs, role=role)
        rows.append(bench.row('sign-on/role/' + role, 'ms cpu', ours, least or None,
                              ratio=least / ours if least and ours else None))
    for step in mixed['steps']:
        for p in ('median', 'p95', 'p99'):
            rows.append(bench.row('sign-on/latency/%s/%s' % (step['name'], p), 'ms', step[p + '_ms']))
    return rows


def notes(needs, waves, mixed):
    counts, cost = {}, {}
    for n in needs:
        counts[n['name']] = counts.get(n['name'], 0) + n['count']
        cost[n['name']] = n['cpu_ms']
    yield 'the limit of one chain: ' + ', '.join('%d %s of %.3f ms' % (counts[k], k, cost[k]) for k in counts)
    yield 'a chain is of a user with three MC services over SIP/TLS, with connections of its own: %d TLS handshakes' % \
        counts['tls_handshake']
    yield 'ms cpu: processor time of the roles for one user, median of %d runs; ratio = limit / ours' % len(waves)
    yield 'chains_wall and latencies: %d UEs at a time on %d processors, which the UEs share (%.1f ms of each chain)' % (
        mixed['concurrency'], os.cpu_count() or 0, mixed['storm_cpu_ms_per_chain'])
    yield 'chains: %d, failed: %d' % (mixed['chains'], mixed['failed'])


def run(bench):
    muster = bench.program('muster')
    made = None
    if 'MUSTER_TEST_DIR' not in os.environ:
        made = os.environ['MUSTER_TEST_DIR'] = tempfile.mkdtemp(prefix='muster-bench-')
    try:
        needs = bench.rows_of('bench_chain')
        waves, mixed = measure(bench, muster)
        needs_after = bench.rows_of('bench_chain')
    finally:
        if made:
            del os.environ['MUSTER_TEST_DIR']
            shutil.rmtree(made, ignore_errors=True)
    for a, b in zip(needs, needs_after):  # the better of before and after: load of others only ever adds
        a['cpu_ms'] = min(a['cpu_ms'], b['cpu_ms'])
    bench.notes += notes(needs, waves, mixed)
    return rows_of(bench, needs, waves, mixed)
