/* How fast the identity-based cryptography is, next to wolfCrypt in the same run. Both take turns in short slices, and
 * the best slice counts, so that a neighbour's load hits neither more than the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <time.h>

#include "base/env.h"
#include "crypto/eccsi.h"
#include "crypto/fp_kernel.h"
#include "crypto/sakke.h"
#include "test/kit/bench.h"

#ifdef MUSTER_HAVE_WOLFCRYPT
#include "test/kit/wolf.h"
#endif

static struct {
        struct eccsi_ksak ksak;
        struct eccsi_kpak kpak;
        struct eccsi_vseed seed;
        struct eccsi_ssk ssk;
        struct eccsi_pvt pvt;
        struct eccsi_signer signer;
        struct eccsi_sig sig;
        struct sakke_z z;
        struct sakke_zpub zpub;
        struct sakke_domain *domain, *prepared;
        struct sakke_peer *peer;
        struct sakke_rsk rsk;
        struct sakke_rsk_table *table;
        struct sakke_sed sed;
        struct mc_key key, opened;
        uint8_t id[32], message[572];
        void *mem;
} b;

#define ID BYTES_ARR(b.id)

static bool our_extract(void)
{
        return sakke_rsk_extract(&b.z, ID, &b.rsk, NULL) == E_OK;
}

static bool our_rsk_check(void)
{
        return sakke_rsk_check(b.domain, ID, &b.rsk, NULL) == E_OK;
}

static bool our_encapsulate(void)
{
        return sakke_encapsulate(b.domain, ID, &b.key, &b.sed, NULL) == E_OK;
}

static bool our_rsk_check_prepared(void)
{
        return sakke_rsk_check(b.prepared, ID, &b.rsk, NULL) == E_OK;
}

/* Another identity each time. */
static struct bytes stranger(void)
{
        static uint8_t id[32];
        if (++id[0] == 0)
                id[1]++;
        return BYTES_ARR(id);
}

static bool our_encapsulate_new(void)
{
        struct sakke_sed sed;
        return sakke_encapsulate(b.domain, stranger(), &b.key, &sed, NULL) == E_OK;
}

static bool our_encapsulate_peer(void)
{
        return sakke_encapsulate_peer(b.peer, &b.key, &b.sed, NULL) == E_OK;
}

static bool our_decapsulate(void)
{
        return sakke_decapsulate(b.domain, ID, &b.rsk, BYTES_ARR(b.sed.b), &b.opened, NULL) == E_OK;
}

static bool our_decapsulate_table(void)
{
        return sakke_decapsulate_table(b.table, BYTES_ARR(b.sed.b), &b.opened, NULL) == E_OK;
}

static bool our_issue(void)
{
        return eccsi_issue_derived(&b.ksak, &b.kpak, &b.seed, ID, &b.ssk, &b.pvt) == E_OK;
}

static bool our_pair_check(void)
{
        return eccsi_signer_make(&b.kpak, ID, &b.ssk, &b.pvt, &b.signer, NULL) == E_OK;
}

static bool our_sign(void)
{
        return eccsi_sign(&b.signer, &rng_system, BYTES_ARR(b.message), &b.sig) == E_OK;
}

static bool our_verify(void)
{
        return eccsi_verify(&b.kpak, ID, BYTES_ARR(b.message), BYTES_ARR(b.sig.b), NULL) == E_OK;
}

#ifdef MUSTER_HAVE_WOLFCRYPT
static struct wolf *w;

static bool their_extract(void)
{
        return wolf_rsk(w, ID, &b.rsk) == 0;
}

static bool their_rsk_check(void)
{
        int valid = 0;
        return wolf_rsk_valid(w, ID, &b.rsk, &valid) == 0 && valid == 1;
}

static bool their_encapsulate_new(void)
{
        struct sakke_sed sed;
        return wolf_peer(w, stranger(), true) == 0 && wolf_encapsulate(w, &b.key, &sed) == 0;
}

/* The slice before left another receiver; setting the kept one again costs a comparison. */
static bool their_encapsulate_peer(void)
{
        static bool kept;
        if (!kept && wolf_peer(w, ID, true) != 0)
                return false;
        kept = true;
        return wolf_encapsulate(w, &b.key, &b.sed) == 0;
}

static bool their_decapsulate(void)
{
        return wolf_receiver(w, ID, &b.rsk) == 0 && wolf_decapsulate(w, &b.sed, &b.opened) == 0;
}

static bool their_issue(void)
{
        return wolf_pair(w, ID, &b.ssk, &b.pvt) == 0;
}

static bool their_pair_check(void)
{
        int valid = 0;
        return wolf_pair_valid(w, ID, &b.ssk, &b.pvt, &valid) == 0 && valid == 1 && wolf_signer(w, ID) == 0;
}

static bool their_sign(void)
{
        return wolf_sign(w, BYTES_ARR(b.message), &b.sig) == 0;
}

static bool their_verify(void)
{
        int ok = 0;
        return wolf_verify(w, ID, BYTES_ARR(b.message), &b.sig, &ok) == 0 && ok == 1;
}

static bool peer_open(void)
{
        w = calloc(1, sizeof *w);
        return w != NULL && wolf_open(w) == 0 && wolf_kms(w, &b.ksak, &b.kpak, &b.z, &b.zpub) == 0 &&
               wolf_user(w, &b.kpak, &b.zpub) == 0;
}
#define THEIRS(f) f
#else
static bool peer_open(void)
{
        return true;
}
#define THEIRS(f) NULL
#endif

static bool our_table_new(void)
{
        struct sakke_rsk_table *t;
        bool good = sakke_rsk_table_new(b.mem, b.domain, ID, &b.rsk, &t, NULL) == E_OK;
        if (good)
                talloc_free(t);
        return good;
}

static bool our_peer_new(void)
{
        struct sakke_peer *p;
        bool good = sakke_peer_new(b.mem, b.domain, ID, &p, NULL) == E_OK;
        if (good)
                talloc_free(p);
        return good;
}

/* In an order in which each finds what it needs; ECCSI first, as many SAKKE receivers push other points out of
 * wolfCrypt's cache. `goal` is the ratio to reach. */
static const struct row {
        const char *name;
        bool (*ours)(void), (*theirs)(void);
        double goal;
} rows[] = {
        { "eccsi_issue", our_issue, THEIRS(their_issue), 1 },
        { "eccsi_pair_check", our_pair_check, THEIRS(their_pair_check), 1 },
        { "eccsi_sign", our_sign, THEIRS(their_sign), 1 },
        { "eccsi_verify", our_verify, THEIRS(their_verify), 1 },
        { "sakke_rsk_extract", our_extract, THEIRS(their_extract), 3 },
        { "sakke_rsk_check", our_rsk_check, THEIRS(their_rsk_check), 2 },
        { "sakke_rsk_check_prepared", our_rsk_check_prepared, THEIRS(their_rsk_check), 3 },
        { "sakke_encapsulate_new_peer", our_encapsulate_new, THEIRS(their_encapsulate_new), 6 },
        { "sakke_encapsulate_kept_peer", our_encapsulate_peer, THEIRS(their_encapsulate_peer), 4 },
        { "sakke_decapsulate", our_decapsulate, THEIRS(their_decapsulate), 1.5 },
        { "sakke_decapsulate_table", our_decapsulate_table, THEIRS(their_decapsulate), 8 },
        { "sakke_peer_new", our_peer_new, NULL, 0 },
        { "sakke_rsk_table_new", our_table_new, NULL, 0 },
};

static double seconds(void)
{
        struct timespec t;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Operations per second over at least 50 ms of processor time; 0 when one fails. */
static double slice(bool (*f)(void))
{
        double start = seconds(), took = 0;
        long n = 0;
        while (took < 0.05) {
                if (!f())
                        return 0;
                n++;
                took = seconds() - start;
        }
        return (double)n / took;
}

static void measure(const struct row *r, int slices, double *ours, double *theirs)
{
        *ours = *theirs = 0;
        for (int i = 0; i < slices; i++) {
                double t = r->theirs != NULL ? slice(r->theirs) : 0, o = slice(r->ours);
                *theirs = t > *theirs ? t : *theirs;
                *ours = o > *ours ? o : *ours;
        }
}

static bool prepare(void)
{
        b.mem = talloc_new(NULL);
        return rng_fill(&rng_system, b.id, sizeof b.id) == E_OK &&
               rng_fill(&rng_system, b.key.b, sizeof b.key.b) == E_OK &&
               rng_fill(&rng_system, b.seed.b, sizeof b.seed.b) == E_OK &&
               eccsi_master_make(&rng_system, &b.ksak, &b.kpak) == E_OK &&
               sakke_master_make(&rng_system, &b.z, &b.zpub) == E_OK &&
               sakke_domain_new(b.mem, &b.zpub, &b.domain, NULL) == E_OK &&
               sakke_domain_new(b.mem, &b.zpub, &b.prepared, NULL) == E_OK &&
               sakke_domain_prepare(b.prepared, NULL) == E_OK &&
               sakke_peer_new(b.mem, b.domain, ID, &b.peer, NULL) == E_OK && our_extract() &&
               sakke_rsk_table_new(b.mem, b.domain, ID, &b.rsk, &b.table, NULL) == E_OK && our_encapsulate() &&
               our_issue() && our_pair_check() && our_sign() && peer_open();
}

int main(int argc, char **argv)
{
        struct bench_options o = bench_options(argc, argv);
        int slices = o.quick ? 1 : o.seconds > 0 ? (int)(o.seconds / 0.1) + 1 : 8;
        if (!prepare()) {
                fprintf(stderr, "bench_crypto: the preparation failed\n");
                return 1;
        }
        fprintf(stderr, "kernel: %s; reference: wolfCrypt\n", fp_kernel.name);
        bool good = true;
        for (size_t i = 0; i < COUNT(rows); i++) {
                double ours, theirs;
                measure(&rows[i], slices, &ours, &theirs);
                bench_row(&o, rows[i].name, "ops/s", ours, theirs > 0 ? theirs : NAN,
                          rows[i].theirs != NULL ? rows[i].goal : NAN);
                good = good && ours > 0 && (rows[i].theirs == NULL || theirs > 0);
        }
        talloc_free(b.mem);
        return good ? 0 : 1;
}
