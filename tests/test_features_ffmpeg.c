/* What is seen of videos for a LORIS model: I3D's windows, and features kept between runs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eyes/actions.h"
#include "eyes/features.h"
#include "eyes/poses.h"
#include "make_i3d.h"
#include "make_video.h"
#include "media/video.h"
#include "scratch.h"
#include "support_net.h"

#include "compare.h"

enum { SMALL = 32, WIDTH = 32 }; /* I3D's widths are divided by SMALL */

static int setup(void **state) {
    if (scratch_setup(state) || support_open(state))
        return -1;
    made_i3d_write(scratch("i3d.safetensors"), SMALL);
    return 0;
}

static int teardown(void **state) {
    return support_close(state) || scratch_teardown(state);
}

static uint8_t moving(int x, int y, int frame) {
    return (uint8_t)(x * 3 + y * 5 + frame * 11 + (x * y + frame) % 17);
}

/* ---- I3D's windows ------------------------------------------------------------------------------------------------
 */

typedef struct shown {
    double time[256];
    uint8_t *picture[256]; /* the middle of each */
    int count;
    double end;
} shown;

static void read_all(shown *all, const char *path) {
    video *v;
    int width, height;
    assert_ok(video_open_covering(&v, path, 256, VIDEO_RGB));
    video_frame_size(v, &width, &height);
    assert_int_equal(width < height ? width : height, 256);
    *all = (shown){.count = 0};
    for (;;) {
        video_frame f;
        bool end;
        assert_ok(video_next(v, &f, &end));
        if (end)
            break;
        uint8_t *picture = malloc(I3D_FRAME_BYTES);
        assert_non_null(picture);
        for (int y = 0; y < 224; y++)
            for (int x = 0; x < 224 * 3; x++)
                picture[y * 224 * 3 + x] = f.pixels[((height - 224) / 2 + y) * width * 3 + (width - 224) / 2 * 3 + x];
        all->time[all->count] = f.time;
        all->picture[all->count++] = picture;
    }
    all->end = video_get_info(v)->duration;
    video_close(v);
}

/* The picture at time t, or the last one. */
static const uint8_t *at(const shown *all, double t) {
    int i = 0;
    while (i + 1 < all->count && all->time[i + 1] <= t + 1e-6)
        i++;
    return all->picture[i];
}

static void check_rows(const char *path, size_t rows, int batch) {
    shown all;
    actions a;
    i3d *i;
    uint8_t *window = malloc((size_t)I3D_FRAMES * I3D_FRAME_BYTES);
    float want[WIDTH];
    assert_non_null(window);
    read_all(&all, path);
    assert_ok(i3d_new(&i, support_compute(), scratch("i3d.safetensors"), batch));
    assert_int_equal(i3d_batch(i), batch);
    assert_ok(actions_watch(&a, i, path, NULL, NULL));
    assert_int_equal(a.count, rows);
    assert_int_equal(a.width, WIDTH);
    assert_true(fabs(a.duration - all.end) < 1e-9);
    for (size_t r = 0; r < rows; r++) {
        for (int k = 0; k < I3D_FRAMES; k++)
            memcpy(window + (size_t)k * I3D_FRAME_BYTES, at(&all, (double)(8 * r + (size_t)k) / 16), I3D_FRAME_BYTES);
        assert_ok(i3d_push(i, window, 1));
        assert_ok(i3d_collect(i, want, NULL, 1));
        assert_arrays_close(a.rows + r * WIDTH, want, WIDTH, 0); /* the same network over the same bytes */
    }
    for (int k = 0; k < all.count; k++)
        free(all.picture[k]);
    actions_free(&a);
    i3d_free(i);
    free(window);
}

static void test_windows(void **state) {
    (void)state;
    make_video(scratch("wide.mkv"),
               &(made_video){.codec = "ffv1", .width = 96, .height = 40, .frames = 43, .luma = moving});
    check_rows(scratch("wide.mkv"), 3, 1); /* 1.72 s */
    make_video(scratch("tall.mkv"),
               &(made_video){.codec = "ffv1", .width = 30, .height = 70, .frames = 62, .luma = moving});
    check_rows(scratch("tall.mkv"), 5, 4); /* 2.48 s, several windows at a time */
}

static void test_variable_frame_rate(void **state) {
    (void)state;
    static const int ticks[] = {0, 10, 20, 500, 510, 900, 1600};
    make_video(scratch("uneven.mkv"), &(made_video){.codec = "ffv1", .frames = 7, .ticks = ticks, .luma = moving});
    check_rows(scratch("uneven.mkv"), 3, 1);
}

static void test_one_frame(void **state) {
    (void)state;
    make_video(scratch("still.mkv"), &(made_video){.codec = "ffv1", .frames = 1, .luma = moving});
    check_rows(scratch("still.mkv"), 1, 1);
}

/* Of a side that needs no scaling, so that the pictures are the same bytes. */
enum { UPRIGHT_WIDTH = 288, UPRIGHT_HEIGHT = 256 };

static uint8_t lying(int x, int y, int frame) {
    return moving(UPRIGHT_WIDTH - 1 - y, x, frame);
}

static void watch_actions(actions *a, const char *path) {
    i3d *i;
    assert_ok(i3d_new(&i, support_compute(), scratch("i3d.safetensors"), 1));
    assert_ok(actions_watch(a, i, path, NULL, NULL));
    i3d_free(i);
}

static void test_turned(void **state) {
    (void)state;
    actions upright, turned;
    made_video spec = {.codec = "ffv1", .width = UPRIGHT_WIDTH, .height = UPRIGHT_HEIGHT, .frames = 27, .luma = moving};
    make_video(scratch("upright.mov"), &spec);
    spec.width = UPRIGHT_HEIGHT;
    spec.height = UPRIGHT_WIDTH;
    spec.rotation = 90;
    spec.luma = lying;
    make_video(scratch("turned.mov"), &spec);
    watch_actions(&upright, scratch("upright.mov"));
    watch_actions(&turned, scratch("turned.mov"));
    assert_int_equal(upright.count, 2);
    assert_int_equal(turned.count, 2);
    assert_arrays_close(turned.rows, upright.rows, 2 * WIDTH, 0);
    actions_free(&upright);
    actions_free(&turned);
}

/* A window that a cut goes through sees both shots; those beside it see one, as if the other were not there. */
static uint8_t two_shots(int x, int y, int frame) {
    return frame < 25 ? moving(x, y, frame) : (uint8_t)(255 - moving(y, x, frame));
}

static void test_cut(void **state) {
    (void)state;
    actions one, two;
    make_video(scratch("one.mkv"), &(made_video){.codec = "ffv1", .frames = 60, .luma = moving});
    make_video(scratch("two.mkv"), &(made_video){.codec = "ffv1", .frames = 60, .luma = two_shots});
    watch_actions(&one, scratch("one.mkv"));
    watch_actions(&two, scratch("two.mkv"));
    assert_true(one.count == 5 && two.count == 5);
    assert_arrays_close(two.rows, one.rows, WIDTH, 0); /* 0 to 1 s, the cut being at 1 s */
    for (int row = 1; row < 5; row++) {
        double difference = 0;
        for (int k = 0; k < WIDTH; k++)
            difference += fabs((double)two.rows[row * WIDTH + k] - one.rows[row * WIDTH + k]);
        assert_true(difference > 0);
    }
    actions_free(&one);
    actions_free(&two);
}

static void test_no_video(void **state) {
    (void)state;
    actions a;
    i3d *i;
    assert_ok(i3d_new(&i, support_compute(), scratch("i3d.safetensors"), 0));
    assert_fails(actions_watch(&a, i, scratch_file("text.mp4", "no video", 8), NULL, NULL), LORIS_ERROR_INPUT,
                 "text.mp4");
    assert_null(a.rows);
    i3d_free(i);
}

/* ---- kept between runs --------------------------------------------------------------------------------------------
 */

static void watch(features *f, const char *path, bool keep) {
    seer *s;
    assert_ok(seer_new(&s, support_compute(), scratch("i3d.safetensors"), LORIS_MODELS "/movenet-lightning", keep));
    assert_ok(seer_watch(s, f, path, NULL, NULL));
    seer_free(s);
}

static void check_same(const features *a, const features *b) {
    assert_int_equal(a->action_rows, b->action_rows);
    assert_int_equal(a->pose_rows, b->pose_rows);
    assert_true(a->duration == b->duration && a->width == b->width);
    assert_memory_equal(a->actions, b->actions, a->action_rows * (size_t)a->width * sizeof(float));
    assert_memory_equal(a->poses, b->poses, a->pose_rows * JOINTS * 3 * sizeof(float));
}

static void test_kept(void **state) {
    (void)state;
    compute *c = support_compute();
    const char *before = c->cache_folder;
    features first, again, other;
    make_video(scratch("a.mkv"), &(made_video){.codec = "ffv1", .frames = 27, .luma = moving});
    make_video(scratch("b.mkv"), &(made_video){.codec = "ffv1", .frames = 27});
    c->cache_folder = scratch("cache");
    watch(&first, scratch("a.mkv"), true);
    assert_true(!first.actions_kept && !first.poses_kept);
    assert_int_equal(first.action_rows, 2);
    assert_int_equal(first.pose_rows, 17);
    watch(&again, scratch("a.mkv"), true);
    assert_true(again.actions_kept && again.poses_kept);
    check_same(&again, &first);
    features_free(&again);
    watch(&other, scratch("b.mkv"), true); /* another video's features are not taken for its */
    assert_false(other.actions_kept || other.poses_kept);
    features_free(&other);
    watch(&again, scratch("a.mkv"), false);
    assert_false(again.actions_kept || again.poses_kept);
    check_same(&again, &first);
    features_free(&again);
    assert_int_equal(scratch_entries(scratch("cache/features")), 4);
    features_free(&first);
    c->cache_folder = before;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),   cmocka_unit_test(test_variable_frame_rate),
        cmocka_unit_test(test_one_frame), cmocka_unit_test(test_no_video),
        cmocka_unit_test(test_turned),    cmocka_unit_test(test_cut),
        cmocka_unit_test(test_kept),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
