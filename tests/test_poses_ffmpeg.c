/* Poses of whole videos: drawn people, several, none, cuts, turned, uneven in time, of one frame. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/npy.h"
#include "draw_figure.h"
#include "loris/poses.h"
#include "make_video.h"
#include "scratch.h"

#include "compare.h"

enum { WIDTH = 320, HEIGHT = 240 };
static loris_engine *engine;

static int setup(void **state) {
    loris_engine_settings settings;
    loris_engine_defaults(&settings);
    settings.device = getenv("LORIS_TEST_DEVICE");
    settings.cache_dir = "";
    return loris_engine_open(&engine, &settings) == LORIS_OK ? scratch_setup(state) : -1;
}

static int teardown(void **state) {
    loris_engine_close(engine);
    return scratch_teardown(state);
}

/* ---- scenes ------------------------------------------------------------------------------------------------------ */

static uint8_t ground(double x, double y) {
    return (uint8_t)(205 - 20 * y / HEIGHT + 6 * sin(x / 23));
}

static const drawn_figure *person_at(int frame) {
    static drawn_figure f;
    f = (drawn_figure){150, 125, 170, 0.9 + 0.6 * sin(0.25 * frame)};
    return &f;
}

static uint8_t one_person(int x, int y, int frame) {
    return draw_figure(person_at(frame), x, y, ground(x, y));
}

static const drawn_figure small = {280, 130, 90, 0.4};

static uint8_t two_people(int x, int y, int frame) {
    return draw_figure(&small, x, y, one_person(x, y, frame));
}

static uint8_t nobody(int x, int y, int frame) {
    (void)frame;
    return ground(x, y);
}

/* From frame 15 on another place, and somebody else there. */
static const drawn_figure other = {220, 120, 150, 1.2};

static uint8_t two_shots(int x, int y, int frame) {
    if (frame < 15)
        return one_person(x, y, frame);
    return draw_figure(&other, x, y, (uint8_t)(y > 200 ? 110 : 160 + 80 * x / WIDTH));
}

/* Of a video that is displayed turned by 90 degrees clockwise: 240 x 320, displayed as 320 x 240. */
static uint8_t lying(int x, int y, int frame) {
    return one_person(WIDTH - 1 - y, x, frame);
}

static loris_poses *watch(const char *name, const made_video *spec) {
    made_video made = *spec;
    loris_poses *poses;
    made.width = made.width ? made.width : WIDTH;
    made.height = made.height ? made.height : HEIGHT;
    made.full_range = true;
    make_video(scratch(name), &made);
    assert_ok(loris_poses_watch(engine, LORIS_MODELS "/movenet-lightning", scratch(name), NULL, NULL, &poses));
    return poses;
}

static double distance(const loris_keypoint *k, const double place[2]) {
    return hypot(k->x - place[0], k->y - place[1]);
}

/* Does the row show the figure? Its elbows, which tell how the arms are held, are within a fifteenth of its height. A
 * drawing is no person: the network need not do better. */
static bool shows(const loris_keypoint *row, const drawn_figure *f) {
    double left[2], right[2];
    drawn_elbows(f, left, right);
    return distance(&row[7], left) < f->height / 15 && distance(&row[8], right) < f->height / 15;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void one_person_is_seen(void **state) {
    (void)state;
    loris_poses *poses = watch("one.mp4", &(made_video){.frames = 50, .luma = one_person});
    loris_poses_info info;
    loris_poses_describe(poses, &info);
    assert_int_equal(info.width, WIDTH);
    assert_int_equal(info.height, HEIGHT);
    assert_int_equal(info.row_count, 32);
    assert_int_equal(info.frames, 50);
    assert_int_equal(info.cut_count, 0);
    assert_int_equal(info.people, 1);
    assert_true(info.followed > 0.9);
    assert_string_equal(info.note, "");
    for (size_t k = 1; k < 31; k++) /* 25 frames a second: row k is frame k 25 / 16 */
        assert_true(shows(info.rows + k * LORIS_KEYPOINTS, person_at((int)lround((double)k * 25 / 16))));
    /* the file */
    npy file;
    assert_ok(loris_poses_write_npy(poses, scratch("one.npy")));
    assert_ok(npy_read(&file, scratch("one.npy")));
    assert_ok(npy_expect(&file, "one.npy", 3, (const int64_t[]){32, 17, 3}));
    assert_memory_equal(file.f32, info.rows, file.count * sizeof(float));
    npy_free(&file);
    char *json;
    assert_ok(loris_poses_json(poses, &json));
    assert_non_null(strstr(json, "\"rate\": 16"));
    loris_free(json);
    loris_poses_free(poses);
}

static void of_two_people_one_is_followed(void **state) {
    (void)state;
    loris_poses *poses = watch("two.mp4", &(made_video){.frames = 50, .luma = two_people});
    loris_poses_info info;
    loris_poses_describe(poses, &info);
    for (size_t k = 1; k < 31; k++)
        assert_true(shows(info.rows + k * LORIS_KEYPOINTS, person_at((int)lround((double)k * 25 / 16))));
    loris_poses_free(poses);
}

static void nobody_is_no_error(void **state) {
    (void)state;
    loris_poses *poses = watch("nobody.mp4", &(made_video){.frames = 25, .luma = nobody});
    loris_poses_info info;
    loris_rhythm *rhythm;
    loris_rhythm_info heard;
    loris_poses_describe(poses, &info);
    assert_int_equal(info.row_count, 16);
    assert_true(info.followed == 0 && info.people == 0);
    assert_string_equal(info.note, "nobody is seen");
    for (size_t i = 0; i < info.row_count * LORIS_KEYPOINTS; i++)
        assert_true(info.rows[i].x == 0 && info.rows[i].y == 0 && info.rows[i].score == 0);
    assert_ok(loris_poses_rhythm(poses, &rhythm));
    loris_rhythm_describe(rhythm, &heard);
    assert_int_equal(heard.event_count, 0);
    assert_float_equal(heard.duration, 1, 1e-6);
    loris_rhythm_free(rhythm);
    loris_poses_free(poses);
}

static void a_cut_brings_somebody_else(void **state) {
    (void)state;
    loris_poses *poses = watch("cut.mp4", &(made_video){.frames = 40, .luma = two_shots});
    loris_poses_info info;
    loris_poses_describe(poses, &info);
    assert_int_equal(info.cut_count, 1);
    assert_float_equal(info.cuts[0], 15 * 0.04, 1e-6);
    const size_t first = 10; /* the first row of the second shot, at 0.625 s */
    for (size_t k = 1; k < first; k++)
        assert_true(shows(info.rows + k * LORIS_KEYPOINTS, person_at((int)lround((double)k * 25 / 16))));
    for (size_t k = first; k < info.row_count; k++)
        assert_true(shows(info.rows + k * LORIS_KEYPOINTS, &other));
    loris_poses_free(poses);
}

static void turned_videos_are_seen_upright(void **state) {
    (void)state;
    loris_poses *poses = watch(
        "turned.mp4", &(made_video){.width = HEIGHT, .height = WIDTH, .rotation = 90, .frames = 25, .luma = lying});
    loris_poses_info info;
    loris_poses_describe(poses, &info);
    assert_int_equal(info.width, WIDTH);
    assert_int_equal(info.height, HEIGHT);
    for (size_t k = 1; k < 15; k++)
        assert_true(shows(info.rows + k * LORIS_KEYPOINTS, person_at((int)lround((double)k * 25 / 16))));
    loris_poses_free(poses);
}

/* Frames 20 to 120 ms apart, what they show belongs to their time. */
static const int uneven[] = {0, 20, 60, 180, 200, 320, 340, 400, 520, 560, 680, 700, 760, 880, 900, 1000};
enum { UNEVEN = sizeof uneven / sizeof *uneven };

static uint8_t person_in_time(int x, int y, int frame) {
    return one_person(x, y, (int)lround(uneven[frame] / 40.0));
}

static void time_stamps_carry_time(void **state) {
    (void)state;
    loris_poses *poses = watch("uneven.mp4", &(made_video){.frames = UNEVEN, .ticks = uneven, .luma = person_in_time});
    loris_poses_info info;
    loris_poses_describe(poses, &info);
    assert_int_equal(info.row_count, (size_t)lround(info.duration * LORIS_POSE_RATE));
    assert_true(info.duration > 1 && info.duration < 1.13);
    assert_true(info.frames < UNEVEN); /* of those 20 ms apart one is enough */
    for (size_t k = 1; k < 16; k++)
        assert_true(shows(info.rows + k * LORIS_KEYPOINTS, person_at((int)lround((double)k * 25 / 16))));
    loris_poses_free(poses);
}

static void one_frame_is_one_row(void **state) {
    (void)state;
    loris_poses *poses = watch("frame.mp4", &(made_video){.frames = 1, .luma = one_person});
    loris_poses_info info;
    loris_poses_describe(poses, &info);
    assert_int_equal(info.row_count, 1);
    assert_int_equal(info.frames, 1);
    assert_true(shows(info.rows, person_at(0)));
    loris_poses_free(poses);
}

static void what_is_no_video_or_no_eyes(void **state) {
    (void)state;
    loris_poses *poses;
    const char *text = scratch_file("text.mp4", "no video", 8);
    assert_fails(loris_poses_watch(engine, LORIS_MODELS "/movenet-lightning", text, NULL, NULL, &poses),
                 LORIS_ERROR_INPUT, "text.mp4");
    assert_null(poses);
    make_video(scratch("plain.mp4"), &(made_video){.frames = 2});
    assert_fails(loris_poses_watch(engine, LORIS_MODELS "/base", scratch("plain.mp4"), NULL, NULL, &poses),
                 LORIS_ERROR_INPUT, "is not a MoveNet");
    assert_fails(loris_poses_watch(engine, scratch("missing"), scratch("plain.mp4"), NULL, NULL, &poses),
                 LORIS_ERROR_INPUT, "missing");
    assert_null(poses);
}

static void cancel_at_once(void *user, const char *stage, double done, double total) {
    (void)done;
    (void)total;
    assert_string_equal(stage, "poses");
    ++*(int *)user;
    loris_cancel();
}

static void watching_can_be_cancelled(void **state) {
    (void)state;
    int calls = 0;
    loris_poses *poses;
    make_video(scratch("long.mp4"), &(made_video){.frames = 50});
    const loris_status status = loris_poses_watch(engine, LORIS_MODELS "/movenet-lightning", scratch("long.mp4"),
                                                  cancel_at_once, &calls, &poses);
    loris_resume();
    assert_int_equal(status, LORIS_CANCELLED);
    assert_int_equal(calls, 1);
    assert_null(poses);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_person_is_seen),
        cmocka_unit_test(of_two_people_one_is_followed),
        cmocka_unit_test(nobody_is_no_error),
        cmocka_unit_test(a_cut_brings_somebody_else),
        cmocka_unit_test(turned_videos_are_seen_upright),
        cmocka_unit_test(time_stamps_carry_time),
        cmocka_unit_test(one_frame_is_one_row),
        cmocka_unit_test(what_is_no_video_or_no_eyes),
        cmocka_unit_test(watching_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
