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

/* What is known about a pair of frames as a whole. */
typedef struct pair_mark {
    bool cut;    /* a new shot begins with the later frame */
    bool flash;  /* the light changes: nothing can be said of motion */
    bool camera; /* the camera moves: what moves by itself counts, else all that is seen to move */
} pair_mark;

/* Marks cuts: pairs that do not correlate even after the flow has warped one frame onto the other. Two such pairs
 * within 0.15 s are a flash, there and back. `marks` is [frames - 1]. */
void motion_cuts(const motion *m, pair_mark *marks);

/* Decides for each shot whether the camera moves; needs the cuts. In a picture full of contrast the fitted camera
 * motion is right, be it none. Before plain ground it may be what the figures do. There the camera moves if taking its
 * motion off leaves nearly nothing at many times, as when figures rest. */
loris_status motion_camera(const motion *m, pair_mark *marks);

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

/* What is known of the time between two frames. */
typedef struct motion_interval {
    double start, end;
    const float *row; /* [FLOW_BINS] its motion in pixels, averaged over the picture's area; NULL = none known */
    bool cut;         /* what comes before and what comes after cannot be compared */
} motion_interval;

/* From at least one interval, ascending and without gaps; the pixels are those of a picture with this longer side. */
loris_status motion_grid_fill(motion_grid *g, const motion_interval *list, size_t count, double longer_side);

/* Repeated frames (a film's pull-down, a screen recording) are taken for what they are: the next frame's motion is
 * spread over them. */
loris_status motion_grid_make(motion_grid *g, const motion *m, const pair_mark *marks);
void motion_grid_free(motion_grid *g);

#endif
