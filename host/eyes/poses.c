#include "eyes/poses.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "eyes/cuts.h"
#include "eyes/people.h"
#include "media/video.h"

/* Frames are looked at as they come, up to 33 a second: LORIS' poses are 16 a second. Squares are cut from a picture of
 * 640 pixels, where a dancer half as high as a wide frame still has 180. */
static const double LEAST_INTERVAL = 0.03;
enum { LONGEST = 640 };

void poses_free(poses *p) {
    if (!p)
        return;
    free(p->time);
    free(p->seen);
    free(p->cut);
    *p = (poses){0};
}

/* ---- the pass over the video ------------------------------------------------------------------------------------- */

typedef struct pass {
    poses *out;
    video *source;
    movenet_eye *eye;
    people *people;
    cut_finder cuts;
    bool cut; /* a new shot has begun since the last frame looked at */
    size_t capacity;
    float scale; /* pixels of the video a pixel of the delivered frames */
} pass;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static loris_status reserve(pass *p) {
    poses *o = p->out;
    if (o->frames < p->capacity)
        return LORIS_OK;
    const size_t capacity = p->capacity ? 2 * p->capacity : 1024;
    double *time = realloc(o->time, capacity * sizeof *time);
    if (time)
        o->time = time;
    pose *seen = realloc(o->seen, capacity * sizeof *seen);
    if (seen)
        o->seen = seen;
    bool *cut = realloc(o->cut, capacity * sizeof *cut);
    if (cut)
        o->cut = cut;
    if (!time || !seen || !cut)
        return fail_memory("the poses");
    p->capacity = capacity;
    return LORIS_OK;
}

/* A look_function. Squares and poses are in pixels of the video, the eye's in those of the delivered frames. */
static loris_status look(void *user, square s, pose *got) {
    const pass *p = user;
    float points[MOVENET_JOINTS * 3];
    TRY(movenet_look(p->eye, (square){s.left / p->scale, s.top / p->scale, s.side / p->scale}, points));
    for (int j = 0; j < JOINTS; j++)
        got->joints[j] = (joint){points[3 * j] * p->scale, points[3 * j + 1] * p->scale, points[3 * j + 2]};
    return LORIS_OK;
}

static loris_status see(pass *p, const video_frame *frame) {
    poses *o = p->out;
    p->cut = cuts_next(&p->cuts, frame->pixels, frame->width, frame->height) || p->cut;
    if (o->frames && frame->time - o->time[o->frames - 1] < LEAST_INTERVAL && !p->cut)
        return LORIS_OK;
    TRY(reserve(p));
    o->time[o->frames] = frame->time;
    o->cut[o->frames++] = p->cut;
    p->cut = false;
    const double start = now();
    TRY(movenet_show(p->eye, frame->pixels));
    TRY(people_frame(p->people));
    o->look_seconds += now() - start;
    return LORIS_OK;
}

static loris_status all_frames(pass *p, poses_progress *progress, void *user) {
    const video_info *info = video_get_info(p->source);
    for (bool end = false; !end;) {
        video_frame frame;
        const double start = now();
        TRY(check_cancelled());
        TRY(video_next(p->source, &frame, &end));
        p->out->decode_seconds += now() - start;
        if (end)
            break;
        if (p->out->frames && !(frame.time > p->out->time[p->out->frames - 1]))
            continue;
        TRY(see(p, &frame));
        if (progress)
            progress(fmin(1, fmax(0, frame.time / info->duration)), user);
    }
    people_end(p->people);
    return LORIS_OK;
}

/* The video's own word on its duration, unless its frames contradict it. */
static double duration_of(const poses *p, const video_info *info) {
    const double last = p->time[p->frames - 1];
    const double frame = info->frame_rate > 0 ? 1 / info->frame_rate
                         : p->frames > 1      ? last / (double)(p->frames - 1)
                                              : 0.04;
    return info->duration > last ? info->duration : last + frame;
}

loris_status poses_watch(poses *out, compute *c, const char *model, const char *path, poses_progress *progress,
                         void *user) {
    *out = (poses){0};
    pass p = {.out = out};
    loris_status status;
    int width, height;
    TRY_GOTO(video_open(&p.source, path, LONGEST, VIDEO_RGB));
    video_frame_size(p.source, &width, &height);
    const video_info *info = video_get_info(p.source);
    out->width = info->width;
    out->height = info->height;
    p.scale =
        (float)(info->width > info->height ? info->width : info->height) / (float)(width > height ? width : height);
    TRY_GOTO(movenet_open(&p.eye, c, model, width, height));
    TRY_GOTO(people_new(&p.people, out, look, &p));
    TRY_GOTO(all_frames(&p, progress, user));
    if (!out->frames) {
        status = fail(LORIS_ERROR_INPUT, "is it a video?", "%s: no frame at all", path);
        goto done;
    }
    out->duration = duration_of(out, info);
    out->device_memory = movenet_memory(p.eye);
done:
    people_free(p.people);
    movenet_close(p.eye);
    video_close(p.source);
    if (status != LORIS_OK)
        poses_free(out);
    return status;
}
