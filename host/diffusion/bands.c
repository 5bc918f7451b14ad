#include "diffusion/bands.h"

#include <stdlib.h>

loris_status bands_sampling(const model *m, sampling_settings *out) {
    const unet_config *u = &m->unet;
    bool fits = m->has_bands && m->has_sampling && u->levels == CONDITIONING_LEVELS - 1 &&
                u->context_features == CONDITIONING_FEATURES && m->bands.styles == STYLE_COUNT &&
                u->context_channels[0] == CONDITIONING_CHANNELS;
    for (int k = 1; fits && k < CONDITIONING_LEVELS; k++)
        fits = u->context_channels[k] == CONDITIONING_DEEP_CHANNELS && unet_hop(u, k) == 1 << k;
    if (!fits)
        return fail(LORIS_ERROR_INPUT, "the default model is models/base; other kinds of model need other inputs",
                    "%s: not a spectrogram model that a score can condition", m->path);
    const model_sampling *s = &m->sampling;
    *out = (sampling_settings){.steps = s->steps,
                               .sigma_min = s->sigma_min,
                               .sigma_max = s->sigma_max,
                               .rho = s->rho,
                               .sigma_data = m->sigma_data,
                               .guidance = s->guidance,
                               .guidance_low = s->guidance_low,
                               .guidance_high = s->guidance_high,
                               .window = s->frames};
    /* Neighbours share a quarter of a window, the outer quarter of that on either side without a say: 64 frames are 0.8
     * s. */
    out->overlap = s->frames / 4;
    out->margin = s->frames / 16;
    return sampler_from_name(s->sampler, &out->sampler);
}

struct bands_sampler {
    bands_request request;
    clip_conditioning clip;
    sampler *sampler;
};

static clip_conditioning clip_of(const conditioning *c) {
    clip_conditioning clip = {.rows = (int)c->frames, .features = c->features};
    for (int k = 0; k < CONDITIONING_LEVELS; k++)
        clip.channels[k] = c->level[k];
    return clip;
}

/* A tensor that is missing or of another shape is the model's. */
static loris_status name_model(loris_status status, const model *m) {
    return status == LORIS_ERROR_INPUT ? fail_in(status, "%s", m->path) : status;
}

loris_status bands_sampler_new(bands_sampler **out, const bands_request *request) {
    bands_sampler *s = calloc(1, sizeof *s);
    if (!s)
        return fail_memory("a sampler");
    s->request = *request;
    s->clip = clip_of(request->conditioning);
    const sampling_request inner = {.compute = request->compute,
                                    .weights = request->weights,
                                    .others = request->others,
                                    .other_count = request->other_count,
                                    .unet = &request->model->unet,
                                    .settings = request->settings,
                                    .rows = (int)request->rows,
                                    .conditioning = &s->clip,
                                    .noise = request->noise,
                                    .noise_user = request->noise_user,
                                    .progress = request->progress,
                                    .progress_user = request->progress_user};
    loris_status status = sampler_new(&s->sampler, &inner);
    if (status != LORIS_OK) {
        free(s);
        return name_model(status, request->model);
    }
    *out = s;
    return LORIS_OK;
}

loris_status bands_sampler_run(bands_sampler *s, const conditioning *c, style played, float *out,
                               sampling_report *report) {
    const model *m = s->request.model;
    const model_bands *b = &m->bands;
    s->clip = clip_of(c);
    TRY(name_model(sampler_run(s->sampler, out, report), m));
    const float *mean = b->mean + (size_t)played * (size_t)b->bands;
    float unit = b->scale / (float)m->sigma_data;
    for (size_t row = 0; row < s->request.rows; row++)
        for (int k = 0; k < b->bands; k++)
            out[row * (size_t)b->bands + (size_t)k] = out[row * (size_t)b->bands + (size_t)k] * unit + mean[k];
    return LORIS_OK;
}

const windows *bands_sampler_windows(const bands_sampler *s) {
    return sampler_windows(s->sampler);
}

plan *bands_sampler_network(bands_sampler *s) {
    return sampler_network(s->sampler);
}

void bands_sampler_free(bands_sampler *s) {
    if (!s)
        return;
    sampler_free(s->sampler);
    free(s);
}

loris_status bands_sample(const bands_request *request, float *out, sampling_report *report) {
    bands_sampler *s;
    TRY(bands_sampler_new(&s, request));
    loris_status status = bands_sampler_run(s, request->conditioning, request->style, out, report);
    bands_sampler_free(s);
    return status;
}
