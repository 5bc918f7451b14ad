#include "diffusion/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "diffusion/sampler.h"
#include "ops/product.h"

/* Columns of the table that updates read: y <- x, y, d, p; y += noise; p <- d; x <- y or x. */
enum { U_X, U_Y, U_D, U_P, U_KEEP, U_NOISE, U_ONE, U_TAKE, U_STAY, UPDATE_COEFFICIENTS };

loris_status seeded_noise(void *user, int draw, size_t first, size_t count, float *out) {
    random_normal(out, *(const uint64_t *)user, (uint64_t)(draw + 1), first, count);
    return LORIS_OK;
}

bool sampler_two_evaluations(const sampler *r) {
    return r->settings.sampler == SAMPLER_ADPM2 || r->settings.sampler == SAMPLER_HEUN;
}

static bool remembers(const sampler *r) {
    return r->settings.sampler == SAMPLER_HEUN || r->settings.sampler == SAMPLER_DPMPP2M;
}

double sampler_factor(double factor) {
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
    return r->y ? buffer_write(r->compute, r->y, 0, r->host, bytes, "the sample between") : LORIS_OK;
}

static loris_status begin_clips(sampler *r) {
    r->draws = -1;
    TRY(denoisers_begin(r));
    TRY(shares_begin(r));
    TRY(draw_noise(r, r->host));
    const float scale = (float)(r->sigmas[0] * sampler_factor(r->settings.temperature));
    for (size_t i = 0; i < r->elements; i++)
        r->host[i] *= scale;
    return write_sample(r);
}

static net *record_update(const sampler *r) {
    shape whole = shape_1d(r->clips, r->windows.total, r->unet->in_channels);
    net *n = net_new(r->compute, NULL, "sampler", r->count);
    if (!n)
        return NULL;
    tensor c = net_input(n, "coefficients", PHASE_RUN, (shape){r->count, 1, 1, 1, 1, UPDATE_COEFFICIENTS}, STORE_F32);
    tensor x = net_state(n, "x", whole, STORE_F32), y = x;
    net_bind(n, x, r->x);
    if (sampler_two_evaluations(r)) {
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
    if (sampler_two_evaluations(r))
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
            row[U_NOISE] = e->noise_weight * (float)sampler_factor(r->settings.temperature);
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

void sampler_tell(const sampler *r, int done) {
    if (r->request.progress)
        r->request.progress(r->request.progress_user, "denoise", done,
                            (double)r->count * r->windows.count *
                                (r->request.inpaint ? r->request.inpaint->resamples : 1));
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
        TRY(shares_evaluate(r, i, *done));
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
    sampler_tell(r, 0);
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

loris_status sampler_plan(sampler *r) {
    const sampling_settings *s = &r->settings;
    int grid = unet_hop(r->unet, r->unet->levels), rows = r->request.rows;
    int length = s->window ? s->window : (rows + grid - 1) / grid * grid;
    if (s->steps < 2)
        return fail(LORIS_ERROR_ARGUMENT, "use at least 2 steps", "%d steps make no update", s->steps);
    TRY(windows_new(&r->windows, rows, length, grid, s->overlap, s->margin));
    r->end = r->windows.count;
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
    TRY(sampler_plan(r));
    const bool sends = sampler_is_stochastic(r->settings.sampler);
    r->host = calloc(r->elements, sizeof *r->host);
    for (int i = 0; i < 2 && sends; i++)
        r->sent[i] = calloc(r->elements, sizeof *r->sent[i]);
    if (!r->host || (sends && !(r->sent[0] && r->sent[1])))
        return fail_memory("a sampler");
    TRY(denoisers_make_buffers(r));
    TRY(denoisers_build(r));
    TRY(build_update(r));
    TRY(shares_new(r));
    double packed = (double)weights_device_bytes(r->request.weights) * 1e-6;
    log_message(LORIS_LOG_INFO, "peak device memory: %.1f MB, of which %.1f MB are weights",
                (double)r->report.memory * 1e-6 + packed, packed);
    return LORIS_OK;
}

void sampler_free(sampler *r) {
    if (!r)
        return;
    shares_free(r);
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

void sampler_drain(const sampler *r) {
    error_record record;
    error_take(&record);
    compute_finish(r->compute, "sampler");
    shares_drain(r);
    error_put(&record);
}

sampler *sampler_blank(const sampling_request *request) {
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
    sampler *r = sampler_blank(request);
    if (!r)
        return fail_memory("a sampler");
    loris_status status = prepare(r);
    if (status != LORIS_OK) {
        sampler_drain(r);
        sampler_free(r);
        return status;
    }
    *out = r;
    return LORIS_OK;
}

static loris_status draft(net *n, const char *name, text *out) {
    plan *p = NULL;
    TRY(plan_draft(&p, n));
    denoiser_describe(p, name, out);
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
    sampler *r = sampler_blank(request);
    if (!r)
        return fail_memory("a sampler");
    r->estimated = true;
    loris_status status = sampler_plan(r);
    if (status == LORIS_OK)
        status = denoisers_make_buffers(r);
    for (int guided = 0; status == LORIS_OK && guided < 2; guided++) {
        denoiser *e = guided ? &r->guided : &r->plain;
        if (e->evaluations)
            status = add_up(r, denoiser_record(r, e, guided), e->evaluations);
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
    sampler *r = sampler_blank(request);
    if (!r)
        return fail_memory("a sampler");
    loris_status status = sampler_plan(r);
    for (int guided = 0; status == LORIS_OK && guided < 2; guided++) {
        denoiser *e = guided ? &r->guided : &r->plain;
        if (e->evaluations)
            status = draft(denoiser_record(r, e, guided), denoiser_name(guided), out);
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
            denoiser_set_window(r, networks[i], 0);
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
        sampler_drain(r);
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
