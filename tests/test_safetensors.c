/* safetensors: good files, hostile ones, and the widening of numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/safetensors.h"
#include "core/text.h"
#include "scratch.h"

static const char *write_file(const char *header, size_t data_size) {
    text t = {0};
    size_t length = strlen(header);
    char size[8];
    for (int i = 0; i < 8; i++)
        size[i] = (char)((uint64_t)length >> (8 * i));
    text_append(&t, size, 8);
    text_append(&t, header, length);
    for (size_t i = 0; i < data_size; i++)
        text_append(&t, &(char){(char)(i + 1)}, 1);
    assert_false(text_failed(&t));
    const char *path = scratch_file("model.safetensors", t.data, t.length);
    text_free(&t);
    return path;
}

/* Names in another order than the data, an empty tensor between, a scalar, unaligned data. */
static const char good[] = "{\"__metadata__\":{\"format\":\"pt\",\"sigma\":\"0.2\"},"
                           "\"z.weight\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[1,13]},"
                           "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                           "\"none\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[13,13]},"
                           "\"m\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[13,15]},"
                           "\"i\":{\"dtype\":\"I64\",\"shape\":[1,1,1],\"data_offsets\":[15,23]},"
                           "\"j\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[23,27]},"
                           "\"b\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[27,28]},"
                           "\"d\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[28,36]}} ";

static void test_a_good_file(void **state) {
    (void)state;
    static const char *const in_order[] = {"a", "z.weight", "none", "m", "i", "j", "b", "d"};
    static const number_type type[] = {TYPE_U8, TYPE_F16, TYPE_F32, TYPE_BF16, TYPE_I64, TYPE_I32, TYPE_BOOL, TYPE_F64};
    static const size_t counts[] = {1, 6, 0, 1, 1, 1, 1, 1};
    safetensors *s;
    const char *path = write_file(good, 36);
    assert_ok(safetensors_open(&s, path));
    assert_string_equal(safetensors_path(s), path);
    assert_int_equal(safetensors_count(s), 8);
    int next = 1; /* byte i of the data is i + 1 */
    for (size_t i = 0; i < 8; i++) {
        const safetensor *t = safetensors_at(s, i);
        assert_string_equal(t->name, in_order[i]);
        assert_ptr_equal(safetensors_find(s, in_order[i]), t);
        assert_int_equal(t->type, type[i]);
        assert_int_equal(t->count, counts[i]);
        assert_int_equal(t->bytes, counts[i] * number_size(type[i]));
        for (size_t k = 0; k < t->bytes; k++)
            assert_int_equal(t->data[k], next++);
    }
    assert_int_equal(safetensors_find(s, "z.weight")->rank, 2);
    assert_int_equal(safetensors_find(s, "z.weight")->dim[1], 3);
    assert_int_equal(safetensors_find(s, "m")->rank, 0);
    assert_null(safetensors_at(s, 8));
    assert_null(safetensors_find(s, "absent"));
    assert_null(safetensors_find(s, "__metadata__"));
    assert_string_equal(json_get(safetensors_metadata(s), "sigma")->string, "0.2");
    safetensors_close(s);
    safetensors_close(NULL);
}

static void test_a_file_of_nothing(void **state) {
    (void)state;
    safetensors *s;
    assert_ok(safetensors_open(&s, write_file("{}", 0)));
    assert_int_equal(safetensors_count(s), 0);
    assert_null(safetensors_find(s, "a"));
    assert_null(safetensors_metadata(s));
    safetensors_close(s);
}

#define T(name, type, shape, from, to)                                                                                 \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

static void test_hostile_headers(void **state) {
    (void)state;
    static const struct {
        const char *header, *what; /* over 8 bytes of data */
    } cases[] = {
        {"{" T("a", "F32", "[2]", "0", "8") "," T("a", "F32", "[0]", "8", "8") "}", "\"a\" appears twice"},
        {"{" T("a", "F32", "[1]", "0", "4") "," T("b", "F32", "[2]", "0", "8") "}", "overlaps"},
        {"{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[1]", "4", "8") "}", "tensor \"b\": overlaps"},
        {"{" T("a", "F32", "[1]", "0", "4") "," T("b", "U8", "[2]", "6", "8") "}", "tensor \"b\": a gap"},
        {"{" T("a", "F32", "[1]", "4", "8") "}", "tensor \"a\": a gap"},
        {"{" T("a", "F32", "[1]", "0", "4") "}", "4 bytes belong to no tensor"},
        {"{}", "8 bytes belong to no tensor"},
        {"{" T("a", "F32", "[3]", "0", "12") "}", "tensor \"a\" ends at byte 12"},
        {"{" T("a", "F32", "[2]", "0", "9007199254740992") "}", "cut short"},
        {"{" T("a", "F32", "[2]", "0", "1e300") "}", "data_offsets"},
        {"{" T("a", "F32", "[2]", "-8", "0") "}", "data_offsets"},
        {"{" T("a", "F32", "[2]", "8", "0") "}", "data_offsets"},
        {"{" T("a", "F32", "[2]", "0", "7.5") "}", "data_offsets"},
        {"{" T("a", "F32", "[2]", "0", "\"8\"") "}", "data_offsets"},
        {"{" T("a", "F32", "[2]", "0,4", "8") "}", "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[]}}", "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":8}}", "\"data_offsets\" is not an array"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "\"data_offsets\" is missing"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "tensor \"a\": \"shape\" is missing"},
        {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "\"dtype\" is missing"},
        {"{\"a\":{\"dtype\":4,\"shape\":[2],\"data_offsets\":[0,8]}}", "\"dtype\" is not a string"},
        {"{\"a\":[0,8]}", "\"dtype\" is missing"},
        {"{" T("a", "F8_E4M3", "[8]", "0", "8") "}", "type F8_E4M3 is not supported"},
        {"{" T("a", "f32", "[2]", "0", "8") "}", "type f32 is not supported"},
        {"{" T("a", "F32", "[1]", "0", "8") "}", "multiply"},
        {"{" T("a", "F32", "[3]", "0", "8") "}", "multiply"},
        {"{" T("a", "F32", "[0]", "0", "8") "}", "multiply"},
        {"{" T("a", "F32", "[]", "0", "8") "}", "multiply"},
        {"{" T("a", "U8", "[8]", "0", "7") "," T("b", "U8", "[1]", "7", "8") "}", "multiply"},
        {"{" T("a", "F32", "[-2]", "0", "8") "}", "dimension"},
        {"{" T("a", "F32", "[1.5]", "0", "8") "}", "dimension"},
        {"{" T("a", "F32", "[1e300]", "0", "8") "}", "dimension"},
        {"{" T("a", "F32", "[null]", "0", "8") "}", "dimension"},
        /* Products that wrap to 2 elements or to 8 bytes in 64 bits. */
        {"{" T("a", "F32", "[4294967296,4294967296,2]", "0", "8") "}", "multiply"},
        {"{" T("a", "F32", "[2147483648,2147483648,1]", "0", "8") "}", "multiply"},
        {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,2]", "0", "8") "}", "more than 8"},
        {"{\"__metadata__\":{\"n\":1}," T("a", "F32", "[2]", "0", "8") "}", "__metadata__"},
        {"{\"__metadata__\":[]," T("a", "F32", "[2]", "0", "8") "}", "__metadata__"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", "appears twice"},
        {"{\"a\":", "line 1, column 6"},
        {"{\"\xff\":1}", "not UTF-8"},
        {"[1]", "not a safetensors file"},
        {" {}", "not a safetensors file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        safetensors *s;
        const char *path = write_file(cases[i].header, 8);
        assert_fails(safetensors_open(&s, path), LORIS_ERROR_INPUT, cases[i].what);
        assert_non_null(strstr(loris_error_message(), path));
        assert_null(s);
    }
}

static void test_not_safetensors_at_all(void **state) {
    (void)state;
    safetensors *s;
    assert_fails(safetensors_open(&s, scratch("missing")), LORIS_ERROR_INPUT, "missing");
    assert_fails(safetensors_open(&s, scratch("")), LORIS_ERROR_INPUT, "is a folder");
    assert_fails(safetensors_open(&s, scratch_file("x", "", 0)), LORIS_ERROR_INPUT, "0 bytes");
    assert_fails(safetensors_open(&s, scratch_file("x", "\2\0\0\0\0\0\0", 7)), LORIS_ERROR_INPUT, "7 bytes");
    assert_fails(safetensors_open(&s, scratch_file("x", "\0\0\0\0\0\0\0\0", 8)), LORIS_ERROR_INPUT,
                 "not a safetensors");
    assert_fails(safetensors_open(&s, scratch_file("x", "\3\0\0\0\0\0\0\0{}", 10)), LORIS_ERROR_INPUT, "cut short");
    assert_fails(safetensors_open(&s, scratch_file("x", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)), LORIS_ERROR_INPUT,
                 "100 MB");
    assert_fails(safetensors_open(&s, scratch_file("x", "PK\3\4\0\0\0\0\0\0\0\0", 12)), LORIS_ERROR_INPUT, "cut short");
    assert_fails(safetensors_open(&s, scratch_file("x", "version https://git-lfs", 23)), LORIS_ERROR_INPUT, "100 MB");
}

/* A file cut anywhere is an error. */
static void test_cut_files(void **state) {
    (void)state;
    size_t size = 8 + sizeof good - 1 + 36;
    char *whole = calloc(size, 1);
    assert_non_null(whole);
    whole[0] = (char)((sizeof good - 1) & 255);
    whole[1] = (char)((sizeof good - 1) >> 8);
    memcpy(whole + 8, good, sizeof good - 1);
    safetensors *s;
    for (size_t cut = 0; cut < size; cut++)
        assert_fails(safetensors_open(&s, scratch_file("cut", whole, cut)), LORIS_ERROR_INPUT, "cut");
    assert_ok(safetensors_open(&s, scratch_file("cut", whole, size)));
    safetensors_close(s);
    free(whole);
}

static void test_many_tensors_are_found(void **state) {
    (void)state;
    enum { COUNT = 3001 };
    text t = {0};
    text_append(&t, "{", 1);
    for (int i = 0; i < COUNT; i++)
        text_printf(&t, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}", i ? "," : "", i,
                    i * 17 % COUNT, i * 17 % COUNT + 1);
    text_append(&t, "}", 1);
    safetensors *s;
    assert_ok(safetensors_open(&s, write_file(t.data, COUNT)));
    text_free(&t);
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        const safetensor *found = safetensors_find(s, name);
        assert_non_null(found);
        assert_ptr_equal(found, safetensors_at(s, (size_t)(i * 17 % COUNT)));
        assert_int_equal(found->data[0], (i * 17 % COUNT + 1) & 255);
    }
    safetensors_close(s);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static void test_number_types(void **state) {
    (void)state;
    static const struct {
        number_type type;
        size_t size;
        const char *name;
    } cases[] = {{TYPE_F32, 4, "f32"}, {TYPE_F16, 2, "f16"}, {TYPE_BF16, 2, "bf16"}, {TYPE_F64, 8, "f64"},
                 {TYPE_I64, 8, "i64"}, {TYPE_I32, 4, "i32"}, {TYPE_U8, 1, "u8"},     {TYPE_BOOL, 1, "bool"}};
    float out = 0.0f;
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(number_size(cases[i].type), cases[i].size);
        assert_string_equal(number_name(cases[i].type), cases[i].name);
        assert_int_equal(number_to_f32(&out, "\0\0\0\0\0\0\0", cases[i].type, 1), cases[i].type <= TYPE_F64);
    }
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* All 65536 halves, from an odd address, against the definition of binary16. NaN keeps sign and payload. */
static void test_every_f16(void **state) {
    (void)state;
    enum { COUNT = 65536 };
    uint8_t *in = malloc(2 * COUNT + 1);
    float *out = malloc(COUNT * sizeof *out);
    assert_non_null(in);
    assert_non_null(out);
    for (int i = 0; i < COUNT; i++) {
        in[2 * i + 1] = (uint8_t)i;
        in[2 * i + 2] = (uint8_t)(i >> 8);
    }
    assert_true(number_to_f32(out, in + 1, TYPE_F16, COUNT));
    for (int i = 0; i < COUNT; i++) {
        int exponent = i >> 10 & 31, mantissa = i & 1023;
        uint32_t sign = (uint32_t)(i >> 15) << 31, want;
        if (exponent == 31)
            want = sign | 0x7f800000u | (uint32_t)mantissa << 13;
        else if (exponent == 0)
            want = sign | bits_of(ldexpf((float)mantissa, -24));
        else
            want = sign | bits_of(ldexpf((float)(1024 + mantissa), exponent - 25));
        if (bits_of(out[i]) != want)
            fail_msg("half %04x: got %08x, want %08x", (unsigned)i, (unsigned)bits_of(out[i]), (unsigned)want);
    }
    free(in);
    free(out);
}

/* Counts around the width of a vector leave what lies behind the last number alone. */
static void test_widening_at_odd_counts_and_addresses(void **state) {
    (void)state;
    static const float values[] = {1.5f, -2.0f, 0.0f, 65280.0f, -0.015625f}; /* exact in all four types */
    static const number_type type[] = {TYPE_F32, TYPE_F16, TYPE_BF16, TYPE_F64};
    static const uint16_t half[] = {0x3e00, 0xc000, 0x0000, 0x7bf8, 0xa400};
    for (size_t k = 0; k < 4; k++)
        for (size_t count = 0; count <= 67; count++)
            for (size_t offset = 0; offset < 3; offset++) {
                uint8_t in[67 * 8 + 3];
                float out[68], want[68];
                for (size_t i = 0; i < count; i++) {
                    want[i] = values[i % 5];
                    double wide = want[i];
                    uint16_t brain = (uint16_t)(bits_of(want[i]) >> 16);
                    const void *from[] = {&want[i], &half[i % 5], &brain, &wide};
                    memcpy(in + offset + i * number_size(type[k]), from[k], number_size(type[k]));
                }
                want[count] = out[count] = 77.0f;
                assert_true(number_to_f32(out, in + offset, type[k], count));
                assert_arrays_close(out, want, count + 1, 0.0);
            }
}

static void test_special_bf16_and_f64(void **state) {
    (void)state;
    static const uint16_t brains[] = {0x7f80, 0xff80, 0x7fc1, 0x8000, 0x0001};
    float out[5];
    assert_true(number_to_f32(out, brains, TYPE_BF16, 5));
    for (int i = 0; i < 5; i++)
        assert_int_equal(bits_of(out[i]), (uint32_t)brains[i] << 16);
    static const double doubles[] = {1e300, -1e300, 1e-300, 0.1, -0.0};
    assert_true(number_to_f32(out, doubles, TYPE_F64, 5));
    assert_true(isinf(out[0]) && out[0] > 0 && isinf(out[1]) && out[1] < 0 && out[2] == 0.0f && out[3] == 0.1f);
    assert_true(signbit(out[4]) != 0);
}

static void test_shape_count(void **state) {
    (void)state;
    size_t count = 0;
    static const int64_t plain[] = {2, 3, 5}, zero[] = {INT64_MAX, INT64_MAX, 0}, negative[] = {0, -1},
                         huge[] = {INT64_MAX, 4};
    assert_true(shape_count(plain, 3, 30, &count));
    assert_int_equal(count, 30);
    assert_false(shape_count(plain, 3, 29, &count));
    assert_true(shape_count(plain, 0, 1, &count));
    assert_int_equal(count, 1);
    assert_false(shape_count(plain, 0, 0, &count));
    assert_true(shape_count(zero, 3, 0, &count));
    assert_int_equal(count, 0);
    assert_false(shape_count(negative, 2, 100, &count));
    assert_false(shape_count(huge, 2, SIZE_MAX, &count));
    assert_false(shape_count(plain, 1, 0, &count));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_file),
        cmocka_unit_test(test_a_file_of_nothing),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_not_safetensors_at_all),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_many_tensors_are_found),
        cmocka_unit_test(test_number_types),
        cmocka_unit_test(test_every_f16),
        cmocka_unit_test(test_widening_at_odd_counts_and_addresses),
        cmocka_unit_test(test_special_bf16_and_f64),
        cmocka_unit_test(test_shape_count),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
