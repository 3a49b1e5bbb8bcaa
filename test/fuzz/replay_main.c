/* Runs a fuzz target over every file of the folders named on the command line, without a fuzzer, so that corpora replay
 * in the normal test run with the ordinary compiler. A missing or empty folder fails: nothing would have been tested.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int replay(const char *path)
{
        FILE *f = fopen(path, "rb");
        if (f == NULL) {
                perror(path);
                return -1;
        }
        size_t n = 0, cap = 1 << 20;
        uint8_t *data = malloc(cap);
        if (data != NULL)
                n = fread(data, 1, cap, f);
        fclose(f);
        /* exactly n octets on the heap, so that the address sanitizer sees a read past the end */
        uint8_t *exact = malloc(n ? n : 1);
        if (data == NULL || exact == NULL)
                abort();
        memcpy(exact, data, n);
        free(data);
        LLVMFuzzerTestOneInput(exact, n);
        free(exact);
        return 0;
}

int main(int argc, char **argv)
{
        unsigned files = 0;
        for (int i = 1; i < argc; i++) {
                DIR *d = opendir(argv[i]);
                if (d == NULL) {
                        perror(argv[i]);
                        return 1;
                }
                for (struct dirent *e; (e = readdir(d)) != NULL;) {
                        char path[4096];
                        if (e->d_name[0] == '.')
                                continue;
                        snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
                        if (replay(path) != 0)
                                return 1;
                        files++;
                }
                closedir(d);
        }
        printf("%u inputs replayed\n", files);
        return files > 0 ? 0 : 1;
}
