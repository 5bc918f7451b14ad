/* Addition, activations and scaling. */
#include <math.h>
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

static shape with_evals(int evals, shape s) {
    s.evals = evals;
    return s;
}

/* a + b in phase `p`, broadcast; exact, as it is one rounding. */
static void check_add(shape sa, shape sb, int kind, phase p) {
    array a = array_random(sa, 1), b = array_random(sb, 2);
    shape s = sa;
    s.batch = sa.batch > sb.batch ? sa.batch : sb.batch;
    s.evals = sa.evals > sb.evals ? sa.evals : sb.evals;
    array want = array_new(s), got = array_new(s);
    const size_t inner = want.count / ((size_t)s.evals * (size_t)s.batch);
    for (int e = 0; e < s.evals; e++)
        for (int i = 0; i < s.batch; i++)
            for (size_t k = 0; k < inner; k++)
                array_block(&want, e, i)[k] = array_block(&a, e, i)[k] + array_block(&b, e, i)[k];
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", s.evals);
    net_output(n, "out", add(n, staged_input(n, "a", p, sa), staged_input(n, "b", p, sb)));
    const support_input inputs[] = {{"a", a.v, a.count * sizeof(float)}, {"b", b.v, b.count * sizeof(float)}, {0}};
    support_run(n, inputs, 0, "out", got.v, got.count);
    assert_arrays_close(got.v, want.v, want.count, 0);
    array_free(&a);
    array_free(&b);
    array_free(&want);
    array_free(&got);
}

static void test_add(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        check_add(shape_1d(1, 1, 1), shape_1d(1, 1, 1), kind, PHASE_STEP);
        check_add(shape_1d(2, 17, 241), shape_1d(2, 17, 241), kind, PHASE_STEP); /* 4097 floats a batch entry */
        check_add(shape_1d(1, 3, 5), shape_1d(3, 3, 5), kind, PHASE_CLIP);
        check_add(shape_1d(2, 7, 19), shape_1d(1, 7, 19), kind, PHASE_STEP);
        check_add(shape_2d(2, 3, 5, 7), shape_2d(1, 3, 5, 7), kind, PHASE_STEP);
        check_add(with_evals(3, shape_1d(1, 1, 33)), with_evals(3, shape_1d(2, 1, 33)), kind, PHASE_RUN);
        check_add(with_evals(3, shape_1d(2, 1, 33)), shape_1d(2, 1, 33), kind, PHASE_RUN);
    }
}

static void test_pieces(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        pretend_slow(true);
        check_add(shape_1d(3, 131, 241), shape_1d(1, 131, 241), kind, PHASE_STEP);
        pretend_slow(false);
    }
}

/* A step adds its own evaluation's row of what the run phase made. */
static void test_add_row(void **state) {
    (void)state;
    array a = array_random(shape_1d(2, 5, 3), 1), b = array_random(with_evals(4, shape_1d(1, 5, 3)), 2);
    array want = array_new(a.s), got = array_new(a.s);
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < 15; k++)
            array_block(&want, 0, i)[k] = array_block(&a, 0, i)[k] + array_block(&b, 3, 0)[k];
    net *n = net_new(support_compute(), NULL, "test", 4);
    net_output(n, "out", add(n, staged_input(n, "a", PHASE_STEP, a.s), staged_input(n, "b", PHASE_RUN, b.s)));
    const support_input inputs[] = {{"a", a.v, a.count * sizeof(float)}, {"b", b.v, b.count * sizeof(float)}, {0}};
    support_run(n, inputs, 3, "out", got.v, got.count);
    assert_arrays_close(got.v, want.v, want.count, 0);
    array_free(&a);
    array_free(&b);
    array_free(&want);
    array_free(&got);
}

static void check_map(shape s, activation act, float factor, double tolerance, int kind) {
    array x = array_random(s, 1), want = array_new(s), got = array_new(s);
    for (size_t i = 0; i < x.count; i++) {
        x.v[i] *= 12;
        want.v[i] = act ? (float)reference_activation(act, x.v[i]) : x.v[i] * factor;
    }
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", s.evals);
    tensor t = staged_input(n, "x", s.evals > 1 ? PHASE_RUN : PHASE_STEP, s);
    net_output(n, "out", act ? activate(n, t, act) : scale(n, t, factor));
    support_run(n, (const support_input[]){{"x", x.v, x.count * sizeof(float)}, {0}}, 0, "out", got.v, got.count);
    assert_arrays_close(got.v, want.v, want.count, tolerance);
    array_free(&x);
    array_free(&want);
    array_free(&got);
}

/* common.clh promises: SiLU to 1e-6 of |x| <= 12, GELU to 4e-7 max(1, |x|). Scaling is one rounding, the same on the
 * host. */
static void test_maps(void **state) {
    (void)state;
    const shape shapes[] = {shape_1d(1, 1, 1),    shape_1d(1, 1, 15),   shape_1d(2, 7, 13),
                            shape_1d(1, 17, 241), shape_2d(2, 3, 5, 7), with_evals(5, shape_1d(2, 1, 9))};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++) {
            check_map(shapes[i], ACTIVATION_SILU, 1, 12e-6, kind);
            check_map(shapes[i], ACTIVATION_GELU, 1, 12 * 4e-7, kind);
            check_map(shapes[i], ACTIVATION_RELU, 1, 0, kind);
            check_map(shapes[i], ACTIVATION_RELU6, 1, 0, kind);
            check_map(shapes[i], ACTIVATION_NONE, 0.70710678f, 0, kind);
        }
}

static void test_none_is_nothing(void **state) {
    (void)state;
    net *n = net_new(support_compute(), NULL, "test", 1);
    tensor x = net_input(n, "x", PHASE_STEP, shape_1d(1, 2, 3), STORE_F32);
    assert_int_equal(activate(n, x, ACTIVATION_NONE).id, x.id);
    net_free(n);
}

static void test_refuses(void **state) {
    (void)state;
    const shape pairs[][2] = {{shape_1d(2, 3, 4), shape_1d(3, 3, 4)}, {shape_1d(1, 3, 4), shape_1d(1, 4, 3)}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        net *n = net_new(support_compute(), NULL, "test", 1);
        net_output(n, "out",
                   add(n, net_input(n, "a", PHASE_STEP, pairs[i][0], STORE_F32),
                       net_input(n, "b", PHASE_STEP, pairs[i][1], STORE_F32)));
        plan *p = NULL;
        assert_int_equal(plan_build(&p, n), LORIS_ERROR_INTERNAL);
        assert_non_null(strstr(loris_error_message(), "[1,3,4]") ? "" : strstr(loris_error_message(), "[2,3,4]"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),  cmocka_unit_test(test_add_row),         cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_maps), cmocka_unit_test(test_none_is_nothing), cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
