#include "core/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/number.h"
#include "core/text.h"

/* ---- the header -------------------------------------------------------------------------------------------------- */

/* It is a Python literal such as {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }. */
typedef struct header {
    const char *at, *end;
    const char *path;
    char descr[8];
    bool has_descr, has_order, has_shape, fortran_order;
    int rank;
    int64_t dim[NPY_MAX_RANK];
} header;

static loris_status fail_header(const header *h, const char *what) {
    return fail(LORIS_ERROR_INPUT, "write it again with numpy.save", "%s: not a usable .npy file: %s", h->path, what);
}

static void skip_space(header *h) {
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t' || *h->at == '\r'))
        h->at++;
}

/* Takes `c` if it is next. */
static bool accept(header *h, char c) {
    skip_space(h);
    if (h->at == h->end || *h->at != c)
        return false;
    h->at++;
    return true;
}

static bool accept_word(header *h, const char *word) {
    size_t length = strlen(word);
    skip_space(h);
    if ((size_t)(h->end - h->at) < length || memcmp(h->at, word, length) != 0)
        return false;
    h->at += length;
    return true;
}

/* A string in either quote, shorter than `capacity`; neither the keys nor the types known need escapes. */
static bool parse_string(header *h, char *out, size_t capacity) {
    char quote = accept(h, '\'') ? '\'' : accept(h, '"') ? '"' : '\0';
    if (!quote)
        return false;
    size_t length = 0;
    while (h->at < h->end && *h->at != quote) {
        if (length + 1 >= capacity)
            return false;
        out[length++] = *h->at++;
    }
    out[length] = '\0';
    return accept(h, quote);
}

static loris_status parse_dimension(header *h, int64_t *out) {
    skip_space(h);
    const char *start = h->at;
    int64_t value = 0;
    while (h->at < h->end && *h->at >= '0' && *h->at <= '9') {
        int digit = *h->at++ - '0';
        if (value > (INT64_MAX - digit) / 10)
            return fail_header(h, "a dimension is too large");
        value = value * 10 + digit;
    }
    if (h->at == start)
        return fail_header(h, "a dimension is not a number");
    *out = value;
    return LORIS_OK;
}

static loris_status parse_shape(header *h) {
    if (!accept(h, '('))
        return fail_header(h, "its shape is not a tuple");
    bool more = !accept(h, ')');
    while (more) {
        if (h->rank == NPY_MAX_RANK)
            return fail_header(h, "it has more than 8 dimensions");
        TRY(parse_dimension(h, &h->dim[h->rank++]));
        bool comma = accept(h, ',');
        more = !accept(h, ')');
        if (more && !comma)
            return fail_header(h, "its shape is damaged");
    }
    h->has_shape = true;
    return LORIS_OK;
}

static loris_status parse_entry(header *h) {
    char key[16];
    if (!parse_string(h, key, sizeof key) || !accept(h, ':'))
        return fail_header(h, "its header is damaged");
    if (strcmp(key, "descr") == 0 && !h->has_descr) {
        h->has_descr = parse_string(h, h->descr, sizeof h->descr);
        return h->has_descr ? LORIS_OK : fail_header(h, "its numbers have a type that is not supported");
    }
    if (strcmp(key, "fortran_order") == 0 && !h->has_order) {
        h->fortran_order = accept_word(h, "True");
        h->has_order = h->fortran_order || accept_word(h, "False");
        return h->has_order ? LORIS_OK : fail_header(h, "fortran_order is neither True nor False");
    }
    if (strcmp(key, "shape") == 0 && !h->has_shape)
        return parse_shape(h);
    return fail_header(h, "its header has an unknown or repeated key");
}

static loris_status parse_header(header *h) {
    if (!accept(h, '{'))
        return fail_header(h, "its header is damaged");
    bool more = !accept(h, '}');
    while (more) {
        TRY(parse_entry(h));
        bool comma = accept(h, ',');
        more = !accept(h, '}');
        if (more && !comma)
            return fail_header(h, "its header is damaged");
    }
    skip_space(h);
    if (h->at != h->end || !h->has_descr || !h->has_order || !h->has_shape)
        return fail_header(h, "its header is damaged");
    return LORIS_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static loris_status find_type(const header *h, number_type *out) {
    static const struct {
        const char *descr;
        number_type type;
    } known[] = {{"<f4", TYPE_F32}, {"<f2", TYPE_F16}, {"<f8", TYPE_F64}, {"<i8", TYPE_I64},
                 {"<i4", TYPE_I32}, {"|u1", TYPE_U8},  {"|b1", TYPE_BOOL}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(h->descr, known[i].descr) == 0) {
            *out = known[i].type;
            return LORIS_OK;
        }
    const char *why = h->descr[0] == '>' ? "big-endian numbers" : "numbers of an unknown type";
    return fail(LORIS_ERROR_INPUT, "save it as float32 or int64, little-endian", "%s: %s (%s)", h->path, why, h->descr);
}

/* Numbers of a whole type; data may lie at any address. */
static void widen_integers(int64_t *out, const uint8_t *data, number_type type, size_t count) {
    if (type == TYPE_I64) {
        if (count)
            memcpy(out, data, count * sizeof *out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (type == TYPE_I32) {
            int32_t value;
            memcpy(&value, data + 4 * i, sizeof value);
            out[i] = value;
        } else {
            out[i] = type == TYPE_BOOL ? data[i] != 0 : data[i];
        }
    }
}

/* From Fortran order, where the first index runs fastest, to C order, where the last does. Numbers are of `size` bytes.
 */
static void transpose(uint8_t *out, const uint8_t *in, size_t size, const header *h, size_t count) {
    size_t stride[NPY_MAX_RANK], place = 0; /* of the number in the file, in numbers */
    int64_t index[NPY_MAX_RANK] = {0};
    for (int k = 0; k < h->rank; k++)
        stride[k] = k ? stride[k - 1] * (size_t)h->dim[k - 1] : 1;
    for (size_t i = 0; i < count; i++) {
        memcpy(out + i * size, in + place * size, size);
        for (int k = h->rank - 1; k >= 0; k--) {
            place += stride[k];
            if (++index[k] < h->dim[k])
                break;
            place -= stride[k] * (size_t)h->dim[k];
            index[k] = 0;
        }
    }
}

/* Finds header and data in the file's bytes. */
static loris_status split(const file_map *map, header *h, const uint8_t **data, size_t *bytes) {
    static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    const uint8_t *d = map->data;
    if (map->size < 10 || memcmp(d, magic, sizeof magic) != 0)
        return fail(LORIS_ERROR_INPUT, "write it with numpy.save", "%s: not a .npy file", h->path);
    if (d[6] < 1 || d[6] > 3)
        return fail_header(h, "its version is unknown");
    size_t prefix = d[6] == 1 ? 10 : 12;
    if (map->size < prefix)
        return fail_header(h, "its header is cut short");
    size_t length = (size_t)d[8] | (size_t)d[9] << 8;
    if (d[6] > 1)
        length |= (size_t)d[10] << 16 | (size_t)d[11] << 24;
    if (length > map->size - prefix)
        return fail_header(h, "its header is cut short");
    h->at = (const char *)d + prefix;
    h->end = h->at + length;
    *data = d + prefix + length;
    *bytes = map->size - prefix - length;
    return LORIS_OK;
}

/* `count` numbers in C order to those of the result. */
static loris_status convert(npy *out, const uint8_t *data, number_type type, const header *h, size_t count) {
    npy array = {.rank = h->rank, .count = count};
    memcpy(array.dim, h->dim, sizeof h->dim);
    size_t room = count ? count : 1; /* an empty array is not a NULL one */
    if (type == TYPE_F32 || type == TYPE_F16 || type == TYPE_F64) {
        array.f32 = calloc(room, sizeof *array.f32);
        if (!array.f32)
            return fail_memory(h->path);
        number_to_f32(array.f32, data, type, count);
    } else {
        array.i64 = calloc(room, sizeof *array.i64);
        if (!array.i64)
            return fail_memory(h->path);
        widen_integers(array.i64, data, type, count);
    }
    *out = array;
    return LORIS_OK;
}

static loris_status decode(npy *out, const file_map *map, const char *path) {
    header h = {.path = path};
    const uint8_t *data = NULL;
    size_t bytes = 0, count = 0;
    number_type type = TYPE_F32;
    TRY(split(map, &h, &data, &bytes));
    TRY(parse_header(&h));
    TRY(find_type(&h, &type));
    size_t size = number_size(type);
    if (!shape_count(h.dim, h.rank, bytes / size, &count))
        return fail(LORIS_ERROR_INPUT, "is the file complete?",
                    "%s: cut short: its shape needs more than the %zu bytes there", path, bytes);
    if (count * size != bytes)
        return fail(LORIS_ERROR_INPUT, "save one array to a file", "%s: %zu bytes follow the array", path,
                    bytes - count * size);
    if (!h.fortran_order || count == 0)
        return convert(out, data, type, &h, count);
    uint8_t *ordered = malloc(bytes);
    if (!ordered)
        return fail_memory(path);
    transpose(ordered, data, size, &h, count);
    loris_status status = convert(out, ordered, type, &h, count);
    free(ordered);
    return status;
}

loris_status npy_read(npy *out, const char *path) {
    *out = (npy){0};
    file_map map;
    TRY(file_map_open(&map, path));
    loris_status status = decode(out, &map, path);
    file_map_close(&map);
    return status;
}

void npy_free(npy *a) {
    free(a->f32);
    free(a->i64);
    *a = (npy){0};
}

/* "(3, 4)"; -1 as "any". */
static void print_shape(text *t, int rank, const int64_t *dim) {
    text_append(t, "(", 1);
    for (int i = 0; i < rank; i++) {
        text_printf(t, "%s", i ? ", " : "");
        if (dim[i] < 0)
            text_printf(t, "any");
        else
            text_printf(t, "%" PRId64, dim[i]);
    }
    text_printf(t, rank == 1 ? ",)" : ")");
}

loris_status npy_expect(const npy *a, const char *path, int rank, const int64_t *dim) {
    bool same = a->rank == rank;
    for (int i = 0; same && i < rank; i++)
        same = dim[i] == -1 || a->dim[i] == dim[i];
    if (same)
        return LORIS_OK;
    text got = {0}, want = {0};
    print_shape(&got, a->rank, a->dim);
    print_shape(&want, rank, dim);
    loris_status status = text_failed(&got) || text_failed(&want)
                              ? fail_memory(path)
                              : fail(LORIS_ERROR_INPUT, "does it belong to this model?", "%s: its shape is %s, not %s",
                                     path, got.data, want.data);
    text_free(&got);
    text_free(&want);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static loris_status write_array(const char *path, const char *descr, int rank, const int64_t *dim, const void *data,
                                size_t size) {
    size_t count;
    if (rank > NPY_MAX_RANK || !shape_count(dim, rank, SIZE_MAX / 4 / size, &count))
        return fail(LORIS_ERROR_INTERNAL, NULL, "%s: an array's shape is impossible", path);
    text out = {0};
    text_append(&out, "\x93NUMPY\x01\x00\x00\x00", 10);
    text_printf(&out, "{'descr': '%s', 'fortran_order': False, 'shape': ", descr);
    print_shape(&out, rank, dim);
    text_printf(&out, ", }");
    /* Spaces and a newline up to a multiple of 64, as the format wants. */
    text_printf(&out, "%*s\n", (int)(63 - out.length % 64), "");
    if (!text_failed(&out)) {
        size_t length = out.length - 10;
        out.data[8] = (char)(length & 0xff);
        out.data[9] = (char)(length >> 8);
    }
    text_append(&out, data, count * size);
    loris_status status = text_failed(&out) ? fail_memory(path) : file_write(path, out.data, out.length);
    text_free(&out);
    return status;
}

loris_status npy_write_f32(const char *path, int rank, const int64_t *dim, const float *data) {
    return write_array(path, "<f4", rank, dim, data, sizeof *data);
}

loris_status npy_write_i64(const char *path, int rank, const int64_t *dim, const int64_t *data) {
    return write_array(path, "<i8", rank, dim, data, sizeof *data);
}
