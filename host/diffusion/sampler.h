/* What the files of a sampler share: sample.c (steps), denoiser.c (networks on a device), share.c (further devices). */
#ifndef LORIS_DIFFUSION_SAMPLER_H
#define LORIS_DIFFUSION_SAMPLER_H

#include "diffusion/sample.h"
#include "plan/plan.h"

/* One evaluation of a window, with or without a null beside the conditional. */
typedef struct denoiser {
    plan *plan; /* NULL when no evaluation needs it */
    int start, to, fresh, weight_start;
    int evaluations;
} denoiser;

typedef struct share share;

struct sampler {
    sampling_request request;
    compute *compute;
    const unet_config *unet;
    sampling_settings settings;
    int clips;
    int token_count, peak_count; /* of each clip */
    float *sigmas;               /* [steps + 1] */
    evaluation *evaluations;
    int count;
    windows windows;
    int first, end;  /* windows that this device evaluates */
    bool lends;      /* evaluates for a sampler of another device: d holds its windows side by side, not blended */
    share *shares;   /* [share_count]: further devices */
    int share_count;
    denoiser plain, guided;
    bool *is_guided; /* [count] */
    int *row;        /* [count]: which evaluation of its denoiser each is */
    int draws;       /* of noise, made so far in this run */
    plan *update;
    /* On the clip's axis; y is x for samplers of one evaluation a step. d of a sampler that lends:
     * [clips][end - first][windows.length][in_channels]. */
    cl_mem x, y, d, noise;
    cl_mem weight; /* blending weights [windows.count][windows.length] */
    cl_mem channels[UNET_MAX_LEVELS + 1], features;
    size_t elements; /* of x: [clips][windows.total][in_channels] */
    float *host;     /* [elements] */
    float *sent[2];  /* [elements]: noise on its way to the device, in turns, so that neither waits for the other */
    cl_event arrived[2];
    sampling_report report;
    bool estimated; /* nothing is made: sizes are added up */
};

/* ---- sample.c ---------------------------------------------------------------------------------------------------- */

/* The windows and the evaluations: all that is known before anything is made. */
loris_status sampler_plan(sampler *r);
bool sampler_two_evaluations(const sampler *r);
double sampler_factor(double factor); /* one that was left out is 1 */
sampler *sampler_blank(const sampling_request *request);
void sampler_drain(const sampler *r); /* what is in flight still uses the buffers; the failure stays the first one */

/* ---- denoiser.c -------------------------------------------------------------------------------------------------- */

loris_status denoisers_make_buffers(sampler *r);
loris_status denoisers_build(sampler *r);
loris_status denoisers_begin(sampler *r); /* takes the clips' conditioning in */
net *denoiser_record(const sampler *r, denoiser *e, bool guided);
const char *denoiser_name(bool guided);
void denoiser_describe(const plan *p, const char *name, text *out);
void denoiser_set_window(const sampler *r, const denoiser *e, int w);
/* Evaluation `index` of a run, of window w. */
loris_status denoiser_run(const sampler *r, int index, int w);

/* ---- share.c ----------------------------------------------------------------------------------------------------- */

/* Fixes which windows each device evaluates, in contiguous runs, and makes the further devices' samplers. */
loris_status shares_new(sampler *r);
loris_status shares_begin(sampler *r);
/* Evaluation `index` of all windows by all devices; progress is told from the thread of the first one's. */
loris_status shares_evaluate(sampler *r, int index, int done);
void shares_drain(const sampler *r);
void shares_free(sampler *r);

/* Progress: window evaluations made. */
void sampler_tell(const sampler *r, int done);

#endif
