/* loris-cl poses, and rhythm and run --rhythm-from pose, on a video of a drawn person. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/json.h"
#include "core/npy.h"
#include "draw_figure.h"
#include "make_video.h"
#include "rhythm/rhythm.h"
#include "scratch.h"
#include "spawned.h"

static char cache[512];

/* Arms that go up or down within 3 frames every 15: 100 a minute. */
static uint8_t semaphore(int x, int y, int frame) {
    const int k = frame / 15;
    const double way = fmin(1, frame % 15 / 3.0);
    const drawn_figure f = {150, 125, 170, 0.4 + 1.2 * (k % 2 ? 1 - way : way)};
    return draw_figure(&f, x, y, 205);
}

static int setup(void **state) {
    const int failed = scratch_setup(state);
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch("cache"));
    make_video(scratch("arms.mp4"),
               &(made_video){.width = 320, .height = 240, .frames = 150, .full_range = true, .luma = semaphore});
    return failed;
}

static void run(spawned *s, const char *line, int status) {
    const char *const environment[] = {cache, NULL};
    spawn_line(s, LORIS_PROGRAM, line, &(spawn_settings){.folder = scratch(""), .environment = environment});
    if (s->status != status)
        fail_msg("%s ended with %d: %s", line, s->status, s->err);
}

static void a_file_and_a_summary(void **state) {
    (void)state;
    spawned s;
    npy rows;
    run(&s, "poses arms.mp4 --eyes movenet-lightning -o arms.npy", 0);
    assert_contains(s.out, "arms.mp4: 6.0 s, 96 rows, somebody is followed in 100 % of 150 frames, 0 cuts\n");
    spawn_free(&s);
    assert_ok(npy_read(&rows, scratch("arms.npy")));
    assert_ok(npy_expect(&rows, "arms.npy", 3, (const int64_t[]){96, 17, 3}));
    for (size_t i = 0; i < rows.count / 3; i++)
        assert_true(rows.f32[3 * i + 2] > 0 && rows.f32[3 * i + 2] < 1);
    npy_free(&rows);
    run(&s, "poses arms.mp4 --eyes movenet-lightning -q", 0);
    assert_string_equal(s.out, "");
    assert_string_equal(s.err, "");
    spawn_free(&s);
}

static void json_is_whole(void **state) {
    (void)state;
    spawned s;
    const json *parsed, *poses;
    double rate;
    arena *memory = arena_new();
    run(&s, "poses arms.mp4 --eyes movenet-lightning --json", 0);
    assert_ok(json_parse(&parsed, memory, s.out, strlen(s.out), "printed"));
    assert_ok(json_need_number(parsed, "rate", 16, 16, &rate, "printed"));
    assert_ok(json_need_array(parsed, "poses", &poses, "printed"));
    assert_int_equal(poses->count, 96);
    for (size_t i = 0; i < poses->count; i++)
        assert_int_equal(poses->item[i].count, 51);
    arena_free(memory);
    spawn_free(&s);
}

/* Arms start to move at 0.6 s, 1.2 s and so on: most of it is found, within the 70 ms that events are judged by. */
static void joints_have_a_rhythm(void **state) {
    (void)state;
    spawned s;
    rhythm r;
    int found = 0;
    run(&s, "rhythm arms.mp4 -q --rhythm-from pose --eyes movenet-lightning -o arms.json --svg arms.svg", 0);
    assert_string_equal(s.err, "");
    spawn_free(&s);
    assert_ok(rhythm_read(&r, scratch("arms.json")));
    for (int k = 1; k < 10; k++)
        for (size_t i = 0; i < r.event_count; i++)
            if (r.events[i].kind == EVENT_ONSET && fabs(r.events[i].time - 0.6 * k) <= 0.07) {
                found++;
                break;
            }
    assert_true(found >= 7);
    rhythm_free(&r);
}

static void soundtracks_follow_joints(void **state) {
    (void)state;
    spawned s;
    run(&s,
        "run arms.mp4 -q --steps 2 --seed 1 --rhythm-from pose --eyes movenet-lightning -o arms.wav --rhythm-out "
        "run.json",
        0);
    assert_string_equal(s.err, "");
    spawn_free(&s);
    run(&s, "rhythm arms.mp4 -q --rhythm-from pose --eyes movenet-lightning -o alone.json", 0);
    spawn_free(&s);
    size_t one, other;
    char *of_run = scratch_read(scratch("run.json"), &one), *alone = scratch_read(scratch("alone.json"), &other);
    assert_int_equal(one, other);
    assert_memory_equal(of_run, alone, one);
    free(of_run);
    free(alone);
}

static void expect_complaint(const char *line, int status, const char *complaint) {
    spawned s;
    run(&s, line, status);
    assert_contains(s.err, complaint);
    const char *end = strchr(s.err, '\n');
    assert_true(end && !end[1]); /* one line */
    assert_string_equal(s.out, "");
    spawn_free(&s);
}

static void wrong_input_leaves_the_old_output(void **state) {
    (void)state;
    scratch_file("old.npy", "old", 3);
    scratch_file("text.mp4", "no video", 8);
    expect_complaint("poses -q text.mp4 --eyes movenet-lightning -o old.npy", 3, "text.mp4");
    expect_complaint("poses -q arms.mp4 --eyes base -o old.npy", 3, "is not a MoveNet");
    expect_complaint("poses -q arms.mp4 --eyes unheard-of -o old.npy", 3, "movenet-thunder");
    expect_complaint("poses -q arms.mp4 -o arms.mp4", 2, "arms.mp4");
    expect_complaint("poses -q arms.mp4 --eyes movenet-lightning -o missing/poses.npy", 5, "missing");
    expect_complaint("rhythm -q arms.mp4 --rhythm-from pose --eyes base", 3, "is not a MoveNet");
    expect_complaint("rhythm -q arms.mp4 --rhythm-from sound", 2, "use flow or pose");
    size_t size;
    char *old = scratch_read(scratch("old.npy"), &size);
    assert_true(size == 3 && !memcmp(old, "old", 3));
    free(old);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_and_a_summary),
        cmocka_unit_test(json_is_whole),
        cmocka_unit_test(joints_have_a_rhythm),
        cmocka_unit_test(soundtracks_follow_joints),
        cmocka_unit_test(wrong_input_leaves_the_old_output),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
