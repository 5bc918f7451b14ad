/* Scaling by a coefficient, and the denoised signal from the network's output. */
#include <math.h>
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

static shape with_evals(int evals, shape s) {
    s.evals = evals;
    return s;
}

static float limited(double y, double limit) {
    return (float)fmax(-limit, fmin(limit, y));
}

static void run(net *n, const array *x, const array *f, const array *c, int evaluation, array *got) {
    const support_input inputs[] = {{"x", x->v, x->count * sizeof(float)},
                                    {"c", c->v, c->count * sizeof(float)},
                                    {f ? "f" : NULL, f ? f->v : NULL, f ? f->count * sizeof(float) : 0},
                                    {0}};
    support_run(n, inputs, evaluation, "out", got->v, got->count);
}

/* Every step reads its own row of coefficients; in the run phase all rows are used at once. */
static void check_scale_by(shape s, int evals, int index, bool at_run, int evaluation, int kind) {
    array x = array_random(s, 1), c = array_random(with_evals(evals, shape_1d(1, 1, 5)), 2);
    array want = array_new(with_evals(at_run ? evals : 1, s)), got = array_new(want.s);
    for (int e = 0; e < want.s.evals; e++)
        for (int b = 0; b < s.batch; b++)
            for (size_t i = 0; i < x.count / (size_t)s.batch; i++)
                array_block(&want, e, b)[i] =
                    array_block(&x, e, b)[i] * array_block(&c, at_run ? e : evaluation, 0)[index];
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", evals);
    tensor tc = staged_input(n, "c", PHASE_RUN, c.s);
    net_output(n, "out", scale_by(n, staged_input(n, "x", at_run ? PHASE_CLIP : PHASE_STEP, s), tc, index));
    run(n, &x, NULL, &c, evaluation, &got);
    assert_arrays_close(got.v, want.v, want.count, 0); /* one rounding, the host's too */
    array_free(&x);
    array_free(&c);
    array_free(&want);
    array_free(&got);
}

static void test_scale_by(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        check_scale_by(shape_1d(1, 1, 1), 1, 0, false, 0, kind);
        check_scale_by(shape_1d(2, 17, 241), 3, 4, false, 2, kind);
        check_scale_by(shape_1d(2, 7, 19), 4, 2, true, 0, kind);
    }
}

static void check_denoise(int x_batch, int f_batch, int length, int channels, int evaluation, int kind) {
    const bool guided = f_batch == 2 * x_batch;
    const int batch = guided || x_batch > f_batch ? x_batch : f_batch, skip = 1;
    array x = array_random(shape_1d(x_batch, length, channels), 1),
          f = array_random(shape_1d(f_batch, length, channels), 2);
    array c = array_random(with_evals(3, shape_1d(1, 1, 5)), 3);
    array want = array_new(shape_1d(batch, length, channels)), got = array_new(want.s);
    for (size_t i = 0; i < c.count; i++)
        c.v[i] *= 1.5f;
    float *k = array_block(&c, evaluation, 0) + skip;
    k[2] = 0.2f + fabsf(k[2]); /* some results are limited */
    for (int b = 0; b < batch; b++)
        for (size_t i = 0; i < want.count / (size_t)batch; i++) {
            double y = array_block(&f, 0, b)[i];
            if (guided) {
                const double null = array_block(&f, 0, batch + b)[i];
                y = null + (array_block(&f, 0, b)[i] - null) * k[3];
            }
            array_block(&want, 0, b)[i] = limited((double)k[0] * array_block(&x, 0, b)[i] + k[1] * y, (double)k[2]);
        }
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", 3);
    tensor tx = staged_input(n, "x", PHASE_STEP, x.s), tf = staged_input(n, "f", PHASE_STEP, f.s);
    net_output(n, "out", denoise(n, tx, tf, staged_input(n, "c", PHASE_RUN, c.s), skip));
    run(n, &x, &f, &c, evaluation, &got);
    /* Guidance: 3 roundings at 4 or less (|null| + 2 * 1.5), times 1.5; then 3 at 7.5 or less before the limit. */
    assert_arrays_close(got.v, want.v, want.count, (3 * 4 * 1.5 + 3 * 7.5) * ROUNDOFF);
    array_free(&x);
    array_free(&f);
    array_free(&c);
    array_free(&want);
    array_free(&got);
}

static void test_denoise(void **state) {
    (void)state;
    static const int cases[][4] = {{1, 1, 1, 1},  {1, 1, 17, 241}, {2, 2, 7, 13},
                                   {1, 2, 1, 15}, {1, 2, 33, 127}, {1, 3, 5, 7},
                                   {3, 6, 5, 19}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check_denoise(cases[i][0], cases[i][1], cases[i][2], cases[i][3], (int)i % 3, kind);
}

/* The limit must not turn a network that diverged into a plausible signal. */
static void test_nan_stays(void **state) {
    (void)state;
    float x[19] = {0}, f[19] = {0}, got[19];
    const float c[3] = {1, 1, 1};
    f[3] = f[17] = NAN;
    net *n = net_new(support_compute(), NULL, "test", 1);
    net_output(n, "out",
               denoise(n, net_input(n, "x", PHASE_STEP, shape_1d(1, 19, 1), STORE_F32),
                       net_input(n, "f", PHASE_STEP, shape_1d(1, 19, 1), STORE_F32),
                       net_input(n, "c", PHASE_RUN, shape_1d(1, 1, 3), STORE_F32), 0));
    const support_input inputs[] = {{"x", x, sizeof x}, {"f", f, sizeof f}, {"c", c, sizeof c}, {0}};
    support_run(n, inputs, 0, "out", got, 19);
    for (int i = 0; i < 19; i++)
        assert_int_equal(isnan(got[i]) != 0, i == 3 || i == 17);
}

static void test_refuses(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        net *n = net_new(support_compute(), NULL, "test", 1);
        tensor x = net_input(n, "x", PHASE_STEP, shape_1d(1, 3, 4), STORE_F32);
        tensor f = net_input(n, "f", PHASE_STEP, shape_1d(i == 0 ? 2 : 1, 3, i == 1 ? 5 : 4), STORE_F32);
        tensor c = net_input(n, "c", PHASE_RUN, shape_1d(1, 1, 3), STORE_F32);
        net_output(n, "out", i == 2 ? scale_by(n, x, c, 3) : denoise(n, x, f, c, 0));
        plan *p = NULL;
        assert_int_equal(plan_build(&p, n), LORIS_ERROR_INTERNAL);
        assert_non_null(strstr(loris_error_message(), i == 2 ? "scale_by" : "denoise"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale_by),
        cmocka_unit_test(test_denoise),
        cmocka_unit_test(test_nan_stays),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
