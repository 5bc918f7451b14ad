#include "bench_records.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

static measurement example_stage(const char *name, double from, double slower) {
    measurement m = {.name = name, .unit = "s", .detail = "made up", .has_cold = true, .cold = 3 * from * slower};
    for (int i = 0; i < 7; i++)
        series_add(&m.warm, slower * (from + 0.01 * ((3 * i) % 7)));
    return m;
}

static measurement example_probe(const char *name, const char *unit, double value) {
    measurement m = {.name = name, .unit = unit, .detail = ""};
    for (int i = 0; i < 3; i++)
        series_add(&m.warm, value * (1 + 0.01 * i));
    return m;
}

void example_record(record *r, arena *a, const char *name, double slower) {
    *r = (record){.version = "0.1.0",
                  .build = "a compiler",
                  .backend = "auto",
                  .precision = "f32",
                  .when = "2026-01-02",
                  .energy_reason = "no counter",
                  .clock_reason = "no clock",
                  .load_before = 0.5,
                  .load_after = -1,
                  .quantities = 1,
                  .probes = 2,
                  .stages = 3,
                  .evaluation_flop = 2e9,
                  .evaluation_bytes = 1e9,
                  .nodes = 12,
                  .device_memory = 7.5e7,
                  .host_memory = 3e8};
    r->workload.name = "soundtrack";
    r->workload.model = "base";
    r->workload.model_hash = "0123";
    r->workload.what = "a soundtrack";
    r->workload.audio_seconds = 26;
    r->workload.evaluations = 24;
    r->device.name = name;
    r->device.vendor = "vendor";
    r->device.type = "GPU";
    r->device.platform = "platform";
    r->device.platform_version = r->device.version = r->device.driver = "1.2";
    r->device.compute_units = 8;
    r->machine.processor = "a processor";
    r->machine.processors = 2;
    r->quantity[0] = (record_quantity){"golden", "f32", 1e-5, 2, 1e-4, 101.5, false};
    r->quantity[0].pass = r->quantity[0].max_abs_error <= r->quantity[0].tolerance * r->quantity[0].scale;
    r->probe[0] = example_probe("f32", "GFLOP/s", 100);
    r->probe[1] = example_probe("memory", "GB/s", 10);
    r->stage[0] = example_stage("decode", 0.1, slower);
    r->stage[1] = example_stage("sampling", 1, slower);
    r->stage[2] = example_stage("evaluation", 0.04, slower);
    r->node = arena_alloc(a, 12, sizeof *r->node);
    assert_non_null(r->node);
    for (int i = 0; i < 12; i++)
        r->node[i] = (record_node){arena_printf(a, "block %d", i), "conv1d",      "own panel",
                                   "our kernel on the device",     1e8 * (i + 1), 1e7,
                                   1e-3 * ((5 * i) % 12 + 1)};
    record_note(r, a, "a note");
    record_conclude(r);
}

/* ---- summaries, computed once more ------------------------------------------------------------------------------- */

static double at_part(const double *sorted, size_t count, double part) {
    const double place = part * (double)(count - 1);
    const size_t low = (size_t)place;
    return low + 1 >= count ? sorted[count - 1]
                            : sorted[low] * (1 - (place - (double)low)) + sorted[low + 1] * (place - (double)low);
}

static void assert_summary(const json *object) {
    double sorted[SERIES_MAX];
    const json *samples = json_get(object, "samples");
    assert_non_null(samples);
    assert_true(samples->count <= SERIES_MAX);
    for (size_t i = 0; i < samples->count; i++) { /* insertion */
        size_t at = i;
        for (; at > 0 && sorted[at - 1] > samples->item[i].number; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = samples->item[i].number;
    }
    static const struct {
        const char *key;
        double part;
    } all[] = {{"median", 0.5}, {"p10", 0.1}, {"p90", 0.9}};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        const json *told = json_get(object, all[k].key);
        assert_non_null(told);
        if (!samples->count)
            assert_int_equal(told->type, JSON_NULL);
        else /* 1e-12: interpolation rounds otherwise here */
            assert_true(fabs(told->number - at_part(sorted, samples->count, all[k].part)) <= 1e-12 * told->number);
    }
}

void assert_summaries_follow(const char *records) {
    static const char *const lists[] = {"stages", "probes"};
    arena *a = arena_new();
    const json *root;
    size_t seen = 0;
    assert_ok(json_parse(&root, a, records, strlen(records), "records"));
    const json *all = json_get(root, "records");
    assert_non_null(all);
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; k < 2; k++) {
            const json *list = json_get(&all->item[i], lists[k]);
            assert_non_null(list);
            for (size_t n = 0; n < list->count; n++, seen++)
                assert_summary(&list->item[n]);
        }
    assert_true(seen > 0);
    arena_free(a);
}
