/* Golden arrays of a U-Net: evaluations, one denoising, and whole samples with each sampler. Arrays are (B, C, L). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/verify_golden.h"
#include "plan/plan.h"

static const double SAMPLE_GUIDANCE = 3; /* of the golden samples and denoisings of networks with a context */

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

/* ---- one evaluation ---------------------------------------------------------------------------------------------- */

/* Golden evaluations: which contexts the network has beside each other, and what is made of its results. */
typedef enum contexts { CONTEXT_GIVEN, CONTEXT_NULL, CONTEXT_BOTH } contexts;

typedef struct evaluation_check {
    const char *name;
    contexts contexts;
    double guidance; /* of CONTEXT_BOTH */
    bool denoised;
    double tolerance;
} evaluation_check;

static bool has_context(const golden *g) {
    return g->model->unet.embedding_features > 0;
}

static void record_contexts(net *n, const golden *g, contexts which, int batch, unet_inputs *in) {
    const unet_config *u = &g->model->unet;
    if (which != CONTEXT_NULL) {
        unet_context *given = &in->context[in->contexts++];
        given->tokens =
            net_input(n, "tokens", PHASE_CLIP, shape_1d(batch, g->token_count, u->embedding_features), STORE_F32);
        given->peaks = net_input(n, "peaks", PHASE_CLIP, shape_1d(batch, g->peak_count, 1), STORE_I32);
        if (u->genre)
            given->genre = net_input(n, "genre", PHASE_CLIP, shape_1d(batch, 1, u->embedding_features), STORE_F32);
    }
    if (which != CONTEXT_GIVEN)
        in->context[in->contexts++] = unet_null_context(n, u, g->token_count, g->peak_count);
}

/* Records x (times c_in where denoising) -> network -> "y", or the denoised signal, for `batch` items. */
static net *record(const verifier *v, const golden *g, const evaluation_check *check, int batch) {
    const unet_config *u = &g->model->unet;
    net *n = net_new(v->compute, g->weights, "network", 1);
    if (!n)
        return NULL;
    tensor x = net_input(n, "x", PHASE_STEP, shape_1d(batch, g->length, u->in_channels), STORE_F32);
    unet_inputs in = {.x = x, .c_noise = net_input(n, "c_noise", PHASE_RUN, shape_1d(batch, 1, 1), STORE_F32)};
    tensor c = net_input(n, "coefficients", PHASE_RUN, shape_1d(1, 1, 5), STORE_F32);
    if (check->denoised)
        in.x = scale_by(n, x, c, 0);
    for (int k = 0; k <= u->levels; k++)
        if (u->context_channels[k]) {
            char name[32];
            snprintf(name, sizeof name, "channels%d", k);
            in.channels[k] = net_input(n, name, PHASE_CLIP,
                                       shape_1d(batch, g->length / unet_hop(u, k), u->context_channels[k]), STORE_F32);
        }
    if (u->context_features)
        in.features = net_input(n, "features", PHASE_CLIP, shape_1d(batch, 1, u->context_features), STORE_F32);
    if (has_context(g))
        record_contexts(n, g, check->contexts, batch, &in);
    tensor y = unet(n, u, &in);
    net_output(n, "y", check->denoised ? denoise(n, x, y, c, 1) : y);
    return n;
}

static loris_status write_contexts(plan *p, const golden *g, size_t first, size_t batch) {
    const size_t width = (size_t)g->model->unet.embedding_features, tokens = (size_t)g->token_count * width;
    const size_t peaks = (size_t)g->peak_count;
    TRY(plan_write(p, "tokens", g->tokens.f32 + first * tokens, batch * tokens * sizeof(float)));
    TRY(plan_write(p, "peaks", g->peaks + first * peaks, batch * peaks * sizeof *g->peaks));
    return g->genres ? plan_write(p, "genre", g->genres + first * width, batch * width * sizeof(float)) : LORIS_OK;
}

/* Items first .. first+batch-1; x [batch][S][C]. */
static loris_status write_inputs(plan *p, const golden *g, const evaluation_check *check, int first, int batch,
                                 const float *x) {
    const unet_config *u = &g->model->unet;
    const scalings s = precondition(0.5, g->model->sigma_data);
    const float coefficients[5] = {s.in, s.skip, s.out, 1, (float)check->guidance};
    const size_t items = (size_t)batch, from = (size_t)first;
    TRY(plan_write(p, "x", x, g->x.count / (size_t)g->batch * items * sizeof *x));
    TRY(plan_write(p, "coefficients", coefficients, sizeof coefficients));
    float *noise = values(items);
    if (!noise)
        return fail_memory("golden arrays");
    for (size_t b = 0; b < items; b++)
        noise[b] = check->denoised ? s.noise : g->c_noise.f32[from + b];
    loris_status written = plan_write(p, "c_noise", noise, items * sizeof *noise);
    free(noise);
    TRY(written);
    for (int k = 0; k <= u->levels; k++)
        if (u->context_channels[k]) {
            char name[32];
            snprintf(name, sizeof name, "channels%d", k);
            float *last = channels_last(&g->channels[k]);
            const size_t size = g->channels[k].count / (size_t)g->batch;
            loris_status status = last ? plan_write(p, name, last + from * size, items * size * sizeof *last)
                                       : fail_memory("golden arrays");
            free(last);
            TRY(status);
        }
    if (u->context_features) {
        const size_t width = (size_t)u->context_features;
        TRY(plan_write(p, "features", g->features.f32 + from * width, items * width * sizeof(float)));
    }
    return has_context(g) && check->contexts != CONTEXT_NULL ? write_contexts(p, g, from, items) : LORIS_OK;
}

static loris_status run_phases(plan *p) {
    TRY(plan_run(p, PHASE_CLIP, 0));
    TRY(plan_run(p, PHASE_RUN, 0));
    return plan_run(p, PHASE_STEP, 0);
}

/* y [count] of the given context and then of none -> guided, in place of the first */
static void guide(float *y, size_t count, double guidance) {
    for (size_t i = 0; i < count; i++)
        y[i] = y[count + i] + (y[i] - y[count + i]) * (float)guidance;
}

/* Items first .. first+batch-1 of x [B][S][C] -> got (B, C, S). */
static loris_status evaluate_items(const golden *g, plan *p, const evaluation_check *check, int first, int batch,
                                   const float *x, float *got) {
    const size_t item = g->x.count / (size_t)g->batch, channels = (size_t)g->model->unet.in_channels;
    const bool pair = check->contexts == CONTEXT_BOTH && !check->denoised;
    const size_t count = (size_t)batch * item;
    float *y = values((pair ? 2 : 1) * count);
    loris_status status = y ? LORIS_OK : fail_memory("golden arrays");
    if (status == LORIS_OK)
        status = write_inputs(p, g, check, first, batch, x + (size_t)first * item);
    if (status == LORIS_OK)
        status = run_phases(p);
    if (status == LORIS_OK)
        status = plan_read(p, "y", y, (pair ? 2 : 1) * count * sizeof *y);
    if (status == LORIS_OK && pair)
        guide(y, count, check->guidance);
    for (size_t b = 0; status == LORIS_OK && b < (size_t)batch; b++)
        verify_transpose(got + ((size_t)first + b) * item, y + b * item, item / channels, channels);
    free(y);
    return status;
}

/* The whole batch at once, except where each item becomes a batch of two. */
static loris_status check_evaluation(verifier *v, const golden *g, const evaluation_check *check) {
    if (!verify_has(v, check->name))
        return LORIS_OK;
    const int batch = check->contexts == CONTEXT_BOTH ? 1 : g->batch;
    float *x = channels_last(&g->x), *got = values(g->x.count);
    plan *p = NULL;
    npy want = {0};
    loris_status status = x && got ? LORIS_OK : fail_memory("golden arrays");
    if (status != LORIS_OK)
        goto done;
    for (size_t i = 0; check->denoised && i < g->x.count; i++)
        x[i] *= 0.1f;
    TRY_GOTO(verify_read(v, check->name, g->x.rank, g->x.dim, &want));
    TRY_GOTO(plan_build(&p, record(v, g, check, batch)));
    for (int first = 0; first < g->batch; first += batch)
        TRY_GOTO(evaluate_items(g, p, check, first, batch, x, got));
    status = verify_compare(v, check->name, g->x.rank, g->x.dim, got, want.f32, verify_tolerance(v, check->tolerance));
done:
    plan_free(p);
    npy_free(&want);
    free(x);
    free(got);
    return status;
}

static loris_status check_evaluations(verifier *v, const golden *g) {
    const evaluation_check checks[] = {
        {"unet", CONTEXT_GIVEN, 1, false, EVALUATION_TOLERANCE},
        {"unet_null", CONTEXT_NULL, 1, false, EVALUATION_TOLERANCE},
        {"guided20", CONTEXT_BOTH, 20, false, GUIDED_TOLERANCE},
        {"denoised", has_context(g) ? CONTEXT_BOTH : CONTEXT_GIVEN, SAMPLE_GUIDANCE, true, EVALUATION_TOLERANCE},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (has_context(g) || checks[i].contexts == CONTEXT_GIVEN)
            TRY(check_evaluation(v, g, &checks[i]));
    return weights_all_used(g->weights);
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

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
    if (has_context(g)) {
        const size_t width = (size_t)u->embedding_features, at = (size_t)item;
        conditioning.tokens = g->tokens.f32 + at * (size_t)g->token_count * width;
        conditioning.peaks = g->peaks + at * (size_t)g->peak_count;
        conditioning.genre = g->genres ? g->genres + at * width : NULL;
        conditioning.token_count = g->token_count;
        conditioning.peak_count = g->peak_count;
    }
    g->item = item;
    sampling_request request = {.compute = v->compute,
                                .weights = g->weights,
                                .unet = u,
                                .settings = s,
                                .rows = g->length,
                                .conditioning = &conditioning,
                                .noise = golden_noise,
                                .noise_user = g};
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
    sampling_settings s = {.sampler = kind,
                           .steps = steps,
                           .sigma_min = 1e-4,
                           .sigma_max = 3,
                           .rho = 9,
                           .sigma_data = g->model->sigma_data,
                           .guidance = has_context(g) ? SAMPLE_GUIDANCE : 1,
                           .guidance_high = HUGE_VAL,
                           .overlap = 1};
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
        status = verify_compare(v, name, g->x.rank, g->x.dim, got, want.f32, verify_tolerance(v, SAMPLE_TOLERANCE));
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

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static loris_status read_golden(const verifier *v, golden *g) {
    const unet_config *u = &g->model->unet;
    TRY(verify_read(v, "x", 3, (const int64_t[]){-1, u->in_channels, -1}, &g->x));
    g->batch = (int)g->x.dim[0];
    g->length = (int)g->x.dim[2];
    if (g->batch < 1 || g->length < 1 || g->length % unet_hop(u, u->levels))
        return fail(LORIS_ERROR_INPUT, NULL, "%s/x.npy: %d samples do not fit the network's factors (%d)", v->folder,
                    g->length, unet_hop(u, u->levels));
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
    if (has_context(&g)) {
        TRY_GOTO(golden_read_context(v, &g));
        TRY_GOTO(golden_check_context(v, &g));
    }
    TRY_GOTO(check_evaluations(v, &g));
    TRY_GOTO(check_samples(v, &g));
done:
    golden_free_context(&g);
    weights_free(g.weights);
    model_close(g.model);
    npy *arrays[] = {&g.x, &g.c_noise, &g.features, &g.noise, &g.draws};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        npy_free(arrays[i]);
    for (int k = 0; k <= UNET_MAX_LEVELS; k++)
        npy_free(&g.channels[k]);
    return status;
}
