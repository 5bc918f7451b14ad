/* Sampling a clip: noise in, denoised signal out, over windows of the network's length. */
#ifndef LORIS_DIFFUSION_SAMPLE_H
#define LORIS_DIFFUSION_SAMPLE_H

#include "core/text.h"
#include "diffusion/schedule.h"
#include "diffusion/windows.h"
#include "nets/unet.h"
#include "plan/plan.h"

typedef struct sampling_settings {
    sampler_kind sampler;
    int steps; /* makes steps - 1 updates, as LORIS does */
    double sigma_min, sigma_max, rho, sigma_data;
    double guidance;                    /* classifier-free guidance scale; 1 = none */
    double guidance_low, guidance_high; /* it acts for sigma in this interval */
    int window, overlap, margin;        /* rows, see windows.h; window 0 = the whole clip at once */

    /* Factor on the noise that a sample begins with and that stochastic samplers add; 0 = 1. Below 1 samples lie nearer
     * to what is most likely (reduced-temperature sampling, Kingma and Dhariwal, "Glow", 2018). */
    double temperature;
    /* Denoised signals are limited to -limit .. limit at every evaluation (static thresholding, Saharia et al.,
     * "Photorealistic Text-to-Image Diffusion Models", 2022), so that a value beyond the data's range cannot lead to
     * more of its kind; 0 = 1, which is waveforms' range. */
    double limit;
} sampling_settings;

/* What the network is told; it may reach beyond the rows that are sampled. Rows beyond `rows` are zero, and so is
 * everything in the null evaluation of guidance. */
typedef struct clip_conditioning {
    int rows; /* at level 0 */
    /* [ceil(rows / unet_hop)][context_channels[k]], or NULL where that is 0 */
    const float *channels[UNET_MAX_LEVELS + 1];
    const float *features; /* [context_features], or NULL */

    /* For networks whose embedding_features is not 0; their null evaluation takes what they have learned instead. */
    const float *tokens;  /* [token_count][embedding_features] */
    const int32_t *peaks; /* [peak_count] of 0 and 1: the rhythm */
    int token_count, peak_count;
    const float *genre; /* [embedding_features], or NULL where the network has no genre */
} clip_conditioning;

/* Parts of a clip that are given (RePaint, Lugmayr et al., 2022, as in audio-diffusion-pytorch): before each step they
 * are set to the source at the step's noise level; each step is made `resamples` times, noise being added in between to
 * get back to its level, so that the rest comes to fit. The result is not limited to [-1, 1]. */
typedef struct inpainting {
    const float *source;  /* [rows][in_channels] */
    const uint8_t *known; /* [rows][in_channels]: 1 = as in the source */
    int resamples;        /* at least 1 */
} inpainting;

/* Where noise comes from. Draw -1 is the initial noise, later ones are counted as they are made: for a sampler draw i
 * is added after update i; inpainting makes one at each step's begin for the source, then one after each update, with
 * one between resamples. Fills out[first .. first+count). The position is row * in_channels + channel on the clip's
 * axis. */
typedef loris_status noise_function(void *user, int draw, size_t first, size_t count, float *out);

/* Philox noise keyed by the seed (a pointer to uint64_t) and the position. */
loris_status seeded_noise(void *user, int draw, size_t first, size_t count, float *out);

typedef struct sampling_report {
    int evaluations, windows, launches_per_evaluation;
    size_t memory;  /* device bytes: activations, states and conditioning */
    size_t weights; /* device bytes of packed weights */
    double flop;    /* of the whole run */
} sampling_report;

/* A device with the model's weights on it. */
typedef struct sampling_device {
    compute *compute;
    const weights *weights;
} sampling_device;

typedef struct sampling_request {
    compute *compute;
    const weights *weights;
    /* [other_count], or NULL: devices that evaluate a share of the windows. The sample stays on the first, which blends
     * all windows in their order: devices of one kind give the bits that one of them gives. */
    const sampling_device *others;
    int other_count;
    const unet_config *unet;
    const sampling_settings *settings;
    int rows;                              /* of a clip */
    int clips;                             /* made side by side; 0 = 1 */
    const clip_conditioning *conditioning; /* [clips], of as many tokens and peaks each */
    const inpainting *inpaint;             /* NULL = none; of one clip */
    noise_function *noise;
    void *noise_user;
    void *const *noise_users;          /* [clips]: in place of noise_user, a user for each; NULL = none */
    loris_progress_function *progress; /* stage "denoise", done of total window evaluations; or NULL */
    void *progress_user;
} sampling_request;

/* out [clips][rows][in_channels], limited to [-1, 1]. `report` may be NULL. Networks that attend to tokens see the
 * whole clip in one window, because their tokens belong to all of it: LORIS_ERROR_ARGUMENT for a clip that is longer
 * than the window. */
loris_status sample_clip(const sampling_request *request, float *out, sampling_report *report);

/* The same for several clips, or batches of them, of one length, with the networks built once. The request is copied; a
 * run takes its conditioning (of as many tokens and peaks as at first), its parts that are given, its noise and its
 * progress from the sampler's request, whose members for these may be changed between runs. */
typedef struct sampler sampler;
loris_status sampler_new(sampler **out, const sampling_request *request);
/* Takes the clips in, sets the networks to the first window, and gives the plans of which a step consists: networks,
 * then the update. For comparing devices (plan/compare.h). */
enum { SAMPLER_PLANS = 3 };
loris_status sampler_stand(sampler *s, plan *plans[SAMPLER_PLANS], int *count);

sampling_request *sampler_request(sampler *s);
const windows *sampler_windows(const sampler *s);
loris_status sampler_run(sampler *s, float *out, sampling_report *report);
void sampler_free(sampler *s); /* NULL is allowed */

/* The network that a sampler with guidance evaluates, without guidance the other; the sampler's own. Once a run has set
 * its inputs, a replay of PHASE_STEP makes one more evaluation of the last window, for measuring; the next run begins
 * anew. */
plan *sampler_network(sampler *s);

/* What a sampler of this request would take, without making it: all of the report but launches. As sampler_outline().
 */
loris_status sampler_estimate(const sampling_request *request, sampling_report *out);

/* What a sampler of this request would compute, without making it: for each of its networks the totals and a line a
 * node. The conditioning is asked for its counts alone. */
loris_status sampler_outline(const sampling_request *request, text *out);

#endif
