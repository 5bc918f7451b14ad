#include "nets/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/known_hash.h"
#include "core/file.h"

static const char *const no_configuration_hint =
    "a model is a .safetensors file with a \"config\" entry in its metadata, or with config.json beside it";

const char *model_path(arena *memory, const char *path) {
    return folder_exists(path) ? arena_printf(memory, "%s/model.safetensors", path) : arena_strdup(memory, path);
}

loris_status model_configuration(const json **out, const char **where, arena *memory, const safetensors *file) {
    const char *path = safetensors_path(file), *slash = strrchr(path, '/');
    const json *metadata = safetensors_metadata(file);
    const json *embedded = metadata ? json_get(metadata, "config") : NULL;
    if (embedded && embedded->type == JSON_STRING) {
        *where = arena_printf(memory, "%s (config)", path);
        return json_parse(out, memory, embedded->string, strlen(embedded->string), *where);
    }
    char *beside = arena_printf(memory, "%.*sconfig.json", slash ? (int)(slash - path + 1) : 0, path);
    if (!beside)
        return fail_memory("a model");
    *where = beside;
    if (!file_exists(beside))
        return fail(LORIS_ERROR_INPUT, no_configuration_hint, "%s: the model has no configuration", path);
    char *data;
    size_t size;
    TRY(file_read(beside, 16u << 20, &data, &size));
    loris_status status = json_parse(out, memory, data, size, beside);
    free(data);
    return status;
}

/* The U-Net's tensors are found by its first one. */
static loris_status find_prefix(model *m) {
    static const char mark[] = "to_time.0.0.weights";
    for (size_t i = 0; i < safetensors_count(m->file); i++) {
        const char *name = safetensors_at(m->file, i)->name;
        size_t length = strlen(name), tail = sizeof mark - 1;
        if (length >= tail && !strcmp(name + length - tail, mark) && !strstr(name, "diffusion.net.")) {
            m->prefix = arena_printf(m->memory, "%.*s", (int)(length - tail), name);
            const char *own = m->prefix ? strstr(m->prefix, "cond_diffusion.unet.") : NULL;
            m->root = arena_printf(m->memory, "%.*s", own ? (int)(own - m->prefix) : 0, name);
            return m->prefix && m->root ? LORIS_OK : fail_memory("a model");
        }
    }
    return fail(LORIS_ERROR_INPUT, "expected the weights of a LORIS or loris-cl model",
                "%s: holds no U-Net (no tensor named ...%s)", m->path, mark);
}

static loris_status need_int(const json *o, const char *key, int low, int high, int *out, const char *where) {
    double value;
    TRY(json_need_number(o, key, low, high, &value, where));
    *out = (int)value;
    return LORIS_OK;
}

static loris_status read_mean(model *m, const json *config, const char *where) {
    const json *rows;
    model_bands *b = &m->bands;
    TRY(json_need_array(config, "mean", &rows, where));
    if (rows->count < 1 || rows->count > 1000)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"mean\" needs a row for each style", where);
    b->styles = (int)rows->count;
    float *mean = arena_alloc(m->memory, rows->count * (size_t)b->bands, sizeof *mean);
    if (!mean)
        return fail_memory("a model");
    for (size_t i = 0; i < rows->count; i++) {
        const json *row = &rows->item[i];
        if (row->type != JSON_ARRAY || row->count != (size_t)b->bands)
            return fail(LORIS_ERROR_INPUT, NULL, "%s: \"mean\" row %zu needs %d numbers", where, i, b->bands);
        for (size_t k = 0; k < row->count; k++) {
            if (row->item[k].type != JSON_NUMBER)
                return fail(LORIS_ERROR_INPUT, NULL, "%s: \"mean\" row %zu entry %zu is no number", where, i, k);
            mean[i * row->count + k] = (float)row->item[k].number;
        }
    }
    b->mean = mean;
    return LORIS_OK;
}

static loris_status read_bands(model *m, const json *config, const char *where) {
    model_bands *b = &m->bands;
    double value;
    TRY(need_int(config, "rate", 8000, 192000, &b->rate, where));
    TRY(need_int(config, "window", 16, 65536, &b->window, where));
    TRY(need_int(config, "hop", 1, b->window, &b->hop, where));
    TRY(need_int(config, "bands", 1, b->window / 2 + 1, &b->bands, where));
    TRY(json_need_number(config, "floor", 1e-9, 1e3, &value, where));
    b->floor = (float)value;
    TRY(json_need_number(config, "scale", 1e-9, 1e6, &value, where));
    b->scale = (float)value;
    if (b->bands != m->unet.in_channels)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: %d bands do not fit a network of %d channels", where, b->bands,
                    m->unet.in_channels);
    TRY(read_mean(m, config, where));
    m->has_bands = true;
    return LORIS_OK;
}

static loris_status read_sampling(model *m, const json *o, const char *where) {
    model_sampling *s = &m->sampling;
    const char *sampler;
    const json *interval;
    TRY(json_need_string(o, "sampler", &sampler, where));
    snprintf(s->sampler, sizeof s->sampler, "%s", sampler);
    TRY(need_int(o, "steps", 2, 10000, &s->steps, where));
    TRY(need_int(o, "frames", 1, 1 << 24, &s->frames, where));
    TRY(json_need_number(o, "sigma_min", 1e-9, 1e6, &s->sigma_min, where));
    TRY(json_need_number(o, "sigma_max", s->sigma_min, 1e6, &s->sigma_max, where));
    TRY(json_need_number(o, "rho", 0.1, 100, &s->rho, where));
    TRY(json_need_number(o, "guidance", 0, 1000, &s->guidance, where));
    TRY(json_need_array(o, "guidance_interval", &interval, where));
    if (interval->count != 2 || interval->item[0].type != JSON_NUMBER || interval->item[1].type != JSON_NUMBER)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"guidance_interval\" needs two numbers", where);
    s->guidance_low = interval->item[0].number;
    s->guidance_high = interval->item[1].number;
    if (s->frames % unet_hop(&m->unet, m->unet.levels))
        return fail(LORIS_ERROR_INPUT, NULL, "%s: %d frames do not fit the network's factors", where, s->frames);
    m->has_sampling = true;
    return LORIS_OK;
}

static loris_status read_model(model *m) {
    const json *config = NULL;
    const char *where = m->path;
    TRY(safetensors_open(&m->file, m->path));
    TRY(model_configuration(&config, &where, m->memory, m->file));
    TRY(find_prefix(m));
    const json *hyper = json_get(config, "unet"), *sampling = json_get(config, "sampling");
    TRY(unet_config_read(&m->unet, hyper ? hyper : config, where));
    m->sigma_data = 0.1;
    if (json_get(config, "sigma_data"))
        TRY(json_need_number(config, "sigma_data", 1e-6, 1e3, &m->sigma_data, where));
    const json *name = json_get(config, "name");
    m->name = name && name->type == JSON_STRING ? name->string : "unnamed";
    if (json_get(config, "bands"))
        TRY(read_bands(m, config, where));
    return sampling ? read_sampling(m, sampling, where) : LORIS_OK;
}

loris_status model_open(model **out, const char *path) {
    arena *memory = arena_new();
    model *m = arena_alloc(memory, 1, sizeof *m);
    if (!m) {
        arena_free(memory);
        return fail_memory("a model");
    }
    m->memory = memory;
    m->path = model_path(memory, path);
    loris_status status = m->path ? read_model(m) : fail_memory("a model");
    if (status != LORIS_OK) {
        model_close(m);
        return status;
    }
    *out = m;
    return LORIS_OK;
}

void model_close(model *m) {
    if (!m)
        return;
    safetensors_close(m->file);
    arena_free(m->memory);
}

void model_hash(const model *m, const char *folder, char hex[SHA256_HEX]) {
    if (known_hash(folder, m->path, hex) != LORIS_OK)
        hex[0] = '\0';
}
