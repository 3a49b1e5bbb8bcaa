#include "proto/mcx/mcx_settings.h"

#include <talloc.h>

#include "proto/xml/xml_read.h"

#define NS           "urn:oma:params:xml:ns:poc:poc-settings" /* RFC 4354 */
#define NS_MCS       "urn:3gpp:mcsSettings:1.0"               /* 24.379 7.4.1.2.2 */
#define ENTITIES_MAX 32u

static enum mcx_answer_mode read_answer_mode(struct xmlr *outer, const struct xml_node *entity)
{
        struct xmlr r = *outer;
        r.req = "R-SA-83";
        enum mcx_answer_mode mode = MCX_ANSWER_UNSET;
        const struct xml_node *am = xmlr_opt_node(&r, entity, "am-settings");
        char *text = xmlr_opt_text(&r, am, "answer-mode");
        if (text != NULL && strcmp(text, "automatic") == 0)
                mode = MCX_ANSWER_AUTOMATIC;
        else if (text != NULL && strcmp(text, "manual") == 0)
                mode = MCX_ANSWER_MANUAL;
        else if (text != NULL || xmlr_opt_node(&r, am, "answer-mode") != NULL)
                xmlr_fail(&r, E_SYNTAX, am, "answer-mode", "is neither automatic nor manual");
        outer->e = r.e;
        return mode;
}

/* R-SA-85: some clients leave the index in the namespace of the settings. */
static void read_profile_index(struct xmlr *outer, const struct xml_node *entity, struct mcx_settings_entity *ret)
{
        struct xmlr r = *outer;
        r.ns = NULL;
        r.req = "R-SA-85";
        const struct xml_node *n = xmlr_opt_node(&r, entity, "selected-user-profile-index");
        if (n != NULL) {
                ret->profile_index = xmlr_i64(&r, n, "user-profile-index");
                ret->has_profile_index = true;
        }
        if (ret->profile_index < 0 || ret->profile_index > 255) /* 24.484 8.3.2 */
                xmlr_fail(&r, E_RANGE, n, "user-profile-index", "is not 0 to 255");
        outer->e = r.e;
}

enum ecode mcx_settings_parse(void *mem, struct bytes xml, struct mcx_settings **ret, struct err *er)
{
        struct mcx_settings *s = talloc_zero(mem, struct mcx_settings);
        struct xml *x = NULL;
        enum ecode e = s == NULL ? err_set(er, E_NOMEM, NULL, "settings") : xml_parse(s, xml, NULL, &x, er);
        if (e != E_OK) {
                talloc_free(s);
                return e;
        }
        struct xmlr r = { .mem = s, .ns = NS, .req = "R-SA-57", .er = er };
        const struct xml_node *root = xml_root(x);
        if (!xml_is(root, NS, "poc-settings"))
                xmlr_fail(&r, E_SYNTAX, root, xml_name(root), "is no root element of service settings");
        s->entities = xmlr_array(&r, root, "entity", sizeof *s->entities, ENTITIES_MAX, &s->n);
        size_t i = 0;
        for (const struct xml_node *c = xml_first(root, NS, "entity"); i < s->n; c = xml_next(c, NS, "entity"), i++) {
                s->entities[i].id = xmlr_attr(&r, c, "id");
                s->entities[i].answer_mode = read_answer_mode(&r, c);
                read_profile_index(&r, c, &s->entities[i]);
        }
        talloc_free(x);
        if (r.e != E_OK)
                talloc_free(s);
        else
                *ret = s;
        return r.e;
}

static void write_entity(struct xmlw *w, const struct mcx_settings_entity *s)
{
        xmlw_start(w, "entity");
        xmlw_attr(w, "id", s->id);
        if (s->answer_mode != MCX_ANSWER_UNSET) {
                xmlw_start(w, "am-settings");
                xmlw_leaf(w, "answer-mode", s->answer_mode == MCX_ANSWER_AUTOMATIC ? "automatic" : "manual");
                xmlw_end(w);
        }
        if (s->has_profile_index) {
                xmlw_start(w, "mcs10Set:selected-user-profile-index");
                xmlw_leaf_i64(w, "mcs10Set:user-profile-index", s->profile_index);
                xmlw_end(w);
        }
        xmlw_end(w);
}

enum ecode mcx_settings_print(void *mem, const struct mcx_settings *in, struct bytes *ret, struct err *er)
{
        struct xmlw w = xmlw_on(mem);
        xmlw_start(&w, "poc-settings");
        xmlw_attr(&w, "xmlns", NS);
        xmlw_attr(&w, "xmlns:mcs10Set", NS_MCS);
        for (size_t i = 0; i < in->n; i++)
                write_entity(&w, &in->entities[i]);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}
