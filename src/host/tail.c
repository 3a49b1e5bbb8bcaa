#include "host/tail.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

struct tail_file {
        char *name;
        ino_t inode;
        off_t at;
};

struct tail {
        char *log_dir;
        struct tail_file *files;
        size_t n;
        bool at_end; /* until the first reading is over */
        int notify_fd;
};

static int drop(struct tail *t)
{
        if (t->notify_fd >= 0)
                close(t->notify_fd);
        return 0;
}

struct tail *tail_new(void *mem, const char *dir, bool at_end)
{
        struct tail *t = talloc_zero(mem, struct tail);
        if (t == NULL)
                return NULL;
        t->log_dir = talloc_asprintf(t, "%s/log", dir);
        t->at_end = at_end;
        t->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (t->notify_fd >= 0)
                inotify_add_watch(t->notify_fd, t->log_dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO);
        talloc_set_destructor(t, drop);
        return t;
}

static struct tail_file *file_of(struct tail *t, const char *name)
{
        for (size_t i = 0; i < t->n; i++)
                if (!strcmp(t->files[i].name, name))
                        return &t->files[i];
        struct tail_file *grown = talloc_realloc(t, t->files, struct tail_file, t->n + 1);
        if (grown == NULL)
                return NULL;
        t->files = grown;
        grown[t->n] = (struct tail_file){ .name = talloc_strdup(grown, name) };
        return &grown[t->n++];
}

/* A line without its end stays for the next time. */
static void read_lines(struct tail_file *f, FILE *in, tail_fn fn, void *arg)
{
        char *line = NULL;
        size_t cap = 0;
        ssize_t n;
        fseeko(in, f->at, SEEK_SET);
        while ((n = getline(&line, &cap, in)) > 0 && line[n - 1] == '\n') {
                f->at += n;
                if (fn != NULL)
                        fn(arg, bytes_of(line, (size_t)n - 1));
        }
        free(line);
}

static void read_file(struct tail *t, const char *name, tail_fn fn, void *arg)
{
        struct tail_file *f = file_of(t, name);
        char *path = talloc_asprintf(t, "%s/%s", t->log_dir, name);
        FILE *in = f != NULL && path != NULL ? fopen(path, "re") : NULL;
        struct stat st;
        if (in != NULL && fstat(fileno(in), &st) == 0) {
                if (st.st_ino != f->inode || st.st_size < f->at)
                        f->at = 0; /* rotated: the fresh file begins at its beginning */
                f->inode = st.st_ino;
                read_lines(f, in, t->at_end ? NULL : fn, arg);
        }
        if (in != NULL)
                fclose(in);
        talloc_free(path);
}

enum ecode tail_read(struct tail *t, tail_fn fn, void *arg, struct err *er)
{
        DIR *d = opendir(t->log_dir);
        if (d == NULL)
                return err_set(er, E_IO, NULL, "cannot read %s: %s", t->log_dir, strerror(errno));
        for (const struct dirent *f; (f = readdir(d)) != NULL;) {
                size_t n = strlen(f->d_name);
                if (!strncmp(f->d_name, "events-", 7) && n > 6 && !strcmp(f->d_name + n - 6, ".jsonl"))
                        read_file(t, f->d_name, fn, arg);
        }
        closedir(d);
        t->at_end = false;
        return E_OK;
}

void tail_wait(struct tail *t, int most_ms)
{
        struct pollfd p = { t->notify_fd, POLLIN, 0 };
        char events[4096];
        if (poll(&p, 1, most_ms) > 0)
                while (read(t->notify_fd, events, sizeof events) > 0)
                        ;
}
