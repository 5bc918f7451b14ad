/* Videos in: sizes, orientation, times, range, and files that are not what they should be. */
#include "compare.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "make_video.h"
#include "media/frame_clock.h"
#include "media/video.h"
#include "scratch.h"

enum { FRAMES_MAX = 64 };

typedef struct reading {
    video_info before, after; /* of the first frame, of the end */
    int width, height, frames;
    double time[FRAMES_MAX];
    uint8_t *pixels; /* of the first frame */
} reading;

static void read_video(reading *r, const char *path, int longest, video_pixels pixels) {
    video *v;
    assert_ok(video_open(&v, path, longest, pixels));
    *r = (reading){.before = *video_get_info(v)};
    video_frame_size(v, &r->width, &r->height);
    size_t bytes = (size_t)r->width * (size_t)r->height * (pixels == VIDEO_RGB ? 3 : 1);
    for (;;) {
        video_frame frame;
        bool end;
        assert_ok(video_next(v, &frame, &end));
        if (end)
            break;
        assert_true(r->frames < FRAMES_MAX);
        assert_int_equal(frame.width, r->width);
        assert_int_equal(frame.height, r->height);
        r->time[r->frames++] = frame.time;
        if (r->frames == 1) {
            r->pixels = malloc(bytes);
            assert_non_null(r->pixels);
            memcpy(r->pixels, frame.pixels, bytes);
        }
    }
    r->after = *video_get_info(v);
    video_frame frame;
    bool end;
    assert_ok(video_next(v, &frame, &end)); /* the end stays the end */
    assert_true(end);
    video_close(v);
}

static void release(reading *r) {
    free(r->pixels);
}

/* ---- warnings ---------------------------------------------------------------------------------------------------- */

static pthread_mutex_t warnings_lock = PTHREAD_MUTEX_INITIALIZER;
static int warnings;

static void count_warnings(void *user, loris_level level, const char *message) {
    (void)user;
    (void)message;
    pthread_mutex_lock(&warnings_lock);
    warnings += level == LORIS_LOG_WARNING;
    pthread_mutex_unlock(&warnings_lock);
}

/* ---- times ------------------------------------------------------------------------------------------------------- */

static void constant_rate_from_any_start(void **state) {
    (void)state;
    static const int first[] = {0, 1400};
    for (int i = 0; i < 2; i++) {
        const char *path = scratch("plain.mkv");
        make_video(path, &(made_video){.first_ms = first[i], .b_frames = 2});
        reading r;
        read_video(&r, path, 0, VIDEO_LUMA);
        assert_int_equal(r.frames, 25);
        assert_string_equal(r.before.codec, "mpeg4");
        assert_false(r.before.has_audio);
        for (int k = 0; k < r.frames; k++)
            assert_float_equal(r.time[k], 0.04 * k, 1e-9);
        assert_float_equal(r.before.frame_rate, 25, 1e-6);
        assert_float_equal(r.before.duration, 1, 0.041); /* the container's word: within a frame */
        assert_float_equal(r.after.duration, 1, 1e-6);
        release(&r);
    }
}

static void variable_rate_keeps_its_times(void **state) {
    (void)state;
    static const int ticks[] = {0, 7, 100, 101, 350, 1000, 1033, 2500};
    static const char *const name[] = {"vfr.mkv", "vfr.mp4", "vfr.mov"};
    for (int i = 0; i < 3; i++) {
        make_video(scratch(name[i]), &(made_video){.frames = 8, .ticks = ticks, .sound_seconds = i == 2 ? 0.1 : 0});
        reading r;
        read_video(&r, scratch(name[i]), 0, VIDEO_LUMA);
        assert_int_equal(r.frames, 8);
        for (int k = 0; k < 8; k++)
            assert_float_equal(r.time[k], ticks[k] / 1000.0, 1e-6);
        assert_int_equal(r.before.has_audio, i == 2);
        release(&r);
    }
}

static void one_frame(void **state) {
    (void)state;
    make_video(scratch("one.mp4"), &(made_video){.frames = 1});
    reading r;
    read_video(&r, scratch("one.mp4"), 0, VIDEO_RGB);
    assert_int_equal(r.frames, 1);
    assert_true(r.before.duration > 0 && r.after.duration > 0);
    assert_float_equal(r.time[0], 0, 0);
    release(&r);
}

static void stream_without_a_duration(void **state) {
    (void)state;
    make_video(scratch("elementary.m4v"), &(made_video){0}); /* no container: no time stamps, no duration */
    reading r;
    read_video(&r, scratch("elementary.m4v"), 0, VIDEO_LUMA);
    assert_int_equal(r.frames, 25);
    assert_float_equal(r.before.duration, 1, 0.081);
    for (int k = 1; k < r.frames; k++)
        assert_true(r.time[k] > r.time[k - 1]);
    release(&r);
}

static void clock_repairs_stamps(void **state) {
    (void)state;
    enum { N = 8 };
    static const int64_t none = FRAME_CLOCK_UNKNOWN;
    const struct {
        int64_t stamp[N];
        double want[N];
        bool discontinuous;
    } cases[] = {
        {{500, 510, 520, 530, 540, 550, 560, 570}, {0, 1, 2, 3, 4, 5, 6, 7}, false},
        {{none, none, 70, 80, none, 100, none, none}, {0, 1, 2, 3, 4, 5, 6, 7}, false},
        {{0, 10, 10, 30, 40, 35, 60, 70}, {0, 1, 1.5, 3, 4, 4.5, 6, 7}, false},   /* repeated; one step back */
        {{9000, 9010, 9020, 0, 10, 20, 30, 40}, {0, 1, 2, 3, 4, 5, 6, 7}, false}, /* torn backwards */
        {{0, 10, 90000, 90010, 90020, 90030, 90040, 90050}, {0, 1, 2, 3, 4, 5, 6, 7}, true},        /* torn ahead */
        {{0, 10, 5000, 5010, 5020, 5030, 5040, 5050}, {0, 1, 500, 501, 502, 503, 504, 505}, false}, /* a long still */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        frame_clock c = frame_clock_begin(0.01, 10, cases[i].discontinuous); /* 10 ticks, 0.1 s a frame */
        for (int k = 0; k < N; k++)
            assert_float_equal(frame_clock_next(&c, cases[i].stamp[k], 0), 0.1 * cases[i].want[k], 1e-9);
    }
}

static void clock_survives_extreme_stamps(void **state) {
    (void)state;
    static const int64_t stamps[] = {INT64_MAX, INT64_MIN + 1, 0, INT64_MAX, -1, INT64_MAX - 1};
    frame_clock c = frame_clock_begin(1.0 / 90000, 0, true);
    double last = -1;
    for (size_t i = 0; i < sizeof stamps / sizeof stamps[0]; i++) {
        double t = frame_clock_next(&c, stamps[i], INT64_MAX / 2);
        assert_true(isfinite(t) && t > last);
        last = t;
    }
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

/* Four quarters told apart: 40 80 over 120 160. */
static uint8_t quarters(int x, int y, int frame) {
    (void)frame;
    return (uint8_t)(40 + (x >= 32 ? 40 : 0) + (y >= 24 ? 80 : 0));
}

static void rotation_turns_frames_upright(void **state) {
    (void)state;
    static const struct {
        int rotation;
        bool mirror;
        int corner[4]; /* top left, top right, bottom left, bottom right of the upright picture */
    } cases[] = {
        {0, false, {40, 80, 120, 160}},   {90, false, {120, 40, 160, 80}}, {180, false, {160, 120, 80, 40}},
        {270, false, {80, 160, 40, 120}}, {0, true, {80, 40, 160, 120}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool turned = cases[i].rotation % 180 != 0;
        make_video(
            scratch("turned.mp4"),
            &(made_video){.frames = 2, .luma = quarters, .rotation = cases[i].rotation, .mirror = cases[i].mirror});
        for (int pixels = VIDEO_LUMA; pixels <= VIDEO_RGB; pixels++) {
            reading r;
            read_video(&r, scratch("turned.mp4"), 0, (video_pixels)pixels);
            assert_int_equal(r.before.rotation, cases[i].rotation);
            assert_int_equal(r.width, turned ? 48 : 64);
            assert_int_equal(r.height, turned ? 64 : 48);
            assert_int_equal(r.before.width, r.width);
            assert_int_equal(r.before.height, r.height);
            int bytes = pixels == VIDEO_RGB ? 3 : 1;
            for (int k = 0; k < 4; k++) {
                int x = k % 2 ? r.width - 4 : 3, y = k / 2 ? r.height - 4 : 3;
                int got = r.pixels[(y * r.width + x) * bytes];
                double want = (cases[i].corner[k] - 16) * 255.0 / 219; /* limited to full range */
                assert_float_equal(got, want, 4);                      /* MPEG-4 at its finest quantizer: +-3 */
            }
            release(&r);
        }
    }
}

static void pixels_become_square(void **state) {
    (void)state;
    make_video(scratch("wide.mkv"), &(made_video){.frames = 2, .aspect_num = 4, .aspect_den = 3});
    reading r;
    read_video(&r, scratch("wide.mkv"), 0, VIDEO_LUMA);
    assert_int_equal(r.width, 85); /* 64 * 4 / 3 */
    assert_int_equal(r.height, 48);
    release(&r);
    read_video(&r, scratch("wide.mkv"), 17, VIDEO_LUMA);
    assert_int_equal(r.before.width, 85);
    assert_int_equal(r.width, 17);
    assert_int_equal(r.height, 10); /* 48 * 17 / 85 = 9.6 */
    release(&r);
    read_video(&r, scratch("wide.mkv"), 1, VIDEO_RGB);
    assert_int_equal(r.width * r.height, 1);
    release(&r);
    read_video(&r, scratch("wide.mkv"), 1000, VIDEO_LUMA); /* never enlarged */
    assert_int_equal(r.width, 85);
    release(&r);
}

static uint8_t steps(int x, int y, int frame) {
    static const uint8_t level[4] = {16, 126, 235, 60};
    (void)y;
    (void)frame;
    return level[x / 16];
}

static void luma_is_full_range(void **state) {
    (void)state;
    for (int full = 0; full < 2; full++) {
        make_video(scratch("range.mkv"),
                   &(made_video){.codec = "ffv1", .frames = 1, .luma = steps, .full_range = full});
        for (int longest = 0; longest <= 32; longest += 32) { /* copied and scaled */
            reading r;
            read_video(&r, scratch("range.mkv"), longest, VIDEO_LUMA);
            for (int k = 0; k < 4; k++) {
                int level = steps(16 * k, 0, 0);
                double want = full ? level : (level - 16) * 255.0 / 219;
                assert_float_equal(r.pixels[(r.height / 2) * r.width + (2 * k + 1) * r.width / 8], want,
                                   1); /* rounding, twice */
            }
            release(&r);
        }
    }
}

static uint8_t checks(int x, int y, int frame) {
    (void)frame;
    return (x + y) % 2 ? 200 : 100;
}

static void scaling_averages_areas(void **state) {
    (void)state;
    make_video(scratch("checks.mkv"), &(made_video){.codec = "ffv1", .frames = 1, .luma = checks, .full_range = true});
    reading r;
    read_video(&r, scratch("checks.mkv"), 16, VIDEO_LUMA);
    for (int i = 0; i < r.width * r.height; i++)
        assert_float_equal(r.pixels[i], 150, 1); /* the mean of each 4x4 block; other filters would alias */
    release(&r);
}

static void grey_rgb_and_odd_sizes(void **state) {
    (void)state;
    static const struct {
        const char *format;
        int width, height;
    } cases[] = {{"gray", 61, 37}, {"bgr0", 61, 37}, {"yuv444p", 1, 1}, {"yuv420p", 3, 50}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_video(scratch("odd.mkv"), &(made_video){.codec = "ffv1",
                                                     .pixel_format = cases[i].format,
                                                     .width = cases[i].width,
                                                     .height = cases[i].height,
                                                     .frames = 2,
                                                     .full_range = true});
        reading r;
        read_video(&r, scratch("odd.mkv"), 0, VIDEO_LUMA);
        assert_int_equal(r.frames, 2);
        for (int y = 0; y < r.height; y++)
            for (int x = 0; x < r.width; x++)
                assert_float_equal(r.pixels[y * r.width + x], 32 + (3 * x + 2 * y) % 192, 1); /* RGB to grey rounds */
        release(&r);
    }
}

/* ---- files that are not what they should be ---------------------------------------------------------------------- */

static void open_fails(const char *path, const char *part) {
    video *v;
    assert_fails(video_open(&v, path, 0, VIDEO_LUMA), LORIS_ERROR_INPUT, part);
    assert_null(v);
    assert_null(strchr(loris_error_message(), '\n'));
}

static void wrong_files_are_refused(void **state) {
    (void)state;
    open_fails(scratch("no-such-file.mp4"), "No such file");
    open_fails("", "No such file");
    open_fails("http://127.0.0.1:9/a.mp4", "No such file"); /* a path, never an address */
    assert_int_equal(mkdir(scratch("folder.mp4"), 0700), 0);
    open_fails(scratch("folder.mp4"), "folder");
    open_fails("/dev/null", "not a regular file");
    scratch_write(scratch("empty.mp4"), "", 0);
    open_fails(scratch("empty.mp4"), "empty");
    static const char text[] = "This is a text.\nIt has two lines.\n";
    scratch_write(scratch("text.mp4"), text, sizeof text - 1);
    open_fails(scratch("text.mp4"), "text.mp4");
    scratch_write(scratch("text.txt"), text, sizeof text - 1); /* which FFmpeg would show as pictures of text */
    open_fails(scratch("text.txt"), "text.txt");
}

static void playlists_open_nothing(void **state) {
    (void)state;
    make_video(scratch("segment.ts"), &(made_video){0});
    static const char list[] = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsegment.ts\n#EXT-X-ENDLIST\n";
    scratch_write(scratch("list.m3u8"), list, sizeof list - 1);
    open_fails(scratch("list.m3u8"), "list.m3u8");
    static const char concat[] = "ffconcat version 1.0\nfile segment.ts\n";
    scratch_write(scratch("list.ffconcat"), concat, sizeof concat - 1);
    open_fails(scratch("list.ffconcat"), "list.ffconcat");
}

/* A WAV file of 0.1 s. */
static void write_wav(const char *path) {
    uint8_t wav[44 + 1600] = "RIFF....WAVEfmt \20\0\0\0\1\0\1\0\100\37\0\0\200\76\0\0\2\0\20\0data";
    wav[4] = (uint8_t)((sizeof wav - 8) & 255);
    wav[5] = (uint8_t)((sizeof wav - 8) >> 8);
    wav[6] = wav[7] = 0;
    wav[40] = 1600 & 255;
    wav[41] = 1600 >> 8;
    scratch_write(path, wav, sizeof wav);
}

static void sound_and_covers_are_no_video(void **state) {
    (void)state;
    write_wav(scratch("sound.wav"));
    open_fails(scratch("sound.wav"), "no video stream");
    make_video(
        scratch("cover.mp4"),
        &(made_video){
            .codec = "mjpeg", .pixel_format = "yuvj420p", .full_range = true, .frames = 1, .cover_picture_only = true});
    open_fails(scratch("cover.mp4"), "no video stream");
}

static void no_frames(void **state) {
    (void)state;
    static const char *const name[] = {"none.mkv", "none.mp4", "none.avi"};
    for (int i = 0; i < 3; i++) {
        make_video(scratch(name[i]), &(made_video){.frames = -1});
        video *v;
        loris_status status = video_open(&v, scratch(name[i]), 0, VIDEO_LUMA);
        if (status == LORIS_OK) {
            video_frame frame;
            bool end;
            status = video_next(v, &frame, &end);
            video_close(v);
        }
        assert_int_equal(status, LORIS_ERROR_INPUT);
    }
}

static void cut_files(void **state) {
    (void)state;
    size_t size;
    make_video(scratch("whole.mp4"), &(made_video){.frames = 50}); /* index at its end */
    char *data = scratch_read(scratch("whole.mp4"), &size);
    scratch_write(scratch("cut.mp4"), data, size / 2);
    open_fails(scratch("cut.mp4"), "cut.mp4");
    free(data);
    make_video(scratch("whole.mkv"), &(made_video){.frames = 80});
    data = scratch_read(scratch("whole.mkv"), &size);
    scratch_write(scratch("cut.mkv"), data, size / 2);
    free(data);
    warnings = 0;
    loris_set_log(count_warnings, NULL);
    reading r;
    read_video(&r, scratch("cut.mkv"), 0, VIDEO_LUMA);
    loris_set_log(NULL, NULL);
    assert_in_range(r.frames, 20, 60);
    assert_float_equal(r.before.duration, 3.2, 0.041);
    assert_float_equal(r.after.duration, 0.04 * r.frames, 0.041);
    assert_true(warnings >= 1);
    release(&r);
}

static void damage_inside_is_skipped_with_one_warning(void **state) {
    (void)state;
    size_t size;
    make_video(scratch("whole2.mp4"), &(made_video){.frames = 50});
    uint8_t *data = scratch_read(scratch("whole2.mp4"), &size);
    for (size_t i = size / 3; i < size / 2; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 24);
    scratch_write(scratch("damaged.mp4"), data, size);
    free(data);
    warnings = 0;
    loris_set_log(count_warnings, NULL);
    reading r;
    read_video(&r, scratch("damaged.mp4"), 0, VIDEO_LUMA);
    loris_set_log(NULL, NULL);
    assert_true(r.frames >= 15);
    assert_int_equal(warnings, 1);
    assert_float_equal(r.after.duration, 2, 0.1); /* what follows the damage keeps its time */
    release(&r);
}

/* Every byte of a small file's head changed in turn: any status may come, and the sanitizers watch. */
static void hostile_headers(void **state) {
    (void)state;
    size_t size;
    make_video(scratch("small.mkv"), &(made_video){.codec = "ffv1", .width = 16, .height = 16, .frames = 2});
    uint8_t *data = scratch_read(scratch("small.mkv"), &size);
    for (size_t i = 0; i < size && i < 700; i += 3) {
        uint8_t kept = data[i];
        data[i] = (uint8_t)(kept ^ 0xff);
        scratch_write(scratch("hostile.mkv"), data, size);
        data[i] = kept;
        video *v;
        if (video_open(&v, scratch("hostile.mkv"), 8, VIDEO_LUMA) != LORIS_OK)
            continue;
        video_frame frame;
        bool end = false;
        for (int k = 0; k < FRAMES_MAX && !end && video_next(v, &frame, &end) == LORIS_OK; k++)
            assert_true(end || frame.pixels);
        video_close(v);
    }
    free(data);
}

static void absurd_sizes_are_refused(void **state) {
    (void)state;
    make_video(scratch("broad.mkv"), &(made_video){.codec = "ffv1", .width = 16390, .height = 1, .frames = 1});
    open_fails(scratch("broad.mkv"), "16390");
    make_video(
        scratch("stretched.mkv"),
        &(made_video){.codec = "ffv1", .width = 8200, .height = 2, .frames = 1, .aspect_num = 2, .aspect_den = 1});
    open_fails(scratch("stretched.mkv"), "16400");
}

static void cancelling_and_closing_early(void **state) {
    (void)state;
    make_video(scratch("long.mkv"), &(made_video){.frames = 200, .sound_seconds = 1});
    video *v;
    video_frame frame;
    bool end;
    assert_ok(video_open(&v, scratch("long.mkv"), 0, VIDEO_LUMA));
    video_close(v); /* while the thread waits for room */
    assert_ok(video_open(&v, scratch("long.mkv"), 0, VIDEO_LUMA));
    assert_ok(video_next(v, &frame, &end));
    loris_cancel();
    assert_fails(video_next(v, &frame, &end), LORIS_CANCELLED, NULL);
    video_close(v);
    assert_fails(video_open(&v, scratch("long.mkv"), 0, VIDEO_LUMA), LORIS_CANCELLED, NULL);
    loris_resume();
    video_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_rate_from_any_start),
        cmocka_unit_test(variable_rate_keeps_its_times),
        cmocka_unit_test(one_frame),
        cmocka_unit_test(stream_without_a_duration),
        cmocka_unit_test(clock_repairs_stamps),
        cmocka_unit_test(clock_survives_extreme_stamps),
        cmocka_unit_test(rotation_turns_frames_upright),
        cmocka_unit_test(pixels_become_square),
        cmocka_unit_test(luma_is_full_range),
        cmocka_unit_test(scaling_averages_areas),
        cmocka_unit_test(grey_rgb_and_odd_sizes),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(playlists_open_nothing),
        cmocka_unit_test(sound_and_covers_are_no_video),
        cmocka_unit_test(no_frames),
        cmocka_unit_test(cut_files),
        cmocka_unit_test(damage_inside_is_skipped_with_one_warning),
        cmocka_unit_test(hostile_headers),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(cancelling_and_closing_early),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
