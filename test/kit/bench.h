/* What every benchmark program has in common: its options, and a row of the table that test/bench/run prints.
 *
 *      program [--json] [--seconds N] [--quick]
 *
 * A row has ours and the reference of the same run in the same unit; ratio = ours / reference when more is better. NAN:
 * there is none. */
#ifndef MUSTER_TEST_KIT_BENCH_H
#define MUSTER_TEST_KIT_BENCH_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_options {
        bool json, quick;
        double seconds; /* of one measurement; 0: the program's own choice */
};

static inline struct bench_options bench_options(int argc, char **argv)
{
        struct bench_options o = { 0 };
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--json") == 0) {
                        o.json = true;
                } else if (strcmp(argv[i], "--quick") == 0) {
                        o.quick = true;
                } else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc && atof(argv[i + 1]) > 0) {
                        o.seconds = atof(argv[++i]);
                } else {
                        fprintf(stderr, "usage: %s [--json] [--seconds N] [--quick]\n", argv[0]);
                        exit(2);
                }
        }
        return o;
}

static inline void bench_number(const char *key, double v, const char *end)
{
        if (isnan(v))
                printf("\"%s\":null%s", key, end);
        else
                printf("\"%s\":%.6g%s", key, v, end);
}

static inline void bench_row(const struct bench_options *o, const char *name, const char *unit, double ours,
                             double reference, double goal)
{
        double ratio = reference > 0 ? ours / reference : NAN;
        if (o->json) {
                printf("{\"name\":\"%s\",\"unit\":\"%s\",", name, unit);
                bench_number("ours", ours, ",");
                bench_number("reference", reference, ",");
                bench_number("ratio", ratio, ",");
                bench_number("goal", goal, "}\n");
        } else if (isnan(ratio)) {
                printf("%-34s %-12s %12.6g\n", name, unit, ours);
        } else {
                printf("%-34s %-12s %12.6g %12.6g %7.2f\n", name, unit, ours, reference, ratio);
        }
        fflush(stdout);
}

#endif
