/* A folder of golden arrays of a U-Net, for verify_unet.c and verify_context.c. Arrays are (B, C, L) where not said
 * otherwise. */
#ifndef LORIS_API_VERIFY_GOLDEN_H
#define LORIS_API_VERIFY_GOLDEN_H

#include "api/verify.h"

typedef struct golden {
    model *model;
    weights *weights;  /* of the U-Net */
    weights *encoders; /* all of the file's, under the names in a checkpoint; NULL where there is no context */
    int batch, length; /* of x */
    npy x, c_noise, features, channels[UNET_MAX_LEVELS + 1];
    npy noise, draws;
    int item; /* of the batch, while sampling */

    /* where the network attends to a context */
    int token_count, peak_count;
    npy tokens;     /* (B, T, E) */
    int32_t *peaks; /* [B][R] */
    float *genres;  /* [B][E], or NULL */
} golden;

/* Reads tokens, peaks and genre. */
loris_status golden_read_context(const verifier *v, golden *g);
void golden_free_context(golden *g);

/* Compares what is made of video, poses and learned rows: tokens, peaks, envelope, null_peaks, hawkes_bottleneck. */
loris_status golden_check_context(verifier *v, const golden *g);

#endif
