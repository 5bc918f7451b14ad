#include "diffusion/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "ops/product.h"
#include "plan/plan.h"

/* Rows of the table of coefficients that denoising reads: scale_by index 0, denoise from 1. */
enum { C_IN, C_SKIP, C_OUT, C_LIMIT, C_GUIDANCE, DENOISE_COEFFICIENTS };

/* Columns of the table that updates read: y <- x, y, d, p; y += noise; p <- d; x <- y or x. */
enum { U_X, U_Y, U_D, U_P, U_KEEP, U_NOISE, U_ONE, U_TAKE, U_STAY, UPDATE_COEFFICIENTS };

/* One evaluation of a window, with or without a null beside the conditional. */
typedef struct denoiser {
    plan *plan; /* NULL when no evaluation needs it */
    int start, fresh, weight_start;
    int evaluations;
} denoiser;

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
    denoiser plain, guided;
    bool *is_guided; /* [count] */
    int *row;        /* [count]: which evaluation of its denoiser each is */
    int draws;       /* of noise, made so far in this run */
    plan *update;
    cl_mem x, y, d, noise; /* on the clip's axis; y is x for samplers of one evaluation a step */
    cl_mem weight;         /* blending weights [windows.count][windows.length] */
    cl_mem channels[UNET_MAX_LEVELS + 1], features;
    size_t elements; /* of x: [clips][windows.total][in_channels] */
    float *host;     /* [elements] */
    float *sent[2];  /* [elements]: noise on its way to the device, in turns, so that neither waits for the other */
    cl_event arrived[2];
    sampling_report report;
    bool estimated; /* nothing is made: sizes are added up */
};

loris_status seeded_noise(void *user, int draw, size_t first, size_t count, float *out) {
    random_normal(out, *(const uint64_t *)user, (uint64_t)(draw + 1), first, count);
    return LORIS_OK;
}

static bool two_evaluations(const sampler *r) {
    return r->settings.sampler == SAMPLER_ADPM2 || r->settings.sampler == SAMPLER_HEUN;
}

static bool remembers(const sampler *r) {
    return r->settings.sampler == SAMPLER_HEUN || r->settings.sampler == SAMPLER_DPMPP2M;
}

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

static loris_status make_buffers(sampler *r, bool any_guided) {
    const unet_config *u = r->unet;
    const size_t batch = (size_t)r->clips * (any_guided ? 2 : 1); /* the second half stays zero: the null */
    TRY(clip_buffer(r, &r->x, r->elements, "the sample"));
    TRY(clip_buffer(r, &r->d, r->elements, "the denoised sample"));
    if (two_evaluations(r))
        TRY(clip_buffer(r, &r->y, r->elements, "the sample between"));
    if (sampler_is_stochastic(r->settings.sampler))
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

/* A factor that was left out is 1. */
static double or_one(double factor) {
    return factor > 0 ? factor : 1;
}

/* One draw of noise over each clip. */
static loris_status draw_noise(sampler *r, float *out) {
    const sampling_request *q = &r->request;
    const size_t each = r->elements / (size_t)r->clips;
    for (size_t i = 0; i < (size_t)r->clips; i++)
        TRY(q->noise(q->noise_users ? q->noise_users[i] : q->noise_user, r->draws, 0, each, out + i * each));
    r->draws++;
    return LORIS_OK;
}

/* Draws noise and sends it, while the device is still at work on the evaluations before. */
static loris_status send_noise(sampler *r) {
    const int turn = r->draws & 1;
    TRY(compute_wait(r->compute, &r->arrived[turn], "noise"));
    TRY(draw_noise(r, r->sent[turn]));
    return buffer_send(r->compute, r->noise, r->sent[turn], r->elements * sizeof(float), &r->arrived[turn], "noise");
}

/* r->host becomes the sample. */
static loris_status write_sample(sampler *r) {
    size_t bytes = r->elements * sizeof(float);
    TRY(buffer_write(r->compute, r->x, 0, r->host, bytes, "the sample"));
    return two_evaluations(r) ? buffer_write(r->compute, r->y, 0, r->host, bytes, "the sample between") : LORIS_OK;
}

static loris_status begin_clips(sampler *r) {
    r->draws = -1;
    TRY(clear_channels(r));
    for (size_t i = 0; i < (size_t)r->clips; i++)
        TRY(upload_channels(r, i));
    TRY(begin_denoiser(r, &r->plain));
    TRY(begin_denoiser(r, &r->guided));
    TRY(draw_noise(r, r->host));
    const float scale = (float)(r->sigmas[0] * or_one(r->settings.temperature));
    for (size_t i = 0; i < r->elements; i++)
        r->host[i] *= scale;
    return write_sample(r);
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

static const char *denoiser_name(bool guided) {
    return guided ? "guided network" : "network";
}

/* Rows start.. of y -> network -> denoised -> blended into d. */
static net *record_denoiser(const sampler *r, denoiser *e, bool guided) {
    const unet_config *u = r->unet;
    int total = r->windows.total, length = r->windows.length, batch = guided ? 2 * r->clips : r->clips;
    net *n = net_new(r->compute, r->request.weights, denoiser_name(guided), e->evaluations);
    if (!n)
        return NULL;
    e->start = net_parameter(n, "start");
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
    tensor denoised = net_state(n, "denoised", shape_1d(r->clips, total, u->in_channels), STORE_F32);
    net_bind(n, denoised, r->d);
    tensor blending = clip_input(n, r, "weights", shape_1d(1, r->windows.count * length, 1), r->weight);

    tensor x = window(n, clip, e->start, 1, length);
    in.x = scale_by(n, x, c, C_IN);
    tensor f = unet(n, u, &in);
    blend(n, denoised, denoise(n, x, f, c, C_SKIP), window(n, blending, e->weight_start, 1, length), e->start,
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
        row[C_LIMIT] = (float)or_one(r->settings.limit);
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

static void describe_plan(const plan *p, const char *name, text *out) {
    text_printf(out, "%s: %.1f MB on the device for activations, %d nodes and %.2f GFLOP an evaluation\n", name,
                (double)plan_memory(p) * 1e-6, plan_nodes(p, PHASE_STEP), plan_flop(p, PHASE_STEP) * 1e-9);
    plan_describe(p, out);
}

/* The totals, and each node for those who want to know all, a message a line. */
static void log_plan(const plan *p, const char *name) {
    text lines = {0};
    loris_level level = LORIS_LOG_INFO;
    describe_plan(p, name, &lines);
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
    TRY(plan_build(&e->plan, record_denoiser(r, e, guided)));
    r->report.memory += plan_memory(e->plan);
    r->report.flop += plan_flop(e->plan, PHASE_STEP) * e->evaluations * r->windows.count;
    r->report.launches_per_evaluation = plan_launches(e->plan, PHASE_STEP);
    log_plan(e->plan, denoiser_name(guided));
    return fill_denoiser(r, e, guided);
}

static net *record_update(const sampler *r) {
    shape whole = shape_1d(r->clips, r->windows.total, r->unet->in_channels);
    net *n = net_new(r->compute, NULL, "sampler", r->count);
    if (!n)
        return NULL;
    tensor c = net_input(n, "coefficients", PHASE_RUN, (shape){r->count, 1, 1, 1, 1, UPDATE_COEFFICIENTS}, STORE_F32);
    tensor x = net_state(n, "x", whole, STORE_F32), y = x;
    net_bind(n, x, r->x);
    if (two_evaluations(r)) {
        y = net_state(n, "y", whole, STORE_F32);
        net_bind(n, y, r->y);
    }
    tensor d = net_input(n, "d", PHASE_STEP, whole, STORE_F32);
    net_bind(n, d, r->d);
    tensor p = remembers(r) ? net_state(n, "p", whole, STORE_F32) : d;

    combine(n, y, (const tensor[]){x, y, d, p}, 4, c, U_X, false);
    if (sampler_is_stochastic(r->settings.sampler)) {
        tensor noise = net_input(n, "noise", PHASE_STEP, whole, STORE_F32);
        net_bind(n, noise, r->noise);
        combine(n, y, (const tensor[]){y, noise}, 2, c, U_KEEP, false);
    }
    if (remembers(r))
        combine(n, p, (const tensor[]){d}, 1, c, U_ONE, false);
    if (two_evaluations(r))
        combine(n, x, (const tensor[]){y, x}, 2, c, U_TAKE, false);
    return n;
}

static loris_status build_update(sampler *r) {
    TRY(plan_build(&r->update, record_update(r)));
    r->report.memory += plan_memory(r->update);
    float *table = calloc((size_t)r->count * UPDATE_COEFFICIENTS, sizeof *table);
    float *zeros = calloc(r->elements, sizeof *zeros);
    loris_status status = table && zeros ? LORIS_OK : fail_memory("a sampler");
    if (status == LORIS_OK) {
        for (int i = 0; i < r->count; i++) {
            const evaluation *e = &r->evaluations[i];
            float *row = table + (size_t)i * UPDATE_COEFFICIENTS;
            row[U_X] = e->x_weight;
            row[U_Y] = e->y_weight;
            row[U_D] = e->d_weight;
            row[U_P] = e->p_weight;
            row[U_KEEP] = row[U_ONE] = 1;
            row[U_NOISE] = e->noise_weight * (float)or_one(r->settings.temperature);
            row[U_TAKE] = e->ends_step;
            row[U_STAY] = !e->ends_step;
        }
        status = plan_write(r->update, "coefficients", table, (size_t)r->count * UPDATE_COEFFICIENTS * sizeof *table);
    }
    if (status == LORIS_OK && remembers(r))
        status = plan_write(r->update, "p", zeros, r->elements * sizeof *zeros);
    free(table);
    free(zeros);
    TRY(status);
    return plan_run(r->update, PHASE_RUN, 0);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void tell(const sampler *r, int done) {
    if (r->request.progress)
        r->request.progress(r->request.progress_user, "denoise", done,
                            (double)r->count * r->windows.count *
                                (r->request.inpaint ? r->request.inpaint->resamples : 1));
}

static void set_window(const sampler *r, const denoiser *e, int w) {
    plan_set(e->plan, e->start, (cl_uint)r->windows.start[w]);
    plan_set(e->plan, e->fresh, (cl_uint)r->windows.fresh[w]);
    plan_set(e->plan, e->weight_start, (cl_uint)(w * r->windows.length));
}

static loris_status evaluate(sampler *r, const denoiser *e, int index, int done) {
    for (int w = 0; w < r->windows.count; w++) {
        set_window(r, e, w);
        TRY(plan_run(e->plan, PHASE_STEP, index));
        tell(r, done + w + 1);
    }
    return LORIS_OK;
}

/* The sample where it is unknown, and the source at the step's noise level where it is known. */
static loris_status merge_source(sampler *r, float sigma, const float *noise) {
    const inpainting *p = r->request.inpaint;
    size_t given = (size_t)r->request.rows * (size_t)r->unet->in_channels;
    TRY(buffer_read(r->compute, r->x, 0, r->host, r->elements * sizeof(float), "the sample"));
    for (size_t i = 0; i < given; i++)
        if (p->known[i])
            r->host[i] = p->source[i] + sigma * noise[i];
    return write_sample(r);
}

/* From the noise level after a step back to the one before it. */
static loris_status renoise(sampler *r, float before, float after) {
    float *sample = calloc(r->elements, sizeof *sample);
    if (!sample)
        return fail_memory("a sampler");
    const float sigma = (float)sqrt((double)before * before - (double)after * after);
    loris_status status = buffer_read(r->compute, r->x, 0, sample, r->elements * sizeof(float), "the sample");
    if (status == LORIS_OK)
        status = draw_noise(r, r->host);
    for (size_t i = 0; status == LORIS_OK && i < r->elements; i++)
        r->host[i] = sample[i] + sigma * r->host[i];
    free(sample);
    return status == LORIS_OK ? write_sample(r) : status;
}

/* Evaluations first .. first+count-1, which make one step. */
static loris_status make_step(sampler *r, int first, int count, int *done) {
    for (int i = first; i < first + count; i++) {
        TRY(evaluate(r, r->is_guided[i] ? &r->guided : &r->plain, r->row[i], *done));
        *done += r->windows.count;
        if (r->evaluations[i].draw >= 0)
            TRY(send_noise(r));
        TRY(plan_run(r->update, PHASE_STEP, i));
    }
    return LORIS_OK;
}

static loris_status inpaint_step(sampler *r, int first, int count, int *done) {
    const int step = r->evaluations[first].step, resamples = r->request.inpaint->resamples;
    float *noise = calloc(r->elements, sizeof *noise);
    if (!noise)
        return fail_memory("a sampler");
    loris_status status = draw_noise(r, r->host);
    memcpy(noise, r->host, r->elements * sizeof *noise);
    for (int k = 0; status == LORIS_OK && k < resamples; k++) {
        status = merge_source(r, r->sigmas[step], noise);
        if (status == LORIS_OK)
            status = make_step(r, first, count, done);
        if (status == LORIS_OK && k + 1 < resamples)
            status = renoise(r, r->sigmas[step], r->sigmas[step + 1]);
    }
    free(noise);
    return status;
}

static loris_status loop(sampler *r) {
    int done = 0;
    log_message(LORIS_LOG_INFO, "the first of %d evaluations begins", r->count);
    tell(r, 0);
    for (int first = 0, end; first < r->count; first = end) {
        for (end = first + 1; end < r->count && r->evaluations[end].step == r->evaluations[first].step;)
            end++;
        TRY(r->request.inpaint ? inpaint_step(r, first, end - first, &done) : make_step(r, first, end - first, &done));
    }
    return compute_finish(r->compute, "sampler");
}

static loris_status list_evaluations(sampler *r) {
    const sampling_settings *s = &r->settings;
    r->sigmas = calloc((size_t)s->steps + 1, sizeof *r->sigmas);
    if (!r->sigmas)
        return fail_memory("a sampler");
    karras_sigmas(r->sigmas, s->steps, s->sigma_min, s->sigma_max, s->rho);
    TRY(sampler_evaluations(s->sampler, r->sigmas, s->steps, &r->evaluations, &r->count));
    r->is_guided = calloc((size_t)r->count, sizeof *r->is_guided);
    r->row = calloc((size_t)r->count, sizeof *r->row);
    if (!r->is_guided || !r->row)
        return fail_memory("a sampler");
    for (int i = 0; i < r->count; i++) {
        double sigma = r->evaluations[i].sigma;
        r->is_guided[i] = s->guidance != 1 && sigma >= s->guidance_low && sigma <= s->guidance_high;
        r->row[i] = r->is_guided[i] ? r->guided.evaluations++ : r->plain.evaluations++;
    }
    return LORIS_OK;
}

/* The windows and the evaluations: all that is known before anything is made. */
static loris_status outline(sampler *r) {
    const sampling_settings *s = &r->settings;
    int grid = unet_hop(r->unet, r->unet->levels), rows = r->request.rows;
    int length = s->window ? s->window : (rows + grid - 1) / grid * grid;
    if (s->steps < 2)
        return fail(LORIS_ERROR_ARGUMENT, "use at least 2 steps", "%d steps make no update", s->steps);
    TRY(windows_new(&r->windows, rows, length, grid, s->overlap, s->margin));
    if (r->unet->embedding_features && r->windows.count > 1)
        return fail(LORIS_ERROR_ARGUMENT, "sample it in one window, or cut it to clips of the model's length",
                    "a clip of %d rows is longer than the %d that a network with visual tokens sees at once", rows,
                    length);
    r->token_count = r->request.conditioning->token_count;
    r->peak_count = r->request.conditioning->peak_count;
    r->elements = (size_t)r->clips * (size_t)r->windows.total * (size_t)r->unet->in_channels;
    return list_evaluations(r);
}

static loris_status prepare(sampler *r) {
    TRY(outline(r));
    const bool sends = sampler_is_stochastic(r->settings.sampler);
    r->host = calloc(r->elements, sizeof *r->host);
    for (int i = 0; i < 2 && sends; i++)
        r->sent[i] = calloc(r->elements, sizeof *r->sent[i]);
    if (!r->host || (sends && !(r->sent[0] && r->sent[1])))
        return fail_memory("a sampler");
    TRY(make_buffers(r, r->guided.evaluations > 0));
    TRY(build_denoiser(r, &r->plain, false));
    TRY(build_denoiser(r, &r->guided, true));
    TRY(build_update(r));
    double packed = (double)weights_device_bytes(r->request.weights) * 1e-6;
    log_message(LORIS_LOG_INFO, "peak device memory: %.1f MB, of which %.1f MB are weights",
                (double)r->report.memory * 1e-6 + packed, packed);
    return LORIS_OK;
}

void sampler_free(sampler *r) {
    if (!r)
        return;
    plan_free(r->plain.plan);
    plan_free(r->guided.plan);
    plan_free(r->update);
    cl_mem *all[] = {&r->x, &r->y, &r->d, &r->noise, &r->weight, &r->features};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buffer_free(all[i]);
    for (int k = 0; k <= UNET_MAX_LEVELS; k++)
        buffer_free(&r->channels[k]);
    windows_free(&r->windows);
    free(r->sigmas);
    free(r->evaluations);
    free(r->is_guided);
    free(r->row);
    free(r->host);
    for (int i = 0; i < 2; i++) {
        if (r->arrived[i])
            clReleaseEvent(r->arrived[i]);
        free(r->sent[i]);
    }
    free(r);
}

/* What is in flight still uses the buffers; the failure stays the first one. */
static void drain(const sampler *r) {
    error_record record;
    error_take(&record);
    compute_finish(r->compute, "sampler");
    error_put(&record);
}

static sampler *blank_sampler(const sampling_request *request) {
    sampler *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->request = *request;
    r->compute = request->compute;
    r->unet = request->unet;
    r->settings = *request->settings;
    r->clips = request->clips > 1 ? request->clips : 1;
    return r;
}

loris_status sampler_new(sampler **out, const sampling_request *request) {
    sampler *r = blank_sampler(request);
    if (!r)
        return fail_memory("a sampler");
    loris_status status = prepare(r);
    if (status != LORIS_OK) {
        drain(r);
        sampler_free(r);
        return status;
    }
    *out = r;
    return LORIS_OK;
}

static loris_status draft(net *n, const char *name, text *out) {
    plan *p = NULL;
    TRY(plan_draft(&p, n));
    describe_plan(p, name, out);
    plan_free(p);
    return LORIS_OK;
}

static loris_status add_up(sampler *r, net *n, int evaluations) {
    plan *p = NULL;
    TRY(plan_draft(&p, n));
    const size_t kept = plan_weights(p, number_size(product_storage(r->compute)));
    r->report.memory += plan_memory(p);
    r->report.flop += plan_flop(p, PHASE_STEP) * evaluations * r->windows.count;
    if (kept > r->report.weights) /* the two networks share theirs */
        r->report.weights = kept;
    plan_free(p);
    return LORIS_OK;
}

loris_status sampler_estimate(const sampling_request *request, sampling_report *out) {
    sampler *r = blank_sampler(request);
    if (!r)
        return fail_memory("a sampler");
    r->estimated = true;
    loris_status status = outline(r);
    if (status == LORIS_OK)
        status = make_buffers(r, r->guided.evaluations > 0);
    for (int guided = 0; status == LORIS_OK && guided < 2; guided++) {
        denoiser *e = guided ? &r->guided : &r->plain;
        if (e->evaluations)
            status = add_up(r, record_denoiser(r, e, guided), e->evaluations);
    }
    if (status == LORIS_OK)
        status = add_up(r, record_update(r), 0);
    r->report.evaluations = r->count;
    r->report.windows = r->windows.count;
    *out = r->report;
    sampler_free(r);
    return status;
}

loris_status sampler_outline(const sampling_request *request, text *out) {
    sampler *r = blank_sampler(request);
    if (!r)
        return fail_memory("a sampler");
    loris_status status = outline(r);
    for (int guided = 0; status == LORIS_OK && guided < 2; guided++) {
        denoiser *e = guided ? &r->guided : &r->plain;
        if (e->evaluations)
            status = draft(record_denoiser(r, e, guided), denoiser_name(guided), out);
    }
    if (status == LORIS_OK)
        status = draft(record_update(r), "sampler", out);
    sampler_free(r);
    return status == LORIS_OK && text_failed(out) ? fail_memory("a plan's description") : status;
}

loris_status sampler_stand(sampler *r, plan *plans[SAMPLER_PLANS], int *count) {
    const denoiser *networks[] = {&r->plain, &r->guided};
    *count = 0;
    TRY(begin_clips(r));
    for (int i = 0; i < 2; i++)
        if (networks[i]->plan) {
            set_window(r, networks[i], 0);
            plans[(*count)++] = networks[i]->plan;
        }
    plans[(*count)++] = r->update;
    return LORIS_OK;
}

plan *sampler_network(sampler *r) {
    return r->guided.plan ? r->guided.plan : r->plain.plan;
}

sampling_request *sampler_request(sampler *r) {
    return &r->request;
}

const windows *sampler_windows(const sampler *r) {
    return &r->windows;
}

/* The clips' own rows, limited, or with what was given in its place. */
static void finish_clips(const sampler *r, float *out) {
    const inpainting *p = r->request.inpaint;
    const size_t given = (size_t)r->clips, each = r->elements / given;
    const size_t wanted = (size_t)r->request.rows * (size_t)r->unet->in_channels;
    for (size_t k = 0; k < given; k++)
        for (size_t i = 0; i < wanted; i++) {
            const float v = r->host[k * each + i];
            if (p)
                out[i] = p->known[i] ? p->source[i] : v;
            else
                out[k * wanted + i] = v < -1 ? -1 : v > 1 ? 1 : v;
        }
}

loris_status sampler_run(sampler *r, float *out, sampling_report *report) {
    if (r->request.inpaint && r->clips > 1)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "parts can be given for one clip at a time, not for %d", r->clips);
    loris_status status = begin_clips(r);
    if (status == LORIS_OK)
        status = loop(r);
    if (status == LORIS_OK)
        status = buffer_read(r->compute, r->x, 0, r->host, r->elements * sizeof *r->host, "the sample");
    if (status != LORIS_OK) {
        drain(r);
        return status;
    }
    finish_clips(r, out);
    r->report.evaluations = r->count * (r->request.inpaint ? r->request.inpaint->resamples : 1);
    r->report.windows = r->windows.count;
    r->report.weights = weights_device_bytes(r->request.weights);
    if (report)
        *report = r->report;
    return LORIS_OK;
}

loris_status sample_clip(const sampling_request *request, float *out, sampling_report *report) {
    sampler *r = NULL;
    TRY(sampler_new(&r, request));
    loris_status status = sampler_run(r, out, report);
    sampler_free(r);
    return status;
}
