/* Linear layers, convolutions and transposed convolutions on every backend, against their definitions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference.h"
#include "reference_product.h"
#include "support_net.h"

#include "compare.h"

/* ---- backends ---------------------------------------------------------------------------------------------------- */

typedef struct backend {
    const char *name;
    product_backend setting;
    int kind; /* what the device takes itself for: our kernels for CPUs and GPUs both run on any */
    product_precision precision;
} backend;

static backend own_cpu = {"own, CPU", BACKEND_OWN, 0, PRECISION_F32};
static backend own_gpu = {"own, GPU", BACKEND_OWN, 1, PRECISION_F32};
static backend own_cpu_f16 = {"own, CPU, f16", BACKEND_OWN, 0, PRECISION_F16};
static backend own_gpu_f16 = {"own, GPU, f16", BACKEND_OWN, 1, PRECISION_F16};
static backend own_cpu_bf16 = {"own, CPU, bf16", BACKEND_OWN, 0, PRECISION_BF16};
static backend own_gpu_bf16 = {"own, GPU, bf16", BACKEND_OWN, 1, PRECISION_BF16};
static backend onednn = {"oneDNN", BACKEND_ONEDNN, 0, PRECISION_F32};
static backend onednn_bf16 = {"oneDNN, bf16", BACKEND_ONEDNN, 0, PRECISION_BF16};
static backend clblast = {"CLBlast", BACKEND_CLBLAST, 0, PRECISION_F32};

static double term_roundoff; /* beside what f32 arithmetic does */

static const backend *use(const backend *which) {
    support_compute()->settings.backend = which->setting;
    support_compute()->settings.precision = which->precision;
    /* oneDNN rounds x, too, to the nearest bf16: each term is off by up to 2^-8 of itself. */
    term_roundoff = which->setting == BACKEND_ONEDNN && which->precision == PRECISION_BF16 ? 0x1p-8 : 0;
    pretend_kind(which->kind);
    return which;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

/* A sum of K + 3 numbers (products, bias, residual) in f32, in whatever order, is off by at most (K + 3) u sum |terms|,
 * u = 2^-24, and with probability 1 - 2 exp(-18) per sum by at most 6 sqrt(K + 3) u sum |terms| (Higham and Mary, "A
 * new approach to probabilistic rounding error analysis", 2019, with lambda = 6). The slopes of SiLU and GELU stay
 * below 1.13, and their own errors below 1e-6 max(1, |x|) (kernels/common.clh). */
static double tolerance_of(int terms, double magnitude, double before_activation, activation which) {
    const double sum = (6 * sqrt(terms + 3) * ldexp(1, -24) + term_roundoff) * magnitude;
    return which == ACTIVATION_NONE ? sum : 1.13 * sum + 1e-6 * fmax(1, fabs(before_activation));
}

/* Fails unless got[i] is ACTIVATION(want[i]) within what f32 allows for a sum of `terms` products. */
static void check(const char *what, const float *got, const double *want, const double *magnitude, size_t count,
                  int terms, activation which) {
    for (size_t i = 0; i < count; i++) {
        const double expected = reference_activation(which, want[i]);
        const double tolerance = tolerance_of(terms, magnitude[i], want[i], which);
        if (!(fabs(got[i] - expected) <= tolerance))
            fail_msg("%s: [%zu] of %zu: got %.9g, want %.9g +- %.3g", what, i, count, (double)got[i], expected,
                     tolerance);
    }
}

/* ---- single products of many shapes, in one plan ----------------------------------------------------------------- */

typedef enum kind { LINEAR, LINEAR_RANK_3, CONV, TRANSPOSE } kind;

typedef struct product_case {
    kind kind;
    int batch, length, channels, outputs, kernel, stride, padding, output_padding;
    bool no_bias; /* linear only */
} product_case;

static const product_case cases[] = {
    /* linear layers: single numbers, primes, one off the panels and tiles of 16, 32 and 64 columns, few rows */
    {LINEAR, 1, 1, 1, 1, 1, 1, 0, 0, false},
    {LINEAR, 1, 1, 127, 65, 1, 1, 0, 0, false},
    {LINEAR, 2, 1, 33, 7, 1, 1, 0, 0, true},
    {LINEAR_RANK_3, 3, 1, 64, 33, 1, 1, 0, 0, true},
    {LINEAR, 1, 5, 17, 31, 1, 1, 0, 0, true},
    {LINEAR, 3, 21, 2, 64, 1, 1, 0, 0, false},
    {LINEAR_RANK_3, 2, 65, 31, 17, 1, 1, 0, 0, false},
    {LINEAR, 2, 127, 5, 127, 1, 1, 0, 0, true},
    /* convolutions */
    {CONV, 1, 1, 1, 1, 1, 1, 0, 0, false},
    {CONV, 1, 1, 3, 2, 3, 1, 1, 0, false},
    {CONV, 1, 2, 2, 3, 7, 1, 3, 0, false},
    {CONV, 2, 17, 5, 7, 3, 1, 1, 0, false},
    {CONV, 3, 31, 2, 33, 5, 1, 2, 0, false},
    {CONV, 1, 64, 33, 64, 3, 1, 1, 0, false},
    {CONV, 2, 65, 17, 65, 7, 1, 3, 0, false},
    {CONV, 1, 127, 31, 31, 3, 1, 1, 0, false},
    {CONV, 2, 33, 63, 127, 1, 1, 0, 0, false},
    {CONV, 1, 9, 3, 5, 2, 1, 0, 0, false},
    /* with strides, whole windows and not, also longer than the kernel; paddings beyond it */
    {CONV, 2, 33, 3, 5, 4, 2, 1, 0, false},
    {CONV, 1, 64, 7, 17, 5, 2, 2, 0, false},
    {CONV, 1, 50, 5, 3, 7, 3, 3, 0, false},
    {CONV, 2, 31, 4, 6, 9, 4, 4, 0, false},
    {CONV, 1, 127, 2, 9, 11, 5, 5, 0, false},
    {CONV, 2, 40, 6, 8, 4, 4, 0, 0, false},
    {CONV, 2, 43, 6, 8, 4, 4, 0, 0, false},
    {CONV, 1, 29, 3, 4, 2, 5, 0, 0, false},
    {CONV, 1, 5, 2, 3, 3, 1, 4, 0, false},
    {CONV, 1, 3, 2, 3, 2, 5, 7, 0, false},
    /* transposed: kernel 2f, padding f/2 + f%2, output padding f%2 for factors 1 to 5 */
    {TRANSPOSE, 1, 1, 1, 1, 2, 1, 1, 1, false},
    {TRANSPOSE, 2, 7, 3, 5, 4, 2, 1, 0, false},
    {TRANSPOSE, 1, 17, 5, 3, 6, 3, 2, 1, false},
    {TRANSPOSE, 2, 33, 31, 17, 8, 4, 2, 0, false},
    {TRANSPOSE, 1, 31, 2, 7, 10, 5, 3, 1, false},
    /* ... phases without a tap, with fewer taps than others, cut off outputs, outputs shorter than a stride */
    {TRANSPOSE, 1, 6, 3, 2, 2, 5, 0, 0, false},
    {TRANSPOSE, 1, 6, 3, 2, 2, 5, 1, 3, false},
    {TRANSPOSE, 1, 5, 2, 3, 3, 2, 1, 1, false},
    {TRANSPOSE, 2, 9, 4, 3, 5, 3, 0, 2, false},
    {TRANSPOSE, 1, 9, 4, 3, 5, 3, 1, 0, false},
    {TRANSPOSE, 1, 1, 2, 2, 3, 5, 0, 0, false},
    {TRANSPOSE, 1, 8, 3, 2, 9, 2, 4, 1, false},
    {TRANSPOSE, 2, 33, 17, 65, 3, 1, 1, 0, false},
    {TRANSPOSE, 1, 1, 5, 33, 1, 1, 0, 0, false},
};

static int out_length(const product_case *p) {
    switch (p->kind) {
    case CONV:
        return (p->length + 2 * p->padding - p->kernel) / p->stride + 1;
    case TRANSPOSE:
        return (p->length - 1) * p->stride - 2 * p->padding + p->kernel + p->output_padding;
    default:
        return p->length;
    }
}

static void add_weights(weights *w, const product_case *p, const char *at, uint64_t seed, const float **values,
                        const float **biases) {
    char name[64];
    const int64_t outer = p->kind == TRANSPOSE ? p->channels : p->outputs,
                  inner = p->kind == TRANSPOSE ? p->outputs : p->channels;
    const int64_t dim[] = {outer, inner, p->kernel}, columns[] = {p->outputs};
    snprintf(name, sizeof name, "%s.weight", at);
    *values = support_weight(w, name, p->kind == LINEAR ? 2 : 3, dim, seed, 1, 0);
    snprintf(name, sizeof name, "%s.bias", at);
    *biases = p->no_bias ? NULL : support_weight(w, name, 1, columns, seed + 1, 1, 0);
}

static tensor record(net *n, const product_case *p, tensor x, const char *at) {
    switch (p->kind) {
    case CONV:
        return conv1d_strided(n, x, at, p->outputs, p->kernel, p->stride, p->padding);
    case TRANSPOSE:
        return conv_transpose1d(n, x, at, p->outputs, p->kernel, p->stride, p->padding, p->output_padding);
    default:
        return linear(n, x, at, p->outputs, p->no_bias ? NO_BIAS : BIAS);
    }
}

static void reference(const product_case *p, double *y, double *magnitude, const float *x, const float *w,
                      const float *biases) {
    if (p->kind == TRANSPOSE)
        reference_conv_transpose1d(y, magnitude, x, w, biases, p->batch, p->length, p->channels, out_length(p),
                                   p->outputs, p->kernel, p->stride, p->padding);
    else
        reference_conv1d(y, magnitude, x, w, biases, p->batch, p->length, p->channels, out_length(p), p->outputs,
                         p->kernel, p->stride, p->padding);
}

/* Runs all of them as one plan and compares. */
static void run_products(const backend *which, const product_case *list, int count_of) {
    enum { MOST = 64 };
    assert_in_range(count_of, 1, MOST);
    weights *w;
    assert_ok(weights_new_empty(&w, support_compute()));
    net *n = net_new(support_compute(), w, "products", 1);
    assert_non_null(n);
    const float *weight_values[MOST], *bias_values[MOST];
    float *x[MOST];
    char names[MOST][2][16];
    support_input inputs[MOST + 1] = {{0}};
    for (int i = 0; i < count_of; i++) {
        const product_case *p = &list[i];
        const size_t count = (size_t)p->batch * (size_t)p->length * (size_t)p->channels;
        snprintf(names[i][0], sizeof names[i][0], "x%d", i);
        snprintf(names[i][1], sizeof names[i][1], "y%d", i);
        add_weights(w, p, names[i][0], 10 * (uint64_t)i, &weight_values[i], &bias_values[i]);
        x[i] = support_values(count, 1000 + (uint64_t)i);
        inputs[i] = (support_input){names[i][0], x[i], count * sizeof(float)};
        tensor in = staged_input(n, names[i][0], PHASE_STEP, shape_1d(p->batch, p->length, p->channels));
        tensor out = record(n, p, in, names[i][0]);
        net_output(n, names[i][1], out);
        assert_int_equal(shape_of(n, out).length, out_length(p));
        assert_int_equal(shape_of(n, out).channels, p->outputs);
    }
    plan *built = support_plan(n, inputs);
    assert_ok(plan_run(built, PHASE_STEP, 0));
    for (int i = 0; i < count_of; i++) {
        const product_case *p = &list[i];
        const size_t count = (size_t)p->batch * (size_t)out_length(p) * (size_t)p->outputs;
        float *got = malloc(count * sizeof *got);
        double *want = malloc(count * sizeof *want), *magnitude = malloc(count * sizeof *magnitude);
        assert_true(got && want && magnitude);
        assert_ok(plan_read(built, names[i][1], got, count * sizeof *got));
        reference(p, want, magnitude, x[i], weight_values[i], bias_values[i]);
        char what[128];
        snprintf(what, sizeof what, "%s, case %d: kind %d, [%d,%d,%d] -> %d, kernel %d, stride %d, padding %d, %d",
                 which->name, i, p->kind, p->batch, p->length, p->channels, p->outputs, p->kernel, p->stride,
                 p->padding, p->output_padding);
        check(what, got, want, magnitude, count, p->channels * p->kernel, ACTIVATION_NONE);
        free(got);
        free(want);
        free(magnitude);
        free(x[i]);
    }
    plan_free(built);
    weights_free(w);
}

static void test_shapes(void **state) {
    run_products(use(*state), cases, sizeof cases / sizeof *cases);
}

/* On a device this slow every launch is cut, down to single work-groups or the smallest slabs. */
static void test_cut_by_rows(void **state) {
    static const product_case long_ones[] = {{CONV, 2, 700, 17, 31, 3, 1, 1, 0, false},
                                             {CONV, 1, 1100, 9, 29, 5, 2, 2, 0, false},
                                             {TRANSPOSE, 1, 601, 9, 13, 6, 3, 2, 0, false}};
    const backend *which = use(*state);
    compute *c = support_compute();
    const compute_throttle before = c->throttle;
    c->throttle.flop_per_second = c->throttle.cautious_flop_per_second = 1e6;
    c->throttle.measured = true;
    run_products(which, long_ones, sizeof long_ones / sizeof *long_ones);
    assert_ok(compute_finish(c, NULL));
    c->throttle.flop_per_second = before.flop_per_second;
    c->throttle.cautious_flop_per_second = before.cautious_flop_per_second;
}

/* Devices differ in the work-groups they allow: the tiles shrink with them, down to the processor's kernel. */
static void test_small_groups(void **state) {
    static const product_case some[] = {{CONV, 2, 33, 5, 17, 3, 1, 1, 0, false},
                                        {CONV, 1, 67, 7, 65, 3, 2, 1, 0, false}};
    const backend *which = use(*state);
    compute *c = support_compute();
    const size_t before = c->dev.max_work_group;
    for (size_t most = 32; most >= 16; most /= 2) {
        c->dev.max_work_group = most;
        run_products(which, some, sizeof some / sizeof *some);
    }
    c->dev.max_work_group = before;
}

/* ---- epilogues --------------------------------------------------------------------------------------------------- */

/* One product with what follows it: y = act(product + residual), residual [evals][batch]. */
typedef struct epilogue_case {
    product_case product;
    int evals;                          /* of the product: 1, or EVALS in the run phase */
    int residual_evals, residual_batch; /* 0 = no residual */
    bool residual_first;                /* add(residual, product) */
    activation act;
    int launches; /* of our own kernels: one a product when everything is absorbed */
} epilogue_case;

enum { EVALS = 3 };

static const epilogue_case epilogues[] = {
    {{CONV, 2, 19, 5, 33, 3, 1, 1, 0, false}, 1, 1, 2, false, ACTIVATION_NONE, 1},
    {{CONV, 2, 13, 5, 31, 3, 1, 1, 0, false}, 1, 1, 1, true, ACTIVATION_GELU, 1},
    {{CONV, 3, 7, 5, 3, 3, 2, 1, 0, false}, 1, 0, 0, false, ACTIVATION_SILU, 1},
    {{LINEAR, 3, 13, 17, 31, 1, 1, 0, 0, true}, 1, 1, 3, true, ACTIVATION_SILU, 1},
    {{LINEAR, 3, 13, 17, 65, 1, 1, 0, 0, true}, 1, 1, 1, false, ACTIVATION_NONE, 1},
    {{LINEAR, 2, 3, 17, 64, 1, 1, 0, 0, false}, EVALS, 0, 0, false, ACTIVATION_NONE, 1},
    {{LINEAR, 2, 3, 17, 5, 1, 1, 0, 0, false}, EVALS, EVALS, 1, false, ACTIVATION_GELU, 1},
    {{LINEAR, 2, 3, 17, 5, 1, 1, 0, 0, false}, EVALS, 1, 2, true, ACTIVATION_NONE, 1},
    {{CONV, 2, 11, 3, 7, 3, 1, 1, 0, false}, EVALS, EVALS, 2, false, ACTIVATION_SILU, 1},
    {{CONV, 2, 11, 3, 7, 3, 1, 1, 0, false}, EVALS, 1, 1, false, ACTIVATION_NONE, 1},
    {{TRANSPOSE, 2, 7, 5, 9, 6, 3, 2, 1, false}, 1, 1, 2, false, ACTIVATION_GELU, 2},
    {{TRANSPOSE, 2, 9, 4, 3, 5, 3, 0, 2, false}, 1, 1, 1, true, ACTIVATION_SILU, 1},
    {{TRANSPOSE, 2, 7, 5, 9, 4, 2, 1, 0, false}, EVALS, 1, 2, false, ACTIVATION_NONE, 2},
    {{LINEAR, 1, 23, 19, 33, 1, 1, 0, 0, false}, 1, 0, 0, false, ACTIVATION_RELU6, 1},
    {{CONV, 1, 21, 9, 17, 3, 1, 1, 0, false}, 1, 1, 1, false, ACTIVATION_RELU, 1},
    {{CONV, 1, 11, 3, 7, 3, 1, 1, 0, false}, 1, 1, 2, false, ACTIVATION_SILU, 3}, /* made larger: three nodes */
};
enum { EPILOGUES = sizeof epilogues / sizeof *epilogues };

typedef struct epilogue_data {
    const float *weights, *biases;
    float *x, *residual;
    char at[16], x_name[16], residual_name[16], y_name[16];
} epilogue_data;

static int larger(int a, int b) {
    return a > b ? a : b;
}

static size_t out_block(const epilogue_case *e) {
    return (size_t)out_length(&e->product) * (size_t)e->product.outputs;
}

/* Records case `index` and appends its inputs. */
static support_input *record_epilogue(net *n, weights *w, int index, epilogue_data *d, support_input *inputs) {
    const epilogue_case *e = &epilogues[index];
    const product_case *p = &e->product;
    const phase when = e->evals > 1 ? PHASE_RUN : PHASE_STEP;
    snprintf(d->at, sizeof d->at, "at%d", index);
    snprintf(d->x_name, sizeof d->x_name, "x%d", index);
    snprintf(d->residual_name, sizeof d->residual_name, "r%d", index);
    snprintf(d->y_name, sizeof d->y_name, "y%d", index);
    add_weights(w, p, d->at, 7 + 10 * (uint64_t)index, &d->weights, &d->biases);
    shape in = shape_1d(p->batch, p->length, p->channels),
          beside = shape_1d(e->residual_batch, out_length(p), p->outputs);
    in.evals = e->evals;
    beside.evals = e->residual_evals;
    d->x = support_values(shape_elements(in), 100 + (uint64_t)index);
    *inputs++ = (support_input){d->x_name, d->x, shape_elements(in) * sizeof(float)};
    tensor added = {0};
    if (e->residual_batch) {
        d->residual = support_values(shape_elements(beside), 200 + (uint64_t)index);
        *inputs++ = (support_input){d->residual_name, d->residual, shape_elements(beside) * sizeof(float)};
        added = staged_input(n, d->residual_name, when, beside);
    }
    tensor y = record(n, p, staged_input(n, d->x_name, when, in), d->at);
    if (e->residual_batch)
        y = e->residual_first ? add(n, added, y) : add(n, y, added);
    if (e->act != ACTIVATION_NONE)
        y = activate(n, y, e->act);
    net_output(n, d->y_name, y);
    return inputs;
}

static void check_epilogue(plan *built, const char *backend_name, int index, const epilogue_data *d) {
    const epilogue_case *e = &epilogues[index];
    product_case p = e->product;
    const size_t block = out_block(e), batches = (size_t)larger(p.batch, e->residual_batch),
                 count = block * batches * (size_t)e->evals;
    p.batch *= e->evals;
    const size_t product_count = block * (size_t)p.batch;
    float *got = malloc(count * sizeof *got);
    double *product = malloc(product_count * sizeof *product),
           *product_size = malloc(product_count * sizeof *product_size), *want = malloc(count * sizeof *want),
           *size = malloc(count * sizeof *size);
    assert_true(got && product && product_size && want && size);
    assert_ok(plan_read(built, d->y_name, got, count * sizeof *got));
    reference(&p, product, product_size, d->x, d->weights, d->biases);
    for (size_t i = 0; i < count; i++) {
        const size_t within = i % block, batch = i / block % batches, eval = i / block / batches;
        const size_t from = (eval * (size_t)e->product.batch + (e->product.batch > 1 ? batch : 0)) * block + within;
        want[i] = product[from];
        size[i] = product_size[from];
        if (e->residual_batch) {
            const size_t eval_start = e->residual_evals > 1 ? eval * (size_t)e->residual_batch : 0;
            const float added = d->residual[(eval_start + (e->residual_batch > 1 ? batch : 0)) * block + within];
            want[i] += added;
            size[i] += fabsf(added);
        }
    }
    char what[64];
    snprintf(what, sizeof what, "%s, epilogue %d", backend_name, index);
    check(what, got, want, size, count, p.channels * p.kernel, e->act);
    free(got);
    free(product);
    free(product_size);
    free(want);
    free(size);
}

static void test_epilogues(void **state) {
    const backend *which = use(*state);
    weights *w;
    assert_ok(weights_new_empty(&w, support_compute()));
    net *n = net_new(support_compute(), w, "epilogues", EVALS);
    epilogue_data data[EPILOGUES] = {{0}};
    support_input inputs[2 * EPILOGUES + 1] = {{0}}, *end = inputs;
    int launches[PHASE_COUNT] = {0};
    for (int i = 0; i < EPILOGUES; i++) {
        end = record_epilogue(n, w, i, &data[i], end);
        launches[epilogues[i].evals > 1 ? PHASE_RUN : PHASE_STEP] +=
            epilogues[i].launches + (epilogues[i].residual_batch ? 2 : 1);
    }
    plan *built = support_plan(n, inputs);
    assert_ok(plan_run(built, PHASE_STEP, 0));
    for (int i = 0; i < EPILOGUES; i++)
        check_epilogue(built, which->name, i, &data[i]);
    if (which->setting == BACKEND_OWN) /* those, and the copies of the inputs */
        for (int i = 0; i < PHASE_COUNT; i++)
            assert_int_equal(plan_launches(built, (phase)i), launches[i]);
    plan_free(built);
    weights_free(w);
    for (int i = 0; i < EPILOGUES; i++) {
        free(data[i].x);
        free(data[i].residual);
    }
}

/* Order matters: act(x) + r is not act(x + r), and a second addition is one of its own. */
static void test_not_absorbed(void **state) {
    use(*state);
    enum { LENGTH = 5, IN = 3, OUT = 7, COUNT = LENGTH * OUT };
    const product_case p = {CONV, 1, LENGTH, IN, OUT, 3, 1, 1, 0, false};
    weights *w;
    assert_ok(weights_new_empty(&w, support_compute()));
    const float *weight_values, *bias_values;
    add_weights(w, &p, "at", 3, &weight_values, &bias_values);
    net *n = net_new(support_compute(), w, "order", 1);
    tensor r = staged_input(n, "r", PHASE_STEP, shape_1d(1, LENGTH, OUT));
    tensor h = record(n, &p, staged_input(n, "x", PHASE_STEP, shape_1d(1, LENGTH, IN)), "at");
    h = activate(n, add(n, h, r), ACTIVATION_SILU);
    net_output(n, "y", add(n, activate(n, h, ACTIVATION_GELU), r));
    float *x = support_values(LENGTH * IN, 1), *added = support_values(COUNT, 2), got[COUNT];
    const support_input inputs[] = {{"x", x, LENGTH * IN * sizeof *x}, {"r", added, COUNT * sizeof *added}, {0}};
    support_run(n, inputs, 0, "y", got, COUNT);
    double want[COUNT], magnitude[COUNT];
    reference(&p, want, magnitude, x, weight_values, bias_values);
    for (int i = 0; i < COUNT; i++) {
        const double inner = reference_activation(ACTIVATION_SILU, want[i] + added[i]);
        want[i] = reference_activation(ACTIVATION_GELU, inner) + added[i];
        magnitude[i] =
            2 * (magnitude[i] + 2 * fabs(added[i]) + 1); /* two slopes of at most 1.13, and the activations' errors */
    }
    check("order", got, want, magnitude, COUNT, IN * 3 + 8, ACTIVATION_NONE);
    free(x);
    free(added);
    weights_free(w);
}

/* Positions of more dimensions are positions: [B,D,H,L,C] gives what [B,D H L,C] gives, with all that is absorbed. */
static void test_positions_in_space(void **state) {
    use(*state);
    enum { BATCH = 2, POSITIONS = 3 * 5 * 7, IN = 9, OUT = 17, COUNT = BATCH * POSITIONS * OUT };
    const product_case p = {LINEAR, BATCH, POSITIONS, IN, OUT, 1, 1, 0, 0, false};
    const shape in = {1, BATCH, 3, 5, 7, IN}, out = {1, BATCH, 3, 5, 7, OUT}, shared = {1, 1, 3, 5, 7, OUT};
    weights *w;
    assert_ok(weights_new_empty(&w, support_compute()));
    const float *weight_values, *bias_values;
    add_weights(w, &p, "at", 3, &weight_values, &bias_values);
    float *x = support_values(BATCH * POSITIONS * IN, 1), *added = support_values(COUNT, 2);
    double *want = malloc(COUNT * sizeof *want), *magnitude = malloc(COUNT * sizeof *magnitude);
    float *got = malloc(COUNT * sizeof *got);
    assert_true(want && magnitude && got);
    for (int broadcast = 0; broadcast < 2; broadcast++) {
        net *n = net_new(support_compute(), w, "space", 1);
        tensor r = staged_input(n, "r", PHASE_STEP, broadcast ? shared : out);
        tensor h = linear(n, staged_input(n, "x", PHASE_STEP, in), "at", OUT, BIAS);
        net_output(n, "y", activate(n, add(n, h, r), ACTIVATION_RELU6));
        const size_t residual = COUNT / (broadcast ? BATCH : 1);
        const support_input inputs[] = {
            {"x", x, BATCH * POSITIONS * IN * sizeof *x}, {"r", added, residual * sizeof *added}, {0}};
        support_run(n, inputs, 0, "y", got, COUNT);
        reference(&p, want, magnitude, x, weight_values, bias_values);
        for (size_t i = 0; i < COUNT; i++) {
            want[i] = reference_activation(ACTIVATION_RELU6, want[i] + added[i % residual]);
            magnitude[i] += fabs(added[i % residual]);
        }
        check("space", got, want, magnitude, COUNT, IN + 1, ACTIVATION_NONE);
    }
    free(x);
    free(added);
    free(want);
    free(magnitude);
    free(got);
    weights_free(w);
}

/* ---- failures and costs ------------------------------------------------------------------------------------------ */

static void expect_failure(tensor (*record_one)(net *, tensor), loris_status status, const char *part) {
    weights *w;
    assert_ok(weights_new_empty(&w, support_compute()));
    const int64_t dim[] = {4, 3, 5}, columns[] = {4}, wrong[] = {5}, transposed[] = {3, 4, 5};
    support_weight(w, "at.weight", 3, dim, 1, 1, 0);
    support_weight(w, "up.weight", 3, transposed, 1, 1, 0);
    support_weight(w, "up.bias", 1, columns, 1, 1, 0);
    support_weight(w, "at.bias", 1, columns, 1, 1, 0);
    support_weight(w, "wrong.weight", 3, dim, 1, 1, 0);
    support_weight(w, "wrong.bias", 1, wrong, 1, 1, 0);
    net *n = net_new(support_compute(), w, "bad", 1);
    net_output(n, "y", record_one(n, staged_input(n, "x", PHASE_STEP, shape_1d(1, 2, 3))));
    plan *p = NULL;
    assert_fails(plan_build(&p, n), status, part);
    assert_null(p);
    weights_free(w);
}

static tensor too_short(net *n, tensor x) {
    return conv1d_strided(n, x, "at", 4, 5, 1, 1);
}
static tensor even_kernel(net *n, tensor x) {
    return conv1d(n, x, "at", 4, 2);
}
static tensor missing(net *n, tensor x) {
    return conv1d(n, x, "elsewhere", 4, 5);
}
static tensor wrong_kernel(net *n, tensor x) {
    return conv1d(n, x, "at", 4, 3);
}
static tensor wrong_bias(net *n, tensor x) {
    return conv1d(n, x, "wrong", 4, 5);
}
static tensor nothing_left(net *n, tensor x) {
    return conv_transpose1d(n, x, "up", 4, 5, 1, 3, 0);
}
static tensor too_large(net *n, tensor x) {
    return conv_transpose1d(n, x, "up", 4, 5, 500000000, 0, 0);
}
static tensor not_linear(net *n, tensor x) {
    return linear(n, x, "at", 4, BIAS);
}

static void test_failures(void **state) {
    (void)state;
    expect_failure(too_short, LORIS_ERROR_ARGUMENT, "kernel 5");
    expect_failure(even_kernel, LORIS_ERROR_INTERNAL, "at");
    expect_failure(missing, LORIS_ERROR_INPUT, "elsewhere.weight");
    expect_failure(wrong_kernel, LORIS_ERROR_INPUT, "at.weight");
    expect_failure(wrong_bias, LORIS_ERROR_INPUT, "wrong.bias");
    expect_failure(nothing_left, LORIS_ERROR_ARGUMENT, "transposed");
    expect_failure(too_large, LORIS_ERROR_ARGUMENT, "too large");
    expect_failure(not_linear, LORIS_ERROR_INPUT, "at.weight");
}

/* FLOP count the taps of the published network, not our phases or padding. */
static void test_cost(void **state) {
    (void)state;
    weights *w;
    assert_ok(weights_new_empty(&w, support_compute()));
    const product_case conv = {CONV, 2, 10, 3, 4, 3, 2, 1, 0, false}, up = {TRANSPOSE, 2, 5, 4, 3, 4, 2, 1, 0, false};
    const float *values, *bias_values;
    add_weights(w, &conv, "down", 1, &values, &bias_values);
    add_weights(w, &up, "up", 2, &values, &bias_values);
    net *n = net_new(support_compute(), w, "cost", 1);
    tensor h = net_input(n, "x", PHASE_STEP, shape_1d(2, 10, 3), STORE_F32);
    net_output(n, "y", record(n, &up, record(n, &conv, h, "down"), "up"));
    plan *p;
    assert_ok(plan_build(&p, n));
    assert_float_equal(plan_flop(p, PHASE_STEP), 2.0 * (2 * 5 * 3 * 4 * 3) + 2.0 * (2 * 5 * 4 * 3 * 4), 0);
    plan_free(p);
    weights_free(w);
}

/* The setting decides; left to itself, a CPU device gets the kernel made for it. */
static void test_choice(void **state) {
    (void)state;
    static const backend choices[] = {
        {"own panel", BACKEND_AUTO, 0, PRECISION_AUTO},   {"own tile", BACKEND_AUTO, 1, PRECISION_AUTO},
        {"own panel", BACKEND_OWN, 0, PRECISION_F32},     {"own panel bf16", BACKEND_AUTO, 0, PRECISION_BF16},
        {"own tile f16", BACKEND_AUTO, 1, PRECISION_F16}, {"CLBlast", BACKEND_CLBLAST, 0, PRECISION_AUTO},
        {"CLBlast", BACKEND_CLBLAST, 1, PRECISION_F32}};
    const product_case p = {LINEAR, 1, 1, 1, 1, 1, 1, 0, 0, false};
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        use(&choices[i]);
        weights *w;
        assert_ok(weights_new_empty(&w, support_compute()));
        const float *values, *bias_values;
        add_weights(w, &p, "at", 1, &values, &bias_values);
        net *n = net_new(support_compute(), w, "choice", 1);
        net_output(n, "y", record(n, &p, net_input(n, "x", PHASE_STEP, shape_1d(1, 1, 1), STORE_F32), "at"));
        plan *built;
        assert_ok(plan_build(&built, n));
        text description = {0};
        plan_describe(built, &description);
        assert_non_null(strstr(description.data, choices[i].name));
        text_free(&description);
        plan_free(built);
        weights_free(w);
    }
}

/* One convolution in a precision; returns the bytes that its weights take. */
static size_t convolve(product_precision precision, const float *values, float *y) {
    static const product_case p = {CONV, 1, 9, 17, 33, 3, 1, 1, 0, false};
    const int64_t dim[] = {33, 17, 3}, columns[] = {33};
    const float none[33] = {0};
    support_compute()->settings.precision = precision;
    weights *w;
    assert_ok(weights_new_empty(&w, support_compute()));
    assert_ok(weights_add(w, "at.weight", 3, dim, values));
    assert_ok(weights_add(w, "at.bias", 1, columns, none));
    net *n = net_new(support_compute(), w, "precisions", 1);
    net_output(n, "y", record(n, &p, staged_input(n, "x", PHASE_STEP, shape_1d(1, 9, 17)), "at"));
    float *x = support_values(9 * 17, 1);
    const support_input inputs[] = {{"x", x, 9 * 17 * sizeof *x}, {0}};
    support_run(n, inputs, 0, "y", y, 9 * 33);
    const size_t bytes = weights_device_bytes(w);
    free(x);
    weights_free(w);
    return bytes;
}

/* A model file of f16 loses nothing when its weights are kept in f16: not a bit of the result. Among the weights are
 * the largest, the smallest normal and the smallest number that f16 has. */
static void test_exact_f16(void **state) {
    (void)state;
    static const float special[] = {65504, -65504, 0x1p-14f, 0x1p-24f, -0x1p-24f, 0x1.ff8p-15f, 0};
    for (int pretended = 0; pretended < 2; pretended++) {
        const backend own = {"own", BACKEND_OWN, pretended, PRECISION_F16};
        use(&own);
        float wide[9 * 33], narrow[9 * 33], *values = support_values(33 * 17 * 3, 5);
        for (size_t i = 0; i < 33 * 17 * 3; i++)
            values[i] = i % 50 < 7 ? special[i % 50] : truncf(values[i] * 1024) / 1024;
        const size_t bytes = convolve(PRECISION_F32, values, wide);
        assert_in_range(convolve(PRECISION_F16, values, narrow), bytes / 2,
                        6 * bytes / 10); /* biases stay as they are */
        assert_memory_equal(wide, narrow, sizeof wide);
        free(values);
    }
}

/* Weights are narrowed to the nearest: the result differs from that of f32 by at most u = 2^-11 or 2^-8 of each term.
 */
static void test_precisions(void **state) {
    (void)state;
    use(&own_cpu);
    float wide[9 * 33], f16[9 * 33], bf16[9 * 33], *values = support_values(33 * 17 * 3, 6);
    convolve(PRECISION_F32, values, wide);
    convolve(PRECISION_F16, values, f16);
    convolve(PRECISION_BF16, values, bf16);
    const double terms = 17 * 3; /* each below 1 */
    double f16_error = 0, bf16_error = 0;
    for (size_t i = 0; i < 9 * 33; i++) {
        f16_error = fmax(f16_error, fabs((double)f16[i] - wide[i]));
        bf16_error = fmax(bf16_error, fabs((double)bf16[i] - wide[i]));
    }
    assert_true(f16_error > 0 && f16_error <= 0x1p-11 * terms);
    assert_true(bf16_error > 4 * f16_error && bf16_error <= 0x1p-8 * terms);
    free(values);
}

#define ON(test, which)                                                                                                \
    { #test " (" #which ")", test, NULL, NULL, &which }

int main(void) {
    const struct CMUnitTest tests[] = {
        ON(test_shapes, own_cpu),
        ON(test_shapes, own_gpu),
        ON(test_shapes, clblast),
        ON(test_shapes, own_cpu_f16),
        ON(test_shapes, own_gpu_f16),
        ON(test_shapes, own_cpu_bf16),
        ON(test_shapes, own_gpu_bf16),
        ON(test_epilogues, own_cpu_f16),
        ON(test_epilogues, own_gpu_bf16),
        cmocka_unit_test(test_exact_f16),
        cmocka_unit_test(test_precisions),
        ON(test_shapes, onednn),
        ON(test_shapes, onednn_bf16),
        ON(test_epilogues, onednn),
        ON(test_epilogues, onednn_bf16),
        ON(test_cut_by_rows, onednn),
        ON(test_not_absorbed, onednn),
        ON(test_cut_by_rows, own_cpu),
        ON(test_cut_by_rows, own_gpu),
        ON(test_cut_by_rows, clblast),
        ON(test_small_groups, own_gpu),
        ON(test_epilogues, own_cpu),
        ON(test_epilogues, own_gpu),
        ON(test_epilogues, clblast),
        ON(test_not_absorbed, own_cpu),
        ON(test_not_absorbed, clblast),
        cmocka_unit_test(test_failures),
        ON(test_positions_in_space, own_cpu),
        ON(test_positions_in_space, own_gpu),
        ON(test_positions_in_space, clblast),
        ON(test_positions_in_space, onednn),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
