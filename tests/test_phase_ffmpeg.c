/* Bands to sound, streamed. */
#include "compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "spectrum.h"

enum { HOP = 384, BANDS = 176, BLOCK = PHASE_BLOCK, GOLDEN_FRAMES = 1024 };

/* The reference's figures: 48 iterations of fast Griffin-Lim from random phase on the same files, dB. */
static const struct {
    const char *name;
    double reference;
} golden[] = {{"house-bands", -8.907}, {"free-bands", -8.801}, {"house-score-off-bands", -10.430}};

enum { GOLDEN = sizeof golden / sizeof *golden };

static double consistency(const float *bands, size_t frames, const collected *c) {
    double db;
    assert_ok(phase_consistency(&default_spectrum, bands, frames, c->samples, c->count, &db));
    return db;
}

static void test_golden_bands_are_as_consistent_as_the_reference(void **state) {
    (void)state;
    for (int i = 0; i < GOLDEN; i++) {
        npy bands = read_spectrum(golden[i].name);
        collected c = recover_sound(&default_spectrum, bands.f32, GOLDEN_FRAMES, 100, 2);
        const double db = consistency(bands.f32, GOLDEN_FRAMES, &c);
        print_message("%s: %.2f dB, reference %.2f dB\n", golden[i].name, db, golden[i].reference);
        assert_int_equal(c.count, HOP * (GOLDEN_FRAMES - 1));
        assert_true(db <= golden[i].reference + 0.3);
        free(c.samples);
        npy_free(&bands);
    }
}

/* The same frames near a joint and, where another stream's blocks fall, far from one. Their errors differ by chance, by
 * less than 0.1 dB over 16 frames on these files; phases that start anew at a joint make several dB. */
static void test_joints_are_as_good_as_elsewhere(void **state) {
    (void)state;
    enum { JOINT = PHASE_BLOCK - PHASE_LOOKAHEAD, SHIFT = 256, FRAMES = BLOCK + SHIFT, REACH = 8 };
    for (int i = 0; i < GOLDEN; i++) {
        npy bands = read_spectrum(golden[i].name);
        const float *shifted = bands.f32 + SHIFT * BANDS;
        collected a = recover_sound(&default_spectrum, bands.f32, FRAMES, FRAMES, 2);
        collected b = recover_sound(&default_spectrum, shifted, FRAMES - SHIFT, FRAMES, 2);
        const double at_joint =
            consistency_of_frames(&default_spectrum, bands.f32, a.samples, a.count, JOINT - REACH, JOINT + REACH);
        const double elsewhere = consistency_of_frames(&default_spectrum, shifted, b.samples, b.count,
                                                       JOINT - SHIFT - REACH, JOINT - SHIFT + REACH);
        print_message("%s: %.3f dB at the joint, %.3f dB elsewhere\n", golden[i].name, at_joint, elsewhere);
        assert_true(at_joint <= elsewhere + 0.1);
        free(a.samples);
        free(b.samples);
        npy_free(&bands);
    }
}

static void test_neither_threads_nor_pushes_change_a_sample(void **state) {
    (void)state;
    enum { FRAMES = BLOCK + 60 };
    static const struct {
        size_t step;
        int threads;
    } ways[] = {{1, 1}, {BLOCK, 3}, {BLOCK + 1, 0}, {37, 5}};
    npy bands = read_spectrum("house-bands");
    collected want = recover_sound(&default_spectrum, bands.f32, FRAMES, FRAMES, 2);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        collected c = recover_sound(&default_spectrum, bands.f32, FRAMES, ways[i].step, ways[i].threads);
        assert_int_equal(c.count, want.count);
        assert_memory_equal(c.samples, want.samples, want.count * sizeof *want.samples);
        free(c.samples);
    }
    free(want.samples);
    npy_free(&bands);
}

/* Lengths about the block's, and the last call with the last frames or with none. */
static void test_any_length(void **state) {
    (void)state;
    static const size_t lengths[] = {1, 2, 3, 5, 17, BLOCK, BLOCK + 1};
    npy bands = read_spectrum("free-bands");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        collected together = recover_sound(&default_spectrum, bands.f32, lengths[i], lengths[i], 2), apart = {0};
        phase_stream *s;
        assert_int_equal(together.count, HOP * (lengths[i] - 1));
        for (size_t t = 0; t < together.count; t++)
            assert_true(isfinite(together.samples[t]));
        assert_ok(phase_stream_new(&s, &default_spectrum, 2));
        assert_ok(phase_stream_push(s, bands.f32, lengths[i], false, collect, &apart));
        assert_ok(phase_stream_push(s, NULL, 0, true, collect, &apart));
        assert_int_equal(apart.count, together.count);
        if (together.count > 0)
            assert_memory_equal(apart.samples, together.samples, together.count * sizeof *apart.samples);
        phase_stream_free(s);
        free(apart.samples);
        free(together.samples);
    }
    npy_free(&bands);
}

static float highest(const collected *c) {
    float peak = 0;
    for (size_t t = 0; t < c->count; t++)
        peak = fmaxf(peak, fabsf(c->samples[t]));
    return peak;
}

/* A ceiling 3 dB below the peak is kept within 1 dB, and the sound is as near its bands as before: 0.3 dB, the bar of
 * phase recovery as a whole. */
static void test_a_ceiling_changes_phases_alone(void **state) {
    (void)state;
    enum { FRAMES = BLOCK + 40 };
    npy bands = read_spectrum("free-bands");
    collected free_of_it = recover_sound(&default_spectrum, bands.f32, FRAMES, FRAMES, 2), below = {0};
    const float ceiling = highest(&free_of_it) * 0.708f;
    phase_stream *s;
    assert_ok(phase_stream_new(&s, &default_spectrum, 2));
    phase_stream_set_ceiling(s, ceiling);
    assert_ok(phase_stream_push(s, bands.f32, FRAMES, true, collect, &below));
    phase_stream_free(s);
    printf("peak %.2f dB above the ceiling; consistency %.2f, without it %.2f dB\n",
           20 * log10(highest(&below) / ceiling), consistency(bands.f32, FRAMES, &below),
           consistency(bands.f32, FRAMES, &free_of_it));
    assert_true(highest(&below) < ceiling * 1.122f);
    assert_true(consistency(bands.f32, FRAMES, &below) < consistency(bands.f32, FRAMES, &free_of_it) + 0.3);
    free(below.samples);
    free(free_of_it.samples);
    npy_free(&bands);
}

static void test_no_frames_make_no_sound(void **state) {
    (void)state;
    collected c = {0};
    phase_stream *s;
    assert_ok(phase_stream_new(&s, &default_spectrum, 2));
    assert_ok(phase_stream_push(s, NULL, 0, false, collect, &c));
    assert_ok(phase_stream_push(s, NULL, 0, true, collect, &c));
    assert_int_equal(c.count, 0);
    phase_stream_free(s);
    phase_stream_free(NULL);
}

static void test_silent_bands_make_silence(void **state) {
    (void)state;
    enum { FRAMES = BLOCK + 3 };
    float *bands = malloc(FRAMES * BANDS * sizeof *bands);
    assert_non_null(bands);
    for (int i = 0; i < FRAMES * BANDS; i++)
        bands[i] = i % 3 ? -9.0f : -INFINITY;
    collected c = recover_sound(&default_spectrum, bands, FRAMES, FRAMES, 2);
    assert_int_equal(c.count, HOP * (FRAMES - 1));
    for (size_t t = 0; t < c.count; t++)
        assert_true(c.samples[t] == 0.0f);
    assert_true(consistency(bands, FRAMES, &c) == -HUGE_VAL);
    c.samples[1000] = 0.5f;
    assert_true(consistency(bands, FRAMES, &c) == HUGE_VAL);
    free(c.samples);
    free(bands);
}

/* The loudest bands allowed still give finite samples. */
static void test_huge_bands_stay_finite(void **state) {
    (void)state;
    enum { FRAMES = 24 };
    float bands[FRAMES * BANDS];
    for (int i = 0; i < FRAMES * BANDS; i++)
        bands[i] = i / BANDS % 5 == 2 ? LOUDEST_BAND : -3.0f;
    collected c = recover_sound(&default_spectrum, bands, FRAMES, FRAMES, 2);
    for (size_t t = 0; t < c.count; t++)
        assert_true(isfinite(c.samples[t]));
    free(c.samples);
}

static void test_errors_end_the_stream(void **state) {
    (void)state;
    collected c = {0};
    phase_stream *s;
    float *bands = calloc(2 * BLOCK * BANDS, sizeof *bands);
    assert_non_null(bands);
    bands[700 * BANDS + 3] = NAN;
    assert_ok(phase_stream_new(&s, &default_spectrum, 2));
    assert_ok(phase_stream_push(s, bands, 650, false, collect, &c));
    assert_fails(phase_stream_push(s, bands + 650 * BANDS, 100, false, collect, &c), LORIS_ERROR_INTERNAL,
                 "band 3 of frame 700");
    assert_fails(phase_stream_push(s, bands, 1, true, collect, &c), LORIS_ERROR_INTERNAL, "after an error");
    phase_stream_free(s);

    collected full = {.fail_after = 1000};
    assert_ok(phase_stream_new(&s, &default_spectrum, 2));
    assert_fails(phase_stream_push(s, bands, 10, true, collect, &full), LORIS_ERROR_OUTPUT, "sink is full");
    phase_stream_free(s);

    assert_ok(phase_stream_new(&s, &default_spectrum, 2));
    loris_cancel();
    assert_fails(phase_stream_push(s, bands, 10, true, collect, &full), LORIS_CANCELLED, NULL);
    loris_resume();
    phase_stream_free(s);

    const spectrum_format wrong = {32000, 1536, 385, 176, 0.05f};
    assert_fails(phase_stream_new(&s, &wrong, 2), LORIS_ERROR_INPUT, "hop 385");
    assert_null(s);
    free(c.samples);
    free(full.samples);
    free(bands);
}

enum { HITS = 12, HIT_SPACING = 8123, HIT_LENGTH = 4000, SOUND = (HITS + 1) * HIT_SPACING };

/* Snare-like hits: noise and a tone that start at once and decay within 50 ms, silence between them. */
static float *make_hits(void) {
    float *x = calloc(SOUND, sizeof *x), noise[HIT_LENGTH];
    assert_non_null(x);
    for (int i = 0; i < HITS; i++) {
        random_normal(noise, 7, (uint64_t)i, 0, HIT_LENGTH);
        for (int t = 0; t < HIT_LENGTH; t++) {
            const double tone = sin(2.0 * M_PI * (180.0 + 40.0 * (i % 3)) * t / 32000.0);
            x[(i + 1) * HIT_SPACING - 2000 + t] = (float)((0.2 * noise[t] + 0.3 * tone) * exp(-t / 1600.0));
        }
    }
    return x;
}

static double energy(const float *x, int from, int to) {
    double sum = 0.0;
    for (int t = from; t < to; t++)
        sum += (double)x[t] * x[t];
    return sum / (to - from);
}

/* Attacks stay attacks: what sounds in the 18 ms before a hit, against its first 10 ms: -25 dB here, and -21 dB where
 * loud and quiet frames weigh the same. The hit itself keeps its level. */
static void test_attacks_stay_sharp(void **state) {
    (void)state;
    float *x = make_hits();
    size_t frames;
    float *bands = analyse_sound(&default_spectrum, x, SOUND, &frames);
    collected c = recover_sound(&default_spectrum, bands, frames, frames, 2);
    double before = 0.0, during = 0.0, wanted = 0.0;
    for (int i = 0; i < HITS; i++) {
        const int at = (i + 1) * HIT_SPACING - 2000;
        before += energy(c.samples, at - 640, at - 64);
        during += energy(c.samples, at, at + 320);
        wanted += energy(x, at, at + 320);
    }
    print_message("before hits %.1f dB, hits %.2f dB of the original\n", 10.0 * log10(before / during),
                  10.0 * log10(during / wanted));
    assert_true(10.0 * log10(before / during) < -24.0);
    assert_true(fabs(10.0 * log10(during / wanted)) < 1.5);
    free(c.samples);
    free(bands);
    free(x);
}

/* Other windows, hops, rates: real sound in, its bands, sound with the same bands. White noise through bands as narrow
 * as bins comes back within -12 dB; unrelated noise would be at about 0. */
static void test_other_formats(void **state) {
    (void)state;
    static const spectrum_format formats[] = {
        {32000, 1024, 128, 300, 0.05f}, {16000, 512, 256, 200, 0.01f}, {8000, 240, 80, 100, 0.05f}};
    enum { COUNT = 12000 };
    static float x[COUNT];
    random_normal(x, 11, 0, 0, COUNT);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        size_t frames;
        double db;
        float *bands = analyse_sound(&formats[i], x, COUNT, &frames);
        collected c = recover_sound(&formats[i], bands, frames, 7, 2);
        assert_int_equal(c.count, (frames - 1) * (size_t)formats[i].hop);
        assert_ok(phase_consistency(&formats[i], bands, frames, c.samples, c.count, &db));
        print_message("window %d, hop %d: %.2f dB\n", formats[i].window, formats[i].hop, db);
        assert_true(db < -12.0);
        free(c.samples);
        free(bands);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_bands_are_as_consistent_as_the_reference),
        cmocka_unit_test(test_joints_are_as_good_as_elsewhere),
        cmocka_unit_test(test_neither_threads_nor_pushes_change_a_sample),
        cmocka_unit_test(test_any_length),
        cmocka_unit_test(test_a_ceiling_changes_phases_alone),
        cmocka_unit_test(test_no_frames_make_no_sound),
        cmocka_unit_test(test_silent_bands_make_silence),
        cmocka_unit_test(test_huge_bands_stay_finite),
        cmocka_unit_test(test_errors_end_the_stream),
        cmocka_unit_test(test_attacks_stay_sharp),
        cmocka_unit_test(test_other_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
