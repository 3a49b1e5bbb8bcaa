/* Identities inside NAS (5GS mobile identity, TS 24.501 9.11.3.4): SUCI and 5G-GUTI as octets, and the text form of the
 * 5G-GUTI (TS 29.571, "5g-guti-..."). */
#ifndef MUSTER_PROTO_NAS_NAS_ID_H
#define MUSTER_PROTO_NAS_NAS_ID_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/plmn.h"
#include "crypto/suci.h"

/* What the value of a mobile identity element holds: the low three bits of its first octet. */
enum nas_id_type {
        NAS_ID_NONE = 0,
        NAS_ID_SUCI = 1,
        NAS_ID_GUTI = 2,
};
/* NAS_ID_NONE for an empty value and for types that are not served. */
enum nas_id_type nas_id_type(struct bytes value);

/* The value of the element, behind its length. E_SHORT, E_SYNTAX, E_LONG, and what suci_check gives. */
enum ecode nas_suci_read(struct bytes value, struct suci *ret, struct err *er);
#define NAS_SUCI_MAX (8u + SUCI_OUT_MAX)
/* The number of octets. */
size_t nas_suci_write(const struct suci *s, uint8_t ret[NAS_SUCI_MAX]);

#define NAS_GUTI_LEN  11u
#define GUTI_TEXT_MAX 28u
struct guti {
        struct plmn plmn;
        uint8_t amf_region;
        uint16_t amf_set_pointer; /* AMF set, 10 bits, and AMF pointer, 6 bits */
        uint32_t tmsi;
};
struct guti_text {
        char s[GUTI_TEXT_MAX + 1];
};

/* E_SHORT, E_LONG, E_SYNTAX (another type of identity, or no PLMN). */
enum ecode nas_guti_read(struct bytes value, struct guti *ret, struct err *er);
void nas_guti_write(const struct guti *g, uint8_t ret[NAS_GUTI_LEN]);
/* "5g-guti-00101020041c0ffee01", lower case. guti_parse takes this spelling only, because MACs and look-ups are keyed
 * on the text: E_SYNTAX. */
void guti_print(const struct guti *g, struct guti_text *ret);
enum ecode guti_parse(struct bytes text, struct guti *ret);

#endif
