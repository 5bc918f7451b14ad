/* Memory in bulk and growing strings. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/arena.h"
#include "core/text.h"

static const size_t odd_sizes[] = {1, 2, 7, 13, 16, 17, 31, 4093, 16384, 16385, 65521, 65536, 1000003};

static void test_arena_blocks_are_aligned_zeroed_and_disjoint(void **state) {
    (void)state;
    enum { SIZES = sizeof odd_sizes / sizeof *odd_sizes, ROUNDS = 7 };
    arena *a = arena_new();
    unsigned char *block[SIZES * ROUNDS];
    for (size_t i = 0; i < SIZES * ROUNDS; i++) {
        size_t size = odd_sizes[i % SIZES];
        block[i] = arena_alloc(a, size, 1);
        assert_non_null(block[i]);
        assert_int_equal((uintptr_t)block[i] % 16, 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(block[i][k], 0);
        memset(block[i], (int)(i + 1), size);
    }
    for (size_t i = 0; i < SIZES * ROUNDS; i++) {
        size_t size = odd_sizes[i % SIZES];
        assert_int_equal(block[i][0], (unsigned char)(i + 1));
        assert_int_equal(block[i][size - 1], (unsigned char)(i + 1));
    }
    assert_false(arena_failed(a));
    arena_free(a);
}

static void test_arena_gives_a_place_for_nothing(void **state) {
    (void)state;
    arena *a = arena_new();
    assert_non_null(arena_alloc(a, 0, 8));
    assert_non_null(arena_alloc(a, 8, 0));
    assert_false(arena_failed(a));
    arena_free(a);
}

static void test_arena_overflow_is_sticky(void **state) {
    (void)state;
    static const size_t impossible[][2] = {{SIZE_MAX, 1}, {1, SIZE_MAX}, {SIZE_MAX / 2, 3}, {SIZE_MAX / 16 + 1, 16}};
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        arena *a = arena_new();
        assert_null(arena_alloc(a, impossible[i][0], impossible[i][1]));
        assert_true(arena_failed(a));
        assert_null(arena_alloc(a, 1, 1));
        assert_null(arena_strdup(a, "x"));
        assert_null(arena_printf(a, "x"));
        arena_free(a);
    }
}

static void test_arena_functions_accept_null(void **state) {
    (void)state;
    assert_null(arena_alloc(NULL, 1, 1));
    assert_null(arena_strdup(NULL, "x"));
    assert_null(arena_printf(NULL, "%d", 1));
    assert_true(arena_failed(NULL));
    arena_free(NULL);
}

static void test_arena_strings(void **state) {
    (void)state;
    arena *a = arena_new();
    assert_string_equal(arena_strdup(a, "down.0.attention"), "down.0.attention");
    assert_string_equal(arena_strdup(a, ""), "");
    assert_null(arena_strdup(a, NULL));
    assert_string_equal(arena_printf(a, "%s.%d", "block", 12), "block.12");
    char *long_one = arena_printf(a, "%*d", 70001, 5);
    assert_int_equal(strlen(long_one), 70001);
    assert_int_equal(long_one[70000], '5');
    assert_false(arena_failed(a));
    arena_free(a);
}

static void test_text_grows(void **state) {
    (void)state;
    text t = {0};
    assert_null(t.data);
    text_append(&t, "", 0);
    assert_string_equal(t.data, "");
    for (int i = 0; i < 5000; i++) {
        text_printf(&t, "%d", i % 10);
        text_append(&t, ";,", 1);
    }
    assert_false(text_failed(&t));
    assert_int_equal(t.length, 10000);
    assert_int_equal(strlen(t.data), 10000);
    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(t.data[2 * i], '0' + (int)(i % 10));
        assert_int_equal(t.data[2 * i + 1], ';');
    }
    text_free(&t);
    assert_null(t.data);
    text_printf(&t, "%s", "again");
    assert_string_equal(t.data, "again");
    text_free(&t);
}

static void test_text_failure_is_sticky(void **state) {
    (void)state;
    text t = {0};
    text_printf(&t, "kept");
    text_append(&t, NULL, SIZE_MAX - 2); /* refused before anything is read */
    assert_true(text_failed(&t));
    text_printf(&t, "ignored");
    text_append(&t, "ignored", 7);
    assert_string_equal(t.data, "kept");
    text_free(&t);
    assert_false(text_failed(&t));
}

/* Against the definition: decode, then require the shortest form, no surrogate and at most U+10FFFF. All 3-byte
 * prefixes that matter are tried, with each of the bytes a bound could be off by one at. */
static size_t reference_utf8_length(const unsigned char *c, size_t left) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = c[0] < 0x80             ? 1
                    : (c[0] & 0xe0) == 0xc0 ? 2
                    : (c[0] & 0xf0) == 0xe0 ? 3
                    : (c[0] & 0xf8) == 0xf0 ? 4
                                            : 0;
    if (length == 0 || length > left)
        return 0;
    uint32_t code = length == 1 ? c[0] : c[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (c[i] & 0x3fu);
    }
    return code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? length : 0;
}

static void test_utf8_length_follows_the_definition(void **state) {
    (void)state;
    static const unsigned char tails[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    enum { TAILS = sizeof tails };
    assert_int_equal(utf8_length("", 0), 0);
    for (int first = 0; first < 256; first++)
        for (int second = 0; second < 256; second++)
            for (int rest = 0; rest < TAILS * TAILS; rest++)
                for (size_t left = 1; left <= 4; left++) {
                    const unsigned char c[4] = {(unsigned char)first, (unsigned char)second, tails[rest / TAILS],
                                                tails[rest % TAILS]};
                    if (utf8_length((const char *)c, left) != reference_utf8_length(c, left))
                        fail_msg("%02x %02x %02x %02x, %zu bytes", c[0], c[1], c[2], c[3], left);
                }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_blocks_are_aligned_zeroed_and_disjoint),
        cmocka_unit_test(test_arena_gives_a_place_for_nothing),
        cmocka_unit_test(test_arena_overflow_is_sticky),
        cmocka_unit_test(test_arena_functions_accept_null),
        cmocka_unit_test(test_arena_strings),
        cmocka_unit_test(test_text_grows),
        cmocka_unit_test(test_text_failure_is_sticky),
        cmocka_unit_test(test_utf8_length_follows_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
