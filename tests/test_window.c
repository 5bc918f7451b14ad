/* Windows of a clip and their way back into it. */
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

/* Several windows of one plan: the start moves without building anything again. */
static void check(int batch, int clip_length, int channels, int length, int divisor, int kind) {
    array clip = array_random(shape_1d(batch, clip_length, channels), 1);
    array want = array_new(shape_1d(batch, length, channels)), got = array_new(want.s);
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", 1);
    const int start = net_parameter(n, "start");
    net_output(n, "out", window(n, staged_input(n, "clip", PHASE_STEP, clip.s), start, divisor, length));
    plan *p = support_plan(n, (const support_input[]){{"clip", clip.v, clip.count * sizeof(float)}, {0}});
    const unsigned starts[] = {
        0, 1, 2, (unsigned)clip_length - 1, (unsigned)clip_length, 4 * (unsigned)clip_length + 5};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        const size_t row = starts[i] / (unsigned)divisor;
        for (int b = 0; b < batch; b++)
            for (size_t l = 0; l < (size_t)length; l++)
                for (size_t c = 0; c < (size_t)channels; c++)
                    array_block(&want, 0, b)[l * (size_t)channels + c] =
                        row + l < (size_t)clip_length ? array_block(&clip, 0, b)[(row + l) * (size_t)channels + c] : 0;
        plan_set(p, start, starts[i]);
        assert_ok(plan_run(p, PHASE_STEP, 0));
        assert_ok(plan_read(p, "out", got.v, got.count * sizeof(float)));
        assert_arrays_close(got.v, want.v, want.count, 0);
    }
    plan_free(p);
    array_free(&clip);
    array_free(&want);
    array_free(&got);
}

static void test_window(void **state) {
    (void)state;
    static const int cases[][5] = {
        {1, 1, 1, 1, 1}, {1, 37, 3, 37, 1}, {2, 97, 5, 31, 1}, {1, 31, 176, 40, 2}, {1, 129, 16, 64, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(cases[i][0], cases[i][1], cases[i][2], cases[i][3], cases[i][4], kind);
}

static void test_refuses(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        net *n = net_new(support_compute(), NULL, "test", 1);
        tensor clip = net_input(n, "clip", PHASE_STEP, shape_1d(1, 3, 4), STORE_F32);
        net_output(n, "out", window(n, clip, net_parameter(n, "start"), i, i == 0 ? 2 : 0));
        plan *p = NULL;
        assert_int_equal(plan_build(&p, n), LORIS_ERROR_INTERNAL);
        assert_non_null(strstr(loris_error_message(), "window"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_window), cmocka_unit_test(test_refuses)};
    return cmocka_run_group_tests(tests, support_open, support_close);
}
