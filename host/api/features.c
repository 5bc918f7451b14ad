/* The public functions on features. */
#include "api/features.h"

#include <stdlib.h>

#include "api/engine.h"
#include "core/npy.h"
#include "eyes/poses.h"

_Static_assert(sizeof(loris_keypoint) == FEATURES_POSE_CHANNELS * sizeof(float) && LORIS_KEYPOINTS == JOINTS &&
                   LORIS_POSE_RATE == FEATURES_POSE_RATE,
               "the public poses are the library's");

void loris_features_defaults(loris_features_settings *settings) {
    *settings = (loris_features_settings){.keep = true};
}

loris_status loris_features_watch(loris_engine *engine, const loris_features_settings *settings, const char *video,
                                  loris_features **out) {
    *out = NULL;
    if (!settings->i3d_model || !settings->pose_model)
        return fail(LORIS_ERROR_ARGUMENT, "set loris_features_settings.i3d_model and .pose_model",
                    "no model of I3D or of poses was named");
    TRY(seer_check(settings->i3d_model));
    loris_features *f = calloc(1, sizeof *f);
    if (!f)
        return fail_memory("the features");
    seer *s = NULL;
    loris_status status = seer_new(&s, engine->compute, settings->i3d_model, settings->pose_model, settings->keep);
    if (status == LORIS_OK)
        status = seer_watch(s, &f->seen, video, settings->progress, settings->progress_user);
    seer_free(s);
    if (status == LORIS_OK)
        *out = f;
    else
        loris_features_free(f);
    return status;
}

void loris_features_free(loris_features *f) {
    if (!f)
        return;
    features_free(&f->seen);
    free(f);
}

void loris_features_describe(const loris_features *f, loris_features_info *info) {
    const features *s = &f->seen;
    *info = (loris_features_info){.duration = s->duration,
                                  .actions = s->actions,
                                  .action_rows = s->action_rows,
                                  .width = s->width,
                                  .poses = (const loris_keypoint *)(const void *)s->poses,
                                  .pose_rows = s->pose_rows,
                                  .actions_kept = s->actions_kept,
                                  .poses_kept = s->poses_kept};
}

loris_status loris_features_write(const loris_features *f, const char *actions_path, const char *poses_path) {
    const features *s = &f->seen;
    if (actions_path)
        TRY(npy_write_f32(actions_path, 2, (const int64_t[]){(int64_t)s->action_rows, s->width}, s->actions));
    if (!poses_path)
        return LORIS_OK;
    return npy_write_f32(poses_path, 3, (const int64_t[]){(int64_t)s->pose_rows, JOINTS, FEATURES_POSE_CHANNELS},
                         s->poses);
}
