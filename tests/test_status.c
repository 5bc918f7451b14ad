/* Errors, messages and cancelling. The library's fail() is written (fail)() here: cmocka has a macro of that name. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "core/text.h"

static void test_fail_records_message_and_hint(void **state) {
    (void)state;
    assert_int_equal((fail)(LORIS_ERROR_INPUT, "try the other one", "%s: cut short at byte %d", "a.wav", 7),
                     LORIS_ERROR_INPUT);
    assert_string_equal(loris_error_message(), "a.wav: cut short at byte 7");
    assert_string_equal(loris_error_hint(), "try the other one");
    assert_int_equal((fail)(LORIS_ERROR_DEVICE, NULL, "gone"), LORIS_ERROR_DEVICE);
    assert_string_equal(loris_error_message(), "gone");
    assert_string_equal(loris_error_hint(), "");
}

static void test_control_characters_are_replaced(void **state) {
    (void)state;
    (fail)(LORIS_ERROR_INPUT, "a\nb", "\x1b[2J line\r\n tab\t del\x7f c1\xc2\x9b[31m \xc3\xa9");
    assert_string_equal(loris_error_message(), "?[2J line?? tab? del? c1??[31m \xc3\xa9");
    assert_string_equal(loris_error_hint(), "a?b");
}

static void test_message_may_quote_the_last_one(void **state) {
    (void)state;
    (fail)(LORIS_ERROR_INPUT, "inner hint", "inner");
    (fail)(LORIS_ERROR_OUTPUT, loris_error_hint(), "outer, after %s", loris_error_message());
    assert_string_equal(loris_error_message(), "outer, after inner");
    assert_string_equal(loris_error_hint(), "inner hint");
}

/* A text of 1, 2, 3 or 4-byte characters that is too long keeps its start and its end, whole characters only. */
static void test_long_messages_lose_their_middle(void **state) {
    (void)state;
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\xb5"};
    for (size_t c = 0; c < 4; c++) {
        for (size_t shift = 0; shift < 4; shift++) {
            text t = {0};
            text_append(&t, "xxx", shift);
            while (t.length < 4097)
                text_append(&t, characters[c], strlen(characters[c]));
            text_printf(&t, ": no such folder");
            assert_false(text_failed(&t));
            (fail)(LORIS_ERROR_INPUT, t.data, "%s", t.data);
            assert_string_equal(loris_error_hint(), loris_error_message());
            const char *kept = loris_error_message(), *gap = strstr(kept, " ... ");
            size_t length = strlen(kept);
            assert_in_range(length, ERROR_MESSAGE_MAX - 1 - 6, ERROR_MESSAGE_MAX - 1);
            assert_non_null(gap);
            assert_memory_equal(kept, t.data, gap - kept);
            assert_string_equal(gap + 5, t.data + t.length - strlen(gap + 5));
            assert_non_null(strstr(gap, ": no such folder"));
            for (size_t at = 0; at < length;) {
                size_t bytes = utf8_length(kept + at, length - at);
                assert_int_not_equal(bytes, 0);
                at += bytes;
            }
            text_free(&t);
        }
    }
}

static void test_fail_in_puts_a_prefix_before(void **state) {
    (void)state;
    (fail)(LORIS_ERROR_INPUT, "the hint", "weight is missing");
    assert_int_equal(fail_in(LORIS_ERROR_INPUT, "stage %s", "decode"), LORIS_ERROR_INPUT);
    assert_string_equal(loris_error_message(), "stage decode: weight is missing");
    assert_string_equal(loris_error_hint(), "the hint");
    char longest[ERROR_MESSAGE_MAX];
    memset(longest, 'p', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    fail_in(LORIS_ERROR_INPUT, "%s", longest);
    assert_non_null(strstr(loris_error_message(), "decode: weight is missing"));
    assert_memory_equal(loris_error_message(), "pppp", 4);
}

static void test_fail_memory_names_the_thing(void **state) {
    (void)state;
    assert_int_equal(fail_memory("a spectrogram"), LORIS_ERROR_MEMORY);
    assert_non_null(strstr(loris_error_message(), "a spectrogram"));
}

static void *fail_elsewhere(void *argument) {
    (fail)(LORIS_ERROR_DEVICE, "other hint", "other thread");
    error_take(argument);
    return NULL;
}

static void test_errors_belong_to_a_thread_and_can_be_handed_over(void **state) {
    (void)state;
    (fail)(LORIS_ERROR_INPUT, "hint here", "here");
    error_record record;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &record), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(loris_error_message(), "here");
    assert_int_equal(error_put(&record), LORIS_ERROR_DEVICE);
    assert_string_equal(loris_error_message(), "other thread");
    assert_string_equal(loris_error_hint(), "other hint");
}

static loris_status try_twice(int *reached, loris_status first) {
    TRY(first);
    *reached += 1;
    return LORIS_OK;
}

static loris_status try_goto(int *released, loris_status first) {
    loris_status status = LORIS_OK;
    TRY_GOTO(first);
done:
    *released += 1;
    return status;
}

static void test_try_returns_the_failure(void **state) {
    (void)state;
    int reached = 0, released = 0;
    assert_int_equal(try_twice(&reached, LORIS_OK), LORIS_OK);
    assert_int_equal(try_twice(&reached, LORIS_ERROR_INPUT), LORIS_ERROR_INPUT);
    assert_int_equal(reached, 1);
    assert_int_equal(try_goto(&released, LORIS_ERROR_OUTPUT), LORIS_ERROR_OUTPUT);
    assert_int_equal(try_goto(&released, LORIS_OK), LORIS_OK);
    assert_int_equal(released, 2);
}

typedef struct received {
    int count;
    loris_level level;
    char message[ERROR_MESSAGE_MAX];
} received;

static void receive(void *user, loris_level level, const char *message) {
    received *r = user;
    r->count++;
    r->level = level;
    snprintf(r->message, sizeof r->message, "%s", message);
}

static void test_messages_go_to_the_callback(void **state) {
    (void)state;
    received r = {0};
    log_message(LORIS_LOG_WARNING, "dropped");
    loris_set_log(receive, &r);
    log_message(LORIS_LOG_DEBUG, "device %d\n", 3);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.level, LORIS_LOG_DEBUG);
    assert_string_equal(r.message, "device 3?");
    loris_set_log(NULL, NULL);
    log_message(LORIS_LOG_WARNING, "dropped");
    assert_int_equal(r.count, 1);
}

static void test_cancel_and_resume(void **state) {
    (void)state;
    assert_false(cancelled());
    assert_ok(check_cancelled());
    loris_cancel();
    assert_true(cancelled());
    assert_fails(check_cancelled(), LORIS_CANCELLED, "cancelled");
    assert_fails(check_cancelled(), LORIS_CANCELLED, "cancelled"); /* it stays */
    loris_resume();
    assert_ok(check_cancelled());
}

static void test_version(void **state) {
    (void)state;
    assert_string_equal(loris_version(), LORIS_VERSION);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail_records_message_and_hint),
        cmocka_unit_test(test_control_characters_are_replaced),
        cmocka_unit_test(test_message_may_quote_the_last_one),
        cmocka_unit_test(test_long_messages_lose_their_middle),
        cmocka_unit_test(test_fail_in_puts_a_prefix_before),
        cmocka_unit_test(test_fail_memory_names_the_thing),
        cmocka_unit_test(test_errors_belong_to_a_thread_and_can_be_handed_over),
        cmocka_unit_test(test_try_returns_the_failure),
        cmocka_unit_test(test_messages_go_to_the_callback),
        cmocka_unit_test(test_cancel_and_resume),
        cmocka_unit_test(test_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
