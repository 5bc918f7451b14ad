/* Resampling keeps length, pitch and time, and spreads mono evenly. */
#include <math.h>
#include <stdlib.h>

#include "media/audio.h"
#include "support_net.h"

static audio tone(size_t frames, int rate, double hz) {
    audio a = {.samples = calloc(frames ? frames : 1, sizeof(float)), .frames = frames, .channels = 1, .rate = rate};
    assert_non_null(a.samples);
    for (size_t i = 0; i < frames; i++)
        a.samples[i] = (float)(0.5 * sin(2 * 3.14159265358979 * hz * (double)i / rate));
    return a;
}

static void a_tone_stays_in_place(void **state) {
    (void)state;
    static const size_t lengths[] = {1, 977, 32000, 200003};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        audio a = tone(lengths[k], 32000, 440);
        assert_ok(audio_convert(&a, 48000, 2));
        assert_int_equal(a.rate, 48000);
        assert_int_equal(a.channels, 2);
        assert_true(fabs((double)a.frames - (double)lengths[k] * 1.5) <= 1);
        for (size_t i = 500; i + 500 < a.frames; i++) { /* away from the ends, where the filter's window is cut */
            double want = 0.5 * sin(2 * 3.14159265358979 * 440 * (double)i / 48000);
            assert_true(fabs(a.samples[2 * i] - want) < 2e-3); /* the default filter's ripple: -50 dB */
            assert_true(a.samples[2 * i] == a.samples[2 * i + 1]);
        }
        audio_free(&a);
    }
}

static void nothing_changes_without_need(void **state) {
    (void)state;
    audio a = tone(100, 48000, 100);
    float *before = a.samples;
    assert_ok(audio_convert(&a, 48000, 1));
    assert_ptr_equal(a.samples, before);
    audio_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tone_stays_in_place),
        cmocka_unit_test(nothing_changes_without_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
