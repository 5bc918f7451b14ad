/* A sampler's update in place. */
#include <math.h>
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

enum { EVALS = 3, ROW = 6 };

/* state = sum of count terms, the state itself being term `own` (-1: not among them), at evaluations 0, 1, 2 in turn.
 */
static void check(shape s, int count, int own, bool clamp, int kind) {
    static const char *const names[] = {"in0", "in1", "in2", "in3"};
    shape coefficient_shape = shape_1d(1, 1, ROW);
    coefficient_shape.evals = EVALS;
    array state = array_random(s, 1), c = array_random(coefficient_shape, 2), in[4] = {{{0}, 0, NULL}};
    array want = array_new(s);
    memcpy(want.v, state.v, state.count * sizeof(float));
    const int first = ROW - count;

    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", EVALS);
    tensor ts = net_state(n, "state", s, STORE_F32), terms[4];
    support_input inputs[8] = {{"state", state.v, state.count * sizeof(float)}, {"c", c.v, c.count * sizeof(float)}};
    int used = 2;
    for (int i = 0; i < count; i++) {
        terms[i] = ts;
        if (i == own)
            continue;
        in[i] = array_random(s, 10 + (uint64_t)i);
        terms[i] = staged_input(n, names[i], PHASE_STEP, s);
        inputs[used++] = (support_input){names[i], in[i].v, in[i].count * sizeof(float)};
    }
    combine(n, ts, terms, count, staged_input(n, "c", PHASE_RUN, c.s), first, clamp);
    plan *p = support_plan(n, inputs);
    for (int e = 0; e < EVALS; e++) {
        for (size_t k = 0; k < state.count; k++) {
            double y = 0;
            for (int i = 0; i < count; i++)
                y += (double)array_block(&c, e, 0)[first + i] * (i == own ? want.v[k] : in[i].v[k]);
            want.v[k] = (float)(clamp ? fmax(-1, fmin(1, y)) : y);
        }
        assert_ok(plan_run(p, PHASE_STEP, e));
    }
    assert_ok(plan_read(p, "state", state.v, state.count * sizeof(float)));
    plan_free(p);
    /* Each update adds at most 4 products and 3 sums, rounded at 4 or less, to an error that its coefficient does not
     * grow. */
    assert_arrays_close(state.v, want.v, want.count, EVALS * 7 * 4 * ROUNDOFF);
    array_free(&state);
    array_free(&c);
    array_free(&want);
    for (int i = 0; i < 4; i++)
        array_free(&in[i]);
}

static void test_shapes(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        check(shape_1d(1, 1, 1), 1, -1, false, kind);
        check(shape_1d(2, 7, 13), 1, 0, true, kind);
        check(shape_1d(1, 17, 241), 2, 0, false, kind);
        check(shape_1d(1, 31, 15), 3, 1, true, kind);
        check(shape_1d(1, 5, 3), 4, -1, true, kind);
        check(shape_1d(1, 1031, 2), 4, 3, false, kind);
    }
}

/* Before the first step there is no previous value: with a coefficient of 0 nothing of it is used. */
static void test_zero_ignores(void **state) {
    (void)state;
    float x[37], previous[37], got[37], want[37];
    const float c[2] = {0.5f, 0};
    for (int i = 0; i < 37; i++) {
        x[i] = (float)i;
        want[i] = x[i] * 0.5f;
        previous[i] = i % 2 ? NAN : INFINITY;
    }
    net *n = net_new(support_compute(), NULL, "test", 1);
    tensor s = net_state(n, "state", shape_1d(1, 37, 1), STORE_F32);
    tensor in[2] = {s, net_input(n, "previous", PHASE_STEP, shape_1d(1, 37, 1), STORE_F32)};
    combine(n, s, in, 2, net_input(n, "c", PHASE_RUN, shape_1d(1, 1, 2), STORE_F32), 0, false);
    const support_input inputs[] = {
        {"state", x, sizeof x}, {"previous", previous, sizeof previous}, {"c", c, sizeof c}, {0}};
    support_run(n, inputs, 0, "state", got, 37);
    assert_arrays_close(got, want, 37, 0);
}

static void test_refuses(void **state) {
    (void)state;
    static const struct {
        int count, first, length;
    } cases[] = {{0, 0, 3}, {5, 0, 3}, {2, 3, 3}, {2, -1, 3}, {2, 0, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        net *n = net_new(support_compute(), NULL, "test", 1);
        tensor s = net_state(n, "state", shape_1d(1, 3, 2), STORE_F32);
        tensor x = net_input(n, "x", PHASE_STEP, shape_1d(1, cases[i].length, 2), STORE_F32);
        tensor in[5] = {s, x, x, x, x};
        combine(n, s, in, cases[i].count, net_input(n, "c", PHASE_RUN, shape_1d(1, 1, 4), STORE_F32), cases[i].first,
                false);
        plan *p = NULL;
        assert_int_equal(plan_build(&p, n), LORIS_ERROR_INTERNAL);
        assert_non_null(strstr(loris_error_message(), "combine"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_zero_ignores),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
