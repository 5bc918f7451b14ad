/* Record layouts: PKWARE APPNOTE.TXT 6.3, sections 4.3.7 (local header) to 4.3.16 (end of the central directory). */
#include "core/zip.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"

enum {
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    COMMENT_LIMIT = 65535,
    EXTRA_ZIP64 = 1,
    METHOD_STORED = 0,
    FLAG_ENCRYPTED = 1
};

static const uint32_t local_mark = 0x04034b50, central_mark = 0x02014b50, end_mark = 0x06054b50,
                      end64_mark = 0x06064b50, locator_mark = 0x07064b50;

struct zip {
    arena *memory;
    const char *where;
    const uint8_t *data;
    size_t size;
    zip_entry *entry; /* sorted by name once read */
    size_t count;
};

typedef struct directory {
    uint64_t offset, size, entries;
} directory;

static const char hint_damaged[] = "download or save the file again";
static const char hint_cut[] = "is the download complete?";

static uint32_t get16(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p) {
    return get16(p) | get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p) {
    return (uint64_t)get32(p) | (uint64_t)get32(p + 4) << 32;
}

bool zip_recognise(const uint8_t *data, size_t size) {
    return size >= 4 && (get32(data) == local_mark || get32(data) == end_mark);
}

/* ---- where the central directory is ------------------------------------------------------------------------------ */

/* The end record is the last thing in the file but for a comment, whose length it states. */
static loris_status find_end(const zip *z, size_t *at) {
    size_t lowest = z->size > END_BYTES + COMMENT_LIMIT ? z->size - END_BYTES - COMMENT_LIMIT : 0;
    for (size_t i = z->size >= END_BYTES ? z->size - END_BYTES + 1 : 0; i-- > lowest;)
        if (get32(z->data + i) == end_mark && get16(z->data + i + 20) == z->size - i - END_BYTES) {
            *at = i;
            return LORIS_OK;
        }
    return fail(LORIS_ERROR_INPUT, hint_cut,
                "%s: cut short: the zip file's directory, which stands at its end, is missing", z->where);
}

static loris_status read_end64(const zip *z, size_t end, directory *d) {
    if (end < LOCATOR_BYTES || get32(z->data + end - LOCATOR_BYTES) != locator_mark)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: byte %zu: the zip file's ZIP64 locator is missing", z->where,
                    end);
    uint64_t at = get64(z->data + end - LOCATOR_BYTES + 8);
    if (end - LOCATOR_BYTES < END64_BYTES || at > end - LOCATOR_BYTES - END64_BYTES ||
        get32(z->data + at) != end64_mark)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: byte %zu: the zip file's ZIP64 locator points nowhere",
                    z->where, end - LOCATOR_BYTES);
    const uint8_t *record = z->data + at;
    if (get32(record + 16) != 0 || get32(record + 20) != 0 || get64(record + 24) != get64(record + 32))
        return fail(LORIS_ERROR_INPUT, "join its parts first", "%s: one part of a split zip file", z->where);
    *d = (directory){.entries = get64(record + 32), .size = get64(record + 40), .offset = get64(record + 48)};
    return LORIS_OK;
}

static loris_status find_directory(const zip *z, directory *d) {
    size_t end = 0;
    TRY(find_end(z, &end));
    const uint8_t *record = z->data + end;
    *d = (directory){.entries = get16(record + 10), .size = get32(record + 12), .offset = get32(record + 16)};
    if (d->entries == 0xffff || d->size == 0xffffffff || d->offset == 0xffffffff)
        TRY(read_end64(z, end, d));
    else if (get16(record + 4) != 0 || get16(record + 6) != 0 || get16(record + 8) != d->entries)
        return fail(LORIS_ERROR_INPUT, "join its parts first", "%s: one part of a split zip file", z->where);
    if (d->offset > end || d->size > end - d->offset)
        return fail(LORIS_ERROR_INPUT, hint_damaged,
                    "%s: the zip file's directory (bytes %llu to %llu) lies outside the file", z->where,
                    (unsigned long long)d->offset, (unsigned long long)(d->offset + d->size));
    if (d->entries > d->size / CENTRAL_BYTES)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: the zip file's directory is too small for its %llu entries",
                    z->where, (unsigned long long)d->entries);
    return LORIS_OK;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static loris_status fail_entry(const zip *z, const zip_entry *e, const char *hint, const char *what) {
    return fail(LORIS_ERROR_INPUT, hint, "%s: zip entry \"%s\": %s", z->where, e->name, what);
}

/* What does not fit 32 bits stands in the ZIP64 extra field, in this order and only where the 32-bit field is full. */
static bool read_zip64(const uint8_t *extra, size_t length, uint64_t *value[3]) {
    while (length >= 4) {
        size_t field = get16(extra + 2);
        if (field > length - 4)
            return false;
        if (get16(extra) == EXTRA_ZIP64) {
            const uint8_t *at = extra + 4;
            for (int i = 0; i < 3; i++) {
                if (*value[i] != 0xffffffff)
                    continue;
                if (field < 8)
                    return false;
                *value[i] = get64(at);
                at += 8;
                field -= 8;
            }
            return true;
        }
        extra += 4 + field;
        length -= 4 + field;
    }
    return *value[0] != 0xffffffff && *value[1] != 0xffffffff && *value[2] != 0xffffffff;
}

/* An entry's bytes follow its local header, which repeats the name and has an extra field of its own length (PyTorch
 * aligns data with it). */
static loris_status find_data(const zip *z, zip_entry *e, uint64_t header, uint64_t size, uint64_t directory_at) {
    size_t name = strlen(e->name);
    if (header > directory_at || directory_at - header < LOCAL_BYTES + name)
        return fail_entry(z, e, hint_damaged, "its header lies outside the file");
    const uint8_t *local = z->data + header;
    if (get32(local) != local_mark || get16(local + 26) != name || memcmp(local + LOCAL_BYTES, e->name, name) != 0)
        return fail_entry(z, e, hint_damaged, "its header is not where the directory says");
    uint64_t before = LOCAL_BYTES + name + get16(local + 28), left = directory_at - header;
    if (before > left || size > left - before)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: zip entry \"%s\": its %llu bytes lie outside the file",
                    z->where, e->name, (unsigned long long)size);
    e->data = local + before;
    e->size = (size_t)size;
    return LORIS_OK;
}

/* One record of the directory, of which `left` bytes remain; *used receives its length. */
static loris_status read_entry(const zip *z, const uint8_t *record, uint64_t left, uint64_t directory_at, zip_entry *e,
                               uint64_t *used) {
    if (left < CENTRAL_BYTES || get32(record) != central_mark)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: byte %zu: the zip file's directory is damaged", z->where,
                    (size_t)(record - z->data));
    size_t name = get16(record + 28), extra = get16(record + 30);
    *used = CENTRAL_BYTES + (uint64_t)name + extra + get16(record + 32);
    if (*used > left || name == 0 || memchr(record + CENTRAL_BYTES, 0, name))
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: byte %zu: the zip file's directory is damaged", z->where,
                    (size_t)(record - z->data));
    e->name = arena_printf(z->memory, "%.*s", (int)name, (const char *)record + CENTRAL_BYTES);
    if (!e->name)
        return fail_memory(z->where);
    if (get16(record + 8) & FLAG_ENCRYPTED)
        return fail_entry(z, e, "decrypt the file first", "is encrypted");
    if (get16(record + 10) != METHOD_STORED)
        return fail_entry(z, e, "torch.save() stores without compression: unpack the archive and open what is in it",
                          "is compressed, which is not supported");
    uint64_t packed = get32(record + 20), size = get32(record + 24), header = get32(record + 42);
    if (!read_zip64(record + CENTRAL_BYTES + name, extra, (uint64_t *[3]){&size, &packed, &header}))
        return fail_entry(z, e, hint_damaged, "its ZIP64 sizes are missing");
    if (packed != size)
        return fail_entry(z, e, hint_damaged, "is stored, but in another size than its own");
    return find_data(z, e, header, size, directory_at);
}

static int compare_places(const void *left, const void *right) {
    const zip_entry *l = left, *r = right;
    if (l->data != r->data)
        return l->data < r->data ? -1 : 1;
    return (l->size > r->size) - (l->size < r->size);
}

static int compare_names(const void *left, const void *right) {
    const zip_entry *l = left, *r = right;
    return strcmp(l->name, r->name);
}

static loris_status read_entries(zip *z) {
    directory d;
    TRY(find_directory(z, &d));
    z->entry = arena_alloc(z->memory, (size_t)d.entries, sizeof *z->entry);
    if (!z->entry)
        return fail_memory(z->where);
    const uint8_t *record = z->data + d.offset;
    for (uint64_t left = d.size, used = 0; z->count < d.entries; z->count++, record += used, left -= used)
        TRY(read_entry(z, record, left, d.offset, &z->entry[z->count], &used));

    qsort(z->entry, z->count, sizeof *z->entry, compare_places);
    for (size_t i = 1; i < z->count; i++)
        if (z->entry[i].data < z->entry[i - 1].data + z->entry[i - 1].size)
            return fail_entry(z, &z->entry[i], hint_damaged, "overlaps another");
    qsort(z->entry, z->count, sizeof *z->entry, compare_names);
    for (size_t i = 1; i < z->count; i++)
        if (strcmp(z->entry[i].name, z->entry[i - 1].name) == 0)
            return fail_entry(z, &z->entry[i], hint_damaged, "appears twice");
    return LORIS_OK;
}

loris_status zip_open(zip **out, const uint8_t *data, size_t size, const char *where) {
    *out = NULL;
    arena *memory = arena_new();
    zip *z = arena_alloc(memory, 1, sizeof *z);
    char *name = arena_strdup(memory, where);
    if (arena_failed(memory)) {
        arena_free(memory);
        return fail_memory(where);
    }
    *z = (zip){.memory = memory, .where = name, .data = data, .size = size};
    loris_status status = read_entries(z);
    if (status != LORIS_OK)
        zip_close(z);
    else
        *out = z;
    return status;
}

void zip_close(zip *z) {
    if (z)
        arena_free(z->memory); /* z itself lies there */
}

size_t zip_count(const zip *z) {
    return z->count;
}

const zip_entry *zip_at(const zip *z, size_t i) {
    return i < z->count ? &z->entry[i] : NULL;
}

const zip_entry *zip_find(const zip *z, const char *name) {
    zip_entry wanted = {.name = name};
    return bsearch(&wanted, z->entry, z->count, sizeof *z->entry, compare_names);
}

const zip_entry *zip_find_tail(const zip *z, const char *tail) {
    size_t length = strlen(tail);
    for (size_t i = 0; i < z->count; i++) {
        size_t name = strlen(z->entry[i].name);
        if (name >= length && strcmp(z->entry[i].name + name - length, tail) == 0)
            return &z->entry[i];
    }
    return NULL;
}
