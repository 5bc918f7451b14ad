/* The default model: a score's conditioning in, log bands of a spectrogram out. */
#ifndef LORIS_DIFFUSION_BANDS_H
#define LORIS_DIFFUSION_BANDS_H

#include "diffusion/sample.h"
#include "music/conditioning.h"
#include "nets/model.h"

/* The model's own sampling settings and windows. LORIS_ERROR_INPUT: not a spectrogram model with settings and the
 * conditioning channels of music/conditioning.h. */
loris_status bands_sampling(const model *m, sampling_settings *out);

typedef struct bands_request {
    compute *compute;
    const model *model;
    const weights *weights;
    const sampling_device *others; /* [other_count], or NULL: as in sampling_request */
    int other_count;
    const sampling_settings *settings;
    const conditioning *conditioning; /* as many frames as the windows cover: `rows`, and the model's window */
    style style;
    size_t rows; /* frames wanted */
    noise_function *noise;
    void *noise_user;
    loris_progress_function *progress; /* or NULL */
    void *progress_user;
} bands_request;

/* Several scores of one clip, with the network built once. The request is copied; runs take the
 * conditioning and style given to them, with as many frames as the request's. */
typedef struct bands_sampler bands_sampler;
loris_status bands_sampler_new(bands_sampler **out, const bands_request *request);
loris_status bands_sampler_run(bands_sampler *s, const conditioning *c, style played, float *out,
                               sampling_report *report);
const windows *bands_sampler_windows(const bands_sampler *s);
plan *bands_sampler_network(bands_sampler *s); /* as sampler_network() */
void bands_sampler_free(bands_sampler *s);     /* NULL is allowed */

/* One. out [rows][bands]: natural logarithms of band magnitudes, see media/phase.h. */
loris_status bands_sample(const bands_request *request, float *out, sampling_report *report);

#endif
