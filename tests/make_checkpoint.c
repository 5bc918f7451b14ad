#include "make_checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

void put_bytes(text *t, const void *data, size_t size) {
    if (size)
        text_append(t, data, size);
}

void put_string(text *t, const char *string) {
    text_append(t, string, strlen(string));
}

void put_number(text *t, int bytes, uint64_t value) {
    for (int i = 0; i < bytes; i++)
        text_append(t, &(char){(char)(value >> (8 * i))}, 1);
}

/* ---- zip --------------------------------------------------------------------------------------------------------- */

void made_zip_add(made_zip *z, const char *name, const void *data, size_t size, size_t align) {
    assert_true(z->count < MADE_ENTRIES_MAX);
    made_entry *e = &z->entry[z->count++];
    snprintf(e->name, sizeof e->name, "%s", name);
    e->header = z->out.length;
    e->size = e->packed = size;
    size_t before = z->out.length + 30 + strlen(name) + 4, padding = align ? (align - before % align) % align : 0;
    put_number(&z->out, 4, 0x04034b50);
    put_number(&z->out, 2, 0);
    put_number(&z->out, 2, 0x0808); /* sizes follow the data; UTF-8: as PyTorch writes */
    put_number(&z->out, 2, 0);
    put_number(&z->out, 4, 0);
    put_number(&z->out, 4, 0);
    put_number(&z->out, 8, 0);
    put_number(&z->out, 2, strlen(name));
    put_number(&z->out, 2, align ? 4 + padding : 0);
    put_string(&z->out, name);
    if (align) {
        put_number(&z->out, 2, 0x4246); /* "FB", PyTorch's padding */
        put_number(&z->out, 2, padding);
        for (size_t i = 0; i < padding; i++)
            put_string(&z->out, "Z");
    }
    put_bytes(&z->out, data, size);
    put_number(&z->out, 4, 0x08074b50);
    put_number(&z->out, 4, 0);
    put_number(&z->out, 4, size);
    put_number(&z->out, 4, size);
}

static void put_directory_entry(text *t, const made_entry *e) {
    put_number(t, 4, 0x02014b50);
    put_number(t, 4, 0);
    put_number(t, 2, e->flags);
    put_number(t, 2, e->method);
    put_number(t, 4, 0);
    put_number(t, 4, 0);
    put_number(t, 4, e->zip64 ? 0xffffffff : e->packed);
    put_number(t, 4, e->zip64 ? 0xffffffff : e->size);
    put_number(t, 2, strlen(e->name));
    put_number(t, 2, e->zip64 ? 6 + 28 : 0);
    put_number(t, 2, 0);
    put_number(t, 8, 0);
    put_number(t, 4, e->zip64 ? 0xffffffff : e->header);
    put_string(t, e->name);
    if (e->zip64) {
        put_number(t, 2, 0x7777); /* a field to skip */
        put_number(t, 2, 2);
        put_number(t, 2, 0);
        put_number(t, 2, 1);
        put_number(t, 2, 24);
        put_number(t, 8, e->size);
        put_number(t, 8, e->packed);
        put_number(t, 8, e->header);
    }
}

void made_zip_end(made_zip *z, const char *comment) {
    text *t = &z->out;
    size_t start = t->length;
    for (size_t i = 0; i < z->count; i++)
        put_directory_entry(t, &z->entry[i]);
    size_t end = t->length;
    if (z->zip64) {
        put_number(t, 4, 0x06064b50);
        put_number(t, 8, 44);
        put_number(t, 4, 0);
        put_number(t, 8, 0);
        put_number(t, 8, z->count);
        put_number(t, 8, z->count);
        put_number(t, 8, end - start);
        put_number(t, 8, start);
        put_number(t, 4, 0x07064b50);
        put_number(t, 4, 0);
        put_number(t, 8, end);
        put_number(t, 4, 1);
    }
    put_number(t, 4, 0x06054b50);
    put_number(t, 4, 0);
    put_number(t, 2, z->zip64 ? 0xffff : z->count);
    put_number(t, 2, z->zip64 ? 0xffff : z->count);
    put_number(t, 4, z->zip64 ? 0xffffffff : end - start);
    put_number(t, 4, z->zip64 ? 0xffffffff : start);
    put_number(t, 2, strlen(comment));
    put_string(t, comment);
    assert_false(text_failed(t));
}

/* ---- torch.save() ------------------------------------------------------------------------------------------------ */

made_tensor *made_add(made_checkpoint *c, const char *name, const char *type, size_t size, int rank, const int64_t *dim,
                      const void *data) {
    c->tensor = realloc(c->tensor, (c->count + 1) * sizeof *c->tensor);
    assert_non_null(c->tensor);
    made_tensor *t = &c->tensor[c->count];
    *t = (made_tensor){.type = type, .rank = rank, .data = data, .count = 1};
    snprintf(t->name, sizeof t->name, "%s", name);
    snprintf(t->key, sizeof t->key, "%zu", c->count++);
    for (int i = rank; i-- > 0;) {
        t->dim[i] = dim[i];
        t->stride[i] = (int64_t)t->count;
        t->count *= (uint64_t)dim[i];
    }
    t->bytes = (size_t)t->count * size;
    return t;
}

void made_free(made_checkpoint *c) {
    free(c->tensor);
    *c = (made_checkpoint){0};
}

static void put_unicode(text *t, const char *string) {
    put_string(t, "X");
    put_number(t, 4, strlen(string));
    put_string(t, string);
}

/* Whole numbers as LONG1 of 8 bytes: any value, negative ones too. */
static void put_integer(text *t, int64_t value) {
    put_bytes(t, "\x8a\x08", 2);
    put_number(t, 8, (uint64_t)value);
}

static void put_integers(text *t, int count, const int64_t *value) {
    put_string(t, "(");
    for (int i = 0; i < count; i++)
        put_integer(t, value[i]);
    put_string(t, "t");
}

void made_pickle(text *out, const made_checkpoint *c, bool legacy) {
    put_string(out, "\x80\x02"
                    "ccollections\nOrderedDict\n)R(");
    for (size_t i = 0; i < c->count; i++) {
        const made_tensor *t = &c->tensor[i];
        put_unicode(out, t->name);
        put_string(out, "ctorch._utils\n_rebuild_tensor_v2\n((");
        put_unicode(out, "storage");
        put_string(out, "ctorch\n");
        put_string(out, t->type);
        put_string(out, "Storage\n");
        put_unicode(out, t->key);
        put_unicode(out, "cpu");
        put_integer(out, (int64_t)t->count);
        put_string(out, legacy ? "NtQ" : "tQ");
        put_integer(out, t->offset);
        put_integers(out, t->rank, t->dim);
        put_integers(out, t->rank, t->stride);
        put_string(out, "\x89"
                        "ccollections\nOrderedDict\n)RtR");
    }
    put_string(out, "u.");
}

/* Has an earlier tensor the same storage? */
static bool is_shared(const made_checkpoint *c, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (strcmp(c->tensor[k].key, c->tensor[i].key) == 0)
            return true;
    return false;
}

void made_write_zip(text *out, const made_checkpoint *c) {
    made_zip *z = calloc(1, sizeof *z);
    assert_non_null(z);
    text pickle = {0};
    made_pickle(&pickle, c, false);
    made_zip_add(z, "archive/data.pkl", pickle.data, pickle.length, 64);
    made_zip_add(z, "archive/byteorder", "little", 6, 64);
    for (size_t i = 0; i < c->count; i++) {
        char name[64];
        snprintf(name, sizeof name, "archive/data/%s", c->tensor[i].key);
        if (!is_shared(c, i))
            made_zip_add(z, name, c->tensor[i].data, c->tensor[i].bytes, 64);
    }
    made_zip_add(z, "archive/version", "3\n", 2, 64);
    made_zip_end(z, "");
    put_bytes(out, z->out.data, z->out.length);
    text_free(&z->out);
    text_free(&pickle);
    free(z);
}

void made_write_legacy(text *out, const made_checkpoint *c) {
    put_bytes(out, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    put_bytes(out, "\x80\x02M\xe9\x03.", 6);
    put_string(out, "\x80\x02}(");
    put_unicode(out, "protocol_version");
    put_bytes(out, "M\xe9\x03", 3);
    put_unicode(out, "little_endian");
    put_string(out, "\x88u.");
    made_pickle(out, c, true);
    put_string(out, "\x80\x02](");
    for (size_t i = 0; i < c->count; i++)
        if (!is_shared(c, i))
            put_unicode(out, c->tensor[i].key);
    put_string(out, "e.");
    for (size_t i = 0; i < c->count; i++)
        if (!is_shared(c, i)) {
            put_number(out, 8, c->tensor[i].count);
            put_bytes(out, c->tensor[i].data, c->tensor[i].bytes);
        }
    assert_false(text_failed(out));
}
