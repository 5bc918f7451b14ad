/* The band matrix and what it makes of bands; needs no Fourier transform. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "spectrum.h"

enum { BINS = 769 };

/* Golden rows are (band, its weight, next band, its weight) per bin, from the reference's matrix; both compute in
 * double and store float, so they agree to an ulp or two of float at 1. */
static void test_matrix_matches_reference(void **state) {
    (void)state;
    npy golden = read_spectrum("band-matrix");
    assert_int_equal(golden.count, BINS * 4);
    float *matrix, *want = calloc((size_t)default_spectrum.bands * BINS, sizeof *want);
    assert_non_null(want);
    for (int k = 0; k < BINS; k++)
        for (int i = 0; i < 4; i += 2)
            want[(int)golden.f32[4 * k + i] * BINS + k] = golden.f32[4 * k + i + 1];
    assert_ok(band_matrix(&default_spectrum, &matrix));
    assert_arrays_close(matrix, want, (size_t)default_spectrum.bands * BINS, 2e-7);
    free(matrix);
    free(want);
    npy_free(&golden);
}

static void test_columns_of_any_format_sum_to_one(void **state) {
    (void)state;
    static const spectrum_format formats[] = {
        {32000, 1536, 384, 176, 0.05f}, {44100, 2048, 512, 128, 0.01f}, {16000, 500, 125, 64, 0.05f},
        {8000, 8, 4, 3, 1.0f},          {32000, 1536, 768, 768, 0.05f},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const int bins = formats[i].window / 2 + 1;
        float *matrix;
        assert_ok(band_matrix(&formats[i], &matrix));
        for (int k = 0; k < bins; k++) {
            double sum = 0.0;
            for (int j = 0; j < formats[i].bands; j++) {
                assert_true(matrix[j * bins + k] >= 0.0f);
                sum += matrix[j * bins + k];
            }
            assert_true(fabs(sum - 1.0) < 1e-6); /* two floats of 6e-8 relative error */
        }
        free(matrix);
    }
}

/* Frames 0, 300 and 1023 of the reference's magnitudes. exp in float on either side: a few ulp of the largest band
 * (6e-8 each), which subtracting the floor does not enlarge relative to the largest. */
static void test_magnitudes_match_reference(void **state) {
    (void)state;
    static const size_t frames[] = {0, 300, 1023};
    npy bands = read_spectrum("house-bands"), want = read_spectrum("house-magnitude");
    float *magnitude;
    assert_ok(bands_to_magnitude(&default_spectrum, bands.f32, 1024, &magnitude));
    for (int i = 0; i < 3; i++)
        assert_arrays_close_relative(magnitude + frames[i] * BINS, want.f32 + i * BINS, BINS, 1e-6);
    free(magnitude);
    npy_free(&bands);
    npy_free(&want);
}

static void test_the_floor_and_below_are_silent(void **state) {
    (void)state;
    float bands[2 * 176], *magnitude;
    for (int j = 0; j < 176; j++) {
        bands[j] = j % 2 ? -INFINITY : -4.0f; /* log 0.05 is -2.996 */
        bands[176 + j] = LOUDEST_BAND;
    }
    assert_ok(bands_to_magnitude(&default_spectrum, bands, 2, &magnitude));
    for (int k = 0; k < BINS; k++) {
        assert_true(magnitude[k] == 0.0f);
        assert_true(isfinite(magnitude[BINS + k]));
    }
    free(magnitude);
    assert_ok(bands_to_magnitude(&default_spectrum, NULL, 0, &magnitude));
    free(magnitude);
}

static void test_what_is_no_spectrogram_is_refused(void **state) {
    (void)state;
    static const float bad[] = {NAN, INFINITY, 25.1f, 1e30f};
    float *bands = calloc(3 * 176, sizeof *bands), *magnitude;
    assert_non_null(bands);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bands[2 * 176 + 5] = bad[i];
        assert_fails(bands_to_magnitude(&default_spectrum, bands, 3, &magnitude), LORIS_ERROR_INTERNAL,
                     "band 5 of frame 2");
        assert_null(magnitude);
    }
    free(bands);
}

static void test_impossible_formats_are_refused(void **state) {
    (void)state;
    static const spectrum_format formats[] = {
        {0, 1536, 384, 176, 0.05f},      {-1, 1536, 384, 176, 0.05f},       {32000, 0, 384, 176, 0.05f},
        {32000, 1538, 769, 176, 0.05f},  {32000, 16384, 4096, 176, 0.05f},  {32000, 1536, 0, 176, 0.05f},
        {32000, 1536, -384, 176, 0.05f}, {32000, 1536, 1536, 176, 0.05f},   {32000, 1536, 385, 176, 0.05f},
        {32000, 1536, 48, 176, 0.05f},   {32000, 1536, 384, 96, 0.05f},     {32000, 1536, 384, 0, 0.05f},
        {32000, 1536, 384, 769, 0.05f},  {4000, 1536, 384, 768, 0.05f},     {1, 8192, 2048, 100, 0.05f},
        {2147483647, 8, 4, 3, 0.05f},    {32000, 1536, 384, 176, 0.0f},     {32000, 1536, 384, 176, -1.0f},
        {32000, 1536, 384, 176, NAN},    {32000, 1536, 384, 176, INFINITY},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        float *matrix;
        assert_fails(band_matrix(&formats[i], &matrix), LORIS_ERROR_INPUT, "spectrum");
        assert_null(matrix);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix_matches_reference),
        cmocka_unit_test(test_columns_of_any_format_sum_to_one),
        cmocka_unit_test(test_magnitudes_match_reference),
        cmocka_unit_test(test_the_floor_and_below_are_silent),
        cmocka_unit_test(test_what_is_no_spectrogram_is_refused),
        cmocka_unit_test(test_impossible_formats_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
