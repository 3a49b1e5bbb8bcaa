/* I-CSCF: the entrance of the home network (TS 24.229 clause 5.3). For each REGISTER it asks the HSS who may register
 * and where (UAR), and passes the request to that S-CSCF. It keeps nothing. */
#ifndef MUSTER_ROLE_ICSCF_H
#define MUSTER_ROLE_ICSCF_H

#include "port/role.h"

extern const struct role role_icscf;

#endif
