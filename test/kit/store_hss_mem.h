/* store_hss in memory, for tests: keeps every promise of port/store_hss.h but durability, and can let its nth call
 * fail. One thread at a time. */
#ifndef MUSTER_TEST_STORE_HSS_MEM_H
#define MUSTER_TEST_STORE_HSS_MEM_H

#include "port/store_hss.h"

#include <stdlib.h>
#include <talloc.h>

#define HSS_MEM_MAX 64

struct hss_mem {
        struct store_hss port;
        struct hss_subscription *s[HSS_MEM_MAX]; /* in order of the private identity */
        size_t n;
        unsigned fail_nth; /* 0: never */
        bool fired;
        unsigned calls, writes;
};

static inline bool hss_mem_down(struct store_hss *p, struct err *er)
{
        struct hss_mem *m = (struct hss_mem *)p;
        m->calls++;
        if (m->fail_nth == 0 || --m->fail_nth > 0)
                return false;
        m->fired = true;
        err_set(er, E_STORE_DOWN, NULL, "this call was to fail");
        return true;
}

static inline struct hss_subscription *hss_mem_copy(void *mem, const struct hss_subscription *s)
{
        struct hss_subscription *c = talloc(mem, struct hss_subscription);
        *c = *s;
        c->impi = talloc_strdup(c, s->impi);
        c->scscf = s->scscf ? talloc_strdup(c, s->scscf) : NULL;
        c->k = bytes_copy(c, s->k);
        c->opc = bytes_copy(c, s->opc);
        c->ha1 = bytes_copy(c, s->ha1);
        struct hss_impu *u = talloc_array(c, struct hss_impu, (unsigned)s->impus_n);
        for (size_t i = 0; i < s->impus_n; i++)
                u[i] = (struct hss_impu){ talloc_strdup(u, s->impus[i].uri), s->impus[i].barred };
        c->impus = u;
        return c;
}

static inline struct hss_subscription **hss_mem_at(struct store_hss *p, const char *impi)
{
        struct hss_mem *m = (struct hss_mem *)p;
        for (size_t i = 0; i < m->n; i++) {
                if (!strcmp(m->s[i]->impi, impi))
                        return &m->s[i];
        }
        return NULL;
}

static inline enum ecode hss_mem_by_impi(struct store_hss *p, void *mem, const char *impi, struct hss_subscription *ret,
                                         struct err *er)
{
        if (hss_mem_down(p, er))
                return E_STORE_DOWN;
        struct hss_subscription **at = hss_mem_at(p, impi);
        if (at == NULL)
                return err_set(er, E_NOT_FOUND, NULL, "no subscription of %s", impi);
        *ret = *hss_mem_copy(mem, *at);
        return E_OK;
}

static inline const char *hss_mem_owner(struct store_hss *p, const char *impu)
{
        struct hss_mem *m = (struct hss_mem *)p;
        for (size_t i = 0; i < m->n; i++) {
                for (size_t k = 0; k < m->s[i]->impus_n; k++) {
                        if (!strcmp(m->s[i]->impus[k].uri, impu))
                                return m->s[i]->impi;
                }
        }
        return NULL;
}

static inline enum ecode hss_mem_impi_of(struct store_hss *p, void *mem, const char *impu, const char **ret,
                                         struct err *er)
{
        if (hss_mem_down(p, er))
                return E_STORE_DOWN;
        const char *owner = hss_mem_owner(p, impu);
        if (owner == NULL)
                return err_set(er, E_NOT_FOUND, NULL, "nobody has %s", impu);
        *ret = talloc_strdup(mem, owner);
        return E_OK;
}

static inline int hss_mem_order(const void *a, const void *b)
{
        const struct hss_subscription *const *x = a, *const *y = b;
        return strcmp((*x)->impi, (*y)->impi);
}

static inline enum ecode hss_mem_put(struct store_hss *p, const struct hss_subscription *s, bool *created,
                                     struct err *er)
{
        struct hss_mem *m = (struct hss_mem *)p;
        if (hss_mem_down(p, er))
                return E_STORE_DOWN;
        for (size_t i = 0; i < s->impus_n; i++) {
                const char *owner = hss_mem_owner(p, s->impus[i].uri);
                if (owner != NULL && strcmp(owner, s->impi) != 0)
                        return err_set(er, E_EXISTS, NULL, "%s belongs to another subscription", s->impus[i].uri);
        }
        m->writes++;
        struct hss_subscription **at = hss_mem_at(p, s->impi), *c = hss_mem_copy(m, s);
        if (created != NULL)
                *created = at == NULL;
        c->sqn = at != NULL ? (*at)->sqn : 0;
        c->state = at != NULL ? (*at)->state : HSS_NOT_REGISTERED;
        c->scscf = at != NULL && (*at)->scscf ? talloc_strdup(c, (*at)->scscf) : NULL;
        if (at != NULL) {
                talloc_free(*at);
                *at = c;
        } else if (m->n < HSS_MEM_MAX) {
                m->s[m->n++] = c;
                qsort(m->s, m->n, sizeof m->s[0], hss_mem_order);
        }
        return E_OK;
}

static inline enum ecode hss_mem_del(struct store_hss *p, const char *impi, struct err *er)
{
        struct hss_mem *m = (struct hss_mem *)p;
        if (hss_mem_down(p, er))
                return E_STORE_DOWN;
        struct hss_subscription **at = hss_mem_at(p, impi);
        if (at == NULL)
                return err_set(er, E_NOT_FOUND, NULL, "no subscription of %s", impi);
        m->writes++;
        talloc_free(*at);
        size_t i = (size_t)(at - m->s);
        memmove(&m->s[i], &m->s[i + 1], (--m->n - i) * sizeof m->s[0]);
        return E_OK;
}

static inline enum ecode hss_mem_list(struct store_hss *p, void *mem, const char *after, size_t most, const char ***ret,
                                      size_t *ret_n, struct err *er)
{
        struct hss_mem *m = (struct hss_mem *)p;
        if (hss_mem_down(p, er))
                return E_STORE_DOWN;
        const char **l = talloc_array(mem, const char *, HSS_MEM_MAX);
        size_t n = 0;
        for (size_t i = 0; i < m->n && n < most; i++) {
                if (after == NULL || strcmp(m->s[i]->impi, after) > 0)
                        l[n++] = talloc_strdup(l, m->s[i]->impi);
        }
        *ret = l;
        *ret_n = n;
        return E_OK;
}

static inline enum ecode hss_mem_auth_begin(struct store_hss *p, const char *impi, uint64_t old, uint64_t now,
                                            bool backwards, const char *scscf, struct err *er)
{
        if (hss_mem_down(p, er))
                return E_STORE_DOWN;
        struct hss_subscription **at = hss_mem_at(p, impi);
        if (at == NULL)
                return err_set(er, E_NOT_FOUND, NULL, "no subscription of %s", impi);
        if ((*at)->sqn != old || (now < old && !backwards))
                return err_set(er, E_CONFLICT, NULL, "the sequence number was moved");
        ((struct hss_mem *)p)->writes++;
        (*at)->sqn = now;
        (*at)->scscf = talloc_strdup(*at, scscf);
        return E_OK;
}

static inline enum ecode hss_mem_assign(struct store_hss *p, const char *impi, const char *scscf, enum hss_state state,
                                        struct err *er)
{
        if (hss_mem_down(p, er))
                return E_STORE_DOWN;
        struct hss_subscription **at = hss_mem_at(p, impi);
        if (at == NULL)
                return err_set(er, E_NOT_FOUND, NULL, "no subscription of %s", impi);
        ((struct hss_mem *)p)->writes++;
        (*at)->scscf = scscf ? talloc_strdup(*at, scscf) : NULL;
        (*at)->state = state;
        return E_OK;
}

static inline enum ecode hss_mem_count(struct store_hss *p, uint64_t *all, uint64_t *registered, struct err *er)
{
        struct hss_mem *m = (struct hss_mem *)p;
        if (hss_mem_down(p, er))
                return E_STORE_DOWN;
        *all = m->n;
        *registered = 0;
        for (size_t i = 0; i < m->n; i++)
                *registered += m->s[i]->state == HSS_REGISTERED;
        return E_OK;
}

static inline struct hss_mem *hss_mem_new(void *mem)
{
        static const struct store_hss_ops ops = {
                .by_impi = hss_mem_by_impi,
                .impi_of = hss_mem_impi_of,
                .put = hss_mem_put,
                .del = hss_mem_del,
                .list = hss_mem_list,
                .auth_begin = hss_mem_auth_begin,
                .assign = hss_mem_assign,
                .count = hss_mem_count,
        };
        struct hss_mem *m = talloc_zero(mem, struct hss_mem);
        m->port.ops = &ops;
        return m;
}

#endif
