#include "rhythm/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compute/profile.h"
#include "media/video.h"
#include "nets/flow.h"
#include "rhythm/energy.h"
#include "rhythm/tempo.h"

enum { BATCH = 32 }; /* frames uploaded at once: the host gathers the next batch while the device works on this one */

watch_settings watch_defaults(void) {
    return (watch_settings){.longest = 256};
}

/* ---- the pass over the video ------------------------------------------------------------------------------------- */

typedef struct watcher {
    compute *device;
    video *source;
    double end; /* seconds at which to stop watching */
    flow_net *flow;
    motion *out;
    uint8_t *frames;  /* [BATCH][height][width] */
    size_t frame;     /* bytes of one */
    size_t capacity;  /* frames that `out` has room for */
    size_t collected; /* frames whose features were read */
} watcher;

static loris_status reserve(watcher *w, size_t frames) {
    if (frames <= w->capacity)
        return LORIS_OK;
    size_t capacity = w->capacity ? 2 * w->capacity : 1024;
    double *time = realloc(w->out->time, capacity * sizeof *time);
    if (!time)
        return fail_memory("the motion");
    w->out->time = time;
    /* one row more than needed: while collecting, row i belongs to frame i */
    float *features = realloc(w->out->features, capacity * FLOW_FEATURES * sizeof *features);
    if (!features)
        return fail_memory("the motion");
    w->out->features = features;
    w->capacity = capacity;
    return LORIS_OK;
}

/* Takes up to BATCH frames; *end after the last. Frames that do not advance in time are dropped. */
static loris_status gather(watcher *w, int *count, bool *end, watch_progress *progress, void *user) {
    const video_info *info = video_get_info(w->source);
    motion *m = w->out;
    *count = 0;
    while (*count < BATCH && !*end) {
        video_frame frame;
        TRY(check_cancelled());
        TRY(video_next(w->source, &frame, end));
        *end = *end || frame.time >= w->end;
        if (*end || (m->frames && !(frame.time > m->time[m->frames - 1])))
            continue;
        TRY(reserve(w, m->frames + 1));
        memcpy(w->frames + (size_t)*count * w->frame, frame.pixels, w->frame);
        m->time[m->frames++] = frame.time;
        ++*count;
        if (progress)
            progress(fmin(1.0, fmax(0.0, frame.time / fmin(info->duration, w->end))), user);
    }
    return LORIS_OK;
}

static loris_status collect(watcher *w, int count) {
    if (!count)
        return LORIS_OK;
    TRY(flow_net_collect(w->flow, w->out->features + w->collected * FLOW_FEATURES, count));
    w->collected += (size_t)count;
    return LORIS_OK;
}

static loris_status pass(watcher *w, watch_progress *progress, void *user) {
    int pending = 0;
    for (bool end = false; !end;) {
        int count;
        double from = profile_now();
        TRY(gather(w, &count, &end, progress, user));
        profile_add_stage(w->device, "decode", from);
        from = profile_now();
        TRY(collect(w, pending));
        if (count)
            TRY(flow_net_push(w->flow, w->frames, count));
        profile_add_stage(w->device, "flow", from);
        pending = count;
    }
    return collect(w, pending);
}

/* The video's own word on its duration, unless its frames contradict it. */
static double duration_of(const motion *m, const video_info *info) {
    double last = m->time[m->frames - 1];
    double frame = m->frames > 1            ? last / (double)(m->frames - 1)
                   : info->frame_rate > 0.0 ? 1.0 / info->frame_rate
                                            : 0.04;
    return info->duration > last ? info->duration : last + frame;
}

loris_status watch_motion(motion *out, compute *c, const char *path, const watch_settings *settings,
                          watch_progress *progress, void *user) {
    *out = (motion){0};
    if (settings->longest < 32 || settings->longest > 1024)
        return fail(LORIS_ERROR_ARGUMENT, "give 32 to 1024 pixels", "a picture of %d pixels to watch",
                    settings->longest);
    watcher w = {.device = c, .out = out, .end = settings->seconds > 0 ? settings->seconds : HUGE_VAL};
    loris_status status;
    TRY_GOTO(video_open(&w.source, path, settings->longest, VIDEO_LUMA));
    video_frame_size(w.source, &out->width, &out->height);
    w.frame = (size_t)out->width * (size_t)out->height;
    w.frames = malloc(BATCH * w.frame);
    if (!w.frames) {
        status = fail_memory("frames to watch");
        goto done;
    }
    TRY_GOTO(flow_net_new(&w.flow, c, out->width, out->height, BATCH));
    TRY_GOTO(pass(&w, progress, user));
    if (!out->frames) {
        status = fail(LORIS_ERROR_INPUT, "is it a video?", "%s: no frame at all", path);
        goto done;
    }
    out->duration = fmin(duration_of(out, video_get_info(w.source)), w.end);
    /* row 0 belongs to the first frame, which has none before it */
    memmove(out->features, out->features + FLOW_FEATURES, (out->frames - 1) * FLOW_FEATURES * sizeof *out->features);
done:
    flow_net_free(w.flow);
    video_close(w.source);
    free(w.frames);
    if (status != LORIS_OK)
        motion_free(out);
    return status;
}

/* ---- from motion to rhythm --------------------------------------------------------------------------------------- */

static loris_status take_cuts(rhythm *r, const motion *m, const pair_mark *marks) {
    r->cuts = malloc(m->frames * sizeof *r->cuts);
    if (!r->cuts)
        return fail_memory("the cuts");
    for (size_t i = 0; i + 1 < m->frames; i++)
        if (marks[i].cut)
            r->cuts[r->cut_count++] = m->time[i + 1];
    return LORIS_OK;
}

loris_status rhythm_of_grid(rhythm *out, const motion_grid *g, flux *curves) {
    TRY(events_find(&out->events, &out->event_count, g, curves));
    TRY(energy_find(out, g));
    return tempo_find(out);
}

loris_status watch_rhythm(rhythm *out, const motion *m, flux *curves) {
    *out = (rhythm){.duration = m->duration};
    if (curves)
        *curves = (flux){0};
    motion_grid grid = {0};
    loris_status status;
    pair_mark *marks = calloc(m->frames, sizeof *marks);
    if (!marks) {
        status = fail_memory("the cuts");
        goto done;
    }
    motion_cuts(m, marks);
    TRY_GOTO(motion_camera(m, marks));
    TRY_GOTO(take_cuts(out, m, marks));
    TRY_GOTO(motion_grid_make(&grid, m, marks));
    TRY_GOTO(rhythm_of_grid(out, &grid, curves));
done:
    free(marks);
    motion_grid_free(&grid);
    if (status != LORIS_OK) {
        rhythm_free(out);
        if (curves)
            flux_free(curves);
    }
    return status;
}

loris_status watch_video(rhythm *out, compute *c, const char *path, const watch_settings *settings,
                         watch_progress *progress, void *user) {
    *out = (rhythm){0};
    motion m;
    TRY(watch_motion(&m, c, path, settings, progress, user));
    loris_status status = watch_rhythm(out, &m, NULL);
    motion_free(&m);
    return status;
}
