/* The writing: what strong accents bring, how sections begin and end, who plays when, and what tells styles apart. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "music/compose.h"

enum { SEEDS = 8, BPM = 120, EVENTS_MAX = 256 }; /* bars of two seconds from 0 */

typedef struct clip {
    rhythm rhythm;
    rhythm_event events[EVENTS_MAX];
    rhythm_energy energy[EVENTS_MAX];
    double beats[EVENTS_MAX], downbeats[EVENTS_MAX];
} clip;

/* A pulse of 120 BPM, and energy that steps from `before` to `after` halfway. */
static clip *clip_new(double seconds, float before, float after) {
    clip *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->rhythm = (rhythm){.duration = seconds,
                         .bpm = BPM,
                         .tempo_confidence = 0.9,
                         .beats = c->beats,
                         .downbeats = c->downbeats,
                         .energy = c->energy,
                         .events = c->events};
    for (double t = 0; t < seconds; t += 0.5) {
        if (c->rhythm.beat_count % 4 == 0)
            c->downbeats[c->rhythm.downbeat_count++] = t;
        c->beats[c->rhythm.beat_count++] = t;
        c->energy[c->rhythm.energy_count++] = (rhythm_energy){t, t < seconds / 2 ? before : after};
    }
    return c;
}

static void add_event(clip *c, double time, double strength) {
    c->events[c->rhythm.event_count++] = (rhythm_event){time, EVENT_IMPACT, (float)strength};
}

static score written(const clip *c, int style_number, uint64_t seed) {
    compose_settings settings = {.style = style_number, .seed = seed, .bpm = COMPOSE_BPM_AUTO, .follow = 1};
    score s;
    assert_ok(compose(&s, &c->rhythm, &settings));
    return s;
}

/* ---- asking a score ---------------------------------------------------------------------------------------------- */

/* How many notes of a part (and pitch, or -1) begin in [from, to). */
static int count_in(const score *s, part who, int pitch, double from, double to) {
    int count = 0;
    for (size_t i = 0; i < s->note_count; i++)
        count += s->notes[i].part == who && (pitch < 0 || s->notes[i].pitch == pitch) && s->notes[i].time >= from &&
                 s->notes[i].time < to;
    return count;
}

static double mean_velocity(const score *s, part who, int pitch, double from, double to) {
    double sum = 0;
    int count = count_in(s, who, pitch, from, to);
    for (size_t i = 0; i < s->note_count; i++)
        if (s->notes[i].part == who && s->notes[i].pitch == pitch && s->notes[i].time >= from && s->notes[i].time < to)
            sum += s->notes[i].velocity;
    return count ? sum / count : 0;
}

/* The pitch classes, a bit each, of the chord that is struck within `width` of `time`. */
static unsigned chord_near(const score *s, double time, double width) {
    unsigned tones = 0;
    for (size_t i = 0; i < s->note_count; i++)
        if (s->notes[i].part == PART_HARMONY && fabs(s->notes[i].time - time) <= width)
            tones |= 1u << s->notes[i].pitch % 12;
    return tones;
}

/* When the last chord before `time` was struck; negative without one. */
static double chord_before(const score *s, double time) {
    double last = -1;
    for (size_t i = 0; i < s->note_count; i++)
        if (s->notes[i].part == PART_HARMONY && s->notes[i].time < time - 0.05)
            last = fmax(last, s->notes[i].time);
    return last;
}

/* ---- accents ----------------------------------------------------------------------------------------------------- */

/* Every third beat an event, of which a few stand out: each of these has a crash, a kick and another chord than the
 * one before it. Styles whose chords are struck where they change, and that have no crashes of their own. */
static void test_strong_accents_change_the_chord(void **state) {
    (void)state;
    static const int styles[] = {STYLE_AMBIENT, STYLE_FREE};
    clip *c = clip_new(48, 0.5f, 0.5f);
    int changes = 0;
    for (int i = 1; i < 30; i++)
        add_event(c, 1.5 * i + 0.01, i % 10 == 4 ? 1 : 0.4);
    for (size_t k = 0; k < sizeof styles / sizeof *styles; k++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            if (styles[k] == STYLE_FREE)
                c->rhythm.tempo_confidence = 0;
            score s = written(c, styles[k], seed);
            double last = s.accents[s.accent_count - 1].time;
            for (size_t i = 0; i < s.note_count; i++) {
                const note *n = &s.notes[i];
                if (n->part != PART_DRUMS || n->pitch != LANE_CRASH || n->time >= last)
                    continue;
                assert_true(count_in(&s, PART_DRUMS, LANE_KICK, n->time - 0.001, n->time + 0.001) == 1);
                double before = chord_before(&s, n->time);
                assert_true(before >= 0);
                unsigned now = chord_near(&s, n->time, 0.05), then = chord_near(&s, before, 0.05);
                assert_true(now != 0);
                if (now == then)
                    fail_msg("%s, seed %d: the accent at %g s keeps its chord", style_name(s.style), (int)seed,
                             n->time);
                changes++;
            }
            score_free(&s);
        }
    assert_in_range(changes, 2 * SEEDS * 2, 2 * SEEDS * 3); /* a tenth of 29, at most one a bar */
    free(c);
}

/* ---- form -------------------------------------------------------------------------------------------------------- */

/* Hats and chords first, then the bass; the melody after two bars. */
static void test_intro(void **state) {
    (void)state;
    clip *c = clip_new(64, 0.6f, 0.6f);
    for (int i = 0; i < STYLE_FREE; i++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            score s = written(c, i, seed);
            double bar = s.bpm > 0 ? 240 / s.bpm : 2;
            assert_int_equal(count_in(&s, PART_BASS, -1, 0, bar - 0.05), 0);
            assert_true(count_in(&s, PART_BASS, -1, bar - 0.05, 3 * bar) > 0);
            assert_int_equal(count_in(&s, PART_LEAD, -1, 0, 2 * bar - 0.05), 0);
            assert_true(count_in(&s, PART_LEAD, -1, 2 * bar - 0.05, 10 * bar) > 0);
            assert_true(count_in(&s, PART_HARMONY, -1, 0, bar) > 0);
            score_free(&s);
        }
    free(c);
}

/* The bar before a section is filled: toms, or more snare than the bar before it has; none where nothing follows. */
static void test_fills_lead_into_sections(void **state) {
    (void)state;
    static const int styles[] = {STYLE_HOUSE, STYLE_HIPHOP, STYLE_POP, STYLE_FUNK, STYLE_ROCK, STYLE_LATIN};
    clip *c = clip_new(64, 0.7f, 0.7f);
    int filled = 0, sections = 0;
    for (size_t k = 0; k < sizeof styles / sizeof *styles; k++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            score s = written(c, styles[k], seed);
            double bar = 240 / s.bpm;
            assert_true(s.section_count >= 2);
            for (size_t i = 1; i < s.section_count; i++) {
                double to = s.sections[i].time - 0.02, from = to - bar / 2;
                int fill =
                    count_in(&s, PART_DRUMS, LANE_TOM, from, to) + count_in(&s, PART_DRUMS, LANE_SNARE, from, to);
                int usual = count_in(&s, PART_DRUMS, LANE_TOM, from - bar, to - bar) +
                            count_in(&s, PART_DRUMS, LANE_SNARE, from - bar, to - bar);
                filled += fill > usual || count_in(&s, PART_DRUMS, LANE_TOM, from, to) > 0;
                sections++;
            }
            score_free(&s);
        }
    assert_true(filled >= sections * 9 / 10); /* a fill of three strokes may replace as many ghost notes */
    free(c);
}

/* Into a livelier section a snare roll grows. */
static void test_builds_grow(void **state) {
    (void)state;
    clip *c = clip_new(64, 0.1f, 0.9f);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        score s = written(c, STYLE_HOUSE, seed);
        double bar = 240 / s.bpm, to = 0;
        for (size_t i = 1; i < s.section_count; i++)
            if (s.sections[i].energy > s.sections[i - 1].energy + 0.12)
                to = s.sections[i].time;
        assert_true(to > bar);
        assert_in_range(count_in(&s, PART_DRUMS, LANE_SNARE, to - bar - 0.02, to - 0.02), 10, 14);
        assert_true(mean_velocity(&s, PART_DRUMS, LANE_SNARE, to - bar / 2 - 0.02, to - 0.02) >
                    mean_velocity(&s, PART_DRUMS, LANE_SNARE, to - bar - 0.02, to - bar / 2 - 0.02) + 3);
        score_free(&s);
    }
    free(c);
}

/* Layers come with energy; the melody pauses and comes back. */
static void test_layers_enter_and_leave(void **state) {
    (void)state;
    clip *c = clip_new(96, 0.05f, 0.95f);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        score s = written(c, STYLE_POP, seed);
        double bar = 240 / s.bpm;
        int hats[2] = {count_in(&s, PART_DRUMS, LANE_HAT, 2 * bar, 44), count_in(&s, PART_DRUMS, LANE_HAT, 52, 94)};
        assert_true(hats[1] > 1.5 * hats[0]);
        int entries = 0;
        bool playing = false;
        for (int k = 0; (k + 4) * bar < 96; k += 4) {
            bool now = count_in(&s, PART_LEAD, -1, k * bar - 0.05, (k + 4) * bar - 0.05) > 0;
            entries += now && !playing;
            playing = now;
        }
        assert_true(entries >= 2);
        score_free(&s);
    }
    free(c);
}

/* Soft strokes of the snare between the backbeats, at about half their velocity. */
static void test_ghost_notes(void **state) {
    (void)state;
    clip *c = clip_new(64, 0.8f, 0.8f);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        score s = written(c, STYLE_FUNK, seed);
        double bar = 240 / s.bpm, soft = 0, loud = 0;
        int ghosts = 0, backbeats = 0;
        for (size_t i = 0; i < s.note_count; i++) {
            const note *n = &s.notes[i];
            double beats = (n->time - s.offset) / bar * 4, on = fabs(beats - round(beats));
            if (n->part != PART_DRUMS || n->pitch != LANE_SNARE || n->time < 4 * bar || n->time > 7 * bar)
                continue;
            bool backbeat = on < 0.1 && (int)round(beats) % 2 == 1;
            *(backbeat ? &loud : &soft) += n->velocity;
            *(backbeat ? &backbeats : &ghosts) += 1;
        }
        assert_true(ghosts >= 3 && backbeats >= 4);
        assert_true(soft / ghosts < 0.7 * loud / backbeats);
        score_free(&s);
    }
    free(c);
}

/* ---- styles ------------------------------------------------------------------------------------------------------ */

enum { LANES = LANE_COUNT + PART_COUNT, FEATURES = LANES * 16 + PART_COUNT };

/* What a listener hears of the writing alone: strokes of each drum and part by sixteenth of the bar, a bar; how long
 * notes of each part are, in beats. The same tempo for all. */
static void describe(const score *s, double *f) {
    double bar = 240 / s->bpm, bars = s->seconds / bar;
    int notes[PART_COUNT] = {0};
    memset(f, 0, FEATURES * sizeof *f);
    for (size_t i = 0; i < s->note_count; i++) {
        const note *n = &s->notes[i];
        double at = fmod(n->time - s->offset + 100 * bar, bar) / bar * 16;
        int lane_index = n->part == PART_DRUMS ? n->pitch : LANE_COUNT + (int)n->part;
        f[lane_index * 16 + (int)round(at) % 16] += 1 / bars;
        f[LANES * 16 + (int)n->part] += n->duration / bar * 4;
        notes[n->part]++;
    }
    for (int p = 0; p < PART_COUNT; p++)
        f[LANES * 16 + p] /= notes[p] ? notes[p] : 1;
}

static double distance(const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < FEATURES; i++)
        sum += fabs(a[i] - b[i]);
    return sum;
}

/* To one clip and tempo, with the instruments unheard, a score's nearest neighbour is of its style. */
static void test_styles_differ(void **state) {
    (void)state;
    enum { SCORES = STYLE_FREE * SEEDS };
    clip *c = clip_new(40, 0.6f, 0.6f);
    double(*features)[FEATURES] = calloc(SCORES, sizeof *features);
    int right = 0;
    assert_non_null(features);
    for (int i = 0; i < SCORES; i++) {
        compose_settings settings = {.style = i / SEEDS, .seed = (uint64_t)i, .bpm = 112, .follow = 1};
        score s;
        assert_ok(compose(&s, &c->rhythm, &settings));
        describe(&s, features[i]);
        score_free(&s);
    }
    for (int i = 0; i < SCORES; i++) {
        int nearest = -1;
        for (int k = 0; k < SCORES; k++)
            if (k != i &&
                (nearest < 0 || distance(features[i], features[k]) < distance(features[i], features[nearest])))
                nearest = k;
        right += nearest / SEEDS == i / SEEDS;
    }
    print_message("nearest of its own style: %d of %d\n", right, SCORES);
    assert_true(right >= SCORES * 9 / 10); /* chance: one in nine */
    free(features);
    free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strong_accents_change_the_chord),
        cmocka_unit_test(test_intro),
        cmocka_unit_test(test_fills_lead_into_sections),
        cmocka_unit_test(test_builds_grow),
        cmocka_unit_test(test_layers_enter_and_leave),
        cmocka_unit_test(test_ghost_notes),
        cmocka_unit_test(test_styles_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
