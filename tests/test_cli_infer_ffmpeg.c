/* loris-cl infer, and run with the features of LORIS: what users type, with two steps of a small network. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/npy.h"
#include "make_video.h"
#include "scratch.h"
#include "spawned.h"

#include "compare.h"

enum { VIDEO = 32, JOINTS = 17, ROWS = 50, POSES = 40 };

static void write_array(const char *name, int rank, const int64_t *dim) {
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dim[i];
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(10 * sin(0.37 * (double)(i + 1) * (double)(i % 7 + 1)));
    assert_ok(npy_write_f32(scratch(name), rank, dim, values));
    free(values);
}

static int setup(void **state) {
    if (scratch_setup(state))
        return -1;
    write_array("video.npy", 2, (const int64_t[]){ROWS, VIDEO});
    write_array("pose.npy", 3, (const int64_t[]){POSES, JOINTS, 3});
    scratch_write(scratch("i3d.txt"), "video.npy\n", 10);
    scratch_write(scratch("pose.txt"), "pose.npy\n", 9);
    return 0;
}

static void loris(spawned *s, const char *line) {
    const char *const environment[] = {"XDG_CACHE_HOME=/nonexistent", NULL};
    spawn_line(s, LORIS_PROGRAM, line, &(spawn_settings){.folder = scratch(""), .environment = environment});
}

static void lists_become_sounds(void **state) {
    (void)state;
    spawned s;
    loris(&s, "infer --model " LORIS_TEST_DATA
              "/unet/cond --list-i3d i3d.txt --list-pose pose.txt --out made --preset dance_s25 "
              "--steps 2 --sampler dpmpp2m --lstm-init zeros --seed 3 --json");
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "\"clips\": 1");
    assert_contains(s.out, "\"seed\": 3");
    assert_true(file_exists(scratch("made/generated_1.wav")));
    spawn_free(&s);
}

static void a_video_gets_the_sound_of_its_features(void **state) {
    (void)state;
    make_video(scratch("clip.mp4"), &(made_video){.width = 96, .height = 64});
    spawned s;
    loris(&s, "-q --model " LORIS_TEST_DATA
              "/unet/cond --i3d video.npy --pose pose.npy --steps 2 --sampler dpmpp2m -o out.mp4 clip.mp4");
    assert_string_equal(s.err, "");
    assert_int_equal(s.status, 0);
    assert_true(file_exists(scratch("out.mp4")));
    spawn_free(&s);
}

static void what_is_missing_is_said(void **state) {
    (void)state;
    static const struct {
        const char *line, *said;
        int status;
    } wrong[] = {
        {"infer --list-i3d i3d.txt --list-pose pose.txt", "--model is missing", 2},
        {"infer --model " LORIS_TEST_DATA "/unet/cond --list-i3d i3d.txt", "--list-pose", 2},
        {"infer --model " LORIS_TEST_DATA "/unet/cond --list-i3d none.txt --list-pose pose.txt", "none.txt", 3},
        {"infer --model " LORIS_MODELS "/base --list-i3d i3d.txt --list-pose pose.txt", "base", 3},
        {"infer --preset waltz --model x --list-i3d i3d.txt --list-pose pose.txt", "waltz", 2},
        {"--i3d video.npy -o a.wav clip.mp4", "--pose", 2}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        spawned s;
        loris(&s, wrong[i].line);
        assert_int_equal(s.status, wrong[i].status);
        assert_contains(s.err, wrong[i].said);
        assert_ptr_equal(strchr(s.err, '\n'), s.err + strlen(s.err) - 1); /* one line */
        spawn_free(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_become_sounds),
        cmocka_unit_test(a_video_gets_the_sound_of_its_features),
        cmocka_unit_test(what_is_missing_is_said),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
