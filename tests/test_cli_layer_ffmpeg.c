/* Seen from outside, by an OpenCL layer: more steps make no more buffers, programs or kernels, each step launches the
 * same, and in none does the host wait for the device. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/npy.h"
#include "make_video.h"
#include "scratch.h"
#include "spawned.h"

#include "compare.h"

typedef struct counts {
    int buffers, programs, kernels, launches, waits;
} counts;

static const char rhythm_json[] =
    "{\"version\": 1, \"duration_s\": 1.0, \"tempo\": {\"bpm\": 0, \"confidence\": 0, \"beats\": [], "
    "\"downbeats\": []}, \"cuts\": [], \"energy\": [], \"events\": []}";

static int setup(void **state) {
    if (scratch_setup(state))
        return -1;
    make_video(scratch("clip.mp4"), &(made_video){.width = 96, .height = 64});
    scratch_write(scratch("rhythm.json"), rhythm_json, sizeof rhythm_json - 1);
    return 0;
}

static void write_array(const char *name, int rank, const int64_t *dim) {
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dim[i];
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i * 7919 % 1009) / 100;
    assert_ok(npy_write_f32(scratch(name), rank, dim, values));
    free(values);
}

/* Runs `line` with the layer and a cache of compiled kernels of its own. */
static counts run(const char *line) {
    char file[4200], cache[4200];
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
    assert_int_equal(sscanf(text_read, "%d %d %d %d %d", &c.buffers, &c.programs, &c.kernels, &c.launches, &c.waits),
                     5);
    free(text_read);
    remove(scratch("counts"));
    return c;
}

/* Three runs that differ in their number of steps alone, evenly. */
static void expect_equal_steps(const counts c[3]) {
    assert_true(c[0].buffers > 0 && c[0].programs > 0 && c[0].kernels > 0);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(c[i].buffers, c[0].buffers);
        assert_int_equal(c[i].programs, c[0].programs);
        assert_int_equal(c[i].kernels, c[0].kernels);
    }
    assert_true(c[1].launches > c[0].launches);
    /* The first run waits once more for each program that it compiles, before it keeps it. What the later ones run is
     * the same, as long as none has 4 evaluations or fewer: products of so few rows (the noise levels') are other
     * kernels. */
    assert_true(c[0].waits >= c[1].waits);
    assert_int_equal(c[2].waits, c[1].waits);
    assert_int_equal(c[2].launches - c[1].launches, c[1].launches - c[0].launches);
}

static void steps_of_the_default_model(void **state) {
    (void)state;
    counts c[3];
    for (int i = 0; i < 3; i++) {
        char line[256]; /* without guidance all steps are alike */
        snprintf(line, sizeof line, "-q --rhythm rhythm.json --seed 1 --guidance 1 --steps %d -o out.wav clip.mp4",
                 6 + 2 * i);
        c[i] = run(line);
    }
    expect_equal_steps(c);
}

static void steps_of_a_conditional_network(void **state) {
    (void)state;
    counts c[3];
    write_array("video.npy", 2, (const int64_t[]){50, 32});
    write_array("pose.npy", 3, (const int64_t[]){40, 17, 3});
    for (int i = 0; i < 3; i++) {
        char line[512];
        snprintf(line, sizeof line,
                 "-q --model " LORIS_TEST_DATA
                 "/unet/cond --i3d video.npy --pose pose.npy --sampler dpmpp2m --seed 1 --steps %d "
                 "-o out.wav clip.mp4",
                 6 + i);
        c[i] = run(line);
    }
    expect_equal_steps(c);
}

/* A sampler that draws noise in each step sends it while the device works. */
static void steps_that_draw_noise(void **state) {
    (void)state;
    counts c[3];
    for (int i = 0; i < 3; i++) {
        char line[256];
        snprintf(line, sizeof line,
                 "-q --rhythm rhythm.json --seed 1 --guidance 1 --sampler aeuler --steps %d -o out.wav clip.mp4",
                 6 + 2 * i);
        c[i] = run(line);
    }
    expect_equal_steps(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_of_the_default_model),
                                       cmocka_unit_test(steps_that_draw_noise),
                                       cmocka_unit_test(steps_of_a_conditional_network)};
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
