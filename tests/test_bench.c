/* Statistics, records and what the system tells of energy and machine. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/energy.h"
#include "bench/probe.h"
#include "bench_records.h"
#include "core/file.h"
#include "loris/bench.h"
#include "scratch.h"
#include "support_net.h"

static series series_of(const double *value, int count) {
    series s = {0};
    for (int i = 0; i < count; i++)
        series_add(&s, value[i]);
    return s;
}

/* ---- statistics -------------------------------------------------------------------------------------------------- */

static void percentiles_interpolate(void **state) {
    (void)state;
    const series s = series_of((const double[]){5, 1, 4, 2, 3}, 5);
    const summary m = summarise(&s);
    assert_true(m.count == 5 && m.median == 3 && m.least == 1 && m.greatest == 5);
    assert_true(fabs(m.p10 - 1.4) < 1e-12 && fabs(m.p90 - 4.6) < 1e-12); /* at 0.4 and 3.6 of 0 .. 4 */
    const series two = series_of((const double[]){1, 2}, 2), none = {0};
    assert_true(summarise(&two).median == 1.5);
    assert_true(isnan(summarise(&none).median) && summarise(&none).count == 0);
}

static void series_leave_out_what_is_no_number(void **state) {
    (void)state;
    series s = {0};
    series_add(&s, NAN);
    series_add(&s, INFINITY);
    assert_int_equal(s.count, 0);
    for (int i = 0; i < SERIES_MAX + 5; i++)
        series_add(&s, i);
    assert_int_equal(s.count, SERIES_MAX);
}

static void a_slowing_device_shows(void **state) {
    (void)state;
    const series slowing = series_of((const double[]){1, 1, 1, 1.5, 1.5, 1.5}, 6),
                 steady = series_of((const double[]){1, 2, 1, 2, 1, 2}, 6);
    assert_true(series_trend(&slowing) == 1.5);
    assert_true(series_trend(&steady) >= 1 && series_trend(&steady) <= 2);
    assert_true(fabs(series_scatter(&steady) - 1 / 1.5) < 1e-12);
}

/* The critical values of Mann and Whitney's test (two-sided, 5 %) that tables have: of 5 and 5 samples U = 2, of 8 and
 * 8 U = 13; the interval then leaves out that many differences at each end. */
static void intervals_are_those_of_the_tables(void **state) {
    (void)state;
    double a[8], b[8];
    for (int i = 0; i < 8; i++) {
        a[i] = exp(0.1 * i);
        b[i] = exp(0.1 * i + 0.013 * i * i);
    }
    static const struct { int count, outside; } cases[] = {{5, 2}, {8, 13}};
    for (size_t c = 0; c < 2; c++) {
        const int n = cases[c].count;
        double difference[64];
        int pairs = 0;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                const double d = log(b[j]) - log(a[i]);
                int at = pairs++;
                for (; at > 0 && difference[at - 1] > d; at--)
                    difference[at] = difference[at - 1];
                difference[at] = d;
            }
        const series first = series_of(a, n), second = series_of(b, n);
        ratio r;
        assert_ok(ratio_of(&r, &first, &second, 0.95));
        assert_true(fabs(log(r.low) - difference[cases[c].outside]) < 1e-12);
        assert_true(fabs(log(r.high) - difference[pairs - 1 - cases[c].outside]) < 1e-12);
        assert_true(r.confidence >= 0.95 && r.confidence < 1);
    }
}

static void ratios(void **state) {
    (void)state;
    const double times[] = {1.0, 1.1, 0.9, 1.05, 0.95, 1.02};
    double longer[6];
    for (int i = 0; i < 6; i++)
        longer[i] = 1.5 * times[i];
    const series a = series_of(times, 6), b = series_of(longer, 6), three = series_of(times, 3), none = {0};
    ratio r;
    assert_ok(ratio_of(&r, &a, &a, 0.95));
    assert_true(fabs(r.estimate - 1) < 1e-12 && r.low < 1 && r.high > 1);
    assert_ok(ratio_of(&r, &a, &b, 0.95));
    assert_true(fabs(r.estimate - 1.5) < 1e-12 && r.low > 1.2 && r.high < 1.9);
    assert_ok(ratio_of(&r, &three, &three, 0.95)); /* too few for 95 %: 1 - 2 / 20 is the most there can be */
    assert_true(fabs(r.confidence - 0.9) < 1e-12);
    assert_fails(ratio_of(&r, &a, &none, 0.95), LORIS_ERROR_INPUT, "no ratio");
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static char *example_json(arena *a, const char *name, double slower) {
    record r;
    char *out;
    example_record(&r, a, name, slower);
    assert_ok(records_json(&out, &r, 1));
    return out;
}

static void records_read_back_as_written(void **state) {
    (void)state;
    arena *a = arena_new();
    char *first = example_json(a, "a \"device\"\n", 1), *second;
    record *r = NULL;
    size_t count = 0;
    assert_ok(records_parse(&r, &count, a, first, strlen(first), "test"));
    assert_int_equal(count, 1);
    assert_string_equal(r->device.name, "a \"device\"\n");
    assert_ok(records_json(&second, r, 1));
    assert_string_equal(first, second);
    assert_summaries_follow(first);
    free(first);
    free(second);
    arena_free(a);
}

static void the_headline_is_the_sum_of_the_stages(void **state) {
    (void)state;
    arena *a = arena_new();
    record r;
    example_record(&r, a, "device", 1);
    assert_true(r.has_headline && r.correct);
    assert_true(fabs(r.seconds - (0.13 + 1.03)) < 1e-12); /* medians; an evaluation is a part of sampling */
    assert_true(fabs(r.speed - 26 / 1.16) < 1e-9);
    assert_true(fabs(r.first_seconds - (0.3 + 3)) < 1e-12);
    r.workload.further_evaluations = 10;
    record_conclude(&r);
    assert_true(fabs(r.seconds - (0.13 + 1.03 + 10 * 0.07)) < 1e-12);
    arena_free(a);
}

static void what_is_wrong_has_no_headline(void **state) {
    (void)state;
    arena *a = arena_new();
    record r;
    example_record(&r, a, "device", 1);
    r.quantity[0].pass = false;
    record_conclude(&r);
    assert_false(r.correct || r.has_headline);
    r.quantities = 0;
    record_conclude(&r);
    assert_false(r.correct || r.has_headline);
    example_record(&r, a, "device", 1);
    r.stage[0].warm.count = 0;
    r.stage[0].has_cold = false;
    record_conclude(&r);
    assert_true(r.correct && !r.has_headline);
    arena_free(a);
}

/* Replaces `from` once, which must be there. */
static char *edited(const char *data, const char *from, const char *to) {
    const char *at = strstr(data, from);
    assert_non_null(at);
    char *out = calloc(strlen(data) + strlen(to) + 1, 1);
    assert_non_null(out);
    memcpy(out, data, (size_t)(at - data));
    strcat(out, to);
    strcat(out, at + strlen(from));
    return out;
}

static void what_a_file_derives_is_not_believed(void **state) {
    (void)state;
    arena *a = arena_new();
    char *good = example_json(a, "device", 1);
    char *wrong = edited(good, "\"max_abs_error\": 1e-05", "\"max_abs_error\": 0.1");
    record *r = NULL;
    size_t count = 0;
    assert_ok(records_parse(&r, &count, a, wrong, strlen(wrong), "test"));
    assert_false(r->correct || r->has_headline ||
                 r->quantity[0].pass); /* though it says "pass": true and has a headline */
    char *nothing = edited(good, "\"max_abs_error\": 1e-05", "\"max_abs_error\": null");
    assert_ok(records_parse(&r, &count, a, nothing, strlen(nothing), "test"));
    assert_int_equal(count, 2);
    assert_false(r[1].correct);
    assert_true(isinf(r[1].quantity[0].max_abs_error) && r[1].quantity[0].snr_db < 0);
    free(good);
    free(wrong);
    free(nothing);
    arena_free(a);
}

static void bad_records_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *said;
    } cases[] = {
        {"\"schema\": 1", "\"schema\": 2", "schema"},
        {"\"records\"", "\"recalls\"", "records"},
        {"\"device\": {", "\"device\": 3, \"other\": {", "device"},
        {"\"name\": \"soundtrack\"", "\"name\": 5", "name"},
        {"\"quick\": false", "\"quick\": 0", "quick"},
        {"\"tolerance\": 0.0001", "\"tolerance\": 2", "tolerance"},
        {"\"samples\": [0.1", "\"samples\": [-1", "sample"},
        {"\"samples\": [0.1", "\"samples\": [\"x\"", "sample"},
        {"\"notes\": [\"a note\"]", "\"notes\": [7]", "note"},
        {"\"audio_seconds\": 26", "\"audio_seconds\": -26", "audio_seconds"},
    };
    arena *a = arena_new();
    char *good = example_json(a, "device", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *bad = edited(good, cases[i].from, cases[i].to);
        record *r = NULL;
        size_t count = 0;
        assert_fails(records_parse(&r, &count, a, bad, strlen(bad), "test"), LORIS_ERROR_INPUT, cases[i].said);
        assert_int_equal(count, 0);
        free(bad);
    }
    free(good);
    arena_free(a);
}

static void the_slowest_nodes_come_first(void **state) {
    (void)state;
    arena *a = arena_new();
    record r;
    int top[RECORD_TOP_NODES];
    bool memory;
    example_record(&r, a, "device", 1);
    assert_int_equal(record_top(&r, top), RECORD_TOP_NODES);
    for (int i = 1; i < RECORD_TOP_NODES; i++)
        assert_true(r.node[top[i - 1]].seconds > r.node[top[i]].seconds);
    for (int i = 0, worst = 0; i < r.nodes; i++)
        assert_true(r.node[i].seconds <= r.node[top[worst]].seconds);
    /* 1e8 FLOP at the best 102 GFLOP/s take 0.98 ms, 1e7 bytes at 10.2 GB/s as long; node 0 took 1 ms */
    assert_true(fabs(node_share(&r, &r.node[0], &memory) - 1 / 1.02) < 1e-9);
    arena_free(a);
}

static void failures_are_records(void **state) {
    (void)state;
    loris_device_info d = {.index = 3, .type = LORIS_DEVICE_GPU, .name = "crashing", .platform = "somebody's"};
    const loris_bench_settings settings = {.model = "base", .data = "nowhere"};
    char *one, *both, *table;
    bool passed = true;
    arena *a = arena_new();
    assert_ok(loris_bench_failed(&d, &settings, "the process crashed: Segmentation fault", &one));
    char *good = example_json(a, "device", 1);
    assert_ok(loris_bench_passed(good, &passed));
    assert_true(passed);
    assert_ok(loris_bench_join((const char *const[]){one, good}, 2, &both));
    assert_ok(loris_bench_passed(both, &passed));
    assert_false(passed);
    assert_ok(loris_bench_table(both, &table));
    assert_true(strstr(table, "Segmentation fault") > strstr(table, "| device |")); /* behind the one with a headline */
    loris_free(one);
    loris_free(both);
    loris_free(table);
    free(good);
    arena_free(a);
}

/* ---- probes ------------------------------------------------------------------------------------------------------ */

/* They check themselves: a result that is not exact is a reason in place of samples. */
static void probes_run_here(void **state) {
    (void)state;
    const probe_settings settings = {.samples = 2, .seconds = 1e-4, .bytes = 1u << 20};
    arena *a = arena_new();
    record *r = calloc(1, sizeof *r);
    assert_ok(probes_run(r, a, support_compute(), &settings));
    assert_int_equal(r->probes, 8);
    for (int i = 0; i < r->probes; i++) {
        const measurement *m = &r->probe[i];
        if (m->reason && strcmp(m->name, "f16"))
            fail_msg("%s: %s", m->name, m->reason);
        assert_int_equal(m->warm.count, m->reason ? 0 : 2);
        assert_true(*m->detail || m->reason);
    }
    free(r);
    arena_free(a);
}

/* ---- the system's files ------------------------------------------------------------------------------------------ */

static void system_file(const char *path, const char *content) {
    char full[4096], folder[4096];
    snprintf(full, sizeof full, "%s%s", scratch("root"), path);
    snprintf(folder, sizeof folder, "%s", full);
    *strrchr(folder, '/') = '\0';
    assert_ok(folder_make(folder, 0777));
    scratch_write(full, content, strlen(content));
}

static void energy_of_a_processor(void **state) {
    (void)state;
    const char *source, *reason, *root = scratch("root");
    const energy_place place = {.root = root, .processor = true};
    double joules;
    system_file("/nothing", "\n");
    assert_null(energy_open(&place, &source, &reason));
    assert_non_null(strstr(reason, "RAPL"));
    system_file("/sys/class/powercap/intel-rapl:0/name", "package-0\n");
    assert_null(energy_open(&place, &source, &reason));
    assert_non_null(strstr(reason, "root alone"));
    system_file("/sys/class/powercap/intel-rapl:0/energy_uj", "1000000\n");
    system_file("/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850\n");
    system_file("/sys/class/powercap/intel-rapl:1/name", "package-1\n");
    system_file("/sys/class/powercap/intel-rapl:1/energy_uj", "262143328000\n");
    system_file("/sys/class/powercap/intel-rapl:1/max_energy_range_uj", "262143328850\n");
    system_file("/sys/class/powercap/intel-rapl:2/name", "psys\n"); /* all of the platform: would count twice */
    system_file("/sys/class/powercap/intel-rapl:2/energy_uj", "5\n");
    energy_meter *m = energy_open(&place, &source, &reason);
    assert_non_null(m);
    assert_null(reason);
    energy_begin(m);
    system_file("/sys/class/powercap/intel-rapl:0/energy_uj", "3500000\n");
    system_file("/sys/class/powercap/intel-rapl:1/energy_uj", "999150\n"); /* began again from 0 */
    assert_true(energy_end(m, &joules));
    assert_true(fabs(joules - (2.5 + 1.0)) < 1e-9);
    energy_begin(m);
    system_file("/sys/class/powercap/intel-rapl:1/energy_uj", "nonsense\n");
    assert_false(energy_end(m, &joules));
    energy_close(m);
}

static void energy_of_a_card(void **state) {
    (void)state;
    const char *source, *reason;
    const energy_place unknown = {.root = scratch("root"), .nvml = scratch("no-library")};
    energy_place place = {.root = scratch("root"), .nvml = scratch("no-library"), .pci = {true, 0, 3, 0, 0}};
    double joules;
    assert_null(energy_open(&unknown, &source, &reason));
    assert_non_null(strstr(reason, "place on the bus"));
    assert_null(energy_open(&place, &source, &reason));
    assert_non_null(strstr(reason, "hwmon"));
    system_file("/sys/bus/pci/devices/0000:03:00.0/hwmon/hwmon5/energy1_input", "2000000\n");
    energy_meter *m = energy_open(&place, &source, &reason);
    assert_non_null(m);
    energy_begin(m);
    system_file("/sys/bus/pci/devices/0000:03:00.0/hwmon/hwmon5/energy1_input", "12000000\n");
    assert_true(energy_end(m, &joules) && fabs(joules - 10) < 1e-9);
    energy_close(m);
    place.pci.bus = 4; /* a card with a power alone */
    system_file("/sys/bus/pci/devices/0000:04:00.0/hwmon/hwmon2/power1_average", "50000000\n");
    m = energy_open(&place, &source, &reason);
    assert_non_null(m);
    assert_non_null(strstr(source, "power"));
    energy_begin(m);
    assert_true(energy_end(m, &joules) && joules > 0);
    energy_close(m);
}

/* LORIS_FAKE_NVML: a card on bus 7 whose counter goes on by 5 J at each look, at 1410 MHz, at its power limit. */
static void energy_by_nvml(void **state) {
    (void)state;
    const char *source, *reason;
    energy_place place = {.root = scratch("root"), .nvml = LORIS_FAKE_NVML, .pci = {true, 0, 7, 0, 0}};
    double joules;
    energy_meter *m = energy_open(&place, &source, &reason);
    assert_non_null(m);
    assert_non_null(strstr(source, "NVML"));
    energy_begin(m);
    assert_true(energy_end(m, &joules) && fabs(joules - 5) < 1e-9);
    assert_true(energy_clock(m) == 1410);
    assert_string_equal(energy_throttling(m), "at its power limit");
    energy_close(m);
    place.pci.bus = 8;
    assert_null(energy_open(&place, &source, &reason));
}

static void the_machine_describes_itself(void **state) {
    (void)state;
    const char *root = scratch("root"), *source;
    arena *a = arena_new();
    system_file("/sys/class/dmi/id/board_vendor", "Maker \n");
    system_file("/sys/class/dmi/id/board_name", "Board 9\n");
    system_file("/proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\ncpu MHz\t\t: 2900.5\n");
    system_file("/proc/meminfo", "MemTotal:       16000 kB\n");
    system_file("/proc/loadavg", "1.25 0.5 0.1 1/100 1\n");
    system_file("/proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345\n");
    system_file("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n");
    system_file("/sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "4\n");
    const machine m = machine_facts(root, a);
    assert_string_equal(m.board, "Maker Board 9");
    assert_string_equal(m.processor, "Some CPU @ 3 GHz");
    assert_true(m.memory == 16000.0 * 1024 && load_average(root) == 1.25);
    const strain s = machine_strain(root);
    assert_true(s.waited == 12345 && s.held_back < 0 && s.thermal == 7);
    const device cpu = {.type = CL_DEVICE_TYPE_CPU}, gpu = {.type = CL_DEVICE_TYPE_GPU};
    const pci_place nowhere = {0}, card = {true, 0, 5, 0, 0};
    assert_true(clock_now(root, &cpu, nowhere, &source) == 2900.5);
    system_file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1200000\n");
    system_file("/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "3400000\n");
    assert_true(clock_now(root, &cpu, nowhere, &source) == 3400);
    assert_true(clock_now(root, &gpu, nowhere, &source) == 0 && strstr(source, "bus"));
    assert_true(clock_now(root, &gpu, card, &source) == 0);
    system_file("/sys/bus/pci/devices/0000:05:00.0/drm/card1/gt_act_freq_mhz", "1550\n");
    assert_true(clock_now(root, &gpu, card, &source) == 1550);
    arena_free(a);
}

static int set_up(void **state) {
    return support_open(state) || scratch_setup(state);
}

static int tear_down(void **state) {
    return scratch_teardown(state) || support_close(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_interpolate),
        cmocka_unit_test(series_leave_out_what_is_no_number),
        cmocka_unit_test(a_slowing_device_shows),
        cmocka_unit_test(intervals_are_those_of_the_tables),
        cmocka_unit_test(ratios),
        cmocka_unit_test(records_read_back_as_written),
        cmocka_unit_test(the_headline_is_the_sum_of_the_stages),
        cmocka_unit_test(what_is_wrong_has_no_headline),
        cmocka_unit_test(what_a_file_derives_is_not_believed),
        cmocka_unit_test(bad_records_are_refused),
        cmocka_unit_test(the_slowest_nodes_come_first),
        cmocka_unit_test(failures_are_records),
        cmocka_unit_test(probes_run_here),
        cmocka_unit_test(energy_of_a_processor),
        cmocka_unit_test(energy_of_a_card),
        cmocka_unit_test(energy_by_nvml),
        cmocka_unit_test(the_machine_describes_itself),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
