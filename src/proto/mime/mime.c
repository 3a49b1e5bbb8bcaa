#include "proto/mime/mime.h"

#include <ctype.h>
#include <strings.h>
#include <talloc.h>

#include "base/codec.h"

#define BOUNDARY_MAX 70u /* RFC 2046 clause 5.1.1 */
#define HEADERS_MAX  32u

static const char blanks[] = " \t\r\n";

static struct bytes trim(struct bytes b)
{
        while (b.n > 0 && b.p[0] != 0 && strchr(blanks, b.p[0]) != NULL)
                b = bytes_of(b.p + 1, b.n - 1);
        while (b.n > 0 && b.p[b.n - 1] != 0 && strchr(blanks, b.p[b.n - 1]) != NULL)
                b.n--;
        return b;
}

static char *lower(char *s)
{
        for (char *c = s; c != NULL && *c != 0; c++)
                *c = (char)tolower((unsigned char)*c);
        return s;
}

static size_t token_len(const char *s)
{
        size_t n = 0;
        while (s[n] != 0 && (isalnum((unsigned char)s[n]) || strchr("!#$%&'*+-.^_`{|}~", s[n]) != NULL))
                n++;
        return n;
}

char *mime_type(void *mem, const char *content_type)
{
        const char *s = content_type + strspn(content_type, blanks);
        size_t major = token_len(s);
        if (major == 0 || s[major] != '/')
                return NULL;
        size_t minor = token_len(s + major + 1);
        if (minor == 0)
                return NULL;
        const char *rest = s + major + 1 + minor;
        rest += strspn(rest, blanks);
        if (*rest != 0 && *rest != ';')
                return NULL;
        return lower(talloc_strndup(mem, s, major + 1 + minor));
}

/* The text of a quoted string that starts after its opening quote; *end is set behind the closing one. */
static char *unquote(void *mem, const char *s, const char **end)
{
        struct buf b = buf_on(mem);
        for (; *s != 0 && *s != '"'; s++) {
                if (*s == '\\' && s[1] != 0)
                        s++;
                buf_put(&b, bytes_of(s, 1));
        }
        if (*s != '"' || b.failed)
                return NULL;
        *end = s + 1;
        return b.n > 0 ? buf_str(&b) : talloc_strdup(mem, "");
}

static char *param_value(void *mem, const char *s, const char **end)
{
        if (*s == '"')
                return unquote(mem, s + 1, end);
        size_t n = strcspn(s, "; \t\r\n");
        *end = s + n;
        return talloc_strndup(mem, s, n);
}

char *mime_param(void *mem, const char *header, const char *name)
{
        const char *s = header + strcspn(header, ";");
        while (*s == ';') {
                s++;
                s += strspn(s, blanks);
                size_t n = token_len(s);
                bool wanted = n == strlen(name) && strncasecmp(s, name, n) == 0;
                s += n;
                s += strspn(s, blanks);
                if (*s == '=') {
                        s++;
                        s += strspn(s, blanks);
                        char *value = param_value(mem, s, &s);
                        if (value == NULL || wanted)
                                return value;
                        talloc_free(value);
                }
                s += strcspn(s, ";");
        }
        return NULL;
}

/* A delimiter line: where the content before it ends, where the line ends, and whether it is the closing one. */
struct delim {
        size_t start, end;
        bool last;
};

/* Is there a delimiter at `at`, which is the start of a line? */
static bool delim_at(struct bytes in, size_t at, struct bytes boundary, struct delim *ret)
{
        size_t n = 2 + boundary.n;
        if (in.n - at < n || memcmp(in.p + at, "--", 2) != 0 || memcmp(in.p + at + 2, boundary.p, boundary.n) != 0)
                return false;
        size_t k = at + n;
        bool last = in.n - k >= 2 && memcmp(in.p + k, "--", 2) == 0;
        if (last)
                k += 2;
        while (k < in.n && (in.p[k] == ' ' || in.p[k] == '\t'))
                k++;
        if (k < in.n && in.p[k] == '\r')
                k++;
        if (k < in.n && in.p[k] != '\n')
                return false;
        size_t start = at;
        if (start > 0 && in.p[start - 1] == '\n')
                start--;
        if (start > 0 && start < at && in.p[start - 1] == '\r')
                start--;
        *ret = (struct delim){ .start = start, .end = k < in.n ? k + 1 : k, .last = last };
        return true;
}

/* The next delimiter at or behind `at`, which is the start of a line. */
static bool next_delim(struct bytes in, size_t at, struct bytes boundary, struct delim *ret)
{
        while (at <= in.n) {
                if (delim_at(in, at, boundary, ret))
                        return true;
                const uint8_t *nl = memchr(in.p + at, '\n', in.n - at);
                if (nl == NULL)
                        return false;
                at = (size_t)(nl - in.p) + 1;
        }
        return false;
}

static char **header_slot(struct mime_part *part, struct bytes name)
{
        static const struct {
                const char *name;
                size_t at;
        } known[] = {
                { "Content-Type", offsetof(struct mime_part, content_type) },
                { "Content-ID", offsetof(struct mime_part, id) },
                { "Content-Transfer-Encoding", offsetof(struct mime_part, encoding) },
                { "Content-Disposition", offsetof(struct mime_part, disposition) },
        };
        for (size_t i = 0; i < COUNT(known); i++)
                if (bytes_ieq_str(name, known[i].name))
                        return (char **)(void *)((char *)part + known[i].at);
        return NULL;
}

/* Folded lines become one: RFC 5322 clause 2.2.3. */
static char *unfolded(void *mem, struct bytes value)
{
        char *s = bytes_to_str(mem, trim(value));
        for (char *c = s; c != NULL && *c != 0; c++)
                if (*c == '\r' || *c == '\n')
                        *c = ' ';
        return s;
}

static enum ecode read_header(void *mem, struct bytes line, struct mime_part *part, struct err *er)
{
        const uint8_t *colon = memchr(line.p, ':', line.n);
        if (colon == NULL || colon == line.p)
                return err_set(er, E_SYNTAX, "R-SA-57", "a part has a header line without a name");
        struct bytes name = trim(bytes_of(line.p, (size_t)(colon - line.p)));
        struct bytes value = bytes_of(colon + 1, line.n - (size_t)(colon + 1 - line.p));
        char **slot = header_slot(part, name);
        if (slot == NULL)
                return E_OK;
        if (*slot != NULL)
                return err_set(er, E_DUPLICATE, "R-SA-57", "a part has %.*s twice", (int)name.n, (const char *)name.p);
        *slot = unfolded(mem, value);
        if (*slot == NULL)
                return err_set(er, E_SYNTAX, "R-SA-57", "a part has a NUL in %.*s", (int)name.n, (const char *)name.p);
        return E_OK;
}

/* End of the header line that starts at `at`, its continuation lines included, without the line end. */
static size_t line_end(struct bytes in, size_t at, size_t *next)
{
        size_t k = at;
        for (;;) {
                const uint8_t *nl = memchr(in.p + k, '\n', in.n - k);
                if (nl == NULL) {
                        *next = in.n;
                        return in.n;
                }
                k = (size_t)(nl - in.p) + 1;
                if (k >= in.n || (in.p[k] != ' ' && in.p[k] != '\t'))
                        break;
        }
        *next = k;
        size_t end = k - 1;
        return end > at && in.p[end - 1] == '\r' ? end - 1 : end;
}

static enum ecode read_headers(void *mem, struct bytes in, struct mime_part *part, struct err *er)
{
        size_t at = 0, next = 0;
        for (unsigned n = 0; at < in.n; n++, at = next) {
                size_t end = line_end(in, at, &next);
                if (end == at) {
                        part->body = bytes_of(in.p + next, in.n - next);
                        return E_OK;
                }
                if (n >= HEADERS_MAX)
                        return err_set(er, E_LONG, "R-SA-39", "a part has more than %u headers", HEADERS_MAX);
                enum ecode e = read_header(mem, bytes_of(in.p + at, end - at), part, er);
                if (e != E_OK)
                        return e;
        }
        part->body = bytes_of(in.p + in.n, 0);
        return E_OK;
}

static enum ecode fill(void *mem, struct mime_part *part, struct err *er);

static enum ecode read_part(void *mem, struct bytes in, unsigned depth, struct mime_part *part, struct err *er)
{
        *part = (struct mime_part){ .depth = depth };
        enum ecode e = read_headers(mem, in, part, er);
        if (e != E_OK)
                return e;
        if (part->content_type == NULL)
                part->content_type = talloc_strdup(mem, "text/plain"); /* RFC 2046 clause 5.1 */
        lower(part->encoding);
        if (part->id != NULL && part->id[0] == '<') {
                memmove(part->id, part->id + 1, strlen(part->id));
                part->id[strcspn(part->id, ">")] = 0;
        }
        return fill(mem, part, er);
}

static enum ecode read_parts(void *mem, struct mime_part *whole, struct bytes boundary, struct err *er)
{
        struct delim d, next;
        if (!next_delim(whole->body, 0, boundary, &d))
                return err_set(er, E_SYNTAX, "R-SA-57", "the boundary does not occur in the multipart body");
        while (!d.last) {
                if (!next_delim(whole->body, d.end, boundary, &next))
                        return err_set(er, E_SYNTAX, "R-SA-57", "the multipart body has no end");
                if (whole->n >= MIME_PARTS_MAX)
                        return err_set(er, E_LONG, "R-SA-39", "more than %u parts", MIME_PARTS_MAX);
                whole->parts = talloc_realloc(mem, whole->parts, struct mime_part, (unsigned)whole->n + 1);
                if (whole->parts == NULL)
                        return err_set(er, E_NOMEM, NULL, "multipart body");
                size_t end = next.start > d.end ? next.start : d.end;
                enum ecode e = read_part(mem, bytes_of(whole->body.p + d.end, end - d.end), whole->depth + 1,
                                         &whole->parts[whole->n], er);
                if (e != E_OK)
                        return e;
                whole->n++;
                d = next;
        }
        if (whole->n == 0)
                return err_set(er, E_SYNTAX, "R-SA-57", "the multipart body has no part");
        return E_OK;
}

/* Media type, and the parts of a multipart. */
static enum ecode fill(void *mem, struct mime_part *part, struct err *er)
{
        if (part->depth > MIME_DEPTH_MAX)
                return err_set(er, E_LONG, "R-SA-39", "bodies are nested deeper than %u", MIME_DEPTH_MAX);
        part->type = part->content_type != NULL ? mime_type(mem, part->content_type) : NULL;
        if (part->type == NULL)
                return err_set(er, E_SYNTAX, "R-SA-57", "a Content-Type names no media type");
        if (strncmp(part->type, "multipart/", 10) != 0)
                return E_OK;
        char *boundary = mime_param(mem, part->content_type, "boundary");
        if (boundary == NULL || boundary[0] == 0 || strlen(boundary) > BOUNDARY_MAX)
                return err_set(er, E_SYNTAX, "R-SA-57", "the boundary of %s is missing, empty or too long", part->type);
        return read_parts(mem, part, bytes_str(boundary), er);
}

enum ecode mime_parse(void *mem, const char *content_type, struct bytes body, unsigned outer_depth,
                      struct mime_part **ret, struct err *er)
{
        if (body.n > MIME_OCTETS_MAX)
                return err_set(er, E_LONG, "R-SA-39", "a body of %zu octets, at most %zu", body.n, MIME_OCTETS_MAX);
        struct mime_part *root = talloc_zero(mem, struct mime_part);
        if (root == NULL)
                return err_set(er, E_NOMEM, NULL, "body");
        root->depth = outer_depth + 1;
        root->body = body.p != NULL ? body : bytes_str("");
        root->content_type = talloc_strdup(root, content_type);
        enum ecode e = fill(root, root, er);
        if (e != E_OK) {
                talloc_free(root);
                return e;
        }
        *ret = root;
        return E_OK;
}

const struct mime_part *mime_find(const struct mime_part *root, const char *type)
{
        if (strcmp(root->type, type) == 0)
                return root;
        for (size_t i = 0; i < root->n; i++) {
                const struct mime_part *found = mime_find(&root->parts[i], type);
                if (found != NULL)
                        return found;
        }
        return NULL;
}

static const struct mime_part *find_id(const struct mime_part *root, struct bytes id)
{
        if (root->id != NULL && bytes_eq_str(id, root->id))
                return root;
        for (size_t i = 0; i < root->n; i++) {
                const struct mime_part *found = find_id(&root->parts[i], id);
                if (found != NULL)
                        return found;
        }
        return NULL;
}

const struct mime_part *mime_find_id(const struct mime_part *root, const char *cid)
{
        struct bytes id = bytes_str(cid);
        if (strncasecmp(cid, "cid:", 4) == 0)
                id = bytes_of(id.p + 4, id.n - 4);
        else if (id.n >= 2 && id.p[0] == '<' && id.p[id.n - 1] == '>')
                id = bytes_of(id.p + 1, id.n - 2);
        return find_id(root, id);
}

enum ecode mime_body(void *mem, const struct mime_part *part, struct bytes *ret)
{
        if (part->encoding != NULL && strcmp(part->encoding, "base64") == 0)
                return b64_decode(mem, part->body, ret);
        *ret = part->body;
        return E_OK;
}
