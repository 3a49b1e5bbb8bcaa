/* The drawing: a row of cells is filled with lifelines, then arrow or text over them, then printed. The text of an
 * arrow stands on the line under it, so that eighty columns are enough for nine functions. */
#include "host/ladder_int.h"

#include <stdio.h>
#include <talloc.h>

enum style { PLAIN, DIM, BOLD, HTTP, SIP, DIAMETER, OTHER, RED, GREEN };
static const char *const paint[] = { "",         "\033[2m",  "\033[1m",    "\033[36m", "\033[32m",
                                     "\033[35m", "\033[34m", "\033[1;31m", "\033[32m" };

enum glyph { LINE, LEFT_END, RIGHT_END, BODY, CROSS, HEAD_RIGHT, HEAD_LEFT, MARK, GOOD, SELF };
static const uint32_t glyphs[2][10] = {
        { 0x2502, 0x251c, 0x2524, 0x2500, 0x253c, 0x25b6, 0x25c0, 0x2717, 0x2713, 0x25cf },
        { '|', '+', '+', '-', '+', '>', '<', 'X', '*', 'o' },
};

static const struct {
        const char *role, *label;
} order[] = {
        { "ue", "UE" },        { "idm", "IdM" },      { "kms", "KMS" }, { "cms", "CMS" }, { "pcscf", "P-CSCF" },
        { "icscf", "I-CSCF" }, { "scscf", "S-CSCF" }, { "hss", "HSS" }, { "mcx", "MCX" },
};

enum { COLUMNS_MAX = 24, WIDTH_MAX = 240, WIDTH_LEAST = 40, SPACING_MOST = 14, SPACING_LEAST = 4, TEXT_MAX = 1024 };

struct cell {
        uint32_t c;
        enum style style;
};

struct canvas {
        const struct ladder_options *opt;
        struct buf *to;
        const char *role[COLUMNS_MAX], *label[COLUMNS_MAX];
        unsigned x[COLUMNS_MAX];
        unsigned n, width, margin;
        struct cell row[WIDTH_MAX];
};

static uint32_t glyph(const struct canvas *v, enum glyph g)
{
        return glyphs[v->opt->ascii][g];
}

static void put_utf8(struct buf *to, uint32_t c)
{
        uint8_t b[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        for (size_t i = n; i-- > 1; c >>= 6)
                b[i] = (uint8_t)(0x80 | (c & 0x3f));
        b[0] = (uint8_t)(lead[n] | c);
        buf_put(to, bytes_of(b, n));
}

/* Text as code points. What could steer a terminal or turn the direction of writing becomes a question mark, since the
 * text may come from a stranger; in ASCII everything else does, too. The source is valid UTF-8 (jansson saw to it). */
static size_t decode(const struct canvas *v, const char *s, uint32_t *ret, size_t most)
{
        size_t n = 0;
        for (const uint8_t *p = (const uint8_t *)s; *p && n < most;) {
                uint32_t c = *p++;
                size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
                c &= more ? 0x3fu >> more : 0x7fu;
                for (; more > 0 && *p; more--)
                        c = c << 6 | (*p++ & 0x3fu);
                bool steers = c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
                              (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
                ret[n++] = steers || (v->opt->ascii && c > 0x7e) ? '?' : c;
        }
        return n;
}

static void blank(struct canvas *v)
{
        for (unsigned i = 0; i < v->width; i++)
                v->row[i] = (struct cell){ ' ', PLAIN };
}

static void lifelines(struct canvas *v)
{
        blank(v);
        for (unsigned i = 0; i < v->n; i++)
                v->row[v->x[i]] = (struct cell){ glyph(v, LINE), DIM };
}

static void write_at(struct canvas *v, unsigned x, const uint32_t *c, size_t n, enum style style)
{
        for (size_t i = 0; i < n && x + i < v->width; i++)
                v->row[x + i] = (struct cell){ c[i], style };
}

static void write_str(struct canvas *v, unsigned x, const char *s, enum style style)
{
        uint32_t c[TEXT_MAX];
        write_at(v, x, c, decode(v, s, c, COUNT(c)), style);
}

/* The row as a line, without blanks at its end. */
static void flush_row(struct canvas *v)
{
        unsigned end = v->width;
        while (end > 0 && v->row[end - 1].c == ' ')
                end--;
        enum style now = PLAIN;
        for (unsigned i = 0; i < end; i++) {
                enum style s = v->row[i].c == ' ' ? now : v->row[i].style;
                if (v->opt->colour && s != now) {
                        buf_puts(v->to, now != PLAIN ? "\033[0m" : "");
                        buf_puts(v->to, paint[s]);
                        now = s;
                }
                put_utf8(v->to, v->row[i].c);
        }
        buf_puts(v->to, v->opt->colour && now != PLAIN ? "\033[0m\n" : "\n");
}

/* ---- columns ---- */

static int column(const struct canvas *v, const char *role)
{
        for (unsigned i = 0; i < v->n; i++)
                if (!strcmp(v->role[i], role))
                        return (int)i;
        return -1;
}

static void add_column(struct canvas *v, const char *role, const char *label)
{
        if (v->n == COLUMNS_MAX || *role == 0 || column(v, role) >= 0)
                return;
        v->role[v->n] = role;
        v->label[v->n++] = label;
}

static bool occurs(const struct ladder_run *r, const char *role)
{
        for (size_t i = 0; i < r->n; i++) {
                const char *from = ladder_text(r->ev[i], r->ev[i]->refusal ? "role" : "from");
                if (!strcmp(from, role) || !strcmp(ladder_text(r->ev[i], "to"), role))
                        return true;
        }
        return false;
}

static void choose_columns(struct canvas *v, const struct ladder_run *r)
{
        for (size_t i = 0; i < COUNT(order); i++)
                if (occurs(r, order[i].role))
                        add_column(v, order[i].role, order[i].label);
        for (size_t i = 0; i < r->n; i++) { /* functions that the order does not know stand behind */
                const char *from = ladder_text(r->ev[i], r->ev[i]->refusal ? "role" : "from");
                add_column(v, from, from);
                add_column(v, ladder_text(r->ev[i], "to"), ladder_text(r->ev[i], "to"));
        }
}

static void place_columns(struct canvas *v)
{
        unsigned first = v->margin + 2, spacing = SPACING_MOST;
        if (v->n > 1 && (v->width - first - 4) / (v->n - 1) < spacing)
                spacing = (v->width - first - 4) / (v->n - 1);
        if (spacing < SPACING_LEAST)
                spacing = SPACING_LEAST;
        for (unsigned i = 0; i < v->n; i++)
                v->x[i] = first + i * spacing < WIDTH_MAX ? first + i * spacing : WIDTH_MAX - 1;
        if (v->n > 0 && v->x[v->n - 1] + 4 > v->width)
                v->width = v->x[v->n - 1] + 4 < WIDTH_MAX ? v->x[v->n - 1] + 4 : WIDTH_MAX;
}

static void put_names(struct canvas *v)
{
        blank(v);
        for (unsigned i = 0; i < v->n; i++) {
                unsigned n = (unsigned)strlen(v->label[i]), half = n / 2;
                write_str(v, v->x[i] > half ? v->x[i] - half : 0, v->label[i], BOLD);
        }
        flush_row(v);
}

/* ---- what happens between them ---- */

static enum style style_of(const char *proto)
{
        static const struct {
                const char *begins;
                enum style style;
        } map[] = { { "HTTP", HTTP }, { "SIP", SIP }, { "Diameter", DIAMETER } };
        for (size_t i = 0; i < COUNT(map); i++)
                if (!strncmp(proto, map[i].begins, strlen(map[i].begins)))
                        return map[i].style;
        return OTHER;
}

/* How many of the n code points stand on a line of `room`: up to a blank where there is one. */
static size_t line_length(const uint32_t *c, size_t n, size_t room)
{
        if (n <= room)
                return n;
        for (size_t i = room; i > room / 2; i--)
                if (c[i] == ' ')
                        return i;
        return room;
}

/* Text under an arrow, beginning right of lifeline x, moved left as far as it has to be. `note` stands in the margin.
 */
static void put_text(struct canvas *v, unsigned x, const char *text, enum style style, const char *note)
{
        uint32_t c[TEXT_MAX];
        size_t n = decode(v, text, c, COUNT(c)), at = 0;
        unsigned least = v->x[0] + 2, start = 0;
        do {
                size_t take = line_length(c + at, n - at, v->width - (start ? start : least) - 1);
                if (start == 0) /* further lines begin where the first one does */
                        start = x + 2 + take < v->width ? x + 2 : v->width - (unsigned)take - 1;
                lifelines(v);
                v->row[start - 1] = (struct cell){ start - 1 == x ? v->row[x].c : ' ', DIM };
                write_at(v, start, c + at, take, style);
                if (start + take < v->width && v->row[start + take].style == DIM)
                        v->row[start + take] = (struct cell){ ' ', PLAIN };
                write_str(v, 1, note, DIM);
                flush_row(v);
                at += take;
                while (at < n && c[at] == ' ')
                        at++;
                note = "";
        } while (at < n);
}

static void put_arrow(struct canvas *v, unsigned a, unsigned b, enum style style)
{
        bool right = b > a;
        unsigned low = right ? a : b, high = right ? b : a;
        for (unsigned x = low + 1; x < high; x++)
                v->row[x] = (struct cell){ glyph(v, v->row[x].c == glyph(v, LINE) ? CROSS : BODY), style };
        if (a == b)
                v->row[a] = (struct cell){ glyph(v, SELF), style };
        else if (right)
                v->row[high - 1] = (struct cell){ glyph(v, HEAD_RIGHT), style };
        else
                v->row[low + 1] = (struct cell){ glyph(v, HEAD_LEFT), style };
        if (a != b)
                v->row[a] = (struct cell){ glyph(v, right ? LEFT_END : RIGHT_END), style };
}

/* "3ms", "412ms", "12.3s", "340s": five characters. */
static void short_time(int64_t us, char ret[32])
{
        if (us < 1000000)
                snprintf(ret, 32, "%lldms", (long long)(us / 1000));
        else if (us < 100000000)
                snprintf(ret, 32, "%lld.%llds", (long long)(us / 1000000), (long long)(us / 100000 % 10));
        else
                snprintf(ret, 32, "%llds", (long long)(us / 1000000));
}

static void draw_arrow(struct canvas *v, const struct ladder_event *e, const char *when)
{
        int from = column(v, ladder_text(e, "from")), to = column(v, ladder_text(e, "to"));
        if (from < 0 || to < 0)
                return;
        const char *proto = ladder_text(e, "proto");
        enum style style = style_of(proto);
        lifelines(v);
        write_str(v, 1, ladder_text(e, "step"), BOLD);
        put_arrow(v, v->x[from], v->x[to], style);
        flush_row(v);
        char *text = talloc_asprintf(NULL, "%s%s%s", proto, *proto ? ": " : "", ladder_text(e, "text"));
        put_text(v, v->x[from < to ? from : to], text ? text : "", PLAIN, when);
        talloc_free(text);
}

static void draw_refusal(struct canvas *v, const struct ladder_event *e, const char *when)
{
        int at = column(v, ladder_text(e, "role"));
        if (at < 0)
                return;
        const char *req = ladder_text(e, "req"), *advice = ladder_text(e, "advice");
        lifelines(v);
        write_str(v, 1, ladder_text(e, "step"), BOLD);
        v->row[v->x[at]] = (struct cell){ glyph(v, MARK), RED };
        flush_row(v);
        void *mem = talloc_new(NULL);
        put_text(v, v->x[at],
                 talloc_asprintf(mem, "refused: %s [%s%s%s]", ladder_text(e, "text"), ladder_text(e, "cause"),
                                 *req ? ", " : "", req),
                 RED, when);
        if (*advice)
                put_text(v, v->x[at], advice, DIM, "");
        talloc_free(mem);
}

/* "mcx-sign-on   2026-07-01 12:00:00 UTC   trace 4bf92f35" */
static void put_title(struct canvas *v, const struct ladder_run *r)
{
        const char *time = ladder_text(r->ev[0], "time");
        char title[160];
        snprintf(title, sizeof title, "%s   %.10s %.8s UTC%s%.8s", *r->flow ? r->flow : "messages", time,
                 strlen(time) > 19 ? time + 11 : "", *r->trace ? "   trace " : "", r->trace);
        blank(v);
        write_str(v, 1, title, BOLD);
        flush_row(v);
        buf_puts(v->to, "\n");
}

static void put_note(struct canvas *v, const struct ladder_run *r)
{
        int ue = column(v, "ue");
        if (!v->opt->note || strcmp(r->flow, "mcx-sign-on") != 0 || ue < 0)
                return;
        lifelines(v);
        write_str(v, 1, "0", BOLD);
        v->row[v->x[ue]] = (struct cell){ glyph(v, SELF), DIM };
        flush_row(v);
        put_text(v, v->x[ue],
                 "Radio attach and P-CSCF discovery lie outside of what runs here: no radio was used, the UE read its "
                 "addresses "
                 "from its initial configuration document.",
                 DIM, "");
}

static void put_sum(struct canvas *v, const struct ladder_run *r)
{
        char took[32], sum[120];
        short_time(r->ev[r->n - 1]->at_us - r->ev[0]->at_us, took);
        size_t arrows = r->n - r->refusals;
        blank(v);
        v->row[1] = (struct cell){ glyph(v, r->refusals ? MARK : GOOD), r->refusals ? RED : GREEN };
        snprintf(sum, sizeof sum, "%zu message%s in %s, ", arrows, arrows == 1 ? "" : "s", took);
        write_str(v, 3, sum, PLAIN);
        char refusals[40];
        snprintf(refusals, sizeof refusals, r->refusals ? "%zu refused" : "nothing refused", r->refusals);
        write_str(v, 3 + (unsigned)strlen(sum), refusals, r->refusals ? RED : PLAIN);
        flush_row(v);
        buf_puts(v->to, "\n");
}

static void draw_event(struct canvas *v, const struct ladder_event *e, int64_t began_us)
{
        char when[32];
        short_time(e->at_us - began_us, when);
        if (e->refusal)
                draw_refusal(v, e, when);
        else
                draw_arrow(v, e, when);
}

static struct canvas *canvas_new(const struct ladder_options *opt, struct buf *to)
{
        struct canvas *v = talloc_zero(NULL, struct canvas);
        if (v == NULL)
                return NULL;
        v->opt = opt;
        v->to = to;
        v->width = opt->width < WIDTH_LEAST ? WIDTH_LEAST : opt->width > WIDTH_MAX ? WIDTH_MAX : opt->width;
        v->margin = 7;
        return v;
}

void ladder_draw_rows(const struct ladder_run *r, const struct ladder_options *opt, bool header, struct buf *to)
{
        struct canvas *v = canvas_new(opt, to);
        if (v == NULL)
                return;
        for (size_t i = 0; i < COUNT(order); i++)
                add_column(v, order[i].role, order[i].label);
        choose_columns(v, r);
        place_columns(v);
        if (header)
                put_names(v);
        for (size_t i = 0; i < r->n; i++)
                draw_event(v, r->ev[i], r->ev[0]->at_us);
        talloc_free(v);
}

size_t ladder_draw_run(const struct ladder_run *r, const struct ladder_options *opt, struct buf *to)
{
        struct canvas *v = canvas_new(opt, to);
        if (v == NULL)
                return 0;
        choose_columns(v, r);
        place_columns(v);
        put_title(v, r);
        put_names(v);
        put_note(v, r);
        for (size_t i = 0; i < r->n; i++)
                draw_event(v, r->ev[i], r->ev[0]->at_us);
        lifelines(v);
        flush_row(v);
        put_names(v);
        buf_puts(to, "\n");
        put_sum(v, r);
        talloc_free(v);
        return r->n - r->refusals;
}
