#include "api/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/tuning.h"
#include "core/file.h"

void loris_free(void *memory) {
    free(memory);
}

static loris_device_type public_type(cl_device_type type) {
    return type & CL_DEVICE_TYPE_GPU           ? LORIS_DEVICE_GPU
           : type & CL_DEVICE_TYPE_ACCELERATOR ? LORIS_DEVICE_ACCELERATOR
           : type & CL_DEVICE_TYPE_CPU         ? LORIS_DEVICE_CPU
                                               : LORIS_DEVICE_OTHER;
}

/* `folder`: of tunings, or NULL. */
static bool is_tuned(const device *d, const char *folder) {
    arena *a = arena_new();
    const char *path = a && folder && *folder ? tuning_path(a, folder, d) : NULL;
    const bool tuned = path && file_exists(path);
    arena_free(a);
    return tuned;
}

static void describe(loris_device_info *out, const device *d, const char *folder) {
    memset(out, 0, sizeof *out);
    out->index = d->index;
    out->type = public_type(d->type);
    snprintf(out->name, sizeof out->name, "%s", d->name);
    snprintf(out->vendor, sizeof out->vendor, "%s", d->vendor);
    snprintf(out->platform, sizeof out->platform, "%s", d->platform_name);
    snprintf(out->version, sizeof out->version, "%s", d->version);
    snprintf(out->driver, sizeof out->driver, "%s", d->driver);
    out->compute_units = d->compute_units;
    out->clock_mhz = d->clock_mhz;
    out->global_memory = d->global_memory;
    out->max_allocation = d->max_alloc;
    out->local_memory = d->local_memory;
    out->max_work_group = d->max_work_group;
    out->fp16 = d->fp16;
    out->tuned = is_tuned(d, folder);
}

static loris_status list_devices(arena *a, loris_device_info **list, size_t *count, int *chosen) {
    const device *devices;
    int found;
    TRY(device_list(&devices, &found, a));
    TRY(device_choose(devices, found, NULL, chosen));
    loris_device_info *out = calloc((size_t)found, sizeof *out);
    if (!out)
        return fail_memory("the list of devices");
    for (int i = 0; i < found; i++)
        describe(&out[i], &devices[i], tuning_folder(a, NULL));
    *list = out;
    *count = (size_t)found;
    return LORIS_OK;
}

loris_status loris_devices(loris_device_info **list, size_t *count, int *chosen) {
    arena *a = arena_new();
    if (!a)
        return fail_memory("the list of devices");
    loris_status status = list_devices(a, list, count, chosen);
    arena_free(a);
    return status;
}

void loris_engine_defaults(loris_engine_settings *settings) {
    memset(settings, 0, sizeof *settings);
}

loris_status loris_engine_open(loris_engine **engine, const loris_engine_settings *settings) {
    static const product_backend backends[] = {[LORIS_BACKEND_AUTO] = BACKEND_AUTO,
                                               [LORIS_BACKEND_OWN] = BACKEND_OWN,
                                               [LORIS_BACKEND_CLBLAST] = BACKEND_CLBLAST,
                                               [LORIS_BACKEND_ONEDNN] = BACKEND_ONEDNN};
    static const product_precision precisions[] = {[LORIS_PRECISION_AUTO] = PRECISION_AUTO,
                                                   [LORIS_PRECISION_F32] = PRECISION_F32,
                                                   [LORIS_PRECISION_BF16] = PRECISION_BF16,
                                                   [LORIS_PRECISION_F16] = PRECISION_F16};
    loris_engine_settings defaults;
    loris_engine_defaults(&defaults);
    if (!settings)
        settings = &defaults;
    compute_settings inner = {.device = settings->device,
                              .kernels_dir = settings->kernels_dir,
                              .cache_dir = settings->cache_dir,
                              .backend = backends[settings->backend],
                              .precision = precisions[settings->precision],
                              .profile = settings->profile};
    loris_engine *e = calloc(1, sizeof *e);
    arena *a = arena_new();
    if (a)
        inner.tuning_dir = tuning_folder(a, settings->tuning_dir);
    loris_status status = e && a ? compute_open(&e->compute, &inner) : fail_memory("an engine");
    arena_free(a);
    if (status != LORIS_OK) {
        free(e);
        return status;
    }
    *engine = e;
    return LORIS_OK;
}

void loris_engine_close(loris_engine *engine) {
    if (!engine)
        return;
    compute_close(engine->compute);
    free(engine);
}

loris_status loris_engine_device(const loris_engine *engine, loris_device_info *info) {
    describe(info, &engine->compute->dev, engine->compute->settings.tuning_dir);
    return LORIS_OK;
}
