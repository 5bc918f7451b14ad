#include "core/pickle_array.h"

#include <string.h>

static bool same_text(pickle_bytes bytes, const char *string) {
    return bytes.length == strlen(string) && memcmp(bytes.data, string, bytes.length) == 0;
}

const char *pickle_make_dtype(pickle_value *v, const pickle_items *arguments) {
    static const struct {
        const char *name;
        number_type type;
    } types[] = {{"f4", TYPE_F32}, {"f2", TYPE_F16}, {"f8", TYPE_F64}, {"i8", TYPE_I64},
                 {"i4", TYPE_I32}, {"u1", TYPE_U8},  {"b1", TYPE_BOOL}};
    if (arguments->count < 1 || arguments->at[0]->type != PICKLE_STRING)
        return "makes a dtype without a name";
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (same_text(arguments->at[0]->bytes, types[i].name)) {
            v->dtype = types[i].type;
            return NULL;
        }
    return "makes a dtype that no weights have";
}

/* The order of bytes; what follows describes structures, of which there are none. */
const char *pickle_set_dtype(pickle_value *v, const pickle_value *state) {
    if (state->type != PICKLE_TUPLE || state->items.count < 5 || state->items.at[1]->type != PICKLE_STRING)
        return "gives a dtype a state that is none";
    for (size_t i = 2; i < 5; i++)
        if (state->items.at[i]->type != PICKLE_NONE)
            return "makes a dtype of several parts";
    const pickle_bytes order = state->items.at[1]->bytes;
    const bool bytes = number_size(v->dtype) == 1;
    return same_text(order, "<") || (bytes && same_text(order, "|")) ? NULL : "has numbers that are not little-endian";
}

const char *pickle_set_array(pickle_value *v, const pickle_value *state) {
    static const char wrong[] = "gives an array a state that is none";
    const pickle_value *const *part = state->items.at;
    if (v->array.data.data)
        return "gives an array two states";
    if (state->type != PICKLE_TUPLE || state->items.count != 5 || part[1]->type != PICKLE_TUPLE ||
        part[1]->items.count > PICKLE_MAX_RANK || part[2]->type != PICKLE_DTYPE || part[3]->type != PICKLE_BOOL ||
        part[4]->type != PICKLE_BYTES)
        return wrong;
    pickle_array *a = &v->array;
    const pickle_items *sides = &part[1]->items;
    a->type = part[2]->dtype;
    a->rank = (int)sides->count;
    for (int k = 0; k < a->rank; k++) {
        if (sides->at[k]->type != PICKLE_INTEGER || sides->at[k]->integer < 0)
            return wrong;
        a->dim[k] = sides->at[k]->integer;
    }
    const size_t size = number_size(a->type), held = part[4]->bytes.length / size;
    size_t count;
    if (!shape_count(a->dim, a->rank, held, &count) || count * size != part[4]->bytes.length)
        return "makes an array whose bytes are not those of its shape";
    a->column_major = part[3]->truth;
    a->data = part[4]->bytes;
    return NULL;
}
