/* The rhythm of made-up poses: moves that start at known times, dead stops, cuts, nobody. */
#include <math.h>
#include <stdlib.h>

#include "compare.h"
#include "rhythm/dance.h"

enum { WIDTH = 640, HEIGHT = 480 };
static const double RATE = 25;

/* Where the wrists are, from 0 to 1, at a time. */
typedef double path_function(double time);

/* A body of 200 pixels whose wrists and elbows follow the path, with a tremble of a tenth of a pixel. */
static poses make(double seconds, path_function *path, float score) {
    const size_t frames = (size_t)(seconds * RATE);
    poses p = {.width = WIDTH, .height = HEIGHT, .frames = frames, .duration = seconds};
    p.time = malloc(frames * sizeof *p.time);
    p.seen = calloc(frames, sizeof *p.seen);
    p.cut = calloc(frames, sizeof *p.cut);
    assert_true(p.time && p.seen && p.cut);
    unsigned noise = 1;
    for (size_t i = 0; i < frames; i++) {
        p.time[i] = (double)i / RATE;
        for (int j = 0; j < JOINTS; j++) {
            noise = noise * 1664525u + 1013904223u;
            const double moves = j >= 7 && j <= 10 ? 80 * path(p.time[i]) : 0, tremble = 0.1 * (noise >> 16) / 65536.0;
            p.seen[i].joints[j] =
                (joint){(float)(300 + 4 * j + moves), (float)(100 + 12 * j + 0.7 * moves + tremble), score};
        }
    }
    return p;
}

static size_t found(const rhythm *r, event_kind kind, double time, double tolerance) {
    size_t count = 0;
    for (size_t i = 0; i < r->event_count; i++)
        count += r->events[i].kind == kind && fabs(r->events[i].time - time) <= tolerance;
    return count;
}

/* Every 0.6 s a move of 0.12 s there, or back. */
static double quick_moves(double t) {
    const double k = floor(t / 0.6), phase = fmin(1, (t - 0.6 * k) / 0.12);
    return fmod(k, 2) == 0 ? phase : 1 - phase;
}

static void moves_are_onsets(void **state) {
    (void)state;
    poses p = make(12, quick_moves, 0.8f);
    rhythm r;
    flux curves;
    assert_ok(dance_rhythm(&r, &p, &curves));
    assert_float_equal(r.duration, 12, 1e-9);
    for (int k = 1; k < 19; k++)
        assert_int_equal(found(&r, EVENT_ONSET, 0.6 * k, 0.07), 1); /* within the 70 ms that events are judged by */
    assert_float_equal(r.bpm, 100, 1);
    assert_true(r.movement > 0 && curves.count > 0 && curves.step > 0);
    rhythm_free(&r);
    flux_free(&curves);
    poses_free(&p);
}

/* Accelerating for half a second every second, then a dead stop. */
static double stops(double t) {
    const double k = floor(t), phase = fmax(0, t - k - 0.5) * 2;
    return fmod(k, 2) == 0 ? phase * phase : 1 - phase * phase;
}

static void dead_stops_are_impacts(void **state) {
    (void)state;
    poses p = make(12, stops, 0.8f);
    rhythm r;
    assert_ok(dance_rhythm(&r, &p, NULL));
    for (int k = 2; k < 11; k++)
        assert_int_equal(found(&r, EVENT_IMPACT, k, 0.07), 1);
    rhythm_free(&r);
    poses_free(&p);
}

static double rest(double t) {
    (void)t;
    return 0.5;
}

static void expect_nothing(poses *p) {
    rhythm r;
    assert_ok(dance_rhythm(&r, p, NULL));
    assert_int_equal(r.event_count, 0);
    assert_int_equal(r.cut_count, 0);
    assert_true(r.bpm == 0 && r.movement == 0);
    rhythm_free(&r);
    poses_free(p);
}

/* Somebody at rest whose joints tremble; moves of joints that are not seen; nobody; a single frame. */
static void what_does_not_move_has_no_rhythm(void **state) {
    (void)state;
    poses still = make(8, rest, 0.8f), unsure = make(8, quick_moves, 0.05f), nobody = make(8, rest, 0),
          one = make(0.04, rest, 0.8f);
    expect_nothing(&still);
    expect_nothing(&unsure);
    expect_nothing(&nobody);
    expect_nothing(&one);
}

/* Joints that are seen now and then do not start and stop by that. */
static void flicker_is_no_movement(void **state) {
    (void)state;
    poses flickering = make(12, quick_moves, 0.5f);
    for (size_t i = 0; i < flickering.frames; i++)
        for (int j = i % 2; j < JOINTS; j += 2)
            flickering.seen[i].joints[j].score = 0.31f;
    rhythm r;
    assert_ok(dance_rhythm(&r, &flickering, NULL));
    for (int k = 1; k < 19; k++)
        assert_int_equal(found(&r, EVENT_ONSET, 0.6 * k, 0.07), 1);
    rhythm_free(&r);
    poses_free(&flickering);
}

/* A body that jumps across the picture at a cut: a cut, no event beside it. */
static void cuts_are_no_movement(void **state) {
    (void)state;
    poses p = make(8, rest, 0.8f);
    p.cut[100] = true;
    for (size_t i = 100; i < p.frames; i++)
        for (int j = 0; j < JOINTS; j++)
            p.seen[i].joints[j].x += 250;
    rhythm r;
    assert_ok(dance_rhythm(&r, &p, NULL));
    assert_int_equal(r.cut_count, 1);
    assert_float_equal(r.cuts[0], 4, 1e-9);
    assert_int_equal(r.event_count, 0);
    rhythm_free(&r);
    poses_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_are_onsets),
        cmocka_unit_test(dead_stops_are_impacts),
        cmocka_unit_test(what_does_not_move_has_no_rhythm),
        cmocka_unit_test(flicker_is_no_movement),
        cmocka_unit_test(cuts_are_no_movement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
