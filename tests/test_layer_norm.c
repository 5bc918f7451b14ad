/* Layer normalisation, alone and with a residual folded in, against a scalar one. */
#include <math.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

typedef enum residual_kind { ALONE, RESIDUAL_AFTER, RESIDUAL_BEFORE, RESIDUAL_BROADCAST } residual_kind;

static void check(int batch, int length, int channels, residual_kind residual, int kind, int gain_rank) {
    array x = array_random(shape_1d(batch, length, channels), 1);
    array r = array_random(shape_1d(residual == RESIDUAL_BROADCAST ? 1 : batch, length, channels), 2);
    array want = array_new(x.s), got = array_new(x.s);
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    const int64_t dims[2][3] = {{channels}, {1, channels, 1}};
    const float *gain = support_weight(w, "norm.g", gain_rank, dims[gain_rank == 3], 3, 0.5f, 1);
    for (int b = 0; b < batch; b++)
        reference_layer_norm(array_block(&want, 0, b), array_block(&x, 0, b), gain,
                             residual == ALONE ? NULL : array_block(&r, 0, b), length, channels);

    pretend_kind(kind);
    net *n = net_new(support_compute(), w, "test", 1);
    tensor tr = {0};
    if (residual != ALONE)
        tr = staged_input(n, "r", PHASE_STEP, r.s);
    tensor y = layer_norm(n, staged_input(n, "x", PHASE_STEP, x.s), "norm.g");
    if (residual != ALONE)
        y = residual == RESIDUAL_BEFORE ? add(n, tr, y) : add(n, y, tr);
    net_output(n, "out", y);
    const support_input inputs[] = {
        {"x", x.v, x.count * sizeof(float)}, {residual == ALONE ? NULL : "r", r.v, r.count * sizeof(float)}, {0}};
    plan *p = support_plan(n, inputs);
    const int copies = residual == ALONE ? 1 : 2; /* staged inputs */
    assert_int_equal(plan_launches(p, PHASE_STEP), copies + (residual == RESIDUAL_BROADCAST ? 2 : 1));
    assert_ok(plan_run(p, PHASE_STEP, 0));
    assert_ok(plan_read(p, "out", got.v, got.count * sizeof(float)));
    plan_free(p);
    /* Two sums over C, added in lanes: below sqrt C roundings of the mean and of the variance in practice; then 5
     * roundings at |y| <= 2 * 1.5 + 1 for uniform input. */
    assert_arrays_close(got.v, want.v, want.count, 4 * (sqrt(channels) + 5) * ROUNDOFF);
    weights_free(w);
    array_free(&x);
    array_free(&r);
    array_free(&want);
    array_free(&got);
}

static void test_shapes(void **state) {
    (void)state;
    static const int cases[][3] = {{1, 1, 1},  {1, 1, 2},   {2, 5, 3},   {1, 129, 4},  {2, 3, 15},  {1, 7, 16},
                                   {1, 2, 17}, {2, 13, 31}, {1, 31, 64}, {1, 33, 127}, {1, 5, 257}, {2, 67, 192}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(cases[i][0], cases[i][1], cases[i][2], ALONE, kind, i % 2 ? 3 : 1);
}

static void test_residual(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        check(2, 19, 37, RESIDUAL_AFTER, kind, 1);
        check(1, 23, 64, RESIDUAL_BEFORE, kind, 1);
        check(2, 11, 5, RESIDUAL_BROADCAST, kind, 1);
    }
}

static void test_pieces(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        pretend_slow(true);
        check(2, 1031, 37, RESIDUAL_AFTER, kind, 1);
        pretend_slow(false);
    }
}

/* Every evaluation of the run phase at once. */
static void test_evaluations(void **state) {
    (void)state;
    shape s = shape_1d(2, 3, 21);
    s.evals = 4;
    array x = array_random(s, 1), want = array_new(s), got = array_new(s);
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    const float *gain = support_weight(w, "g", 1, (const int64_t[]){21}, 3, 0.5f, 1);
    reference_layer_norm(want.v, x.v, gain, NULL, 4 * 2 * 3, 21);
    net *n = net_new(support_compute(), w, "test", 4);
    net_output(n, "out", layer_norm(n, staged_input(n, "x", PHASE_RUN, s), "g"));
    support_run(n, (const support_input[]){{"x", x.v, x.count * sizeof(float)}, {0}}, 0, "out", got.v, got.count);
    assert_arrays_close(got.v, want.v, want.count, 4 * (sqrt(21) + 5) * ROUNDOFF);
    weights_free(w);
    array_free(&x);
    array_free(&want);
    array_free(&got);
}

static void test_refuses(void **state) {
    (void)state;
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    support_weight(w, "g", 1, (const int64_t[]){4}, 3, 1, 0);
    net *n = net_new(support_compute(), w, "test", 1);
    net_output(n, "out", layer_norm(n, net_input(n, "x", PHASE_STEP, shape_1d(1, 3, 5), STORE_F32), "g"));
    plan *p = NULL;
    assert_int_equal(plan_build(&p, n), LORIS_ERROR_INPUT);
    weights_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),      cmocka_unit_test(test_residual), cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_evaluations), cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
