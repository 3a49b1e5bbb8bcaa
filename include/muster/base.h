/* What all parts of libmuster share: results, errors, memory.
 *
 * Link with what `pkg-config --cflags --libs muster` says; see docs/library.md for Meson and CMake.
 *
 * Ownership  Texts and octets that go in are borrowed for the call and copied where they are kept. A handle comes from
 * a function ..._open, ..._read, ..._fetch or ..._check and ends with its ..._free, which wipes the secrets in it; NULL
 * is fine there. What a function calls borrowed lives as long as the handle it came from. Buffers handed out end with
 * muster_free(). Errors     Results (`ret`) are written on success only, *err on failure only; err may be NULL. Threads
 * Functions may be called from any thread. A handle may be used by many threads at a time, where its header does not
 * say otherwise; it is freed when nobody uses it any more. Calls block until they are done. After fork() a child may
 * not use handles of its parent. Signals    No handler is installed, and a peer that hangs up raises no SIGPIPE.
 * Stability  Members are added to structs in the place of `reserved` alone, which the caller sets to zero, and at the
 * end of structs that the library allocates. Whatever else changes the meaning of a program changes the soname. */
#ifndef MUSTER_BASE_PUBLIC_H
#define MUSTER_BASE_PUBLIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MUSTER_API __attribute__((visibility("default")))
#else
#define MUSTER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* "No" is not "could not ask": after MUSTER_UNDECIDED nothing was decided, and the same call may succeed later. A
 * server answers its own client 401 or 403 after the one and 503 after the other. */
enum muster_result {
        MUSTER_OK = 0,
        MUSTER_REFUSED = 1,   /* decided: no. Wrong input, wrong token, wrong key */
        MUSTER_UNDECIDED = 2, /* a server did not answer, no memory, a file cannot be read, ... */
};

struct muster_error {
        enum muster_result result;
        char code[32];        /* stable, for programs: "E_TOKEN_EXPIRED" */
        char requirement[16]; /* the requirement of docs/requirements.md that was not met, "R-ID-85", or "" */
        char text[240];       /* for the operator: what and where. Holds no secret */
        const char *advice;   /* what to do about it; static text */
        const char *oauth;    /* the word of RFC 6749 and RFC 6750, "invalid_token"; static text, or NULL */
        int http_status;      /* what an HTTP server would answer: 401 */
        const void *reserved[4];
};

/* The services of TS 33.180 annex B. */
enum muster_service {
        MUSTER_ANY_SERVICE = 0,
        MUSTER_MCPTT = 1,
        MUSTER_MCVIDEO = 2,
        MUSTER_MCDATA = 3,
};

/* "0.1.0" */
MUSTER_API const char *muster_version(void);

/* Frees a buffer that the library handed out, after wiping it. NULL is fine. */
MUSTER_API void muster_free(void *buffer);

#ifdef __cplusplus
}
#endif

#endif
