/* A clip of any length as overlapping windows of the length a network was trained on (MultiDiffusion, Bar-Tal et al.,
 * 2023: at each evaluation the denoised windows are blended). */
#ifndef LORIS_DIFFUSION_WINDOWS_H
#define LORIS_DIFFUSION_WINDOWS_H

#include "core/status.h"

typedef struct windows {
    int count, length; /* rows of a window */
    int total;         /* rows of the clip, at least `length` */
    int *start;        /* [count], ascending, multiples of the grid, first 0, last total - length */
    int *fresh;        /* [count] first clip row that no earlier window has covered */
    int margin;
    float *weight; /* [count][length]; over the windows covering a row the weights sum to 1 */
} windows;

/* `total` is rounded up to the grid and to at least `length` (itself a multiple of `grid`). Neighbours overlap by at
 * least `overlap` rows; the first and last `margin` rows of an overlap belong to one window alone (there the other
 * lacks context), between them the weight passes linearly. 0 <= 2 margin < overlap < length. */
loris_status windows_new(windows *out, int total, int length, int grid, int overlap, int margin);
void windows_free(windows *w);

/* Where window i - 1 passes into window i, i from 1: rows *from .. *to - 1 are a blend of both. */
void windows_joint(const windows *w, int i, int *from, int *to);

#endif
