/* Tempo, beats and downbeats of events whose pulse is known. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "rhythm/tempo.h"

enum { MOST = 600 };

typedef struct clip {
    rhythm r;
    rhythm_event events[MOST];
    random_state random;
} clip;

static clip *clip_new(double duration, uint64_t seed) {
    clip *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->r.duration = duration;
    c->r.events = c->events;
    c->random = random_begin(seed, 1);
    return c;
}

static void clip_free(clip *c) {
    free(c->r.beats);
    free(c->r.downbeats);
    free(c);
}

static void add(clip *c, double time, event_kind kind, double strength) {
    assert_true(c->r.event_count < MOST);
    if (time < 0.0 || time > c->r.duration)
        return;
    size_t i = c->r.event_count++;
    for (; i > 0 && c->events[i - 1].time > time; i--)
        c->events[i] = c->events[i - 1];
    c->events[i] = (rhythm_event){time, kind, (float)strength};
}

/* Events on a pulse: `jitter` is a deviation in seconds, `missing` a share left out, `extra` a share added anywhere. */
static void add_pulse(clip *c, double first, double period, double jitter, double missing, double extra,
                      event_kind kind) {
    size_t count = 0;
    for (double t = first; t < c->r.duration; t += period) {
        if (random_uniform(&c->random) < missing)
            continue;
        add(c, t + jitter * random_gauss(&c->random, 0.0, 1.0), kind, random_range(&c->random, 0.3, 1.0));
        count++;
    }
    for (size_t i = 0; (double)i < extra * (double)count; i++)
        add(c, random_range(&c->random, 0.0, c->r.duration), kind, random_range(&c->random, 0.2, 0.8));
}

static void find(clip *c) {
    assert_ok(tempo_find(&c->r));
    const rhythm *r = &c->r;
    assert_true(r->tempo_confidence >= 0.0 && r->tempo_confidence <= 1.0);
    if (r->tempo_confidence < TEMPO_FREE) {
        assert_true(r->bpm == 0.0);
        assert_int_equal(r->beat_count + r->downbeat_count, 0);
        return;
    }
    double period = 60.0 / r->bpm;
    assert_true(r->beat_count >= 2);
    for (size_t i = 0; i < r->beat_count; i++) {
        assert_true(r->beats[i] >= 0.0 && r->beats[i] <= r->duration);
        /* the grid is elastic, by 4 % at most and a sample of the tracker */
        if (i)
            assert_true(fabs(r->beats[i] - r->beats[i - 1] - period) <= 0.04 * period + 0.006);
    }
    /* it spans the clip */
    assert_true(r->beats[0] < 1.1 * period && r->beats[r->beat_count - 1] > r->duration - 1.1 * period);
}

/* The tempo up to a factor of 2, and the mean distance of the true pulse from the nearest beat or half beat. */
static void expect_tempo(const clip *c, double bpm, double first) {
    double octave = round(log2(c->r.bpm / bpm)), off = 0.0;
    if (fabs(c->r.bpm / (bpm * pow(2.0, octave)) - 1.0) > 0.02)
        fail_msg("%.2f bpm heard as %.2f", bpm, c->r.bpm);
    size_t count = 0;
    for (double t = first; t < c->r.duration; t += 60.0 / bpm, count++) {
        double nearest = 9.0;
        for (size_t i = 0; i < c->r.beat_count; i++) {
            nearest = fmin(nearest, fabs(c->r.beats[i] - t));
            nearest = fmin(nearest, fabs(c->r.beats[i] + 30.0 / c->r.bpm - t));
            nearest = fmin(nearest, fabs(c->r.beats[i] - 30.0 / c->r.bpm - t));
        }
        off += nearest;
    }
    if (off / (double)count > 0.025)
        fail_msg("%.2f bpm: beats are off by %.3f s", bpm, off / (double)count);
}

static void test_pulses(void **state) {
    (void)state;
    static const double tempos[] = {62.0, 75.0, 96.0, 100.0, 117.3, 128.0, 140.0, 171.0};
    for (size_t i = 0; i < sizeof tempos / sizeof *tempos; i++)
        for (int kind = 0; kind < 2; kind++) {
            clip *c = clip_new(26.0, i);
            add_pulse(c, 0.37, 60.0 / tempos[i], 0.012, 0.0, 0.0, (event_kind)kind);
            find(c);
            assert_true(c->r.tempo_confidence > 0.75);
            expect_tempo(c, tempos[i], 0.37);
            clip_free(c);
        }
}

static void test_worn_pulses(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        double bpm = 70.0 + 4.9 * (double)seed;
        clip *c = clip_new(30.0, seed);
        add_pulse(c, 0.2, 60.0 / bpm, 0.02, 0.3, 0.25, EVENT_IMPACT);
        find(c);
        assert_true(c->r.tempo_confidence >= TEMPO_FREE);
        expect_tempo(c, bpm, 0.2);
        clip_free(c);
    }
}

/* The kind that keeps time decides: here impacts, while onsets stray. */
static void test_the_better_kind_decides(void **state) {
    (void)state;
    clip *c = clip_new(26.0, 3);
    add_pulse(c, 0.5, 0.6, 0.01, 0.0, 0.0, EVENT_IMPACT);
    add_pulse(c, 0.3, 0.6, 0.15, 0.0, 0.0, EVENT_ONSET);
    find(c);
    expect_tempo(c, 100.0, 0.5);
    assert_true(c->r.tempo_confidence > 0.75);
    clip_free(c);
}

/* Slides and talking heads: nothing moves, the editing keeps time. */
static void test_cuts_keep_time(void **state) {
    (void)state;
    clip *c = clip_new(30.0, 8);
    double cuts[12];
    for (int i = 0; i < 12; i++)
        cuts[i] = floor((1.1 + 4 * 0.6 * i) * 25.0) / 25.0; /* a bar each, at the video's frames */
    c->r.cuts = cuts;
    c->r.cut_count = 12;
    find(c);
    expect_tempo(c, 25.0, 1.1);
    assert_true(c->r.tempo_confidence > 0.5);
    clip_free(c);
}

/* One event in two seconds: a faster grid whose beats they are. */
static void test_slow_movement(void **state) {
    (void)state;
    clip *c = clip_new(40.0, 4);
    add_pulse(c, 1.0, 2.0, 0.01, 0.0, 0.0, EVENT_IMPACT);
    find(c);
    assert_true(c->r.bpm >= 70.0 && c->r.bpm <= 140.0);
    expect_tempo(c, 30.0, 1.0);
    clip_free(c);
}

/* A tempo that drifts by 5 % over the clip is followed. */
static void test_drift(void **state) {
    (void)state;
    clip *c = clip_new(30.0, 5);
    double t = 0.4;
    for (double period = 0.50; t < 29.0; t += period, period *= 1.0009)
        add(c, t, EVENT_IMPACT, 0.8);
    find(c);
    assert_true(c->r.tempo_confidence > 0.7);
    for (size_t i = 0; i < c->r.event_count; i++) {
        double nearest = 9.0;
        for (size_t b = 0; b < c->r.beat_count; b++)
            nearest = fmin(nearest, fabs(c->r.beats[b] - c->events[i].time));
        assert_true(nearest < 0.045);
    }
    clip_free(c);
}

/* What keeps no pulse is free: in 200 clips at most a few are taken for one, and those not surely. */
static void test_free_rhythm(void **state) {
    (void)state;
    int taken = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        clip *c = clip_new(20.0 + 0.1 * (double)seed, seed);
        for (double t = 0.5; t < c->r.duration - 0.3; t += random_range(&c->random, 0.35, 1.4))
            add(c, t, EVENT_IMPACT, random_range(&c->random, 0.3, 1.0));
        find(c);
        taken += c->r.bpm > 0.0;
        assert_true(c->r.tempo_confidence < 0.6);
        clip_free(c);
    }
    assert_true(taken <= 12); /* TEMPO_FREE is set where 2 % are expected: 4, and three deviations more */
}

static void test_too_little(void **state) {
    (void)state;
    for (int count = 0; count < 5; count++) {
        clip *c = clip_new(count ? 3.0 : 0.04, 1);
        for (int i = 0; i < count; i++)
            add(c, 0.5 * i, EVENT_IMPACT, 1.0);
        find(c);
        assert_true(c->r.bpm == 0.0);
        clip_free(c);
    }
    clip *c = clip_new(5.0, 1); /* many at one time, of no strength */
    for (int i = 0; i < 20; i++)
        add(c, 2.0, EVENT_ONSET, 0.0);
    find(c);
    assert_true(c->r.bpm == 0.0);
    clip_free(c);
}

static void test_downbeats(void **state) {
    (void)state;
    for (int phase = 0; phase < 4; phase++) {
        clip *c = clip_new(26.0, 6);
        int beat = 0;
        for (double t = 0.45; t < 25.8; t += 0.55, beat++)
            add(c, t, EVENT_IMPACT, beat % 4 == phase ? 1.0 : 0.4);
        find(c);
        assert_true(c->r.downbeat_count >= 10);
        for (size_t i = 0; i < c->r.downbeat_count; i++) {
            double bars = (c->r.downbeats[i] - 0.45 - 0.55 * phase) / 2.2;
            assert_true(fabs(bars - round(bars)) * 2.2 < 0.05);
        }
        clip_free(c);
    }
    /* equal hits: cuts decide */
    clip *c = clip_new(26.0, 7);
    double cuts[] = {0.45 + 2 * 0.55, 0.45 + 14 * 0.55, 0.45 + 30 * 0.55};
    for (double t = 0.45; t < 25.8; t += 0.55)
        add(c, t, EVENT_IMPACT, 0.5);
    c->r.cuts = cuts;
    c->r.cut_count = 3;
    find(c);
    double bars = (c->r.downbeats[0] - cuts[0]) / 2.2;
    assert_true(fabs(bars - round(bars)) * 2.2 < 0.05);
    clip_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pulses),
        cmocka_unit_test(test_worn_pulses),
        cmocka_unit_test(test_the_better_kind_decides),
        cmocka_unit_test(test_cuts_keep_time),
        cmocka_unit_test(test_slow_movement),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_free_rhythm),
        cmocka_unit_test(test_too_little),
        cmocka_unit_test(test_downbeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
