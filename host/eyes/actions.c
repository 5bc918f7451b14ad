#include "eyes/actions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compute/profile.h"
#include "media/video.h"

void actions_free(actions *a) {
    if (!a)
        return;
    free(a->rows);
    *a = (actions){0};
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

typedef struct pass {
    actions *out;
    i3d *net;
    video *source;
    uint8_t *shown;   /* the picture at hand, [224][224][3] */
    uint8_t *history; /* the last I3D_FRAMES of them at 16 a second, oldest first */
    uint8_t *windows; /* [i3d_batch][I3D_FRAMES] gathered for the next push */
    int gathered, pending;
    size_t capacity, collected; /* rows that `out` has room for, and has */
} pass;

static const size_t WINDOW_BYTES = (size_t)I3D_FRAMES * I3D_FRAME_BYTES;

static loris_status collect(pass *p) {
    actions *o = p->out;
    if (!p->pending)
        return LORIS_OK;
    const size_t needed = p->collected + (size_t)p->pending;
    if (needed > p->capacity) {
        const size_t capacity = 2 * needed + 64;
        float *rows = realloc(o->rows, capacity * (size_t)o->width * sizeof *rows);
        if (!rows)
            return fail_memory("the features");
        o->rows = rows;
        p->capacity = capacity;
    }
    const double from = profile_now();
    TRY(i3d_collect(p->net, o->rows + p->collected * (size_t)o->width, NULL, p->pending));
    o->look_seconds += profile_now() - from;
    p->collected = needed;
    p->pending = 0;
    return LORIS_OK;
}

/* Reads what the device has made meanwhile, and gives it the next. */
static loris_status push(pass *p) {
    TRY(collect(p));
    const double from = profile_now();
    if (p->gathered)
        TRY(i3d_push(p->net, p->windows, p->gathered));
    p->out->look_seconds += profile_now() - from;
    p->pending = p->gathered;
    p->gathered = 0;
    return LORIS_OK;
}

/* The next frame of 16 a second; each half second, once there are enough, a window is complete. */
static loris_status add_frame(pass *p) {
    actions *o = p->out;
    memmove(p->history, p->history + I3D_FRAME_BYTES, WINDOW_BYTES - I3D_FRAME_BYTES);
    memcpy(p->history + WINDOW_BYTES - I3D_FRAME_BYTES, p->shown, I3D_FRAME_BYTES);
    o->frames++;
    if (o->frames < I3D_FRAMES || (o->frames - I3D_FRAMES) % ACTIONS_STRIDE)
        return LORIS_OK;
    memcpy(p->windows + (size_t)p->gathered++ * WINDOW_BYTES, p->history, WINDOW_BYTES);
    o->count++;
    return p->gathered == i3d_batch(p->net) ? push(p) : LORIS_OK;
}

/* ---- the video --------------------------------------------------------------------------------------------------- */

/* The middle of the picture. */
static void crop(uint8_t *out, const video_frame *f) {
    const int left = (f->width - I3D_SIDE) / 2, top = (f->height - I3D_SIDE) / 2;
    for (int y = 0; y < I3D_SIDE; y++)
        memcpy(out + (size_t)y * I3D_SIDE * 3, f->pixels + ((size_t)(top + y) * (size_t)f->width + (size_t)left) * 3,
               (size_t)I3D_SIDE * 3);
}

/* The shown picture counts until the time `until` at which another takes its place. */
static loris_status show_until(pass *p, double until) {
    static const double early = 1e-6; /* times are fractions of a container's ticks */
    while ((double)p->out->frames < (until - early) * ACTIONS_FRAME_RATE)
        TRY(add_frame(p));
    return LORIS_OK;
}

static loris_status watch_frames(pass *p, actions_progress *progress, void *user) {
    const video_info *info = video_get_info(p->source);
    double last = -1;
    for (;;) {
        video_frame frame;
        bool end;
        const double from = profile_now();
        TRY(check_cancelled());
        TRY(video_next(p->source, &frame, &end));
        p->out->decode_seconds += profile_now() - from;
        if (end)
            break;
        if (last >= 0)
            TRY(show_until(p, frame.time));
        crop(p->shown, &frame);
        last = frame.time;
        if (progress)
            progress(fmin(1, fmax(0, frame.time / info->duration)), user);
    }
    p->out->duration = fmax(info->duration, last + 1e-3);
    return show_until(p, p->out->duration);
}

/* Beyond the end the last picture stays, until each row has a window. */
static loris_status finish(pass *p) {
    const size_t wanted = (size_t)fmax(1, (double)llround(p->out->duration * ACTIONS_RATE));
    while (p->out->count < wanted)
        TRY(add_frame(p));
    TRY(push(p));
    TRY(collect(p));
    p->out->count = wanted; /* a last frame may have completed one window more */
    return LORIS_OK;
}

loris_status actions_watch(actions *out, i3d *i, const char *path, actions_progress *progress, void *user) {
    *out = (actions){.width = i3d_features(i)};
    pass p = {.out = out, .net = i};
    loris_status status;
    p.shown = malloc(I3D_FRAME_BYTES);
    p.history = malloc(WINDOW_BYTES);
    p.windows = malloc((size_t)i3d_batch(i) * WINDOW_BYTES);
    TRY_GOTO(p.shown && p.history && p.windows ? LORIS_OK : fail_memory("frames to watch"));
    TRY_GOTO(video_open_covering(&p.source, path, ACTIONS_SHORT_SIDE, VIDEO_RGB));
    TRY_GOTO(watch_frames(&p, progress, user));
    status = finish(&p);
done:
    video_close(p.source);
    free(p.shown);
    free(p.history);
    free(p.windows);
    if (status != LORIS_OK)
        actions_free(out);
    return status;
}
