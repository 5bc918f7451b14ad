#include "fuzz_targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/checkpoint.h"
#include "core/json.h"
#include "core/npy.h"
#include "core/pickle.h"
#include "core/safetensors.h"

static const char *check_failure(loris_status status) {
    if (status != LORIS_ERROR_INPUT)
        return "the status is not LORIS_ERROR_INPUT";
    const char *message = loris_error_message();
    if (message[0] == '\0')
        return "a failure without a message";
    for (const char *c = message; *c; c++)
        if ((unsigned char)*c < 0x20)
            return "a control character in a message";
    return NULL;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static bool same_value(const json *a, const json *b) {
    if (a->type != b->type || !a->key != !b->key || (a->key && strcmp(a->key, b->key) != 0))
        return false;
    if (a->type == JSON_NUMBER)
        return a->number == b->number;
    if (a->type == JSON_STRING)
        return strcmp(a->string, b->string) == 0;
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!same_value(&a->item[i], &b->item[i]))
            return false;
    return true;
}

/* What was read is written and read again: the same tree. */
static const char *check_round_trip(arena *a, const json *root, int indent) {
    json_writer w;
    json_begin(&w, indent);
    json_value(&w, NULL, root);
    const json *again = NULL;
    bool read = !text_failed(&w.out) && json_parse(&again, a, w.out.data, w.out.length, "written") == LORIS_OK;
    text_free(&w.out);
    return !read                      ? "what was written cannot be read"
           : !same_value(root, again) ? "what was written reads differently"
                                      : NULL;
}

const char *fuzz_json(const uint8_t *data, size_t size, loris_status *status) {
    /* A block of exactly the size: reading beyond it is seen by AddressSanitizer. */
    char *exact = malloc(size ? size : 1);
    arena *a = arena_new();
    const char *broken = "the test ran out of memory";
    if (exact && a) {
        if (size)
            memcpy(exact, data, size);
        const json *root;
        *status = json_parse(&root, a, exact, size, "input");
        broken = *status != LORIS_OK ? check_failure(*status) : check_round_trip(a, root, 0);
        if (*status == LORIS_OK && !broken)
            broken = check_round_trip(a, root, 3);
    }
    arena_free(a);
    free(exact);
    return broken;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* A file in memory that can be opened by the path written to `path`; -1 when that fails. */
static int memory_file(const uint8_t *data, size_t size, char path[64]) {
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    if (size && write(fd, data, size) != (ssize_t)size) {
        close(fd);
        return -1;
    }
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

const char *fuzz_npy(const uint8_t *data, size_t size, loris_status *status) {
    char path[64];
    int fd = memory_file(data, size, path);
    if (fd < 0)
        return "the test could not make its file";
    npy a;
    *status = npy_read(&a, path);
    close(fd);
    if (*status != LORIS_OK)
        return check_failure(*status);
    const char *broken = NULL;
    size_t count;
    if (!a.f32 == !a.i64)
        broken = "not exactly one of f32 and i64 is set";
    else if (a.rank < 0 || a.rank > NPY_MAX_RANK || !shape_count(a.dim, a.rank, size, &count) || count != a.count)
        broken = "the shape does not multiply to the count";
    volatile double touched = 0.0;
    for (size_t i = 0; i < a.count && !broken; i++)
        touched = a.f32 ? (double)a.f32[i] : (double)a.i64[i];
    (void)touched;
    npy_free(&a);
    return broken;
}

static const char *check_tensors(const safetensors *s) {
    const uint8_t *end = NULL;
    for (size_t i = 0; i < safetensors_count(s); i++) {
        const safetensor *t = safetensors_at(s, i);
        size_t count;
        if (safetensors_find(s, t->name) != t)
            return "a tensor is not found by its name";
        if (!shape_count(t->dim, t->rank, t->bytes, &count) || count != t->count ||
            t->bytes != t->count * number_size(t->type))
            return "a shape does not multiply to its bytes";
        if (end && t->data != end)
            return "tensors overlap or leave a gap";
        end = t->data + t->bytes;
        float *wide = malloc((t->count + 1) * sizeof *wide);
        if (!wide)
            return "the test ran out of memory";
        bool widened = number_to_f32(wide, t->data, t->type, t->count);
        free(wide);
        volatile uint8_t touched = 0;
        for (size_t k = 0; k < t->bytes; k++)
            touched = t->data[k];
        (void)touched;
        if (widened != (t->type <= TYPE_F64))
            return "a type widens that should not, or does not that should";
    }
    return NULL;
}

const char *fuzz_safetensors(const uint8_t *data, size_t size, loris_status *status) {
    char path[64];
    int fd = memory_file(data, size, path);
    if (fd < 0)
        return "the test could not make its file";
    safetensors *s;
    *status = safetensors_open(&s, path);
    close(fd);
    if (*status != LORIS_OK)
        return check_failure(*status);
    const char *broken = check_tensors(s);
    safetensors_close(s);
    return broken;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

/* Touches what a value holds, as deep as a pickle may be trusted: the first few levels. */
static size_t touch_value(const pickle_value *v, int depth) {
    size_t sum = (size_t)v->type;
    if (v->type == PICKLE_STRING || v->type == PICKLE_BYTES || v->type == PICKLE_BIG)
        for (size_t i = 0; i < v->bytes.length; i++)
            sum += (size_t)v->bytes.data[i];
    else if (v->type == PICKLE_TUPLE || v->type == PICKLE_LIST || v->type == PICKLE_DICT)
        for (size_t i = 0; i < v->items.count && depth < 4; i++)
            sum += touch_value(v->items.at[i], depth + 1);
    else if (v->type == PICKLE_TENSOR)
        sum += (size_t)v->tensor.storage->count + v->tensor.storage->key.length;
    return sum;
}

const char *fuzz_pickle(const uint8_t *data, size_t size, loris_status *status) {
    uint8_t *exact = malloc(size ? size : 1);
    arena *a = arena_new();
    const char *broken = "the test ran out of memory";
    if (exact && a) {
        if (size)
            memcpy(exact, data, size);
        const pickle_value *root;
        size_t at = 0;
        *status = pickle_read(&root, a, exact, size, &at, "input");
        broken = *status != LORIS_OK ? check_failure(*status) : at > size ? "it ends beyond its end" : NULL;
        volatile size_t touched = *status == LORIS_OK ? touch_value(root, 0) : 0;
        (void)touched;
    }
    arena_free(a);
    free(exact);
    return broken;
}

static const char *check_checkpoint(const checkpoint *c) {
    for (size_t i = 0; i < checkpoint_count(c); i++) {
        const checkpoint_tensor *t = checkpoint_at(c, i);
        size_t count;
        if (checkpoint_find(c, t->name) != t)
            return "a tensor is not found by its name";
        if (!shape_count(t->dim, t->rank, SIZE_MAX, &count) || count != t->count)
            return "a shape does not multiply to its count";
        if (t->count * number_size(t->type) > checkpoint_bytes(c) || t->span > checkpoint_bytes(c))
            return "a tensor is larger than its file";
        uint8_t *packed = malloc(t->count * number_size(t->type) + 1);
        if (!packed)
            return "the test ran out of memory";
        checkpoint_read(t, 0, t->count, packed);
        bool whole = t->contiguous ? t->span == t->count * number_size(t->type) : true;
        free(packed);
        if (!whole || !checkpoint_same(t, t))
            return "a contiguous tensor has gaps, or differs from itself";
    }
    checkpoint_release(c);
    return NULL;
}

const char *fuzz_checkpoint(const uint8_t *data, size_t size, loris_status *status) {
    char path[64];
    int fd = memory_file(data, size, path);
    if (fd < 0)
        return "the test could not make its file";
    checkpoint *c;
    *status = checkpoint_open(&c, path);
    close(fd);
    if (*status != LORIS_OK)
        return check_failure(*status);
    const char *broken = check_checkpoint(c);
    checkpoint_close(c);
    return broken;
}
