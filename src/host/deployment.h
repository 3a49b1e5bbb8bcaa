/* A deployment directory, made by `muster init`:
 *
 *      muster.yaml          the configuration
 *      tls/                 ca.crt, ca.key; <role>.crt and <role>.key for each role
 *      keys/                log.key (pseudonyms in logs), <role>.seal (seals that role's secrets at rest)
 *      state/<role>/        stores
 *      run/<role>.sock      administration sockets; run/status.json; run/lock
 *      log/events-<role>.jsonl
 *      ue/                  profiles of scripted UEs, with their subscriber keys
 */
#ifndef MUSTER_HOST_DEPLOYMENT_H
#define MUSTER_HOST_DEPLOYMENT_H

#include "adapter/conf/conf.h"
#include "base/event.h"
#include "port/role.h"

struct deployment_conf {
        const char *net, *mc_domain, *ims_domain;
        struct conf_list roles; /* which ones `muster serve` starts */
        const char *log_level;  /* debug, info, warning, error */
        const char *log_format; /* auto, text, json */
        const char *run_as;     /* user to become when started by root, or "" */
        const char *monitor;    /* "ip:port" of the first role's metrics listener, or "": none */
        int64_t workers;        /* per role; 0: by the number of processors */
        int64_t stop_s;         /* how long an orderly stop may take */
};
extern const struct conf_item deployment_conf_items[];

struct deployment {
        struct site site;
        struct deployment_conf set;
        struct conf *conf;
        struct conf_report problems; /* of the deployment section and the file as a whole */
};

/* dir NULL: $MUSTER_DIR, else ".", else "./muster-demo", whichever first holds a muster.yaml. The directory is made
 * absolute. E_NOT_FOUND: there is no deployment. E_CONFIG: the file or its deployment section is wrong, er has the
 * first problem; *ret is written in that case too, so that `config check` can list them all. */
enum ecode deployment_open(void *mem, const char *dir, struct deployment **ret, struct err *er);
/* Looks at every section of every role in this build. */
enum ecode deployment_check(struct deployment *d, struct conf_report *rep);
/* One setting of a role as it holds, found by its name: for tools that look at roles from outside. NULL: the role has
 * no such row, or its section is wrong. Lists are texts with single spaces. On mem. */
const char *deployment_setting(void *mem, struct deployment *d, const char *role, const char *name);
/* "<dir>/<formatted>" on mem. */
char *deployment_path(void *mem, const struct deployment *d, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* 32 octets from keys/<name>. */
enum ecode deployment_key(const struct deployment *d, const char *name, uint8_t ret[32], struct err *er);
/* Log settings of a process of this deployment: role, level, format by what stderr is, event file, hash key. */
enum ecode deployment_log(void *mem, const struct deployment *d, const char *role, struct log **ret, struct err *er);

#endif
