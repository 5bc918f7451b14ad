/* From the poses of frames to even rows: what is held, what is averaged, what stays where it was. */
#include <math.h>
#include <stdlib.h>

#include "compare.h"
#include "eyes/poses.h"

enum { MOST = 2000 };

/* `frames` poses, joint 0 at path(time), all others never seen. */
static poses make(size_t frames, const double *time, double (*path)(double)) {
    poses p = {.width = 640, .height = 480, .frames = frames, .duration = time[frames - 1] + 0.04};
    p.time = malloc(frames * sizeof *p.time);
    p.seen = calloc(frames, sizeof *p.seen);
    p.cut = calloc(frames, sizeof *p.cut);
    assert_true(p.time && p.seen && p.cut);
    for (size_t i = 0; i < frames; i++) {
        p.time[i] = time[i];
        p.seen[i].joints[0] = (joint){(float)path(time[i]), 2 * (float)path(time[i]), 0.9f};
    }
    return p;
}

static const double *even_times(size_t frames, double rate) {
    static double time[MOST];
    assert_true(frames <= MOST);
    for (size_t i = 0; i < frames; i++)
        time[i] = (double)i / rate;
    return time;
}

static double line(double t) {
    return 100 + 40 * t;
}

/* A straight way stays as it is, whatever the frames' rate: 16 rows a second of it. */
static void straight_ways_are_kept(void **state) {
    (void)state;
    static const double rates[] = {10, 16, 25, 29.97, 60};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        const size_t frames = (size_t)(25 * rates[r]);
        poses p = make(frames, even_times(frames, rates[r]), line);
        p.duration = 25;
        pose *rows;
        size_t count;
        assert_ok(poses_rows(&rows, &count, &p, 16));
        assert_int_equal(count, 400);
        for (size_t k = 1; k < count && (double)k / 16 + 1.0 / 32 <= p.time[frames - 1]; k++) {
            const double want = line((double)k / 16);
            assert_float_equal(rows[k].joints[0].x, want,
                               1e-3); /* f32 of 1100, interpolated: some five roundings of 6e-5 */
            assert_float_equal(rows[k].joints[0].y, 2 * want, 2e-3);
            assert_float_equal(rows[k].joints[0].score, 0.9, 1e-5);
            assert_float_equal(rows[k].joints[1].score, 0, 0);
        }
        free(rows);
        poses_free(&p);
    }
}

static void rows_are_as_many_as_asked(void **state) {
    (void)state;
    static const struct {
        double duration;
        size_t rows;
    } cases[] = {{50, 800}, {25.02, 400}, {24.98, 400}, {0.01, 1}, {0.1, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        poses p = make(1, even_times(1, 1), line);
        p.duration = cases[i].duration;
        pose *rows;
        size_t count;
        assert_ok(poses_rows(&rows, &count, &p, 16));
        assert_int_equal(count, cases[i].rows);
        for (size_t k = 0; k < count; k++) /* a single frame holds for all */
            assert_float_equal(rows[k].joints[0].x, 100, 0);
        free(rows);
        poses_free(&p);
    }
}

/* ---- peaks ------------------------------------------------------------------------------------------------------- */

static double peak_at, rise, fall;

/* Up within `rise` seconds, down within `fall`. */
static double bump(double t) {
    const double d = t - peak_at;
    return 100 * fmax(0, d < 0 ? 1 + d / rise : 1 - d / fall);
}

/* Of slow rises and sudden stops alike, at frames even and uneven: the smoothed path is highest within 1/32 s of where
 * the path is. */
static void no_peak_moves_by_more_than_a_32nd(void **state) {
    (void)state;
    static const double shapes[][2] = {{0.3, 0.3}, {0.5, 0.05}, {0.05, 0.5}, {0.1, 0.04}, {0.4, 0.001}};
    static double time[MOST], fine[MOST];
    static pose smooth[MOST];
    for (size_t i = 0; i < MOST; i++)
        fine[i] = 0.5 + (double)i / MOST;
    for (int uneven = 0; uneven < 2; uneven++)
        for (size_t s = 0; s < 5; s++)
            for (int shift = 0; shift < 7; shift++) {
                peak_at = 1 + shift * 0.006;
                rise = shapes[s][0];
                fall = shapes[s][1];
                size_t frames = 0;
                for (double t = 0; t < 2; frames++) {
                    time[frames] = t;
                    t += uneven ? (frames % 3 ? 0.02 : 0.05) : 0.04;
                }
                poses p = make(frames, time, bump);
                size_t highest = 0, smoothest = 0;
                for (size_t i = 0; i < frames; i++)
                    highest = p.seen[i].joints[0].x > p.seen[highest].joints[0].x ? i : highest;
                assert_ok(poses_mean(smooth, fine, MOST, 1.0 / 32, &p));
                for (size_t i = 0; i < MOST; i++)
                    smoothest = smooth[i].joints[0].x > smooth[smoothest].joints[0].x ? i : smoothest;
                assert_true(fabs(fine[smoothest] - p.time[highest]) <= 1.0 / 32 + 1.0 / MOST);
                poses_free(&p);
            }
}

/* Zero phase: backwards in time the same. */
static void time_may_run_backwards(void **state) {
    (void)state;
    peak_at = 1.0;
    rise = 0.4;
    fall = 0.1;
    enum { FRAMES = 51, POINTS = 33 };
    poses p = make(FRAMES, even_times(FRAMES, 25), bump), back = make(FRAMES, even_times(FRAMES, 25), bump);
    for (size_t i = 0; i < FRAMES; i++)
        back.seen[i] = p.seen[FRAMES - 1 - i];
    double time[POINTS];
    pose forwards[POINTS], backwards[POINTS];
    for (int k = 0; k < POINTS; k++)
        time[k] = 2.0 * k / (POINTS - 1);
    assert_ok(poses_mean(forwards, time, POINTS, 0.1, &p));
    assert_ok(poses_mean(backwards, time, POINTS, 0.1, &back));
    for (int k = 0; k < POINTS; k++)
        assert_float_equal(forwards[k].joints[0].x, backwards[POINTS - 1 - k].joints[0].x,
                           1e-4); /* f32 of 100, times in double */
    poses_free(&p);
    poses_free(&back);
}

/* ---- what is not seen -------------------------------------------------------------------------------------------- */

static void joints_not_seen_hold_their_place(void **state) {
    (void)state;
    enum { FRAMES = 17 };
    poses p = make(FRAMES, even_times(FRAMES, 16), line);
    for (int i = 0; i < 3; i++)
        p.seen[i].joints[0] = (joint){7, 7, 0.1f}; /* before it is seen */
    for (int i = 8; i < 12; i++)
        p.seen[i].joints[0] = (joint){900, 900, 0.29f};
    double time[FRAMES];
    pose rows[FRAMES];
    for (int i = 0; i < FRAMES; i++)
        time[i] = i / 16.0;
    assert_ok(poses_mean(rows, time, FRAMES, 0, &p));
    for (int i = 0; i < FRAMES; i++) {
        const int held = i < 3 ? 3 : i >= 8 && i < 12 ? 7 : i;
        assert_float_equal(rows[i].joints[0].x, line(held / 16.0), 1e-4);
        assert_float_equal(rows[i].joints[0].score, p.seen[i].joints[0].score, 1e-6);
    }
    assert_float_equal(rows[5].joints[3].x, 0, 0); /* never seen */
    poses_free(&p);
}

/* A jump at a cut stays one, and what was held before is not held after. */
static void nothing_passes_a_cut(void **state) {
    (void)state;
    enum { FRAMES = 20 };
    poses p = make(FRAMES, even_times(FRAMES, 25), line);
    p.cut[10] = true;
    for (int i = 10; i < FRAMES; i++)
        p.seen[i].joints[0].x += 400;
    p.seen[12].joints[0].score = 0.1f;
    for (int i = 0; i < 10; i++)
        p.seen[i].joints[5] = (joint){5, 6, 1};
    const double time[] = {9 / 25.0, 9.9 / 25, 10 / 25.0, 10.1 / 25};
    pose got[4];
    assert_ok(poses_mean(got, time, 4, 1.0 / 32, &p));
    assert_true(got[0].joints[0].x < 120 && got[1].joints[0].x < 120);
    assert_true(got[2].joints[0].x > 500 && got[3].joints[0].x > 500);
    assert_float_equal(got[1].joints[5].x, 5, 1e-6);
    assert_float_equal(got[2].joints[5].score, 0, 0);
    poses_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(straight_ways_are_kept),
        cmocka_unit_test(rows_are_as_many_as_asked),
        cmocka_unit_test(no_peak_moves_by_more_than_a_32nd),
        cmocka_unit_test(time_may_run_backwards),
        cmocka_unit_test(joints_not_seen_hold_their_place),
        cmocka_unit_test(nothing_passes_a_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
