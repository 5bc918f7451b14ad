/* Convolutions over depth, height and length against their definition, for CPUs and GPUs, in each precision of weights.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference.h"
#include "reference_product.h"
#include "support_net.h"

#include "compare.h"

typedef enum padding { SAME, VALID, ONE } padding; /* TensorFlow's, none, 1 on all sides with kernels over 1 */

typedef struct conv_case {
    int batch, sides[3], channels, outputs, kernel[3], stride[3];
    padding padding;
    activation act;
    int residual; /* its batch; 0 = none */
    int rank;     /* of the weight in the file: 5, 4 with a kernel depth of 1, 2 with a kernel of 1 */
} conv_case;

static const conv_case cases[] = {
    /* single numbers, primes, one off what an item, a tile and a panel take */
    {1, {1, 1, 1}, 1, 1, {1, 1, 1}, {1, 1, 1}, SAME, ACTIVATION_NONE, 0, 5},
    {1, {1, 1, 1}, 1, 1, {3, 3, 3}, {1, 1, 1}, SAME, ACTIVATION_NONE, 0, 5},
    {1, {1, 1, 1}, 3, 2, {3, 5, 7}, {2, 2, 2}, SAME, ACTIVATION_NONE, 0, 5},
    {2, {3, 5, 7}, 5, 7, {3, 3, 3}, {1, 1, 1}, SAME, ACTIVATION_NONE, 0, 5},
    {2, {2, 3, 9}, 3, 33, {3, 3, 3}, {1, 1, 1}, SAME, ACTIVATION_RELU6, 2, 5},
    {1, {4, 7, 17}, 17, 31, {3, 3, 3}, {1, 1, 1}, SAME, ACTIVATION_NONE, 1, 5},
    {2, {2, 3, 8}, 16, 65, {3, 1, 3}, {1, 1, 1}, SAME, ACTIVATION_NONE, 1, 5},
    /* the first layer of I3D: an even side, an odd kernel, stride 2: one more row after than before */
    {1, {5, 12, 16}, 3, 20, {7, 7, 7}, {2, 2, 2}, SAME, ACTIVATION_NONE, 0, 5},
    {1, {6, 13, 31}, 3, 64, {7, 7, 7}, {2, 2, 2}, SAME, ACTIVATION_NONE, 0, 5},
    /* even kernels, strides that differ, strides beyond the kernel */
    {2, {4, 5, 6}, 2, 3, {2, 2, 2}, {1, 1, 1}, SAME, ACTIVATION_NONE, 0, 5},
    {1, {7, 6, 19}, 4, 9, {4, 3, 2}, {3, 1, 2}, SAME, ACTIVATION_NONE, 0, 5},
    {1, {7, 11, 13}, 3, 5, {2, 1, 2}, {3, 4, 5}, VALID, ACTIVATION_NONE, 0, 5},
    {1, {5, 7, 9}, 3, 5, {3, 3, 3}, {1, 1, 1}, VALID, ACTIVATION_NONE, 0, 5},
    {2, {5, 7, 10}, 3, 5, {3, 3, 3}, {2, 2, 2}, ONE, ACTIVATION_RELU, 0, 5},
    /* images */
    {2, {1, 13, 11}, 3, 17, {1, 3, 3}, {1, 2, 2}, SAME, ACTIVATION_NONE, 0, 4},
    {1, {1, 6, 96}, 5, 8, {1, 3, 3}, {1, 1, 1}, SAME, ACTIVATION_NONE, 1, 4},
    {1, {1, 9, 9}, 2, 40, {1, 5, 5}, {1, 1, 1}, ONE, ACTIVATION_NONE, 0, 4},
    /* each position by itself: a linear layer */
    {2, {2, 3, 5}, 7, 33, {1, 1, 1}, {1, 1, 1}, SAME, ACTIVATION_RELU, 1, 5},
    {1, {1, 5, 5}, 8, 17, {1, 1, 1}, {1, 1, 1}, SAME, ACTIVATION_RELU6, 1, 4},
    {1, {1, 5, 5}, 8, 17, {1, 1, 1}, {1, 1, 1}, SAME, ACTIVATION_NONE, 0, 2},
    {1, {4, 5, 6}, 8, 17, {1, 1, 1}, {2, 2, 2}, VALID, ACTIVATION_NONE, 0, 5},
};
enum { CASES = sizeof cases / sizeof *cases };

static shape in_shape(const conv_case *p) {
    return (shape){1, p->batch, p->sides[0], p->sides[1], p->sides[2], p->channels};
}

static geometry geometry_of(const conv_case *p) {
    int one[3] = {0};
    for (int d = 0; d < 3; d++)
        one[d] = p->padding == ONE && p->kernel[d] > 1;
    return p->padding == SAME ? geometry_same(in_shape(p), p->kernel, p->stride)
                              : geometry_padded(p->kernel, p->stride, one);
}

typedef struct conv_data {
    char at[8], x_name[8], residual_name[8], y_name[8];
    const float *weights, *biases;
    array x, residual, y;
    geometry geometry;
} conv_data;

static support_input *record_case(net *n, weights *w, int index, const conv_case *p, conv_data *d,
                                  support_input *inputs) {
    const int64_t outputs = p->outputs, channels = p->channels;
    const int64_t dims5[] = {outputs, channels, p->kernel[0], p->kernel[1], p->kernel[2]};
    const int64_t dims4[] = {outputs, channels, p->kernel[1], p->kernel[2]};
    char name[24];
    snprintf(d->at, sizeof d->at, "at%d", index);
    snprintf(d->x_name, sizeof d->x_name, "x%d", index);
    snprintf(d->residual_name, sizeof d->residual_name, "r%d", index);
    snprintf(d->y_name, sizeof d->y_name, "y%d", index);
    snprintf(name, sizeof name, "at%d.weight", index);
    d->weights = support_weight(w, name, p->rank, p->rank == 4 ? dims4 : dims5, 10 + (uint64_t)index, 0.5f, 0);
    snprintf(name, sizeof name, "at%d.bias", index);
    d->biases = support_weight(w, name, 1, &outputs, 50 + (uint64_t)index, 1, 0);
    d->x = array_random(in_shape(p), 100 + (uint64_t)index);
    d->geometry = geometry_of(p);
    *inputs++ = (support_input){d->x_name, d->x.v, d->x.count * sizeof(float)};
    tensor x = staged_input(n, d->x_name, PHASE_STEP, d->x.s), beside = {0};
    if (p->residual) {
        shape s = geometry_output(n, d->at, d->x.s, &d->geometry);
        s.batch = p->residual;
        s.channels = p->outputs;
        d->residual = array_random(s, 200 + (uint64_t)index);
        *inputs++ = (support_input){d->residual_name, d->residual.v, d->residual.count * sizeof(float)};
        beside = staged_input(n, d->residual_name, PHASE_STEP, s);
    }
    tensor y = conv3d(n, x, d->at, p->outputs, d->geometry);
    d->y = array_new(shape_of(n, y));
    net_output(n, d->y_name, activate(n, p->residual ? add(n, y, beside) : y, p->act));
    return inputs;
}

/* A sum of K + 2 numbers in f32 is off by at most 6 sqrt(K + 2) u sum |terms| with probability 1 - 2 exp(-18) (Higham
 * and Mary, 2019, with lambda = 6); no activation here is steeper than 1.13, and SiLU and GELU add up to 1e-6 of their
 * own. */
static void check_case(const char *what, const conv_case *p, const conv_data *d) {
    const int out_sides[3] = {d->y.s.depth, d->y.s.height, d->y.s.length};
    double *want = malloc(d->y.count * sizeof *want), *magnitude = malloc(d->y.count * sizeof *magnitude);
    assert_true(want && magnitude);
    reference_conv3d(want, magnitude, d->x.v, d->weights, d->biases, p->batch, p->sides, p->channels, out_sides,
                     p->outputs, p->kernel, p->stride, d->geometry.before);
    const int terms = p->channels * geometry_volume(&d->geometry);
    const size_t block = d->y.count / (size_t)p->batch;
    for (size_t i = 0; i < d->y.count; i++) {
        const double residual = p->residual ? d->residual.v[p->residual > 1 ? i : i % block] : 0;
        const double expected = reference_activation(p->act, want[i] + residual);
        const double tolerance = 1.13 * 6 * sqrt(terms + 2) * ROUNDOFF * (magnitude[i] + fabs(residual)) + 1e-6;
        if (!(fabs(d->y.v[i] - expected) <= tolerance))
            fail_msg("%s: case %d: [%zu] of %zu: got %.9g, want %.9g +- %.3g", what, (int)(p - cases), i, d->y.count,
                     (double)d->y.v[i], expected, tolerance);
    }
    free(want);
    free(magnitude);
}

typedef struct device_kind {
    const char *name;
    int kind;
    product_precision precision;
} device_kind;

static device_kind cpu = {"CPU", 0, PRECISION_F32}, cpu_f16 = {"CPU, f16", 0, PRECISION_F16},
                   cpu_bf16 = {"CPU, bf16", 0, PRECISION_BF16}, gpu = {"GPU", 1, PRECISION_F32},
                   gpu_f16 = {"GPU, f16", 1, PRECISION_F16}, gpu_bf16 = {"GPU, bf16", 1, PRECISION_BF16};

/* All cases, or every `step`-th: each makes a kernel of its own. */
static void run_cases(const device_kind *kind, int step) {
    conv_data data[CASES] = {0};
    support_input inputs[2 * CASES + 1] = {{0}}, *end = inputs;
    weights *w;
    support_compute()->settings.backend = BACKEND_OWN;
    support_compute()->settings.precision = kind->precision;
    pretend_kind(kind->kind);
    assert_ok(weights_new_empty(&w, support_compute()));
    net *n = net_new(support_compute(), w, "convolutions", 1);
    assert_non_null(n);
    for (int i = 0; i < CASES; i += step)
        end = record_case(n, w, i, &cases[i], &data[i], end);
    plan *built = support_plan(n, inputs);
    assert_ok(plan_run(built, PHASE_STEP, 0));
    /* Residuals and activations are absorbed: beside the convolutions there are only the staged inputs. */
    assert_int_equal(plan_launches(built, PHASE_STEP), (CASES + step - 1) / step + (int)(end - inputs));
    for (int i = 0; i < CASES; i += step) {
        assert_ok(plan_read(built, data[i].y_name, data[i].y.v, data[i].y.count * sizeof(float)));
        check_case(kind->name, &cases[i], &data[i]);
        array_free(&data[i].x);
        array_free(&data[i].residual);
        array_free(&data[i].y);
    }
    plan_free(built);
    weights_free(w);
}

static void test_shapes(void **state) {
    run_cases(*state, 1);
}

static void test_precisions(void **state) {
    run_cases(*state, 8);
}

/* Every launch is cut, down to single work-groups. */
static void test_pieces(void **state) {
    pretend_slow(true);
    run_cases(*state, 7);
    assert_ok(compute_finish(support_compute(), NULL));
    pretend_slow(false);
}

/* Vectors and tiles shrink with the device. */
static void test_small_devices(void **state) {
    (void)state;
    device *d = &support_compute()->dev;
    const size_t group = d->max_work_group;
    const cl_uint width = d->float_width;
    for (cl_uint narrow = 4; narrow <= 16; narrow *= 2) {
        d->float_width = narrow;
        run_cases(&cpu, 8);
    }
    d->float_width = width;
    d->max_work_group = 32;
    run_cases(&gpu, 8);
    d->max_work_group = group;
}

static void test_cost(void **state) {
    (void)state;
    weights *w;
    assert_ok(weights_new_empty(&w, support_compute()));
    const int64_t dims[] = {5, 3, 2, 3, 4};
    support_weight(w, "a.weight", 5, dims, 1, 1, 0);
    support_weight(w, "a.bias", 1, dims, 2, 1, 0);
    net *n = net_new(support_compute(), w, "cost", 1);
    const shape s = {1, 2, 4, 6, 8, 3};
    const geometry g = geometry_padded((const int[]){2, 3, 4}, (const int[]){1, 1, 2}, (const int[]){0, 1, 0});
    net_output(n, "y", conv3d(n, net_input(n, "x", PHASE_STEP, s, STORE_F32), "a", 5, g));
    plan *p;
    assert_ok(plan_draft(&p, n));
    /* [2, 3,6,3, 5] numbers, each a sum of 2*3*4 * 3 products */
    assert_true(plan_flop(p, PHASE_STEP) == 2.0 * (2 * 3 * 6 * 3 * 5) * (2 * 3 * 4 * 3));
    plan_free(p);
    weights_free(w);
}

/* TensorFlow: the same number of outputs whatever the kernel, of an odd padding the larger half after. */
static void test_same_padding(void **state) {
    (void)state;
    const shape s = {1, 1, 16, 224, 7, 1};
    const geometry g = geometry_same(s, (const int[]){7, 7, 3}, (const int[]){2, 2, 1});
    assert_memory_equal(g.before, ((const int[]){2, 2, 1}), sizeof g.before);
    assert_memory_equal(g.after, ((const int[]){3, 3, 1}), sizeof g.after);
    const geometry beyond = geometry_same(s, (const int[]){1, 2, 2}, (const int[]){4, 3, 3});
    assert_memory_equal(beyond.before, ((const int[]){0, 0, 0}), sizeof beyond.before);
    assert_memory_equal(beyond.after, ((const int[]){0, 0, 1}), sizeof beyond.after);
    const geometry square = geometry_same_2d(s, 3, 2);
    assert_memory_equal(square.kernel, ((const int[]){1, 3, 3}), sizeof square.kernel);
    assert_memory_equal(square.stride, ((const int[]){1, 2, 2}), sizeof square.stride);
}

static void test_refuses(void **state) {
    (void)state;
    static const struct {
        int kernel[3], stride[3], padding[3];
    } wrong[] = {{{1, 4, 1}, {1, 1, 1}, {0, 0, 0}}, /* larger than the height */
                 {{1, 1, 3}, {1, 1, 1}, {0, 0, 3}}, /* a window would see padding alone */
                 {{0, 1, 1}, {1, 1, 1}, {0, 0, 0}},
                 {{1, 1, 1}, {1, 0, 1}, {0, 0, 0}},
                 {{1, 1, 1}, {1, 1, 1}, {0, -1, 0}}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        net *n = net_new(support_compute(), NULL, "net", 1);
        tensor x = net_input(n, "x", PHASE_STEP, shape_2d(1, 3, 5, 2), STORE_F32);
        net_output(n, "y", conv3d(n, x, "a", 3, geometry_padded(wrong[i].kernel, wrong[i].stride, wrong[i].padding)));
        plan *p = NULL;
        assert_int_equal(plan_build(&p, n), LORIS_ERROR_ARGUMENT);
        assert_non_null(strstr(loris_error_message(), "net: a: windows of"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_shapes, &cpu),
        cmocka_unit_test_prestate(test_precisions, &cpu_f16),
        cmocka_unit_test_prestate(test_precisions, &cpu_bf16),
        cmocka_unit_test_prestate(test_shapes, &gpu),
        cmocka_unit_test_prestate(test_precisions, &gpu_f16),
        cmocka_unit_test_prestate(test_precisions, &gpu_bf16),
        cmocka_unit_test_prestate(test_pieces, &cpu),
        cmocka_unit_test_prestate(test_pieces, &gpu),
        cmocka_unit_test(test_small_devices),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_same_padding),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
