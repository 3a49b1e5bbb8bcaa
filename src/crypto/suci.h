/* The concealed subscription identifier, SUCI: its text form (TS 23.003 2.2B, the patterns of TS 29.503), concealment
 * by the UE and de-concealment by the home network with the null scheme, profile A (X25519) and profile B (P-256) of
 * TS 33.501 annex C. Only SUPIs that are IMSIs are served; the octets of NAS are in proto/nas. */
#ifndef MUSTER_CRYPTO_SUCI_H
#define MUSTER_CRYPTO_SUCI_H

#include "base/bytes.h"
#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/plmn.h"

/* Protection scheme identifiers, TS 33.501 C.1. */
enum suci_scheme {
        SUCI_NULL = 0,
        SUCI_A = 1,
        SUCI_B = 2,
};

#define SUCI_MSIN_MAX 5u  /* octets: ten digits */
#define SUCI_OUT_MAX  64u /* the longest output that opens has 46 octets */
#define SUCI_KEY_MAX  33u

/* Digits of the routing indicator (1 to 4) with their NUL. The scheme output is what NAS carries: digits of the MSIN as
 * half octets in the null scheme, otherwise ephemeral key || ciphertext || MAC. */
struct suci {
        struct plmn plmn;
        char routing[5];
        uint8_t scheme, key_id;
        uint8_t out_n, out[SUCI_OUT_MAX];
};

/* "imsi-" and up to 15 digits. */
struct supi {
        char s[24];
};

/* The rules that hold for every form: E_UNSUPPORTED for another scheme, E_RANGE for a key identifier that does not fit
 * it (0 with the null scheme, 1 to 255 otherwise), E_SYNTAX for routing indicator and MSIN. */
enum ecode suci_check(const struct suci *s, struct err *er);

/* "suci-0-001-01-0-0-0-0000000001". E_SYNTAX, E_UNSUPPORTED (a SUPI that is no IMSI, another scheme), E_RANGE, E_LONG.
 * suci_print gives NULL when memory is out; what it prints parses to the same. */
enum ecode suci_parse(struct bytes text, struct suci *ret, struct err *er);
char *suci_print(void *mem, const struct suci *s);

/* Home network keys. The public key has 32 octets (A) or 33, compressed (B). */
SECRET_TYPE(suci_private, 32)
struct suci_public {
        enum suci_scheme scheme;
        uint8_t id;
        uint8_t n, b[SUCI_KEY_MAX];
};
struct suci_home_key {
        enum suci_scheme scheme;
        uint8_t id;
        struct suci_private priv;
};

/* E_KEY_INVALID when the octets are no private key of that scheme, E_UNSUPPORTED for the null scheme. */
enum ecode suci_public_of(const struct suci_home_key *key, struct suci_public *ret, struct err *er);

/* What a home network opens. R-5G-20: the null scheme only where the operator said so. */
struct suci_home {
        const struct suci_home_key *keys;
        size_t n;
        bool null_allowed;
};

/* UE: supi is "imsi-..." of a network whose MNC has mnc_digits (2 or 3). pub = NULL asks for the null scheme. E_SYNTAX,
 * E_RANGE for supi or routing; E_POINT for a public key that is none; E_CRYPTO, E_NOMEM. */
struct suci_ask {
        struct bytes supi;
        unsigned mnc_digits;
        struct bytes routing;
        const struct suci_public *pub;
};
enum ecode suci_conceal(const struct suci_ask *ask, const struct rng *rng, struct suci *ret, struct err *er);

/* Home network. E_UNSUPPORTED for a scheme that is not served here. R-5G-19: whatever keeps a SUCI of scheme A or B
 * closed (unknown key identifier, wrong length, bad point, wrong MAC, no MSIN inside) is E_DECRYPT with one text. */
enum ecode suci_reveal(const struct suci *s, const struct suci_home *home, struct supi *ret, struct err *er);

#endif
