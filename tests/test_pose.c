/* The rhythm of poses: directions, windows and flags with the published encoder's oddities, and thinning. (That whole
 * clips give the reference's peaks is checked with the networks, in test_verify.c.) */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rhythm/pose.h"

#include "compare.h"

enum { POSES = 40 };

/* One joint that rests except for displacements (dx, dy) between poses t and t + 1. */
typedef struct jump {
    int t;
    float dx, dy;
} jump;

static void make_poses(float *pose, const jump *jumps, size_t count) {
    float x = 0, y = 0;
    for (int t = 0; t < POSES; t++) {
        pose[t * 3] = x;
        pose[t * 3 + 1] = y;
        pose[t * 3 + 2] = NAN; /* the confidence is not looked at */
        for (size_t i = 0; i < count; i++)
            if (jumps[i].t == t) {
                x += jumps[i].dx;
                y += jumps[i].dy;
            }
    }
}

static void rhythm_of(pose_rhythm *r, const jump *jumps, size_t count) {
    float pose[POSES * 3];
    make_poses(pose, jumps, count);
    assert_ok(pose_rhythm_new(r, pose, POSES, 1, "test"));
    assert_int_equal(r->count, POSES - 2);
}

/* A displacement grows against rest before it: frame t of the envelope compares displacements t and t + 1. */
static void a_jump_is_a_peak(void **state) {
    (void)state;
    pose_rhythm r;
    rhythm_of(&r, (const jump[]){{8, 3, 4}, {20, 5, 0}}, 2);
    for (size_t t = 0; t < r.count; t++) {
        assert_float_equal(r.envelope[t], t == 7 || t == 19, 0);
        assert_int_equal(r.peaks[t], t == 7 || t == 19);
    }
    pose_rhythm_free(&r);
}

/* Degrees modulo 180, then modulo 10: a turn by 10 degrees or by 180 is none; a hair below 0 counts as 0. */
static void directions_are_degrees_modulo_ten(void **state) {
    (void)state;
    const float pi = 3.14159265f;
    const struct {
        float first, second; /* degrees of successive displacements of length 2 */
        bool same;
    } cases[] = {{45.5f, 55.5f, true},  {45.5f, 225.5f, true}, {45.5f, 135.5f, true},
                 {45.5f, 46.5f, false}, {3.5f, 8.5f, false},   {90.5f, 0.5f, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pose_rhythm r;
        const float a = cases[i].first * pi / 180, b = cases[i].second * pi / 180;
        rhythm_of(&r, (const jump[]){{8, 2 * cosf(a), 2 * sinf(a)}, {9, 2 * cosf(b), 2 * sinf(b)}}, 2);
        assert_true(fabsf(r.envelope[7] - 1) < 1e-6f);
        assert_true(cases[i].same ? r.envelope[8] < 1e-6f : r.envelope[8] > 0.99f);
        pose_rhythm_free(&r);
    }
    pose_rhythm r; /* -1e-9 rad becomes 180 degrees in float, which is bin 0, as 0 is */
    rhythm_of(&r, (const jump[]){{8, 2, 0}, {9, 2, -2e-9f}}, 2);
    assert_true(r.envelope[8] < 1e-6f);
    pose_rhythm_free(&r);
}

/* A peak is the largest of the six frames from it on, no largest of those before; and of flags that follow each other,
 * the last. */
static void peaks_look_ahead(void **state) {
    (void)state;
    pose_rhythm r;
    rhythm_of(&r, (const jump[]){{8, 1, 0}, {12, 3, 0}}, 2); /* four frames ahead of a larger one: none */
    assert_int_equal(r.peaks[7], 0);
    assert_int_equal(r.peaks[11], 1);
    pose_rhythm_free(&r);
    rhythm_of(&r, (const jump[]){{8, 3, 0}, {12, 1, 0}}, 2); /* a smaller one after it: both */
    assert_int_equal(r.peaks[7], 1);
    assert_int_equal(r.peaks[11], 1);
    pose_rhythm_free(&r);
    rhythm_of(&r, (const jump[]){{8, 3, 0}, {9, 3, 0.2f}}, 2); /* as large, one frame later: the directions differ */
    assert_int_equal(r.peaks[7], 0);
    assert_int_equal(r.peaks[8], 1);
    pose_rhythm_free(&r);
    rhythm_of(&r, (const jump[]){{33, 3, 0}, {34, 1, 0.7f}}, 2); /* the last five frames have no window of six */
    for (size_t t = 33; t < r.count; t++)
        assert_int_equal(r.peaks[t], 0);
    pose_rhythm_free(&r);
}

static void rest_has_no_rhythm(void **state) {
    (void)state;
    pose_rhythm r;
    rhythm_of(&r, NULL, 0);
    for (size_t t = 0; t < r.count; t++) {
        assert_int_equal(r.peaks[t], 0);
        assert_true(r.envelope[t] == 0);
    }
    pose_rhythm_free(&r);
}

static void useless_poses_are_refused(void **state) {
    (void)state;
    float pose[POSES * 3];
    pose_rhythm r;
    make_poses(pose, NULL, 0);
    assert_fails(pose_rhythm_new(&r, pose, 7, 1, "a.npy"), LORIS_ERROR_INPUT, "a.npy");
    pose[31 * 3 + 1] = INFINITY;
    assert_fails(pose_rhythm_new(&r, pose, POSES, 1, "a.npy"), LORIS_ERROR_INPUT, "pose 31");
}

static void thinning_is_the_published_one(void **state) {
    (void)state;
    static const struct {
        size_t poses, limit, every, span;
    } cases[] = {
        {1500, 400, 2, 800}, /* 25 s at 60 a second: what is kept is every second of the first 800, 13.3 s */
        {750, 400, 3, 600},  /* 25 s at 30 a second: 20 s */
        {600, 400, 3, 600},  {401, 400, 401, 401}, {400, 400, 0, 400}, {399, 400, 0, 399}, {1500, 800, 3, 1200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum { JOINTS = 2, SIZE = JOINTS * POSE_CHANNELS };
        float *pose = malloc(cases[i].poses * SIZE * sizeof *pose);
        assert_non_null(pose);
        for (size_t k = 0; k < cases[i].poses * SIZE; k++)
            pose[k] = (float)k;
        assert_int_equal(pose_thin(pose, cases[i].poses, JOINTS, cases[i].limit), cases[i].span);
        size_t kept = 0;
        for (size_t k = 0; k < cases[i].span; k++)
            if (!cases[i].every || k % cases[i].every) {
                for (size_t c = 0; c < SIZE; c++)
                    assert_true(pose[kept * SIZE + c] == (float)(k * SIZE + c));
                kept++;
            }
        assert_int_equal(kept, cases[i].poses < cases[i].limit ? cases[i].poses : cases[i].limit);
        free(pose);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jump_is_a_peak),          cmocka_unit_test(directions_are_degrees_modulo_ten),
        cmocka_unit_test(peaks_look_ahead),          cmocka_unit_test(rest_has_no_rhythm),
        cmocka_unit_test(useless_poses_are_refused), cmocka_unit_test(thinning_is_the_published_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
