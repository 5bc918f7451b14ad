/* A sampler's networks on one device: what they read, their recording, one evaluation of a window. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diffusion/sampler.h"

/* Rows of the table of coefficients that denoising reads: scale_by index 0, denoise from 1. */
enum { C_IN, C_SKIP, C_OUT, C_LIMIT, C_GUIDANCE, DENOISE_COEFFICIENTS };

/* ---- buffers on the clip's axis ---------------------------------------------------------------------------------- */

static loris_status clear(sampler *r, cl_mem buffer, size_t elements, const char *what) {
    const cl_uint zero = 0;
    cl_int error =
        clEnqueueFillBuffer(r->compute->queue, buffer, &zero, sizeof zero, 0, elements * sizeof(float), 0, NULL, NULL);
    return compute_check(r->compute, error, "clEnqueueFillBuffer", what);
}

static loris_status clip_buffer(sampler *r, cl_mem *out, size_t elements, const char *what) {
    r->report.memory += elements * sizeof(float);
    if (r->estimated)
        return LORIS_OK;
    TRY(buffer_new(r->compute, out, elements * sizeof(float), NULL, what));
    return clear(r, *out, elements, what);
}

/* Rows of d: the clip's, or those of the windows side by side. */
static int denoised_rows(const sampler *r) {
    return r->lends ? (r->end - r->first) * r->windows.length : r->windows.total;
}

loris_status denoisers_make_buffers(sampler *r) {
    const unet_config *u = r->unet;
    const size_t batch = (size_t)r->clips * (r->guided.evaluations ? 2 : 1); /* the second half stays zero: the null */
    TRY(clip_buffer(r, &r->x, r->elements, "the sample"));
    TRY(clip_buffer(r, &r->d, (size_t)r->clips * (size_t)denoised_rows(r) * (size_t)u->in_channels,
                    "the denoised sample"));
    if (sampler_two_evaluations(r) && !r->lends)
        TRY(clip_buffer(r, &r->y, r->elements, "the sample between"));
    if (sampler_is_stochastic(r->settings.sampler) && !r->lends)
        TRY(clip_buffer(r, &r->noise, r->elements, "noise"));
    size_t blending = (size_t)r->windows.count * (size_t)r->windows.length;
    TRY(clip_buffer(r, &r->weight, blending, "blending weights"));
    if (!r->estimated)
        TRY(buffer_write(r->compute, r->weight, 0, r->windows.weight, blending * sizeof(float), "blending weights"));
    for (int k = 0; k <= u->levels; k++) {
        size_t rows = (size_t)r->windows.total / (size_t)unet_hop(u, k), width = (size_t)u->context_channels[k];
        if (width)
            TRY(clip_buffer(r, &r->channels[k], batch * rows * width, "conditioning channels"));
    }
    if (u->context_features)
        TRY(clip_buffer(r, &r->features, batch * (size_t)u->context_features, "conditioning features"));
    return LORIS_OK;
}

/* Clip i's channels and features. */
static loris_status upload_channels(sampler *r, size_t i) {
    const clip_conditioning *c = &r->request.conditioning[i];
    const unet_config *u = r->unet;
    for (int k = 0; k <= u->levels; k++) {
        size_t width = (size_t)u->context_channels[k], hop = (size_t)unet_hop(u, k);
        if (!width)
            continue;
        if (!c->channels[k])
            return fail(LORIS_ERROR_INTERNAL, NULL, "the conditioning channels of level %d are missing", k);
        size_t rows = (size_t)r->windows.total / hop, given = ((size_t)c->rows + hop - 1) / hop;
        size_t at = i * rows * width * sizeof(float);
        given = given < rows ? given : rows;
        TRY(buffer_write(r->compute, r->channels[k], at, c->channels[k], given * width * sizeof(float),
                         "conditioning channels"));
    }
    if (u->context_features) {
        const size_t bytes = (size_t)u->context_features * sizeof(float);
        if (!c->features)
            return fail(LORIS_ERROR_INTERNAL, NULL, "the conditioning features are missing");
        TRY(buffer_write(r->compute, r->features, i * bytes, c->features, bytes, "conditioning features"));
    }
    return LORIS_OK;
}

static loris_status clear_channels(sampler *r) {
    for (int k = 0; k <= r->unet->levels; k++) { /* an earlier clip may have been longer */
        size_t rows = (size_t)r->windows.total / (size_t)unet_hop(r->unet, k);
        if (r->unet->context_channels[k])
            TRY(clear(r, r->channels[k], (size_t)r->clips * rows * (size_t)r->unet->context_channels[k],
                      "conditioning channels"));
    }
    return LORIS_OK;
}

/* `bytes` of clip i into the plan's input, which holds that much of each clip. */
static loris_status write_part(plan *p, compute *c, const char *input, size_t i, const void *data, size_t bytes) {
    cl_mem buffer;
    size_t whole;
    TRY(plan_buffer(p, input, &buffer, &whole));
    return buffer_write(c, buffer, i * bytes, data, bytes, input);
}

static loris_status upload_context(const sampler *r, const denoiser *e, size_t i) {
    const clip_conditioning *c = &r->request.conditioning[i];
    const size_t width = (size_t)r->unet->embedding_features;
    if (c->token_count != r->token_count || c->peak_count != r->peak_count || !c->genre != !r->unet->genre)
        return fail(LORIS_ERROR_INTERNAL, NULL,
                    "%d tokens, %d peaks and %s genre do not fit a network built for %d and %d", c->token_count,
                    c->peak_count, c->genre ? "a" : "no", r->token_count, r->peak_count);
    TRY(write_part(e->plan, r->compute, "tokens", i, c->tokens, (size_t)c->token_count * width * sizeof *c->tokens));
    TRY(write_part(e->plan, r->compute, "peaks", i, c->peaks, (size_t)c->peak_count * sizeof *c->peaks));
    return r->unet->genre ? write_part(e->plan, r->compute, "genre", i, c->genre, width * sizeof *c->genre) : LORIS_OK;
}

/* Tokens, rhythm and genre to a denoiser's network, and what it makes of the clips and the noise levels alone. */
static loris_status begin_denoiser(sampler *r, const denoiser *e) {
    if (!e->plan)
        return LORIS_OK;
    for (size_t i = 0; r->unet->embedding_features && i < (size_t)r->clips; i++)
        TRY(upload_context(r, e, i));
    TRY(plan_run(e->plan, PHASE_CLIP, 0));
    return plan_run(e->plan, PHASE_RUN, 0);
}

loris_status denoisers_begin(sampler *r) {
    TRY(clear_channels(r));
    for (size_t i = 0; i < (size_t)r->clips; i++)
        TRY(upload_channels(r, i));
    TRY(begin_denoiser(r, &r->plain));
    return begin_denoiser(r, &r->guided);
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

/* With one window everything that comes from the clip alone is made once; with several it differs from window to
 * window. */
static tensor clip_input(net *n, const sampler *r, const char *name, shape s, cl_mem buffer) {
    tensor t = net_input(n, name, r->windows.count == 1 ? PHASE_CLIP : PHASE_STEP, s, STORE_F32);
    net_bind(n, t, buffer);
    return t;
}

static void record_context(net *n, const sampler *r, unet_inputs *in, bool guided) {
    const unet_config *u = r->unet;
    in->contexts = guided ? 2 : 1;
    in->context[0] = (unet_context){
        .tokens =
            net_input(n, "tokens", PHASE_CLIP, shape_1d(r->clips, r->token_count, u->embedding_features), STORE_F32),
        .peaks = net_input(n, "peaks", PHASE_CLIP, shape_1d(r->clips, r->peak_count, 1), STORE_I32),
    };
    if (u->genre)
        in->context[0].genre =
            net_input(n, "genre", PHASE_CLIP, shape_1d(r->clips, 1, u->embedding_features), STORE_F32);
    if (guided)
        in->context[1] = unet_null_context(n, u, r->token_count, r->peak_count);
}

const char *denoiser_name(bool guided) {
    return guided ? "guided network" : "network";
}

/* Rows start.. of y -> network -> denoised -> blended into d from row `to`. */
net *denoiser_record(const sampler *r, denoiser *e, bool guided) {
    const unet_config *u = r->unet;
    int total = r->windows.total, length = r->windows.length, batch = guided ? 2 * r->clips : r->clips;
    net *n = net_new(r->compute, r->request.weights, denoiser_name(guided), e->evaluations);
    if (!n)
        return NULL;
    e->start = net_parameter(n, "start");
    e->to = net_parameter(n, "to");
    e->fresh = net_parameter(n, "fresh");
    e->weight_start = net_parameter(n, "weight start");

    shape coefficients = {e->evaluations, 1, 1, 1, 1, DENOISE_COEFFICIENTS}, levels = {e->evaluations, 1, 1, 1, 1, 1};
    tensor c = net_input(n, "coefficients", PHASE_RUN, coefficients, STORE_F32);
    unet_inputs in = {.c_noise = net_input(n, "c_noise", PHASE_RUN, levels, STORE_F32)};
    for (int k = 0; k <= u->levels; k++)
        if (u->context_channels[k]) {
            char name[32];
            int hop = unet_hop(u, k);
            snprintf(name, sizeof name, "channels%d", k);
            tensor clip = clip_input(n, r, name, shape_1d(batch, total / hop, u->context_channels[k]), r->channels[k]);
            in.channels[k] = window(n, clip, e->start, hop, length / hop);
        }
    if (u->context_features) {
        in.features = net_input(n, "features", PHASE_CLIP, shape_1d(batch, 1, u->context_features), STORE_F32);
        net_bind(n, in.features, r->features);
    }
    if (u->embedding_features)
        record_context(n, r, &in, guided);
    tensor clip = net_state(n, "sample", shape_1d(r->clips, total, u->in_channels), STORE_F32);
    net_bind(n, clip, r->y ? r->y : r->x);
    tensor denoised = net_state(n, "denoised", shape_1d(r->clips, denoised_rows(r), u->in_channels), STORE_F32);
    net_bind(n, denoised, r->d);
    tensor blending = clip_input(n, r, "weights", shape_1d(1, r->windows.count * length, 1), r->weight);

    tensor x = window(n, clip, e->start, 1, length);
    in.x = scale_by(n, x, c, C_IN);
    tensor f = unet(n, u, &in);
    blend(n, denoised, denoise(n, x, f, c, C_SKIP), window(n, blending, e->weight_start, 1, length), e->to,
          e->fresh);
    return n;
}

static loris_status fill_denoiser(const sampler *r, denoiser *e, bool guided) {
    float *table = calloc((size_t)e->evaluations * (DENOISE_COEFFICIENTS + 1), sizeof *table);
    if (!table)
        return fail_memory("a sampler");
    float *noise = table + (size_t)e->evaluations * DENOISE_COEFFICIENTS, *row = table;
    int k = 0;
    for (int i = 0; i < r->count; i++) {
        if (r->is_guided[i] != guided)
            continue;
        scalings s = precondition(r->evaluations[i].sigma, r->settings.sigma_data);
        row[C_IN] = s.in;
        row[C_SKIP] = s.skip;
        row[C_OUT] = s.out;
        row[C_LIMIT] = (float)sampler_factor(r->settings.limit);
        row[C_GUIDANCE] = (float)r->settings.guidance;
        noise[k++] = s.noise;
        row += DENOISE_COEFFICIENTS;
    }
    size_t count = (size_t)e->evaluations;
    loris_status status = plan_write(e->plan, "coefficients", table, count * DENOISE_COEFFICIENTS * sizeof *table);
    if (status == LORIS_OK)
        status = plan_write(e->plan, "c_noise", noise, count * sizeof *noise);
    free(table);
    return status;
}

void denoiser_describe(const plan *p, const char *name, text *out) {
    text_printf(out, "%s: %.1f MB on the device for activations, %d nodes and %.2f GFLOP an evaluation\n", name,
                (double)plan_memory(p) * 1e-6, plan_nodes(p, PHASE_STEP), plan_flop(p, PHASE_STEP) * 1e-9);
    plan_describe(p, out);
}

/* The totals, and each node for those who want to know all, a message a line. */
static void log_plan(const plan *p, const char *name) {
    text lines = {0};
    loris_level level = LORIS_LOG_INFO;
    denoiser_describe(p, name, &lines);
    for (char *rest = lines.data, *line; !text_failed(&lines) && (line = strsep(&rest, "\n")) != NULL;) {
        if (*line)
            log_message(level, "%s", line);
        level = LORIS_LOG_DEBUG;
    }
    text_free(&lines);
}

static loris_status build_denoiser(sampler *r, denoiser *e, bool guided) {
    if (!e->evaluations)
        return LORIS_OK;
    TRY(plan_build(&e->plan, denoiser_record(r, e, guided)));
    r->report.memory += plan_memory(e->plan);
    r->report.flop += plan_flop(e->plan, PHASE_STEP) * e->evaluations * r->windows.count;
    r->report.launches_per_evaluation = plan_launches(e->plan, PHASE_STEP);
    log_plan(e->plan, denoiser_name(guided));
    return fill_denoiser(r, e, guided);
}

loris_status denoisers_build(sampler *r) {
    TRY(build_denoiser(r, &r->plain, false));
    return build_denoiser(r, &r->guided, true);
}

/* A lent window is put in its place with weights of 1, which keeps its bits. */
void denoiser_set_window(const sampler *r, const denoiser *e, int w) {
    const int start = r->windows.start[w], length = r->windows.length;
    plan_set(e->plan, e->start, (cl_uint)start);
    plan_set(e->plan, e->to, (cl_uint)(r->lends ? (w - r->first) * length : start));
    plan_set(e->plan, e->fresh, (cl_uint)(r->lends ? 0 : r->windows.fresh[w]));
    plan_set(e->plan, e->weight_start, (cl_uint)(w * length));
}

loris_status denoiser_run(const sampler *r, int index, int w) {
    const denoiser *e = r->is_guided[index] ? &r->guided : &r->plain;
    denoiser_set_window(r, e, w);
    return plan_run(e->plan, PHASE_STEP, r->row[index]);
}
