/* Poses: where the joints of the person that a video follows are, in every frame that is looked at.
 *
 * MoveNet (nets/movenet.h) looks at a square around the person, which follows from the person's last pose as its
 * authors publish it. Within a shot one person is followed and never exchanged for another: see people.h. */
#ifndef LORIS_EYES_POSES_H
#define LORIS_EYES_POSES_H

#include "compute/compute.h"
#include "core/status.h"

/* The key points of COCO, in its order: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; left before
 * right, the person's own left. */
enum { JOINTS = 17 };

typedef struct joint {
    float x, y;  /* pixels of the frame as displayed (upright, square pixels), y down */
    float score; /* 0..1 */
} joint;

static const float JOINT_SEEN = 0.3f; /* below this score a joint is not where it is said to be */

typedef struct pose {
    joint joints[JOINTS];
} pose;

typedef struct poses {
    int width, height;                   /* of the frame */
    double duration;                     /* seconds, > 0 */
    size_t frames;                       /* looked at, at least 1 */
    double *time;                        /* [frames] strictly ascending, from 0 */
    pose *seen;                          /* [frames] as the network sees them; scores of 0 where nobody is followed */
    bool *cut;                           /* [frames] a new shot begins with this frame; false for the first */
    int people;                          /* the most that were seen at once */
    size_t looks;                        /* evaluations of the network */
    size_t device_memory;                /* bytes planned there, weights included */
    double decode_seconds, look_seconds; /* that the pass waited for frames, and for the device */
} poses;

void poses_free(poses *p); /* frees the arrays and zeroes; NULL is allowed */

/* `fraction` of the video seen so far, 0..1. */
typedef void poses_progress(double fraction, void *user);

/* Follows the person in `video` with the MoveNet in `model` (a folder or its .safetensors). `progress` may be NULL. A
 * video without people gives poses of score 0. LORIS_ERROR_INPUT: not a video, not a MoveNet. */
loris_status poses_watch(poses *out, compute *c, const char *model, const char *video, poses_progress *progress,
                         void *user);

/* The poses at `count` ascending times: the mean of the joints' paths over time - half .. time + half, a path being
 * straight between frames. No phase is turned, and a path's peak moves by `half` at most. Nothing passes a cut. A joint
 * below JOINT_SEEN holds the place where it was seen last (before it is first seen: first), but keeps its score; one
 * that a shot never shows is at 0, 0 with score 0. */
loris_status poses_mean(pose *out, const double *time, size_t count, double half, const poses *p);

/* The same at times 0, 1 / rate, 2 / rate ... over 1 / rate each: duration * rate rows to the nearest whole number, at
 * least 1; free(*rows). */
loris_status poses_rows(pose **rows, size_t *count, const poses *p, double rate);

#endif
