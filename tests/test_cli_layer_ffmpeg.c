/* Seen from outside, by an OpenCL layer: more steps make no more buffers, programs or kernels, and each step launches the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "make_video.h"
#include "scratch.h"
#include "spawned.h"

#include "compare.h"

typedef struct counts {
    int buffers, programs, kernels, launches;
} counts;

static const char rhythm_json[] = "{\"version\": 1, \"duration_s\": 1.0, \"tempo\": {\"bpm\": 0, \"confidence\": 0, \"beats\": [], "
                                  "\"downbeats\": []}, \"cuts\": [], \"energy\": [], \"events\": []}";

static int setup(void **state) {
    if (scratch_setup(state))
        return -1;
    make_video(scratch("clip.mp4"), &(made_video){.width = 96, .height = 64});
    scratch_write(scratch("rhythm.json"), rhythm_json, sizeof rhythm_json - 1);
    return 0;
}

static counts run(const char *guidance, int steps) {
    char line[256], file[4200], cache[4200];
    snprintf(line, sizeof line, "-q --rhythm rhythm.json --seed 1 --guidance %s --steps %d -o out.wav clip.mp4", guidance, steps);
    snprintf(file, sizeof file, "LORIS_COUNTS=%s", scratch("counts"));
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch("cache"));
    const char *const environment[] = {cache, "OPENCL_LAYERS=" LORIS_LAYER, file, NULL};
    spawned s;
    spawn_line(&s, LORIS_PROGRAM, line, &(spawn_settings){.folder = scratch(""), .environment = environment});
    if (s.status != 0)
        fail_msg("%d: %s", s.status, s.err);
    spawn_free(&s);
    size_t size;
    char *text_read = scratch_read(scratch("counts"), &size);
    counts c;
    assert_int_equal(sscanf(text_read, "%d %d %d %d", &c.buffers, &c.programs, &c.kernels, &c.launches), 4);
    free(text_read);
    remove(scratch("counts"));
    return c;
}

static void steps_make_nothing_and_launch_the_same(void **state) {
    (void)state;
    counts c[3];
    for (int i = 0; i < 3; i++)
        c[i] = run("1", 4 + 2 * i); /* without guidance all steps are alike */
    assert_true(c[0].buffers > 0 && c[0].programs > 0 && c[0].kernels > 0);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(c[i].buffers, c[0].buffers);
        assert_int_equal(c[i].programs, c[0].programs);
        assert_int_equal(c[i].kernels, c[0].kernels);
    }
    assert_true(c[1].launches > c[0].launches);
    assert_int_equal(c[2].launches - c[1].launches, c[1].launches - c[0].launches);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_make_nothing_and_launch_the_same)};
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
