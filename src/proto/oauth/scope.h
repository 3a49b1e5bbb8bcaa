/* The scopes of the MCX Connect profile: TS 33.180 table B.4.2.2-1 (R-ID-51), with the names of TS 33.179 B.3.1.1 as
 * aliases for MCPTT. */
#ifndef MUSTER_PROTO_OAUTH_SCOPE_H
#define MUSTER_PROTO_OAUTH_SCOPE_H

#include "proto/jose/jwt.h"

enum mc_service { MC_ANY, MC_PTT, MC_VIDEO, MC_DATA };
enum mc_resource { MC_RES_SERVICE, MC_RES_KMS, MC_RES_CMS, MC_RES_GMS, MC_RES_LMS };

struct mc_scope {
        const char *name;
        enum mc_service service;
        enum mc_resource resource;
        const char *alias_of; /* the current name where `name` is one of Rel-13, or NULL */
};

/* 13 scopes, then 4 aliases. */
#define MC_SCOPES_N 17
extern const struct mc_scope mc_scopes[MC_SCOPES_N];

/* NULL for texts that are no MC scope ("openid" among them). */
const struct mc_scope *mc_scope_find(struct bytes name);
/* The current name. NULL for combinations that do not exist. */
const char *mc_scope_name(enum mc_service s, enum mc_resource r);
/* Whether the scope text has the scope for this service and resource, under its current or its Rel-13 name. */
bool mc_scope_granted(const char *scope, enum mc_service s, enum mc_resource r);

const char *mc_service_name(enum mc_service s); /* "mcptt", "mcvideo", "mcdata" */
/* The MC service ID claim of this service, or NULL: R-ID-84. */
const char *token_mc_id(const struct token_claims *c, enum mc_service s);

/* Walks a scope text: fills *ret with the next element and returns true, until none is left. *at starts at 0. */
bool scope_next(const char *scope, size_t *at, struct bytes *ret);
/* RFC 6749 clause 3.3: scope-tokens separated by single spaces. */
bool scope_valid(const char *scope);

#endif
