/* Clips of a LORIS model: lists, presets, what is refused, and the sound that comes out. Two steps of a small network.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sndfile.h>

#include "core/file.h"
#include "core/npy.h"
#include "diffusion/presets.h"
#include "loris/loris.h"
#include "messages.h"
#include "scratch.h"

#include "compare.h"

enum { VIDEO = 32, JOINTS = 17, POSES = 100 };

static loris_engine *engine;

static int open_engine(void **state) {
    loris_engine_settings settings;
    loris_engine_defaults(&settings);
    settings.device = getenv("LORIS_TEST_DEVICE");
    settings.cache_dir = "";
    return loris_engine_open(&engine, &settings) == LORIS_OK ? scratch_setup(state) : -1;
}

static int close_engine(void **state) {
    loris_engine_close(engine);
    return scratch_teardown(state);
}

/* Deterministic, and different for each name. */
static const char *write_array(const char *name, int rank, const int64_t *dim, double step) {
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dim[i];
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(10 * sin(step * (double)(i + 1) * (double)(i % 7 + 1)));
    const char *path = scratch(name);
    assert_ok(npy_write_f32(path, rank, dim, values));
    free(values);
    return path;
}

static const char *write_video(const char *name, int rows) {
    return write_array(name, 2, (const int64_t[]){rows, VIDEO}, 0.37);
}

static const char *write_pose(const char *name, int poses) {
    return write_array(name, 3, (const int64_t[]){poses, JOINTS, 3}, 0.11);
}

static loris_infer_settings settings_for(const char *preset_name, const char *model) {
    loris_infer_settings s;
    loris_infer_defaults(&s);
    s.preset = preset_name;
    s.model = model;
    s.seed = 7;
    s.steps = 2;
    s.sampler = "dpmpp2m";
    return s;
}

static float *read_sound(const char *path, SF_INFO *info) {
    memset(info, 0, sizeof *info);
    SNDFILE *f = sf_open(path, SFM_READ, info);
    assert_non_null(f);
    float *samples = malloc((size_t)info->frames * (size_t)info->channels * sizeof *samples);
    assert_non_null(samples);
    assert_int_equal(sf_readf_float(f, samples, info->frames), info->frames);
    sf_close(f);
    return samples;
}

static void presets_are_the_published_ones(void **state) {
    (void)state;
    static const char *const names[] = {"dance_s25", "fe_s25", "fe_s50", "fs_s25", "fs_s50"};
    for (int i = 0; i < PRESET_COUNT; i++) {
        const preset *p;
        assert_ok(preset_from_name(names[i], &p));
        const bool long_clips = strstr(names[i], "s50") != NULL;
        assert_int_equal(p->seconds, long_clips ? 50 : 25);
        assert_int_equal(p->log2_samples, long_clips ? 20 : 19);
        assert_int_equal(p->poses, long_clips ? 800 : 400);
        assert_int_equal(p->video_rows, long_clips ? 100 : 50);
        assert_int_equal(p->steps, !strcmp(names[i], "fe_s25") ? 100 : 50);
        assert_int_equal(p->rate, 22050);
        assert_float_equal(p->guidance, 20, 0);
        assert_int_equal(p->note != NULL, !strcmp(names[i], "fs_s50"));
        const sampling_settings s = preset_sampling(p, 0.1);
        assert_int_equal(s.sampler, SAMPLER_ADPM2);
    }
    assert_string_equal(preset_for_tokens(50)->name, "dance_s25");
    assert_string_equal(preset_for_tokens(100)->name, "fe_s50");
    assert_string_equal(preset_for_tokens(1000)->name, "dance_s25"); /* none of them: what is said then, says so */
    const preset *none;
    assert_fails(preset_from_name("s25", &none), LORIS_ERROR_ARGUMENT, "s25");
}

static void lists_name_clips(void **state) {
    (void)state;
    loris_clip *clips;
    size_t count;
    assert_ok(folder_make(scratch("lists"), 0777));
    scratch_write(scratch("lists/i3d.txt"), "a/1.npy\r\n\n/b/2.npy  \n3.npy", 26);
    scratch_write(scratch("lists/pose.txt"), "p1.npy\np2.npy\np3.npy\n", 21);
    const float one_hot[] = {0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1};
    assert_ok(npy_write_f32(scratch("lists/genre.npy"), 2, (const int64_t[]){3, 4}, one_hot));
    char want[4096];
    assert_ok(loris_clips_read(&clips, &count, scratch("lists/i3d.txt"), scratch("lists/pose.txt"),
                               scratch("lists/genre.npy"), "out"));
    assert_int_equal(count, 3);
    snprintf(want, sizeof want, "%s/a/1.npy", scratch("lists"));
    assert_string_equal(clips[0].i3d, want);
    assert_string_equal(clips[1].i3d, "/b/2.npy");
    snprintf(want, sizeof want, "%s/p3.npy", scratch("lists"));
    assert_string_equal(clips[2].pose, want);
    assert_string_equal(clips[2].output, "out/generated_3.wav");
    assert_int_equal(clips[0].genre, 2);
    assert_int_equal(clips[1].genre, 0);
    assert_int_equal(clips[2].genre, 3);
    loris_free(clips);

    scratch_write(scratch("lists/short.txt"), "p1.npy\n", 7);
    assert_fails(loris_clips_read(&clips, &count, scratch("lists/i3d.txt"), scratch("lists/short.txt"), NULL, "out"),
                 LORIS_ERROR_INPUT, "3 clips");
    scratch_write(scratch("lists/empty.txt"), "\n", 1);
    assert_fails(loris_clips_read(&clips, &count, scratch("lists/empty.txt"), scratch("lists/empty.txt"), NULL, "out"),
                 LORIS_ERROR_INPUT, "empty");
    const float two[] = {0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1};
    assert_ok(npy_write_f32(scratch("lists/genre.npy"), 2, (const int64_t[]){3, 4}, two));
    assert_fails(loris_clips_read(&clips, &count, scratch("lists/i3d.txt"), scratch("lists/pose.txt"),
                                  scratch("lists/genre.npy"), "out"),
                 LORIS_ERROR_INPUT, "row 0");
    assert_ok(npy_write_i64(scratch("lists/genre.npy"), 1, (const int64_t[]){2}, (const int64_t[]){0, 1}));
    assert_fails(loris_clips_read(&clips, &count, scratch("lists/i3d.txt"), scratch("lists/pose.txt"),
                                  scratch("lists/genre.npy"), "out"),
                 LORIS_ERROR_INPUT, "genre.npy");
}

/* A short clip's worth of network: two steps of 25 s at full length, then the published length with its tail again. */
static void clips_become_sound(void **state) {
    (void)state;
    loris_infer_settings s = settings_for("dance_s25", LORIS_TEST_DATA "/unet/cond");
    const char *first = scratch("generated_1.wav"), *second = scratch("generated_2.flac");
    const char *i3d = write_video("video.npy", 57), *pose = write_pose("pose.npy", POSES);
    const loris_clip clips[] = {{.i3d = i3d, .pose = pose, .genre = -1, .output = first},
                                {.i3d = i3d, .pose = pose, .genre = -1, .output = second}};
    loris_infer_report report;
    messages_keep();
    assert_ok(loris_infer(engine, &s, clips, 2, &report));
    assert_int_equal(report.clips, 2);
    /* The network knows 40 poses: of 100, with 60 too many, every second is left out and 40 of the rest are kept. */
    assert_float_equal(report.pose_seconds, 25 * 80 / 100.0, 1e-9);
    assert_true(messages_contain("20.0 of 25 s"));
    messages_drop();
    SF_INFO info, other_info;
    float *full = read_sound(first, &info), *other = read_sound(second, &other_info);
    assert_int_equal(info.frames, 25 * 22050);
    assert_int_equal(info.channels, 2);
    assert_int_equal(info.samplerate, 22050);
    assert_int_equal(other_info.frames, 25 * 22050);
    double difference = 0;
    for (size_t i = 0; i < 2 * (size_t)info.frames; i++)
        difference = fmax(difference, fabs((double)full[i] - other[i]));
    assert_true(difference > 0.01); /* another seed */
    free(other);

    s.batch = 2; /* side by side: the same sound, to the last of 24 bits or so */
    assert_ok(loris_infer(engine, &s, clips, 2, &report));
    assert_int_equal(report.clips, 2);
    other = read_sound(first, &other_info);
    for (size_t i = 0; i < 2 * (size_t)info.frames; i++)
        if (!(fabsf(full[i] - other[i]) <= 1e-5f))
            fail_msg("sample %zu: alone %g, in a batch %g", i, full[i], other[i]);
    free(other);
    s.batch = 1;

    s.pad_tail = true;
    s.seed = 8;
    assert_ok(loris_infer(engine, &s, clips, 1, NULL));
    float *padded = read_sound(first, &info);
    assert_int_equal(info.frames, 25 * 22050);
    const size_t made = (size_t)1 << 19, missing = 25 * 22050 - made;
    assert_memory_equal(padded + 2 * made, padded + 2 * (made - missing), 2 * missing * sizeof *padded);
    free(padded);
    free(full);
}

static void useless_inputs_are_refused(void **state) {
    (void)state;
    const char *video = write_video("video.npy", 50), *pose = write_pose("pose.npy", POSES),
               *few = write_pose("few.npy", 39);
    const char *wide = write_array("wide.npy", 2, (const int64_t[]){50, VIDEO + 1}, 0.3);
    const char *flat = write_array("flat.npy", 2, (const int64_t[]){100, 51}, 0.3);
    const char *out = scratch("out.wav"), *nan_video = scratch("nan.npy");
    float values[3 * VIDEO] = {0};
    values[2 * VIDEO + 5] = NAN;
    assert_ok(npy_write_f32(nan_video, 2, (const int64_t[]){3, VIDEO}, values));
    const loris_infer_settings s = settings_for("dance_s25", LORIS_TEST_DATA "/unet/cond");
    const struct {
        loris_clip clip;
        const char *part;
    } cases[] = {
        {{.i3d = wide, .pose = pose, .output = out}, "wide.npy"},
        {{.i3d = nan_video, .pose = pose, .output = out}, "row 2"},
        {{.i3d = video, .pose = few, .output = out}, "39 poses"},
        {{.i3d = video, .pose = flat, .output = out}, "flat.npy"},
        {{.i3d = "none.npy", .pose = pose, .output = out}, "none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(loris_infer(engine, &s, &cases[i].clip, 1, NULL), LORIS_ERROR_INPUT, cases[i].part);
    assert_false(file_exists(out));
    const loris_clip good = {.i3d = video, .pose = pose, .genre = -1, .output = out};
    const loris_infer_settings genre = settings_for("dance_s25", LORIS_TEST_DATA "/unet/genre");
    assert_fails(loris_infer(engine, &genre, &good, 1, NULL), LORIS_ERROR_ARGUMENT, "genre");
    loris_clip eleventh = good;
    eleventh.genre = 10;
    assert_fails(loris_infer(engine, &genre, &eleventh, 1, NULL), LORIS_ERROR_INPUT, "genre 10");
    const loris_infer_settings other = settings_for("dance_s25", LORIS_TEST_DATA "/unet/uncond");
    assert_fails(loris_infer(engine, &other, &good, 1, NULL), LORIS_ERROR_INPUT, "not a model");
    loris_clip wrong = good;
    wrong.output = "sound.mp4";
    assert_fails(loris_infer(engine, &s, &wrong, 1, NULL), LORIS_ERROR_ARGUMENT, "sound.mp4");
    loris_infer_settings nameless = s;
    nameless.preset = "dance";
    assert_fails(loris_infer(engine, &nameless, &good, 1, NULL), LORIS_ERROR_ARGUMENT, "dance");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_are_the_published_ones),
        cmocka_unit_test(lists_name_clips),
        cmocka_unit_test(clips_become_sound),
        cmocka_unit_test(useless_inputs_are_refused),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
