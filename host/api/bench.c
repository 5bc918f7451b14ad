/* Benchmarks: one device's record, and what is made of records. */
#include "loris/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/bench_run.h"
#include "api/job.h"
#include "bench/probe.h"
#include "core/markup.h"
#include "ops/product.h"

enum { RUNS = 7, QUICK_RUNS = 3 };
static const double SECONDS = 120, QUICK_SECONDS = 20;

void loris_bench_defaults(loris_bench_settings *settings) {
    memset(settings, 0, sizeof *settings);
}

static loris_status check_settings(const loris_bench_settings *s) {
    if (!s->data)
        return fail(LORIS_ERROR_ARGUMENT, "set loris_bench_settings.data",
                    "the folder of the benchmark's data was not named");
    if (s->runs < 0 || s->runs > 100)
        return fail(LORIS_ERROR_ARGUMENT, "use 1 to 100", "%d samples of each stage", s->runs);
    if (!(s->seconds >= 0))
        return fail(LORIS_ERROR_ARGUMENT, NULL, "a benchmark of %g s", s->seconds);
    return LORIS_OK;
}

/* ---- facts ------------------------------------------------------------------------------------------------------- */

static const char *build_facts(void) {
    return ""
#ifdef __VERSION__
           "compiler " __VERSION__
#endif
#ifdef __OPTIMIZE__
           ", optimised"
#else
           ", not optimised"
#endif
#ifdef LORIS_WITH_FFMPEG
           ", FFmpeg"
#else
           ", without FFmpeg"
#endif
        ;
}

static const char *today(arena *a) {
    const time_t now = time(NULL);
    struct tm utc;
    if (!gmtime_r(&now, &utc))
        return "";
    return arena_printf(a, "%04d-%02d-%02d", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday);
}

static void describe_device(record *r, const compute *c, arena *a) {
    const device *d = &c->dev;
    r->device.index = d->index;
    r->device.name = d->name;
    r->device.vendor = d->vendor;
    r->device.type = device_type_name(d->type);
    r->device.board = device_board(d, a);
    r->device.platform = d->platform_name;
    r->device.platform_version = d->platform_version;
    r->device.version = d->version;
    r->device.driver = d->driver;
    r->device.compute_units = d->compute_units;
    r->device.clock_mhz = d->clock_mhz;
    r->device.memory = (double)d->global_memory;
    r->device.max_allocation = (double)d->max_alloc;
    r->device.local_memory = (double)d->local_memory;
    r->device.max_work_group = (double)d->max_work_group;
    r->device.fp16 = d->fp16;
    r->device.native_kernels = d->native_kernel;
    r->device.unified_memory = d->unified_memory;
}

void bench_begin_record(record *r, arena *a, const loris_bench_settings *s) {
    const machine m = machine_facts("", a);
    *r = (record){.version = LORIS_VERSION,
                  .build = build_facts(),
                  .backend = "auto",
                  .precision = "f32",
                  .when = today(a),
                  .energy_reason = "nothing was measured",
                  .clock_reason = "nothing was measured",
                  .nodes_reason = "nothing was measured",
                  .load_before = load_average(""),
                  .load_after = -1};
    r->workload.name = s->model ? base_name(s->model) : "full-synthetic"; /* until the model is known */
    r->workload.model = r->workload.model_hash = r->workload.what = "";
    r->workload.quick = s->quick;
    r->machine.board = m.board;
    r->machine.processor = m.processor;
    r->machine.processors = m.processors;
    r->machine.memory = m.memory;
    r->machine.system = m.system;
}

/* ---- one device -------------------------------------------------------------------------------------------------- */

static loris_status measure_energy(bench_run *b, energy_meter *meter, const char *source, const char *reason) {
    record *r = b->record;
    double joules;
    int samples = 0;
    r->energy_reason = reason;
    if (!meter)
        return LORIS_OK;
    const double least = b->settings->quick ? 1 : 4, from = seconds_now();
    energy_begin(meter);
    do {
        TRY(b->workload->sample(b));
        samples++;
    } while (seconds_now() - from < least);
    const double seconds = seconds_now() - from;
    const char *throttled = energy_throttling(meter);
    if (throttled)
        record_note(r, b->memory, "while sampling the device was %s", throttled);
    if (!energy_end(meter, &joules)) {
        r->energy_reason = "the counter did not move or could no longer be read";
        return LORIS_OK;
    }
    r->energy_reason = NULL;
    r->energy_source = source;
    r->joules = joules / samples;
    r->energy_seconds = seconds / samples;
    return LORIS_OK;
}

static loris_status measure_nodes(bench_run *b) {
    record *r = b->record;
    r->nodes_reason = NULL;
    loris_status status = bench_nodes(b);
    if (status != LORIS_ERROR_DEVICE)
        return status;
    r->nodes = 0; /* a driver without times of launches still has its other figures */
    r->nodes_reason = arena_strdup(b->memory, loris_error_message());
    return LORIS_OK;
}

static void note_strain(bench_run *b, strain before, strain after, double seconds) {
    record *r = b->record;
    const double waited = 1e-6 * (after.waited - before.waited), held = 1e-6 * (after.held_back - before.held_back);
    if (before.waited >= 0 && b->compute->dev.type & CL_DEVICE_TYPE_CPU && waited > 0.9 * seconds)
        record_note(r, b->memory,
                    "tasks waited for a processor during %.0f %% of the time: others were at work, or the device runs "
                    "more threads than there are processors",
                    100 * waited / seconds);
    if (before.held_back >= 0 && held > 0.02 * seconds)
        record_note(r, b->memory, "the control group's limit held this process back for %.1f s", held);
    if (before.thermal >= 0 && after.thermal > before.thermal)
        record_note(r, b->memory, "the processor slowed down for its temperature %.0f times",
                    after.thermal - before.thermal);
    if (r->load_before > 0.5 * r->machine.processors)
        record_note(
            r, b->memory,
            "the load was %.1f on %d processors before the first measurement: times are those of a busy machine",
            r->load_before, r->machine.processors);
}

static void tell(const bench_run *b, const char *stage) {
    if (b->settings->progress)
        b->settings->progress(b->settings->progress_user, stage, 0, 0);
}

static loris_status probe(bench_run *b) {
    const bool quick = b->settings->quick;
    const probe_settings settings = {
        .samples = quick ? 3 : 7, .seconds = quick ? 0.01 : 0.05, .bytes = (size_t)(quick ? 64 : 256) << 20};
    tell(b, "probe");
    return probes_run(b->record, b->memory, b->compute, &settings);
}

static loris_status measure(bench_run *b, energy_meter *meter, const char *source, const char *reason) {
    record *r = b->record;
    const pci_place place = device_pci(&b->compute->dev);
    TRY(b->workload->open(b));
    TRY(probe(b));
    const strain before = machine_strain("");
    const double from = seconds_now();
    r->clock_before = clock_now("", &b->compute->dev, place, &r->clock_source);
    TRY(bench_passes(b));
    if (meter && energy_clock(meter) > 0) {
        r->clock_before = r->clock_after = energy_clock(meter);
        r->clock_source = "NVML, after the measurements";
    } else {
        r->clock_after = clock_now("", &b->compute->dev, place, &r->clock_source);
    }
    r->clock_reason = r->clock_after > 0 ? NULL : r->clock_source;
    note_strain(b, before, machine_strain(""), seconds_now() - from);
    TRY(measure_energy(b, meter, source, reason));
    TRY(measure_nodes(b));
    r->device_memory = (double)b->device_memory;
    r->load_after = load_average("");
    tell(b, "check");
    TRY(b->workload->check(b));
    r->host_memory = peak_resident();
    return LORIS_OK;
}

static const bench_workload *workload_for(const loris_bench_settings *s, loris_status *status) {
    loris_model_info info;
    *status = LORIS_OK;
    if (!s->model)
        return &bench_full;
    *status = loris_model_describe(s->model, NULL, &info);
    if (*status != LORIS_OK)
        return NULL;
    const bool bands = !strcmp(info.kind, "bands");
    loris_model_info_free(&info);
    return bands ? &bench_soundtrack : &bench_full;
}

static loris_status bench_device(bench_run *b, const loris_engine_settings *engine) {
    static const char *const backends[] = {
        [BACKEND_AUTO] = "auto", [BACKEND_OWN] = "own", [BACKEND_CLBLAST] = "clblast", [BACKEND_ONEDNN] = "onednn"};
    loris_engine_settings settings = *engine;
    record *r = b->record;
    loris_status status;
    b->workload = workload_for(b->settings, &status);
    TRY(status);
    settings.cache_dir = "";
    settings.profile = true;
    TRY(loris_engine_open(&b->engine, &settings));
    b->compute = b->engine->compute;
    b->profile = b->compute->profile;
    b->compute->profile = NULL;
    describe_device(r, b->compute, b->memory);
    r->backend = backends[b->compute->settings.backend];
    r->precision = number_name(product_storage(b->compute));
    const device *d = &b->compute->dev;
    const char *source, *reason;
    const energy_place place = {.root = "", .processor = (d->type & CL_DEVICE_TYPE_CPU) != 0, .pci = device_pci(d)};
    energy_meter *meter = energy_open(&place, &source, &reason);
    status = measure(b, meter, source, reason);
    b->workload->close(b);
    b->compute->profile = b->profile;
    energy_close(meter);
    return status;
}

static loris_status finish_record(bench_run *b, char **out) {
    record_conclude(b->record);
    if (arena_failed(b->memory))
        return fail_memory("a record");
    TRY(records_json(out, b->record, 1));
    if (b->record->correct)
        return LORIS_OK;
    return fail(LORIS_MISMATCH, "the device or its driver computes wrong results; report it with the record",
                "%s: outside of its tolerance: no headline", b->record->device.name);
}

loris_status loris_bench(const loris_engine_settings *engine, const loris_bench_settings *settings, char **out) {
    TRY(check_settings(settings));
    const int runs = settings->runs ? settings->runs : settings->quick ? QUICK_RUNS : RUNS;
    const double seconds = settings->seconds > 0 ? settings->seconds : settings->quick ? QUICK_SECONDS : SECONDS;
    bench_run b = {.settings = settings, .runs = runs, .seconds = seconds, .memory = arena_new()};
    *out = NULL;
    b.record = arena_alloc(b.memory, 1, sizeof *b.record);
    loris_status status = b.record ? LORIS_OK : fail_memory("a record");
    if (status == LORIS_OK) {
        bench_begin_record(b.record, b.memory, settings);
        status = bench_device(&b, engine);
    }
    if (status == LORIS_OK)
        status = finish_record(&b, out);
    loris_engine_close(b.engine);
    arena_free(b.memory);
    return status;
}
