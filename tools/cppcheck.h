/* What cppcheck has to know of system headers, which it does not read, and of the language, of which it knows C11. */
#define LIST_HEAD(name, type)             struct name { struct type *lh_first; }
#define LIST_ENTRY(type)                  struct { struct type *le_next; struct type **le_prev; }
#define LIST_FOREACH(el, head, field)     for ((el) = (head)->lh_first; (el) != NULL; (el) = (el)->field.le_next)
#define HASH_ITER(hh, head, el, tmp)      for ((el) = (head), (tmp) = (el)->hh.next; (el) != NULL; (el) = (tmp))
#define json_array_foreach(array, i, v)   for ((i) = 0; (v) = json_array_get((array), (i)); (i)++)
#define json_object_foreach(object, k, v) for ((k) = json_object_iter_key(object); (v) = json_object_get((object), (k));)
