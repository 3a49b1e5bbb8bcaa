/* The IMS user profile that travels over Cx (TS 29.228 annexes B and E: IMSSubscription) and the evaluation of its
 * initial filter criteria (annexes B, C and F) as a pure function. */
#ifndef MUSTER_PROTO_IFC_IFC_H
#define MUSTER_PROTO_IFC_IFC_H

#include "base/bytes.h"
#include "base/err.h"

#define IFC_PATTERN_MAX 256u  /* octets of a regular expression */
#define IFC_SUBJECT_MAX 4096u /* octets of a header or address it is tried on; what is longer does not match */

enum ifc_session_case {
        IFC_ORIGINATING_REGISTERED = 0,
        IFC_TERMINATING_REGISTERED = 1,
        IFC_TERMINATING_UNREGISTERED = 2,
        IFC_ORIGINATING_UNREGISTERED = 3,
};

/* Bits; 0 in an SPT: no condition on the type. In a request: exactly one bit for REGISTER, 0 otherwise. */
enum ifc_reg_type { IFC_REG_INITIAL = 1, IFC_REG_RE = 2, IFC_REG_DE = 4 };

enum ifc_spt_kind { IFC_SPT_URI, IFC_SPT_METHOD, IFC_SPT_HEADER, IFC_SPT_CASE, IFC_SPT_SDP };

/* Service point trigger. */
struct ifc_spt {
        bool negated;
        unsigned *groups;
        size_t groups_n; /* at least 1 */
        enum ifc_spt_kind kind;
        char *name;    /* URI: regular expression of the address. METHOD: the method. HEADER: regular expression of the
                        * header's name. SDP: of the line's letter */
        char *content; /* HEADER and SDP: regular expression of the content; NULL: present is enough */
        enum ifc_session_case session_case; /* CASE */
        unsigned reg_types;                 /* METHOD REGISTER: bits of enum ifc_reg_type */
};

enum ifc_handling { IFC_SESSION_CONTINUED = 0, IFC_SESSION_TERMINATED = 1 };

struct ifc_as {
        char *server_name;
        enum ifc_handling default_handling; /* what to do when the server fails */
        char *service_info;                 /* or NULL */
        bool include_register_request, include_register_response;
};

enum ifc_part { IFC_PART_REGISTERED = 0, IFC_PART_UNREGISTERED = 1, IFC_PART_BOTH = 2 };

struct ifc {
        int64_t priority; /* lower is earlier */
        bool has_trigger; /* false: every request matches */
        bool cnf;         /* true: SPTs of a group are or-ed, groups and-ed. false: the other way round */
        struct ifc_spt *spts;
        size_t spts_n;
        struct ifc_as as;
        enum ifc_part part;
};

struct ims_identity {
        char *uri;
        bool barred;
};

struct ims_profile {
        struct ims_identity *identities;
        size_t identities_n;
        struct ifc *ifcs;
        size_t ifcs_n;
};

struct ims_subscription {
        char *private_id;
        struct ims_profile *profiles;
        size_t profiles_n;
};

/* Regular expressions are POSIX extended ones; they are tried at parse time, and those which could run away (back
 * references, huge repetition) are refused with E_RANGE.
 * Errors  E_SYNTAX, E_MISSING, E_RANGE, E_LONG, E_NOMEM; req R-SA-33. */
enum ecode ims_subscription_parse(void *mem, struct bytes xml, struct ims_subscription **ret, struct err *er);
enum ecode ims_subscription_print(void *mem, const struct ims_subscription *s, struct bytes *ret, struct err *er);

/* The profile that holds this public identity (octet by octet); NULL when there is none. */
const struct ims_profile *ims_profile_of(const struct ims_subscription *s, const char *public_identity);

/* What a filter looks at. */
struct ifc_request {
        const char *method;
        unsigned reg_type; /* one bit of enum ifc_reg_type for REGISTER, else 0 */
        enum ifc_session_case session_case;
        const char *request_uri;
        /* The nth (from 0) header field of the message: its full name (no compact form) and value; false after the
         * last. */
        bool (*header)(const void *message, size_t nth, const char **name, const char **value);
        const void *message;
        const char *sdp; /* the session description, or NULL */
};

struct ifc_match {
        const struct ifc_as **as; /* in order of priority; they belong to the profile */
        size_t n;
};

/* R-SA-33. Errors  E_NOMEM; E_SYNTAX or E_RANGE for a pattern that did not come through the parser. */
enum ecode ifc_eval(void *mem, const struct ims_profile *p, const struct ifc_request *rq, struct ifc_match *ret,
                    struct err *er);

#endif
