/* The public functions on poses. */
#include "loris/poses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/engine.h"
#include "api/rhythm.h"
#include "core/json.h"
#include "core/npy.h"
#include "eyes/poses.h"
#include "rhythm/dance.h"

_Static_assert(LORIS_KEYPOINTS == JOINTS && sizeof(loris_keypoint) == sizeof(joint),
               "the public joints are the library's");

struct loris_poses {
    poses seen;
    pose *rows;
    size_t row_count, cut_count;
    double *cuts;
    char *path; /* of the video */
};

typedef struct watching {
    loris_progress_function *progress;
    void *user;
} watching;

static void tell(double fraction, void *user) {
    const watching *w = user;
    if (w->progress)
        w->progress(w->user, "poses", fraction, 1);
}

static loris_status list_cuts(loris_poses *p) {
    p->cuts = malloc(p->seen.frames * sizeof *p->cuts);
    if (!p->cuts)
        return fail_memory("the cuts");
    for (size_t i = 0; i < p->seen.frames; i++)
        if (p->seen.cut[i])
            p->cuts[p->cut_count++] = p->seen.time[i];
    return LORIS_OK;
}

loris_status loris_poses_watch(loris_engine *engine, const char *model, const char *video,
                               loris_progress_function *progress, void *progress_user, loris_poses **out) {
    *out = NULL;
    watching w = {progress, progress_user};
    loris_poses *p = calloc(1, sizeof *p);
    if (!p)
        return fail_memory("the poses");
    loris_status status;
    if (!(p->path = strdup(video))) {
        status = fail_memory("the poses");
        goto done;
    }
    TRY_GOTO(poses_watch(&p->seen, engine->compute, model, video, tell, &w));
    TRY_GOTO(poses_rows(&p->rows, &p->row_count, &p->seen, LORIS_POSE_RATE));
    TRY_GOTO(list_cuts(p));
    *out = p;
    p = NULL;
done:
    loris_poses_free(p);
    return status;
}

void loris_poses_free(loris_poses *p) {
    if (!p)
        return;
    poses_free(&p->seen);
    free(p->rows);
    free(p->cuts);
    free(p->path);
    free(p);
}

static size_t frames_followed(const poses *p) {
    size_t count = 0;
    for (size_t i = 0; i < p->frames; i++) {
        bool any = false;
        for (int j = 0; j < JOINTS && !any; j++)
            any = p->seen[i].joints[j].score >= JOINT_SEEN;
        count += any;
    }
    return count;
}

void loris_poses_describe(const loris_poses *p, loris_poses_info *info) {
    const poses *s = &p->seen;
    *info = (loris_poses_info){.width = s->width,
                               .height = s->height,
                               .duration = s->duration,
                               .rows = (const loris_keypoint *)p->rows,
                               .row_count = p->row_count,
                               .cuts = p->cuts,
                               .cut_count = p->cut_count,
                               .frames = s->frames,
                               .looks = s->looks,
                               .followed = (double)frames_followed(s) / (double)s->frames,
                               .people = s->people,
                               .device_memory = s->device_memory,
                               .decode_seconds = s->decode_seconds,
                               .look_seconds = s->look_seconds};
    if (info->followed == 0)
        snprintf(info->note, sizeof info->note, "nobody is seen");
    else if (info->followed < 0.5)
        snprintf(info->note, sizeof info->note, "somebody is seen in %.0f %% of the frames", 100 * info->followed);
    else if (info->people > 1)
        snprintf(info->note, sizeof info->note, "of %d people one is followed", info->people);
}

loris_status loris_poses_write_npy(const loris_poses *p, const char *path) {
    const int64_t dim[] = {(int64_t)p->row_count, JOINTS, 3};
    return npy_write_f32(path, 3, dim, &p->rows[0].joints[0].x);
}

static void write_rows(json_writer *w, const loris_poses *p) {
    json_open(w, "poses", '[');
    for (size_t k = 0; k < p->row_count; k++) {
        json_open(w, NULL, '[');
        for (int j = 0; j < JOINTS; j++) {
            const joint *at = &p->rows[k].joints[j];
            json_float(w, NULL, at->x);
            json_float(w, NULL, at->y);
            json_float(w, NULL, at->score);
        }
        json_close(w, ']');
    }
    json_close(w, ']');
}

loris_status loris_poses_json(const loris_poses *p, char **out) {
    static const char *const names[JOINTS] = {
        "nose",           "left eye",   "right eye",   "left ear",   "right ear",   "left shoulder",
        "right shoulder", "left elbow", "right elbow", "left wrist", "right wrist", "left hip",
        "right hip",      "left knee",  "right knee",  "left ankle", "right ankle"};
    loris_poses_info info;
    json_writer w;
    loris_poses_describe(p, &info);
    json_begin(&w, 1);
    json_open(&w, NULL, '{');
    json_integer(&w, "version", 1);
    json_integer(&w, "width", info.width);
    json_integer(&w, "height", info.height);
    json_number(&w, "duration_s", info.duration);
    json_integer(&w, "rate", LORIS_POSE_RATE);
    json_integer(&w, "people", info.people);
    json_number(&w, "followed", info.followed);
    json_open(&w, "cuts", '[');
    for (size_t i = 0; i < info.cut_count; i++)
        json_number(&w, NULL, info.cuts[i]);
    json_close(&w, ']');
    json_open(&w, "joints", '[');
    for (int j = 0; j < JOINTS; j++)
        json_string(&w, NULL, names[j]);
    json_close(&w, ']');
    write_rows(&w, p);
    json_close(&w, '}');
    const bool failed = text_failed(&w.out);
    *out = failed ? NULL : w.out.data;
    if (failed)
        text_free(&w.out);
    return failed ? fail_memory("the poses") : LORIS_OK;
}

loris_status loris_poses_rhythm(const loris_poses *p, loris_rhythm **out) {
    *out = NULL;
    loris_rhythm *r;
    TRY(rhythm_new(&r, p->path));
    loris_status status = dance_rhythm(&r->seen, &p->seen, &r->curves);
    if (status == LORIS_OK)
        status = rhythm_publish(r);
    if (status == LORIS_OK)
        *out = r;
    else
        loris_rhythm_free(r);
    return status;
}
