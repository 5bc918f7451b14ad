#include "bench/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compute/program.h"
#include "core/number.h"

typedef struct prober {
    compute *c;
    arena *memory;
    const probe_settings *settings;
    measurement *now; /* the probe at hand */
} prober;

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- launches ---------------------------------------------------------------------------------------------------- */

/* A kernel over work-groups of one dimension. */
typedef struct probe_kernel {
    program *program;
    cl_kernel kernel;
    size_t global, local;
} probe_kernel;

static loris_status open_kernel(prober *p, probe_kernel *k, const char *file, const char *defines) {
    int section;
    TRY(program_new(&k->program, p->c));
    TRY(program_section(k->program, file, defines, &section));
    TRY(program_build(k->program));
    return program_kernel(k->program, section, file, &k->kernel);
}

static void close_kernel(probe_kernel *k) {
    if (k->kernel)
        clReleaseKernel(k->kernel);
    program_free(k->program);
}

static loris_status set_argument(prober *p, const probe_kernel *k, cl_uint index, size_t size, const void *value) {
    return compute_check(p->c, clSetKernelArg(k->kernel, index, size, value), "clSetKernelArg", p->now->name);
}

static loris_status enqueue(prober *p, const probe_kernel *k, double work) {
    TRY(compute_pace(p->c, work, p->now->name));
    return compute_check(p->c,
                         clEnqueueNDRangeKernel(p->c->queue, k->kernel, 1, NULL, &k->global, &k->local, 0, NULL, NULL),
                         "clEnqueueNDRangeKernel", p->now->name);
}

/* One launch and the wait for it. */
static loris_status time_launch(prober *p, const probe_kernel *k, double work, double *seconds) {
    const double from = seconds_now();
    TRY(enqueue(p, k, work));
    TRY(compute_finish(p->c, p->now->name));
    *seconds = seconds_now() - from;
    return LORIS_OK;
}

/* The largest power of two that a work-group may have here, at most `most`. */
static size_t group_size(const compute *c, size_t most) {
    size_t limit = c->dev.max_work_group < c->dev.max_work_item[0] ? c->dev.max_work_group : c->dev.max_work_item[0];
    while (most > 1 && most > limit)
        most /= 2;
    return most;
}

/* Element e of item i is `wanted` + step (i mod 4). */
static loris_status check_all(prober *p, cl_mem buffer, number_type type, size_t items, size_t elements, float wanted,
                              float step) {
    const size_t count = items * elements, bytes = count * number_size(type);
    void *raw = malloc(bytes);
    float *got = malloc(count * sizeof *got);
    loris_status status =
        raw && got ? buffer_read(p->c, buffer, 0, raw, bytes, "a probe's result") : fail_memory("a probe's result");
    if (status == LORIS_OK)
        number_to_f32(got, raw, type, count);
    for (size_t i = 0; status == LORIS_OK && i < count; i++) {
        const float right = wanted + step * (float)(i / elements % 4);
        if (got[i] != right)
            status = fail(LORIS_ERROR_DEVICE, NULL, "number %zu of the result is %g, not %g", i, (double)got[i],
                          (double)right);
    }
    free(raw);
    free(got);
    return status;
}

/* ---- arithmetic and local memory: kernels that make rounds ------------------------------------------------------- */

enum { ROUNDS_MAX = 1 << 20 }; /* sums of ones stay exact in f32 */

/* Argument `index` counts the rounds; as many as last long enough. `work` is what an item does in a round. */
static loris_status calibrate(prober *p, const probe_kernel *k, cl_uint index, double work, double seconds,
                              cl_int *rounds) {
    double took = 0;
    for (*rounds = 16;; *rounds *= 2) {
        TRY(set_argument(p, k, index, sizeof *rounds, rounds));
        TRY(time_launch(p, k, work * (double)k->global * *rounds, &took));
        if (took >= seconds || *rounds >= ROUNDS_MAX)
            return LORIS_OK;
    }
}

/* GFLOP/s or GB/s */
static loris_status rate_of(prober *p, const probe_kernel *k, double work, cl_int rounds, double *rate) {
    double seconds;
    TRY(time_launch(p, k, work * (double)k->global * rounds, &seconds));
    *rate = work * (double)k->global * rounds / seconds * 1e-9;
    return LORIS_OK;
}

typedef struct arithmetic {
    bool half;
    int width;
} arithmetic;

static size_t arithmetic_items(const compute *c, size_t local) {
    const size_t units = c->dev.compute_units ? c->dev.compute_units : 1;
    return local * units * 32;
}

/* Measures one vector width `samples` times into s (beginning anew); the best tells which width counts. */
static loris_status measure_width(prober *p, arithmetic t, int samples, double seconds, series *s) {
    probe_kernel k = {.local = group_size(p->c, 64)};
    const size_t element = t.half ? 2 : 4;
    const char *scalar = t.half ? "half" : "float";
    const double work = 2.0 * 64 * t.width;
    char defines[96], width[12] = "";
    cl_mem out = NULL;
    cl_float a = -1, b = 3;
    cl_int rounds;
    k.global = arithmetic_items(p->c, k.local);
    const size_t numbers = k.global * (size_t)t.width;
    *s = (series){0};
    if (t.width > 1)
        snprintf(width, sizeof width, "%d", t.width);
    snprintf(defines, sizeof defines, "TYPE=%s%s SCALAR=%s FP16=%d", scalar, width, scalar, t.half);
    loris_status status;
    TRY_GOTO(open_kernel(p, &k, "probe_fma", defines));
    TRY_GOTO(buffer_new(p->c, &out, numbers * element, NULL, "a probe's result"));
    TRY_GOTO(set_argument(p, &k, 0, sizeof out, &out));
    TRY_GOTO(set_argument(p, &k, 1, sizeof a, &a));
    TRY_GOTO(set_argument(p, &k, 2, sizeof b, &b));
    TRY_GOTO(calibrate(p, &k, 3, work, seconds, &rounds));
    for (int i = 0; i < samples; i++) {
        double rate;
        TRY_GOTO(rate_of(p, &k, work, rounds, &rate));
        series_add(s, rate);
    }
    TRY_GOTO(check_all(p, out, t.half ? TYPE_F16 : TYPE_F32, k.global, (size_t)t.width, 36, 8));
    program_store(k.program);
done:
    buffer_free(&out);
    close_kernel(&k);
    return status;
}

static loris_status measure_arithmetic(prober *p, bool half) {
    static const int widths[] = {1, 2, 4, 8, 16};
    int best = 0;
    double fastest = 0;
    if (half && !p->c->dev.fp16)
        return fail(LORIS_ERROR_DEVICE, NULL, "the device has no cl_khr_fp16");
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        series tried;
        TRY(measure_width(p, (arithmetic){half, widths[i]}, 2, 0.5 * p->settings->seconds, &tried));
        if (summarise(&tried).greatest > fastest) {
            fastest = summarise(&tried).greatest;
            best = widths[i];
        }
    }
    p->now->detail = arena_printf(p->memory, "%s%d, 8 chains of multiply-adds an item", half ? "half" : "float", best);
    return measure_width(p, (arithmetic){half, best}, p->settings->samples, p->settings->seconds, &p->now->warm);
}

static loris_status measure_f32(prober *p) {
    return measure_arithmetic(p, false);
}

static loris_status measure_f16(prober *p) {
    return measure_arithmetic(p, true);
}

static loris_status measure_local(prober *p) {
    probe_kernel k = {.local = group_size(p->c, 256)};
    const double work = 8 * 16;
    char defines[32];
    cl_mem out = NULL;
    cl_float value = 1;
    cl_int rounds;
    loris_status status;
    while (k.local > 1 && k.local * 16 > p->c->dev.local_memory)
        k.local /= 2;
    k.global = arithmetic_items(p->c, k.local);
    snprintf(defines, sizeof defines, "ITEMS=%zu", k.local);
    TRY_GOTO(open_kernel(p, &k, "probe_local", defines));
    TRY_GOTO(buffer_new(p->c, &out, k.global * 16, NULL, "a probe's result"));
    TRY_GOTO(set_argument(p, &k, 0, sizeof out, &out));
    TRY_GOTO(set_argument(p, &k, 1, k.local * 16, NULL));
    TRY_GOTO(set_argument(p, &k, 2, sizeof value, &value));
    TRY_GOTO(calibrate(p, &k, 3, work, p->settings->seconds, &rounds));
    for (int i = 0; i < p->settings->samples; i++) {
        double rate;
        TRY_GOTO(rate_of(p, &k, work, rounds, &rate));
        series_add(&p->now->warm, rate);
    }
    TRY_GOTO(check_all(p, out, TYPE_F32, k.global, 4, 8.0f * (float)rounds, 0));
    program_store(k.program);
    p->now->detail = arena_printf(p->memory, "float4 reads, %zu items a group%s", k.local,
                                  p->c->dev.local_is_dedicated ? "" : "; the device keeps local memory in its caches");
done:
    buffer_free(&out);
    close_kernel(&k);
    return status;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Bytes of an array, of which there are three; a multiple of 1 MiB where the device has that much. */
static size_t array_bytes(const prober *p) {
    size_t bytes = p->settings->bytes;
    while (bytes > 4096 && (bytes > p->c->dev.max_alloc || 8 * (cl_ulong)bytes > p->c->dev.global_memory))
        bytes /= 2;
    return bytes;
}

static loris_status fill(prober *p, cl_mem buffer, size_t bytes, float value) {
    return compute_check(p->c, clEnqueueFillBuffer(p->c->queue, buffer, &value, sizeof value, 0, bytes, 0, NULL, NULL),
                         "clEnqueueFillBuffer", p->now->name);
}

/* Launches in a row until they last long enough. */
static loris_status time_triad(prober *p, const probe_kernel *k, double bytes, int launches, double *seconds) {
    const double from = seconds_now();
    for (int i = 0; i < launches; i++)
        TRY(enqueue(p, k, 4 * bytes));
    TRY(compute_finish(p->c, p->now->name));
    *seconds = seconds_now() - from;
    return LORIS_OK;
}

static loris_status measure_memory(prober *p) {
    probe_kernel k = {.local = group_size(p->c, 64)};
    const size_t bytes = array_bytes(p);
    cl_mem array[3] = {NULL};
    cl_float s = 3;
    double seconds = 0;
    int launches = 1;
    loris_status status;
    k.global = bytes / 16;
    TRY_GOTO(open_kernel(p, &k, "probe_triad", ""));
    for (int i = 0; i < 3; i++) {
        TRY_GOTO(buffer_new(p->c, &array[i], bytes, NULL, "an array of the memory probe"));
        TRY_GOTO(fill(p, array[i], bytes, (float)i));
        TRY_GOTO(set_argument(p, &k, (cl_uint)i, sizeof array[i], &array[i]));
    }
    TRY_GOTO(set_argument(p, &k, 3, sizeof s, &s));
    TRY_GOTO(time_triad(p, &k, 3.0 * (double)bytes, 1, &seconds)); /* touches every page */
    for (;; launches *= 2) {
        TRY_GOTO(time_triad(p, &k, 3.0 * (double)bytes, launches, &seconds));
        if (seconds >= p->settings->seconds || launches >= 1 << 16)
            break;
    }
    for (int i = 0; i < p->settings->samples; i++) {
        TRY_GOTO(time_triad(p, &k, 3.0 * (double)bytes, launches, &seconds));
        series_add(&p->now->warm, 3e-9 * (double)bytes * launches / seconds);
    }
    TRY_GOTO(check_all(p, array[0], TYPE_F32, bytes / 16, 4, 7, 0)); /* 1 + 3 x 2 */
    program_store(k.program);
    p->now->detail = arena_printf(p->memory, "triad of 3 x %.0f MiB", (double)bytes / (1 << 20));
done:
    for (int i = 0; i < 3; i++)
        buffer_free(&array[i]);
    close_kernel(&k);
    return status;
}

/* Both directions between one block of the host's memory and one buffer. */
static loris_status measure_transfers(prober *p, bool upload) {
    const size_t bytes = array_bytes(p), count = bytes / 4;
    cl_mem buffer = NULL;
    float *host = malloc(bytes);
    loris_status status = host ? LORIS_OK : fail_memory("what is transferred");
    if (status != LORIS_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        host[i] = (float)(i & 0xffff);
    TRY_GOTO(buffer_new(p->c, &buffer, bytes, host, "what is transferred"));
    for (int i = -1; i < p->settings->samples; i++) { /* the first touches what is touched for the first time */
        const double from = seconds_now();
        TRY_GOTO(upload ? buffer_write(p->c, buffer, 0, host, bytes, "an upload")
                        : buffer_read(p->c, buffer, 0, host, bytes, "a download"));
        TRY_GOTO(compute_finish(p->c, p->now->name));
        if (i >= 0)
            series_add(&p->now->warm, 1e-9 * (double)bytes / (seconds_now() - from));
    }
    memset(host, 0, bytes);
    TRY_GOTO(buffer_read(p->c, buffer, 0, host, bytes, "a download"));
    for (size_t i = 0; status == LORIS_OK && i < count; i++)
        if (host[i] != (float)(i & 0xffff))
            status = fail(LORIS_ERROR_DEVICE, NULL, "number %zu came back as %g", i, (double)host[i]);
    p->now->detail = arena_printf(p->memory, "%.0f MiB, ordinary memory of the host", (double)bytes / (1 << 20));
done:
    buffer_free(&buffer);
    free(host);
    return status;
}

static loris_status measure_upload(prober *p) {
    return measure_transfers(p, true);
}

static loris_status measure_download(prober *p) {
    return measure_transfers(p, false);
}

/* ---- launches ---------------------------------------------------------------------------------------------------- */

/* `row` launches, then one wait. */
static loris_status measure_launches(prober *p, int row) {
    probe_kernel k = {.global = 1, .local = 1};
    const cl_int zero = 0;
    cl_int counted = 0, made = 0;
    cl_mem count = NULL;
    loris_status status;
    TRY_GOTO(open_kernel(p, &k, "probe_launch", ""));
    TRY_GOTO(buffer_new(p->c, &count, sizeof zero, &zero, "a count of launches"));
    TRY_GOTO(set_argument(p, &k, 0, sizeof count, &count));
    for (int i = -1; i < p->settings->samples; i++) {
        double from = 0;
        const int rows = i < 0 ? 1 : 20 * (row == 1) + (row > 1); /* a single round trip is too short to be timed */
        TRY_GOTO(compute_pace(p->c, 1, p->now->name));
        from = seconds_now();
        for (int n = 0; n < rows; n++) {
            for (int j = 0; j < row; j++, made++)
                TRY_GOTO(compute_check(
                    p->c, clEnqueueNDRangeKernel(p->c->queue, k.kernel, 1, NULL, &k.global, &k.local, 0, NULL, NULL),
                    "clEnqueueNDRangeKernel", p->now->name));
            TRY_GOTO(compute_check(p->c, clFinish(p->c->queue), "clFinish", p->now->name));
        }
        if (i >= 0)
            series_add(&p->now->warm, 1e6 * (seconds_now() - from) / (rows * row));
    }
    TRY_GOTO(buffer_read(p->c, count, 0, &counted, sizeof counted, "a count of launches"));
    if (counted != made)
        status = fail(LORIS_ERROR_DEVICE, NULL, "of %d launches %d ran", made, counted);
    program_store(k.program);
    p->now->detail = row > 1 ? "one of 200 in a row" : "one, and the wait for it";
done:
    buffer_free(&count);
    close_kernel(&k);
    return status;
}

static loris_status measure_launch(prober *p) {
    return measure_launches(p, 200);
}

static loris_status measure_round_trip(prober *p) {
    return measure_launches(p, 1);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

loris_status probes_run(record *r, arena *a, compute *c, const probe_settings *settings) {
    static const struct {
        const char *name, *unit;
        loris_status (*run)(prober *);
    } all[] = {{"f32", "GFLOP/s", measure_f32},    {"f16", "GFLOP/s", measure_f16},
               {"memory", "GB/s", measure_memory}, {"local", "GB/s", measure_local},
               {"upload", "GB/s", measure_upload}, {"download", "GB/s", measure_download},
               {"launch", "us", measure_launch},   {"round trip", "us", measure_round_trip}};
    prober p = {.c = c, .memory = a, .settings = settings};
    for (size_t i = 0; i < sizeof all / sizeof *all && r->probes < RECORD_MAX_PROBES; i++) {
        p.now = &r->probe[r->probes++];
        *p.now = (measurement){.name = all[i].name, .unit = all[i].unit, .detail = ""};
        loris_status status = all[i].run(&p);
        if (status == LORIS_CANCELLED)
            return status;
        if (status != LORIS_OK) {
            p.now->warm.count = 0;
            p.now->reason = arena_strdup(a, loris_error_message());
        }
        if (!p.now->detail)
            p.now->detail = "";
    }
    return arena_failed(a) ? fail_memory("a record") : LORIS_OK;
}
