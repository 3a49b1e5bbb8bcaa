"""libmuster as somebody else's program sees it: installed, found by pkg-config, used through <muster/...> alone, against a
running deployment."""
import glob
import json
import os
import re
import shutil
import subprocess

from muster import MUSTER, PATIENCE, ROOT, Deployment, Skip, case, main, same, setup, test_dir, wait_for
from oidc import Client
from ue import CLIENT, REDIRECT

BUILD = os.path.dirname(os.path.dirname(os.path.abspath(MUSTER)))
PLACE = os.path.join(test_dir(), 'installed')
CC = ['clang', '-fsanitize=address,undefined'] if 'ASAN_OPTIONS' in os.environ else ['cc']

dep = Deployment('library')


def run(argv, good=0, **options):
    p = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE * 2, **options)
    if good is not None and p.returncode != good:
        raise AssertionError('%s: %d\n%s%s' % (' '.join(argv), p.returncode, p.stdout, p.stderr))
    return p


def pkg_config(*words):
    folder = os.path.dirname(glob.glob(os.path.join(PLACE, '**', 'muster.pc'), recursive=True)[0])
    p = run(['pkg-config', *words, 'muster'], env=dict(os.environ, PKG_CONFIG_PATH=folder))
    return p.stdout.split()


def lib_dir():
    return pkg_config('--variable=libdir')[0]


def program(name, *how, static=False):
    """Compiles examples/NAME.c as its reader would; the path of the program."""
    out = os.path.join(test_dir(), name + ('-static' if static else ''))
    flags = pkg_config('--cflags', '--libs') + ['-Wl,-rpath,' + lib_dir()]
    if static:
        flags = pkg_config('--cflags', '--libs', '--static')
        flags[flags.index('-lmuster')] = '-l:libmuster.a'
    run(CC + ['-Wall', '-Wextra', '-Werror', *how, '-o', out, os.path.join(ROOT, 'examples', name + '.c')] + flags)
    return out


def users_program(argv, password):
    """status, standard output, standard error"""
    p = run(argv, good=None, input=password + '\n', env=dep.environment())
    return p.returncode, p.stdout, p.stderr


def complete_profile(user, **changes):
    """What provisioning wrote, and what a vendor's own provisioning would add; as a file."""
    p = {k: v for k, v in user.items() if isinstance(v, str) and k != 'password'}
    host = 'https://%s:%d' % dep.address('cms')
    name = user['user']
    p.update(impu=user['impus'][0], ims_domain=dep.ims, oauth_client=CLIENT, redirect_uri=REDIRECT,
             mc_client_id='urn:uuid:5f0c9d1e-8f0f-4b39-9d5e-2f64bb0b8f11',
             init_url='%s/xcap/org.3gpp.mcptt.ue-init-config/users/%s/%s' % (host, name, name),
             **{'psi_' + s: 'sip:%s-psi@%s' % (s, dep.domain) for s in ('mcptt', 'mcvideo', 'mcdata')})
    if user.get('ims_password'):
        p['sip_password'] = user['ims_password']
    p.update(changes)
    path = os.path.join(test_dir(), name + '-profile.json')
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(p, f)
    return path


@setup
def installs():
    if not os.path.exists(os.path.join(BUILD, 'build.ninja')):
        raise Skip('%s is no build directory' % BUILD)
    if shutil.which('pkg-config') is None:
        raise Skip('there is no pkg-config')
    run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', PLACE])
    pc = glob.glob(os.path.join(PLACE, '**', 'muster.pc'), recursive=True)[0]
    with open(pc, encoding='utf-8') as f:
        text = f.read()
    with open(pc, 'w', encoding='utf-8') as f:  # what was staged is used from where it is
        f.write(re.sub(r'^prefix=', 'prefix=' + PLACE, text, flags=re.M))
    assert os.path.exists(os.path.join(lib_dir(), 'libmuster.so.0')), os.listdir(lib_dir())
    same(pkg_config('--modversion'), [json.loads(run(['meson', 'introspect', '--projectinfo', BUILD]).stdout)['version']])


@setup
def starts():
    global anna, dora
    dep.start()
    dep.add_client(CLIENT, redirect_uri=REDIRECT)
    anna, dora = dep.add_user('anna'), dep.add_user('dora', auth='digest')


@case
def headers_stand_alone():
    """Each by itself, in strict C99 and in C++."""
    for path in sorted(glob.glob(os.path.join(pkg_config('--variable=includedir')[0], 'muster', '*.h'))):
        text = '#include <muster/%s>\n' % os.path.basename(path)
        for lang in (['cc', '-std=c99', '-x', 'c'], ['c++', '-std=c++11', '-x', 'c++']):
            if shutil.which(lang[0]) is None:
                raise Skip('there is no ' + lang[0])
            run(lang + ['-Wall', '-Wextra', '-pedantic-errors', '-Werror', '-fsyntax-only', '-'] + pkg_config('--cflags'),
                input=text)


@case
def links_from_cpp():
    """The names are C's there too."""
    if shutil.which('c++') is None:
        raise Skip('there is no c++')
    if len(CC) > 1:
        raise Skip('the C++ compiler is another one than that of the sanitizers')
    out = os.path.join(test_dir(), 'cpp')
    run(['c++', '-x', 'c++', '-', '-x', 'none', '-o', out] + pkg_config('--cflags', '--libs') + ['-Wl,-rpath,' + lib_dir()],
        input='#include <muster/muster.h>\n#include <cstdio>\nint main() { std::puts(muster_version()); }\n')
    same(run([out]).stdout.split(), pkg_config('--modversion'))


@case
def signs_on_and_off():
    """R-SA-3, R-SA-29"""
    signon = program('signon')
    for user in (anna, dora):
        mark = dep.mark()
        rc, out, err = users_program([signon, complete_profile(user), dep.ca, dep.net + '.100'], user['password'])
        same(rc, 0, 'exit status of signon (%s%s)' % (out, err))
        assert out.startswith('%s signed on, registered as %s, CSK-ID 2' % (user['mcptt_id'], user['impus'][0])), out
        csk = out.split()[-1]
        assert re.fullmatch('2[0-9a-f]{7}', csk), out
        wait_for('the MC server to have authorised', lambda: dep.news(mark, 'mcx', event='arrow', step='4'))


@case
def says_no():
    """R-ID-15"""
    signon = os.path.join(test_dir(), 'signon')
    rc, out, err = users_program([signon, complete_profile(anna), dep.ca, dep.net + '.100'], 'wrong')
    same((rc, out), (1, ''), err)
    assert 'E_LOGIN_FAILED R-ID-15' in err, err


@case
def says_that_nobody_could_be_asked():
    signon = os.path.join(test_dir(), 'signon')
    away = complete_profile(anna, init_url='https://%s.99:1/x' % dep.net)
    rc, out, err = users_program([signon, away, dep.ca, dep.net + '.100'], anna['password'])
    same((rc, out), (2, ''), err)
    assert 'E_PEER_DOWN' in err, err


def judged(exe, token, *more, audience=None):
    issuer = 'https://%s:%d' % dep.address('idm', 'authorization')
    jwks = 'https://%s:%d/jwks.json' % dep.address('idm', 'token')
    return users_program([exe, issuer, jwks, audience or dep.domain, dep.ca, *more], token)


@case
def judges_tokens_and_sends_keys():
    """R-ID-82, R-ID-88"""
    token = Client(dep, CLIENT, REDIRECT).sign_on(anna)['access_token']
    for static in (False, True):
        exe = program('checktoken', static=static)
        same(judged(exe, token), (0, anna['mcptt_id'] + '\n', ''))
        rc, out, err = judged(exe, token, audience='elsewhere.example')
        same(rc, 1, err)
        assert 'E_TOKEN_AUDIENCE R-ID-88' in err, err
        spoiled = token[:-12] + ('A' if token[-12] != 'A' else 'B') + token[-11:]
        rc, out, err = judged(exe, spoiled)
        same(rc, 1, err)
        assert 'E_TOKEN_SIGNATURE R-ID-82' in err, err
        rc, out, err = judged(exe, token, dep.url('kms'), dora['mcptt_id'])
        same(rc, 0, err)
        who, message = out.split()
        same(who, anna['mcptt_id'])
        # RFC 3830 clause 6.1: version 1, SAKKE I_MESSAGE (RFC 6509); the CSB ID is the PCK-ID
        assert re.fullmatch('011a[0-9a-f]{4}1[0-9a-f]+', message), message


@case
def no_keys_without_the_right_token():
    """R-ID-83"""
    token = Client(dep, CLIENT, REDIRECT).sign_on(anna, scope='openid 3gpp:mc:ptt_service')['access_token']
    mark = dep.mark()
    rc, out, err = judged(os.path.join(test_dir(), 'checktoken'), token, dep.url('kms'), dora['mcptt_id'])
    same((rc, out), (1, anna['mcptt_id'] + '\n'), err)
    assert 'E_FORBIDDEN' in err, err
    dep.refused(mark, 'R-ID-83', 'kms')


main()
