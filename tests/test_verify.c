/* Verification against golden arrays: the networks match them, and it notices one value in a hundred being off. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/npy.h"
#include "loris/loris.h"
#include "scratch.h"
#include "support_net.h"
#include "wrong_kernels.h"

static loris_engine *engine;

static int open_engine(void **state) {
    loris_engine_settings settings;
    loris_engine_defaults(&settings);
    settings.device = getenv("LORIS_TEST_DEVICE");
    settings.cache_dir = "";
    const char *backend = getenv("LORIS_TEST_BACKEND");
    if (backend)
        settings.backend = !strcmp(backend, "clblast")  ? LORIS_BACKEND_CLBLAST
                           : !strcmp(backend, "onednn") ? LORIS_BACKEND_ONEDNN
                                                        : LORIS_BACKEND_OWN;
    return loris_engine_open(&engine, &settings) == LORIS_OK ? scratch_setup(state) : -1;
}

static int close_engine(void **state) {
    loris_engine_close(engine);
    return scratch_teardown(state);
}

typedef struct results {
    int count, failed;
    char names[32][64];
} results;

static void collect(void *user, const loris_quantity *q) {
    results *r = user;
    snprintf(r->names[r->count++], sizeof r->names[0], "%s", q->name);
    r->failed += !q->pass;
    assert_true(q->scale > 0);
    if (!q->pass)
        print_message("%s: error %g, scale %g, tolerance %g\n", q->name, q->max_abs_error, q->scale, q->tolerance);
}

static loris_status verify(const char *folder, const char *dump, results *r) {
    memset(r, 0, sizeof *r);
    const loris_verify_settings settings = {
        .dump = dump, .model = LORIS_MODELS "/base", .quantity = collect, .quantity_user = r};
    return loris_verify(engine, folder, &settings);
}

static bool reported(const results *r, const char *name) {
    for (int i = 0; i < r->count; i++)
        if (!strcmp(r->names[i], name))
            return true;
    return false;
}

/* Whatever the weights are kept in; and each quantity says it. */
static void expect_precision(void *user, const loris_quantity *q) {
    assert_string_equal(q->precision, user);
    assert_true(q->pass);
}

static void the_device_knows_the_answers_in_any_precision(void **state) {
    (void)state;
    static const struct {
        loris_precision precision;
        char name[8];
    } kinds[] = {{LORIS_PRECISION_F32, "f32"}, {LORIS_PRECISION_BF16, "bf16"}, {LORIS_PRECISION_F16, "f16"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        loris_engine_settings settings;
        loris_engine_defaults(&settings);
        settings.device = getenv("LORIS_TEST_DEVICE");
        settings.cache_dir = "";
        settings.precision = kinds[i].precision;
        loris_engine *one;
        assert_ok(loris_engine_open(&one, &settings));
        const loris_verify_settings asked = {.quantity = expect_precision, .quantity_user = (void *)kinds[i].name};
        assert_ok(loris_verify(one, NULL, &asked));
        loris_engine_close(one);
    }
}

/* Kept in f16, the default model's matrices, which its file has in f16, are what they are in f32. */
static void the_default_model_loses_nothing_in_f16(void **state) {
    (void)state;
    static const char file[] = "house-bands.npy";
    npy bands[2];
    for (int i = 0; i < 2; i++) {
        loris_engine *one;
        const loris_engine_settings settings = {.device = getenv("LORIS_TEST_DEVICE"),
                                                .cache_dir = "",
                                                .precision = i ? LORIS_PRECISION_F16 : LORIS_PRECISION_F32};
        assert_ok(loris_engine_open(&one, &settings));
        char dump[1024], path[1100];
        snprintf(dump, sizeof dump, "%s", scratch(i ? "f16" : "f32"));
        const loris_verify_settings asked = {.dump = dump, .model = LORIS_MODELS "/base"};
        assert_ok(loris_verify(one, LORIS_TEST_DATA "/base", &asked));
        snprintf(path, sizeof path, "%s/%s", dump, file);
        assert_ok(npy_read(&bands[i], path));
        loris_engine_close(one);
    }
    assert_int_equal(bands[0].count, bands[1].count);
    assert_memory_equal(bands[0].f32, bands[1].f32, bands[0].count * sizeof(float));
    npy_free(&bands[0]);
    npy_free(&bands[1]);
}

static void clblast_has_f32_alone(void **state) {
    (void)state;
    const loris_engine_settings settings = {.device = getenv("LORIS_TEST_DEVICE"),
                                            .cache_dir = "",
                                            .backend = LORIS_BACKEND_CLBLAST,
                                            .precision = LORIS_PRECISION_F16};
    loris_engine *none = NULL;
    assert_fails(loris_engine_open(&none, &settings), LORIS_ERROR_ARGUMENT, "CLBlast");
}

static void the_device_knows_the_answers(void **state) {
    (void)state;
    results r;
    assert_ok(verify(NULL, NULL, &r));
    assert_true(r.count >= 2 && r.failed == 0);
}

static void conditional_networks_match_the_reference(void **state) {
    (void)state;
    static const char *const folders[] = {"cond", "genre"};
    for (int i = 0; i < 2; i++) {
        results r;
        char path[4096];
        snprintf(path, sizeof path, "%s/unet/%s", LORIS_TEST_DATA, folders[i]);
        assert_ok(verify(path, NULL, &r));
        static const char *const wanted[] = {
            "tokens",   "peaks",    "envelope", "null_peaks",   "hawkes_bottleneck", "unet",        "unet_null",
            "guided20", "denoised", "sigmas",   "sample_adpm2", "sample_aeuler",     "sample_heun", "sample_dpmpp2m"};
        for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++)
            assert_true(reported(&r, wanted[k]));
    }
}

static void networks_match_the_reference(void **state) {
    (void)state;
    static const char *const folders[] = {"uncond", "channels", "upsampler"};
    for (int i = 0; i < 3; i++) {
        results r;
        char path[4096];
        snprintf(path, sizeof path, "%s/unet/%s", LORIS_TEST_DATA, folders[i]);
        assert_ok(verify(path, NULL, &r));
        static const char *const wanted[] = {"unet",          "denoised",    "sigmas",        "sample_adpm2",
                                             "sample_aeuler", "sample_heun", "sample_dpmpp2m"};
        for (int k = 0; k < 7; k++)
            assert_true(reported(&r, wanted[k]));
    }
}

static void the_default_model_matches_the_reference(void **state) {
    (void)state;
    results r;
    assert_ok(verify(LORIS_TEST_DATA "/base", NULL, &r));
    static const char *const wanted[] = {"house-conditioning", "house-features", "house-bands", "house-bands-score-off",
                                         "free-conditioning",  "free-features",  "free-bands"};
    for (int k = 0; k < 7; k++)
        assert_true(reported(&r, wanted[k]));
}

/* ---- changes of 1 % ---------------------------------------------------------------------------------------------- */

/* scratch/NAME with one evaluation of `upsampler` to check. */
static const char *small_folder(const char *name) {
    static const char *const files[] = {"config.json", "model.safetensors", "x.npy",
                                        "c_noise.npy", "channels0.npy",     "unet.npy"};
    const char *folder = scratch(name);
    assert_ok(folder_make(folder, 0777));
    for (int i = 0; i < 6; i++) {
        char from[4096], to[4096], *data;
        size_t size;
        snprintf(from, sizeof from, LORIS_TEST_DATA "/unet/upsampler/%s", files[i]);
        snprintf(to, sizeof to, "%s/%s", folder, files[i]);
        assert_ok(file_read(from, 16u << 20, &data, &size));
        scratch_write(to, data, size);
        free(data);
    }
    return folder;
}

static void a_golden_value_off_by_one_percent_fails(void **state) {
    (void)state;
    char path[4096];
    const char *folder = small_folder("golden");
    results r;
    assert_ok(verify(folder, NULL, &r));
    snprintf(path, sizeof path, "%s/unet.npy", folder);
    npy a;
    assert_ok(npy_read(&a, path));
    size_t largest = 0;
    for (size_t i = 0; i < a.count; i++)
        if (fabsf(a.f32[i]) > fabsf(a.f32[largest]))
            largest = i;
    a.f32[largest] *= 1.01f;
    assert_ok(npy_write_f32(path, a.rank, a.dim, a.f32));
    npy_free(&a);
    assert_int_equal(verify(folder, NULL, &r), LORIS_MISMATCH);
    assert_int_equal(r.failed, 1);
}

/* Every weight of the first block's first convolution times 1.01: finds its way to the output. */
static void a_weight_off_by_one_percent_fails(void **state) {
    (void)state;
    char path[4096];
    const char *folder = small_folder("weight");
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    safetensors *s;
    assert_ok(safetensors_open(&s, path));
    const safetensor *t = safetensors_find(s, "cond_diffusion.unet.downsamples.0.downsample.weight");
    assert_non_null(t);
    char *data;
    size_t size, largest = 0;
    assert_ok(file_read(path, 16u << 20, &data, &size));
    float *values = malloc(t->bytes);
    memcpy(values, t->data, t->bytes);
    for (size_t i = 0; i < t->count; i++)
        if (fabsf(values[i]) > fabsf(values[largest]))
            largest = i;
    values[largest] *= 1.01f;
    size_t header = 0;
    memcpy(&header, data, 8); /* little-endian length, then the header, then the data */
    const uint8_t *base = safetensors_at(s, 0)->data;
    for (size_t i = 1; i < safetensors_count(s); i++)
        base = safetensors_at(s, i)->data < base ? safetensors_at(s, i)->data : base;
    memcpy(data + 8 + header + (size_t)(t->data - base), values, t->bytes);
    safetensors_close(s);
    scratch_write(path, data, size);
    free(data);
    free(values);
    results r;
    assert_int_equal(verify(folder, NULL, &r), LORIS_MISMATCH);
}

static void a_kernel_off_by_one_percent_fails(void **state) {
    (void)state;
    const char *folder = small_folder("kernel"), *kernels = wrong_silu("kernels");
    loris_engine *good = engine;
    loris_engine_settings settings;
    loris_engine_defaults(&settings);
    settings.cache_dir = "";
    settings.kernels_dir = kernels;
    assert_ok(loris_engine_open(&engine, &settings));
    results r;
    assert_int_equal(verify(folder, NULL, &r), LORIS_MISMATCH);
    assert_int_equal(verify(NULL, NULL, &r), LORIS_MISMATCH);
    loris_engine_close(engine);
    engine = good;
}

static void computed_arrays_are_dumped_under_the_goldens_names(void **state) {
    (void)state;
    const char *folder = small_folder("dumped"), *dump = scratch("dump");
    char path[4096];
    results r;
    assert_ok(verify(folder, dump, &r));
    npy want, got;
    snprintf(path, sizeof path, "%s/unet.npy", dump);
    assert_ok(npy_read(&got, path));
    assert_ok(npy_read(&want, LORIS_TEST_DATA "/unet/upsampler/unet.npy"));
    assert_ok(npy_expect(&got, path, want.rank, want.dim));
    for (size_t i = 0; i < want.count; i++)
        assert_true(fabsf(got.f32[i] - want.f32[i]) <= 1e-3f);
    npy_free(&want);
    npy_free(&got);
}

static void useless_folders_are_refused(void **state) {
    (void)state;
    char path[4096];
    results r;
    assert_int_equal(verify(scratch(""), NULL, &r), LORIS_ERROR_INPUT);
    const char *folder = small_folder("useless");
    snprintf(path, sizeof path, "%s/c_noise.npy", folder);
    assert_ok(npy_write_f32(path, 1, (const int64_t[]){3}, (const float[]){0, 0, 0})); /* the batch is 2 */
    assert_int_equal(verify(folder, NULL, &r), LORIS_ERROR_INPUT);
    assert_non_null(strstr(loris_error_message(), "c_noise.npy"));
    snprintf(path, sizeof path, "%s/config.json", folder);
    scratch_write(path, "{}", 2);
    assert_int_equal(verify(folder, NULL, &r), LORIS_ERROR_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_device_knows_the_answers),
        cmocka_unit_test(the_device_knows_the_answers_in_any_precision),
        cmocka_unit_test(the_default_model_loses_nothing_in_f16),
        cmocka_unit_test(clblast_has_f32_alone),
        cmocka_unit_test(networks_match_the_reference),
        cmocka_unit_test(the_default_model_matches_the_reference),
        cmocka_unit_test(conditional_networks_match_the_reference),
        cmocka_unit_test(a_golden_value_off_by_one_percent_fails),
        cmocka_unit_test(a_weight_off_by_one_percent_fails),
        cmocka_unit_test(a_kernel_off_by_one_percent_fails),
        cmocka_unit_test(computed_arrays_are_dumped_under_the_goldens_names),
        cmocka_unit_test(useless_folders_are_refused),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
