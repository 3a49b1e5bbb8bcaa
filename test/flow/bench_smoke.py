"""The benchmark frame works: rows have their six keys and sensible values. Nothing is timed here."""
import json
import os
import subprocess
import sys

import muster
from muster import ROOT, Skip, case, main, same

KEYS = ['name', 'unit', 'ours', 'reference', 'ratio', 'goal']
BUILD = os.path.dirname(os.path.dirname(os.path.abspath(muster.MUSTER)))


def bench(*words):
    p = subprocess.run([sys.executable, os.path.join(ROOT, 'test', 'bench', 'run'), *words], capture_output=True,
                       text=True, timeout=600)
    same(p.returncode, 0, 'exit status of %s: %s' % (' '.join(words), p.stderr))
    return p.stdout


def has(program):
    return os.path.exists(os.path.join(BUILD, 'src', program))


@case
def lists():
    for name in ('sign-on', 'crypto', 'sip', 'http'):
        assert name in bench('--list'), name


@case
def rows_have_their_keys():
    if not has('bench_crypto'):
        raise Skip('this build has no benchmarks')
    rows = [json.loads(x) for x in bench('crypto', '--quick', '--json', '--build', BUILD).split('\n') if x]
    assert len(rows) > 5, rows
    for r in rows:
        same(list(r), KEYS, 'keys')
        assert r['name'].startswith('crypto/') and r['unit'] == 'ops/s' and r['ours'] > 0, r
        if r['reference'] is not None:
            assert abs(r['ratio'] - r['ours'] / r['reference']) < 0.01 * r['ratio'], r


@case
def prints_a_table():
    if not has('bench_sip'):
        raise Skip('libosip2 is not installed')
    lines = bench('sip', '--quick', '--build', BUILD).split('\n')
    same(lines[0].split(), ['NAME', 'UNIT', 'OURS', 'REFERENCE', 'RATIO', 'GOAL'], 'head')
    assert lines[1].startswith('sip/register_parse_print'), lines


main()
