/* Diameter octets through freeDiameter's parser and dictionary into the structs of port/cx.h. */
#include "adapter/diameter/cx_fd_internal.h"

#include <stdlib.h>
#include <talloc.h>

static void start_once(void)
{
        static bool started;
        if (!started && (cx_fd_log_start(NULL, NULL) != E_OK || cx_dict_load(NULL) != E_OK))
                abort();
        started = true;
}

static void must(bool c)
{
        if (!c)
                abort();
}

static bool fits(const char *s)
{
        return s == NULL || strlen(s) <= CX_TEXT_MAX;
}

static void read_request(void *mem, struct msg *m, uint32_t code)
{
        struct err er = { 0 };
        struct cx_uar u = { 0 };
        struct cx_mar a = { 0 };
        struct cx_sar s = { 0 };
        enum ecode e = E_OK;
        if (code == CX_CMD_UA && (e = cx_get_uar(mem, m, &u, &er)) == E_OK)
                must(u.impi && u.impu && fits(u.impi) && fits(u.impu) && u.type <= 2);
        else if (code == CX_CMD_MA && (e = cx_get_mar(mem, m, &a, &er)) == E_OK)
                must(a.impi && a.server_name && fits(a.server_name) && (a.resync.n == 0 || a.resync.n == 30));
        else if (code == CX_CMD_SA && (e = cx_get_sar(mem, m, &s, &er)) == E_OK)
                must(s.server_name && (s.impi || s.impu) && fits(s.impu));
        must(e == E_OK || er.code == e);
}

static void read_answer(void *mem, struct msg *m, uint32_t code)
{
        struct err er = { 0 };
        struct cx_uaa u = { 0 };
        struct cx_maa a = { 0 };
        struct cx_saa s = { 0 };
        enum ecode e = E_OK;
        if (code == CX_CMD_UA && (e = cx_get_uaa(mem, m, &u, &er)) == E_OK)
                must(u.result != 0 && fits(u.server_name));
        else if (code == CX_CMD_SA && (e = cx_get_saa(mem, m, &s, &er)) == E_OK)
                must(s.result != 0 && (s.user_data == NULL || strlen(s.user_data) <= CX_USER_DATA_MAX));
        else if (code == CX_CMD_MA && (e = cx_get_maa(mem, m, &a, &er)) == E_OK)
                must(a.result != 0 && a.items_n <= COUNT(a.items));
        must(e == E_OK || er.code == e);
        for (size_t i = 0; i < a.items_n; i++) {
                const struct cx_auth_item *it = &a.items[i];
                must(it->scheme == CX_AKA ? it->rand.n == 16 && it->autn.n == 16 && it->xres.n <= 16
                                          : it->realm != NULL && strlen(it->ha1) == 32);
        }
        cx_maa_wipe(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        start_once();
        struct msg *m = NULL;
        struct msg_hdr *h = NULL;
        uint8_t *own = malloc(n + 1);
        if (own == NULL || n < 20)
                goto out;
        memcpy(own, data, n);
        if (fd_msg_parse_buffer(&own, n, &m) != 0)
                goto out;
        if (fd_msg_parse_dict(m, fd_g_config->cnf_dict, NULL) == 0 && fd_msg_hdr(m, &h) == 0) {
                void *mem = talloc_new(NULL);
                if (h->msg_flags & CMD_FLAG_REQUEST)
                        read_request(mem, m, h->msg_code);
                else
                        read_answer(mem, m, h->msg_code);
                talloc_free(mem);
        }
out:
        if (m != NULL)
                fd_msg_free(m);
        free(own);
        return 0;
}
