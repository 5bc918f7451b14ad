#include "core/safetensors_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"

struct safetensors_writer {
    output_file file;
    int fd;
    uint64_t header_bytes, data_bytes, written; /* written: of the data */
};

static loris_status fail_write(const safetensors_writer *w, int error) {
    return fail(LORIS_ERROR_OUTPUT,
                error == ENOSPC || error == EDQUOT ? "free some space or write to another disk" : NULL,
                "%s: cannot be written: %s", w->file.path, strerror(error));
}

static loris_status write_all(const safetensors_writer *w, const void *data, size_t bytes) {
    const char *at = data;
    while (bytes > 0) {
        ssize_t written = write(w->fd, at, bytes);
        if (written >= 0) {
            at += written;
            bytes -= (size_t)written;
        } else if (errno != EINTR) {
            return fail_write(w, errno);
        } else {
            TRY(check_cancelled());
        }
    }
    return LORIS_OK;
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

static int compare_names(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static loris_status check_names(const safetensors_entry *entry, size_t count) {
    const char **name = malloc((count + 1) * sizeof *name);
    if (!name)
        return fail_memory("a header");
    for (size_t i = 0; i < count; i++)
        name[i] = entry[i].name;
    name[count] = "__metadata__";
    qsort(name, count + 1, sizeof *name, compare_names);
    const char *twice = NULL;
    for (size_t i = 1; i <= count && !twice; i++)
        if (strcmp(name[i], name[i - 1]) == 0)
            twice = name[i];
    free(name);
    return twice ? fail(LORIS_ERROR_ARGUMENT, NULL, "tensor \"%s\": its name is taken", twice) : LORIS_OK;
}

static loris_status write_entry(json_writer *j, const safetensors_entry *e, uint64_t *offset) {
    static const char *const types[] = {
        [TYPE_F32] = "F32", [TYPE_F16] = "F16", [TYPE_BF16] = "BF16", [TYPE_F64] = "F64",
        [TYPE_I64] = "I64", [TYPE_I32] = "I32", [TYPE_U8] = "U8",     [TYPE_BOOL] = "BOOL"};
    /* Offsets are JSON numbers: exact up to 2^53. */
    size_t count, limit = ((size_t)1 << 53) - (size_t)*offset;
    if (e->rank < 0 || e->rank > SAFETENSORS_MAX_RANK ||
        !shape_count(e->dim, e->rank, limit / number_size(e->type), &count))
        return fail(LORIS_ERROR_ARGUMENT, NULL, "tensor \"%s\": its shape is no size in bytes", e->name);
    json_open(j, e->name, '{');
    json_string(j, "dtype", types[e->type]);
    json_open(j, "shape", '[');
    for (int i = 0; i < e->rank; i++)
        json_integer(j, NULL, (long long)e->dim[i]);
    json_close(j, ']');
    json_open(j, "data_offsets", '[');
    json_integer(j, NULL, (long long)*offset);
    *offset += (uint64_t)count * number_size(e->type);
    json_integer(j, NULL, (long long)*offset);
    json_close(j, ']');
    json_close(j, '}');
    return LORIS_OK;
}

static loris_status make_header(safetensors_writer *w, json_writer *j, const safetensors_entry *entry, size_t count,
                                const safetensors_note *note, size_t notes) {
    TRY(check_names(entry, count));
    json_begin(j, 0);
    json_open(j, NULL, '{');
    if (notes) {
        json_open(j, "__metadata__", '{');
        for (size_t i = 0; i < notes; i++)
            json_string(j, note[i].key, note[i].value);
        json_close(j, '}');
    }
    for (size_t i = 0; i < count; i++)
        TRY(write_entry(j, &entry[i], &w->data_bytes));
    json_close(j, '}');
    static const char spaces[8] = "        ";
    text_append(&j->out, spaces, (8 - j->out.length % 8) % 8);
    return text_failed(&j->out) ? fail_memory("a header") : LORIS_OK;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static loris_status begin_file(safetensors_writer *w, const char *path, const text *header) {
    TRY(output_begin(&w->file, path));
    w->fd = open(w->file.temporary, O_WRONLY | O_CLOEXEC);
    if (w->fd < 0)
        return fail_write(w, errno);
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)header->length >> (8 * i));
    w->header_bytes = sizeof length + header->length;
    TRY(write_all(w, length, sizeof length));
    return write_all(w, header->data, header->length);
}

loris_status safetensors_begin(safetensors_writer **out, const char *path, const safetensors_entry *entry, size_t count,
                               const safetensors_note *note, size_t notes) {
    *out = NULL;
    safetensors_writer *w = calloc(1, sizeof *w);
    if (!w)
        return fail_memory(path);
    w->fd = -1;
    json_writer j = {0};
    loris_status status = make_header(w, &j, entry, count, note, notes);
    if (status == LORIS_OK)
        status = begin_file(w, path, &j.out);
    text_free(&j.out);
    if (status != LORIS_OK)
        safetensors_discard(w);
    else
        *out = w;
    return status;
}

loris_status safetensors_append(safetensors_writer *w, const void *data, size_t bytes) {
    if (bytes > w->data_bytes - w->written)
        return fail(LORIS_ERROR_INTERNAL, NULL, "%s: more data than its header says", w->file.path);
    TRY(write_all(w, data, bytes));
    w->written += bytes;
    return LORIS_OK;
}

loris_status safetensors_commit(safetensors_writer *w) {
    loris_status status = LORIS_OK;
    if (w->written != w->data_bytes)
        status = fail(LORIS_ERROR_INTERNAL, NULL, "%s: %llu bytes of data are missing", w->file.path,
                      (unsigned long long)(w->data_bytes - w->written));
    int fd = w->fd;
    w->fd = -1;
    if (close(fd) != 0 && errno != EINTR && status == LORIS_OK)
        status = fail_write(w, errno);
    if (status == LORIS_OK)
        status = output_commit(&w->file);
    safetensors_discard(w);
    return status;
}

void safetensors_discard(safetensors_writer *w) {
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    output_discard(&w->file);
    free(w);
}

uint64_t safetensors_file_bytes(const safetensors_writer *w) {
    return w->header_bytes + w->data_bytes;
}
