/*
 * loris/features.h - what a LORIS model hears of a video, from the video alone.
 *
 * I3D features (Carreira and Zisserman, CVPR 2017), two a second, and poses (loris/poses.h), 16 a second. LORIS (ICML
 * 2023) does not say how it extracted its own; docs/datasets.md tells what is assumed.
 *
 * Threads and errors: as in loris.h.
 */
#ifndef LORIS_FEATURES_H
#define LORIS_FEATURES_H

#include "loris/poses.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LORIS_ACTION_RATE 2 /* rows of I3D features a second */

typedef struct loris_features loris_features;

typedef struct loris_features_settings {
    const char *i3d_model;  /* a model file that loris_convert() made of I3D's weights, or its folder; required */
    const char *pose_model; /* a MoveNet's file or folder; required */
    bool keep; /* use what an earlier run made of the same video, and keep what is made: in a folder "features"
                  of the cache (docs/formats.md) */
    loris_progress_function *progress; /* stages "i3d", "poses"; NULL = none */
    void *progress_user;
} loris_features_settings;

LORIS_API void loris_features_defaults(loris_features_settings *settings);

typedef struct loris_features_info {
    double duration; /* seconds, of the pictures */
    const float
        *actions;       /* [action_rows][width] I3D features, row k of the 16 frames from k / LORIS_ACTION_RATE s on */
    size_t action_rows; /* duration * LORIS_ACTION_RATE to the nearest whole number, at least 1 */
    int width;          /* 1024 */
    const loris_keypoint *poses; /* [pose_rows][LORIS_KEYPOINTS], LORIS_POSE_RATE a second */
    size_t pose_rows;
    bool actions_kept, poses_kept; /* were there from an earlier run */
} loris_features_info;

/* LORIS_ERROR_INPUT: not a video, not such models. */
LORIS_API loris_status loris_features_watch(loris_engine *engine, const loris_features_settings *settings,
                                            const char *video, loris_features **features);
LORIS_API void loris_features_free(loris_features *features); /* NULL is allowed */
LORIS_API void loris_features_describe(const loris_features *features,
                                       loris_features_info *info); /* the features' own arrays */

/* As .npy of f32, [action_rows, width] and [pose_rows, LORIS_KEYPOINTS, 3], which loris_clip takes; either path may be
 * NULL. Each file appears complete or not at all. */
LORIS_API loris_status loris_features_write(const loris_features *features, const char *actions_path,
                                            const char *poses_path);

/* The sound of a whole video with a LORIS model: clips of the length the preset's models were trained on, spread evenly
 * over the video so that they overlap by 1 s at least, each clip with the next seed, joined by fades of equal power in
 * the middle of where they overlap. A video that is shorter is watched as if its last picture stayed. `genre` as in
 * loris_clip. `output`: .mp4 .mkv .mov have the packets of `video` beside the sound, .wav .flac .ogg hold the sound
 * alone. `report` may be NULL. */
LORIS_API loris_status loris_infer_video(loris_engine *engine, const loris_infer_settings *settings,
                                         const loris_features *features, int genre, const char *video,
                                         const char *output, loris_infer_report *report);

#ifdef __cplusplus
}
#endif
#endif
