/*
 * loris/poses.h - where the joints of the person in a video are.
 *
 * MoveNet SinglePose (Google, 2021; models/movenet-lightning and movenet-thunder) looks at a square around the person
 * that a shot is about; docs/eyes.md tells whom it follows. What comes out is what LORIS learns rhythm from: COCO's 17
 * key points, 16 times a second.
 *
 * Threads and errors: as in loris.h.
 */
#ifndef LORIS_POSES_H
#define LORIS_POSES_H

#include "loris/loris.h"

#ifdef __cplusplus
extern "C" {
#endif

/* nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; left before right, the person's own left */
#define LORIS_KEYPOINTS 17
#define LORIS_POSE_RATE 16 /* rows a second */

typedef struct loris_poses loris_poses;

typedef struct loris_keypoint {
    float x, y;  /* pixels of the frame as displayed, y down */
    float score; /* 0..1; below 0.3 it was not seen, and has the place where it was seen last */
} loris_keypoint;

typedef struct loris_poses_info {
    int width, height;          /* of the frame as displayed */
    double duration;            /* seconds */
    const loris_keypoint *rows; /* [row_count][LORIS_KEYPOINTS], row k at k / LORIS_POSE_RATE seconds; the poses' own */
    size_t row_count;           /* duration * LORIS_POSE_RATE to the nearest whole number, at least 1 */
    const double *cuts;         /* ascending, where a new shot begins: nothing passes from one to the next */
    size_t cut_count;
    size_t frames, looks;                /* frames looked at; evaluations of the network */
    double followed;                     /* share of those frames in which somebody is seen, 0..1 */
    int people;                          /* the most that were seen at once; one is followed */
    size_t device_memory;                /* bytes planned on the device, weights included */
    double decode_seconds, look_seconds; /* that the pass waited for frames, and for the device */
    char note[LORIS_NOTE_MAX];           /* what is to be said of them, as that nobody is seen; else "" */
} loris_poses_info;

/* Watches `video` with the MoveNet `model` (a folder or its .safetensors). `progress` (stage "poses") may be NULL. A
 * video without people is no error: its joints are at 0, 0 with score 0. LORIS_ERROR_INPUT: not a video, not a MoveNet.
 */
LORIS_API loris_status loris_poses_watch(loris_engine *engine, const char *model, const char *video,
                                         loris_progress_function *progress, void *progress_user, loris_poses **poses);
LORIS_API void loris_poses_free(loris_poses *poses); /* NULL is allowed */
LORIS_API void loris_poses_describe(const loris_poses *poses, loris_poses_info *info);

/* The rows as .npy [row_count, LORIS_KEYPOINTS, 3] of f32, which loris_clip.pose takes. Appears complete or not at all.
 */
LORIS_API loris_status loris_poses_write_npy(const loris_poses *poses, const char *path);

/* As JSON (docs/formats.md); free with loris_free(). */
LORIS_API loris_status loris_poses_json(const loris_poses *poses, char **json);

/* The rhythm of the joints' movements in place of that of the whole picture (docs/eyes.md). */
LORIS_API loris_status loris_poses_rhythm(const loris_poses *poses, loris_rhythm **rhythm);

#ifdef __cplusplus
}
#endif
#endif
