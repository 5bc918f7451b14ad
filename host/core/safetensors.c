#include "core/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

enum { HEADER_LIMIT = 100 * 1000 * 1000 };

struct safetensors {
    file_map map;
    arena *memory;
    const char *path;
    const uint8_t *data; /* after the header */
    size_t data_bytes;
    safetensor *tensor; /* in file order */
    size_t count;
    const safetensor **by_name; /* sorted */
    const json *metadata;
};

static const char hint_damaged[] = "download or convert the file again";
static const char hint_cut[] = "is the download complete?";

static loris_status fail_tensor(const safetensors *s, const safetensor *t, const char *what) {
    return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: tensor \"%s\": %s", s->path, t->name, what);
}

/* ---- one entry of the header ------------------------------------------------------------------------------------- */

static bool parse_type(const char *name, number_type *out) {
    static const struct {
        const char *name;
        number_type type;
    } known[] = {{"F32", TYPE_F32}, {"F16", TYPE_F16}, {"BF16", TYPE_BF16}, {"F64", TYPE_F64},
                 {"I64", TYPE_I64}, {"I32", TYPE_I32}, {"U8", TYPE_U8},     {"BOOL", TYPE_BOOL}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) {
            *out = known[i].type;
            return true;
        }
    return false;
}

/* A count or offset: whole, and exact as a double. */
static bool parse_whole(const json *value, int64_t *out) {
    if (value->type != JSON_NUMBER || !(value->number >= 0.0 && value->number <= 9007199254740992.0) ||
        value->number != floor(value->number))
        return false;
    *out = (int64_t)value->number;
    return true;
}

static loris_status parse_offsets(const safetensors *s, safetensor *t, const json *offsets) {
    int64_t begin, end;
    if (offsets->count != 2 || !parse_whole(&offsets->item[0], &begin) || !parse_whole(&offsets->item[1], &end) ||
        begin > end)
        return fail_tensor(s, t, "its data_offsets are not two rising offsets");
    if ((uint64_t)end > s->data_bytes)
        return fail(LORIS_ERROR_INPUT, hint_cut,
                    "%s: cut short: tensor \"%s\" ends at byte %lld of the data, %zu are there", s->path, t->name,
                    (long long)end, s->data_bytes);
    t->data = s->data + begin;
    t->bytes = (size_t)(end - begin);
    return LORIS_OK;
}

static loris_status parse_tensor(const safetensors *s, const json *entry, safetensor *t) {
    t->name = entry->key;
    const char *type;
    const json *shape, *offsets;
    char where[256];
    snprintf(where, sizeof where, "tensor \"%.200s\"", t->name);
    loris_status status = json_need_string(entry, "dtype", &type, where);
    if (status == LORIS_OK)
        status = json_need_array(entry, "shape", &shape, where);
    if (status == LORIS_OK)
        status = json_need_array(entry, "data_offsets", &offsets, where);
    if (status != LORIS_OK)
        return fail_in(status, "%s", s->path);

    if (!parse_type(type, &t->type))
        return fail(LORIS_ERROR_INPUT, "convert it to F32, F16 or BF16", "%s: tensor \"%s\": type %s is not supported",
                    s->path, t->name, type);
    if (shape->count > SAFETENSORS_MAX_RANK)
        return fail_tensor(s, t, "more than 8 dimensions");
    t->rank = (int)shape->count;
    for (int i = 0; i < t->rank; i++)
        if (!parse_whole(&shape->item[i], &t->dim[i]))
            return fail_tensor(s, t, "a dimension is not a whole number");
    TRY(parse_offsets(s, t, offsets));
    size_t size = number_size(t->type);
    if (!shape_count(t->dim, t->rank, t->bytes / size, &t->count) || t->count * size != t->bytes)
        return fail_tensor(s, t, "its shape does not multiply to its bytes");
    return LORIS_OK;
}

static loris_status check_metadata(const safetensors *s, const json *metadata) {
    bool good = metadata->type == JSON_OBJECT;
    for (size_t i = 0; good && i < metadata->count; i++)
        good = metadata->item[i].type == JSON_STRING;
    return good ? LORIS_OK
                : fail(LORIS_ERROR_INPUT, hint_damaged, "%s: its __metadata__ is not an object of strings", s->path);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* By place; tensors of no bytes come before the one that starts where they do. */
static int compare_places(const void *left, const void *right) {
    const safetensor *l = left, *r = right;
    if (l->data != r->data)
        return l->data < r->data ? -1 : 1;
    return (l->bytes > r->bytes) - (l->bytes < r->bytes);
}

static int compare_names(const void *left, const void *right) {
    const safetensor *const *l = left, *const *r = right;
    return strcmp((*l)->name, (*r)->name);
}

/* The tensors cover the data from end to end, each byte once. */
static loris_status check_cover(const safetensors *s) {
    const uint8_t *at = s->data;
    for (size_t i = 0; i < s->count; i++) {
        if (s->tensor[i].data != at)
            return fail_tensor(s, &s->tensor[i],
                               s->tensor[i].data < at ? "overlaps another" : "a gap lies before its data");
        at += s->tensor[i].bytes;
    }
    size_t rest = s->data_bytes - (size_t)(at - s->data);
    if (rest)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: %zu bytes belong to no tensor", s->path, rest);
    return LORIS_OK;
}

/* The header's length is the first 8 bytes, little-endian. */
static loris_status find_header(safetensors *s, size_t *length) {
    if (s->map.size < 8)
        return fail(LORIS_ERROR_INPUT, hint_cut, "%s: not a safetensors file: %zu bytes", s->path, s->map.size);
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)s->map.data[i] << (8 * i);
    if (value > HEADER_LIMIT)
        return fail(LORIS_ERROR_INPUT, "is it a safetensors file?",
                    "%s: not a safetensors file: its header would be over 100 MB", s->path);
    if (value > s->map.size - 8)
        return fail(LORIS_ERROR_INPUT, hint_cut, "%s: cut short: its header needs %llu bytes, %zu are there", s->path,
                    (unsigned long long)value, s->map.size - 8);
    if (value == 0 || s->map.data[8] != '{')
        return fail(LORIS_ERROR_INPUT, "is it a safetensors file?",
                    "%s: not a safetensors file: its header is not JSON", s->path);
    *length = (size_t)value;
    return LORIS_OK;
}

static loris_status read_header(safetensors *s) {
    size_t length = 0;
    TRY(find_header(s, &length));
    s->data = s->map.data + 8 + length;
    s->data_bytes = s->map.size - 8 - length;
    const json *root;
    TRY(json_parse(&root, s->memory, (const char *)s->map.data + 8, length, s->path));

    s->tensor = arena_alloc(s->memory, root->count, sizeof *s->tensor);
    s->by_name = arena_alloc(s->memory, root->count, sizeof *s->by_name);
    if (arena_failed(s->memory))
        return fail_memory(s->path);
    for (size_t i = 0; i < root->count; i++) {
        const json *entry = &root->item[i];
        if (strcmp(entry->key, "__metadata__") == 0) {
            TRY(check_metadata(s, entry));
            s->metadata = entry;
        } else {
            TRY(parse_tensor(s, entry, &s->tensor[s->count]));
            s->count++;
        }
    }
    qsort(s->tensor, s->count, sizeof *s->tensor, compare_places);
    TRY(check_cover(s));
    for (size_t i = 0; i < s->count; i++)
        s->by_name[i] = &s->tensor[i];
    qsort(s->by_name, s->count, sizeof *s->by_name, compare_names);
    return LORIS_OK;
}

loris_status safetensors_open(safetensors **out, const char *path) {
    *out = NULL;
    arena *memory = arena_new();
    safetensors *s = arena_alloc(memory, 1, sizeof *s);
    char *name = arena_strdup(memory, path);
    if (arena_failed(memory)) {
        arena_free(memory);
        return fail_memory(path);
    }
    s->memory = memory;
    s->path = name;
    loris_status status = file_map_open(&s->map, path);
    if (status == LORIS_OK)
        status = read_header(s);
    if (status != LORIS_OK)
        safetensors_close(s);
    else
        *out = s;
    return status;
}

void safetensors_close(safetensors *s) {
    if (!s)
        return;
    file_map_close(&s->map);
    arena_free(s->memory); /* s itself lies there */
}

size_t safetensors_count(const safetensors *s) {
    return s->count;
}

const safetensor *safetensors_at(const safetensors *s, size_t i) {
    return i < s->count ? &s->tensor[i] : NULL;
}

const safetensor *safetensors_find(const safetensors *s, const char *name) {
    safetensor wanted = {.name = name};
    const safetensor *key = &wanted;
    const safetensor **found = bsearch(&key, s->by_name, s->count, sizeof *s->by_name, compare_names);
    return found ? *found : NULL;
}

const json *safetensors_metadata(const safetensors *s) {
    return s->metadata;
}

const char *safetensors_path(const safetensors *s) {
    return s->path;
}

void safetensors_release(const safetensors *s) {
    file_map_release(&s->map);
}
