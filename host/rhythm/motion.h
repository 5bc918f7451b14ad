/* What a pass over a video leaves: one row of flow features per pair of frames (ops/directogram.h), and the same on an
 * even grid. */
#ifndef LORIS_RHYTHM_MOTION_H
#define LORIS_RHYTHM_MOTION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"
#include "ops/directogram.h"

typedef struct motion {
    int width, height; /* of the analysed picture */
    double duration;   /* seconds, > 0 */
    size_t frames;     /* at least 1 */
    double *time;      /* [frames] strictly ascending, from 0 */
    float *features;   /* [frames - 1][FLOW_FEATURES]; row i: from frame i to frame i + 1 */
} motion;

void motion_free(motion *m); /* frees the arrays and zeroes; NULL is allowed */

/* cut[i] of [frames - 1]: does a new shot begin with frame i + 1? A cut is a pair of frames that does not correlate
 * even after the flow has warped one onto the other. A flash (there and back within 0.15 s) is marked too, as it hides
 * what moves, but flash[i] tells it apart. Both arrays are the caller's. */
void motion_cuts(const motion *m, bool *cut, bool *flash);

/* Motion on an even grid, whatever the frame rate does: cell k covers step * k .. step * (k + 1), boundary k lies
 * between cells k - 1 and k. Motion is in lengths of the picture's longer side a second, averaged over the picture's
 * area. */
typedef struct motion_grid {
    double step;      /* 25 to 50 ms for frame rates from 20 on, else the frames' own interval; 0 without cells */
    size_t cells;     /* 0 for a single frame */
    float *direction; /* [cells][FLOW_BINS] */
    float *speed;     /* [cells] sum over directions */
    bool *masked;     /* [cells + 1] boundaries beside cuts and flashes, across which motion cannot be compared */
} motion_grid;

/* Repeated frames (a film's pull-down, a screen recording) are taken for what they are: the next frame's motion is
 * spread over them. */
loris_status motion_grid_make(motion_grid *g, const motion *m, const bool *cut, const bool *flash);
void motion_grid_free(motion_grid *g);

#endif
