/* "b (l p) c -> b l (c p)" and back: only copies, so everything is exact. */
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

static void check(int batch, int length, int channels, int p, int kind) {
    array x = array_random(shape_1d(batch, length * p, channels), 1);
    array want = array_new(shape_1d(batch, length, channels * p)), got = array_new(want.s), back = array_new(x.s);
    for (int b = 0; b < batch; b++)
        for (int l = 0; l < length; l++)
            for (int c = 0; c < channels; c++)
                for (int i = 0; i < p; i++)
                    array_block(&want, 0, b)[(l * channels + c) * p + i] =
                        array_block(&x, 0, b)[(l * p + i) * channels + c];
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", 1);
    tensor patched = patch(n, staged_input(n, "x", PHASE_STEP, x.s), p);
    net_output(n, "patched", patched);
    net_output(n, "back", unpatch(n, patched, p));
    plan *made = support_plan(n, (const support_input[]){{"x", x.v, x.count * sizeof(float)}, {0}});
    assert_ok(plan_run(made, PHASE_STEP, 0));
    assert_ok(plan_read(made, "patched", got.v, got.count * sizeof(float)));
    assert_ok(plan_read(made, "back", back.v, back.count * sizeof(float)));
    plan_free(made);
    assert_arrays_close(got.v, want.v, want.count, 0);
    assert_arrays_close(back.v, x.v, x.count, 0);
    array_free(&x);
    array_free(&want);
    array_free(&got);
    array_free(&back);
}

static void test_shapes(void **state) {
    (void)state;
    static const int cases[][4] = {{1, 1, 1, 2},   {2, 3, 5, 3},   {1, 1, 2, 32},
                                   {2, 17, 2, 32}, {1, 131, 3, 7}, {2, 5, 129, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(cases[i][0], cases[i][1], cases[i][2], cases[i][3], kind);
}

static void test_one_is_nothing(void **state) {
    (void)state;
    net *n = net_new(support_compute(), NULL, "test", 1);
    tensor x = net_input(n, "x", PHASE_STEP, shape_1d(2, 3, 5), STORE_F32);
    assert_int_equal(patch(n, x, 1).id, x.id);
    assert_int_equal(unpatch(n, x, 1).id, x.id);
    net_free(n);
}

static void test_refuses(void **state) {
    (void)state;
    for (int back = 0; back < 2; back++) {
        net *n = net_new(support_compute(), NULL, "test", 1);
        tensor x = net_input(n, "x", PHASE_STEP, shape_1d(1, 10, 10), STORE_F32);
        net_output(n, "out", back ? unpatch(n, x, 3) : patch(n, x, 3));
        plan *p = NULL;
        assert_int_equal(plan_build(&p, n), LORIS_ERROR_INTERNAL);
        assert_non_null(strstr(loris_error_message(), "patch"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_one_is_nothing),
                                       cmocka_unit_test(test_refuses)};
    return cmocka_run_group_tests(tests, support_open, support_close);
}
