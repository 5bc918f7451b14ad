/* Whom the eyes follow, and where they look: scenes of made-up people, seen as MoveNet sees: the one nearest to a
 * square's middle. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "eyes/people.h"

enum { WIDTH = 640, HEIGHT = 360, FRAMES_MAX = 400, PEOPLE_MAX = 3 };
static const double RATE = 25;

/* Where somebody's hips are and how tall they are at a time; a height of 0: not there. */
typedef struct figure {
    double x, y, height, sway;
} figure;

typedef struct scene {
    figure (*who[PEOPLE_MAX])(double time);
    double time;
    int looks;
} scene;

/* Standing, 17 joints, arms swinging by `sway`. */
static pose pose_of(figure f) {
    static const double places[JOINTS][2] = {
        {0, -0.42},   {0.02, -0.44}, {-0.02, -0.44}, {0.04, -0.43}, {-0.04, -0.43}, {0.1, -0.3},
        {-0.1, -0.3}, {0.14, -0.15}, {-0.14, -0.15}, {0.16, 0},     {-0.16, 0},     {0.06, 0},
        {-0.06, 0},   {0.07, 0.24},  {-0.07, 0.24},  {0.08, 0.46},  {-0.08, 0.46}};
    pose p;
    for (int j = 0; j < JOINTS; j++) {
        const double arm = j >= 7 && j <= 10 ? f.sway : 0;
        p.joints[j] =
            (joint){(float)(f.x + f.height * (places[j][0] + arm)), (float)(f.y + f.height * places[j][1]), 0.9f};
    }
    return p;
}

static loris_status look(void *user, square s, pose *seen) {
    scene *here = user;
    double nearest = HUGE_VAL;
    const double x = s.left + s.side / 2, y = s.top + s.side / 2;
    here->looks++;
    *seen = (pose){0};
    for (int i = 0; i < PEOPLE_MAX && here->who[i]; i++) {
        const figure f = here->who[i](here->time);
        const double away = hypot(f.x - x, f.y - y);
        if (f.height > 0 && away < nearest && away < 0.6 * s.side && f.height < 1.5 * s.side) {
            nearest = away;
            *seen = pose_of(f);
        }
    }
    return LORIS_OK;
}

/* Watches `seconds` of the scene, a cut before frame `cut` (0: none); poses_free() the result. */
static poses watch(scene *s, double seconds, size_t cut) {
    const size_t frames = (size_t)(seconds * RATE);
    poses p = {.width = WIDTH, .height = HEIGHT, .duration = seconds};
    p.time = malloc(frames * sizeof *p.time);
    p.seen = malloc(frames * sizeof *p.seen);
    p.cut = calloc(frames, sizeof *p.cut);
    assert_true(frames <= FRAMES_MAX && p.time && p.seen && p.cut);
    people *eyes;
    assert_ok(people_new(&eyes, &p, look, s));
    for (size_t i = 0; i < frames; i++) {
        s->time = p.time[i] = (double)i / RATE;
        p.cut[i] = cut && i == cut;
        p.frames = i + 1;
        assert_ok(people_frame(eyes));
    }
    people_end(eyes);
    people_free(eyes);
    return p;
}

static bool sees(const poses *p, size_t frame, figure f) {
    const pose want = pose_of(f);
    return memcmp(&p->seen[frame], &want, sizeof want) == 0;
}

static bool sees_nobody(const poses *p, size_t frame) {
    static const pose none;
    return memcmp(&p->seen[frame], &none, sizeof none) == 0;
}

static figure dancer(double t) {
    return (figure){320 + 60 * sin(3 * t), 190, 200, 0.1 * sin(9 * t)};
}

static figure bystander(double t) {
    (void)t;
    return (figure){560, 190, 190, 0};
}

static figure child(double t) {
    return (figure){250, 250, 60, 0.1 * sin(9 * t)};
}

/* ---- squares ----------------------------------------------------------------------------------------------------- */

static void the_square_is_the_published_one(void **state) {
    (void)state;
    const pose p = pose_of((figure){300, 200, 100, 0});
    const square s = follow_square(&p, WIDTH, HEIGHT);
    /* from the hips the torso reaches 30 up, times 1.9 is 57; the body 46 down, times 1.2 is 55.2 */
    assert_float_equal(s.side / 2, 57, 1e-3);
    assert_float_equal(s.left + s.side / 2, 300, 1e-3);
    assert_float_equal(s.top + s.side / 2, 200, 1e-3);
    pose stretched = p;
    stretched.joints[9].y = 130; /* a hand 70 above the hips: 84 */
    assert_float_equal(follow_square(&stretched, WIDTH, HEIGHT).side / 2, 84, 1e-3);
    pose headless = p;
    for (int j = 5; j <= 6; j++)
        headless.joints[j].score = 0.1f;
    const square whole = whole_square(WIDTH, HEIGHT);
    assert_float_equal(whole.left, 0, 0);
    assert_float_equal(whole.top, (HEIGHT - WIDTH) / 2, 0);
    assert_float_equal(whole.side, WIDTH, 0);
    const square without = follow_square(&headless, WIDTH, HEIGHT),
                 large = follow_square(&(pose[]){pose_of((figure){320, 180, 700, 0})}[0], WIDTH, HEIGHT);
    assert_float_equal(without.side, WIDTH, 0);
    assert_float_equal(large.side, WIDTH, 0);
    const square point = follow_square(&(pose[]){pose_of((figure){320, 180, 1e-3, 0})}[0], WIDTH, HEIGHT);
    assert_true(point.side >= 16); /* never nothing */
}

/* ---- one person, and nobody -------------------------------------------------------------------------------------- */

static void one_person_is_followed(void **state) {
    (void)state;
    scene s = {.who = {dancer}};
    poses p = watch(&s, 4, 0);
    for (size_t i = 0; i < p.frames; i++)
        assert_true(sees(&p, i, dancer(p.time[i])));
    assert_int_equal(p.people, 1);
    assert_int_equal(p.looks, (size_t)s.looks);
    assert_true(p.looks <= p.frames + 4); /* one look a frame but for the search */
    poses_free(&p);
}

static figure nobody(double t) {
    (void)t;
    return (figure){0};
}

static figure latecomer(double t) {
    return t < 2 ? (figure){0} : dancer(t);
}

static void nobody_is_nobody(void **state) {
    (void)state;
    scene s = {.who = {nobody}};
    poses p = watch(&s, 2, 0);
    for (size_t i = 0; i < p.frames; i++)
        assert_true(sees_nobody(&p, i));
    assert_int_equal(p.people, 0);
    assert_true(p.looks <= 4 * (2 * 4 + 1)); /* four a second, four squares each */
    poses_free(&p);
}

static void who_comes_later_is_found(void **state) {
    (void)state;
    scene s = {.who = {latecomer}};
    poses p = watch(&s, 4, 0);
    assert_true(sees_nobody(&p, (size_t)(1.9 * RATE)));
    for (size_t i = (size_t)(2.3 * RATE); i < p.frames; i++)
        assert_true(sees(&p, i, dancer(p.time[i])));
    poses_free(&p);
}

/* ---- several ----------------------------------------------------------------------------------------------------- */

static void the_weightiest_is_followed_from_the_start(void **state) {
    (void)state;
    scene scenes[] = {{.who = {dancer, bystander}}, {.who = {bystander, dancer}}, {.who = {child, bystander, dancer}}};
    for (size_t k = 0; k < 3; k++) {
        poses p = watch(&scenes[k], 4, 0);
        assert_true(p.people >= 2);
        for (size_t i = 0; i < p.frames; i++)
            assert_true(sees(&p, i, dancer(p.time[i])));
        poses_free(&p);
    }
}

/* The other one comes nearer, larger and livelier than the one who is followed: too late. */
static figure steady(double t) {
    return (figure){200, 190, 180, 0.05 * sin(6 * t)};
}
static figure intruder(double t) {
    return t < 1.5 ? (figure){0} : (figure){500 - 100 * fmin(1, t - 1.5), 190, 260, 0.2 * sin(9 * t)};
}

static void nobody_is_exchanged(void **state) {
    (void)state;
    scene s = {.who = {steady, intruder}};
    poses p = watch(&s, 5, 0);
    for (size_t i = 0; i < p.frames; i++)
        assert_true(sees(&p, i, steady(p.time[i])));
    poses_free(&p);
}

/* Hidden for half a second, with somebody else in sight: nothing is seen then, and the same person after. */
static figure hidden(double t) {
    return t >= 2 && t < 2.5 ? (figure){0} : steady(t);
}

static void who_is_hidden_is_waited_for(void **state) {
    (void)state;
    scene s = {.who = {hidden, bystander}};
    poses p = watch(&s, 4, 0);
    for (size_t i = 0; i < p.frames; i++)
        assert_true(p.time[i] >= 2 && p.time[i] < 2.5 ? sees_nobody(&p, i) : sees(&p, i, steady(p.time[i])));
    poses_free(&p);
}

/* Gone for good: after a second somebody else is looked for. */
static figure leaver(double t) {
    return t >= 2 ? (figure){0} : steady(t);
}

static void who_is_gone_is_replaced(void **state) {
    (void)state;
    scene s = {.who = {leaver, bystander}};
    poses p = watch(&s, 5, 0);
    const size_t before = (size_t)(1.9 * RATE);
    assert_true(sees(&p, before, steady(p.time[before])));
    assert_true(sees_nobody(&p, (size_t)(2.8 * RATE)));
    for (size_t i = (size_t)(3.2 * RATE); i < p.frames; i++)
        assert_true(sees(&p, i, bystander(p.time[i])));
    poses_free(&p);
}

/* ---- cuts -------------------------------------------------------------------------------------------------------- */

static figure first_shot(double t) {
    return t < 2 ? dancer(t) : (figure){0};
}
static figure second_shot(double t) {
    return t < 2 ? (figure){0} : (figure){130, 170, 150, 0.1 * sin(8 * t)};
}

static void a_cut_starts_anew(void **state) {
    (void)state;
    scene s = {.who = {first_shot, second_shot}};
    poses p = watch(&s, 4, (size_t)(2 * RATE));
    for (size_t i = 0; i < p.frames; i++)
        assert_true(sees(&p, i, p.time[i] < 2 ? dancer(p.time[i]) : second_shot(p.time[i])));
    poses_free(&p);
}

/* A shot shorter than the trial: its weightiest is chosen when it ends; a video that ends on trial as well. */
static void short_shots_choose_too(void **state) {
    (void)state;
    scene s = {.who = {bystander, dancer}};
    poses p = watch(&s, 0.8, 10);
    for (size_t i = 0; i < p.frames; i++)
        assert_true(sees(&p, i, dancer(p.time[i])));
    poses_free(&p);
}

/* ---- what is seen badly ------------------------------------------------------------------------------------------ */

static loris_status failing_look(void *user, square s, pose *seen) {
    scene *here = user;
    return ++here->looks > 30 ? (fail)(LORIS_ERROR_DEVICE, NULL, "the device is gone") : look(user, s, seen);
}

static void a_failing_look_is_told(void **state) {
    (void)state;
    scene s = {.who = {dancer, bystander}};
    poses p = {.width = WIDTH, .height = HEIGHT};
    double time[FRAMES_MAX];
    bool cut[FRAMES_MAX] = {false};
    static pose seen[FRAMES_MAX];
    p.time = time;
    p.cut = cut;
    p.seen = seen;
    people *eyes;
    assert_ok(people_new(&eyes, &p, failing_look, &s));
    loris_status status = LORIS_OK;
    while (status == LORIS_OK && p.frames < FRAMES_MAX) {
        time[p.frames] = (double)p.frames / RATE;
        p.frames++;
        status = people_frame(eyes);
    }
    assert_int_equal(status, LORIS_ERROR_DEVICE);
    people_free(eyes); /* on trial: histories go with it */
}

static void a_handful_of_joints_is_a_person(void **state) {
    (void)state;
    pose p = pose_of(dancer(0));
    for (int seen = 0; seen <= JOINTS; seen++) {
        for (int j = 0; j < JOINTS; j++)
            p.joints[j].score = j < seen ? 0.3f : 0.29f;
        assert_int_equal(is_person(&p), seen >= 5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_square_is_the_published_one),
        cmocka_unit_test(one_person_is_followed),
        cmocka_unit_test(nobody_is_nobody),
        cmocka_unit_test(who_comes_later_is_found),
        cmocka_unit_test(the_weightiest_is_followed_from_the_start),
        cmocka_unit_test(nobody_is_exchanged),
        cmocka_unit_test(who_is_hidden_is_waited_for),
        cmocka_unit_test(who_is_gone_is_replaced),
        cmocka_unit_test(a_cut_starts_anew),
        cmocka_unit_test(short_shots_choose_too),
        cmocka_unit_test(a_failing_look_is_told),
        cmocka_unit_test(a_handful_of_joints_is_a_person),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
