/* .npy files: every type and version read, arrays written, hostile headers refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/npy.h"
#include "core/text.h"
#include "scratch.h"

/* Writes a .npy file from its parts and returns the path. The header is taken as it is: no padding is asked for by
 * readers. */
static const char *write_npy(int version, const char *header, const void *data, size_t size) {
    text t = {0};
    size_t length = strlen(header);
    const char start[8] = {(char)0x93, 'N', 'U', 'M', 'P', 'Y', (char)version, 0};
    const char sizes[4] = {(char)length, (char)(length >> 8), (char)(length >> 16), (char)(length >> 24)};
    text_append(&t, start, sizeof start);
    text_append(&t, sizes, version == 1 ? 2 : 4);
    text_append(&t, header, length);
    text_append(&t, data, size);
    assert_false(text_failed(&t));
    const char *path = scratch_file("array.npy", t.data, t.length);
    text_free(&t);
    return path;
}

static void test_float_types_become_f32(void **state) {
    (void)state;
    static const uint16_t halves[] = {0x3c00, 0xc000, 0x0001, 0x7c00, 0x3555};
    static const float singles[] = {1.0f, -2.0f, 5.9604645e-8f, INFINITY, 0.333251953125f};
    static const double doubles[] = {1.0, -2.0, 5.9604644775390625e-8, INFINITY, 0.333251953125};
    static const struct {
        const char *type;
        const void *data;
        size_t size;
    } cases[] = {{"<f2", halves, sizeof halves}, {"<f4", singles, sizeof singles}, {"<f8", doubles, sizeof doubles}};
    for (size_t i = 0; i < 3; i++)
        for (int version = 1; version <= 3; version++) {
            char header[100];
            snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (5,), }  \n",
                     cases[i].type);
            npy a;
            assert_ok(npy_read(&a, write_npy(version, header, cases[i].data, cases[i].size)));
            assert_int_equal(a.rank, 1);
            assert_int_equal(a.dim[0], 5);
            assert_int_equal(a.count, 5);
            assert_null(a.i64);
            assert_arrays_close(a.f32, singles, 5, 0.0); /* f16 values are exact in every type */
            npy_free(&a);
            assert_null(a.f32);
        }
}

static void test_whole_types_become_i64(void **state) {
    (void)state;
    static const int64_t longs[] = {1, 0, -5000000000};
    static const int32_t ints[] = {1, 0, -70000};
    static const uint8_t bytes[] = {1, 0, 255};
    static const struct {
        const char *type;
        const void *data;
        size_t size;
        int64_t want[3];
    } cases[] = {{"<i8", longs, sizeof longs, {1, 0, -5000000000}},
                 {"<i4", ints, sizeof ints, {1, 0, -70000}},
                 {"|u1", bytes, sizeof bytes, {1, 0, 255}},
                 {"|b1", bytes, sizeof bytes, {1, 0, 1}}};
    for (size_t i = 0; i < 4; i++) {
        char header[100];
        /* An odd header length: the numbers lie at an odd address. */
        snprintf(header, sizeof header, "{\"shape\":(3,1),\"descr\":\"%s\",\"fortran_order\":False}", cases[i].type);
        if (strlen(header) % 2 == 0)
            strcat(header, " ");
        npy a;
        assert_ok(npy_read(&a, write_npy(1, header, cases[i].data, cases[i].size)));
        assert_int_equal(a.rank, 2);
        assert_null(a.f32);
        assert_arrays_equal_i64(a.i64, cases[i].want, 3);
        npy_free(&a);
    }
}

static void test_scalars_and_empty_arrays(void **state) {
    (void)state;
    float value = 2.5f;
    npy a;
    assert_ok(npy_read(&a, write_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", &value, 4)));
    assert_int_equal(a.rank, 0);
    assert_int_equal(a.count, 1);
    assert_true(a.f32[0] == 2.5f);
    npy_free(&a);
    assert_ok(npy_read(&a, write_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 7), }", NULL, 0)));
    assert_int_equal(a.count, 0);
    assert_int_equal(a.dim[1], 7);
    assert_non_null(a.f32);
    npy_free(&a);
    assert_ok(npy_read(&a, write_npy(1,
                                     "{'descr': '<i8', 'fortran_order': False, "
                                     "'shape': (9223372036854775807, 9223372036854775807, 0), }",
                                     NULL, 0)));
    assert_int_equal(a.count, 0);
    assert_non_null(a.i64);
    npy_free(&a);
}

/* Element (i, j, k) of a 2 x 3 x 5 array is 100 i + 10 j + k; in the file i runs fastest. */
static void test_fortran_order_is_transposed(void **state) {
    (void)state;
    int32_t file[30];
    int64_t want[30];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 5; k++) {
                file[i + 2 * j + 6 * k] = 100 * i + 10 * j + k;
                want[15 * i + 5 * j + k] = 100 * i + 10 * j + k;
            }
    npy a;
    assert_ok(npy_read(&a, write_npy(1, "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3, 5), }", file, 120)));
    assert_arrays_equal_i64(a.i64, want, 30);
    npy_free(&a);
    static const int64_t row[] = {1, 2, 3};
    assert_ok(npy_read(&a, write_npy(1, "{'descr': '<i8', 'fortran_order': True, 'shape': (3,), }", row, 24)));
    assert_arrays_equal_i64(a.i64, row, 3);
    npy_free(&a);
    assert_ok(npy_read(&a, write_npy(1, "{'descr': '<i8', 'fortran_order': True, 'shape': (), }", row, 8)));
    assert_arrays_equal_i64(a.i64, row, 1);
    npy_free(&a);
    assert_ok(npy_read(&a, write_npy(1, "{'descr': '<i8', 'fortran_order': True, 'shape': (3, 0), }", row, 0)));
    assert_int_equal(a.count, 0);
    npy_free(&a);
}

static void test_hostile_headers(void **state) {
    (void)state;
    static const struct {
        const char *header, *what;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (5, 1), }", "cut short"},
        {"{'descr': '<f4', 'fortran_order': Trueish, 'shape': (2, 2), }", "damaged"},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 2), }", "big-endian"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (2, 2), }", "unknown type (<c8)"},
        {"{'descr': '<U3', 'fortran_order': False, 'shape': (2, 2), }", "unknown type"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", "unknown type"},
        {"{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }", "unknown type"},
        {"{'descr': '<i2', 'fortran_order': False, 'shape': (8,), }", "unknown type"},
        {"{'descr': '', 'fortran_order': False, 'shape': (2, 2), }", "unknown type"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }", "not supported"},
        {"{'descr': '<f4<f4<f4', 'fortran_order': False, 'shape': (4,), }", "not supported"},
        {"{'descr': '<f4", "not supported"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), ", "damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), } x", "damaged"},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (2, 2), }", "damaged"},
        {"{'descr': '<f4', 'shape': (2, 2), }", "damaged"},
        {"{'descr': '<f4', 'fortran_order': False, }", "damaged"},
        {"{'fortran_order': False, 'shape': (2, 2), }", "damaged"},
        {"{}", "damaged"},
        {"{,}", "damaged"},
        {"", "damaged"},
        {"x", "damaged"},
        {"{'descr", "damaged"},
        {"{'a very long key without an end", "damaged"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", "repeated key"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), 'shape': (2, 2)}", "repeated key"},
        {"{'descr': '<f4', 'order': False, 'shape': (2, 2), }", "unknown or repeated"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 2), }", "neither True nor False"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': [2, 2], }", "tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 4, }", "tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 2), }", "shape is damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, -2), }", "dimension is not a number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2.0), }", "shape is damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,), }", "dimension is not a number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, ", "dimension is not a number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,2,2), }", "more than 8"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,), }", "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }", "too large"},
        /* Products that wrap to 4 in 64 bits, elements or bytes. */
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387905, 4), }", "cut short"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387908,), }", "cut short"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }", "cut short"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }", "cut short"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "4 bytes follow"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", "16 bytes follow"},
    };
    static const float data[4] = {1, 2, 3, 4};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        npy a = {.f32 = (float *)&a};
        const char *path = write_npy(1 + (int)(i % 3), cases[i].header, data, sizeof data);
        assert_fails(npy_read(&a, path), LORIS_ERROR_INPUT, cases[i].what);
        assert_non_null(strstr(loris_error_message(), path));
        assert_null(a.f32);
        assert_null(a.i64);
        npy_free(&a);
    }
}

static void test_not_npy_at_all(void **state) {
    (void)state;
    npy a;
    assert_fails(npy_read(&a, scratch("missing.npy")), LORIS_ERROR_INPUT, "missing.npy");
    assert_fails(npy_read(&a, scratch("")), LORIS_ERROR_INPUT, "is a folder");
    assert_fails(npy_read(&a, scratch_file("x.npy", "", 0)), LORIS_ERROR_INPUT, "not a .npy file");
    assert_fails(npy_read(&a, scratch_file("x.npy", "PK\3\4aaaaaaaaaa", 14)), LORIS_ERROR_INPUT, "not a .npy file");
    assert_fails(npy_read(&a, write_npy(4, "{}", NULL, 0)), LORIS_ERROR_INPUT, "version");
    assert_fails(npy_read(&a, write_npy(0, "{}", NULL, 0)), LORIS_ERROR_INPUT, "version");
    assert_fails(npy_read(&a, scratch_file("x.npy", "\x93NUMPY\2\0\xff\0", 10)), LORIS_ERROR_INPUT, "cut short");
    assert_fails(npy_read(&a, scratch_file("x.npy", "\x93NUMPY\1\0\3\0{}", 12)), LORIS_ERROR_INPUT, "cut short");
    assert_fails(npy_read(&a, scratch_file("x.npy", "\x93NUMPY\2\0\xff\xff\xff\xff{}", 14)), LORIS_ERROR_INPUT,
                 "cut short");
}

/* A file cut anywhere is an error. */
static void test_cut_files(void **state) {
    (void)state;
    static const float data[] = {1, 2, 3};
    static const int64_t dim[] = {3, 1};
    const char *path = scratch("whole.npy");
    assert_ok(npy_write_f32(path, 2, dim, data));
    char whole[200];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(whole, 1, sizeof whole, file);
    fclose(file);
    assert_int_equal(size, 128 + 12);
    npy a;
    for (size_t cut = 0; cut < size; cut++)
        assert_fails(npy_read(&a, scratch_file("cut.npy", whole, cut)), LORIS_ERROR_INPUT, "cut.npy");
    assert_ok(npy_read(&a, scratch_file("cut.npy", whole, size)));
    npy_free(&a);
}

static void test_what_is_written_reads_back(void **state) {
    (void)state;
    static const int64_t dim[8] = {1, 3, 1, 2, 1, 1, 7, 1};
    float f32[42];
    int64_t i64[42];
    for (int i = 0; i < 42; i++) {
        f32[i] = (float)(i - 20) / 7.0f;
        i64[i] = (int64_t)(i - 20) * 1000000000000;
    }
    const char *path = scratch("back.npy");
    npy a;
    assert_ok(npy_write_f32(path, 8, dim, f32));
    assert_ok(npy_read(&a, path));
    assert_int_equal(a.rank, 8);
    assert_arrays_equal_i64(a.dim, dim, 8);
    assert_int_equal(a.count, 42);
    assert_arrays_close(a.f32, f32, 42, 0.0);
    npy_free(&a);
    assert_ok(npy_write_i64(path, 8, dim, i64));
    assert_ok(npy_read(&a, path));
    assert_arrays_equal_i64(a.i64, i64, 42);
    npy_free(&a);
    static const int64_t empty[1] = {0};
    assert_ok(npy_write_f32(path, 1, empty, NULL));
    assert_ok(npy_read(&a, path));
    assert_int_equal(a.rank, 1);
    assert_int_equal(a.count, 0);
    npy_free(&a);
    assert_ok(npy_write_f32(path, 0, NULL, f32));
    assert_ok(npy_read(&a, path));
    assert_int_equal(a.rank, 0);
    assert_true(a.f32[0] == f32[0]);
    npy_free(&a);
}

/* The bytes numpy.save writes for numpy.array([[1, 2, 3]], dtype=float32), apart from the padding. */
static void test_written_header_is_numpys(void **state) {
    (void)state;
    static const int64_t dim[] = {1, 3}, one[] = {3};
    static const float data[] = {1, 2, 3};
    char got[128];
    const char *path = scratch("header.npy");
    for (int rank = 2; rank >= 1; rank--) {
        assert_ok(npy_write_f32(path, rank, rank == 2 ? dim : one, data));
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        assert_int_equal(fread(got, 1, sizeof got, file), sizeof got);
        fclose(file);
        assert_memory_equal(got, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (", 61);
        const char *rest = rank == 2 ? "1, 3), }" : "3,), }";
        assert_memory_equal(got + 61, rest, strlen(rest));
        for (size_t i = 61 + strlen(rest); i < 127; i++)
            assert_int_equal(got[i], ' ');
        assert_int_equal(got[127], '\n');
    }
}

static void test_impossible_writes(void **state) {
    (void)state;
    static const int64_t negative[] = {-1}, huge[] = {INT64_MAX, 2}, many[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, one[] = {1};
    static const float data[] = {1};
    const char *path = scratch("impossible.npy");
    assert_fails(npy_write_f32(path, 1, negative, data), LORIS_ERROR_INTERNAL, path);
    assert_fails(npy_write_f32(path, 2, huge, data), LORIS_ERROR_INTERNAL, path);
    assert_fails(npy_write_f32(path, 9, many, data), LORIS_ERROR_INTERNAL, path);
    assert_fails(npy_write_f32(scratch("none/x.npy"), 1, one, data), LORIS_ERROR_OUTPUT, "no folder");
}

static void test_expected_shapes(void **state) {
    (void)state;
    npy a = {.rank = 2, .dim = {3, 4}, .count = 12};
    static const int64_t exact[] = {3, 4}, any[] = {-1, 4}, wrong[] = {-1, 5}, longer[] = {3, 4, 1}, single[] = {12};
    assert_ok(npy_expect(&a, "a.npy", 2, exact));
    assert_ok(npy_expect(&a, "a.npy", 2, any));
    assert_fails(npy_expect(&a, "a.npy", 2, wrong), LORIS_ERROR_INPUT, "a.npy: its shape is (3, 4), not (any, 5)");
    assert_fails(npy_expect(&a, "a.npy", 3, longer), LORIS_ERROR_INPUT, "not (3, 4, 1)");
    assert_fails(npy_expect(&a, "a.npy", 1, single), LORIS_ERROR_INPUT, "not (12,)");
    assert_fails(npy_expect(&a, "a.npy", 0, NULL), LORIS_ERROR_INPUT, "not ()");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float_types_become_f32),
        cmocka_unit_test(test_whole_types_become_i64),
        cmocka_unit_test(test_scalars_and_empty_arrays),
        cmocka_unit_test(test_fortran_order_is_transposed),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_not_npy_at_all),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_written_header_is_numpys),
        cmocka_unit_test(test_impossible_writes),
        cmocka_unit_test(test_expected_shapes),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
