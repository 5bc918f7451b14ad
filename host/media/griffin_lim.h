/* Fast Griffin-Lim (Perraudin, Balazs, Sondergaard, WASPAA 2013) on one block of frames: internal to host/media. */
#ifndef LORIS_MEDIA_GRIFFIN_LIM_H
#define LORIS_MEDIA_GRIFFIN_LIM_H

#include "media/ceiling.h"
#include "media/stft.h"

/* Sample hop * j + window / 2 of the block's signal is the centre of its frame j. */
typedef struct griffin_lim {
    const stft *s;
    float floor;
    float ceiling; /* samples beyond it are pushed back while phases are sought; 0 = none */
    ceiling_filter between;
    int max_frames, threads;

    float *magnitude; /* [max_frames][bins], wanted */
    float *phase;     /* [max_frames][bins], initial */
    float *signal; /* [hop * (max_frames - 1) + window]; its first `fixed` samples are input, the rest is the result */

    /* Work space. Frames are handled in chunks, one task each: a grid that does not depend on the number of threads, so
     * the sums below are always made in the same order. */
    int chunk_count, span; /* span: samples under a whole chunk's windows */
    int frames, fixed, iteration;
    float *weight;   /* [max_frames] */
    float *gain;     /* [samples of signal]: 1 / sum of weighted squared windows, 0 where the signal must be silent */
    float *previous; /* [max_frames][bins][2]: the last iteration's consistent spectrum */
    float *overlapped[2]; /* [chunk][span]: each chunk's frames overlapped, this iteration's and the last one's */
    float *samples;       /* [chunk][span]: the signal under a chunk */
    fft **fft;            /* [chunk] */
} griffin_lim;

/* `floor` is the magnitude that counts as silence. */
loris_status griffin_lim_new(griffin_lim **out, const stft *s, float floor, int max_frames, int threads);
void griffin_lim_free(griffin_lim *g);

/* Finds a signal for the first `frames` frames whose samples [0, fixed) stay as they are and whose samples from `end`
 * on are 0. */
loris_status griffin_lim_run(griffin_lim *g, int frames, int fixed, int end, int iterations);

#endif
