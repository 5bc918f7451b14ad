/* Golden arrays of a U-Net: one evaluation, one denoising, and whole samples with each sampler. Arrays are (B, C, L). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/verify.h"
#include "plan/plan.h"

typedef struct golden {
    model *model;
    weights *weights;
    int batch, length; /* of x */
    npy x, c_noise, features, channels[UNET_MAX_LEVELS + 1];
    npy noise, draws;
    int item; /* of the batch, while sampling */
} golden;

static float *values(size_t count) {
    return calloc(count ? count : 1, sizeof(float));
}

/* (B, C, L) -> [B,L,C]; NULL when out of memory */
static float *channels_last(const npy *a) {
    size_t batch = (size_t)a->dim[0], channels = (size_t)a->dim[1], length = (size_t)a->dim[2];
    float *out = values(a->count);
    for (size_t b = 0; out && b < batch; b++)
        verify_transpose(out + b * channels * length, a->f32 + b * channels * length, channels, length);
    return out;
}

/* ---- one evaluation -------------------------------------------------------------------------------------------------------- */

/* Records x (times c_in where denoising) -> network -> "y", or the denoised signal. */
static net *record(const verifier *v, const golden *g, bool denoised) {
    const unet_config *u = &g->model->unet;
    net *n = net_new(v->compute, g->weights, "network", 1);
    if (!n)
        return NULL;
    tensor x = net_input(n, "x", PHASE_STEP, shape_1d(g->batch, g->length, u->in_channels), STORE_F32), in_x = x;
    unet_inputs in = {.c_noise = net_input(n, "c_noise", PHASE_RUN, shape_1d(g->batch, 1, 1), STORE_F32)};
    tensor c = net_input(n, "coefficients", PHASE_RUN, shape_1d(1, 1, 3), STORE_F32);
    if (denoised)
        in_x = scale_by(n, x, c, 0);
    for (int k = 0; k <= u->levels; k++)
        if (u->context_channels[k]) {
            char name[32];
            snprintf(name, sizeof name, "channels%d", k);
            in.channels[k] = net_input(n, name, PHASE_CLIP, shape_1d(g->batch, g->length / unet_hop(u, k), u->context_channels[k]), STORE_F32);
        }
    if (u->context_features)
        in.features = net_input(n, "features", PHASE_CLIP, shape_1d(g->batch, 1, u->context_features), STORE_F32);
    in.x = in_x;
    tensor y = unet(n, u, &in);
    net_output(n, "y", denoised ? denoise(n, x, y, c, 1) : y);
    return n;
}

static loris_status write_inputs(plan *p, const golden *g, const float *x, const float *c_noise, const float coefficients[3]) {
    const unet_config *u = &g->model->unet;
    TRY(plan_write(p, "x", x, g->x.count * sizeof *x));
    TRY(plan_write(p, "c_noise", c_noise, (size_t)g->batch * sizeof *c_noise));
    TRY(plan_write(p, "coefficients", coefficients, 3 * sizeof *coefficients));
    for (int k = 0; k <= u->levels; k++)
        if (u->context_channels[k]) {
            char name[32];
            snprintf(name, sizeof name, "channels%d", k);
            float *last = channels_last(&g->channels[k]);
            loris_status status = last ? plan_write(p, name, last, g->channels[k].count * sizeof *last) : fail_memory("golden arrays");
            free(last);
            TRY(status);
        }
    if (u->context_features)
        TRY(plan_write(p, "features", g->features.f32, g->features.count * sizeof(float)));
    return LORIS_OK;
}

static loris_status run_phases(plan *p) {
    TRY(plan_run(p, PHASE_CLIP, 0));
    TRY(plan_run(p, PHASE_RUN, 0));
    return plan_run(p, PHASE_STEP, 0);
}

static loris_status check_evaluation(verifier *v, const golden *g, bool denoised) {
    const char *name = denoised ? "denoised" : "unet";
    if (!verify_has(v, name))
        return LORIS_OK;
    size_t count = g->x.count, item = count / (size_t)g->batch, channels = (size_t)g->model->unet.in_channels;
    float *x = channels_last(&g->x), *noise = values((size_t)g->batch), *got = values(count), *last = values(count);
    plan *p = NULL;
    npy want = {0};
    loris_status status = x && noise && got && last ? LORIS_OK : fail_memory("golden arrays");
    if (status != LORIS_OK)
        goto done;
    scalings s = precondition(0.5, g->model->sigma_data);
    for (size_t i = 0; denoised && i < count; i++)
        x[i] *= 0.1f;
    for (int b = 0; b < g->batch; b++)
        noise[b] = denoised ? s.noise : g->c_noise.f32[b];
    TRY_GOTO(verify_read(v, name, g->x.rank, g->x.dim, &want));
    TRY_GOTO(plan_build(&p, record(v, g, denoised)));
    TRY_GOTO(write_inputs(p, g, x, noise, (const float[]){s.in, s.skip, s.out}));
    TRY_GOTO(run_phases(p));
    TRY_GOTO(plan_read(p, "y", last, count * sizeof *last));
    for (int b = 0; b < g->batch; b++)
        verify_transpose(got + (size_t)b * item, last + (size_t)b * item, item / channels, channels);
    status = verify_compare(v, name, g->x.rank, g->x.dim, got, want.f32, EVALUATION_TOLERANCE);
done:
    plan_free(p);
    npy_free(&want);
    free(x);
    free(noise);
    free(got);
    free(last);
    return status;
}

/* ---- samples ------------------------------------------------------------------------------------------------------------------ */

/* noise.npy (B, C, S) and draws.npy (draws, B, C, S) as a noise_function of one item. */
static loris_status golden_noise(void *user, int draw, size_t first, size_t count, float *out) {
    const golden *g = user;
    size_t channels = (size_t)g->model->unet.in_channels, length = (size_t)g->length, item = channels * length;
    const float *from = draw < 0 ? g->noise.f32 : g->draws.f32 + (size_t)draw * (size_t)g->batch * item;
    if (draw >= 0 && draw >= (int)g->draws.dim[0])
        return fail(LORIS_ERROR_INPUT, NULL, "draws.npy has %d draws, the sampler wants more", (int)g->draws.dim[0]);
    from += (size_t)g->item * item;
    for (size_t i = 0; i < count; i++) {
        size_t row = (first + i) / channels, channel = (first + i) % channels;
        out[i] = row < length ? from[channel * length + row] : 0;
    }
    return LORIS_OK;
}

/* One item of the batch -> got [S][C]. */
static loris_status sample_item(const verifier *v, golden *g, int item, const sampling_settings *s, float *got) {
    const unet_config *u = &g->model->unet;
    clip_conditioning conditioning = {.rows = g->length};
    float *channels[UNET_MAX_LEVELS + 1] = {0};
    loris_status status = LORIS_OK;
    for (int k = 0; status == LORIS_OK && k <= u->levels; k++) {
        if (!u->context_channels[k])
            continue;
        size_t size = g->channels[k].count / (size_t)g->batch, width = (size_t)u->context_channels[k];
        channels[k] = values(size);
        if (channels[k])
            verify_transpose(channels[k], g->channels[k].f32 + (size_t)item * size, width, size / width);
        else
            status = fail_memory("golden arrays");
        conditioning.channels[k] = channels[k];
    }
    if (u->context_features)
        conditioning.features = g->features.f32 + item * u->context_features;
    g->item = item;
    sampling_request request = {.compute = v->compute, .weights = g->weights, .unet = u, .settings = s, .rows = g->length,
                                .conditioning = &conditioning,
                                .noise = golden_noise, .noise_user = g};
    if (status == LORIS_OK)
        status = sample_clip(&request, got, NULL);
    for (int k = 0; k <= u->levels; k++)
        free(channels[k]);
    return status;
}

static loris_status check_sample(verifier *v, golden *g, sampler_kind kind, int steps) {
    char name[64];
    snprintf(name, sizeof name, "sample_%s", sampler_name(kind));
    if (!verify_has(v, name))
        return LORIS_OK;
    sampling_settings s = {.sampler = kind, .steps = steps, .sigma_min = 1e-4, .sigma_max = 3, .rho = 9, .sigma_data = g->model->sigma_data,
                           .guidance = 1, .overlap = 1};
    size_t count = g->x.count, item = count / (size_t)g->batch, channels = (size_t)g->model->unet.in_channels;
    float *got = values(count), *last = values(item);
    npy want = {0};
    loris_status status = got && last ? LORIS_OK : fail_memory("golden arrays");
    if (status == LORIS_OK)
        TRY_GOTO(verify_read(v, name, g->x.rank, g->x.dim, &want));
    for (int b = 0; status == LORIS_OK && b < g->batch; b++) {
        status = sample_item(v, g, b, &s, last);
        verify_transpose(got + (size_t)b * item, last, item / channels, channels);
    }
    if (status == LORIS_OK)
        status = verify_compare(v, name, g->x.rank, g->x.dim, got, want.f32, SAMPLE_TOLERANCE);
done:
    npy_free(&want);
    free(got);
    free(last);
    return status;
}

static loris_status check_samples(verifier *v, golden *g) {
    npy sigmas;
    if (!verify_has(v, "sigmas") || !verify_has(v, "noise"))
        return LORIS_OK;
    TRY(verify_read(v, "sigmas", 1, (const int64_t[]){-1}, &sigmas));
    int steps = (int)sigmas.dim[0] - 1;
    float *got = steps >= 2 ? values((size_t)steps + 1) : NULL;
    loris_status status = got ? LORIS_OK : fail(LORIS_ERROR_INPUT, NULL, "sigmas.npy holds too few noise levels");
    if (status == LORIS_OK) {
        karras_sigmas(got, steps, 1e-4, 3, 9);
        status = verify_compare(v, "sigmas", 1, sigmas.dim, got, sigmas.f32, 1e-6); /* a few float roundings of pow */
    }
    free(got);
    npy_free(&sigmas);
    TRY(status);
    TRY(verify_read(v, "noise", 3, g->x.dim, &g->noise));
    TRY(verify_read(v, "draws", 4, (const int64_t[]){-1, g->x.dim[0], g->x.dim[1], g->x.dim[2]}, &g->draws));
    for (int k = 0; k < SAMPLER_COUNT; k++)
        TRY(check_sample(v, g, (sampler_kind)k, steps));
    return LORIS_OK;
}

/* ---- the folder ------------------------------------------------------------------------------------------------------------------ */

static loris_status read_golden(const verifier *v, golden *g) {
    const unet_config *u = &g->model->unet;
    TRY(verify_read(v, "x", 3, (const int64_t[]){-1, u->in_channels, -1}, &g->x));
    g->batch = (int)g->x.dim[0];
    g->length = (int)g->x.dim[2];
    if (g->batch < 1 || g->length < 1 || g->length % unet_hop(u, u->levels))
        return fail(LORIS_ERROR_INPUT, NULL, "%s/x.npy: %d samples do not fit the network's factors (%d)", v->folder, g->length,
                    unet_hop(u, u->levels));
    TRY(verify_read(v, "c_noise", 1, (const int64_t[]){g->batch}, &g->c_noise));
    if (u->context_features)
        TRY(verify_read(v, "features", 2, (const int64_t[]){g->batch, u->context_features}, &g->features));
    for (int k = 0; k <= u->levels; k++)
        if (u->context_channels[k]) {
            char name[32];
            snprintf(name, sizeof name, "channels%d", k);
            const int64_t dim[] = {g->batch, u->context_channels[k], g->length / unet_hop(u, k)};
            TRY(verify_read(v, name, 3, dim, &g->channels[k]));
        }
    return LORIS_OK;
}

loris_status verify_unet(verifier *v) {
    golden g = {0};
    loris_status status;
    TRY_GOTO(model_open(&g.model, v->folder));
    TRY_GOTO(weights_new(&g.weights, v->compute, g.model->file, g.model->prefix));
    TRY_GOTO(read_golden(v, &g));
    TRY_GOTO(check_evaluation(v, &g, false));
    TRY_GOTO(weights_all_used(g.weights));
    TRY_GOTO(check_evaluation(v, &g, true));
    TRY_GOTO(check_samples(v, &g));
done:
    weights_free(g.weights);
    model_close(g.model);
    npy *arrays[] = {&g.x, &g.c_noise, &g.features, &g.noise, &g.draws};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        npy_free(arrays[i]);
    for (int k = 0; k <= UNET_MAX_LEVELS; k++)
        npy_free(&g.channels[k]);
    return status;
}
