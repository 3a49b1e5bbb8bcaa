/* What the files of the IdM server's store share. */
#ifndef MUSTER_ADAPTER_STORE_IDM_SQLITE_PRIV_H
#define MUSTER_ADAPTER_STORE_IDM_SQLITE_PRIV_H

#include "adapter/store/idm_sqlite.h"

struct idm_sqlite {
        struct store_idm port; /* first */
        struct db *db;
};

static inline struct db *idm_db(struct store_idm *st)
{
        return ((struct idm_sqlite *)(void *)st)->db;
}

/* The arguments of one call on their way through db_write or db_read; each function uses what it needs. */
struct idm_call {
        void *mem;
        const void *in;
        void *out;
        size_t *out_n;
        const char *text, *more, *third;
        const struct idm_hash *hash;
        struct bytes blob;
        const struct idm_issue *issue;
        int64_t i, j;
        int64_t *count, *count2;
        bool flag;
};

#define HASH(h) DB_BLOB(bytes_of((h)->b, IDM_HASH_LEN))

void idm_sqlite_set_admin(struct store_idm *st); /* users, clients, keys */
void idm_sqlite_set_flow(struct store_idm *st);  /* logins, codes, tokens */

#endif
