#include "adapter/diameter/cx_avp.h"

/* Makes the AVP, sets its value (NULL: a group) and appends it. NULL: failed. */
static struct avp *append(struct cx_put *p, uint32_t vendor, uint32_t code, union avp_value *v)
{
        struct avp *a = NULL;
        struct dict_object *model = p->failed ? NULL : cx_dict_avp(vendor, code);
        p->failed = model == NULL || fd_msg_avp_new(model, 0, &a) != 0;
        if (!p->failed && v != NULL)
                p->failed = fd_msg_avp_setvalue(a, v) != 0;
        if (!p->failed)
                p->failed = fd_msg_avp_add(p->parent, MSG_BRW_LAST_CHILD, a) != 0;
        if (p->failed && a != NULL)
                fd_msg_free(a);
        return p->failed ? NULL : a;
}

void cx_put_u32(struct cx_put *p, uint32_t vendor, uint32_t code, uint32_t v)
{
        union avp_value val = { .u32 = v }; /* Enumerated is i32, on the same four octets */
        append(p, vendor, code, &val);
}

void cx_put_bytes(struct cx_put *p, uint32_t vendor, uint32_t code, struct bytes v)
{
        union avp_value val = { .os = { (uint8_t *)(uintptr_t)v.p, v.n } };
        append(p, vendor, code, &val);
}

void cx_put_text(struct cx_put *p, uint32_t vendor, uint32_t code, const char *v)
{
        if (v != NULL)
                cx_put_bytes(p, vendor, code, bytes_str(v));
}

struct cx_put cx_put_group(struct cx_put *p, uint32_t vendor, uint32_t code)
{
        struct avp *a = append(p, vendor, code, NULL);
        return (struct cx_put){ .parent = a, .failed = a == NULL };
}

void cx_put_end(struct cx_put *p, const struct cx_put *group)
{
        p->failed |= group->failed;
}

struct avp *cx_find(void *parent, uint32_t vendor, uint32_t code, size_t nth)
{
        struct avp *a = NULL;
        if (fd_msg_browse(parent, MSG_BRW_FIRST_CHILD, &a, NULL) != 0)
                return NULL;
        while (a != NULL) {
                struct avp_hdr *h = NULL;
                if (fd_msg_avp_hdr(a, &h) == 0 && h->avp_code == code &&
                    ((h->avp_flags & AVP_FLAG_VENDOR) ? h->avp_vendor : 0) == vendor && nth-- == 0)
                        return a;
                if (fd_msg_browse(a, MSG_BRW_NEXT, &a, NULL) != 0)
                        return NULL;
        }
        return NULL;
}

static const union avp_value *value(void *parent, uint32_t vendor, uint32_t code)
{
        struct avp *a = cx_find(parent, vendor, code, 0);
        struct avp_hdr *h = NULL;
        return a != NULL && fd_msg_avp_hdr(a, &h) == 0 ? h->avp_value : NULL;
}

struct bytes cx_find_bytes(void *parent, uint32_t vendor, uint32_t code)
{
        const union avp_value *v = value(parent, vendor, code);
        return v != NULL ? bytes_of(v->os.data, v->os.len) : (struct bytes){ 0 };
}

uint32_t cx_find_u32(void *parent, uint32_t vendor, uint32_t code, uint32_t dflt)
{
        const union avp_value *v = value(parent, vendor, code);
        return v != NULL ? v->u32 : dflt;
}
