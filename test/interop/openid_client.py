"""npm's openid-client signs on against the IdM server, with RS256 and ES256, as a public and as a confidential client;
jose verifies the tokens. Requirement ids stand at each step in node/openid_client.mjs."""
import node
from muster import Deployment, add_case, main, report, setup
from oidc import SCOPE

REDIRECT = 'http://127.0.0.1:8899/callback'


def relay(dep, alg, user):
    setting = {'issuer': dep.url('idm', 'authorization'), 'tokenUrl': dep.url('idm', 'token'), 'clientId': 'relying-party',
               'redirectUri': REDIRECT, 'user': user['mc_id'], 'password': user['password'], 'scope': SCOPE,
               'audience': dep.domain, 'mcpttId': user['mcptt_id'], 'alg': alg}
    for state, name, why in node.run('openid_client.mjs', setting, dep.ca):
        report('%s %s' % (alg, name), state, why)


@setup
def packages():
    node.packages()


def with_alg(alg):
    def run():
        with Deployment('openid-' + alg, roles=['idm', 'kms', 'cms', 'hss'], settings={'idm': {'access_alg': alg}}) as dep:
            user = dep.add_user('alice')
            dep.add_client('relying-party', redirect_uri=REDIRECT)
            dep.admin('idm', 'client-put', client_id='relying-party', id_alg=alg)
            relay(dep, alg, user)
    return run


for a in ('RS256', 'ES256'):
    add_case('signs on with %s' % a, with_alg(a))
main()
