/* Sampling a clip: noise in, denoised signal out, over windows of the network's length. */
#ifndef LORIS_DIFFUSION_SAMPLE_H
#define LORIS_DIFFUSION_SAMPLE_H

#include "diffusion/schedule.h"
#include "nets/unet.h"

typedef struct sampling_settings {
    sampler_kind sampler;
    int steps; /* makes steps - 1 updates, as LORIS does */
    double sigma_min, sigma_max, rho, sigma_data;
    double guidance;                     /* classifier-free guidance scale; 1 = none */
    double guidance_low, guidance_high;  /* it acts for sigma in this interval */
    int window, overlap, margin;         /* rows, see windows.h; window 0 = the whole clip at once */
} sampling_settings;

/* What the network is told; it may reach beyond the rows that are sampled. Rows beyond `rows` are zero, and so is everything in the
 * null evaluation of guidance. */
typedef struct clip_conditioning {
    int rows;                                     /* at level 0 */
    const float *channels[UNET_MAX_LEVELS + 1];   /* [ceil(rows / unet_hop)][context_channels[k]], or NULL where that is 0 */
    const float *features;                        /* [context_features], or NULL */
} clip_conditioning;

/* Where noise comes from. Draw -1 is the initial noise, draw i is added after update i. Fills out[first .. first+count). The
 * position is row * in_channels + channel on the clip's axis. */
typedef loris_status noise_function(void *user, int draw, size_t first, size_t count, float *out);

/* Philox noise keyed by the seed (a pointer to uint64_t) and the position. */
loris_status seeded_noise(void *user, int draw, size_t first, size_t count, float *out);

typedef struct sampling_report {
    int evaluations, windows, launches_per_evaluation;
    size_t memory;      /* device bytes: activations, states and conditioning */
    size_t weights;     /* device bytes of packed weights */
    double flop;        /* of the whole run */
} sampling_report;

typedef struct sampling_request {
    compute *compute;
    const weights *weights;
    const unet_config *unet;
    const sampling_settings *settings;
    int rows; /* of the clip */
    const clip_conditioning *conditioning;
    noise_function *noise;
    void *noise_user;
    loris_progress_function *progress; /* stage "denoise", done of total window evaluations; or NULL */
    void *progress_user;
} sampling_request;

/* out [rows][in_channels], limited to [-1, 1]. `report` may be NULL. */
loris_status sample_clip(const sampling_request *request, float *out, sampling_report *report);

#endif
