/* libmuster: identity and keys of mission critical services (TS 33.180) for clients and servers.
 *
 *   base.h    results, errors, memory: read it first
 *   token.h   a resource server judges access tokens
 *   kms.h     keys of users and servers from a KMS
 *   mikey.h   CSK, PCK and GMK in MIKEY-SAKKE messages
 *   ue.h      a UE signs on: login, keys, SIP registration, service authorisation */
#ifndef MUSTER_MUSTER_H
#define MUSTER_MUSTER_H

#include <muster/base.h>
#include <muster/kms.h>
#include <muster/mikey.h>
#include <muster/token.h>
#include <muster/ue.h>

#endif
