#include "scratch.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/arena.h"

static arena *memory;
static char *folder;

int scratch_setup(void **state) {
    (void)state;
    const char *parent = getenv("TMPDIR");
    memory = arena_new();
    folder = arena_printf(memory, "%s/loris-test-XXXXXX", parent && parent[0] ? parent : P_tmpdir);
    return folder && mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place) {
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

int scratch_teardown(void **state) {
    (void)state;
    int failed = nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    arena_free(memory);
    memory = NULL;
    folder = NULL;
    return failed;
}

const char *scratch(const char *name) {
    const char *path = name[0] ? arena_printf(memory, "%s/%s", folder, name) : folder;
    assert_non_null(path);
    return path;
}

void scratch_write(const char *path, const void *data, size_t size) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    if (size)
        assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

const char *scratch_file(const char *name, const void *data, size_t size) {
    const char *path = scratch(name);
    scratch_write(path, data, size);
    return path;
}

void *scratch_read(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    void *data = malloc(*size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *size, f), *size);
    fclose(f);
    return data;
}

size_t scratch_count(void) {
    return scratch_entries(folder);
}

size_t scratch_entries(const char *path) {
    DIR *d = opendir(path);
    assert_non_null(d);
    size_t count = 0;
    for (struct dirent *e; (e = readdir(d));)
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return count;
}
