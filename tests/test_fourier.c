/* Fourier features of noise levels. */
#include <math.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

static void check(int evals, int batch, int features) {
    shape s = shape_1d(batch, 1, 1);
    s.evals = evals;
    shape out = s;
    out.channels = 1 + 2 * features;
    array c = array_random(s, 1), want = array_new(out), got = array_new(out);
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    const float *frequency = support_weight(w, "weights", 1, (const int64_t[]){features}, 2, 3, 0);
    for (size_t r = 0; r < c.count; r++) {
        float *row = want.v + r * (size_t)out.channels;
        c.v[r] *= 2;
        row[0] = c.v[r];
        for (int f = 0; f < features; f++) {
            const double angle = 2 * acos(-1) * c.v[r] * frequency[f];
            row[1 + f] = (float)sin(angle);
            row[1 + features + f] = (float)cos(angle);
        }
    }
    net *n = net_new(support_compute(), w, "test", evals);
    net_output(n, "out",
               fourier(n, net_input(n, "c", evals > 1 ? PHASE_RUN : PHASE_STEP, s, STORE_F32), "weights", features));
    support_run(n, (const support_input[]){{"c", c.v, c.count * sizeof(float)}, {0}}, 0, "out", got.v, got.count);
    /* |2 c w| <= 12 half turns, rounded twice (2 c is exact): 12 pi ROUNDOFF of the angle each, and 4 ulp of sinpi and
     * cospi. */
    assert_arrays_close(got.v, want.v, want.count, (2 * 12 * 3.1416 + 8) * ROUNDOFF);
    weights_free(w);
    array_free(&c);
    array_free(&want);
    array_free(&got);
}

static void test_shapes(void **state) {
    (void)state;
    check(1, 1, 1);
    check(1, 3, 7);
    check(24, 1, 96);
    check(5, 2, 129);
}

static void test_refuses(void **state) {
    (void)state;
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    support_weight(w, "weights", 1, (const int64_t[]){4}, 2, 3, 0);
    for (int missing = 0; missing < 2; missing++) {
        net *n = net_new(support_compute(), w, "test", 1);
        net_output(n, "out",
                   fourier(n, net_input(n, "c", PHASE_STEP, shape_1d(1, 1, missing ? 1 : 2), STORE_F32),
                           missing ? "absent" : "weights", 4));
        plan *p = NULL;
        assert_int_not_equal(plan_build(&p, n), LORIS_OK);
    }
    weights_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_refuses)};
    return cmocka_run_group_tests(tests, support_open, support_close);
}
