/* Index ranges over threads. */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "compare.h"
#include "core/worker.h"

enum { MOST = 1009 };

typedef struct record {
    atomic_int calls[MOST];
    int fail_from, fail_step; /* indices that fail; step 0 = none */
    int cancel_at;            /* -1 = never */
} record;

static loris_status count_call(void *user, int index) {
    record *r = user;
    atomic_fetch_add(&r->calls[index], 1);
    if (index == r->cancel_at)
        loris_cancel();
    if (r->fail_step && index >= r->fail_from && (index - r->fail_from) % r->fail_step == 0)
        return (fail)(LORIS_ERROR_INPUT, "the hint", "index %d is bad", index);
    return LORIS_OK;
}

static void test_each_index_runs_once(void **state) {
    (void)state;
    static const int thread_counts[] = {0, 1, 2, 3, 7, 64, 100000};
    static const int counts[] = {0, 1, 2, 3, 31, MOST};
    for (size_t t = 0; t < sizeof thread_counts / sizeof *thread_counts; t++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            record r = {.cancel_at = -1};
            assert_ok(worker_run(thread_counts[t], counts[c], count_call, &r));
            for (int i = 0; i < MOST; i++)
                assert_int_equal(atomic_load(&r.calls[i]), i < counts[c] ? 1 : 0);
        }
}

/* With several failing indices the lowest is reported, whichever thread meets its own first. */
static void test_the_first_failure_is_reported(void **state) {
    (void)state;
    for (int repeat = 0; repeat < 50; repeat++) {
        record r = {.fail_from = 5 + repeat, .fail_step = 1, .cancel_at = -1};
        char message[64];
        snprintf(message, sizeof message, "index %d is bad", 5 + repeat);
        assert_fails(worker_run(8, MOST, count_call, &r), LORIS_ERROR_INPUT, message);
        assert_string_equal(loris_error_message(), message);
        assert_string_equal(loris_error_hint(), "the hint");
        for (int i = 0; i <= 5 + repeat; i++)
            assert_int_equal(atomic_load(&r.calls[i]), 1);
    }
}

typedef struct race {
    atomic_int started, ended;
    int first; /* the index that fails first */
} race;

/* Both indices are under way before either fails; the second one gives the first time to be recorded. */
static loris_status fail_in_turn(void *user, int index) {
    race *r = user;
    atomic_fetch_add(&r->started, 1);
    while (atomic_load(&r->started) < 2 || (index != r->first && atomic_load(&r->ended) == 0))
        sched_yield();
    if (index != r->first)
        usleep(20000);
    (fail)(LORIS_ERROR_INPUT, NULL, "index %d is bad", index);
    atomic_fetch_add(&r->ended, 1);
    return LORIS_ERROR_INPUT;
}

static void test_the_lowest_failure_wins_in_any_order(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        race r = {.first = first};
        assert_fails(worker_run(2, 2, fail_in_turn, &r), LORIS_ERROR_INPUT, "index 0 is bad");
    }
}

static void test_a_failure_ends_the_run_early(void **state) {
    (void)state;
    record r = {.fail_from = 3, .fail_step = 1, .cancel_at = -1};
    assert_fails(worker_run(1, MOST, count_call, &r), LORIS_ERROR_INPUT, "index 3 is bad");
    for (int i = 4; i < MOST; i++)
        assert_int_equal(atomic_load(&r.calls[i]), 0);
}

static void test_cancelling_ends_the_run_early(void **state) {
    (void)state;
    record r = {.cancel_at = 2};
    assert_fails(worker_run(1, MOST, count_call, &r), LORIS_CANCELLED, "cancelled");
    for (int i = 0; i < MOST; i++)
        assert_int_equal(atomic_load(&r.calls[i]), i <= 2 ? 1 : 0);
    record none = {.cancel_at = -1};
    assert_fails(worker_run(2, MOST, count_call, &none), LORIS_CANCELLED, "cancelled");
    for (int i = 0; i < MOST; i++)
        assert_int_equal(atomic_load(&none.calls[i]), 0);
    loris_resume();
}

/* A run inside a run: the inner failure arrives through both. */
static loris_status run_inner(void *user, int index) {
    return index == 1 ? worker_run(2, 7, count_call, user) : LORIS_OK;
}

static void test_runs_may_be_nested(void **state) {
    (void)state;
    record r = {.fail_from = 6, .fail_step = 1, .cancel_at = -1};
    assert_fails(worker_run(2, 2, run_inner, &r), LORIS_ERROR_INPUT, "index 6 is bad");
}

static void test_there_is_a_processor(void **state) {
    (void)state;
    assert_true(worker_processors() >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_index_runs_once),
        cmocka_unit_test(test_the_first_failure_is_reported),
        cmocka_unit_test(test_the_lowest_failure_wins_in_any_order),
        cmocka_unit_test(test_a_failure_ends_the_run_early),
        cmocka_unit_test(test_cancelling_ends_the_run_early),
        cmocka_unit_test(test_runs_may_be_nested),
        cmocka_unit_test(test_there_is_a_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
