#include "core/tfjs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

enum { JSON_LIMIT = 64 << 20, DATA_LIMIT = 1 << 30, TENSORS_LIMIT = 1 << 16 };

struct tfjs {
    arena *memory;
    const char *path;
    const json *document;
    tfjs_tensor *tensor;
    size_t count;
    char **data; /* of each group of the manifest, its files one after the other; free() each */
    size_t groups;
    uint64_t bytes;
};

static const char hint_tfjs[] = "expected the model.json of a TensorFlow.js graph model, its weight files beside it";

bool tfjs_recognise(const char *path) {
    /* Text from its first byte on; a safetensors file begins with a length, in which there are bytes of 0. */
    unsigned char start[8];
    FILE *f = fopen(path, "rb");
    const bool whole = f && fread(start, 1, sizeof start, f) == sizeof start;
    if (f)
        fclose(f);
    return whole && start[0] == '{' && !memchr(start, 0, sizeof start);
}

/* ---- the manifest ------------------------------------------------------------------------------------------------ */

static loris_status read_type(const tfjs *t, const json *spec, const char *name, number_type *out) {
    const char *type, *kept = NULL;
    const json *quantized = json_get(spec, "quantization");
    TRY(json_need_string(spec, "dtype", &type, t->path));
    if (quantized)
        TRY(json_need_string(quantized, "dtype", &kept, t->path));
    if (!strcmp(type, "float32") && (!kept || !strcmp(kept, "float16")))
        *out = kept ? TYPE_F16 : TYPE_F32;
    else if (!strcmp(type, "int32") && !kept)
        *out = TYPE_I32;
    else
        return fail(LORIS_ERROR_INPUT, hint_tfjs, "%s: tensor \"%s\" is of %s%s%s, which is not read", t->path, name,
                    type, kept ? " kept as " : "", kept ? kept : "");
    return LORIS_OK;
}

/* Numbers and shape; data is set when the group's files are read. */
static loris_status read_spec(const tfjs *t, const json *spec, tfjs_tensor *out) {
    const json *shape;
    TRY(json_need_string(spec, "name", &out->name, t->path));
    TRY(json_need_array(spec, "shape", &shape, t->path));
    TRY(read_type(t, spec, out->name, &out->type));
    bool good = shape->count <= TFJS_MAX_RANK;
    for (size_t i = 0; good && i < shape->count; i++) {
        const json *d = &shape->item[i];
        good = d->type == JSON_NUMBER && d->number >= 0 && d->number <= DATA_LIMIT &&
               d->number == (double)(int64_t)d->number;
        out->dim[i] = good ? (int64_t)d->number : 0;
    }
    out->rank = good ? (int)shape->count : 0;
    if (!good || !shape_count(out->dim, out->rank, DATA_LIMIT / number_size(out->type), &out->count))
        return fail(LORIS_ERROR_INPUT, hint_tfjs, "%s: tensor \"%s\": its shape is none", t->path, out->name);
    return LORIS_OK;
}

/* A file of the model's own folder. */
static loris_status append_file(tfjs *t, const json *name, char **data, size_t *size) {
    const char *slash = strrchr(t->path, '/');
    if (name->type != JSON_STRING || !*name->string || strchr(name->string, '/'))
        return fail(LORIS_ERROR_INPUT, hint_tfjs, "%s: \"paths\" holds what is no file's name", t->path);
    const char *path = arena_printf(t->memory, "%.*s%s", slash ? (int)(slash - t->path + 1) : 0, t->path, name->string);
    char *more, *grown = NULL;
    size_t length;
    if (!path)
        return fail_memory(t->path);
    TRY(file_read(path, DATA_LIMIT - *size, &more, &length));
    if (*data)
        grown = realloc(*data, *size + length + 1);
    else
        grown = more;
    if (grown && grown != more)
        memcpy(grown + *size, more, length);
    if (grown != more)
        free(more);
    if (!grown)
        return fail_memory(path);
    *data = grown;
    *size += length;
    return LORIS_OK;
}

static loris_status read_group(tfjs *t, const json *group) {
    const json *paths, *specs;
    size_t size = 0, used = 0;
    TRY(json_need_array(group, "paths", &paths, t->path));
    TRY(json_need_array(group, "weights", &specs, t->path));
    char **data = &t->data[t->groups++];
    for (size_t i = 0; i < paths->count; i++)
        TRY(append_file(t, &paths->item[i], data, &size));
    for (size_t i = 0; i < specs->count; i++) {
        tfjs_tensor *tensor = &t->tensor[t->count];
        TRY(read_spec(t, &specs->item[i], tensor));
        const size_t bytes = tensor->count * number_size(tensor->type);
        if (bytes > size - used)
            return fail(LORIS_ERROR_INPUT, hint_tfjs, "%s: tensor \"%s\" lies beyond the end of its file", t->path,
                        tensor->name);
        tensor->data = (const uint8_t *)*data + used;
        used += bytes;
        t->count++;
    }
    if (used != size)
        return fail(LORIS_ERROR_INPUT, hint_tfjs, "%s: %zu bytes of weights belong to no tensor", t->path, size - used);
    t->bytes += size;
    return LORIS_OK;
}

static loris_status read_manifest(tfjs *t) {
    const json *groups, *specs;
    size_t count = 0;
    if (!json_get(t->document, "weightsManifest"))
        return fail(LORIS_ERROR_INPUT, hint_tfjs, "%s: no model of TensorFlow.js", t->path);
    TRY(json_need_array(t->document, "weightsManifest", &groups, t->path));
    for (size_t i = 0; i < groups->count; i++) {
        TRY(json_need_array(&groups->item[i], "weights", &specs, t->path));
        count += specs->count;
    }
    if (count > TENSORS_LIMIT)
        return fail(LORIS_ERROR_INPUT, hint_tfjs, "%s: holds %zu tensors", t->path, count);
    t->tensor = arena_alloc(t->memory, count, sizeof *t->tensor);
    t->data = arena_alloc(t->memory, groups->count, sizeof *t->data);
    if (arena_failed(t->memory))
        return fail_memory(t->path);
    for (size_t i = 0; i < groups->count; i++)
        TRY(read_group(t, &groups->item[i]));
    return LORIS_OK;
}

/* ---- the model --------------------------------------------------------------------------------------------------- */

static loris_status open_model(tfjs *t, const char *path) {
    char *document;
    size_t size;
    t->path = arena_strdup(t->memory, path);
    if (!t->path)
        return fail_memory(path);
    TRY(file_read(path, JSON_LIMIT, &document, &size));
    loris_status status = json_parse(&t->document, t->memory, document, size, t->path);
    free(document);
    t->bytes = size;
    return status == LORIS_OK ? read_manifest(t) : status;
}

loris_status tfjs_open(tfjs **out, const char *path) {
    *out = NULL;
    arena *memory = arena_new();
    tfjs *t = arena_alloc(memory, 1, sizeof *t);
    if (!t) {
        arena_free(memory);
        return fail_memory(path);
    }
    t->memory = memory;
    loris_status status = open_model(t, path);
    if (status == LORIS_OK)
        *out = t;
    else
        tfjs_close(t);
    return status;
}

void tfjs_close(tfjs *t) {
    if (!t)
        return;
    for (size_t i = 0; i < t->groups; i++)
        free(t->data[i]);
    arena_free(t->memory); /* t itself lies there */
}

const json *tfjs_document(const tfjs *t) {
    return t->document;
}

const tfjs_tensor *tfjs_find(const tfjs *t, const char *name) {
    for (size_t i = 0; i < t->count; i++)
        if (!strcmp(t->tensor[i].name, name))
            return &t->tensor[i];
    return NULL;
}

uint64_t tfjs_bytes(const tfjs *t) {
    return t->bytes;
}
