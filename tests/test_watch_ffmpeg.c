/* From a video file to its rhythm. */
#include "support_net.h"

#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/json.h"
#include "make_video.h"
#include "media/video.h"
#include "rhythm/tempo.h"
#include "rhythm/watch.h"
#include "temporary.h"

/* ---- events against a drawn video's truth ------------------------------------------------------------------------ */

typedef struct truth {
    double time[256];
    size_t count;
} truth;

static truth read_truth(const char *name) {
    char path[512], *data;
    size_t size;
    snprintf(path, sizeof path, "%s/videos/%s.json", LORIS_TEST_DATA, name);
    assert_ok(file_read(path, 1 << 20, &data, &size));
    arena *memory = arena_new();
    const json *root, *list;
    assert_ok(json_parse(&root, memory, data, size, path));
    assert_ok(json_need_array(root, "events_s", &list, path));
    truth t = {.count = list->count};
    assert_true(t.count <= 256);
    for (size_t i = 0; i < t.count; i++)
        t.time[i] = list->item[i].number;
    arena_free(memory);
    free(data);
    return t;
}

static rhythm watch_name(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/videos/%s.mp4", LORIS_TEST_DATA, name);
    watch_settings settings = watch_defaults();
    rhythm r;
    assert_ok(watch_video(&r, support_compute(), path, &settings, NULL, NULL));
    return r;
}

/* F-measure of the events of one kind within +-70 ms, each true event matched at most once; *bias = mean error in
 * seconds. */
static double f_measure(const rhythm *r, event_kind kind, const truth *t, double *bias) {
    size_t found = 0, matched = 0, next = 0;
    double errors = 0.0;
    for (size_t i = 0; i < r->event_count; i++) {
        if (r->events[i].kind != kind)
            continue;
        found++;
        while (next < t->count && t->time[next] < r->events[i].time - 0.07)
            next++;
        if (next < t->count && fabs(t->time[next] - r->events[i].time) <= 0.07) {
            errors += r->events[i].time - t->time[next++];
            matched++;
        }
    }
    *bias = matched ? errors / (double)matched : 0.0;
    return found + t->count ? 2.0 * (double)matched / (double)(found + t->count) : 0.0;
}

/* What every rhythm keeps to, whatever the video. */
static void check_sane(const rhythm *r) {
    assert_true(r->duration > 0.0 && r->tempo_confidence >= 0.0 && r->tempo_confidence <= 1.0);
    assert_true((r->bpm == 0.0) == (r->tempo_confidence < TEMPO_FREE));
    assert_true(r->bpm == 0.0 || (r->bpm >= 40.0 && r->bpm <= 240.0));
    for (size_t i = 0; i < r->event_count; i++) {
        const rhythm_event *e = &r->events[i];
        assert_true(e->time >= 0.0 && e->time <= r->duration && e->strength >= 0.0f && e->strength <= 1.0f);
        assert_true(i == 0 || e->time >= e[-1].time);
    }
    for (size_t i = 0; i < r->energy_count; i++)
        assert_true(r->energy[i].value >= 0.0f && r->energy[i].value <= 1.0f && r->energy[i].time <= r->duration);
    for (size_t i = 0; i < r->beat_count; i++)
        assert_true(r->beats[i] >= 0.0 && r->beats[i] <= r->duration && (i == 0 || r->beats[i] > r->beats[i - 1]));
    for (size_t i = 0, b = 0; i < r->downbeat_count; i++, b++) {
        while (b < r->beat_count && r->beats[b] != r->downbeats[i])
            b++;
        assert_true(b < r->beat_count);
    }
}

static void test_regular_moves(void **state) {
    (void)state;
    truth t = read_truth("beats-100bpm");
    rhythm r = watch_name("beats-100bpm");
    double bias;
    check_sane(&r);
    assert_true(f_measure(&r, EVENT_ONSET, &t, &bias) >= 0.97);
    assert_true(fabs(bias) <= 0.02); /* half a frame */
    assert_true(fabs(r.duration - 26.0) < 0.05);
    assert_int_equal(r.cut_count, 0);
    assert_true(r.tempo_confidence > 0.8);
    assert_true(fabs(r.bpm - 100.0) <= 2.0);
    /* the true beats are the true events: nearly all beats lie on a multiple of 0.6 s, or of half of it for both parts
     * of a move */
    assert_true(r.beat_count >= 42 && r.beat_count <= 45);
    double first = fmod(r.beats[0], 0.6);
    for (size_t i = 0; i < r.beat_count; i++) {
        double off = fmod(r.beats[i] - first + 0.3 + 0.6, 0.6) - 0.3;
        assert_true(fabs(off) < 0.03);
    }
    assert_true(r.downbeat_count >= 10);
    rhythm_free(&r);
}

static void test_free_moves(void **state) {
    (void)state;
    truth t = read_truth("beats-free");
    rhythm r = watch_name("beats-free");
    double bias;
    check_sane(&r);
    assert_true(f_measure(&r, EVENT_ONSET, &t, &bias) >= 0.97);
    assert_true(fabs(bias) <= 0.02);
    assert_true(r.bpm == 0.0);
    assert_int_equal(r.beat_count, 0);
    rhythm_free(&r);
}

/* A pan with grain, flicker and two cuts; dead stops; turns without a rest. */
static void test_hard_moves_stops_and_turns(void **state) {
    (void)state;
    static const struct {
        const char *name;
        event_kind kind;
        double f;
        size_t cuts;
    } clips[] = {{"beats-hard", EVENT_ONSET, 0.85, 2},
                 {"impact-free", EVENT_IMPACT, 0.9, 0},
                 {"bounce-96bpm", EVENT_IMPACT, 0.8, 0}};
    for (size_t i = 0; i < sizeof clips / sizeof *clips; i++) {
        truth t = read_truth(clips[i].name);
        rhythm r = watch_name(clips[i].name);
        double bias, f = f_measure(&r, clips[i].kind, &t, &bias);
        check_sane(&r);
        if (!(f >= clips[i].f))
            fail_msg("%s: F %.3f", clips[i].name, f);
        assert_true(fabs(bias) <= 0.02);
        assert_int_equal(r.cut_count, clips[i].cuts);
        if (i == 2)
            assert_true(fabs(r.bpm - 96.0) <= 0.02 * 96.0);
        rhythm_free(&r);
    }
}

/* ---- made videos ------------------------------------------------------------------------------------------------- */

static rhythm watch_made(const made_video *made) {
    char folder[TEMPORARY_PATH_MAX], path[TEMPORARY_PATH_MAX + 16];
    temporary_make(folder);
    snprintf(path, sizeof path, "%s/made.mkv", folder);
    make_video(path, made);
    watch_settings settings = watch_defaults();
    rhythm r;
    assert_ok(watch_video(&r, support_compute(), path, &settings, NULL, NULL));
    temporary_remove(folder);
    check_sane(&r);
    return r;
}

/* The first seconds of a video, which a camera that swings to and fro looks at. */
static struct {
    uint8_t *frames;
    int width, height;
} swung;

static uint8_t swung_picture(int x, int y, int frame) {
    /* at most 5 pixels a frame; the drawn ground is plain to both sides */
    int from = x + (int)lround(40.0 * sin(frame * 5.0 / 40.0));
    from = from < 0 ? 0 : from >= swung.width ? swung.width - 1 : from;
    return swung.frames[((size_t)frame * (size_t)swung.height + (size_t)y) * (size_t)swung.width + (size_t)from];
}

static void test_pan(void **state) {
    (void)state;
    enum { FRAMES = 300 };
    char path[512];
    video *source;
    video_frame frame;
    bool end = false;
    snprintf(path, sizeof path, "%s/videos/beats-free.mp4", LORIS_TEST_DATA);
    assert_ok(video_open(&source, path, 0, VIDEO_LUMA));
    video_frame_size(source, &swung.width, &swung.height);
    size_t size = (size_t)swung.width * (size_t)swung.height;
    swung.frames = malloc(FRAMES * size);
    assert_non_null(swung.frames);
    for (size_t i = 0; i < FRAMES; i++) {
        assert_ok(video_next(source, &frame, &end));
        assert_false(end);
        memcpy(swung.frames + i * size, frame.pixels, size);
    }
    video_close(source);
    rhythm r = watch_made(&(made_video){
        .codec = "ffv1", .width = swung.width, .height = swung.height, .frames = FRAMES, .luma = swung_picture});
    free(swung.frames);
    truth t = read_truth("beats-free");
    while (t.count && t.time[t.count - 1] > FRAMES * 0.04 - 0.1)
        t.count--;
    double bias;
    assert_true(f_measure(&r, EVENT_ONSET, &t, &bias) >= 0.95);
    rhythm_free(&r);
}

static uint8_t still(int x, int y, int frame) {
    (void)frame;
    return (uint8_t)(40 + (x * 7 + y * 13) % 170);
}

static uint8_t two_scenes(int x, int y, int frame) {
    return frame < 20 ? (uint8_t)(128.0 + 90.0 * sin(0.3 * x) * cos(0.2 * y))
                      : (uint8_t)(110.0 + 80.0 * cos(0.13 * (x + 2 * y)));
}

static uint8_t flashing(int x, int y, int frame) {
    return frame == 20 ? 250 : (uint8_t)(128.0 + 90.0 * sin(0.3 * x) * cos(0.2 * y));
}

static void test_little_to_see(void **state) {
    (void)state;
    static const int frame_counts[] = {1, 2, 3, 13};
    for (size_t i = 0; i < sizeof frame_counts / sizeof *frame_counts; i++) {
        rhythm r = watch_made(&(made_video){.codec = "ffv1", .frames = frame_counts[i], .luma = still});
        assert_int_equal(r.event_count + r.beat_count + r.cut_count, 0);
        assert_true(r.bpm == 0.0 && r.tempo_confidence == 0.0);
        assert_true(r.energy_count >= 1);
        for (size_t k = 0; k < r.energy_count; k++)
            assert_true(r.energy[k].value == 0.0f);
        rhythm_free(&r);
    }
}

static void test_cut(void **state) {
    (void)state;
    rhythm r = watch_made(&(made_video){.codec = "ffv1", .width = 128, .height = 96, .frames = 40, .luma = two_scenes});
    assert_int_equal(r.cut_count, 1);
    assert_true(fabs(r.cuts[0] - 0.8) < 1e-3);
    assert_int_equal(r.event_count, 0);
    rhythm_free(&r);
}

static void test_flash_is_no_cut(void **state) {
    (void)state;
    rhythm r = watch_made(&(made_video){.codec = "ffv1", .width = 128, .height = 96, .frames = 40, .luma = flashing});
    assert_int_equal(r.cut_count, 0);
    assert_int_equal(r.event_count, 0);
    rhythm_free(&r);
}

/* Rows as a flare leaves them that goes in one frame (as measured in a film), flicker, and a cut. */
static void test_light_is_no_motion(void **state) {
    (void)state;
    static const struct {
        float jump, likeness;
        bool flash, cut;
    } known[] = {{19.0f, 0.93f, true, false},
                 {8.0f, 0.97f, true, false},
                 {5.0f, 0.97f, false, false},
                 {9.0f, 0.995f, false, false},
                 {23.0f, 0.13f, false, true}};
    static const float mean = 110.0f, variance = 2500.0f;
    enum { PAIRS = sizeof known / sizeof *known };
    double time[PAIRS + 1];
    float rows[PAIRS][FLOW_FEATURES] = {0};
    pair_mark marks[PAIRS];
    for (size_t i = 0; i <= PAIRS; i++)
        time[i] = (double)i;
    for (size_t i = 0; i < PAIRS; i++) {
        float later = mean + known[i].jump;
        rows[i][FLOW_SUM_A] = mean;
        rows[i][FLOW_SUM_B] = later;
        rows[i][FLOW_SUM_AA] = mean * mean + variance;
        rows[i][FLOW_SUM_BB] = later * later + variance;
        rows[i][FLOW_SUM_AB] = mean * later + known[i].likeness * variance;
    }
    const motion m = {.frames = PAIRS + 1, .time = time, .features = rows[0]};
    motion_cuts(&m, marks);
    for (size_t i = 0; i < PAIRS; i++)
        assert_true(marks[i].flash == known[i].flash && marks[i].cut == known[i].cut);
}

static void test_wrong_input(void **state) {
    (void)state;
    watch_settings settings = watch_defaults();
    rhythm r;
    assert_fails(watch_video(&r, support_compute(), "/nowhere/at-all.mp4", &settings, NULL, NULL), LORIS_ERROR_INPUT,
                 NULL);
    assert_null(r.events);
    settings.longest = 4;
    assert_fails(watch_video(&r, support_compute(), "/nowhere/at-all.mp4", &settings, NULL, NULL), LORIS_ERROR_ARGUMENT,
                 "4 pixels");
}

static void note_progress(double fraction, void *user) {
    double *last = user;
    if (fraction < *last || fraction > 1.0)
        *last = 2.0; /* never again in order */
    else
        *last = fraction;
}

static void test_progress_and_motion(void **state) {
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/videos/beats-free.mp4", LORIS_TEST_DATA);
    watch_settings settings = watch_defaults();
    settings.longest = 64;
    motion m;
    double last = 0.0;
    assert_ok(watch_motion(&m, support_compute(), path, &settings, note_progress, &last));
    assert_true(last > 0.95 && last <= 1.0);
    assert_int_equal(m.frames, 650);
    assert_true(m.width == 64 && m.height == 48);
    rhythm r;
    flux curves;
    assert_ok(watch_rhythm(&r, &m, &curves));
    check_sane(&r);
    assert_true(fabs(curves.step - 0.04) < 1e-4);
    assert_int_equal(curves.count, 650); /* 649 cells */
    for (size_t i = 0; i < curves.count; i++)
        assert_true(curves.onset[i] >= 0.0f && curves.onset[i] <= 1.0f && curves.impact[i] >= 0.0f &&
                    curves.impact[i] <= 1.0f);
    flux_free(&curves);
    rhythm_free(&r);
    motion_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regular_moves),
        cmocka_unit_test(test_free_moves),
        cmocka_unit_test(test_hard_moves_stops_and_turns),
        cmocka_unit_test(test_little_to_see),
        cmocka_unit_test(test_pan),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_flash_is_no_cut),
        cmocka_unit_test(test_light_is_no_motion),
        cmocka_unit_test(test_wrong_input),
        cmocka_unit_test(test_progress_and_motion),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
