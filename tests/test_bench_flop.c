/* FLOP that plans state, against a count made here from the networks' shapes: 2 for each multiply-add of products
 * (those on a convolution's padding are none) and of attention, and what the literature gives for normalisations. 1 %
 * is the room for counting activations, additions and normalisations otherwise. */
#include <stdio.h>

#include "api/full_case.h"
#include "bench/record.h"
#include "nets/model.h"
#include "nets/unet.h"
#include "plan/plan.h"
#include "support_net.h"

typedef struct count {
    const unet_config *c;
    double flop;
    double batch;         /* as the network has it at this point */
    double tokens, peaks; /* 0: blocks attend to nothing */
} count;

static void linear_of(count *k, double batch, double rows, double in, double out) {
    k->flop += 2 * batch * rows * in * out;
}

/* `missed`: taps on padding, over all rows */
static void convolution(count *k, double rows, double taps, double missed, double in, double out) {
    k->flop += 2 * k->batch * (rows * taps - missed) * in * out;
}

/* Mean, variance, scaling and SiLU. */
static void group_norm_of(count *k, double numbers) {
    k->flop += 10 * k->batch * numbers;
}

static void layer_norm_of(count *k, double numbers) {
    k->flop += 7 * k->batch * numbers;
}

/* q from x, scores and sums over `keys`, and the way back. */
static void attend_to(count *k, double rows, double channels, double keys, bool widens) {
    const double width = (double)k->c->attention_heads * k->c->attention_features;
    layer_norm_of(k, rows * channels);
    linear_of(k, k->batch, rows, channels, width);
    if (widens)
        k->batch = 2;
    k->flop += k->batch * rows * keys * (4 * width + 5 * k->c->attention_heads);
    linear_of(k, k->batch, rows, width, channels);
    layer_norm_of(k, rows * channels);
}

static void self_attend(count *k, double rows, double channels) {
    linear_of(k, k->batch, rows, channels,
              2.0 * k->c->attention_heads * k->c->attention_features); /* keys and values */
    attend_to(k, rows, channels, rows, false);
}

static void block(count *k, double rows, double in, double out, bool attends) {
    const double before = k->batch;
    group_norm_of(k, rows * in);
    convolution(k, rows, 3, 2, in, out);
    if (attends && k->tokens > 0) {
        attend_to(k, rows, out, k->tokens, true);
        attend_to(k, rows, out, k->peaks, false);
    }
    group_norm_of(k, rows * out);
    convolution(k, rows, 3, 2, out, out);
    if (in != out)
        linear_of(k, before, rows, in, out);
}

static void transform(count *k, double rows, double channels) {
    const double inner = channels * k->c->attention_multiplier;
    self_attend(k, rows, channels);
    layer_norm_of(k, rows * (channels + inner));
    linear_of(k, k->batch, rows, channels, inner);
    linear_of(k, k->batch, rows, inner, channels);
}

/* One evaluation of `samples` positions, x alone in its batch, the conditions two. */
static double count_evaluation(const unet_config *c, double samples, double tokens, double peaks) {
    count k = {.c = c, .batch = c->context_channels[0] ? 2 : 1, .tokens = tokens, .peaks = peaks};
    double rows = samples, width = (double)c->channels;
    block(&k, rows, c->in_channels + c->context_channels[0], width / c->patch_factor, false);
    rows /= c->patch_factor;
    for (int i = 0; i < c->levels; i++) {
        const double in = width, taps = c->factors[i] * c->kernel_multiplier + 1;
        width = (double)c->channels * c->multipliers[i + 1];
        rows /= c->factors[i];
        convolution(&k, rows, taps, taps / 2, in, width);
        if (c->context_channels[i + 1])
            k.batch = 2;
        for (int j = 0; j < c->num_blocks[i]; j++)
            block(&k, rows, width + (j ? 0 : c->context_channels[i + 1]), width, true);
        if (c->attentions[i])
            transform(&k, rows, width);
    }
    block(&k, rows, width, width, true);
    self_attend(&k, rows, width);
    block(&k, rows, width, width, true);
    for (int i = c->levels - 1; i >= 0; i--) {
        width = (double)c->channels * c->multipliers[i + 1];
        for (int j = 0; j < c->num_blocks[i] + c->attentions[i]; j++)
            block(&k, rows, 2 * width, width, true);
        if (c->attentions[i])
            transform(&k, rows, width);
        const double out = (double)c->channels * c->multipliers[i];
        rows *= c->factors[i]; /* of 2 factor taps each position meets 2 */
        convolution(&k, rows, 2, c->factors[i], width, out);
    }
    rows *= c->patch_factor;
    block(&k, rows, (double)c->channels / c->patch_factor, c->in_channels, false);
    return k.flop;
}

static void assert_within_one_percent(double got, double want) {
    if (!(got > 0.99 * want && got < 1.01 * want))
        fail_msg("%.6g GFLOP, counted %.6g: off by %.2f %%", got * 1e-9, want * 1e-9, 100 * (got / want - 1));
}

/* ---- the default model ------------------------------------------------------------------------------------------- */

static void the_default_models_flop(void **state) {
    (void)state;
    enum { ROWS = 1024 };
    model *m;
    weights *w;
    plan *p;
    assert_ok(model_open(&m, LORIS_MODELS "/base"));
    assert_ok(weights_new(&w, support_compute(), m->file, m->prefix));
    const unet_config *c = &m->unet;
    net *n = net_new(support_compute(), w, "default model", 1);
    unet_inputs in = {.x = net_input(n, "x", PHASE_STEP, shape_1d(1, ROWS, c->in_channels), STORE_F32),
                      .c_noise = net_input(n, "c_noise", PHASE_RUN, shape_1d(1, 1, 1), STORE_F32),
                      .features = net_input(n, "features", PHASE_CLIP, shape_1d(2, 1, c->context_features), STORE_F32)};
    for (int k = 0; k <= c->levels; k++) {
        char name[16];
        snprintf(name, sizeof name, "channels%d", k);
        in.channels[k] =
            net_input(n, name, PHASE_CLIP, shape_1d(2, ROWS / unet_hop(c, k), c->context_channels[k]), STORE_F32);
    }
    net_output(n, "y", unet(n, c, &in));
    assert_ok(plan_draft(&p, n));
    assert_within_one_percent(plan_flop(p, PHASE_STEP), count_evaluation(c, ROWS, 0, 0));
    plan_free(p);
    weights_free(w);
    model_close(m);
}

/* ---- the full LORIS ---------------------------------------------------------------------------------------------- */

/* A draft reads no weights: their memory is never touched. */
static void no_values(float *values, const char *name, int rank, const int64_t *dim) {
    (void)values;
    (void)name;
    (void)rank;
    (void)dim;
}

static void the_full_networks_flop(void **state) {
    (void)state;
    weights *w;
    plan *p;
    full_case f = {.unet = unet_config_loris(), .samples = 1u << 16};
    assert_ok(weights_new_generated(&w, support_compute(), no_values));
    assert_ok(plan_draft(&p, full_case_record(&f, support_compute(), w)));
    assert_within_one_percent(plan_flop(p, PHASE_STEP), count_evaluation(&f.unet, 1 << 16, FULL_TOKENS, FULL_PEAKS));
    plan_free(p);
    weights_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_default_models_flop),
                                       cmocka_unit_test(the_full_networks_flop)};
    return cmocka_run_group_tests(tests, support_open, support_close);
}
