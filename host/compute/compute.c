#include "compute/compute.h"

#include "compute/cache.h"
#include "compute/pace.h"
#include "compute/profile.h"
#include "compute/program.h"
#include "compute/tuning.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* Drivers tell more here than their error codes do. May be called from any of their threads. */
static void CL_CALLBACK driver_notice(const char *message, const void *data, size_t size, void *user) {
    (void)data;
    (void)size;
    (void)user;
    log_message(LORIS_LOG_DEBUG, "OpenCL driver: %s", message ? message : "");
}

static loris_status copy_settings(compute *c, const compute_settings *settings) {
    c->settings = *settings;
    c->settings.device = arena_strdup(c->memory, settings->device);
    c->settings.kernels_dir = arena_strdup(c->memory, settings->kernels_dir);
    c->settings.cache_dir = arena_strdup(c->memory, settings->cache_dir);
    c->settings.tuning_dir = arena_strdup(c->memory, settings->tuning_dir);
    if (arena_failed(c->memory))
        return fail_memory("settings of a device");
    struct stat info;
    if (settings->kernels_dir && (stat(settings->kernels_dir, &info) != 0 || !S_ISDIR(info.st_mode)))
        return fail(LORIS_ERROR_ARGUMENT, "give a folder with .cl files", "kernels in %s: not a folder",
                    settings->kernels_dir);
    if (settings->backend == BACKEND_CLBLAST && settings->precision > PRECISION_F32)
        return fail(LORIS_ERROR_ARGUMENT, "use precision f32, or our own kernels", "CLBlast multiplies f32 alone");
    if (settings->backend == BACKEND_ONEDNN && settings->precision == PRECISION_F16)
        return fail(LORIS_ERROR_ARGUMENT, "use precision bf16, or our own kernels",
                    "oneDNN multiplies f32 and bf16 alone");
    return LORIS_OK;
}

static loris_status open_device(compute *c) {
    const device *list;
    int count, index;
    TRY(device_list(&list, &count, c->memory));
    TRY(device_choose(list, count, c->settings.device, &index));
    c->dev = list[index];
    const char *missing = device_lacks(&c->dev);
    if (missing)
        return fail(LORIS_ERROR_DEVICE, "choose another device ('loris-cl devices' lists them)", "device %d: %s: %s",
                    index, c->dev.name, missing);

    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)c->dev.platform, 0};
    cl_int error;
    c->context = clCreateContext(properties, 1, &c->dev.id, driver_notice, NULL, &error);
    TRY(compute_check(c, error, "clCreateContext", NULL));
    c->queue =
        clCreateCommandQueue(c->context, c->dev.id, c->settings.profile ? CL_QUEUE_PROFILING_ENABLE : 0, &error);
    TRY(compute_check(c, error, "clCreateCommandQueue", NULL));
    pace_begin(c);
    if (c->settings.profile)
        TRY(profile_open(c));
    c->cache_folder = cache_folder(c->memory, c->settings.cache_dir);
    log_message(LORIS_LOG_DEBUG, "device %d: %s, %s (%s, driver %s)", c->dev.index, device_type_name(c->dev.type),
                c->dev.name, c->dev.platform_name, c->dev.driver);
    return LORIS_OK;
}

/* A tuning that cannot be used costs speed, never a result. */
static void load_tuning(compute *c) {
    const char *path = c->settings.tuning_dir && *c->settings.tuning_dir
                           ? tuning_path(c->memory, c->settings.tuning_dir, &c->dev)
                           : NULL;
    if (!path)
        return;
    c->tuning = tuning_load(path, &c->dev);
    if (c->tuning)
        log_message(LORIS_LOG_INFO, "tuned parameters of %d shapes are used: %s", c->tuning->count, path);
}

static loris_status make_compute(compute **out, const compute_settings *settings, const device *imagined) {
    static const compute_settings defaults;
    *out = NULL;
    compute *c = calloc(1, sizeof *c);
    if (!c)
        return fail_memory("device");
    loris_status status = LORIS_OK;
    c->memory = arena_new();
    if (!c->memory) {
        status = fail_memory("device");
        goto done;
    }
    TRY_GOTO(copy_settings(c, settings ? settings : &defaults));
    if (imagined) {
        c->dev = *imagined;
        pace_begin(c);
    } else
        TRY_GOTO(open_device(c));
    load_tuning(c);
    *out = c;
done:
    if (status != LORIS_OK)
        compute_close(c);
    return status;
}

loris_status compute_open(compute **out, const compute_settings *settings) {
    return make_compute(out, settings, NULL);
}

loris_status compute_imagine(compute **out, const device *imagined, const compute_settings *settings) {
    return make_compute(out, settings, imagined);
}

product_precision compute_set_precision(compute *c, product_precision precision) {
    const product_precision before = c->settings.precision;
    c->settings.precision = precision;
    return before;
}

void compute_close(compute *c) {
    if (!c)
        return;
    if (c->queue) {
        compute_finish(c, NULL);
        profile_close(c);
        clReleaseCommandQueue(c->queue);
    }
    programs_release(c);
    if (c->backend_state)
        c->backend_release(c->backend_state);
    if (c->context)
        clReleaseContext(c->context);
    tuning_free(c->tuning);
    arena_free(c->memory);
    free(c);
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

/* Transfers go in pieces that take some 20 ms even over a slow link, so that cancelling never waits for gigabytes. */
static const size_t transfer_piece = (size_t)32 << 20;

loris_status buffer_new(compute *c, cl_mem *out, size_t bytes, const void *initial, const char *what) {
    *out = NULL;
    if (bytes == 0)
        return fail(LORIS_ERROR_INTERNAL, NULL, "buffer of 0 bytes: %s", what);
    cl_int error;
    cl_mem buffer = clCreateBuffer(c->context, CL_MEM_READ_WRITE, bytes, NULL, &error);
    if (error != CL_SUCCESS) {
        loris_status status = compute_check(c, error, "clCreateBuffer", what);
        return fail_in(status, "%.1f MB (the device allows %.1f MB in one buffer, has %.1f MB)", (double)bytes / 1e6,
                       (double)c->dev.max_alloc / 1e6, (double)c->dev.global_memory / 1e6);
    }
    loris_status status = initial ? buffer_write(c, buffer, 0, initial, bytes, what) : LORIS_OK;
    if (status != LORIS_OK) {
        clReleaseMemObject(buffer);
        return status;
    }
    *out = buffer;
    return LORIS_OK;
}

void buffer_free(cl_mem *buffer) {
    if (*buffer)
        clReleaseMemObject(*buffer);
    *buffer = NULL;
}

loris_status buffer_write(compute *c, cl_mem buffer, size_t offset, const void *data, size_t bytes, const char *what) {
    const uint8_t *from = data;
    for (size_t done = 0; done < bytes;) {
        TRY(check_cancelled());
        size_t piece = bytes - done < transfer_piece ? bytes - done : transfer_piece;
        launch_events events = profile_begin(c);
        cl_int error = clEnqueueWriteBuffer(c->queue, buffer, CL_TRUE, offset + done, piece, from + done, 0, NULL,
                                            c->profile ? &events.last : NULL);
        TRY(compute_check(c, error, "clEnqueueWriteBuffer", what));
        if (c->profile)
            TRY(profile_transfer(c, "write", what, piece, events));
        TRY(pace_drained(c, what));
        done += piece;
    }
    return LORIS_OK;
}

loris_status buffer_send(compute *c, cl_mem buffer, const void *data, size_t bytes, cl_event *done, const char *what) {
    launch_events events = profile_begin(c);
    TRY(compute_check(c, clEnqueueWriteBuffer(c->queue, buffer, CL_FALSE, 0, bytes, data, 0, NULL, done),
                      "clEnqueueWriteBuffer", what));
    if (!c->profile)
        return LORIS_OK;
    TRY(compute_check(c, clRetainEvent(*done), "clRetainEvent", what));
    events.last = *done;
    return profile_transfer(c, "write", what, bytes, events);
}

loris_status buffer_read(compute *c, cl_mem buffer, size_t offset, void *data, size_t bytes, const char *what) {
    uint8_t *to = data;
    for (size_t done = 0; done < bytes;) {
        TRY(check_cancelled());
        size_t piece = bytes - done < transfer_piece ? bytes - done : transfer_piece;
        launch_events events = profile_begin(c);
        cl_int error = clEnqueueReadBuffer(c->queue, buffer, CL_TRUE, offset + done, piece, to + done, 0, NULL,
                                           c->profile ? &events.last : NULL);
        TRY(compute_check(c, error, "clEnqueueReadBuffer", what));
        if (c->profile)
            TRY(profile_transfer(c, "read", what, piece, events));
        TRY(pace_drained(c, what));
        done += piece;
    }
    return LORIS_OK;
}
