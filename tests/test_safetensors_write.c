/* Writing safetensors and narrowing numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/safetensors_write.h"
#include "scratch.h"

/* ---- files ------------------------------------------------------------------------------------------------------- */

static const safetensors_entry entries[] = {{"z \"quoted\" \xc3\xa9", TYPE_F64, 1, {1}},
                                            {"i", TYPE_I64, 2, {1, 1}},
                                            {"f", TYPE_F32, 3, {2, 1, 3}},
                                            {"none", TYPE_I32, 2, {0, 7}},
                                            {"h", TYPE_F16, 0, {0}},
                                            {"g", TYPE_BF16, 1, {1}},
                                            {"u", TYPE_U8, 1, {3}},
                                            {"b", TYPE_BOOL, 1, {2}}};
static const safetensors_note notes[] = {{"config", "{\"a\":1}"}, {"by", "test"}};
enum { ENTRIES = sizeof entries / sizeof *entries, BYTES = 8 + 8 + 24 + 2 + 2 + 3 + 2 };

static void test_what_is_written_is_read(void **state) {
    (void)state;
    uint8_t data[BYTES];
    for (int i = 0; i < BYTES; i++)
        data[i] = (uint8_t)(i + 1);
    for (size_t piece = 1; piece <= BYTES; piece += 12) {
        const char *path = scratch("written.safetensors");
        safetensors_writer *w;
        assert_ok(safetensors_begin(&w, path, entries, ENTRIES, notes, 2));
        uint64_t bytes = safetensors_file_bytes(w);
        for (size_t at = 0; at < BYTES; at += piece)
            assert_ok(safetensors_append(w, data + at, BYTES - at < piece ? BYTES - at : piece));
        assert_ok(safetensors_commit(w));
        size_t size;
        free(scratch_read(path, &size));
        assert_int_equal(size, bytes);
        assert_int_equal((bytes - BYTES) % 8, 0);

        safetensors *s;
        assert_ok(safetensors_open(&s, path));
        assert_int_equal(safetensors_count(s), ENTRIES);
        size_t at = 0;
        for (size_t i = 0; i < ENTRIES; i++) {
            const safetensor *t = safetensors_find(s, entries[i].name);
            assert_non_null(t);
            assert_int_equal(t->type, entries[i].type);
            assert_int_equal(t->rank, entries[i].rank);
            for (int k = 0; k < t->rank; k++)
                assert_int_equal(t->dim[k], entries[i].dim[k]);
            assert_memory_equal(t->data, data + at, t->bytes);
            at += t->bytes;
        }
        assert_string_equal(json_get(safetensors_metadata(s), "config")->string, "{\"a\":1}");
        assert_string_equal(json_get(safetensors_metadata(s), "by")->string, "test");
        safetensors_close(s);
    }
}

static void test_a_file_of_nothing(void **state) {
    (void)state;
    safetensors_writer *w;
    safetensors *s;
    const char *path = scratch("nothing.safetensors");
    assert_ok(safetensors_begin(&w, path, NULL, 0, NULL, 0));
    assert_ok(safetensors_commit(w));
    assert_ok(safetensors_open(&s, path));
    assert_int_equal(safetensors_count(s), 0);
    assert_null(safetensors_metadata(s));
    safetensors_close(s);
}

static void test_complete_or_absent(void **state) {
    (void)state;
    static const uint8_t zeros[BYTES + 1];
    const char *path = scratch_file("kept.safetensors", "before", 6);
    size_t files = scratch_count(), size;
    safetensors_writer *w;
    assert_ok(safetensors_begin(&w, path, entries, ENTRIES, NULL, 0));
    assert_ok(safetensors_append(w, zeros, BYTES - 1));
    assert_fails(safetensors_append(w, zeros, 2), LORIS_ERROR_INTERNAL, "more data than its header says");
    assert_fails(safetensors_commit(w), LORIS_ERROR_INTERNAL, "1 bytes of data are missing");
    assert_ok(safetensors_begin(&w, path, entries, ENTRIES, NULL, 0));
    assert_ok(safetensors_append(w, zeros, BYTES));
    safetensors_discard(w);
    safetensors_discard(NULL);
    assert_int_equal(scratch_count(), files);
    void *data = scratch_read(path, &size);
    assert_int_equal(size, 6);
    assert_memory_equal(data, "before", 6);
    free(data);
}

static void test_headers_that_cannot_be(void **state) {
    (void)state;
    static const struct {
        safetensors_entry entry[2];
        const char *part;
    } cases[] = {
        {{{"a", TYPE_F32, 1, {1}}, {"a", TYPE_F16, 1, {2}}}, "tensor \"a\": its name is taken"},
        {{{"a", TYPE_F32, 1, {1}}, {"__metadata__", TYPE_F16, 1, {2}}}, "tensor \"__metadata__\": its name is taken"},
        {{{"a", TYPE_F32, 1, {1}}, {"b", TYPE_F16, 1, {-1}}}, "tensor \"b\": its shape"},
        {{{"a", TYPE_F32, 1, {1}}, {"b", TYPE_F16, 9, {1}}}, "tensor \"b\": its shape"},
        {{{"a", TYPE_F32, 1, {1}}, {"b", TYPE_F16, 2, {(int64_t)1 << 40, (int64_t)1 << 40}}},
         "tensor \"b\": its shape"},
        {{{"a", TYPE_U8, 1, {(int64_t)1 << 53}}, {"b", TYPE_U8, 1, {1}}}, "tensor \"b\": its shape"},
    };
    size_t files = scratch_count();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        safetensors_writer *w = NULL;
        assert_fails(safetensors_begin(&w, scratch("bad.safetensors"), cases[i].entry, 2, NULL, 0),
                     LORIS_ERROR_ARGUMENT, cases[i].part);
        assert_null(w);
    }
    safetensors_writer *w = NULL;
    assert_fails(safetensors_begin(&w, scratch("no/folder"), entries, 1, NULL, 0), LORIS_ERROR_OUTPUT, "no folder");
    assert_int_equal(scratch_count(), files);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* Every f16 and bf16 number survives the way to f32 and back; NaNs stay NaNs of their sign. */
static void test_every_half_there_and_back(void **state) {
    (void)state;
    static const number_type types[] = {TYPE_F16, TYPE_BF16};
    static const uint16_t infinity[] = {0x7c00, 0x7f80};
    for (int k = 0; k < 2; k++)
        for (uint32_t bits = 0; bits < 0x10000; bits++) {
            uint16_t half = (uint16_t)bits, back = 0;
            float wide;
            assert_true(number_to_f32(&wide, &half, types[k], 1));
            assert_true(number_from_f32(&back, types[k], &wide, 1));
            if ((bits & 0x7fff) > infinity[k])
                assert_true((back & 0x7fff) > infinity[k] && (back & 0x8000) == (bits & 0x8000));
            else
                assert_int_equal(back, half);
        }
}

/* Of a number between two neighbours the nearer is taken, the even one midway. */
static void check_rounding(number_type type, uint16_t low, float *at, float *below, float *above) {
    uint16_t next = (uint16_t)(low + 1), got[3];
    float a, b;
    number_to_f32(&a, &low, type, 1);
    number_to_f32(&b, &next, type, 1);
    *at = (float)(((double)a + (double)b) / 2); /* exact: one more bit than either */
    *below = nextafterf(*at, a);
    *above = nextafterf(*at, b);
    const float three[] = {*at, *below, *above};
    assert_true(number_from_f32(got, type, three, 3));
    assert_int_equal(got[0], low % 2 ? next : low);
    assert_int_equal(got[1], low);
    assert_int_equal(got[2], next);
}

static void test_rounding_to_nearest_even(void **state) {
    (void)state;
    float at, below, above;
    for (uint32_t low = 0; low < 0x7bff; low++) /* to the largest number; subnormals included */
        for (uint32_t sign = 0; sign < 0x10000; sign += 0x8000)
            check_rounding(TYPE_F16, (uint16_t)(sign | low), &at, &below, &above);
    for (uint32_t low = 0; low < 0x7f7f; low++)
        for (uint32_t sign = 0; sign < 0x10000; sign += 0x8000)
            check_rounding(TYPE_BF16, (uint16_t)(sign | low), &at, &below, &above);
}

static void test_numbers_out_of_range(void **state) {
    (void)state;
    const float wide[] = {65519.996f, 65520.0f, -65520.0f, 1e30f, INFINITY, -INFINITY, 2.9802322e-08f, 1e-30f, -0.0f};
    const uint16_t f16[] = {0x7bff, 0x7c00, 0xfc00, 0x7c00, 0x7c00, 0xfc00, 0, 0, 0x8000};
    uint8_t got[2 * 9 + 1];
    for (int offset = 0; offset < 2; offset++) { /* any address */
        assert_true(number_from_f32(got + offset, TYPE_F16, wide, 9));
        assert_memory_equal(got + offset, f16, sizeof f16);
    }
    const float large[] = {3.4e38f, 3.4028235e38f, -3.4028235e38f};
    const uint16_t bf16[] = {0x7f80, 0x7f80, 0xff80};
    assert_true(number_from_f32(got, TYPE_BF16, large, 3));
    assert_memory_equal(got, bf16, sizeof bf16);
    float same[9];
    assert_true(number_from_f32(same, TYPE_F32, wide, 9));
    assert_memory_equal(same, wide, sizeof wide);
    assert_true(number_from_f32(same, TYPE_F32, wide, 0));
    assert_false(number_from_f32(got, TYPE_I32, wide, 1));
    assert_false(number_from_f32(got, TYPE_F64, wide, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),   cmocka_unit_test(test_a_file_of_nothing),
        cmocka_unit_test(test_complete_or_absent),        cmocka_unit_test(test_headers_that_cannot_be),
        cmocka_unit_test(test_every_half_there_and_back), cmocka_unit_test(test_rounding_to_nearest_even),
        cmocka_unit_test(test_numbers_out_of_range),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
