#include "nets/network.h"

#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "nets/i3d_convert.h"

enum { CHUNK = 1 << 18, RELEASE_BYTES = 16 << 20, CONFIG_LIMIT = 16 << 20 };

static const char hint_damaged[] = "download or save the file again";

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* "module." in front goes; the U-Net inside the diffusion wrapper gets the name of the one beside it. */
static const char *final_name(arena *a, const char *name) {
    static const char wrapper[] = "module.", inner[] = "diffusion.net.";
    while (strncmp(name, wrapper, sizeof wrapper - 1) == 0)
        name += sizeof wrapper - 1;
    const char *at = strstr(name, inner);
    while (at && at != name && at[-1] != '.')
        at = strstr(at + 1, inner);
    return at ? arena_printf(a, "%.*sunet.%s", (int)(at - name), name, at + sizeof inner - 1) : arena_strdup(a, name);
}

/* By name; of the same name, the first in the file first. */
static int compare_tensors(const void *left, const void *right) {
    const hyper_tensor *l = left, *r = right;
    int order = strcmp(l->name, r->name);
    return order ? order : (l->tensor > r->tensor) - (l->tensor < r->tensor);
}

/* Do two tensors hold the same numbers? Compared a piece at a time; *read counts the bytes since memory was given back.
 */
static loris_status compare_contents(const checkpoint *file, const checkpoint_tensor *a, const checkpoint_tensor *b,
                                     size_t *read, bool *same) {
    *same = checkpoint_same(a, b);
    if (*same)
        return LORIS_OK;
    if (a->type != b->type || a->rank != b->rank || memcmp(a->dim, b->dim, sizeof a->dim) != 0)
        return LORIS_OK;
    size_t size = number_size(a->type);
    uint8_t *piece = malloc(2 * CHUNK * size);
    if (!piece)
        return fail_memory(a->name);
    loris_status status = LORIS_OK;
    *same = true;
    for (size_t first = 0; first < a->count && *same && status == LORIS_OK; first += CHUNK) {
        size_t count = a->count - first < CHUNK ? a->count - first : CHUNK;
        checkpoint_read(a, first, count, piece);
        checkpoint_read(b, first, count, piece + CHUNK * size);
        *same = memcmp(piece, piece + CHUNK * size, count * size) == 0;
        *read += 2 * count * size;
        if (*read > RELEASE_BYTES) {
            checkpoint_release(file);
            *read = 0;
        }
        status = check_cancelled();
    }
    free(piece);
    return status;
}

static loris_status name_tensors(network *n) {
    hyper_tensors *t = &n->tensors;
    size_t count = checkpoint_count(n->file), kept = 0, read = 0;
    t->path = checkpoint_path(n->file);
    t->at = arena_alloc(n->memory, count, sizeof *t->at);
    for (size_t i = 0; i < count && t->at; i++) {
        t->at[i].tensor = checkpoint_at(n->file, i);
        t->at[i].name = final_name(n->memory, t->at[i].tensor->name);
    }
    if (arena_failed(n->memory))
        return fail_memory(t->path);
    qsort(t->at, count, sizeof *t->at, compare_tensors);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || strcmp(t->at[i].name, t->at[kept - 1].name) != 0) {
            t->at[kept++] = t->at[i];
            continue;
        }
        bool same;
        const checkpoint_tensor *first = t->at[kept - 1].tensor, *second = t->at[i].tensor;
        TRY(compare_contents(n->file, first, second, &read, &same));
        if (!same)
            return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: tensor \"%s\" and \"%s\" are the same weight and differ",
                        t->path, first->name, second->name);
    }
    t->count = kept;
    n->repeated = count - kept;
    return LORIS_OK;
}

/* ---- configuration ----------------------------------------------------------------------------------------------- */

static loris_status read_config_file(network *n, const char *path) {
    char *data;
    size_t size;
    TRY(file_read(path, CONFIG_LIMIT, &data, &size));
    loris_status status = json_parse(&n->config, n->memory, data, size, path);
    free(data);
    return status;
}

/* A model keeps its configuration in its metadata or in config.json beside it (docs/formats.md). PyTorch files have
 * none. */
static loris_status read_config(network *n, const char *given, const char **where) {
    const char *path = n->tensors.path;
    const json *metadata = checkpoint_metadata(n->file), *entry = metadata ? json_get(metadata, "config") : NULL;
    const char *slash = strrchr(path, '/');
    *where = given;
    if (given)
        return read_config_file(n, given);
    if (entry) {
        *where = arena_printf(n->memory, "%s (config)", path);
        return *where ? json_parse(&n->config, n->memory, entry->string, strlen(entry->string), *where)
                      : fail_memory(path);
    }
    if (strcmp(checkpoint_container(n->file), "safetensors") != 0)
        return LORIS_OK;
    *where = arena_printf(n->memory, "%.*sconfig.json", slash ? (int)(slash - path + 1) : 0, path);
    if (!*where)
        return fail_memory(path);
    return file_exists(*where) ? read_config_file(n, *where) : LORIS_OK;
}

void network_write_config(const network *n, const char *key, json_writer *w) {
    json_open(w, key, '{');
    for (size_t i = 0; n->config && i < n->config->count; i++) {
        const json *entry = &n->config->item[i];
        if (n->kind || (strcmp(entry->key, "unet") != 0 && (n->nested || !hyper_knows(entry->key))))
            json_value(w, entry->key, entry);
    }
    if (n->nested)
        json_open(w, "unet", '{');
    if (!n->kind)
        hyper_write(&n->hyper, w);
    if (n->nested)
        json_close(w, '}');
    json_close(w, '}');
}

/* What is written as configuration must be one that models are opened with: it is read back. */
static loris_status check_readable(const network *n, const char *where) {
    json_writer w;
    json_begin(&w, 0);
    network_write_config(n, NULL, &w);
    const json *config = NULL;
    unet_config unet;
    loris_status status =
        text_failed(&w.out) ? fail_memory(where) : json_parse(&config, n->memory, w.out.data, w.out.length, where);
    if (status == LORIS_OK)
        status = unet_config_read(&unet, n->nested ? json_get(config, "unet") : config, where);
    text_free(&w.out);
    return status;
}

/* "movenet", "i3d"; NULL for whatever else a configuration says. */
static const char *other_kind(const json *config) {
    static const char *const kinds[] = {"movenet", "i3d"};
    const json *kind = config ? json_get(config, "kind") : NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kind && kind->type == JSON_STRING && !strcmp(kind->string, kinds[i]))
            return kinds[i];
    return NULL;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static loris_status read_network(network *n, const char *path, const char *config, bool settle) {
    TRY(checkpoint_open(&n->file, path));
    if (checkpoint_section(n->file)[0])
        log_message(LORIS_LOG_INFO, "%s: the weights are those in \"%s\"", path, checkpoint_section(n->file));
    TRY(name_tensors(n));
    const char *where = path;
    TRY(read_config(n, config, &where));
    if (n->config && n->config->type != JSON_OBJECT)
        return fail(LORIS_ERROR_INPUT, "a configuration is a JSON object", "%s: not an object", where);
    n->kind = i3d_recognise(n->file) ? "i3d" : other_kind(n->config);
    if (n->kind && settle)
        return fail(LORIS_ERROR_INPUT, "it is a model already", "%s: a network of the kind \"%s\", not a U-Net", path,
                    n->kind);
    if (n->kind)
        return LORIS_OK;
    TRY(hyper_find_prefix(&n->tensors, n->memory));
    TRY(hyper_infer(&n->hyper, &n->tensors));
    TRY(hyper_check(&n->hyper, &n->tensors));
    const json *inner = n->config ? json_get(n->config, "unet") : NULL;
    n->nested = inner && inner->type == JSON_OBJECT;
    loris_status status = hyper_settle(&n->hyper, n->nested ? inner : n->config, where, path);
    n->settled = status == LORIS_OK;
    if (n->settled)
        return check_readable(n, where);
    return settle || n->config ? status : LORIS_OK;
}

loris_status network_open(network **out, const char *path, const char *config, bool settle) {
    *out = NULL;
    arena *memory = arena_new();
    network *n = arena_alloc(memory, 1, sizeof *n);
    if (!n) {
        arena_free(memory);
        return fail_memory(path);
    }
    n->memory = memory;
    loris_status status = read_network(n, path, config, settle);
    if (status != LORIS_OK)
        network_close(n);
    else
        *out = n;
    return status;
}

void network_close(network *n) {
    if (!n)
        return;
    checkpoint_close(n->file);
    arena_free(n->memory); /* n itself lies there */
}
