/* Golden samples of the full LORIS network on made-up weights and inputs: what is too large to store is made again from
 * the names of tensors (nets/synthetic.h), and of the result every stride-th sample is compared, with mean, deviation
 * and maximum. */
#include "api/full_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/json.h"
#include "nets/synthetic.h"

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
    const size_t tokens = FULL_TOKENS * (size_t)f->unet.embedding_features;
    float *signal = malloc(count * sizeof *signal), uniform[FULL_PEAKS]; /* (C, S) */
    f->x = malloc(count * sizeof *f->x);
    f->y = malloc(2 * count * sizeof *f->y);
    f->tokens = malloc(tokens * sizeof *f->tokens);
    if (signal && f->x && f->y && f->tokens) {
        synthetic_uniform(signal, "x", count);
        verify_transpose(f->x, signal, channels, f->samples);
        for (size_t i = 0; i < count; i++)
            f->x[i] *= 0.5f;
        synthetic_uniform(f->tokens, "tokens", tokens);
        synthetic_uniform(uniform, "peaks", FULL_PEAKS);
        for (int i = 0; i < FULL_PEAKS; i++)
            f->peaks[i] = uniform[i] > 0.8f;
    }
    free(signal);
    return f->x && f->y && f->tokens ? LORIS_OK : fail_memory("the inputs of the full network");
}

loris_status full_case_read(full_case *f, const verifier *v) {
    arena *a = arena_new();
    loris_status status = a ? read_case(v, a, f) : fail_memory("a configuration");
    arena_free(a);
    TRY(status);
    return make_inputs(f);
}

void full_case_free(full_case *f) {
    free(f->x);
    free(f->tokens);
    free(f->y);
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

/* The names in a checkpoint are part of what weights are made from. */
static void checkpoint_weight(float *values, const char *name, int rank, const int64_t *dim) {
    char full[512];
    snprintf(full, sizeof full, "cond_diffusion.unet.%s", name);
    synthetic_weight(values, full, rank, dim);
}

loris_status full_case_weights(weights **out, compute *c) {
    return weights_new_generated(out, c, checkpoint_weight);
}

net *full_case_record(const full_case *f, compute *c, const weights *w) {
    const unet_config *u = &f->unet;
    net *n = net_new(c, w, "full network", 1);
    if (!n)
        return NULL;
    unet_inputs in = {.x = net_input(n, "x", PHASE_STEP, shape_1d(1, (int)f->samples, u->in_channels), STORE_F32),
                      .c_noise = net_input(n, "c_noise", PHASE_RUN, shape_1d(1, 1, 1), STORE_F32),
                      .contexts = 2};
    in.context[0].tokens =
        net_input(n, "tokens", PHASE_CLIP, shape_1d(1, FULL_TOKENS, u->embedding_features), STORE_F32);
    in.context[0].peaks = net_input(n, "peaks", PHASE_CLIP, shape_1d(1, FULL_PEAKS, 1), STORE_I32);
    in.context[1] = unet_null_context(n, u, FULL_TOKENS, FULL_PEAKS);
    net_output(n, "y", unet(n, u, &in));
    return n;
}

loris_status full_case_write(const full_case *f, plan *p) {
    const size_t count = (size_t)f->unet.in_channels * f->samples;
    TRY(plan_write(p, "x", f->x, count * sizeof *f->x));
    TRY(plan_write(p, "c_noise", &f->c_noise, sizeof f->c_noise));
    TRY(plan_write(p, "tokens", f->tokens, FULL_TOKENS * (size_t)f->unet.embedding_features * sizeof *f->tokens));
    return plan_write(p, "peaks", f->peaks, sizeof f->peaks);
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

loris_status full_case_check(full_case *f, verifier *v, plan *p) {
    const size_t count = (size_t)f->unet.in_channels * f->samples;
    /* One evaluation. Its layers sum 500 and more terms, in which roundings average out: less than 2.5 u was measured.
     */
    const double tolerance = verify_rounded(v, EVALUATION_TOLERANCE, 4);
    TRY(plan_read(p, "y", f->y, 2 * count * sizeof *f->y));
    TRY(check_golden(v, f, "cond", f->y, tolerance));
    return check_golden(v, f, "null", f->y + count, tolerance);
}
