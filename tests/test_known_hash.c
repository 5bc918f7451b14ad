/* Hashes of files that are kept, and when they are not. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "compute/cache.h"
#include "compute/known_hash.h"
#include "temporary.h"

/* Part of the source tree: it was written before this test was built. */
static const char old_file[] = LORIS_TEST_DATA "/README.md";

/* Entries in the folder; the name of one of them without ".bin". */
static int entries(const char *folder, char key[SHA256_HEX]) {
    int count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *d; (d = readdir(dir)) != NULL;) {
        if (d->d_name[0] == '.')
            continue;
        count++;
        snprintf(key, SHA256_HEX, "%.64s", d->d_name);
    }
    closedir(dir);
    return count;
}

static void a_file_that_did_not_change_is_not_read_again(void **state) {
    (void)state;
    char folder[TEMPORARY_PATH_MAX], wanted[SHA256_HEX], got[SHA256_HEX], key[SHA256_HEX] = "", other[SHA256_HEX];
    temporary_make(folder);
    assert_ok(sha256_file(old_file, wanted));
    assert_ok(known_hash(folder, old_file, got));
    assert_string_equal(got, wanted);
    assert_int_equal(entries(folder, key), 1);
    memset(other, 'a', 64);
    other[64] = '\0';
    cache_store(folder, key, other, 64); /* tells whether it is asked */
    assert_ok(known_hash(folder, old_file, got));
    assert_string_equal(got, other);
    cache_store(folder, key, other, 63);
    assert_ok(known_hash(folder, old_file, got));
    assert_string_equal(got, wanted);
    assert_ok(known_hash(NULL, old_file, got));
    assert_string_equal(got, wanted);
    temporary_remove(folder);
}

static void what_was_just_written_is_not_kept(void **state) {
    (void)state;
    char folder[TEMPORARY_PATH_MAX], cache[TEMPORARY_PATH_MAX], path[TEMPORARY_PATH_MAX], got[SHA256_HEX],
        wanted[SHA256_HEX], key[SHA256_HEX];
    temporary_make(folder);
    temporary_make(cache);
    for (int i = 0; i < 3; i++) { /* within one tick of the clock, perhaps: the same name, size and times */
        const char byte = (char)('0' + i);
        temporary_write(folder, "file", &byte, 1, path);
        assert_ok(known_hash(cache, path, got));
        sha256_hex(&byte, 1, wanted);
        assert_string_equal(got, wanted);
    }
    assert_int_equal(entries(cache, key), 0);
    temporary_remove(cache);
    temporary_remove(folder);
}

static void a_file_that_is_not_there_is_an_error(void **state) {
    (void)state;
    char folder[TEMPORARY_PATH_MAX], got[SHA256_HEX];
    temporary_make(folder);
    assert_int_equal(known_hash(folder, "/nowhere/at/all", got), LORIS_ERROR_INPUT);
    temporary_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_did_not_change_is_not_read_again),
        cmocka_unit_test(what_was_just_written_is_not_kept),
        cmocka_unit_test(a_file_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
