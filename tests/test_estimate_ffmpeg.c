/* Estimates against what a run then takes. Times are not tested, but that there are any. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "loris/estimate.h"
#include "make_video.h"
#include "scratch.h"

static loris_engine *engine;
static loris_settings settings;

static int setup(void **state) {
    if (scratch_setup(state) != 0)
        return -1;
    assert_ok(
        loris_engine_open(&engine, &(loris_engine_settings){.device = getenv("LORIS_TEST_DEVICE"), .cache_dir = ""}));
    loris_settings_defaults(&settings);
    settings.model = LORIS_MODELS "/base";
    settings.steps = 3;
    settings.seed = 1;
    return 0;
}

static int teardown(void **state) {
    loris_engine_close(engine);
    return scratch_teardown(state);
}

static void memory_and_flop_are_what_a_run_takes(void **state) {
    (void)state;
    make_video(scratch("clip.mp4"), &(made_video){.width = 96, .height = 64, .frames = 380}); /* two windows */
    loris_estimate e;
    loris_report r;
    assert_ok(loris_estimate_soundtrack(engine, &settings, scratch("clip.mp4"), &e));
    assert_ok(loris_soundtrack(engine, &settings, scratch("clip.mp4"), scratch("clip.wav"), &r));
    assert_true(e.fits);
    assert_string_equal(e.obstacle, "");
    assert_int_equal(e.frames, 380);
    assert_int_equal(e.windows, r.windows);
    assert_true(e.windows > 1);
    assert_true(e.gflop > 0.999999 * r.denoise_gflop && e.gflop < 1.000001 * r.denoise_gflop); /* sums of doubles */
    const double planned = (double)(e.activations + e.weights), taken = (double)r.device_memory;
    assert_true(planned <= taken);       /* layouts pad ... */
    assert_true(planned >= 0.9 * taken); /* ... by no more than panels of 32 columns do in a network of these widths */
    loris_estimate part;
    loris_settings shorter = settings;
    shorter.duration = 2;
    assert_ok(loris_estimate_soundtrack(engine, &shorter, scratch("clip.mp4"), &part));
    assert_int_equal(part.windows, 1);
    assert_true(part.duration == 2 && part.gflop < e.gflop);
    assert_true(e.gflop_per_second > 0 && e.watch_seconds > 0 && e.denoise_seconds > 0 && e.phase_seconds > 0);
}

static void what_is_wrong_is_told(void **state) {
    (void)state;
    loris_estimate e;
    loris_settings other = settings;
    scratch_file("notes.mp4", "no video", 8);
    assert_fails(loris_estimate_soundtrack(engine, &settings, scratch("notes.mp4"), &e), LORIS_ERROR_INPUT,
                 "notes.mp4");
    other.model = NULL;
    assert_fails(loris_estimate_soundtrack(engine, &other, scratch("clip.mp4"), &e), LORIS_ERROR_ARGUMENT, "model");
    other.model = "/no/such/model";
    assert_fails(loris_estimate_soundtrack(engine, &other, scratch("clip.mp4"), &e), LORIS_ERROR_INPUT, "/no/such");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_and_flop_are_what_a_run_takes),
                                       cmocka_unit_test(what_is_wrong_is_told)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
