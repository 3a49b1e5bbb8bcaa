#include "base/json.h"

#include <talloc.h>

char *json_text(void *mem, const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        return s != NULL ? talloc_strdup(mem, s) : NULL;
}

json_t *texts_json(char *const *text, size_t n)
{
        json_t *a = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(a, json_string(text[i]));
        return a;
}

char **json_texts(void *mem, const json_t *a, size_t *n)
{
        size_t count = json_array_size(a);
        char **text = talloc_zero_array(mem, char *, count + 1);
        for (size_t i = 0; text != NULL && i < count; i++) {
                const char *s = json_string_value(json_array_get(a, i));
                text[i] = s != NULL ? talloc_strdup(text, s) : NULL;
                if (text[i] == NULL) {
                        talloc_free(text);
                        return NULL;
                }
        }
        if (text != NULL)
                *n = count;
        return text;
}
