/* A cheap part of tools/follow-report: drawn clips of each kind are seen, in a pan as well; a soundtrack follows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "drawn.h"
#include "measure.h"
#include "rhythm/beat_scores.h"
#include "rhythm/watch.h"
#include "scratch.h"
#include "support_net.h"

static loris_engine *engine;

static int open_engine(void **state) {
    loris_engine_settings settings;
    loris_engine_defaults(&settings);
    settings.device = getenv("LORIS_TEST_DEVICE");
    settings.cache_dir = "";
    if (loris_engine_open(&engine, &settings) != LORIS_OK || support_open(state))
        return -1;
    return scratch_setup(state);
}

static int close_engine(void **state) {
    loris_engine_close(engine);
    support_close(state);
    return scratch_teardown(state);
}

static rhythm seen_in(const drawn_clip *c) {
    const char *path = scratch("drawn.y4m");
    watch_settings settings = watch_defaults();
    rhythm r;
    assert_ok(drawn_write(c, path));
    assert_ok(watch_video(&r, support_compute(), path, &settings, NULL, NULL));
    return r;
}

/* F within 70 ms of the events of the kind that the clip has. */
static double f_of(const drawn_clip *c, const rhythm *r) {
    const event_kind kind = c->kind == DRAWN_STARTS ? EVENT_ONSET : EVENT_IMPACT;
    double *truth, found[256], lateness[256];
    size_t count, found_count = 0;
    assert_ok(drawn_events(c, &truth, &count));
    assert_true(count >= 5 && count <= 256 && r->event_count <= 256);
    for (size_t i = 0; i < r->event_count; i++)
        if (r->events[i].kind == kind)
            found[found_count++] = r->events[i].time;
    double f = match_events(truth, count, found, found_count, 0.07, lateness).f;
    free(truth);
    return f;
}

/* The bars of docs/follow. */
static void test_each_kind_is_seen(void **state) {
    (void)state;
    static const struct {
        drawn_clip clip;
        double f;
    } kinds[] = {{{.kind = DRAWN_STARTS, .seed = 41, .seconds = 10, .bpm = 108}, 0.97},
                 {{.kind = DRAWN_STARTS, .seed = 42, .seconds = 10}, 0.97},
                 {{.kind = DRAWN_STARTS, .seed = 43, .seconds = 10, .hard = true}, 0.85},
                 {{.kind = DRAWN_STOPS, .seed = 44, .seconds = 10, .bpm = 88}, 0.9},
                 {{.kind = DRAWN_STOPS, .seed = 45, .seconds = 10}, 0.9},
                 {{.kind = DRAWN_TURNS, .seed = 46, .seconds = 10, .bpm = 100}, 0.8}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const drawn_clip *c = &kinds[i].clip;
        rhythm r = seen_in(c);
        double f = f_of(c, &r);
        if (!(f >= kinds[i].f))
            fail_msg("kind %zu: F %.3f", i, f);
        if (c->bpm > 0) { /* within 2 %, or a factor of 2; the grid stretches by at most 4 % from bar to bar */
            double octaves = log2(r.bpm / c->bpm), folded = octaves - fmin(fmax(round(octaves), -1), 1);
            assert_true(r.bpm > 0 && fabs(exp2(folded) - 1) <= 0.02);
            for (size_t k = 2; k < r.downbeat_count; k++) {
                double bar = r.downbeats[k] - r.downbeats[k - 1], before = r.downbeats[k - 1] - r.downbeats[k - 2];
                assert_true(fabs(bar / before - 1) <= 0.04);
            }
        }
        rhythm_free(&r);
    }
}

/* Before textured ground, and before plain ground, where the figure alone tells of the pan. */
static void test_a_pan_changes_little(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) {
        const drawn_kind kind = (drawn_kind)(i / 2);
        drawn_clip c = {.kind = kind, .seed = 50 + kind, .seconds = 10, .bpm = 96, .textured = i % 2};
        rhythm still = seen_in(&c);
        c.pan = 5;
        rhythm panned = seen_in(&c);
        double before = f_of(&c, &still), after = f_of(&c, &panned);
        if (!(fabs(after - before) < 0.05))
            fail_msg("kind %d, ground %d: F %.3f, in a pan %.3f", (int)kind, i % 2, before, after);
        rhythm_free(&still);
        rhythm_free(&panned);
    }
}

static void test_a_soundtrack_follows(void **state) {
    (void)state;
    const drawn_clip c = {.kind = DRAWN_STOPS, .seed = 60, .seconds = 10};
    rhythm r = seen_in(&c);
    loris_settings settings;
    loris_report *report = malloc(sizeof *report);
    sound s;
    double *truth, *onsets, lateness[256], share;
    size_t count, onset_count;
    assert_ok(rhythm_write(&r, scratch("rhythm.json")));
    loris_settings_defaults(&settings);
    settings.model = LORIS_MODELS "/base";
    settings.rhythm_in = scratch("rhythm.json");
    assert_non_null(report);
    assert_ok(loris_soundtrack(engine, &settings, scratch("drawn.y4m"), scratch("sound.wav"), report));
    assert_ok(sound_read(&s, scratch("sound.wav")));
    assert_ok(drawn_events(&c, &truth, &count));
    assert_ok(audio_onsets(s.samples, s.count, onset_picking_defaults(), &onsets, &onset_count));
    assert_true(count <= 256);
    assert_true(match_events(truth, count, onsets, onset_count, 0.05, lateness).recall >= 0.85);
    assert_true(match_events(truth, count, onsets, onset_count, 0.07, lateness).f >= 0.7);
    assert_ok(harmonic_share(&s, &share));
    assert_true(share >= 0.4);
    assert_true(sound_quietest(&s) >= -45);
    free(truth);
    free(onsets);
    free(report);
    free(s.samples);
    rhythm_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_is_seen),
        cmocka_unit_test(test_a_pan_changes_little),
        cmocka_unit_test(test_a_soundtrack_follows),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
