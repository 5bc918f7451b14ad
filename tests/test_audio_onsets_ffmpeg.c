/* Onsets of sound against librosa 0.11. */
#include "compare.h"

#include <math.h>
#include <sndfile.h>
#include <stdlib.h>

#include "core/npy.h"
#include "expected_beats.h"
#include "rhythm/audio_onsets.h"

static float *read_sound(const char *path, size_t *count) {
    SF_INFO info = {0};
    SNDFILE *f = sf_open(path, SFM_READ, &info);
    assert_non_null(f);
    assert_int_equal(info.samplerate, ONSET_RATE);
    assert_int_equal(info.channels, 1);
    float *samples = malloc((size_t)info.frames * sizeof *samples);
    assert_non_null(samples);
    assert_int_equal(sf_readf_float(f, samples, info.frames), info.frames);
    sf_close(f);
    *count = (size_t)info.frames;
    return samples;
}

/* Both compute in f32. A band near the floor of 1e-10 of the power spectrum's own rounding moves by under 0.01 dB; the
 * mean of 128 by far less. */
static void test_strength_is_librosas(void **state) {
    (void)state;
    static const double TOLERANCE = 2e-3;
    size_t count, frames;
    float *samples = read_sound(LORIS_TEST_DATA "/beats/gt_0.wav", &count), *strength;
    npy expected;
    assert_ok(npy_read(&expected, LORIS_TEST_DATA "/beats/gt_0_onset_strength.npy"));
    assert_ok(audio_onset_strength(samples, count, &strength, &frames));
    assert_int_equal(frames, expected.dim[0]);
    for (size_t i = 0; i < frames; i++)
        if (!(fabs((double)strength[i] - (double)expected.f32[i]) <= TOLERANCE))
            fail_msg("[%zu]: got %.9g, want %.9g", i, (double)strength[i], (double)expected.f32[i]);
    free(strength);
    npy_free(&expected);
    free(samples);
}

/* expected.json states times to the microsecond. */
static void test_onsets_are_published_ones(void **state) {
    (void)state;
    size_t count, onsets;
    double *times;
    expected_beats e;
    expected_beats_read(&e);
    float *samples = read_sound(LORIS_TEST_DATA "/beats/gt_0.wav", &count);
    assert_ok(audio_onsets(samples, count, onset_picking_published(), &times, &onsets));
    assert_int_equal(onsets, e.pair[0].original_count);
    for (size_t i = 0; i < onsets; i++)
        assert_true(fabs(times[i] - e.pair[0].original[i]) < 1e-6);
    free(times);
    free(samples);
    expected_beats_free(&e);
}

/* librosa 0.11's onset_detect finds 57 in this sound with its defaults. */
static void test_defaults_find_more(void **state) {
    (void)state;
    size_t count, onsets;
    double *times;
    float *samples = read_sound(LORIS_TEST_DATA "/beats/gt_0.wav", &count);
    assert_ok(audio_onsets(samples, count, onset_picking_defaults(), &times, &onsets));
    assert_int_equal(onsets, 57);
    free(times);
    free(samples);
}

static void test_silence_and_shortness(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 511, 512, 2047, 2048, 2049, 5003};
    float *samples = calloc(5003, sizeof *samples);
    assert_non_null(samples);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        float *strength;
        double *times;
        size_t frames, onsets;
        assert_ok(audio_onset_strength(samples, lengths[i], &strength, &frames));
        assert_int_equal(frames, 1 + lengths[i] / ONSET_HOP);
        for (size_t k = 0; k < frames; k++)
            assert_true(strength[k] == 0);
        assert_ok(onset_peaks(strength, frames, onset_picking_defaults(), &times, &onsets));
        assert_int_equal(onsets, 0);
        free(times);
        free(strength);
    }
    free(samples);
}

/* A click is heard at its time, up to one and a half frames late: flux rises when the click enters the window's middle.
 */
static void test_clicks(void **state) {
    (void)state;
    enum { CLICKS = 9, SPACING = 11003, COUNT = (CLICKS + 1) * SPACING };
    float *samples = calloc(COUNT, sizeof *samples);
    assert_non_null(samples);
    for (int i = 1; i <= CLICKS; i++)
        samples[i * SPACING] = 1;
    double *times;
    size_t onsets;
    assert_ok(audio_onsets(samples, COUNT, onset_picking_defaults(), &times, &onsets));
    assert_int_equal(onsets, CLICKS);
    for (int i = 0; i < CLICKS; i++) {
        double late = times[i] - (double)(i + 1) * SPACING / ONSET_RATE;
        assert_true(late > -0.5 * ONSET_SPACING && late < 1.5 * ONSET_SPACING);
    }
    free(times);
    free(samples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strength_is_librosas),
        cmocka_unit_test(test_onsets_are_published_ones),
        cmocka_unit_test(test_defaults_find_more),
        cmocka_unit_test(test_silence_and_shortness),
        cmocka_unit_test(test_clicks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
