/* loris-cl bench as a user runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_records.h"
#include "core/file.h"
#include "scratch.h"
#include "spawned.h"
#include "wrong_kernels.h"

#include "compare.h"

static void bench(spawned *s, const char *line, const spawn_settings *settings) {
    spawn_start_line(s, LORIS_PROGRAM, line, settings);
    spawn_wait(s, 300);
}

/* The record file's only record; `a` holds it. */
static const json *only_record(arena *a, const char *path) {
    char *data;
    size_t size;
    const json *root;
    assert_ok(file_read(path, 16u << 20, &data, &size));
    assert_ok(json_parse(&root, a, data, size, path));
    free(data);
    const json *all = json_get(root, "records");
    assert_non_null(all);
    assert_int_equal(all->count, 1);
    return &all->item[0];
}

/* SiLU 1 % off: the record fails, there is no headline, the exit status is 1. One run shows that all of a record is
 * there, too. */
static void a_wrong_kernel_has_no_headline(void **state) {
    (void)state;
    char line[1024];
    spawned s;
    arena *a = arena_new();
    snprintf(line, sizeof line, "bench --quick -r 1 --time-limit 290 --kernels-dir %s -o %s", wrong_silu("wrong"),
             scratch("wrong.json"));
    bench(&s, line, NULL);
    if (s.status != 1)
        fail_msg("ended with %d: %s", s.status, s.err);
    assert_contains(s.err, "no headline");
    assert_contains(s.out, "WRONG");
    const json *r = only_record(a, scratch("wrong.json"));
    assert_int_equal(json_get(r, "headline")->type, JSON_NULL);
    assert_int_equal(json_get(json_get(r, "correctness"), "pass")->type, JSON_FALSE);
    assert_int_equal(json_get(r, "failure")->type, JSON_NULL);
    assert_true(json_get(json_get(r, "correctness"), "quantities")->count >= 3);
    assert_int_equal(json_get(r, "probes")->count, 8);
    assert_int_equal(json_get(r, "stages")->count, 8);
    assert_true(json_get(json_get(r, "evaluation"), "nodes")->count > 100);
    assert_true(json_get(json_get(r, "memory"), "device")->number > 1e6);
    assert_true(json_get(r, "energy")->type == JSON_NULL || json_get(json_get(r, "energy"), "joules")->number > 0);
    spawn_free(&s);
    arena_free(a);
}

/* A driver that crashes: here by a kernel of a probe that writes nowhere. */
static void a_crash_is_a_record(void **state) {
    (void)state;
    char line[1024];
    spawned s;
    arena *a = arena_new();
    static const char kernel[] = "KERNEL(probe_launch)(global int *count) { *(volatile global int *)16 = 1; }";
    assert_ok(folder_make(scratch("crash"), 0777));
    scratch_file("crash/probe_launch.cl", kernel, sizeof kernel - 1);
    snprintf(line, sizeof line, "bench --quick -r 1 --time-limit 290 --kernels-dir %s -o %s", scratch("crash"),
             scratch("crash.json"));
    /* AddressSanitizer would make an exit of the signal */
    bench(&s, line, &(spawn_settings){.environment = (const char *const[]){"ASAN_OPTIONS=handle_segv=0", NULL}});
    assert_int_equal(s.status, 1);
    const json *r = only_record(a, scratch("crash.json"));
    assert_int_equal(json_get(r, "headline")->type, JSON_NULL);
    assert_int_equal(json_get(r, "failure")->type, JSON_STRING);
    assert_contains(json_get(r, "failure")->string, "crash");
    spawn_free(&s);
    arena_free(a);
}

static void a_device_that_takes_too_long_is_ended(void **state) {
    (void)state;
    char line[1024];
    spawned s;
    arena *a = arena_new();
    snprintf(line, sizeof line, "bench --quick --time-limit 1 -o %s", scratch("late.json"));
    bench(&s, line, NULL);
    assert_int_equal(s.status, 1);
    assert_contains(s.out, "did not end within 1 s");
    assert_contains(json_get(only_record(a, scratch("late.json")), "failure")->string, "1 s");
    spawn_free(&s);
    arena_free(a);
}

/* ---- records that are there -------------------------------------------------------------------------------------- */

static void make_record(const char *name, double slower) {
    arena *a = arena_new();
    record *r = calloc(1, sizeof *r);
    char *whole;
    example_record(r, a, "device", slower);
    assert_ok(records_json(&whole, r, 1));
    scratch_file(name, whole, strlen(whole));
    free(whole);
    free(r);
    arena_free(a);
}

static void comparing_ends_as_ci_needs_it(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int status;
        const char *out, *err;
    } cases[] = {
        {"bench --compare base.json base.json --fail-if-slower 5%", 0, "no difference seen", ""},
        {"bench --compare base.json slow.json", 0, "SLOWER", ""},
        {"bench --compare base.json slow.json --fail-if-slower 5%", 1, "SLOWER", "2 stages take more than 5 % longer"},
        {"bench --compare base.json slow.json --fail-if-slower 60", 0, "slower", ""},
        {"bench --compare slow.json base.json --fail-if-slower 5%", 0, "faster", ""},
        {"bench --compare base.json none.json", 3, "", "none.json"},
        {"bench --compare base.json", 2, "", "missing argument: B.json"},
        {"bench --compare", 2, "", "two files"},
        {"bench base.json slow.json", 2, "", "--compare"},
        {"bench --compare base.json slow.json --fail-if-slower fast", 2, "", "fast"},
        {"bench --fail-if-slower 5%", 2, "", "--compare"},
        {"bench -o a.pdf", 2, "", "a.pdf"},
        {"bench --devices 99", 4, "", "no device '99'"},
        {"bench --devices 0,", 4, "", "no device ''"},
        {"bench --model nothing", 3, "", "no model 'nothing'"},
        {"bench --from none.json", 3, "", "none.json"},
        {"bench --from base.json -o page.html", 0, "| device |", ""},
        {"bench --from base.json --json", 0, "\"schema\": 1", ""},
    };
    make_record("base.json", 1);
    make_record("slow.json", 1.5);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spawned s;
        bench(&s, cases[i].line, &(spawn_settings){.folder = scratch("")});
        if (s.status != cases[i].status)
            fail_msg("'%s' ended with %d: %s", cases[i].line, s.status, s.err);
        assert_contains(s.out, cases[i].out);
        assert_contains(s.err, cases[i].err);
        spawn_free(&s);
    }
    size_t size;
    char *page = scratch_read(scratch("page.html"), &size);
    assert_contains(page, "<!DOCTYPE html>");
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_kernel_has_no_headline),
        cmocka_unit_test(a_crash_is_a_record),
        cmocka_unit_test(a_device_that_takes_too_long_is_ended),
        cmocka_unit_test(comparing_ends_as_ci_needs_it),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
