/* Zip containers: as PyTorch writes them, with ZIP64, and hostile ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/zip.h"
#include "make_checkpoint.h"

/* Three entries, the last of no bytes. */
static made_zip *new_zip(bool zip64) {
    made_zip *z = calloc(1, sizeof *z);
    assert_non_null(z);
    made_zip_add(z, "m/b", "second", 6, 64);
    made_zip_add(z, "m/a", "first", 5, 0);
    made_zip_add(z, "m/data/none", "", 0, 64);
    z->zip64 = zip64;
    for (size_t i = 0; i < z->count; i++)
        z->entry[i].zip64 = zip64;
    return z;
}

static void free_zip(made_zip *z) {
    text_free(&z->out);
    free(z);
}

/* Opened from a block of exactly the size, so that AddressSanitizer sees a read beyond it. */
static loris_status open_exactly(zip **out, uint8_t **block, const char *data, size_t size) {
    *block = malloc(size ? size : 1);
    assert_non_null(*block);
    if (size)
        memcpy(*block, data, size);
    return zip_open(out, *block, size, "f.zip");
}

static void check_good(made_zip *made, const char *comment) {
    zip *z;
    uint8_t *block;
    made_zip_end(made, comment);
    assert_true(zip_recognise((const uint8_t *)made->out.data, made->out.length));
    assert_ok(open_exactly(&z, &block, made->out.data, made->out.length));
    assert_int_equal(zip_count(z), 3);
    assert_string_equal(zip_at(z, 0)->name, "m/a");
    assert_null(zip_at(z, 3));
    assert_int_equal(zip_find(z, "m/a")->size, 5);
    assert_memory_equal(zip_find(z, "m/a")->data, "first", 5);
    assert_memory_equal(zip_find(z, "m/b")->data, "second", 6);
    assert_int_equal((size_t)(zip_find(z, "m/b")->data - block) % 64, 0);
    assert_int_equal(zip_find(z, "m/data/none")->size, 0);
    assert_null(zip_find(z, "m/c"));
    assert_string_equal(zip_find_tail(z, "/none")->name, "m/data/none");
    assert_null(zip_find_tail(z, "a longer name than any there is"));
    zip_close(z);
    free(block);
    free_zip(made);
}

static void test_good_files(void **state) {
    (void)state;
    check_good(new_zip(false), "");
    check_good(new_zip(true), "");
    check_good(new_zip(false), "a comment");
    zip_close(NULL);
}

static void test_an_empty_file(void **state) {
    (void)state;
    made_zip *made = calloc(1, sizeof *made);
    assert_non_null(made);
    made_zip_end(made, "");
    zip *z;
    assert_ok(zip_open(&z, (const uint8_t *)made->out.data, made->out.length, "f.zip"));
    assert_int_equal(zip_count(z), 0);
    zip_close(z);
    free_zip(made);
}

/* A file whose directory was tampered with: fails with a message that contains `part`. */
static void check_bad(made_zip *made, const char *part) {
    zip *z = NULL;
    uint8_t *block;
    made_zip_end(made, "");
    assert_fails(open_exactly(&z, &block, made->out.data, made->out.length), LORIS_ERROR_INPUT, part);
    assert_null(z);
    free(block);
    free_zip(made);
}

static void test_hostile_directories(void **state) {
    (void)state;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        made_zip *z = new_zip(zip64);
        z->entry[0].method = 8;
        check_bad(z, "\"m/b\": is compressed");
        z = new_zip(zip64);
        z->entry[1].flags = 1;
        check_bad(z, "\"m/a\": is encrypted");
        z = new_zip(zip64);
        z->entry[1].packed = 4;
        check_bad(z, "\"m/a\": is stored, but");
        z = new_zip(zip64);
        z->entry[1].size = z->entry[1].packed = 4000000;
        check_bad(z, "\"m/a\": its 4000000 bytes lie outside");
        z = new_zip(zip64);
        z->entry[1].header = z->entry[0].header;
        check_bad(z, "\"m/a\": its header is not where");
        z = new_zip(zip64);
        z->entry[1].header = 1 << 20;
        check_bad(z, "\"m/a\": its header lies outside");
        z = new_zip(zip64);
        z->entry[1] = z->entry[0];
        check_bad(z, "overlaps another");
        z = new_zip(zip64);
        z->entry[0].size = z->entry[0].packed = 60; /* into the next entry's header and data */
        check_bad(z, "overlaps another");
        z = new_zip(zip64);
        z->count = 2;
        made_zip_add(z, "m/b", "again", 5, 0);
        z->entry[2].zip64 = zip64;
        check_bad(z, "\"m/b\": appears twice");
    }
    made_zip *z = new_zip(true);
    z->entry[1].size = z->entry[1].packed = UINT64_MAX - 3;
    check_bad(z, "lie outside the file");
    z = new_zip(true);
    z->entry[1].header = UINT64_MAX - 3;
    check_bad(z, "its header lies outside");
}

/* The end record's fields, `at` bytes into it, and what is said of each. */
static void test_hostile_end_records(void **state) {
    (void)state;
    static const struct {
        bool zip64;
        size_t from_end; /* bytes before the end of the file */
        int bytes;
        uint64_t value;
        const char *part;
    } cases[] = {
        {false, 22 - 4, 2, 1, "split"},
        {false, 22 - 8, 2, 2, "split"},
        {false, 22 - 10, 2, 4, "split"},
        {false, 22 - 16, 4, 0x7fffffff, "directory (bytes 2147483647"},
        {false, 22 - 12, 4, 0x7fffffff, "lies outside the file"},
        {false, 22 - 12, 4, 20, "too small for its 3 entries"},
        {false, 22 - 16, 4, 0, "directory is damaged"},
        {false, 22 - 12, 4, 0xffffffff, "ZIP64 locator is missing"},
        {false, 22 - 20, 2, 1, "directory, which stands at its end, is missing"},
        {true, 22 + 20 - 8, 8, UINT64_MAX, "locator points nowhere"},
        {true, 22 + 20 - 8, 8, 1, "locator points nowhere"},
        {true, 22 + 20 + 56 - 48, 8, UINT64_MAX, "lies outside"},
        {true, 22 + 20 + 56 - 40, 8, UINT64_MAX, "lies outside"},
        {true, 22 + 20 + 56 - 32, 8, UINT64_MAX, "split"},
        {true, 22 + 20 + 56 - 16, 4, 1, "split"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        made_zip *made = new_zip(cases[i].zip64);
        made_zip_end(made, "");
        for (int k = 0; k < cases[i].bytes; k++)
            made->out.data[made->out.length - cases[i].from_end + (size_t)k] = (char)(cases[i].value >> (8 * k));
        zip *z = NULL;
        uint8_t *block;
        assert_fails(open_exactly(&z, &block, made->out.data, made->out.length), LORIS_ERROR_INPUT, cases[i].part);
        free(block);
        free_zip(made);
    }
}

static void test_entries_beyond_reason(void **state) {
    (void)state;
    made_zip *made = new_zip(true); /* both counts 2^60: agreed on, but more than the directory could hold */
    made_zip_end(made, "");
    for (int field = 0; field < 2; field++)
        made->out.data[made->out.length - 22 - 20 - 32 + 8 * field + 7] = 0x10;
    zip *z = NULL;
    uint8_t *block;
    assert_fails(open_exactly(&z, &block, made->out.data, made->out.length), LORIS_ERROR_INPUT, "too small");
    free(block);
    free_zip(made);
}

static void test_cut_anywhere(void **state) {
    (void)state;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        made_zip *made = new_zip(zip64);
        made_zip_end(made, "");
        for (size_t size = 0; size < made->out.length; size++) {
            zip *z = NULL;
            uint8_t *block;
            assert_fails(open_exactly(&z, &block, made->out.data, size), LORIS_ERROR_INPUT, "f.zip: cut short");
            free(block);
        }
        free_zip(made);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_files),
        cmocka_unit_test(test_an_empty_file),
        cmocka_unit_test(test_hostile_directories),
        cmocka_unit_test(test_hostile_end_records),
        cmocka_unit_test(test_entries_beyond_reason),
        cmocka_unit_test(test_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
