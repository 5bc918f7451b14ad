/* The tuner as a user meets it: what it prints and keeps, who uses that, and how it ends early. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"
#include "core/json.h"
#include "scratch.h"
#include "spawned.h"

static char config[1024];
static const char *environment[] = {config, NULL};
static const spawn_settings settings = {.environment = environment};

static void run_line(spawned *s, const char *line) {
    spawn_line(s, LORIS_PROGRAM, line, &settings);
}

static bool is_tuned(void) {
    spawned s;
    run_line(&s, "devices --json");
    assert_int_equal(s.status, 0);
    const bool tuned = strstr(s.out, "\"tuned\": true") != NULL;
    spawn_free(&s);
    return tuned;
}

static void test_what_is_found_is_kept_and_used(void **state) {
    (void)state;
    spawned s;
    assert_false(is_tuned());
    run_line(&s, "verify -v");
    assert_int_equal(s.status, 0);
    assert_null(strstr(s.err, "tuned parameters"));
    spawn_free(&s);

    run_line(&s, "tune --json --share 0.01 --precision f32 --backend own --model " LORIS_MODELS "/base");
    if (s.status)
        fail_msg("%s", s.err);
    arena *a = arena_new();
    const json *found, *shapes;
    const char *path, *precision;
    double changed;
    assert_ok(json_parse(&found, a, s.out, strlen(s.out), "tune"));
    assert_ok(json_need_array(found, "shapes", &shapes, "tune"));
    assert_true(shapes->count >= 1);
    for (size_t i = 0; i < shapes->count; i++) {
        double speed, usual;
        assert_ok(json_need_number(&shapes->item[i], "speed", 1, 1e18, &speed, "tune"));
        assert_ok(json_need_number(&shapes->item[i], "default_speed", 1, 1e18, &usual, "tune"));
        assert_true(speed >= usual);
    }
    assert_ok(json_need_number(found, "shapes_changed", 0, (double)shapes->count, &changed, "tune"));
    assert_ok(json_need_string(found, "precision", &precision, "tune"));
    assert_string_equal(precision, ""); /* it was not left to the tuner */
    assert_ok(json_need_string(found, "file", &path, "tune"));
    assert_int_equal(access(path, R_OK), 0);
    spawn_free(&s);

    assert_true(is_tuned());
    run_line(&s, "verify -v");
    assert_int_equal(s.status, 0);
    assert_contains(s.err, "tuned parameters of");
    spawn_free(&s);

    scratch_write(path, "{\"version\": 1, ", 15); /* damaged: a warning, and all goes on */
    run_line(&s, "verify");
    assert_int_equal(s.status, 0);
    assert_contains(s.err, "runs without its tuning");
    const char *first = strstr(s.err, "runs without its tuning");
    assert_null(strstr(first + 1, "runs without its tuning"));
    spawn_free(&s);
    unlink(path);
    arena_free(a);
}

static void test_interrupting(void **state) {
    (void)state;
    spawned s;
    spawn_start_line(&s, LORIS_PROGRAM, "tune --precision f32 --backend own", &settings);
    nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
    assert_int_equal(kill(s.process, SIGINT), 0);
    spawn_wait(&s, 3);
    assert_int_equal(s.status, 130);
    assert_contains(s.err, "loris-cl: interrupted\n");
    spawn_free(&s);
    assert_false(is_tuned());
}

static void test_wrong_input(void **state) {
    (void)state;
    static const struct {
        const char *line, *wanted;
        int status;
    } cases[] = {{"tune --model nowhere.safetensors", "nowhere.safetensors", 3},
                 {"tune --share 2", "0.01 to 1", 2},
                 {"tune extra", "extra", 2},
                 {"tune -d 99", "device 99", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spawned s;
        run_line(&s, cases[i].line);
        assert_int_equal(s.status, cases[i].status);
        assert_contains(s.err, cases[i].wanted);
        spawn_free(&s);
    }
}

static int setup(void **state) {
    int failed = scratch_setup(state);
    snprintf(config, sizeof config, "XDG_CONFIG_HOME=%s", scratch("config"));
    return failed;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_found_is_kept_and_used),
        cmocka_unit_test(test_interrupting),
        cmocka_unit_test(test_wrong_input),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
