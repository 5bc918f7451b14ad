/* The transform, its frames, integrated phases and the solver of one block. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "media/griffin_lim.h"
#include "media/pghi.h"

enum { WINDOW = 1536, HOP = 384, BINS = WINDOW / 2 + 1 };

static const float FLOOR = 0.05f;

static void fill_noise(float *out, size_t count, uint64_t seed) {
    random_normal(out, seed, 0, 0, count);
}

/* Double sums by definition. Float transforms of n numbers of size 1 err by about 6e-8 * sqrt(n) * log2(n): 2.5e-5 for
 * the longest; a wrong term is of size 1. */
static void test_transform_by_definition(void **state) {
    (void)state;
    static const int lengths[] = {4, 8, 12, 20, 28, 60, 100, 128, 1536};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const int n = lengths[i];
        fft *f;
        assert_ok(fft_new(&f, n));
        float *x = calloc((size_t)n, sizeof *x), *want = calloc((size_t)n + 2, sizeof *want);
        assert_non_null(x);
        assert_non_null(want);
        fill_noise(x, (size_t)n, 1);
        for (int k = 0; k <= n / 2; k++) {
            double re = 0.0, im = 0.0;
            for (int t = 0; t < n; t++) {
                const double angle = 2.0 * M_PI * (double)(k * t % n) / n;
                re += x[t] * cos(angle);
                im -= x[t] * sin(angle);
            }
            want[2 * k] = (float)re;
            want[2 * k + 1] = (float)im;
        }
        memcpy(f->time, x, (size_t)n * sizeof *x);
        fft_forward(f);
        assert_arrays_close(f->spectrum, want, (size_t)n + 2, 1e-4);
        assert_arrays_close(f->time, x, (size_t)n, 0.0);
        memset(f->time, 0, (size_t)n * sizeof *x);
        fft_inverse(f);
        assert_arrays_close(f->time, x, (size_t)n, 1e-5);
        free(want);
        free(x);
        fft_free(f);
    }
}

static void test_other_lengths_are_refused(void **state) {
    (void)state;
    static const int lengths[] = {-4, 0, 1, 2, 3, 6, 1534, FFT_MAX_LENGTH + 4};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        fft *f;
        assert_fails(fft_new(&f, lengths[i]), LORIS_ERROR_ARGUMENT, "multiple of 4");
        assert_null(f);
    }
    fft_free(NULL);
}

/* A click at the middle of the window: magnitude 1 in every bin, the sign turning from bin to bin. */
static void test_a_frame_is_centred_half_a_window_in(void **state) {
    (void)state;
    stft *s;
    fft *f;
    float x[WINDOW] = {0}, want[2 * BINS] = {0};
    assert_ok(stft_new(&s, WINDOW, HOP));
    assert_ok(fft_new(&f, WINDOW));
    x[WINDOW / 2] = 1.0f;
    for (int k = 0; k < BINS; k++)
        want[2 * k] = k % 2 ? -1.0f : 1.0f;
    stft_analyse(s, f, x);
    assert_arrays_close(f->spectrum, want, 2 * BINS, 1e-5);
    fft_free(f);
    stft_free(s);
}

/* Analysed, overlapped and divided by the sum of squared windows, sound is itself again. */
static void test_perfect_reconstruction(void **state) {
    (void)state;
    static const int shapes[][2] = {{1536, 384}, {1536, 768}, {1536, 512}, {60, 12}, {8, 4}};
    enum { FRAMES = 9 };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int window = shapes[i][0], hop = shapes[i][1], length = (FRAMES - 1) * hop + window;
        stft *s;
        fft *f;
        assert_ok(stft_new(&s, window, hop));
        assert_ok(fft_new(&f, window));
        float *x = calloc((size_t)length, sizeof *x), *y = calloc((size_t)length, sizeof *y);
        float *weight = calloc((size_t)length, sizeof *weight);
        assert_true(x && y && weight);
        fill_noise(x, (size_t)length, 2);
        for (int j = 0; j < FRAMES; j++) {
            stft_analyse(s, f, x + j * hop);
            stft_synthesise(s, f, y + j * hop);
            for (int t = 0; t < window; t++)
                weight[j * hop + t] += s->hann[t] * s->hann[t];
        }
        for (int t = 0; t < length; t++)
            y[t] = weight[t] > 0.0f ? y[t] / weight[t] : 0.0f;
        /* from the first centre to the last one the weights are at least 1/2; errors of a few ulp of 3 sigma */
        assert_arrays_close(y + window / 2, x + window / 2, (size_t)(length - window), 1e-5);
        free(weight);
        free(y);
        free(x);
        fft_free(f);
        stft_free(s);
    }
}

/* Magnitudes and phases [frames][BINS] of x. */
static void analyse(const float *x, int frames, float *magnitude, float *phase) {
    stft *s;
    fft *f;
    assert_ok(stft_new(&s, WINDOW, HOP));
    assert_ok(fft_new(&f, WINDOW));
    for (int j = 0; j < frames; j++) {
        stft_analyse(s, f, x + j * HOP);
        for (int k = 0; k < BINS; k++) {
            magnitude[j * BINS + k] = hypotf(f->spectrum[2 * k], f->spectrum[2 * k + 1]);
            phase[j * BINS + k] = atan2f(f->spectrum[2 * k + 1], f->spectrum[2 * k]);
        }
    }
    fft_free(f);
    stft_free(s);
}

static double wrapped(double angle) {
    return remainder(angle, 2.0 * M_PI);
}

enum { FRAMES = 20, LENGTH = (FRAMES - 1) * HOP + WINDOW };

typedef struct block {
    float x[LENGTH], magnitude[FRAMES * BINS], phase[FRAMES * BINS], found[FRAMES * BINS];
} block;

static void integrate(block *b, int known) {
    stft *s;
    pghi *p;
    analyse(b->x, FRAMES, b->magnitude, b->phase);
    memcpy(b->found, b->phase, (size_t)(known * BINS) * sizeof *b->found);
    assert_ok(stft_new(&s, WINDOW, HOP));
    assert_ok(pghi_new(&p, s, FLOOR, FRAMES));
    pghi_run(p, b->magnitude, FRAMES, known, b->found);
    pghi_free(p);
    stft_free(s);
}

/* Between frames a sinusoid's phase advances by its frequency, wherever it lies between bins. The Gaussian in place of
 * the Hann window misjudges a frequency by up to 0.05 bins at half a bin, 0.05 * 2 pi * HOP / WINDOW = 0.08 rad a hop.
 */
static void test_phase_follows_a_sinusoid(void **state) {
    (void)state;
    static block b;
    static const double frequencies[] = {40.0, 40.25, 200.5, 601.7}; /* in bins */
    for (size_t i = 0; i < sizeof frequencies / sizeof *frequencies; i++) {
        for (int t = 0; t < LENGTH; t++)
            b.x[t] = (float)sin(2.0 * M_PI * frequencies[i] / WINDOW * t);
        integrate(&b, 0);
        const int peak = (int)lround(frequencies[i]);
        for (int j = 0; j + 1 < FRAMES; j++) {
            const float *here = b.found + j * BINS + peak;
            const double want = 2.0 * M_PI * frequencies[i] * HOP / WINDOW;
            assert_true(fabs(wrapped(here[BINS] - here[0] - want)) < 0.1);
        }
    }
}

/* Across bins the phase of a click turns with its distance from the window's start. Two frames away from its ends the
 * Gaussian places it within 0.05 windows: that is 0.05 * 2 pi rad a bin. */
static void test_phase_follows_a_click(void **state) {
    (void)state;
    static block b;
    const int frame = 9, at = frame * HOP + WINDOW / 2 + 100;
    memset(b.x, 0, sizeof b.x);
    b.x[at] = 100.0f;
    integrate(&b, 0);
    const double want = -2.0 * M_PI * (double)(at - frame * HOP) / WINDOW;
    for (int k = 0; k + 1 < BINS; k++) {
        const float *here = b.found + frame * BINS + k;
        assert_true(fabs(wrapped(here[1] - here[0] - want)) < 0.05 * 2.0 * M_PI);
    }
}

static void test_known_phases_are_kept_and_continued(void **state) {
    (void)state;
    static block b;
    for (int t = 0; t < LENGTH; t++)
        b.x[t] = (float)sin(2.0 * M_PI * 50.0 / WINDOW * t + 1.0);
    integrate(&b, 5);
    assert_arrays_close(b.found, b.phase, 5 * BINS, 0.0);
    for (int j = 5; j < FRAMES; j++) /* at the centre of a bin the phase is exact but for the transform's noise */
        assert_true(fabs(wrapped(b.found[j * BINS + 50] - b.phase[j * BINS + 50])) < 0.01);
}

static void test_silence_gets_no_phase(void **state) {
    (void)state;
    static block b;
    memset(&b, 0, sizeof b);
    integrate(&b, 0);
    for (int i = 0; i < FRAMES * BINS; i++)
        assert_true(b.found[i] == 0.0f);
}

/* Given the true magnitudes and phases the solver returns the sound, keeps the fixed samples, and is silent from `end`
 * on. */
static void test_the_solver_keeps_a_true_solution(void **state) {
    (void)state;
    enum { FIXED = WINDOW, END = LENGTH - WINDOW / 2 };
    static block b;
    stft *s;
    griffin_lim *g;
    fill_noise(b.x, LENGTH, 3);
    memset(b.x + END, 0, (LENGTH - END) * sizeof *b.x);
    analyse(b.x, FRAMES, b.magnitude, b.phase);
    assert_ok(stft_new(&s, WINDOW, HOP));
    assert_ok(griffin_lim_new(&g, s, FLOOR, FRAMES + 3, 2));
    for (int iterations = 0; iterations <= 20; iterations += 10) {
        memcpy(g->magnitude, b.magnitude, sizeof b.magnitude);
        memcpy(g->phase, b.phase, sizeof b.phase);
        memset(g->signal, 0, LENGTH * sizeof *g->signal);
        memcpy(g->signal, b.x, FIXED * sizeof *g->signal);
        assert_ok(griffin_lim_run(g, FRAMES, FIXED, END, iterations));
        assert_arrays_close(g->signal, b.x, FIXED, 0.0);
        /* float round trips of noise up to 4, 1e-5 as above; the iteration does not amplify them */
        assert_arrays_close(g->signal, b.x, LENGTH, 1e-4);
        for (int t = END; t < LENGTH; t++)
            assert_true(g->signal[t] == 0.0f);
    }
    griffin_lim_free(g);
    stft_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transform_by_definition),
        cmocka_unit_test(test_other_lengths_are_refused),
        cmocka_unit_test(test_a_frame_is_centred_half_a_window_in),
        cmocka_unit_test(test_perfect_reconstruction),
        cmocka_unit_test(test_phase_follows_a_sinusoid),
        cmocka_unit_test(test_phase_follows_a_click),
        cmocka_unit_test(test_known_phases_are_kept_and_continued),
        cmocka_unit_test(test_silence_gets_no_phase),
        cmocka_unit_test(test_the_solver_keeps_a_true_solution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
