"""Programs for Node.js from test/interop/node, with their packages: installed once into build/node, where the lock file
has not changed since."""
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess

from muster import ROOT, Skip

SOURCE = os.path.join(ROOT, 'test', 'interop', 'node')
CACHE = os.path.join(ROOT, 'build', 'node')


def _least_version(lock):
    least = 20  # what openid-client 6 and jose 6 are made for
    for p in lock['packages'].values():
        m = re.search(r'>=\s*(\d+)', p.get('engines', {}).get('node', ''))
        least = max(least, int(m.group(1)) if m else 0)
    return least


def packages():
    """The folder that holds node_modules. Skips where there is no Node, an old one, or no way to the registry."""
    node, npm = shutil.which('node'), shutil.which('npm')
    if node is None or npm is None:
        raise Skip('there is no Node.js with npm here')
    with open(os.path.join(SOURCE, 'package-lock.json'), encoding='utf-8') as f:
        text = f.read()
    version = subprocess.run([node, '--version'], capture_output=True, text=True).stdout.strip()
    least = _least_version(json.loads(text))
    if int(re.match(r'v(\d+)', version).group(1)) < least:
        raise Skip('Node.js is %s, the packages need %d' % (version, least))
    folder = os.path.join(CACHE, hashlib.sha256(text.encode()).hexdigest()[:16])
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, 'lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two tests may want it at the same time
        if not os.path.exists(os.path.join(folder, 'complete')):
            _install(npm, folder)
    return folder


def _install(npm, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in ('package.json', 'package-lock.json'):
        shutil.copy(os.path.join(SOURCE, name), folder)
    p = subprocess.run([npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1',
                        '--fetch-retry-mintimeout=1000'], cwd=folder, capture_output=True, text=True, timeout=600)
    if p.returncode != 0:
        last = [x for x in (p.stderr + p.stdout).split('\n') if 'ERR' in x or 'error' in x]
        raise Skip('npm ci did not succeed: %s' % '; '.join(last[:3]))
    with open(os.path.join(folder, 'complete'), 'w', encoding='utf-8'):
        pass


def run(program, setting, ca, timeout=300):
    """Runs test/interop/node/PROGRAM with `setting` as JSON on its standard input, and node_modules beside a copy of it.
    Its output has a line "ok NAME" or "not ok NAME: why" for each step: [(state, name, why)]."""
    folder = packages()
    copy = os.path.join(os.environ['MUSTER_TEST_DIR'], 'node')
    os.makedirs(copy, exist_ok=True)
    for f in os.listdir(SOURCE):
        if f.endswith('.mjs') or f == 'package.json':
            shutil.copy(os.path.join(SOURCE, f), copy)
    modules = os.path.join(copy, 'node_modules')
    if not os.path.islink(modules):
        os.symlink(os.path.join(folder, 'node_modules'), modules)
    env = dict(os.environ, NODE_EXTRA_CA_CERTS=ca, NODE_NO_WARNINGS='1')
    p = subprocess.run(['node', os.path.join(copy, program)], input=json.dumps(setting), env=env, capture_output=True,
                       text=True, timeout=timeout)
    steps = re.findall(r'^(ok|not ok|skip) ([^:\n]+)(?:: (.*))?$', p.stdout, re.M)
    if p.returncode != 0 or not steps:
        steps.append(('not ok', program, 'exit status %d: %s' % (p.returncode, (p.stderr or p.stdout)[-1500:])))
    return steps
