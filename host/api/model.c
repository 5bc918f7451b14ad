/* The public functions on model files: converting and describing. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/file.h"
#include "core/tfjs.h"
#include "nets/convert.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- converting -------------------------------------------------------------------------------------------------- */

void loris_convert_defaults(loris_convert_settings *settings) {
    *settings = (loris_convert_settings){.dtype = LORIS_DTYPE_KEEP};
}

loris_status loris_convert(const char *input, const char *output, const loris_convert_settings *settings,
                           loris_convert_report *report) {
    static const number_type types[] = {[LORIS_DTYPE_KEEP] = TYPE_F32,
                                        [LORIS_DTYPE_F32] = TYPE_F32,
                                        [LORIS_DTYPE_F16] = TYPE_F16,
                                        [LORIS_DTYPE_BF16] = TYPE_BF16};
    loris_convert_settings defaults;
    loris_convert_defaults(&defaults);
    const loris_convert_settings *s = settings ? settings : &defaults;
    if (!input || !output || (unsigned)s->dtype >= sizeof types / sizeof *types)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "loris_convert: no input, no output or no such dtype");
    const convert_settings c = {.keep = s->dtype == LORIS_DTYPE_KEEP,
                                .type = types[s->dtype],
                                .config = s->config,
                                .progress = s->progress,
                                .progress_user = s->progress_user};
    convert_result result;
    double start = now();
    TRY(convert_checkpoint(input, output, &c, &result));
    if (report)
        *report = (loris_convert_report){.tensors = result.tensors,
                                         .repeated = result.repeated,
                                         .parameters = result.parameters,
                                         .bytes_in = result.bytes_in,
                                         .bytes_out = result.bytes_out,
                                         .seconds = now() - start};
    return LORIS_OK;
}

/* ---- describing -------------------------------------------------------------------------------------------------- */

static const char *kind_of(const network *n) {
    const hyper *h = &n->hyper;
    bool channels = h->unet.context_features > 0;
    for (int i = 1; i <= h->unet.levels; i++)
        channels = channels || h->unet.context_channels[i];
    return n->kind                                   ? n->kind
           : n->config && json_get(n->config, "bands") ? "bands"
           : h->genres                               ? "loris-genre"
           : h->unet.embedding_features              ? "loris"
           : channels                                ? "conditional"
           : h->unet.context_channels[0]             ? "upsampler"
                                                     : "unconditional";
}

/* The frames a configuration says the model was trained on; 0 when it does not. */
static int window_of(const network *n) {
    const json *sampling = n->config ? json_get(n->config, "sampling") : NULL;
    const json *frames = sampling ? json_get(sampling, "frames") : NULL;
    return frames && frames->type == JSON_NUMBER && frames->number >= 1 && frames->number <= 1 << 30
               ? (int)frames->number
               : 0;
}

/* Types by how many numbers they hold; sums up the tensors on the way. */
static void sum_up(const network *n, loris_model_info *info) {
    uint64_t held[TYPE_BOOL + 1] = {0};
    for (size_t i = 0; i < n->tensors.count; i++) {
        const checkpoint_tensor *t = n->tensors.at[i].tensor;
        held[t->type] += t->count;
        info->parameters += t->count;
    }
    size_t length = 0;
    for (int round = 0; round <= TYPE_BOOL; round++) {
        int most = 0;
        for (int k = 1; k <= TYPE_BOOL; k++)
            most = held[k] > held[most] ? k : most;
        if (held[most] == 0)
            break;
        held[most] = 0;
        length += (size_t)snprintf(info->dtypes + length, sizeof info->dtypes - length, "%s%s", round ? ", " : "",
                                   number_name((number_type)most));
    }
}

static void write_tensors(const loris_model_info *info, json_writer *w) {
    json_open(w, "tensors", '[');
    for (size_t i = 0; i < info->tensors; i++) {
        const loris_tensor_info *t = &info->tensor[i];
        json_open(w, NULL, '{');
        json_string(w, "name", t->name);
        json_string(w, "dtype", t->dtype);
        json_open(w, "shape", '[');
        for (int k = 0; k < t->rank; k++)
            json_integer(w, NULL, (long long)t->dim[k]);
        json_close(w, ']');
        json_close(w, '}');
    }
    json_close(w, ']');
}

/* The text of a finished document, the caller's from now on. */
static loris_status take_text(json_writer *w, char **out) {
    if (text_failed(&w->out)) {
        text_free(&w->out);
        return fail_memory("a description");
    }
    *out = w->out.data;
    return LORIS_OK;
}

static loris_status write_config(const network *n, loris_model_info *info) {
    json_writer w;
    json_begin(&w, 1);
    network_write_config(n, NULL, &w);
    return take_text(&w, &info->config);
}

static loris_status write_description(const network *n, loris_model_info *info, const char *path) {
    json_writer w;
    json_begin(&w, 1);
    json_open(&w, NULL, '{');
    json_string(&w, "file", path);
    json_string(&w, "container", info->container);
    json_string(&w, "section", checkpoint_section(n->file));
    json_string(&w, "kind", info->kind);
    json_string(&w, "name", info->name);
    json_string(&w, "dtypes", info->dtypes);
    json_integer(&w, "parameters", (long long)info->parameters);
    json_integer(&w, "bytes", (long long)info->bytes);
    json_integer(&w, "hop", info->hop);
    json_integer(&w, "window", info->window);
    json_integer(&w, "repeated", (long long)info->repeated);
    network_write_config(n, "config", &w);
    write_tensors(info, &w);
    json_close(&w, '}');
    return take_text(&w, &info->json);
}

/* The list and its names in one block. */
static loris_status list_tensors(const network *n, loris_model_info *info) {
    size_t count = n->tensors.count, bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(n->tensors.at[i].name) + 1;
    info->tensors = count;
    info->tensor = malloc(count * sizeof *info->tensor + bytes);
    if (!info->tensor)
        return fail_memory("a description");
    char *names = (char *)(info->tensor + count);
    for (size_t i = 0; i < count; i++) {
        const checkpoint_tensor *t = n->tensors.at[i].tensor;
        size_t length = strlen(n->tensors.at[i].name) + 1;
        memcpy(names, n->tensors.at[i].name, length);
        info->tensor[i] = (loris_tensor_info){.name = names, .dtype = number_name(t->type), .rank = t->rank};
        memcpy(info->tensor[i].dim, t->dim, sizeof t->dim);
        names += length;
    }
    return LORIS_OK;
}

static loris_status describe(const network *n, loris_model_info *info, const char *path) {
    const json *name = n->config ? json_get(n->config, "name") : NULL;
    snprintf(info->container, sizeof info->container, "%s", checkpoint_container(n->file));
    snprintf(info->kind, sizeof info->kind, "%s", kind_of(n));
    if (name && name->type == JSON_STRING)
        snprintf(info->name, sizeof info->name, "%s", name->string);
    info->repeated = n->repeated;
    info->bytes = checkpoint_bytes(n->file);
    info->window = window_of(n);
    info->hop = n->kind ? 0 : unet_hop(&n->hyper.unet, n->hyper.unet.levels);
    sum_up(n, info);
    TRY(list_tensors(n, info));
    TRY(write_config(n, info));
    return write_description(n, info, path);
}

loris_status loris_model_describe(const char *path, const char *config, loris_model_info *info) {
    if (!path || !info)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "loris_model_describe: no path or no place for the answer");
    *info = (loris_model_info){0};
    char inside[PATH_MAX];
    if (folder_exists(path)) {
        if (snprintf(inside, sizeof inside, "%s/model.safetensors", path) >= (int)sizeof inside)
            return fail(LORIS_ERROR_INPUT, NULL, "%s: its name is too long", path);
        path = inside;
    }
    if (tfjs_recognise(path))
        return fail(LORIS_ERROR_INPUT, "'loris-cl convert' makes a model of MoveNet's", "%s: text, not tensors", path);
    network *n;
    TRY(network_open(&n, path, config, false));
    loris_status status = describe(n, info, path);
    network_close(n);
    if (status != LORIS_OK)
        loris_model_info_free(info);
    return status;
}

void loris_model_info_free(loris_model_info *info) {
    free(info->tensor);
    free(info->config);
    free(info->json);
    *info = (loris_model_info){0};
}
