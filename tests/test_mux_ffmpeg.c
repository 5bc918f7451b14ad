/* The same video with a new soundtrack, and the original sound. */
#include "compare.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <libavformat/avformat.h>
#include <libavutil/display.h>

#include "make_video.h"
#include "media/audio.h"
#include "media/demux.h"
#include "media/video.h"
#include "scratch.h"

/* ---- what a file holds ------------------------------------------------------------------------------------------- */

enum { PACKETS_MAX = 256 };

typedef struct listed_packet {
    uint8_t *data;
    int size;
    double pts, duration;
} listed_packet;

typedef struct listing {
    int count;
    listed_packet packet[PACKETS_MAX];
} listing;

static void list_packets(listing *l, const char *path, enum AVMediaType type) {
    AVFormatContext *f = NULL;
    *l = (listing){0};
    assert_int_equal(avformat_open_input(&f, path, NULL, NULL), 0);
    assert_true(avformat_find_stream_info(f, NULL) >= 0);
    AVPacket *p = av_packet_alloc();
    assert_non_null(p);
    while (av_read_frame(f, p) >= 0) {
        const AVStream *s = f->streams[p->stream_index];
        if (s->codecpar->codec_type == type) {
            assert_true(l->count < PACKETS_MAX);
            listed_packet *to = &l->packet[l->count++];
            *to = (listed_packet){.data = malloc((size_t)p->size + 1),
                                  .size = p->size,
                                  .pts = (double)p->pts * av_q2d(s->time_base),
                                  .duration = (double)p->duration * av_q2d(s->time_base)};
            assert_non_null(to->data);
            memcpy(to->data, p->data, (size_t)p->size);
        }
        av_packet_unref(p);
    }
    av_packet_free(&p);
    avformat_close_input(&f);
}

static void release(listing *l) {
    for (int i = 0; i < l->count; i++)
        free(l->packet[i].data);
}

/* Video packets of both files: the same bytes, and the same distances in time within `tolerance` seconds. */
static void assert_same_video(const char *got_path, const char *want_path, double tolerance) {
    listing got, want;
    list_packets(&got, got_path, AVMEDIA_TYPE_VIDEO);
    list_packets(&want, want_path, AVMEDIA_TYPE_VIDEO);
    assert_int_equal(got.count, want.count);
    for (int i = 0; i < want.count; i++) {
        assert_int_equal(got.packet[i].size, want.packet[i].size);
        assert_memory_equal(got.packet[i].data, want.packet[i].data, (size_t)want.packet[i].size);
        double moved = got.packet[i].pts - got.packet[0].pts, of = want.packet[i].pts - want.packet[0].pts;
        assert_float_equal(moved, of, tolerance);
    }
    release(&got);
    release(&want);
}

/* ---- sound ------------------------------------------------------------------------------------------------------- */

static audio clicks(double seconds, int channels, int rate, const double *when, int count) {
    audio a = {.frames = (size_t)(seconds * rate), .channels = channels, .rate = rate};
    a.samples = calloc(a.frames * (size_t)channels + 1, sizeof(float));
    assert_non_null(a.samples);
    for (int i = 0; i < count; i++)
        for (int c = 0; c < channels; c++)
            a.samples[(size_t)llround(when[i] * rate) * (size_t)channels + (size_t)c] = 0.9f;
    return a;
}

/* Seconds of the largest sample between `from` and `to`. */
static double loudest(const audio *a, double from, double to) {
    size_t best = (size_t)(from * a->rate), channels = (size_t)a->channels;
    for (size_t i = best; i < a->frames && i < (size_t)(to * a->rate); i++)
        if (fabsf(a->samples[i * channels]) > fabsf(a->samples[best * channels]))
            best = i;
    return (double)best / a->rate;
}

static void original_sound_is_aligned_with_the_pictures(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int first_ms, offset_ms, rate, channels;
    } cases[] = {
        {"s1.mkv", 0, 0, 48000, 1},      {"s2.mkv", 1400, 0, 32000, 2}, {"s3.mkv", 500, 300, 48000, 2},
        {"s4.mkv", 500, -300, 44100, 1}, {"s5.mov", 0, 200, 48000, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_video(scratch(cases[i].name), &(made_video){.first_ms = cases[i].first_ms,
                                                         .b_frames = 1,
                                                         .sound_offset_ms = cases[i].offset_ms,
                                                         .sound_seconds = 1,
                                                         .click = 0.6});
        audio a;
        assert_ok(audio_from_video(&a, scratch(cases[i].name), cases[i].rate, cases[i].channels));
        assert_int_equal(a.rate, cases[i].rate);
        assert_int_equal(a.channels, cases[i].channels);
        /* Matroska rounds times to 1 ms. */
        assert_float_equal(loudest(&a, 0, 2), 0.6 + cases[i].offset_ms / 1000.0, 0.0006);
        assert_float_equal((double)a.frames / a.rate, 1 + cases[i].offset_ms / 1000.0, 0.002);
        audio_free(&a);
    }
    make_video(scratch("silent.mkv"), &(made_video){0});
    audio a;
    assert_ok(audio_from_video(&a, scratch("silent.mkv"), 48000, 2));
    assert_int_equal(a.frames, 0);
    audio_free(&a);
    assert_fails(audio_from_video(&a, scratch("none.mkv"), 48000, 2), LORIS_ERROR_INPUT, "none.mkv");
    assert_fails(audio_from_video(&a, scratch("silent.mkv"), 48000, 0), LORIS_ERROR_ARGUMENT, NULL);
}

/* ---- muxing ------------------------------------------------------------------------------------------------------ */

static const char *const inputs[] = {"in.mp4", "in.mkv", "in.mov"};
static const char *const outputs[] = {"out.mp4", "out.mkv", "out.mov"};

static double time_grain(const char *output) {
    return strstr(output, ".mkv") ? 0.0011 : 0.0006; /* both ends rounded to Matroska's 1 ms; half of that from it */
}

static int count_frames(const char *path) {
    video *v;
    int frames = 0;
    assert_ok(video_open(&v, path, 0, VIDEO_LUMA));
    for (;; frames++) {
        video_frame frame;
        bool end;
        assert_ok(video_next(v, &frame, &end));
        if (end)
            break;
    }
    video_close(v);
    return frames;
}

static void video_packets_are_copied_untouched(void **state) {
    (void)state;
    static const int ticks[] = {0, 33, 67, 100, 250, 251, 300, 900, 1000, 1010};
    static const double when[] = {0.3};
    audio a = clicks(1, 2, 32000, when, 1);
    for (int i = 0; i < 3; i++) {
        make_video(scratch(inputs[i]),
                   &(made_video){.frames = 10, .ticks = ticks, .b_frames = 2, .first_ms = i == 1 ? 1400 : 0});
        for (int o = 0; o < 3; o++) {
            assert_ok(video_mux(scratch(inputs[i]), &a, scratch(outputs[o]), NULL, 0, 0));
            assert_same_video(scratch(outputs[o]), scratch(inputs[i]), time_grain(outputs[o]));
            assert_int_equal(count_frames(scratch(outputs[o])), 10);
        }
    }
    audio_free(&a);
}

static void the_beginning_alone_can_be_kept(void **state) {
    (void)state;
    static const int ticks[] = {0, 33, 67, 100, 250, 251, 300, 900, 1000, 1010};
    static const double when[] = {0.1};
    audio a = clicks(1, 2, 32000, when, 1);
    for (int b = 0; b <= 2; b += 2) {
        make_video(scratch("long.mkv"), &(made_video){.frames = 10, .ticks = ticks, .b_frames = b});
        for (int o = 0; o < 3; o++) {
            assert_ok(video_mux(scratch("long.mkv"), &a, scratch(outputs[o]), NULL, 0, 0.3));
            const int kept = (int)count_frames(scratch(outputs[o]));
            assert_true(kept >= 6 && kept <= 6 + b); /* those before 0.3 s, and what they may refer to */
            video *v;
            assert_ok(video_open(&v, scratch(outputs[o]), 0, VIDEO_LUMA));
            for (int i = 0; i < 6; i++) {
                video_frame frame;
                bool end = false;
                assert_ok(video_next(v, &frame, &end));
                assert_false(end);
                assert_true(fabs(frame.time - ticks[i] * 1e-3) <= 0.002);
            }
            video_close(v);
        }
    }
    audio_free(&a);
}

static void times_are_found_where_a_file_gives_none(void **state) {
    (void)state;
    static const char *const name[] = {"bare.avi", "bare.m4v"}; /* decoding times alone; none at all */
    static const double when[] = {0.5};
    audio a = clicks(1, 1, 48000, when, 1);
    for (int i = 0; i < 2; i++) {
        make_video(scratch(name[i]), &(made_video){.b_frames = 2});
        for (int o = 0; o < 3; o++) {
            assert_ok(video_mux(scratch(name[i]), &a, scratch(outputs[o]), NULL, 0, 0));
            video *v;
            video_frame frame;
            bool end;
            assert_ok(video_open(&v, scratch(outputs[o]), 0, VIDEO_LUMA));
            for (int k = 0; k < 25; k++) {
                assert_ok(video_next(v, &frame, &end));
                assert_false(end);
                assert_float_equal(frame.time, 0.04 * k, time_grain(outputs[o]));
            }
            video_close(v);
            audio back;
            assert_ok(audio_from_video(&back, scratch(outputs[o]), 48000, 1));
            assert_float_equal(loudest(&back, 0, 1), 0.5, 0.001);
            audio_free(&back);
        }
    }
    audio_free(&a);
}

static void clicks_stay_where_they_were(void **state) {
    (void)state;
    static const double when[] = {0.02, 0.5, 1.3, 1.9};
    static const int rates[] = {32000, 48000, 44100};
    static const int first_ms[] = {0, 1400, 0};
    static const char *const name[] = {"click.mp4", "click.mkv", "click.avi"}; /* AVI: decoding times alone */
    for (int i = 0; i < 3; i++) {
        audio a = clicks(2, 1 + i % 2, rates[i], when, 4);
        make_video(scratch(name[i]), &(made_video){.frames = 50, .b_frames = 2, .first_ms = first_ms[i]});
        for (int o = 0; o < 3; o++) {
            assert_ok(video_mux(scratch(name[i]), &a, scratch(outputs[o]), NULL, 0, 0));
            audio back;
            assert_ok(audio_from_video(&back, scratch(outputs[o]), 48000, 1));
            for (int k = 0; k < 4; k++) {
                double from = k ? (when[k - 1] + when[k]) / 2 : 0, to = k < 3 ? (when[k] + when[k + 1]) / 2 : 2;
                assert_float_equal(loudest(&back, from, to), when[k], 0.001);
            }
            audio_free(&back);
        }
        audio_free(&a);
    }
}

static void sound_lasts_as_long_as_the_video(void **state) {
    (void)state;
    static const double seconds[] = {0.2, 2, 5, 0};
    static int fast[50];
    for (int i = 0; i < 50; i++)
        fast[i] = 17 * i; /* about 60 frames a second: a frame is shorter than one of AAC */
    for (int rate = 0; rate < 2; rate++) {
        double frame = rate ? 0.017 : 0.04, length = 50 * frame;
        make_video(scratch("length.mkv"), &(made_video){.frames = 50, .ticks = rate ? fast : NULL, .first_ms = 700});
        for (int i = 0; i < 4; i++) {
            audio a = clicks(seconds[i], 2, 32000, NULL, 0);
            for (int o = 0; o < 3; o++) {
                assert_ok(video_mux(scratch("length.mkv"), &a, scratch(outputs[o]), NULL, 0, 0));
                audio back;
                assert_ok(audio_from_video(&back, scratch(outputs[o]), 48000, 2));
                assert_float_equal((double)back.frames / 48000, length, frame + 0.0005);
                audio_free(&back);
                listing l;
                list_packets(&l, scratch(outputs[o]), AVMEDIA_TYPE_AUDIO);
                const listed_packet *last = &l.packet[l.count - 1];
                assert_float_equal(last->pts + last->duration, length, frame + 0.0005);
                release(&l);
            }
            audio_free(&a);
        }
    }
}

static const AVFormatContext *opened(AVFormatContext **f, const char *path) {
    *f = NULL;
    assert_int_equal(avformat_open_input(f, path, NULL, NULL), 0);
    assert_true(avformat_find_stream_info(*f, NULL) >= 0);
    return *f;
}

static const char *tag(const AVDictionary *d, const char *key) {
    const AVDictionaryEntry *e = av_dict_get(d, key, NULL, 0);
    return e ? e->value : "";
}

static void metadata_is_written(void **state) {
    (void)state;
    static const metadata_entry metadata[] = {{"title", "A title"}, {"seed", "42"}, {"comment", "by hand"}};
    audio a = clicks(1, 1, 48000, NULL, 0);
    make_video(scratch("plain.mp4"), &(made_video){0});
    for (int o = 0; o < 3; o++) {
        AVFormatContext *f;
        assert_ok(video_mux(scratch("plain.mp4"), &a, scratch(outputs[o]), metadata, 3, 0));
        opened(&f, scratch(outputs[o]));
        bool matroska = o == 1;
        assert_string_equal(tag(f->metadata, "title"), "A title");
        assert_string_equal(tag(f->metadata, "comment"), matroska ? "by hand" : "seed=42; by hand");
        assert_string_equal(tag(f->metadata, "seed"), matroska ? "42" : "");
        avformat_close_input(&f);
    }
    audio_free(&a);
}

static void rotation_and_pixel_aspect_are_kept(void **state) {
    (void)state;
    audio a = clicks(1, 1, 48000, NULL, 0);
    make_video(scratch("turned.mp4"), &(made_video){.rotation = 90, .aspect_num = 4, .aspect_den = 3});
    for (int o = 0; o < 3; o += 2) { /* Matroska's way of telling a rotation is not known to every FFmpeg */
        assert_ok(video_mux(scratch("turned.mp4"), &a, scratch(outputs[o]), NULL, 0, 0));
        video *v;
        assert_ok(video_open(&v, scratch(outputs[o]), 0, VIDEO_LUMA));
        assert_int_equal(video_get_info(v)->rotation, 90);
        assert_int_equal(video_get_info(v)->width, 48);
        assert_int_equal(video_get_info(v)->height, 85);
        video_close(v);
    }
    assert_ok(video_mux(scratch("turned.mp4"), &a, scratch(outputs[1]), NULL, 0, 0));
    audio_free(&a);
}

static void subtitles_and_chapters_are_kept_where_they_can_be(void **state) {
    (void)state;
    audio a = clicks(1, 1, 48000, NULL, 0);
    static const bool kept[2][3] = {{true, false, true}, {false, true, false}}; /* from mp4, mkv; to mp4, mkv, mov */
    for (int i = 0; i < 2; i++) {
        make_video(scratch(inputs[i]), &(made_video){.subtitle = true, .chapter = true, .first_ms = i ? 80 : 0});
        for (int o = 0; o < 3; o++) {
            assert_ok(video_mux(scratch(inputs[i]), &a, scratch(outputs[o]), NULL, 0, 0));
            AVFormatContext *f;
            opened(&f, scratch(outputs[o]));
            assert_int_equal(f->nb_chapters, 1);
            assert_string_equal(tag(f->chapters[0]->metadata, "title"), "first chapter");
            assert_float_equal((double)f->chapters[0]->start * av_q2d(f->chapters[0]->time_base), 0, 0.001);
            assert_float_equal((double)f->chapters[0]->end * av_q2d(f->chapters[0]->time_base), 0.5, 0.001);
            avformat_close_input(&f);
            listing l;
            list_packets(&l, scratch(outputs[o]), AVMEDIA_TYPE_SUBTITLE);
            int lines = 0;
            for (int k = 0; k < l.count; k++)
                if (l.packet[k].size >= 5 && memcmp(l.packet[k].data + l.packet[k].size - 5, "hello", 5) == 0) {
                    lines++;
                    assert_float_equal(l.packet[k].pts, 0.1, 0.001);
                }
            assert_int_equal(lines, kept[i][o]);
            release(&l);
        }
    }
    audio_free(&a);
}

static void index_comes_first_and_runs_are_alike(void **state) {
    (void)state;
    static const double when[] = {0.3};
    audio a = clicks(1, 2, 32000, when, 1);
    make_video(scratch("plain.mkv"), &(made_video){0});
    for (int o = 0; o < 3; o++) {
        size_t size[2];
        uint8_t *data[2];
        for (int k = 0; k < 2; k++) {
            assert_ok(video_mux(scratch("plain.mkv"), &a, scratch(outputs[o]), NULL, 0, 0));
            data[k] = scratch_read(scratch(outputs[o]), &size[k]);
        }
        assert_int_equal(size[0], size[1]);
        assert_memory_equal(data[0], data[1], size[0]);
        const uint8_t *index = memmem(data[0], size[0], "moov", 4), *samples = memmem(data[0], size[0], "mdat", 4);
        assert_true(o == 1 || (index && samples && index < samples));
        free(data[0]);
        free(data[1]);
    }
    audio_free(&a);
}

static void output_may_replace_the_input(void **state) {
    (void)state;
    audio a = clicks(1, 2, 48000, NULL, 0);
    make_video(scratch("self.mkv"), &(made_video){0});
    make_video(scratch("twin.mkv"), &(made_video){0});
    assert_ok(video_mux(scratch("self.mkv"), &a, scratch("self.mkv"), NULL, 0, 0));
    assert_same_video(scratch("self.mkv"), scratch("twin.mkv"), 1e-9);
    audio_free(&a);
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static void fails_and_leaves_nothing(const char *from, const audio *a, const char *to, loris_status status,
                                     const char *part, const char *hint) {
    size_t before = scratch_count();
    assert_fails(video_mux(from, a, to, NULL, 0, 0), status, part);
    if (hint)
        assert_non_null(strstr(loris_error_hint(), hint));
    assert_int_equal(scratch_count(), before);
}

static void wrong_requests_are_refused(void **state) {
    (void)state;
    audio a = clicks(1, 2, 48000, NULL, 0);
    make_video(scratch("plain.mkv"), &(made_video){0});
    const char *from = scratch("plain.mkv");
    fails_and_leaves_nothing(from, &a, scratch("x.avi"), LORIS_ERROR_ARGUMENT, "x.avi", ".mkv");
    fails_and_leaves_nothing(from, &a, scratch("none/x.mp4"), LORIS_ERROR_OUTPUT, "none", NULL);
    fails_and_leaves_nothing(scratch("none.mp4"), &a, scratch("x.mp4"), LORIS_ERROR_INPUT, "none.mp4", NULL);
    make_video(scratch("empty.avi"), &(made_video){.frames = -1});
    fails_and_leaves_nothing(scratch("empty.avi"), &a, scratch("x.mp4"), LORIS_ERROR_INPUT, "empty.avi", NULL);
    make_video(scratch("lossless.mkv"), &(made_video){.codec = "ffv1"});
    fails_and_leaves_nothing(scratch("lossless.mkv"), &a, scratch("x.mp4"), LORIS_ERROR_OUTPUT, "ffv1", ".mkv");
    make_video(scratch("moving.gif"), &(made_video){.codec = "gif", .pixel_format = "gray"});
    fails_and_leaves_nothing(scratch("moving.gif"), &a, scratch("x.mp4"), LORIS_ERROR_OUTPUT, "gif", "convert");
    loris_cancel();
    fails_and_leaves_nothing(from, &a, scratch("x.mp4"), LORIS_CANCELLED, NULL, NULL);
    loris_resume();
    a.samples[100] = NAN;
    fails_and_leaves_nothing(from, &a, scratch("x.mp4"), LORIS_ERROR_INTERNAL, "not a number", NULL);
    a.samples[100] = 0;
    a.channels = 3;
    fails_and_leaves_nothing(from, &a, scratch("x.mp4"), LORIS_ERROR_ARGUMENT, NULL, NULL);
    audio_free(&a);
}

static void full_disk_keeps_the_old_file(void **state) {
    (void)state;
    audio a = clicks(8, 2, 48000, NULL, 0);
    make_video(scratch("plain.mkv"), &(made_video){.frames = 200});
    struct rlimit old, low;
    getrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_IGN);
    static const unsigned limits[] = {10, 20000}; /* in the header, and in the middle */
    for (int o = 0; o < 3; o++)
        for (int l = 0; l < 2; l++) {
            scratch_write(scratch(outputs[o]), "old", 3);
            size_t before = scratch_count(), size;
            low = (struct rlimit){limits[l], old.rlim_max};
            setrlimit(RLIMIT_FSIZE, &low);
            loris_status status = video_mux(scratch("plain.mkv"), &a, scratch(outputs[o]), NULL, 0, 0);
            setrlimit(RLIMIT_FSIZE, &old);
            assert_int_equal(status, LORIS_ERROR_OUTPUT);
            assert_non_null(strstr(loris_error_message(), outputs[o]));
            assert_int_equal(scratch_count(), before);
            char *data = scratch_read(scratch(outputs[o]), &size);
            assert_int_equal(size, 3);
            free(data);
        }
    audio_free(&a);
}

/* Damage at places all over a file: a whole output or none. */
static void hostile_inputs(void **state) {
    (void)state;
    audio a = clicks(0.2, 1, 48000, NULL, 0);
    static const char *const name[] = {"small.mkv", "small.mp4"};
    for (int n = 0; n < 2; n++) {
        size_t size;
        make_video(scratch(name[n]),
                   &(made_video){.width = 16, .height = 16, .frames = 3, .sound_seconds = n ? 0 : 0.02, .b_frames = 1});
        uint8_t *data = scratch_read(scratch(name[n]), &size);
        for (size_t i = 0; i < size; i += 13) {
            uint8_t kept = data[i];
            data[i] = (uint8_t)(kept ^ 0xa5);
            scratch_write(scratch("hostile.bin"), data, size);
            data[i] = kept;
            size_t before = scratch_count();
            loris_status status = video_mux(scratch("hostile.bin"), &a, scratch("hostile.mp4"), NULL, 0, 0);
            if (status == LORIS_OK)
                remove(scratch("hostile.mp4"));
            assert_int_equal(scratch_count(), before);
            audio original;
            if (audio_from_video(&original, scratch("hostile.bin"), 8000, 1) == LORIS_OK)
                audio_free(&original);
        }
        free(data);
    }
    audio_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(original_sound_is_aligned_with_the_pictures),
        cmocka_unit_test(video_packets_are_copied_untouched),
        cmocka_unit_test(the_beginning_alone_can_be_kept),
        cmocka_unit_test(times_are_found_where_a_file_gives_none),
        cmocka_unit_test(clicks_stay_where_they_were),
        cmocka_unit_test(sound_lasts_as_long_as_the_video),
        cmocka_unit_test(metadata_is_written),
        cmocka_unit_test(rotation_and_pixel_aspect_are_kept),
        cmocka_unit_test(subtitles_and_chapters_are_kept_where_they_can_be),
        cmocka_unit_test(index_comes_first_and_runs_are_alike),
        cmocka_unit_test(output_may_replace_the_input),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(full_disk_keeps_the_old_file),
        cmocka_unit_test(hostile_inputs),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
