#include "role/hss/hss.h"

/* clang-format off */
const struct conf_item hss_conf_items[] = {
        CX_SERVER_ROWS(struct hss_conf, cx, "hss", "9"),
        CONF_LIST(struct hss_conf, as, "sip:{net}.5:5061;transport=tls",
                  "Application servers that every user's service profile names, in order of priority.",
                  "TS 29.228 annex B"),
        CONF_CHOICE(struct hss_conf, as_failure, "continued", "continued terminated",
                    "What an S-CSCF does with a registration or session when such a server fails (DefaultHandling).",
                    "TS 29.228 annex B"),
        CONF_LIST(struct hss_conf, as_parts, "request response",
                  "What a third-party REGISTER to them carries of the UE's registration: request, response, both or none.",
                  "TS 24.229 clause 5.4.1.7A"),
        CONF_STRING(struct hss_conf, as_info, "", "Service information for them, in the third-party REGISTER.",
                    "TS 24.229 clause 5.4.1.7A"),
        CONF_CHOICE(struct hss_conf, sqn, "counter", "counter time",
                    "Sequence numbers of AKA: count up, or never stay behind the seconds since 1970. With time, a "
                    "restored backup needs no resynchronisation, but new USIMs may refuse the first large step.",
                    "TS 33.102 annex C.1"),
        CONF_STRING(struct hss_conf, digest_realm, "{ims_domain}",
                    "Realm of SIP Digest; passwords are stored hashed with it: never change it later.",
                    "TS 33.203 annex N, R-SA-10"),
        CONF_END,
};
/* clang-format on */
