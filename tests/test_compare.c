/* The assertions of compare.h themselves: what fails, and what they say. Failing tests run in a child process. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"

/* Runs `test` as a CMocka group of its own and returns how many failed; `output` gets what it printed. */
static int run_alone(void (*test)(void **state), char *output, size_t capacity) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        const struct CMUnitTest tests[] = {{"inner", test, NULL, NULL, NULL}};
        int failures = cmocka_run_group_tests(tests, NULL, NULL);
        fflush(NULL);
        _exit(failures);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t got; (got = read(ends[0], output + used, capacity - 1 - used)) > 0;)
        used += (size_t)got;
    output[used] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_reports(void (*test)(void **state), const char *message) {
    char output[8192];
    assert_int_equal(run_alone(test, output, sizeof output), 1);
    if (!strstr(output, message))
        fail_msg("\"%s\" is not in: %s", message, output);
    assert_non_null(strstr(output, "test_compare.c")); /* the line of the assertion, not of compare.c */
}

static const float want[] = {1.0f, -2.0f, 3.0f, 0.0f, 4.0f};

static void far_in_two(void **state) {
    (void)state;
    const float got[] = {1.0f, -2.0f, 3.25f, 0.0f, 3.0f};
    assert_arrays_close(got, want, 5, 0.125);
}

static void nan_got(void **state) {
    (void)state;
    const float got[] = {1.0f, NAN};
    assert_arrays_close(got, want, 2, INFINITY);
}

static void nan_wanted(void **state) {
    (void)state;
    const float not_a_number[] = {NAN};
    assert_arrays_close(not_a_number, not_a_number, 1, 1.0);
}

static void infinite_got(void **state) {
    (void)state;
    const float got[] = {1.0f, -INFINITY};
    assert_arrays_close(got, want, 2, 1e30);
}

/* The scale is the largest finite |want|: an infinite one would let everything pass. */
static void relative_beyond(void **state) {
    (void)state;
    const float got[] = {1.0f, -2.5f, INFINITY}, golden[] = {1.0f, -2.0f, INFINITY};
    assert_arrays_close_relative(got, golden, 3, 0.125);
}

static void whole_numbers_differ(void **state) {
    (void)state;
    const int64_t got[] = {7, INT64_MIN, 2}, golden[] = {7, INT64_MAX, 1};
    assert_arrays_equal_i64(got, golden, 3);
}

static void unexpected_failure(void **state) {
    (void)state;
    assert_ok((fail)(LORIS_ERROR_INPUT, NULL, "the reason"));
}

static void unexpected_success(void **state) {
    (void)state;
    assert_fails(LORIS_OK, LORIS_ERROR_INPUT, NULL);
}

static void other_message(void **state) {
    (void)state;
    assert_fails((fail)(LORIS_ERROR_INPUT, NULL, "the reason"), LORIS_ERROR_INPUT, "another reason");
}

static void no_message(void **state) {
    (void)state;
    assert_fails((fail)(LORIS_ERROR_INPUT, NULL, "%s", ""), LORIS_ERROR_INPUT, NULL);
}

static void test_what_fails_and_how(void **state) {
    (void)state;
    assert_reports(far_in_two, "got[2]: got 3.25, want 3, tolerance 0.125; 2 of 5 elements offend, "
                               "largest error 1 at [4]");
    assert_reports(nan_got, "got[1]: got nan, want -2");
    assert_reports(nan_wanted, "not_a_number[0]: got nan, want nan");
    assert_reports(infinite_got, "got[1]: got -inf, want -2");
    assert_reports(relative_beyond, "got[1]: got -2.5, want -2, tolerance 0.25; 1 of 3");
    assert_reports(whole_numbers_differ, "got[1]: got -9223372036854775808, want 9223372036854775807; 2 of 3");
    assert_reports(unexpected_failure, "got status 3 (the reason), want 0");
    assert_reports(unexpected_success, "got status 0 (), want 3");
    assert_reports(other_message, "does not contain \"another reason\"");
    assert_reports(no_message, "without a message");
}

static void test_what_passes(void **state) {
    (void)state;
    const float got[] = {1.125f, -2.125f, 3.0f, 0.0f, 3.875f}, infinite[] = {INFINITY, -INFINITY};
    assert_arrays_close(got, want, 5, 0.125); /* the tolerance itself is close */
    assert_arrays_close_relative(got, want, 5, 0.03125);
    assert_arrays_close(infinite, infinite, 2, 0.0);
    assert_arrays_close(got, want, 0, 0.0);
    assert_ok(LORIS_OK);
    assert_fails((fail)(LORIS_ERROR_INPUT, NULL, "the reason"), LORIS_ERROR_INPUT, "reason");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fails_and_how),
        cmocka_unit_test(test_what_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
