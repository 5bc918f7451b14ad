#include "temporary.h"

#include "compare.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void temporary_make(char folder[TEMPORARY_PATH_MAX]) {
    const char *base = getenv("TMPDIR");
    int length = snprintf(folder, TEMPORARY_PATH_MAX, "%s/loris-XXXXXX", base && *base ? base : P_tmpdir);
    assert_true(length > 0 && length < TEMPORARY_PATH_MAX);
    assert_non_null(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void temporary_remove(const char *folder) {
    assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void temporary_write(const char *folder, const char *name, const void *data, size_t size,
                     char path[TEMPORARY_PATH_MAX]) {
    char full[TEMPORARY_PATH_MAX];
    int length = snprintf(full, sizeof full, "%s/%s", folder, name);
    assert_true(length > 0 && length < (int)sizeof full);
    FILE *file = fopen(full, "wb");
    assert_non_null(file);
    size_t written = fwrite(data, 1, size, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(written, size);
    if (path)
        memcpy(path, full, sizeof full);
}
