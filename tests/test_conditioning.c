/* Scores read from files, and the conditioning made of them, against the reference of the default model. */
#include "compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/npy.h"
#include "music/conditioning.h"
#include "scratch.h"

enum { GOLDEN_FRAMES = 1024 };

/* The reference and this code compute the same formulas in double and store float; exp, cos and sin of different
 * libraries differ by an ulp of double, which can move a float by one ulp: 6e-8 at 1. */
static const double TOLERANCE = 1e-6;

static void read_golden(const char *name, score *s) {
    char path[512];
    snprintf(path, sizeof path, "%s/base/%s-score.json", LORIS_TEST_DATA, name);
    assert_ok(score_read(s, path));
}

static npy read_array(const char *name, const char *what) {
    char path[512];
    npy a;
    snprintf(path, sizeof path, "%s/base/%s-%s.npy", LORIS_TEST_DATA, name, what);
    assert_ok(npy_read(&a, path));
    assert_non_null(a.f32);
    return a;
}

static void matches_reference(const char *name) {
    score s;
    conditioning c;
    read_golden(name, &s);
    assert_ok(conditioning_make(&c, &s, GOLDEN_FRAMES, true));
    npy want = read_array(name, "conditioning"), features = read_array(name, "features");
    assert_int_equal(want.count, GOLDEN_FRAMES * CONDITIONING_CHANNELS);
    assert_int_equal(features.count, CONDITIONING_FEATURES);
    for (int k = 0; k < CONDITIONING_CHANNELS; k++) { /* golden: [120][frames] */
        float channel[GOLDEN_FRAMES];
        for (int i = 0; i < GOLDEN_FRAMES; i++)
            channel[i] = c.level[0][i * CONDITIONING_CHANNELS + k];
        assert_arrays_close(channel, want.f32 + k * GOLDEN_FRAMES, GOLDEN_FRAMES, TOLERANCE);
    }
    assert_arrays_close(c.features, features.f32, CONDITIONING_FEATURES, TOLERANCE);
    npy_free(&want);
    npy_free(&features);
    conditioning_free(&c);
    score_free(&s);
}

static void test_house_matches_reference(void **state) {
    (void)state;
    matches_reference("house");
}

static void test_free_matches_reference(void **state) {
    (void)state;
    matches_reference("free");
}

static double maximum(const float *row, int first, int last) {
    double best = -1;
    for (int i = first; i <= last; i++)
        best = fmax(best, (double)row[i]);
    return best;
}

/* One of the 16 deep channels of a frame of level 0, by definition. */
static double deep_channel(const float *row, int channel) {
    switch (channel) {
    case 12:
        return (double)row[12];
    case 13:
        return maximum(row, 13, 14);
    case 14:
        return maximum(row, 22, 45);
    case 15:
        return maximum(row, 46, 82);
    default:
        return (double)row[channel];
    }
}

static void test_deeper_levels_pool_the_first(void **state) {
    (void)state;
    score s;
    conditioning c;
    read_golden("house", &s);
    assert_ok(conditioning_make(&c, &s, GOLDEN_FRAMES, true));
    for (int k = 1; k < CONDITIONING_LEVELS; k++) {
        size_t factor = (size_t)1 << k;
        for (size_t i = 0; i < c.frames / factor; i++) {
            for (int channel = 0; channel < CONDITIONING_DEEP_CHANNELS; channel++) {
                double mean = 0, peak = -1;
                for (size_t j = 0; j < factor; j++) {
                    double v = deep_channel(c.level[0] + (i * factor + j) * CONDITIONING_CHANNELS, channel);
                    mean += v / (double)factor;
                    peak = fmax(peak, v);
                }
                double want = channel == 0 || channel == 12 || channel == 13 ? peak : mean;
                double got = (double)c.level[k][i * CONDITIONING_DEEP_CHANNELS + (size_t)channel];
                assert_true(fabs(got - want) <= TOLERANCE);
            }
        }
    }
    conditioning_free(&c);
    score_free(&s);
}

static void test_withheld_score_leaves_rhythm(void **state) {
    (void)state;
    score s;
    conditioning with, without;
    read_golden("house", &s);
    assert_ok(conditioning_make(&with, &s, GOLDEN_FRAMES, true));
    assert_ok(conditioning_make(&without, &s, GOLDEN_FRAMES, false));
    for (size_t i = 0; i < GOLDEN_FRAMES; i++) {
        const float *a = with.level[0] + i * CONDITIONING_CHANNELS, *b = without.level[0] + i * CONDITIONING_CHANNELS;
        assert_memory_equal(a, b, CONDITIONING_SCORE_FIRST * sizeof *a);
        assert_true(maximum(b, CONDITIONING_SCORE_FIRST, CONDITIONING_CHANNELS - 1) == 0);
    }
    assert_arrays_close(without.features, with.features, CONDITIONING_FEATURES, 0);
    conditioning_free(&with);
    conditioning_free(&without);
    score_free(&s);
}

/* The clip's length never changes what a frame holds: a short conditioning is the beginning of a long one. */
static void test_any_length(void **state) {
    (void)state;
    static const size_t lengths[] = {8, 16, 1016, 1024, 4096};
    score s;
    conditioning longest, c;
    read_golden("house", &s);
    assert_ok(conditioning_make(&longest, &s, 4096, true));
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_ok(conditioning_make(&c, &s, lengths[i], true));
        assert_arrays_close(c.level[0], longest.level[0], lengths[i] * CONDITIONING_CHANNELS, 0);
        for (int k = 1; k < CONDITIONING_LEVELS; k++)
            assert_arrays_close(c.level[k], longest.level[k], (lengths[i] >> k) * CONDITIONING_DEEP_CHANNELS, 0);
        conditioning_free(&c);
    }
    conditioning_free(&longest);
    score_free(&s);
}

static void test_notes_at_the_edges(void **state) {
    (void)state;
    score s = {.style = STYLE_FREE, .seconds = 0.096, .program = {0, 32, 0, 12}};
    assert_ok(score_add_note(&s, (note){-0.013, 0.1, PART_DRUMS, LANE_KICK, 127})); /* two frames before the clip */
    assert_ok(
        score_add_note(&s, (note){-0.1, 0.124, PART_BASS, 12 + 4, 127}));   /* E0: two octaves up; ends with frame 1 */
    assert_ok(score_add_note(&s, (note){0.084, 1000, PART_LEAD, 127, 64})); /* G9: down to G5 */
    assert_ok(score_add_note(&s, (note){0.096, 1, PART_HARMONY, 60, 127})); /* after the clip */
    assert_ok(score_add_note(&s, (note){-1e6, 1, PART_HARMONY, 60, 127}));
    assert_ok(score_add_accent(&s, (accent){-0.5, 1}));
    assert_ok(score_add_accent(&s, (accent){0.3, 0.5}));
    conditioning c;
    assert_ok(conditioning_make(&c, &s, 8, true));
    const float *row = c.level[0];
    assert_true(fabs((double)row[12] - exp(-2 * 0.012 / 0.04)) < TOLERANCE);
    assert_true(row[22] == 0.5f && row[CONDITIONING_CHANNELS + 22] == 0.5f && row[2 * CONDITIONING_CHANNELS + 22] == 0);
    assert_true(fabs((double)row[7 * CONDITIONING_CHANNELS + 83 + 91 - 55] - 64 / 127.0) < TOLERANCE);
    assert_true(row[6 * CONDITIONING_CHANNELS + 83 + 91 - 55] == 0);
    for (size_t i = 0; i < 8; i++) {
        double t = 0.012 * ((double)i + 0.5);
        assert_true(maximum(row + i * CONDITIONING_CHANNELS, 46, 82) == 0);
        assert_true(row[i * CONDITIONING_CHANNELS] == 0);
        assert_true(fabs((double)row[i * CONDITIONING_CHANNELS + 3] - exp(-(t + 0.5) / 0.6)) < TOLERANCE);
        assert_true(fabs((double)row[i * CONDITIONING_CHANNELS + 4] - 0.5 * exp((t - 0.3) / 0.1)) < TOLERANCE);
    }
    conditioning_free(&c);
    score_free(&s);
}

static void test_refuses_wrong_frames_and_programs(void **state) {
    (void)state;
    score s;
    conditioning c;
    read_golden("free", &s);
    assert_fails(conditioning_make(&c, &s, 0, true), LORIS_ERROR_ARGUMENT, "multiple of 8");
    assert_fails(conditioning_make(&c, &s, 1023, true), LORIS_ERROR_ARGUMENT, "1023");
    assert_fails(conditioning_make(&c, &s, SIZE_MAX - 7, true), LORIS_ERROR_MEMORY, NULL);
    s.program[PART_LEAD] = 127;
    assert_fails(conditioning_make(&c, &s, 8, true), LORIS_ERROR_INPUT, "127");
    conditioning_free(&c);
    score_free(&s);
}

/* ---- reading scores ---------------------------------------------------------------------------------------------- */

static void test_score_reads_the_golden_layout(void **state) {
    (void)state;
    score s;
    read_golden("house", &s);
    assert_int_equal(s.style, STYLE_HOUSE);
    assert_true(s.bpm == 120 && s.offset == 0.25 && s.seconds == 12.288);
    assert_int_equal(s.program[PART_BASS], 39);
    assert_int_equal(s.program[PART_LEAD], 81);
    assert_int_equal(s.note_count, 194);
    assert_int_equal(s.notes[0].pitch, LANE_OPENHAT);
    assert_int_equal(s.notes[1].part, PART_HARMONY);
    assert_int_equal(s.notes[1].pitch, 51);
    assert_int_equal(s.accent_count, 3);
    assert_true(s.accents[1].time == 4.3 && s.accents[1].strength == 0.8);
    assert_int_equal(s.section_count, 1);
    assert_true(s.sections[0].time == -1.75);
    score_free(&s);
}

static void test_score_refuses_what_is_not_one(void **state) {
    (void)state;
    static const char head[] = "{\"style\":\"pop\",\"bpm\":100,\"offset\":0,\"seconds\":2,"
                               "\"programs\":{\"bass\":33,\"harmony\":0,\"lead\":73},\"accents\":[],\"sections\":[],";
    static const char *const notes[] = {"[[0,1,\"drums\",\"gong\",90]]",
                                        "[[0,1,\"drums\",36,90]]",
                                        "[[0,1,\"flute\",60,90]]",
                                        "[[0,1,\"lead\",128,90]]",
                                        "[[0,1,\"lead\",60,0]]",
                                        "[[0,-1,\"lead\",60,90]]",
                                        "[[0,1,\"lead\",60]]",
                                        "[[\"0\",1,\"lead\",60,90]]",
                                        "[7]",
                                        "{}",
                                        "[[1e300,1,\"lead\",60,90]]"};
    const char *path = scratch("score.json");
    char body[1024];
    score s;
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        int size = snprintf(body, sizeof body, "%s\"notes\":%s}", head, notes[i]);
        scratch_write(path, body, (size_t)size);
        assert_fails(score_read(&s, path), LORIS_ERROR_INPUT, path);
        assert_null(s.notes);
    }
    static const char *const wholes[] = {"", "[]", "{}", "{\"style\":\"polka\"}", "{\"style\":\"pop\",\"bpm\":-1}"};
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
        scratch_write(path, wholes[i], strlen(wholes[i]));
        assert_fails(score_read(&s, path), LORIS_ERROR_INPUT, path);
    }
    unlink(path);
    assert_fails(score_read(&s, path), LORIS_ERROR_INPUT, path);
}

static void test_style_names(void **state) {
    (void)state;
    for (int i = 0; i < STYLE_COUNT; i++) {
        style s;
        assert_ok(style_from_name(style_name((style)i), &s));
        assert_int_equal(s, i);
    }
    style s;
    assert_fails(style_from_name("polka", &s), LORIS_ERROR_ARGUMENT, "polka");
    assert_non_null(strstr(loris_error_hint(), "house"));
    assert_non_null(strstr(loris_error_hint(), "free"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_house_matches_reference),
        cmocka_unit_test(test_free_matches_reference),
        cmocka_unit_test(test_deeper_levels_pool_the_first),
        cmocka_unit_test(test_withheld_score_leaves_rhythm),
        cmocka_unit_test(test_any_length),
        cmocka_unit_test(test_notes_at_the_edges),
        cmocka_unit_test(test_refuses_wrong_frames_and_programs),
        cmocka_unit_test(test_score_reads_the_golden_layout),
        cmocka_unit_test(test_score_refuses_what_is_not_one),
        cmocka_unit_test(test_style_names),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
