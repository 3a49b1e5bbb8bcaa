"""Chromium, headless and without JavaScript, goes through the login page; its pictures lie in the test's folder until the
test has passed (test/run -k keeps them)."""
import base64
import hashlib
import os
import shutil
import subprocess

import node
from muster import Deployment, Skip, case, main, report, setup, test_dir
from oidc import Client


def chromium():
    for name in ('chromium', 'chromium-browser', 'google-chrome'):
        path = shutil.which(name)
        if path:
            return path
    raise Skip('there is no Chromium here')


def spki(certificate):
    """SHA-256 of the public key: for this key alone the browser takes a certificate that it cannot check."""
    pem = subprocess.run(['openssl', 'x509', '-in', certificate, '-pubkey', '-noout'], check=True, capture_output=True).stdout
    der = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'DER'], input=pem, check=True, capture_output=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


@setup
def programs():
    chromium()
    node.packages()


@case
def all_steps_ran():
    with Deployment('browser', roles=['idm', 'kms', 'cms', 'hss'],
                    settings={'idm': {'organisation': '"Mission Critical Services"', 'delay_after': '100'}}) as dep:
        user = dep.add_user('alice')
        dep.add_client('handset', redirect_uri='http://127.0.0.1/callback', name='Push-to-talk handset')
        dep.add_client('wary', redirect_uri='http://127.0.0.1/callback', name='Dispatch console', consent=True)
        client = Client(dep, 'handset')
        parameters = client.request()
        home = os.path.join(test_dir(), 'home')
        os.makedirs(home, exist_ok=True)
        os.environ.update(HOME=home, XDG_CONFIG_HOME=home, XDG_CACHE_HOME=home, TMPDIR=home)
        for state, name, why in node.run('browser.mjs', {
                'executable': chromium(), 'spki': spki(dep.path('tls', 'idm.crt')), 'authorizeUrl': client.authorize_url,
                'parameters': parameters, 'issuer': dep.url('idm', 'authorization'), 'consentClient': 'wary',
                'user': user['mc_id'], 'password': user['password'], 'folder': test_dir()}, dep.ca, 600):
            report(name, state, why)


main()
