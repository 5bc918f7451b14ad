/* Concatenation of channels. */
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

static void check(int a_batch, int b_batch, int length, int a_channels, int b_channels, int kind, int evals,
                  int evaluation) {
    const int batch = a_batch > b_batch ? a_batch : b_batch;
    const float factor = 0.70710678f;
    shape sb = shape_1d(b_batch, length, b_channels);
    sb.evals = evals;
    array a = array_random(shape_1d(a_batch, length, a_channels), 1), b = array_random(sb, 2);
    array want = array_new(shape_1d(batch, length, a_channels + b_channels)), got = array_new(want.s);
    for (int i = 0; i < batch; i++)
        for (int l = 0; l < length; l++) {
            float *row = array_block(&want, 0, i) + l * (a_channels + b_channels);
            memcpy(row, array_block(&a, 0, i) + l * a_channels, (size_t)a_channels * sizeof *row);
            for (int c = 0; c < b_channels; c++)
                row[a_channels + c] = array_block(&b, evaluation, i)[l * b_channels + c] * factor;
        }
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", evals);
    tensor ta = staged_input(n, "a", PHASE_STEP, a.s),
           tb = staged_input(n, "b", evals > 1 ? PHASE_RUN : PHASE_CLIP, sb);
    net_output(n, "out", concat(n, ta, tb, factor));
    const support_input inputs[] = {{"a", a.v, a.count * sizeof(float)}, {"b", b.v, b.count * sizeof(float)}, {0}};
    support_run(n, inputs, evaluation, "out", got.v, got.count);
    assert_arrays_close(got.v, want.v, want.count, 0); /* one rounding, the host's too */
    array_free(&a);
    array_free(&b);
    array_free(&want);
    array_free(&got);
}

static void test_shapes(void **state) {
    (void)state;
    static const int cases[][5] = {{1, 1, 1, 1, 1},    {2, 2, 7, 3, 2},      {1, 1, 1031, 1, 4},  {1, 2, 33, 16, 17},
                                   {2, 1, 31, 15, 16}, {2, 2, 19, 176, 120}, {1, 1, 3, 129, 127}, {1, 1, 2, 1, 4099}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(cases[i][0], cases[i][1], cases[i][2], cases[i][3], cases[i][4], kind, 1, 0);
}

static void test_pieces(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        pretend_slow(true);
        check(2, 1, 1031, 17, 16, kind, 1, 0);
        pretend_slow(false);
    }
}

static void test_evaluations(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++)
        check(2, 1, 5, 7, 9, kind, 3, 1);
}

static void test_refuses(void **state) {
    (void)state;
    const shape pairs[][2] = {{shape_1d(2, 3, 4), shape_1d(3, 3, 4)}, {shape_1d(1, 3, 4), shape_1d(1, 4, 4)}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        net *n = net_new(support_compute(), NULL, "test", 1);
        net_output(n, "out",
                   concat(n, net_input(n, "a", PHASE_STEP, pairs[i][0], STORE_F32),
                          net_input(n, "b", PHASE_STEP, pairs[i][1], STORE_F32), 1));
        plan *p = NULL;
        assert_int_equal(plan_build(&p, n), LORIS_ERROR_INTERNAL);
        assert_non_null(strstr(loris_error_message(), "concat"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_evaluations),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
