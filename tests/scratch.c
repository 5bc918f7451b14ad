#include "scratch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"

static char folder[] = "scratch-XXXXXX";

int scratch_setup(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static size_t each_entry(void (*act)(const char *path)) {
    size_t count = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        count++;
        if (act)
            act(scratch(e->d_name));
    }
    if (d)
        closedir(d);
    return count;
}

static void remove_entry(const char *path) {
    if (unlink(path) != 0)
        rmdir(path);
}

int scratch_teardown(void **state) {
    (void)state;
    each_entry(remove_entry);
    return rmdir(folder);
}

size_t scratch_count(void) {
    return each_entry(NULL);
}

const char *scratch(const char *name) {
    static char path[8][512];
    static unsigned next;
    char *out = path[next++ % 8];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

void scratch_write(const char *path, const void *data, size_t size) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
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
