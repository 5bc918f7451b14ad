#include "core/checkpoint_numpy.h"

#include "core/pickle.h"
#include "core/pickle_opcode.h"

/* Dicts may hold each other many times over, or themselves: what is walked is limited. */
enum { DEPTH_LIMIT = 16, WALK_LIMIT = 1 << 20 };

static const char hint_arrays[] = "a dict of dicts of NumPy's arrays is read";

bool checkpoint_recognise_numpy(const uint8_t *data, size_t size) {
    enum { FRAME_BYTES = 9 };
    if (size < 3 || data[0] != OP_PROTO || data[1] < 2 || data[1] > 5)
        return false;
    const size_t first = data[2] == OP_FRAME ? 2 + FRAME_BYTES : 2;
    return first < size && data[first] == OP_EMPTY_DICT;
}

static loris_status add_array(checkpoint_list *list, const checkpoint_source *s, const char *name,
                              const pickle_value *v) {
    const pickle_array *a = &v->array;
    checkpoint_tensor t = {.name = name, .type = a->type, .rank = a->rank, .data = (const uint8_t *)a->data.data};
    if (!t.data)
        return fail(LORIS_ERROR_INPUT, "download or save the file again", "%s: byte %zu: array \"%s\" has no numbers",
                    s->path, v->at, name);
    t.count = a->data.length / number_size(a->type);
    t.span = a->data.length;
    int64_t stride = 1;
    for (int i = 0; i < a->rank; i++) {
        const int k = a->column_major ? i : a->rank - 1 - i;
        t.dim[k] = a->dim[k];
        t.stride[k] = a->dim[k] > 1 ? stride : 0;
        stride *= a->dim[k] > 1 ? a->dim[k] : 1;
    }
    t.contiguous = !a->column_major || a->rank <= 1;
    return checkpoint_add(list, &t);
}

typedef struct walk {
    checkpoint_list *list;
    const checkpoint_source *source;
    size_t items;
} walk;

static loris_status list_dict(walk *w, const pickle_value *dict, const char *prefix, int depth) {
    w->items += 1 + dict->items.count;
    if (depth > DEPTH_LIMIT || w->items > WALK_LIMIT)
        return fail(LORIS_ERROR_INPUT, hint_arrays, "%s: its dicts are nested too deeply", w->source->path);
    for (size_t i = 0; i < dict->items.count; i += 2) {
        const pickle_value *key = dict->items.at[i], *value = dict->items.at[i + 1];
        if (value->type != PICKLE_DICT && value->type != PICKLE_ARRAY)
            continue;
        const char *name = NULL;
        if (key->type != PICKLE_STRING)
            return fail(LORIS_ERROR_INPUT, hint_arrays, "%s: byte %zu: an array's name is no string", w->source->path,
                        key->at);
        TRY(checkpoint_copy_name(w->source, key, &name));
        name = arena_printf(w->source->memory, "%s%s%s", prefix, value->type == PICKLE_DICT ? name : "",
                            value->type == PICKLE_DICT ? "/" : name);
        if (!name)
            return fail_memory(w->source->path);
        TRY(value->type == PICKLE_DICT ? list_dict(w, value, name, depth + 1)
                                       : add_array(w->list, w->source, name, value));
    }
    return LORIS_OK;
}

loris_status checkpoint_list_numpy(checkpoint_list *list, const checkpoint_source *s) {
    const pickle_value *root = NULL;
    walk w = {list, s, 0};
    size_t at = 0;
    TRY(pickle_read(&root, s->memory, s->data, s->size, &at, s->path));
    if (root->type == PICKLE_DICT)
        TRY(list_dict(&w, root, "", 0));
    return list->count
               ? LORIS_OK
               : fail(LORIS_ERROR_INPUT, "expected a file written by torch.save() or a pickle of NumPy's arrays",
                      "%s: a pickle, but it holds no arrays", s->path);
}
