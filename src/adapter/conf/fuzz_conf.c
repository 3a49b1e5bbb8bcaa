/* Any octets as a configuration file: read, bound, and what was accepted prints to something that is accepted again. */
#include "adapter/conf/conf.h"

#include <stdlib.h>
#include <talloc.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct toy {
        const char *name, *listen, *url, *path, *word;
        struct conf_list list;
        int64_t number, time;
        bool flag;
};

static const struct conf_item rows[] = {
        CONF_STRING(struct toy, name, "x", "A name.", NULL),
        CONF_LISTEN(struct toy, listen, "{net}.1:8443", "An address.", NULL),
        CONF_URL(struct toy, url, "https://{mc_domain}/", "A URL.", NULL),
        CONF_PATH(struct toy, path, "state", "A path.", NULL),
        CONF_CHOICE(struct toy, word, "a", "a b c", "A word.", NULL),
        CONF_LIST(struct toy, list, "a, b", "Words.", NULL),
        CONF_INT(struct toy, number, "1", 0, 100, "A number.", NULL),
        CONF_SECONDS(struct toy, time, "1m", 1, 86400, "A time.", NULL),
        CONF_BOOL(struct toy, flag, "true", "A flag.", NULL),
        CONF_END,
};

static bool bind(void *mem, struct bytes yaml, struct toy *ret)
{
        struct conf *c = NULL;
        struct conf_report rep = conf_report_on(mem, "fuzz.yaml");
        if (conf_parse(mem, yaml, &c, &rep) != E_OK)
                return false;
        conf_set_var(c, "net", "127.0.1");
        conf_set_var(c, "mc_domain", "mc.example");
        return conf_bind(c, "toy", rows, ret, sizeof *ret, &rep) == E_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        void *mem = talloc_new(NULL);
        struct toy t, again;
        if (bind(mem, bytes_of(p, n), &t)) {
                struct buf b = buf_on(mem);
                conf_print_values(&b, "toy", rows, &t);
                bool same = !b.failed && bind(mem, buf_bytes(&b), &again) && !strcmp(t.name, again.name) &&
                            t.number == again.number && t.time == again.time && t.list.n == again.list.n;
                if (!same)
                        abort();
        }
        talloc_free(mem);
        return 0;
}
