/* What a LORIS model hears of a video: I3D's features (actions.h) and poses (poses.h), kept between runs. */
#ifndef LORIS_EYES_FEATURES_H
#define LORIS_EYES_FEATURES_H

#include "compute/compute.h"

enum { FEATURES_POSE_RATE = 16, FEATURES_POSE_CHANNELS = 3 };

typedef struct features {
    double duration; /* seconds, of the pictures */
    float *actions;  /* [action_rows][width], ACTIONS_RATE a second */
    size_t action_rows;
    int width;
    float *poses; /* [pose_rows][JOINTS][FEATURES_POSE_CHANNELS]: x, y, score; FEATURES_POSE_RATE a second */
    size_t pose_rows;
    bool actions_kept, poses_kept; /* were there from an earlier run */
} features;

void features_free(features *f); /* frees and zeroes; NULL is allowed */

typedef void features_progress(void *user, const char *stage, double done, double total); /* "i3d", "poses" */

/* Fails when the file is no model of I3D. Warns of weights whose features no published checkpoint has seen: LORIS' own
 * came, in all likelihood, from those that PyTorch's users have. */
loris_status seer_check(const char *i3d_model);

/* The networks that see, opened when they are first needed: for one video or many. */
typedef struct seer seer;

/* `i3d` and `eyes` name model files or their folders. `keep`: look for what an earlier run has made, by the contents of
 * the video and models and the device, in a folder "features" of the device's cache, and put there what is made. */
loris_status seer_new(seer **out, compute *c, const char *i3d, const char *eyes, bool keep);
void seer_free(seer *s); /* NULL is allowed */

/* LORIS_ERROR_INPUT: not a video, not such models. */
loris_status seer_watch(seer *s, features *out, const char *video, features_progress *progress, void *user);

#endif
