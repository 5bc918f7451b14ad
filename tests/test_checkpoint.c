/* Checkpoints: files that PyTorch wrote (tests/data/checkpoints/README.md), and hostile ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/checkpoint.h"
#include "core/safetensors_write.h"
#include "make_checkpoint.h"
#include "nets/synthetic.h"
#include "scratch.h"

#define DATA LORIS_TEST_DATA "/checkpoints/"

static float *read_floats(const checkpoint_tensor *t) {
    uint8_t *raw = malloc(t->count * 8 + 1);
    float *wide = malloc((t->count + 1) * sizeof *wide);
    assert_true(raw && wide);
    checkpoint_read(t, 0, t->count, raw);
    assert_true(number_to_f32(wide, raw, t->type, t->count));
    free(raw);
    return wide;
}

/* ---- published layouts ------------------------------------------------------------------------------------------- */

/* The name a tensor of these files was made under. */
static const char *made_under(const char *name, char out[256]) {
    const char *rest = strncmp(name, "module.", 7) == 0 ? name + 7 : name;
    const char *inner = strstr(rest, "diffusion.net.");
    snprintf(out, 256, "%.*s%s%s", inner ? (int)(inner - rest) : (int)strlen(rest), rest, inner ? "unet." : "",
             inner ? inner + strlen("diffusion.net.") : "");
    return out;
}

static void check_published(const char *file, const char *container, const char *section, size_t count) {
    char path[512];
    checkpoint *c;
    snprintf(path, sizeof path, DATA "%s", file);
    assert_ok(checkpoint_open(&c, path));
    assert_string_equal(checkpoint_container(c), container);
    assert_string_equal(checkpoint_section(c), section);
    assert_string_equal(checkpoint_path(c), path);
    assert_null(checkpoint_metadata(c));
    assert_int_equal(checkpoint_count(c), count);
    for (size_t i = 0; i < count; i++) {
        char name[256];
        const checkpoint_tensor *t = checkpoint_at(c, i);
        assert_ptr_equal(checkpoint_find(c, t->name), t);
        assert_int_equal(t->type, TYPE_F32);
        assert_true(t->contiguous);
        made_under(t->name, name);
        if (strstr(name, "pos_emb.position") || strstr(name, "div_term"))
            continue; /* tables, not drawn */
        float *got = read_floats(t), *want = malloc((t->count + 1) * sizeof *want);
        synthetic_weight(want, name, t->rank, t->dim);
        /* The file was made with the factor in f32 and perhaps a fused product: one ulp of a value of about 2. */
        compare_arrays_close(t->name, got, want, t->count, 2.4e-7, __FILE__, __LINE__);
        free(got);
        free(want);
    }
    assert_null(checkpoint_at(c, count));
    assert_null(checkpoint_find(c, "absent"));
    checkpoint_release(c);
    assert_string_equal(checkpoint_at(c, 0)->name, strstr(file, "backbone")
                                                       ? "to_mapping.0.weight"
                                                       : "module.cond_diffusion.unet.to_mapping.0.weight");
    checkpoint_close(c);
}

static void test_published_layouts(void **state) {
    (void)state;
    check_published("loris.pt", "PyTorch zip", "", 678);
    check_published("loris-legacy.pt", "PyTorch legacy", "", 678);
    check_published("genre.pt", "PyTorch zip", "", 679); /* protocol 4 */
    check_published("backbone.pt", "PyTorch zip", "state_dict", 162);
    checkpoint_close(NULL);
}

static void test_repeated_tensors_share_their_bytes(void **state) {
    (void)state;
    checkpoint *c;
    assert_ok(checkpoint_open(&c, DATA "loris-legacy.pt"));
    const checkpoint_tensor *a = checkpoint_find(c, "module.cond_diffusion.unet.to_mapping.0.weight");
    const checkpoint_tensor *b = checkpoint_find(c, "module.cond_diffusion.diffusion.net.to_mapping.0.weight");
    const checkpoint_tensor *other = checkpoint_find(c, "module.cond_diffusion.unet.to_mapping.2.weight");
    assert_true(checkpoint_same(a, b));
    assert_false(checkpoint_same(a, other));
    checkpoint_close(c);
}

/* ---- every kind of tensor ---------------------------------------------------------------------------------------- */

static void check_values(const checkpoint *c, const char *name, number_type type, int rank, const int64_t *dim,
                         const float *want) {
    const checkpoint_tensor *t = checkpoint_find(c, name);
    size_t count;
    assert_non_null(t);
    assert_int_equal(t->type, type);
    assert_int_equal(t->rank, rank);
    for (int i = 0; i < rank; i++)
        assert_int_equal(t->dim[i], dim[i]);
    assert_true(shape_count(dim, rank, 1000, &count));
    assert_int_equal(t->count, count);
    float *got = read_floats(t);
    compare_arrays_close(name, got, want, count, 0.0, __FILE__, __LINE__);
    free(got);
    /* In pieces, from any number on. */
    for (size_t first = 0; first < count; first++) {
        uint8_t raw[4 * 8];
        float piece[4];
        size_t some = count - first < 4 ? count - first : 4;
        checkpoint_read(t, first, some, raw);
        number_to_f32(piece, raw, type, some);
        compare_arrays_close(name, piece, want + first, some, 0.0, __FILE__, __LINE__);
    }
}

static void check_mixed(const char *file) {
    static const number_type integers[] = {TYPE_I64, TYPE_I32, TYPE_U8, TYPE_BOOL};
    static const char *const integer_names[] = {"int64", "int32", "uint8", "bool"};
    checkpoint *c;
    assert_ok(checkpoint_open(&c, file));
    assert_string_equal(checkpoint_section(c), "ema.generator");
    float a[24], transposed[24], slice[6], odd[12];
    for (int i = 0; i < 24; i++)
        a[i] = (float)i;
    for (int i = 0; i < 24; i++) /* [4,2,3] of the [2,3,4] */
        transposed[i] = (float)(i % 6 / 3 * 12 + i % 3 * 4 + i / 6);
    for (int i = 0; i < 6; i++)
        slice[i] = (float)((1 + i / 3) * 6 + 2 + i % 3);
    for (int i = 0; i < 12; i++)
        odd[i] = (float)(2 * i + 1);
    check_values(c, "w", TYPE_F32, 2, (int64_t[]){4, 6}, a);
    check_values(c, "transposed", TYPE_F32, 3, (int64_t[]){4, 2, 3}, transposed);
    check_values(c, "slice", TYPE_F32, 2, (int64_t[]){2, 3}, slice);
    check_values(c, "every_other", TYPE_F32, 1, (int64_t[]){12}, odd);
    check_values(c, "empty", TYPE_F32, 2, (int64_t[]){0, 5}, a);
    check_values(c, "parameter", TYPE_F32, 1, (int64_t[]){3}, a);
    check_values(c, "float16", TYPE_F16, 1, (int64_t[]){24}, a);
    check_values(c, "bfloat16", TYPE_BF16, 1, (int64_t[]){24}, a);
    check_values(c, "float64", TYPE_F64, 1, (int64_t[]){24}, a);
    const checkpoint_tensor *scalar = checkpoint_find(c, "n");
    int64_t number = 0;
    assert_int_equal(scalar->rank, 0);
    checkpoint_read(scalar, 0, 1, &number);
    assert_int_equal(number, 7);
    for (int k = 0; k < 4; k++) {
        const checkpoint_tensor *t = checkpoint_find(c, integer_names[k]);
        assert_int_equal(t->type, integers[k]);
        uint8_t raw[24 * 8];
        checkpoint_read(t, 0, 24, raw);
        size_t size = number_size(t->type);
        for (size_t i = 0; i < 24; i++)
            assert_int_equal(raw[i * size], k == 3 ? i > 11 : i);
    }
    assert_false(checkpoint_find(c, "transposed")->contiguous);
    assert_false(checkpoint_find(c, "slice")->contiguous);
    assert_false(checkpoint_find(c, "every_other")->contiguous);
    assert_int_equal(checkpoint_find(c, "slice")->span, 9 * 4);
    assert_int_equal(checkpoint_count(c), 14);
    checkpoint_close(c);
}

static void test_every_kind_of_tensor(void **state) {
    (void)state;
    check_mixed(DATA "mixed.pt");
    check_mixed(DATA "mixed-protocol5.pt");
    check_mixed(DATA "mixed-legacy.pt");
}

static void test_safetensors(void **state) {
    (void)state;
    const safetensors_entry entry[] = {{"b", TYPE_F32, 2, {2, 1}}, {"a", TYPE_F16, 0, {0}}};
    const safetensors_note note = {"k", "v"};
    const char *path = scratch("model.safetensors");
    safetensors_writer *w;
    assert_ok(safetensors_begin(&w, path, entry, 2, &note, 1));
    assert_ok(safetensors_append(w, "\0\0\x80\x3f\0\0\0\x40\0\x3c", 10));
    assert_ok(safetensors_commit(w));
    checkpoint *c;
    assert_ok(checkpoint_open(&c, path));
    assert_string_equal(checkpoint_container(c), "safetensors");
    assert_string_equal(json_get(checkpoint_metadata(c), "k")->string, "v");
    check_values(c, "b", TYPE_F32, 2, (int64_t[]){2, 1}, (float[]){1.0f, 2.0f});
    check_values(c, "a", TYPE_F16, 0, NULL, (float[]){1.0f});
    checkpoint_release(c);
    check_values(c, "b", TYPE_F32, 2, (int64_t[]){2, 1}, (float[]){1.0f, 2.0f});
    checkpoint_close(c);
}

/* ---- where tensors are found ------------------------------------------------------------------------------------- */

/* A pickle with a one-number tensor wherever the text says T, in a file of its own. */
static loris_status open_dict(checkpoint **c, const char *format) {
    static const char tensor[] = "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nByteStorage\nU\x01"
                                 "0U\x03"
                                 "cpuK\x01tQK\x00))\x89NtR";
    text pickle = {0};
    for (const char *at = format; *at; at++) {
        if (*at == 'T')
            put_bytes(&pickle, tensor, sizeof tensor - 1);
        else if (*at >= 'a' && *at <= 'z') {
            size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
            put_string(&pickle, "U");
            put_number(&pickle, 1, length);
            put_bytes(&pickle, at, length);
            at += length - 1;
        } else
            put_bytes(&pickle,
                      *at == '{'   ? "}("
                      : *at == '}' ? "u"
                      : *at == '[' ? "]("
                      : *at == ']' ? "e"
                                   : "N",
                      *at == '{' || *at == '[' ? 2 : 1);
    }
    put_string(&pickle, ".");
    made_zip *z = calloc(1, sizeof *z);
    assert_non_null(z);
    made_zip_add(z, "x/data.pkl", pickle.data, pickle.length, 0);
    made_zip_add(z, "x/data/0", "\x05", 1, 0);
    made_zip_end(z, "");
    loris_status status = checkpoint_open(c, scratch_file("dict.pt", z->out.data, z->out.length));
    text_free(&z->out);
    text_free(&pickle);
    free(z);
    return status;
}

static void test_sections(void **state) {
    (void)state;
    static const struct {
        const char *dict, *section, *first; /* section NULL: refused, first is part of the message */
    } cases[] = {
        {"{wT}", "", "w"},
        {"{wTema{vT}}", "", "w"},
        {"{epoch-wT}", "", "w"},
        {"{model{wT}ema{vT}}", "ema", "v"},
        {"{model{wT}ema-}", "model", "w"},
        {"{model{wT}ema{step-shadow[TT]}}", "model", "w"},
        {"{state_dict{wT}optimizer{vT}}", "state_dict", "w"},
        {"{checkpoint{generator{wT}step-}}", "checkpoint.generator", "w"},
        {"{other{wT}x-}", "other", "w"},
        {"{a{wT}b{vT}}", NULL, "several dicts of tensors"},
        {"{model{a{wT}b{vT}}}", NULL, "several dicts of tensors"},
        {"{a{b{c{d{e{wT}}}}}}", NULL, "no dict of names and tensors"},
        {"{}", NULL, "no dict of names and tensors"},
        {"[TT]", NULL, "no dict of names and tensors"},
        {"T", NULL, "no dict of names and tensors"},
        {"{wTwT}", NULL, "tensor \"w\": appears twice"},
        {"{wT-T}", NULL, "a tensor's name is no string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        checkpoint *c = NULL;
        if (!cases[i].section) {
            assert_fails(open_dict(&c, cases[i].dict), LORIS_ERROR_INPUT, cases[i].first);
            assert_null(c);
            continue;
        }
        if (open_dict(&c, cases[i].dict) != LORIS_OK)
            fail_msg("%s: %s", cases[i].dict, loris_error_message());
        assert_string_equal(checkpoint_section(c), cases[i].section);
        assert_int_equal(checkpoint_count(c), 1);
        assert_string_equal(checkpoint_at(c, 0)->name, cases[i].first);
        checkpoint_close(c);
    }
}

/* ---- hostile files ----------------------------------------------------------------------------------------------- */

static const float numbers[6] = {1, 2, 3, 4, 5, 6};

static void make_pair(made_checkpoint *c) {
    static const int64_t dim[] = {2, 3}, one[] = {3};
    *c = (made_checkpoint){0};
    made_add(c, "first", "Float", 4, 2, dim, numbers);
    made_add(c, "second", "Float", 4, 1, one, numbers);
}

/* Both containers of the pair, opened. */
static void check_both(made_checkpoint *c, const char *part_zip, const char *part_legacy) {
    for (int legacy = 0; legacy < 2; legacy++) {
        text t = {0};
        const char *part = legacy ? part_legacy : part_zip;
        (legacy ? made_write_legacy : made_write_zip)(&t, c);
        checkpoint *opened = NULL;
        const char *path = scratch_file("made.pt", t.data, t.length);
        if (part)
            assert_fails(checkpoint_open(&opened, path), LORIS_ERROR_INPUT, part);
        else
            assert_ok(checkpoint_open(&opened, path));
        checkpoint_close(opened);
        text_free(&t);
    }
    made_free(c);
}

static void test_tensors_beyond_their_storages(void **state) {
    (void)state;
    made_checkpoint c;
    make_pair(&c);
    check_both(&c, NULL, NULL);

    make_pair(&c);
    c.tensor[0].offset = 1;
    check_both(&c, "tensor \"first\": reaches beyond its storage of 6", "tensor \"first\": reaches beyond");
    make_pair(&c);
    c.tensor[0].stride[1] = 2;
    check_both(&c, "tensor \"first\": reaches beyond", "tensor \"first\": reaches beyond");
    make_pair(&c);
    c.tensor[0].stride[0] = INT64_MAX / 2 + 2;
    c.tensor[0].dim[0] = 3;
    c.tensor[0].dim[1] = 1;
    check_both(&c, "tensor \"first\": reaches beyond", "tensor \"first\": reaches beyond");
    make_pair(&c);
    c.tensor[0].offset = INT64_MAX;
    check_both(&c, "tensor \"first\": reaches beyond", "tensor \"first\": reaches beyond");
    make_pair(&c); /* a small file must not ask for much */
    c.tensor[0].dim[0] = c.tensor[0].dim[1] = (int64_t)1 << 40;
    c.tensor[0].stride[0] = c.tensor[0].stride[1] = 0;
    check_both(&c, "tensor \"first\": has more numbers than its storage of 6", "has more numbers than its storage");
    make_pair(&c);
    c.tensor[1].count = 4;
    check_both(&c, "tensor \"second\": zip entry \"archive/data/1\" has 12 bytes, not those of 4 numbers of f32",
               "cut short");
    make_pair(&c);
    c.tensor[1].count = (uint64_t)1 << 62;
    check_both(&c, "zip entry \"archive/data/1\" has 12 bytes", "cut short");
    make_pair(&c);
    c.tensor[1].type = "Half";
    check_both(&c, "not those of 3 numbers of f16", "6 bytes belong to no storage");
    make_pair(&c);
    snprintf(c.tensor[1].key, sizeof c.tensor[1].key, "0");
    c.tensor[1].count = 6;
    check_both(&c, NULL, NULL); /* a view into the first */
    make_pair(&c);
    snprintf(c.tensor[1].key, sizeof c.tensor[1].key, "0");
    check_both(&c, "has 24 bytes, not those of 3", "given two types or sizes");
}

static void test_names(void **state) {
    (void)state;
    made_checkpoint c;
    make_pair(&c);
    snprintf(c.tensor[1].name, sizeof c.tensor[1].name, "first");
    check_both(&c, "tensor \"first\": appears twice", "tensor \"first\": appears twice");
    make_pair(&c);
    c.tensor[1].name[0] = '\0';
    check_both(&c, "name is not plain text", "name is not plain text");
    make_pair(&c);
    c.tensor[1].name[2] = '\x1b';
    check_both(&c, "name is not plain text", "name is not plain text");
}

static void test_wrong_heads(void **state) {
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        const char *part;
    } cases[] = {
        {"", 0, "is empty"},
        {"\x89PNG\r\n\x1a\n....", 12, "neither a PyTorch nor a safetensors file"},
        {"\x80\x04K\x01.", 5, "its magic number is missing"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x18.K\x01.", 18, "its magic number is missing"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15, "byte 15: the pickle is cut short"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.M\xe8\x03.}.", 21, "protocol is not 1001"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.M\xe9\x03.}.", 21, "not little-endian"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.M\xe9\x03.}U\x0dlittle_endian\x89s.", 38,
         "not little-endian"},
        {"PK\x03\x04 and then nothing", 20, "cut short"},
        {"\x80\x02}.", 4, "a pickle, but it holds no arrays"},
        {"\x80\x04}.", 4, "a pickle, but it holds no arrays"},
        {"\x80\x04\x95\x02\0\0\0\0\0\0\0}.", 13, "a pickle, but it holds no arrays"},
        {"\x80\x02}U\x01" "a}q\x01U\x01" "bh\x01ss.", 17, "nested too deeply"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        checkpoint *c = NULL;
        assert_fails(checkpoint_open(&c, scratch_file("head", cases[i].data, cases[i].size)), LORIS_ERROR_INPUT,
                     cases[i].part);
        assert_null(c);
    }
    checkpoint *c = NULL;
    assert_fails(checkpoint_open(&c, scratch("absent.pt")), LORIS_ERROR_INPUT, "absent.pt");
    assert_fails(checkpoint_open(&c, scratch("")), LORIS_ERROR_INPUT, "is a folder");
}

static void check_archive(made_zip *z, const char *part) {
    checkpoint *c = NULL;
    made_zip_end(z, "");
    assert_fails(checkpoint_open(&c, scratch_file("archive.pt", z->out.data, z->out.length)), LORIS_ERROR_INPUT, part);
    text_free(&z->out);
    memset(z, 0, sizeof *z);
}

static void test_archives_that_are_none_of_pytorch(void **state) {
    (void)state;
    made_zip *z = calloc(1, sizeof *z);
    assert_non_null(z);
    made_zip_add(z, "readme", "hello", 5, 0);
    check_archive(z, "a zip file, but not of PyTorch");
    made_zip_add(z, "m/data.pkl", "}.", 2, 0);
    made_zip_add(z, "m/byteorder", "big", 3, 0);
    check_archive(z, "not little-endian");
    made_zip_add(z, "m/data.pkl", "cos\nsystem\n.", 12, 0);
    check_archive(z, "archive.pt: data.pkl: byte 0: pickle opcode GLOBAL names os.system");
    text pickle = {0};
    made_checkpoint c;
    make_pair(&c);
    made_pickle(&pickle, &c, false);
    made_zip_add(z, "m/data.pkl", pickle.data, pickle.length, 0);
    check_archive(z, "tensor \"first\": its storage, zip entry \"m/data/0\", is missing");
    text_free(&pickle);
    made_free(&c);
    free(z);
}

static void test_cut_anywhere(void **state) {
    (void)state;
    for (int legacy = 0; legacy < 2; legacy++) {
        made_checkpoint c;
        text t = {0};
        make_pair(&c);
        (legacy ? made_write_legacy : made_write_zip)(&t, &c);
        for (size_t size = 0; size < t.length; size++) {
            checkpoint *opened = NULL;
            assert_fails(checkpoint_open(&opened, scratch_file("cut.pt", t.data, size)), LORIS_ERROR_INPUT, NULL);
            assert_null(opened);
        }
        text_append(&t, "x", 1);
        checkpoint *opened = NULL;
        assert_fails(checkpoint_open(&opened, scratch_file("cut.pt", t.data, t.length)), LORIS_ERROR_INPUT,
                     legacy ? "1 bytes belong to no storage" : "cut short");
        made_free(&c);
        text_free(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_layouts),
        cmocka_unit_test(test_repeated_tensors_share_their_bytes),
        cmocka_unit_test(test_every_kind_of_tensor),
        cmocka_unit_test(test_safetensors),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_tensors_beyond_their_storages),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_wrong_heads),
        cmocka_unit_test(test_archives_that_are_none_of_pytorch),
        cmocka_unit_test(test_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
