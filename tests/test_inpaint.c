/* Parts given, clips continued and upsampled, with the networks of audio-diffusion-pytorch, against a restatement of
 * the published procedures over the reference network. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/npy.h"
#include "diffusion/continue.h"
#include "diffusion/upsample.h"
#include "nets/model.h"
#include "support_net.h"

typedef struct fixture {
    model *model;
    weights *weights;
    npy draws; /* (N, C, S) */
    sampling_settings settings;
    int rows;
} fixture;

/* data/NAME.npy of shape (C, S) -> [S][C] */
static float *read_rows(const char *name, int channels, int rows) {
    char path[4096];
    npy a;
    snprintf(path, sizeof path, "%s/%s.npy", LORIS_TEST_DATA, name);
    assert_ok(npy_read(&a, path));
    assert_ok(npy_expect(&a, path, 2, (const int64_t[]){channels, rows}));
    float *out = malloc(a.count * sizeof *out);
    assert_non_null(out);
    for (int c = 0; c < channels; c++)
        for (int r = 0; r < rows; r++)
            out[r * channels + c] = a.f32 ? a.f32[c * rows + r] : (float)a.i64[c * rows + r];
    npy_free(&a);
    return out;
}

static loris_status stored_noise(void *user, int draw, size_t first, size_t count, float *out) {
    const fixture *f = user;
    const size_t channels = (size_t)f->draws.dim[1], rows = (size_t)f->draws.dim[2];
    assert_true(draw >= -1 && draw + 1 < f->draws.dim[0]); /* numbered in the order they are made */
    for (size_t i = 0; i < count; i++) {
        const size_t row = (first + i) / channels, channel = (first + i) % channels;
        out[i] = f->draws.f32[((size_t)(draw + 1) * channels + channel) * rows + row];
    }
    return LORIS_OK;
}

static void begin(fixture *f, const char *draws, int steps) {
    *f = (fixture){.rows = 1152};
    assert_ok(model_open(&f->model, LORIS_TEST_DATA "/unet/uncond"));
    assert_ok(weights_new(&f->weights, support_compute(), f->model->file, f->model->prefix));
    assert_ok(npy_read(&f->draws, draws));
    assert_ok(npy_expect(&f->draws, draws, 3, (const int64_t[]){-1, 2, f->rows}));
    f->settings = (sampling_settings){.sampler = SAMPLER_ADPM2,
                                      .steps = steps,
                                      .sigma_min = 1e-4,
                                      .sigma_max = 3,
                                      .rho = 9,
                                      .sigma_data = f->model->sigma_data,
                                      .guidance = 1,
                                      .overlap = 1};
}

static void end(fixture *f) {
    weights_free(f->weights);
    model_close(f->model);
    npy_free(&f->draws);
}

static sampling_request request_of(fixture *f) {
    static const clip_conditioning none;
    return (sampling_request){.compute = support_compute(),
                              .weights = f->weights,
                              .unet = &f->model->unet,
                              .settings = &f->settings,
                              .rows = f->rows,
                              .conditioning = &none,
                              .noise = stored_noise,
                              .noise_user = f};
}

/* A sample's tolerance, as in `verify`: 1e-3 of its largest number. */
static void given_parts_stay_and_the_rest_fits(void **state) {
    (void)state;
    fixture f;
    begin(&f, LORIS_TEST_DATA "/inpaint/inpaint_draws.npy", 4);
    float *source = read_rows("inpaint/source", 2, f.rows), *mask = read_rows("inpaint/known", 2, f.rows);
    float *want = read_rows("inpaint/inpainted", 2, f.rows), got[1152 * 2];
    uint8_t known[1152 * 2];
    for (int i = 0; i < 2 * f.rows; i++)
        known[i] = mask[i] != 0;
    const inpainting inpaint = {.source = source, .known = known, .resamples = 3};
    sampling_request request = request_of(&f);
    request.inpaint = &inpaint;
    sampling_report report;
    assert_ok(sample_clip(&request, got, &report));
    assert_int_equal(report.evaluations, 3 * 2 * 3); /* steps, evaluations of each, resamples */
    assert_arrays_close_relative(got, want, (size_t)f.rows * 2, 1e-3);
    for (int i = 0; i < 2 * f.rows; i++)
        assert_true(!known[i] || got[i] == source[i]);
    free(source);
    free(mask);
    free(want);
    end(&f);
}

static void a_clip_is_continued_span_by_span(void **state) {
    (void)state;
    fixture f;
    begin(&f, LORIS_TEST_DATA "/inpaint/continue_draws.npy", 3);
    float *start = read_rows("inpaint/start", 2, f.rows), *want = read_rows("inpaint/continued", 2, 2 * f.rows);
    float got[2 * 1152 * 2];
    const sampling_request request = request_of(&f);
    assert_ok(continue_clip(&request, start, 2, 2, got));
    assert_arrays_close_relative(got, want, (size_t)f.rows * 4, 1e-3);
    assert_memory_equal(got, start, (size_t)f.rows * 2 * sizeof *got);
    sampling_request odd = request;
    odd.rows = 1151;
    assert_fails(continue_clip(&odd, start, 2, 2, got), LORIS_ERROR_ARGUMENT, "1151");
    assert_fails(continue_clip(&request, start, 0, 2, got), LORIS_ERROR_ARGUMENT, "0 spans");
    free(start);
    free(want);
    end(&f);
}

/* Repeated rows as channels at the input: the same as handing them over repeated. */
static void an_upsampler_sees_rows_repeated(void **state) {
    (void)state;
    fixture f = {0};
    assert_ok(model_open(&f.model, LORIS_TEST_DATA "/unet/upsampler"));
    assert_ok(weights_new(&f.weights, support_compute(), f.model->file, f.model->prefix));
    f.rows = 64;
    f.settings = (sampling_settings){.sampler = SAMPLER_HEUN,
                                     .steps = 3,
                                     .sigma_min = 1e-4,
                                     .sigma_max = 3,
                                     .rho = 9,
                                     .sigma_data = f.model->sigma_data,
                                     .guidance = 1,
                                     .overlap = 1};
    float low[16 * 2], repeated[64 * 2], got[64 * 2], want[64 * 2];
    support_fill(low, 16 * 2, 3);
    for (int r = 0; r < 64; r++)
        memcpy(repeated + 2 * r, low + 2 * (r / 4), 2 * sizeof *low);
    uint64_t seed = 9;
    sampling_request request = request_of(&f);
    request.noise = seeded_noise;
    request.noise_user = &seed;
    const clip_conditioning conditioning = {.rows = 64, .channels = {repeated}};
    request.conditioning = &conditioning;
    assert_ok(sample_clip(&request, want, NULL));
    request.conditioning = NULL;
    assert_ok(upsample_clip(&request, low, 4, got, NULL));
    assert_memory_equal(got, want, sizeof got);
    assert_fails(upsample_clip(&request, low, 3, got, NULL), LORIS_ERROR_ARGUMENT, "factor 3");
    end(&f);
    begin(&f, LORIS_TEST_DATA "/inpaint/continue_draws.npy", 3);
    request = request_of(&f);
    assert_fails(upsample_clip(&request, low, 4, got, NULL), LORIS_ERROR_INPUT, "no upsampler");
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_parts_stay_and_the_rest_fits),
        cmocka_unit_test(a_clip_is_continued_span_by_span),
        cmocka_unit_test(an_upsampler_sees_rows_repeated),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
