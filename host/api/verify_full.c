/* Golden samples of the full LORIS network on made-up weights and inputs: what is too large to store is made again from
 * the names of tensors (nets/synthetic.h), and of the result every stride-th sample is compared, with mean, deviation
 * and maximum. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/verify.h"
#include "core/file.h"
#include "core/json.h"
#include "nets/synthetic.h"
#include "plan/plan.h"

enum { TOKENS = 50, PEAKS = 398 };

typedef struct full_case {
    unet_config unet;
    size_t samples, stride;
    float c_noise;
    float *x, *tokens, *y; /* x [samples][C], tokens [TOKENS][E], y [2][samples][C]: with the context, and without */
    int32_t peaks[PEAKS];
} full_case;

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static loris_status read_config(const verifier *v, arena *a, const json **out, const char **where) {
    char *data;
    size_t size;
    *where = arena_printf(a, "%s/config.json", v->folder);
    if (!*where)
        return fail_memory("a configuration");
    TRY(file_read(*where, 1u << 20, &data, &size));
    loris_status status = json_parse(out, a, data, size, *where);
    free(data);
    return status;
}

bool verify_is_full(const verifier *v) {
    arena *a = arena_new();
    const json *config;
    const char *where, *weights_kind = NULL;
    bool full = a && read_config(v, a, &config, &where) == LORIS_OK &&
                json_need_string(config, "weights", &weights_kind, where) == LORIS_OK && !strcmp(weights_kind, "synth");
    arena_free(a);
    return full;
}

static loris_status read_case(const verifier *v, arena *a, full_case *f) {
    const json *config;
    const char *where, *name;
    double log2_samples, stride, c_noise;
    TRY(read_config(v, a, &config, &where));
    TRY(json_need_string(config, "model", &name, where));
    if (strcmp(name, "loris"))
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"model\" is %s, and only loris is known", where, name);
    f->unet = unet_config_loris();
    TRY(json_need_number(config, "log2_samples", log2(unet_hop(&f->unet, f->unet.levels)), 24, &log2_samples, where));
    TRY(json_need_number(config, "stride", 1, 1 << 24, &stride, where));
    TRY(json_need_number(config, "c_noise", -100, 100, &c_noise, where));
    f->samples = (size_t)1 << (int)log2_samples;
    f->stride = (size_t)stride;
    f->c_noise = (float)c_noise;
    return LORIS_OK;
}

static loris_status make_inputs(full_case *f) {
    const size_t channels = (size_t)f->unet.in_channels, count = channels * f->samples;
    const size_t tokens = TOKENS * (size_t)f->unet.embedding_features;
    float *signal = malloc(count * sizeof *signal), uniform[PEAKS]; /* (C, S) */
    f->x = malloc(count * sizeof *f->x);
    f->y = malloc(2 * count * sizeof *f->y);
    f->tokens = malloc(tokens * sizeof *f->tokens);
    if (signal && f->x && f->y && f->tokens) {
        synthetic_uniform(signal, "x", count);
        verify_transpose(f->x, signal, channels, f->samples);
        for (size_t i = 0; i < count; i++)
            f->x[i] *= 0.5f;
        synthetic_uniform(f->tokens, "tokens", tokens);
        synthetic_uniform(uniform, "peaks", PEAKS);
        for (int i = 0; i < PEAKS; i++)
            f->peaks[i] = uniform[i] > 0.8f;
    }
    free(signal);
    return f->x && f->y && f->tokens ? LORIS_OK : fail_memory("the inputs of the full network");
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

static net *record(const verifier *v, const full_case *f, const weights *w) {
    const unet_config *u = &f->unet;
    net *n = net_new(v->compute, w, "full network", 1);
    if (!n)
        return NULL;
    enter(n, "cond_diffusion.unet."); /* part of the names that made-up weights follow from */
    unet_inputs in = {.x = net_input(n, "x", PHASE_STEP, shape_1d(1, (int)f->samples, u->in_channels), STORE_F32),
                      .c_noise = net_input(n, "c_noise", PHASE_RUN, shape_1d(1, 1, 1), STORE_F32),
                      .contexts = 2};
    in.context[0].tokens = net_input(n, "tokens", PHASE_CLIP, shape_1d(1, TOKENS, u->embedding_features), STORE_F32);
    in.context[0].peaks = net_input(n, "peaks", PHASE_CLIP, shape_1d(1, PEAKS, 1), STORE_I32);
    in.context[1] = unet_null_context(n, u, TOKENS, PEAKS);
    net_output(n, "y", unet(n, u, &in));
    leave(n);
    return n;
}

static void tell_size(const verifier *v, const plan *p, const weights *w) {
    log_message(LORIS_LOG_INFO,
                "%s: weights %.0f MB, activations %.0f MB; GFLOP: load %.1f, clip %.1f, evaluation %.1f", v->folder,
                (double)weights_device_bytes(w) * 1e-6, (double)plan_memory(p) * 1e-6, plan_flop(p, PHASE_LOAD) * 1e-9,
                plan_flop(p, PHASE_CLIP) * 1e-9, plan_flop(p, PHASE_STEP) * 1e-9);
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static loris_status run_timed(const verifier *v, plan *p, phase which, const char *what) {
    const double from = seconds(CLOCK_MONOTONIC), busy = seconds(CLOCK_PROCESS_CPUTIME_ID);
    TRY(plan_run(p, which, 0));
    TRY(compute_finish(v->compute, what));
    log_message(LORIS_LOG_INFO, "%s: %s took %.2f s, %.2f s of processors' time", v->folder, what,
                seconds(CLOCK_MONOTONIC) - from, seconds(CLOCK_PROCESS_CPUTIME_ID) - busy);
    return LORIS_OK;
}

static loris_status evaluate(const verifier *v, full_case *f) {
    const size_t count = (size_t)f->unet.in_channels * f->samples;
    weights *w = NULL;
    plan *p = NULL;
    loris_status status;
    TRY_GOTO(weights_new_generated(&w, v->compute, synthetic_weight));
    TRY_GOTO(plan_build(&p, record(v, f, w)));
    tell_size(v, p, w);
    TRY_GOTO(plan_write(p, "x", f->x, count * sizeof *f->x));
    TRY_GOTO(plan_write(p, "c_noise", &f->c_noise, sizeof f->c_noise));
    TRY_GOTO(plan_write(p, "tokens", f->tokens, TOKENS * (size_t)f->unet.embedding_features * sizeof *f->tokens));
    TRY_GOTO(plan_write(p, "peaks", f->peaks, sizeof f->peaks));
    TRY_GOTO(run_timed(v, p, PHASE_CLIP, "the clip's tokens, keys and values"));
    TRY_GOTO(run_timed(v, p, PHASE_RUN, "the noise level's scales and shifts"));
    TRY_GOTO(run_timed(v, p, PHASE_STEP, "a guided evaluation, with drivers still compiling,"));
    TRY_GOTO(run_timed(v, p, PHASE_STEP, "a guided evaluation"));
    TRY_GOTO(plan_read(p, "y", f->y, 2 * count * sizeof *f->y));
done:
    plan_free(p);
    weights_free(w);
    return status;
}

/* ---- comparison -------------------------------------------------------------------------------------------------- */

/* Mean, standard deviation (of a sample) and largest magnitude, as PyTorch gives them. */
static void statistics(const float *y, size_t count, float out[3]) {
    double sum = 0, squares = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        sum += y[i];
        largest = fmax(largest, fabs(y[i]));
    }
    const double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (y[i] - mean) * (y[i] - mean);
    out[0] = (float)mean;
    out[1] = (float)sqrt(squares / (double)(count - 1));
    out[2] = (float)largest;
}

static loris_status check_golden(verifier *v, const full_case *f, const char *name, const float *y, double tolerance) {
    const size_t channels = (size_t)f->unet.in_channels, rows = (f->samples + f->stride - 1) / f->stride;
    const int64_t dim[] = {(int64_t)channels, (int64_t)rows}, three[] = {3};
    char stats_name[64];
    npy want = {0}, want_stats = {0};
    float stats[3], *got = malloc(channels * rows * sizeof *got);
    loris_status status = got ? LORIS_OK : fail_memory("golden arrays");
    if (status != LORIS_OK)
        goto done;
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < rows; i++)
            got[c * rows + i] = y[i * f->stride * channels + c];
    TRY_GOTO(verify_read(v, name, 2, dim, &want));
    TRY_GOTO(verify_compare(v, name, 2, dim, got, want.f32, tolerance));
    snprintf(stats_name, sizeof stats_name, "%s_stats", name);
    TRY_GOTO(verify_read(v, stats_name, 1, three, &want_stats));
    statistics(y, channels * f->samples, stats);
    TRY_GOTO(verify_compare(v, stats_name, 1, three, stats, want_stats.f32, tolerance));
done:
    npy_free(&want);
    npy_free(&want_stats);
    free(got);
    return status;
}

loris_status verify_full(verifier *v) {
    full_case f = {0};
    arena *a = arena_new();
    loris_status status = a ? LORIS_OK : fail_memory("a configuration");
    if (status != LORIS_OK)
        return status;
    TRY_GOTO(read_case(v, a, &f));
    TRY_GOTO(make_inputs(&f));
    TRY_GOTO(evaluate(v, &f));
    TRY_GOTO(check_golden(v, &f, "cond", f.y, verify_tolerance(v, SAMPLE_TOLERANCE)));
    TRY_GOTO(check_golden(v, &f, "null", f.y + (size_t)f.unet.in_channels * f.samples,
                          verify_tolerance(v, SAMPLE_TOLERANCE)));
done:
    free(f.x);
    free(f.tokens);
    free(f.y);
    arena_free(a);
    return status;
}
