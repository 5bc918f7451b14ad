/*
 * eyes-bench VIDEO MOVENETS I3D: how fast each stage of seeing is, alone and together. MOVENETS is the folder that
 * holds movenet-lightning and movenet-thunder, I3D a model of loris-cl convert. For each stage a line "NAME COUNT WALL
 * CPU": what was counted (frames, looks, windows of 16 frames), seconds, and seconds of processor time of all threads.
 * Stages that a device has been warmed for; decoding is measured with nobody waiting for its frames.
 *
 * Of the whole passes there is a fifth number: the seconds they waited for frames. Where decoding and scaling go on
 * while the device computes, it is far below the time that decoding and scaling take alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/worker.h"
#include "eyes/actions.h"
#include "eyes/poses.h"
#include "media/demux.h"
#include "media/video.h"
#include "nets/movenet.h"

enum { LONGER_SIDE = 640 };
static const double LEAST_SECONDS = 2; /* that a network is looked through */

typedef struct stopwatch {
    double wall, processor;
} stopwatch;

static double seconds_of(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static stopwatch start(void) {
    return (stopwatch){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static double passed(const stopwatch *from) {
    return seconds_of(CLOCK_MONOTONIC) - from->wall;
}

static void tell(const char *stage, size_t count, const stopwatch *from) {
    printf("%s %zu %.4f %.4f", stage, count, passed(from), seconds_of(CLOCK_PROCESS_CPUTIME_ID) - from->processor);
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

static loris_status decode_alone(const char *path) {
    demux d;
    decoder c = {0};
    AVFrame *frame = av_frame_alloc();
    size_t frames = 0;
    bool end = false;
    loris_status status = frame ? demux_open_video(&d, path) : fail_memory("a frame");
    if (status != LORIS_OK) {
        av_frame_free(&frame);
        return status;
    }
    TRY_GOTO(decoder_open(&c, &d, d.video, worker_processors()));
    const stopwatch from = start();
    for (;; frames++) {
        TRY_GOTO(decoder_next(&c, frame, &end));
        if (end)
            break;
        av_frame_unref(frame);
    }
    tell("decode", frames, &from);
    puts("");
done:
    decoder_close(&c);
    demux_close(&d);
    av_frame_free(&frame);
    return status;
}

/* Takes `v`. */
static loris_status take_frames(const char *stage, video *v) {
    loris_status status = LORIS_OK;
    size_t frames = 0;
    const stopwatch from = start();
    for (bool end = false; status == LORIS_OK && !end;) {
        video_frame frame;
        status = video_next(v, &frame, &end);
        frames += status == LORIS_OK && !end;
    }
    video_close(v);
    if (status == LORIS_OK) {
        tell(stage, frames, &from);
        puts("");
    }
    return status;
}

static loris_status decode_and_scale(const char *path) {
    video *v;
    TRY(video_open(&v, path, LONGER_SIDE, VIDEO_RGB));
    TRY(take_frames("decode+scale-640", v));
    TRY(video_open_covering(&v, path, ACTIONS_SHORT_SIDE, VIDEO_RGB));
    return take_frames("decode+scale-256", v);
}

/* ---- networks ---------------------------------------------------------------------------------------------------- */

/* Two looks, for which drivers compile, then as many as take a while. */
static loris_status look_through(movenet_eye *eye, const char *stage) {
    enum { WIDTH = 640, HEIGHT = 360 };
    float points[3 * MOVENET_JOINTS];
    const square s = {140, 0, HEIGHT};
    uint8_t *picture = malloc((size_t)WIDTH * HEIGHT * 3);
    if (!picture)
        return fail_memory("a picture");
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT * 3; i++)
        picture[i] = (uint8_t)(i * 7 + i / WIDTH);
    loris_status status = LORIS_OK;
    stopwatch from = start();
    size_t looks = 0;
    for (int warm = 2; status == LORIS_OK && (warm > 0 || passed(&from) < LEAST_SECONDS); warm--) {
        if (warm == 0) {
            from = start();
            looks = 0;
        }
        status = movenet_show(eye, picture);
        if (status == LORIS_OK)
            status = movenet_look(eye, s, points);
        looks++;
    }
    if (status == LORIS_OK) {
        tell(stage, looks, &from);
        puts("");
    }
    free(picture);
    return status;
}

static loris_status look_with(compute *c, const char *movenets, const char *name) {
    char path[4096], stage[64];
    movenet_eye *eye;
    snprintf(path, sizeof path, "%s/movenet-%s", movenets, name);
    snprintf(stage, sizeof stage, "movenet-%s", name);
    TRY(movenet_open(&eye, c, path, 640, 360));
    loris_status status = look_through(eye, stage);
    movenet_close(eye);
    return status;
}

static loris_status watch_windows(i3d *seer) {
    const size_t bytes = (size_t)I3D_FRAMES * I3D_FRAME_BYTES;
    uint8_t *window = malloc(bytes);
    float *features = malloc((size_t)i3d_features(seer) * sizeof *features);
    loris_status status = window && features ? LORIS_OK : fail_memory("a window");
    for (size_t i = 0; window && i < bytes; i++)
        window[i] = (uint8_t)(i * 7 + i / 997);
    stopwatch from = start();
    size_t windows = 0;
    for (int warm = 2; status == LORIS_OK && (warm > 0 || passed(&from) < LEAST_SECONDS); warm--) {
        if (warm == 0) {
            from = start();
            windows = 0;
        }
        status = i3d_push(seer, window, 1);
        if (status == LORIS_OK)
            status = i3d_collect(seer, features, NULL, 1);
        windows++;
    }
    if (status == LORIS_OK) {
        tell("i3d", windows, &from);
        puts("");
    }
    free(window);
    free(features);
    return status;
}

/* ---- together ---------------------------------------------------------------------------------------------------- */

static loris_status whole_poses(compute *c, const char *movenets, const char *clip) {
    char path[4096];
    poses seen;
    snprintf(path, sizeof path, "%s/movenet-lightning", movenets);
    const stopwatch from = start();
    TRY(poses_watch(&seen, c, path, clip, NULL, NULL));
    tell("poses", seen.frames, &from);
    printf(" %.4f\n", seen.decode_seconds);
    poses_free(&seen);
    return LORIS_OK;
}

static loris_status whole_actions(i3d *seer, const char *clip) {
    actions seen;
    const stopwatch from = start();
    TRY(actions_watch(&seen, seer, clip, NULL, NULL));
    tell("features", seen.count, &from);
    printf(" %.4f\n", seen.decode_seconds);
    actions_free(&seen);
    return LORIS_OK;
}

static loris_status measure(compute *c, const char *clip, const char *movenets, const char *i3d_model) {
    i3d *seer;
    TRY(decode_alone(clip));
    TRY(decode_and_scale(clip));
    TRY(look_with(c, movenets, "lightning"));
    TRY(look_with(c, movenets, "thunder"));
    TRY(i3d_new(&seer, c, i3d_model, 1));
    loris_status status = watch_windows(seer);
    if (status == LORIS_OK)
        status = whole_poses(c, movenets, clip);
    if (status == LORIS_OK)
        status = whole_actions(seer, clip);
    i3d_free(seer);
    return status;
}

int main(int argc, char **argv) {
    compute *c = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: eyes-bench VIDEO MOVENETS I3D\n");
        return 2;
    }
    loris_status status = compute_open(&c, NULL);
    if (status == LORIS_OK)
        status = measure(c, argv[1], argv[2], argv[3]);
    if (status != LORIS_OK)
        fprintf(stderr, "eyes-bench: %s\n", loris_error_message());
    compute_close(c);
    return status == LORIS_OK ? 0 : 1;
}
