#include "nets/convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/safetensors_write.h"
#include "core/tfjs.h"
#include "nets/i3d_convert.h"
#include "nets/movenet_convert.h"

enum { CHUNK = 1 << 18, RELEASE_BYTES = 16 << 20 }; /* numbers at a time; bytes read until memory is given back */

typedef struct job {
    const network *n;
    const convert_settings *settings;
    safetensors_writer *out;
    uint64_t done, released, total; /* bytes read */
    uint8_t *raw;                   /* CHUNK numbers of any type, */
    float *wide;                    /* as f32 */
    uint8_t *narrow;                /* and of the type wanted */
} job;

static number_type type_in_output(const convert_settings *s, const checkpoint_tensor *t) {
    int wide = 0;
    for (int i = 0; i < t->rank; i++)
        wide += t->dim[i] > 1;
    if (s->keep || (wide <= 1 && s->type != TYPE_F32 && t->type != TYPE_F64))
        return t->type;
    return wide <= 1 ? TYPE_F32 : s->type;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* The largest of f16: what rounds beyond it would become infinite. */
static const float f16_end = 65520.0f;

static loris_status check_numbers(const job *j, const checkpoint_tensor *t, size_t first, size_t count,
                                  number_type type) {
    /* One pass that the compiler vectorises; the number is looked for only when there is one. */
    float limit = type == TYPE_F16 ? f16_end : INFINITY;
    int bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= !(fabsf(j->wide[i]) < limit);
    if (!bad)
        return LORIS_OK;
    size_t at = 0;
    while (fabsf(j->wide[at]) < limit)
        at++;
    float value = j->wide[at];
    if (isfinite(value))
        return fail(LORIS_ERROR_INPUT, "take bf16 or f32", "%s: tensor \"%s\": number %zu is %g, beyond what f16 holds",
                    j->n->tensors.path, t->name, first + at, (double)value);
    return fail(LORIS_ERROR_INPUT, "the file is damaged or its training went wrong",
                "%s: tensor \"%s\": number %zu is %s", j->n->tensors.path, t->name, first + at,
                isnan(value) ? "not a number" : "infinite");
}

static loris_status write_piece(job *j, const checkpoint_tensor *t, size_t first, size_t count, number_type type) {
    checkpoint_read(t, first, count, j->raw);
    number_to_f32(j->wide, j->raw, t->type, count);
    TRY(check_numbers(j, t, first, count, type));
    if (type == t->type)
        return safetensors_append(j->out, j->raw, count * number_size(type));
    number_from_f32(j->narrow, type, j->wide, count);
    return safetensors_append(j->out, j->narrow, count * number_size(type));
}

static loris_status write_tensor(job *j, const checkpoint_tensor *t) {
    number_type type = type_in_output(j->settings, t);
    for (size_t first = 0; first < t->count; first += CHUNK) {
        size_t count = t->count - first < CHUNK ? t->count - first : CHUNK;
        TRY(check_cancelled());
        TRY(write_piece(j, t, first, count, type));
        j->done += (uint64_t)count * number_size(t->type);
        if (j->done - j->released > RELEASE_BYTES) {
            checkpoint_release(j->n->file);
            j->released = j->done;
        }
        if (j->settings->progress)
            j->settings->progress(j->settings->progress_user, "convert", (double)j->done, (double)j->total);
    }
    return LORIS_OK;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* Larger types first, so that every number is aligned; then the order of the checkpoint, which reads it once along. */
typedef struct placed {
    const hyper_tensor *tensor;
    size_t size;
} placed;

static int compare_placed(const void *left, const void *right) {
    const placed *l = left, *r = right;
    if (l->size != r->size)
        return l->size > r->size ? -1 : 1;
    return (l->tensor->tensor > r->tensor->tensor) - (l->tensor->tensor < r->tensor->tensor);
}

/* The input's own notes stay, but for those this conversion writes. */
static size_t make_notes(const network *n, const char *config, safetensors_note *note) {
    const json *metadata = checkpoint_metadata(n->file);
    size_t notes = 0;
    note[notes++] = (safetensors_note){"format", "pt"}; /* what PyTorch's own readers ask for */
    note[notes++] = (safetensors_note){"config", config};
    for (size_t i = 0; metadata && i < metadata->count; i++)
        if (strcmp(metadata->item[i].key, "format") != 0 && strcmp(metadata->item[i].key, "config") != 0)
            note[notes++] = (safetensors_note){metadata->item[i].key, metadata->item[i].string};
    return notes;
}

static loris_status begin_output(job *j, const char *path, const placed *order) {
    const network *n = j->n;
    const json *metadata = checkpoint_metadata(n->file);
    arena *a = n->memory;
    safetensors_entry *entry = arena_alloc(a, n->tensors.count, sizeof *entry);
    safetensors_note *note = arena_alloc(a, 2 + (metadata ? metadata->count : 0), sizeof *note);
    if (!entry || !note)
        return fail_memory(path);
    for (size_t i = 0; i < n->tensors.count; i++) {
        const checkpoint_tensor *t = order[i].tensor->tensor;
        entry[i] = (safetensors_entry){.name = order[i].tensor->name, .rank = t->rank};
        entry[i].type = type_in_output(j->settings, t);
        memcpy(entry[i].dim, t->dim, sizeof t->dim);
    }
    json_writer w;
    json_begin(&w, 0);
    network_write_config(n, NULL, &w);
    loris_status status = text_failed(&w.out) ? fail_memory(path) : LORIS_OK;
    if (status == LORIS_OK)
        status = safetensors_begin(&j->out, path, entry, n->tensors.count, note, make_notes(n, w.out.data, note));
    text_free(&w.out);
    return status;
}

static loris_status write_output(job *j, const char *path, convert_result *result) {
    const hyper_tensors *t = &j->n->tensors;
    placed *order = arena_alloc(j->n->memory, t->count, sizeof *order);
    if (!order)
        return fail_memory(path);
    for (size_t i = 0; i < t->count; i++) {
        order[i] = (placed){&t->at[i], number_size(type_in_output(j->settings, t->at[i].tensor))};
        j->total += (uint64_t)t->at[i].tensor->count * number_size(t->at[i].tensor->type);
        result->parameters += t->at[i].tensor->count;
    }
    qsort(order, t->count, sizeof *order, compare_placed);
    TRY(begin_output(j, path, order));
    for (size_t i = 0; i < t->count; i++)
        TRY(write_tensor(j, order[i].tensor->tensor));
    result->tensors = t->count;
    result->repeated = j->n->repeated;
    result->bytes_in = checkpoint_bytes(j->n->file);
    result->bytes_out = safetensors_file_bytes(j->out);
    safetensors_writer *out = j->out;
    j->out = NULL;
    return safetensors_commit(out);
}

/* Networks of other kinds are known by their container or their tensors' names; *taken when it was one of them. */
static loris_status convert_other(const char *input, const char *output, const convert_settings *settings,
                                  convert_result *result, bool *taken) {
    checkpoint *file;
    *taken = tfjs_recognise(input);
    if (*taken)
        return movenet_convert(input, output, settings, result);
    TRY(checkpoint_open(&file, input));
    *taken = i3d_recognise(file);
    loris_status status = *taken ? i3d_convert(file, output, settings, result) : LORIS_OK;
    checkpoint_close(file);
    return status;
}

loris_status convert_checkpoint(const char *input, const char *output, const convert_settings *settings,
                                convert_result *result) {
    network *n;
    bool other;
    convert_result unused;
    result = result ? result : &unused;
    *result = (convert_result){0};
    TRY(convert_other(input, output, settings, result, &other));
    if (other)
        return LORIS_OK;
    TRY(network_open(&n, input, settings->config, true));
    job j = {.n = n, .settings = settings};
    j.raw = malloc(CHUNK * sizeof(double));
    j.wide = malloc(CHUNK * sizeof *j.wide);
    j.narrow = malloc(CHUNK * sizeof(float));
    loris_status status = j.raw && j.wide && j.narrow ? write_output(&j, output, result) : fail_memory(input);
    safetensors_discard(j.out);
    free(j.raw);
    free(j.wide);
    free(j.narrow);
    network_close(n);
    return status;
}
