/* Group normalisation with scale, shift and activation against a scalar one. */
#include <math.h>
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

typedef struct norm_case {
    int batch, length, channels, groups;
    int scale_batch; /* 0: no scale and shift */
    activation act;
    float offset; /* added to the input */
} norm_case;

/* Roundings of y = (x - mean) gain + shift at |y| <= 8 (uniform input: |x - mean| <= 2 deviations, then gain, scale and
 * shift, each below 2): about 8 of them. The mean is off by a rounding of its own size, |offset| against a deviation of
 * 0.58. The variance is off by n ROUNDOFF at worst, n <= 512 being the rows of a slice, and by the square root of that
 * in practice; half of it reaches y. The activation's own error is below 1e-6 of y. */
static double tolerance_of(float offset) {
    return 8 * (8 + 2 * fabs(offset) / 0.58 + sqrt(512) / 2) * ROUNDOFF + 8e-6;
}

static void check(norm_case k, int kind, phase scale_phase, int evals, int evaluation) {
    shape scale_shape = shape_1d(k.scale_batch ? k.scale_batch : 1, 1, 2 * k.channels);
    scale_shape.evals = evals;
    const int batch = k.scale_batch > k.batch ? k.scale_batch : k.batch;
    array x = array_random(shape_1d(k.batch, k.length, k.channels), 1), ss = array_random(scale_shape, 2);
    array want = array_new(shape_1d(batch, k.length, k.channels)), got = array_new(want.s);
    for (size_t i = 0; i < x.count; i++)
        x.v[i] += k.offset;

    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    const int64_t dim[] = {k.channels};
    const float *gain = support_weight(w, "norm.weight", 1, dim, 3, 0.5f, 1),
                *shift = support_weight(w, "norm.bias", 1, dim, 4, 1, 0);
    for (int b = 0; b < batch; b++)
        reference_group_norm(array_block(&want, 0, b), array_block(&x, 0, b), k.length, k.channels, k.groups, gain,
                             shift, k.scale_batch ? array_block(&ss, evaluation, b) : NULL, k.act);

    pretend_kind(kind);
    net *n = net_new(support_compute(), w, "test", evals);
    tensor tx = staged_input(n, "x", PHASE_STEP, x.s), ts = {0};
    if (k.scale_batch)
        ts = staged_input(n, "ss", scale_phase, ss.s);
    net_output(n, "out", group_norm(n, tx, "norm", k.groups, ts, k.act));
    const support_input inputs[] = {
        {"x", x.v, x.count * sizeof(float)}, {k.scale_batch ? "ss" : NULL, ss.v, ss.count * sizeof(float)}, {0}};
    support_run(n, inputs, evaluation, "out", got.v, got.count);
    assert_arrays_close(got.v, want.v, want.count, tolerance_of(k.offset));
    weights_free(w);
    array_free(&x);
    array_free(&ss);
    array_free(&want);
    array_free(&got);
}

static void test_shapes(void **state) {
    (void)state;
    static const norm_case cases[] = {
        {1, 1, 1, 1, 0, ACTIVATION_SILU, 0},    {1, 1, 5, 1, 0, ACTIVATION_SILU, 0},
        {2, 7, 1, 1, 0, ACTIVATION_SILU, 0},    {2, 131, 2, 2, 1, ACTIVATION_SILU, 0},
        {1, 33, 3, 3, 1, ACTIVATION_SILU, 0},   {1, 1001, 6, 2, 0, ACTIVATION_GELU, 0},
        {2, 97, 8, 4, 2, ACTIVATION_SILU, 0},   {1, 15, 15, 5, 0, ACTIVATION_SILU, 0},
        {1, 65, 16, 8, 1, ACTIVATION_SILU, 0},  {1, 64, 17, 1, 0, ACTIVATION_SILU, 0},
        {2, 63, 37, 37, 1, ACTIVATION_SILU, 0}, {1, 5, 63, 7, 0, ACTIVATION_NONE, 0},
        {1, 9, 65, 5, 1, ACTIVATION_SILU, 0},   {1, 301, 192, 8, 1, ACTIVATION_SILU, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(cases[i], kind, PHASE_STEP, 1, 0);
}

/* Several slices; a mean far from zero must not drown the variance. */
static void test_long(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        check((norm_case){1, 50021, 2, 2, 0, ACTIVATION_NONE, 100}, kind, PHASE_STEP, 1, 0);
        check((norm_case){2, 1031, 67, 1, 1, ACTIVATION_SILU, -10}, kind, PHASE_STEP, 1, 0);
    }
}

static void test_pieces(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        pretend_slow(true);
        check((norm_case){2, 1031, 67, 1, 1, ACTIVATION_SILU, 0}, kind, PHASE_STEP, 1, 0);
        pretend_slow(false);
    }
}

/* Scale and shift of every evaluation made before the loop; a batch of 2 begins here. */
static void test_evaluations(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        check((norm_case){1, 29, 24, 4, 2, ACTIVATION_SILU, 0}, kind, PHASE_RUN, 3, 2);
        check((norm_case){2, 29, 24, 4, 1, ACTIVATION_SILU, 0}, kind, PHASE_RUN, 3, 1);
    }
}

/* A constant input has no variance: eps keeps the result finite, and it is the shift. */
static void test_constant(void **state) {
    (void)state;
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    const int64_t dim[] = {12};
    support_weight(w, "norm.weight", 1, dim, 3, 0.5f, 1);
    const float *shift = support_weight(w, "norm.bias", 1, dim, 4, 1, 0);
    float x[77 * 12], got[77 * 12], want[77 * 12];
    for (int i = 0; i < 77 * 12; i++) {
        x[i] = 3.7f;
        want[i] = shift[i % 12];
    }
    net *n = net_new(support_compute(), w, "test", 1);
    net_output(n, "out",
               group_norm(n, net_input(n, "x", PHASE_STEP, shape_1d(1, 77, 12), STORE_F32), "norm", 3, (tensor){0},
                          ACTIVATION_NONE));
    support_run(n, (const support_input[]){{"x", x, sizeof x}, {0}}, 0, "out", got, 77 * 12);
    /* The mean may be off by one rounding at 3.7, which 1 / sqrt(1e-5) and a gain of at most 1.5 multiply. */
    assert_arrays_close(got, want, 77 * 12, 3.7 * 2 * ROUNDOFF * 317 * 1.5);
    weights_free(w);
}

static void test_refuses(void **state) {
    (void)state;
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    const int64_t dim[] = {12};
    support_weight(w, "norm.weight", 1, dim, 3, 1, 0);
    support_weight(w, "norm.bias", 1, dim, 4, 1, 0);
    static const struct {
        int channels, groups, scale_channels;
    } cases[] = {{12, 5, 0}, {12, 0, 0}, {8, 4, 0}, {12, 4, 12}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        net *n = net_new(support_compute(), w, "test", 1);
        tensor x = net_input(n, "x", PHASE_STEP, shape_1d(1, 3, cases[i].channels), STORE_F32), ss = {0};
        if (cases[i].scale_channels)
            ss = net_input(n, "ss", PHASE_STEP, shape_1d(1, 1, cases[i].scale_channels), STORE_F32);
        net_output(n, "out", group_norm(n, x, "norm", cases[i].groups, ss, ACTIVATION_NONE));
        plan *p = NULL;
        assert_int_not_equal(plan_build(&p, n), LORIS_OK);
        assert_non_null(strstr(loris_error_message(), "norm"));
    }
    weights_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),      cmocka_unit_test(test_long),     cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_evaluations), cmocka_unit_test(test_constant), cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
