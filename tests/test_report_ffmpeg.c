/* What tools/follow-report measures, against known answers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bars.h"
#include "compare.h"
#include "core/json.h"
#include "drawn.h"
#include "markup_check.h"
#include "measure.h"
#include "report.h"
#include "scratch.h"

#define TWO_PI 6.283185307179586476925286766559

/* ---- distributions ----------------------------------------------------------------------------------------------- */

/* The same numbers as in the computation of the answers. */
static void fill(double *x, size_t count, uint64_t state, double scale, double shift) {
    for (size_t i = 0; i < count; i++) {
        state = (state * 1103515245 + 12345) % 2147483648u;
        x[i] = (double)state / 2147483648.0 * scale + shift;
    }
}

/* scipy 1.14: ks_2samp(method="exact"). Stephens' approximation is good to some percent of p, more in the tail. */
static void test_kolmogorov_smirnov(void **state) {
    (void)state;
    static const struct {
        size_t a, b;
        double shift, scale, p;
    } known[] = {{54, 400, 0, 1, 0.32944},
                 {54, 400, 0.15, 1, 0.0010517},
                 {20, 30, 0.2, 1, 0.39948},
                 {54, 400, 0.3, 1, 5.05e-8},
                 {54, 400, 0, 0.6, 9.99e-8}};
    double a[54], b[400];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        fill(a, known[i].a, 1, known[i].scale, known[i].shift);
        fill(b, known[i].b, 2, 1, 0);
        double p = kolmogorov_smirnov(a, known[i].a, b, known[i].b);
        assert_true(fabs(p - known[i].p) <= 0.02 && fabs(log(p / known[i].p)) <= 0.4);
    }
    assert_true(kolmogorov_smirnov(a, 54, a, 54) == 1);
    assert_true(kolmogorov_smirnov(a, 0, b, 400) == 1);
}

/* ---- sounds made up ---------------------------------------------------------------------------------------------- */

static sound silence(double seconds) {
    sound s = {.seconds = seconds, .count = (size_t)(seconds * ONSET_RATE)};
    s.samples = calloc(s.count, sizeof *s.samples);
    assert_non_null(s.samples);
    return s;
}

static double noise(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (double)(*state >> 11) / 4503599627370496.0 - 1; /* -1..1 */
}

static void add_burst(sound *s, double time, double seconds, double level) {
    uint64_t bits = 88172645463325252u + (uint64_t)(time * 1000);
    for (size_t i = (size_t)(time * ONSET_RATE); i < (size_t)((time + seconds) * ONSET_RATE) && i < s->count; i++)
        s->samples[i] += (float)(level * noise(&bits));
}

static void add_tone(sound *s, double hz, double from, double to, double level) {
    for (size_t i = (size_t)(from * ONSET_RATE); i < (size_t)(to * ONSET_RATE) && i < s->count; i++)
        s->samples[i] += (float)(level * sin(TWO_PI * hz * (double)i / ONSET_RATE));
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void test_contrast(void **state) {
    (void)state;
    static const double events[] = {1, 2.2, 2.9, 4.1, 5.5, 6.2, 7.4, 8.8},
                        other[] = {0.6, 1.5, 2.55, 3.4, 4.7, 5.9, 6.8, 8.1};
    enum { COUNT = sizeof events / sizeof *events };
    sound s = silence(10);
    flux_bands bands;
    double rank;
    for (size_t i = 0; i < COUNT; i++)
        add_burst(&s, events[i], 0.05, 0.5);
    assert_ok(flux_bands_of(&bands, &s));
    double own = accent_contrast(&bands, events, COUNT), strange = accent_contrast(&bands, other, COUNT);
    assert_true(own > 4); /* deviations: an onset is one frame of fifty here */
    assert_true(strange < 0.5);
    assert_true(accent_contrast(&bands, events, 1) == 0);

    event_list lists[] = {{(double[]){0.6, 1.5, 2.55, 3.4, 4.7, 5.9, 6.8, 8.1}, COUNT, 10},
                          {(double[]){0.3, 0.8, 1.7, 2.5}, 4, 3.1}};
    assert_ok(contrast_rank(&bands, s.seconds, events, COUNT, lists, 2, 200, &rank));
    assert_true(rank >= 0.99);
    assert_ok(contrast_rank(&bands, s.seconds, other, COUNT, lists, 2, 200, &rank));
    assert_true(rank < 0.9); /* events that nothing in the sound follows are like any others */
    flux_bands_free(&bands);
    free(s.samples);
}

static void test_tempo(void **state) {
    (void)state;
    static const double tempos[] = {84, 96, 104, 132};
    for (size_t i = 0; i < sizeof tempos / sizeof *tempos; i++) {
        sound s = silence(20);
        float *strength;
        size_t frames;
        for (double t = 0.3; t < s.seconds; t += 60 / tempos[i])
            add_burst(&s, t, 0.03, 0.5);
        assert_ok(audio_onset_strength(s.samples, s.count, &strength, &frames));
        assert_true(fabs(tempo_heard(strength, frames, 40, 240) - tempos[i]) <= 0.01 * tempos[i]);
        memset(strength, 0, frames * sizeof *strength);
        assert_true(tempo_heard(strength, frames, 40, 240) == 0);
        free(strength);
        free(s.samples);
    }
}

static void test_melodies(void **state) {
    (void)state;
    note lead[] = {{1, 0.5, PART_LEAD, 64, 90}, {2, 0.5, PART_LEAD, 66, 90}, {3, 0.5, PART_LEAD, 67, 90}},
         others[] = {{1.02, 0.5, PART_LEAD, 64, 90}, {2, 0.5, PART_BASS, 66, 90}, {3.2, 0.5, PART_LEAD, 67, 90}};
    score a = {.notes = lead, .note_count = 3}, b = {.notes = others, .note_count = 3}, none = {0};
    assert_true(fabs(melody_shared(&a, &b) - 1.0 / 3) < 1e-12);
    assert_true(melody_shared(&a, &a) == 1);
    assert_true(melody_shared(&none, &a) == 0);
}

/* ---- harmony ----------------------------------------------------------------------------------------------------- */

/* librosa 0.11 on the same file. */
static void test_librosa(void **state) {
    (void)state;
    static const double harmonic = 0.72774, flux[] = {2.25494, 1.95223, 1.43329};
    static const double chroma[PITCH_CLASSES] = {0.0957, 0.2657, 1.0000, 0.3842, 0.4262, 0.7487,
                                                 0.2544, 0.0434, 0.0846, 0.2944, 0.7199, 0.4080};
    static const int edges[] = {0, 8, 64, 128};
    enum { FRAME = 20 };
    sound s;
    double share, heard[PITCH_CLASSES];
    float *power, *strength;
    size_t frames;
    chroma_bank *bank;
    assert_ok(sound_read(&s, LORIS_TEST_DATA "/beats/gt_0.wav"));
    assert_ok(harmonic_share(&s, &share));
    assert_true(fabs(share - harmonic) < 2e-5); /* printed digits; librosa sums in float */

    assert_ok(chroma_bank_new(&bank));
    assert_ok(sound_power(&s, &power, &frames));
    chroma_of(bank, power + FRAME * SPECTRUM_BINS, heard);
    for (int c = 0; c < PITCH_CLASSES; c++)
        assert_true(fabs(heard[c] - chroma[c]) < 1e-4);
    free(power);
    chroma_bank_free(bank);

    assert_ok(audio_onset_strengths(s.samples, s.count, edges, 3, &strength, &frames));
    for (size_t band = 0; band < 3; band++) {
        double mean = 0;
        for (size_t i = 0; i < frames; i++)
            mean += (double)strength[band * frames + i] / (double)frames;
        assert_true(fabs(mean - flux[band]) < 2e-5);
    }
    free(strength);
    free(s.samples);
}

static void test_harmony(void **state) {
    (void)state;
    sound tones = silence(4), bursts = silence(4);
    double share, cosine;
    note notes[] = {{0, 2, PART_HARMONY, 69, 90}, {2, 2, PART_HARMONY, 72, 90}},
         wrong[] = {{0, 2, PART_HARMONY, 63, 90}, {2, 2, PART_HARMONY, 66, 90}};
    score right = {.notes = notes, .note_count = 2, .seconds = 4},
          other = {.notes = wrong, .note_count = 2, .seconds = 4};
    add_tone(&tones, 440, 0, 2, 0.3);
    add_tone(&tones, 523.25, 2, 4, 0.3);
    for (double t = 0.2; t < 4; t += 0.4)
        add_burst(&bursts, t, 0.005, 0.8);
    assert_ok(harmonic_share(&tones, &share));
    assert_true(share > 0.9);
    assert_ok(harmonic_share(&bursts, &share));
    assert_true(share < 0.1);
    assert_ok(chroma_agreement(&tones, &right, &cosine));
    assert_true(cosine > 0.9);
    assert_ok(chroma_agreement(&tones, &other, &cosine));
    assert_true(cosine < 0.1);
    free(tones.samples);
    free(bursts.samples);
}

static void test_keys(void **state) {
    (void)state;
    static const int scale[] = {0, 2, 4, 5, 7, 9, 11, 12};
    note notes[32];
    for (int i = 0; i < 32; i++) /* D major; the last quarter a fifth above */
        notes[i] = (note){i, 1, PART_LEAD, (i < 24 ? 62 : 57) + scale[i % 8], 90};
    score s = {.notes = notes, .note_count = 24, .seconds = 24};
    assert_true(outside_key(&s, 3) == 0);
    s.note_count = 32;
    s.seconds = 32;
    assert_true(fabs(outside_key(&s, 4) - 1.0 / 8) < 1e-9); /* G sharp for G */
}

static void test_palette(void **state) {
    (void)state;
    sound constant = silence(4), changing = silence(4);
    double least;
    for (int k = 0; k < 4; k++) {
        add_burst(&constant, k, 1, 0.1);
        add_tone(&constant, 440, k, k + 1, 0.3);
        add_tone(&changing, k < 2 ? 200 : 5000, k, k + 1, 0.3);
    }
    assert_ok(palette_constancy(&constant, 4, &least));
    assert_true(least > 0.99);
    assert_ok(palette_constancy(&changing, 4, &least));
    assert_true(least < 0.8);
    free(constant.samples);
    free(changing.samples);
}

/* ---- joints ------------------------------------------------------------------------------------------------------ */

static void test_joints(void **state) {
    (void)state;
    enum { JOINTS = 12 };
    static const double SPACING = 5.3, LENGTH = 1.2, BEAT = 0.5;
    loris_joint joints[JOINTS];
    sound s = silence((JOINTS + 1) * SPACING);
    joint_test t;
    uint64_t bits = 1;
    for (size_t i = 0; i < s.count; i++)
        s.samples[i] = (float)(0.05 * noise(&bits));
    for (double time = 0.2; time < s.seconds; time += BEAT)
        add_burst(&s, time, 0.04, 0.4);
    for (int i = 0; i < JOINTS; i++)
        joints[i] = (loris_joint){(i + 1) * SPACING, (i + 1) * SPACING + LENGTH};
    assert_ok(joints_heard(&s, joints, JOINTS, BEAT, &t));
    assert_int_equal(t.at, 3 * JOINTS);
    assert_true(t.elsewhere > 6 * t.at);
    assert_true(t.flux_p > 0.05 && t.level_p > 0.05);

    for (int i = 0; i < JOINTS; i++) /* joints 6 dB louder: steps at their begins and ends */
        for (size_t k = (size_t)(joints[i].start * ONSET_RATE); k < (size_t)(joints[i].end * ONSET_RATE); k++)
            s.samples[k] *= 2;
    assert_ok(joints_heard(&s, joints, JOINTS, BEAT, &t));
    assert_true(t.level_p < 0.05);

    for (int i = 0; i < JOINTS; i++) /* and a click at each begin and end */
        for (int end = 0; end < 2; end++)
            add_burst(&s, joints[i].start + end * LENGTH, 0.02, 0.8);
    assert_ok(joints_heard(&s, joints, JOINTS, BEAT, &t));
    assert_true(t.flux_p < 0.05);
    free(s.samples);
}

/* ---- bars -------------------------------------------------------------------------------------------------------- */

static void test_bars(void **state) {
    (void)state;
    results all = {0};
    result good = result_of(TABLE_SOUND, BAR_ALWAYS | BAR_FREE, "good", "free"),
           compared = result_of(TABLE_BELOW, 0, "silence", "silence");
    good.value[HEARD_RECALL] = 0.85;
    good.value[HEARD_F] = 0.7;
    good.value[HEARD_DENSITY] = 0.5; /* a bar for clips with a beat only */
    compared.value[HEARD_RECALL] = 0;
    assert_ok(results_add(&all, &good));
    assert_ok(results_add(&all, &compared));
    assert_true(results_meet(&all));
    result bad = good;
    bad.value[HEARD_RECALL] = 0.8499;
    assert_false(result_meets(&bad, HEARD_RECALL));
    assert_ok(results_add(&all, &bad));
    assert_false(results_meet(&all));

    text printed = {0};
    results_markdown(&printed, &all);
    assert_non_null(strstr(printed.data, ">= 0.85 | 1 of 2 | 0.85 (good) | **FAIL** |"));
    assert_non_null(strstr(printed.data, "**0.85**"));
    text_free(&printed);
    results_json(&printed, &all);
    arena *a = arena_new();
    const json *root, *rows;
    assert_ok(json_parse(&root, a, printed.data, printed.length, "report"));
    assert_int_equal(json_get(root, "pass")->type, JSON_FALSE);
    assert_ok(json_need_array(root, "rows", &rows, "report"));
    assert_int_equal(rows->count, 3);
    assert_int_equal(json_get(&rows->item[2], "missed")->count, 1);
    arena_free(a);
    text_free(&printed);
    results_free(&all);
}

/* ---- the picture ------------------------------------------------------------------------------------------------- */

static void test_spectrogram(void **state) {
    (void)state;
    static const double events[] = {0.5, 1.2, 15.1, 18.9};
    enum { COUNT = sizeof events / sizeof *events };
    sound s = silence(19);
    note notes[] = {{0, 19, PART_HARMONY, 69, 90}};
    score pulse = {.style = STYLE_POP, .bpm = 120, .offset = 0.5, .seconds = 19, .notes = notes, .note_count = 1},
          none = {.style = STYLE_FREE, .seconds = 19};
    size_t size;
    for (size_t i = 0; i < COUNT; i++)
        add_burst(&s, events[i], 0.05, 0.5);
    assert_ok(spectrogram_svg(scratch("sound.svg"), "<a & b>", &s, events, COUNT, &pulse));
    char *svg = scratch_read(scratch("sound.svg"), &size);
    assert_well_formed(svg);
    assert_int_equal(count_of(svg, "class=\"event\""), COUNT);
    assert_int_equal(count_of(svg, "class=\"event line\""), COUNT);
    assert_int_equal(count_of(svg, "class=\"onset\""), COUNT);
    assert_int_equal(count_of(svg, "class=\"beat\"") + count_of(svg, "class=\"beat bar\""), 38); /* 0 .. 18.5 s */
    assert_int_equal(count_of(svg, "class=\"beat bar\""), 10);
    assert_int_equal(count_of(svg, "<image"), 2);                            /* rows */
    assert_int_equal(count_of(svg, "href="), count_of(svg, "href=\"data:")); /* loads nothing */
    free(svg);
    assert_ok(spectrogram_svg(scratch("sound.svg"), "free", &s, events, COUNT, &none));
    svg = scratch_read(scratch("sound.svg"), &size);
    assert_int_equal(count_of(svg, "class=\"beat"), 0);
    free(svg);
    assert_int_equal(spectrogram_svg("/nowhere/at/all.svg", "x", &s, events, COUNT, &none), LORIS_ERROR_OUTPUT);
    free(s.samples);
}

/* ---- drawn clips ------------------------------------------------------------------------------------------------- */

static void test_drawn_events(void **state) {
    (void)state;
    const drawn_clip even = {.kind = DRAWN_STARTS, .seed = 3, .seconds = 20, .bpm = 120},
                     worn = {.kind = DRAWN_STARTS, .seed = 3, .seconds = 20, .bpm = 120, .rests = 0.3},
                     loose = {.kind = DRAWN_STOPS, .seed = 3, .seconds = 20};
    double *a, *b, *c;
    size_t a_count, b_count, c_count;
    assert_ok(drawn_events(&even, &a, &a_count));
    assert_ok(drawn_events(&worn, &b, &b_count));
    assert_ok(drawn_events(&loose, &c, &c_count));
    assert_int_equal(a_count, 38); /* from 0.7 s to 19.3 s */
    assert_true(b_count < a_count && b_count > a_count / 2);
    for (size_t i = 0; i < b_count; i++)
        assert_true(fabs(remainder(b[i] - a[0], 0.5)) < 1e-9);
    for (size_t i = 1; i < c_count; i++)
        assert_true(c[i] - c[i - 1] >= 0.37 && c[i] - c[i - 1] <= 1.5);
    free(a);
    free(b);
    free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kolmogorov_smirnov),
        cmocka_unit_test(test_contrast),
        cmocka_unit_test(test_tempo),
        cmocka_unit_test(test_melodies),
        cmocka_unit_test(test_librosa),
        cmocka_unit_test(test_harmony),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_palette),
        cmocka_unit_test(test_joints),
        cmocka_unit_test(test_bars),
        cmocka_unit_test(test_spectrogram),
        cmocka_unit_test(test_drawn_events),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
