/* Pools over depth, height and length, and bytes that become numbers, against their definitions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

typedef struct pool_case {
    int batch, sides[3], channels, kernel[3], stride[3];
    bool same;
} pool_case;

static const pool_case cases[] = {
    {1, {1, 1, 1}, 1, {1, 1, 1}, {1, 1, 1}, true},    {1, {1, 1, 1}, 5, {3, 3, 3}, {2, 2, 2}, true},
    {2, {3, 5, 7}, 17, {3, 3, 3}, {1, 1, 1}, true},   {1, {2, 8, 9}, 33, {1, 3, 3}, {1, 2, 2}, true},
    {1, {5, 6, 7}, 16, {3, 3, 3}, {2, 2, 2}, true},   {2, {4, 6, 8}, 3, {2, 2, 2}, {2, 2, 2}, true},
    {1, {2, 7, 7}, 129, {2, 7, 7}, {1, 1, 1}, false}, {1, {3, 5, 11}, 4, {1, 2, 3}, {3, 1, 4}, false},
};
enum { CASES = sizeof cases / sizeof *cases };

/* What the window from `first` sees of channel c. */
static float one_window(const pool_case *p, const float *x, const int first[3], int c, bool mean) {
    double sum = 0, largest = -INFINITY;
    int count = 0;
    for (int t = first[0]; t < first[0] + p->kernel[0]; t++)
        for (int h = first[1]; h < first[1] + p->kernel[1]; h++)
            for (int l = first[2]; l < first[2] + p->kernel[2]; l++) {
                if (t < 0 || t >= p->sides[0] || h < 0 || h >= p->sides[1] || l < 0 || l >= p->sides[2])
                    continue;
                const double value = x[((t * p->sides[1] + h) * p->sides[2] + l) * p->channels + c];
                sum += value;
                largest = fmax(largest, value);
                count++;
            }
    return (float)(mean ? sum / count : largest);
}

static void reference_pool(const pool_case *p, const geometry *g, const array *x, array *y, bool mean) {
    float *out = y->v;
    for (int b = 0; b < p->batch; b++)
        for (int t = 0; t < y->s.depth; t++)
            for (int h = 0; h < y->s.height; h++)
                for (int l = 0; l < y->s.length; l++)
                    for (int c = 0; c < p->channels; c++) {
                        const int at[3] = {t, h, l};
                        int first[3];
                        for (int d = 0; d < 3; d++)
                            first[d] = at[d] * g->stride[d] - g->before[d];
                        *out++ = one_window(p, array_block(x, 0, b), first, c, mean);
                    }
}

static void check(const pool_case *p, int kind) {
    const shape s = {1, p->batch, p->sides[0], p->sides[1], p->sides[2], p->channels};
    const geometry g =
        p->same ? geometry_same(s, p->kernel, p->stride) : geometry_padded(p->kernel, p->stride, (const int[3]){0});
    array x = array_random(s, 1);
    for (size_t i = 0; i < x.count; i++)
        x.v[i] -= 2; /* padding of zeros would be larger than any of them */
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", 1);
    tensor in = staged_input(n, "x", PHASE_STEP, s), largest = max_pool(n, in, g), mean = average_pool(n, in, g);
    net_output(n, "largest", largest);
    net_output(n, "mean", mean);
    array want = array_new(shape_of(n, largest)), got = array_new(want.s);
    const support_input inputs[] = {{"x", x.v, x.count * sizeof(float)}, {0}};
    plan *built = support_plan(n, inputs);
    assert_ok(plan_run(built, PHASE_STEP, 0));
    assert_ok(plan_read(built, "largest", got.v, got.count * sizeof(float)));
    reference_pool(p, &g, &x, &want, false);
    assert_arrays_close(got.v, want.v, want.count, 0);
    assert_ok(plan_read(built, "mean", got.v, got.count * sizeof(float)));
    reference_pool(p, &g, &x, &want, true);
    /* A mean of k numbers up to 3, summed in f32: at most k roundings of the sum, one of the division, one of the
     * reference. */
    assert_arrays_close(got.v, want.v, want.count, 3 * (geometry_volume(&g) + 2) * ROUNDOFF);
    plan_free(built);
    array_free(&x);
    array_free(&want);
    array_free(&got);
}

static void test_shapes(void **state) {
    (void)state;
    for (int i = 0; i < CASES; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(&cases[i], kind);
}

static void test_pieces(void **state) {
    (void)state;
    pretend_slow(true);
    for (int kind = 0; kind < DEVICE_KINDS; kind++)
        check(&cases[2], kind);
    pretend_slow(false);
}

/* A network that went wrong must not look healthy behind a pool. */
static void test_not_a_number(void **state) {
    (void)state;
    const shape s = shape_2d(1, 1, 4, 1);
    const float x[] = {1, NAN, 2, 3};
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        float got[3];
        pretend_kind(kind);
        net *n = net_new(support_compute(), NULL, "test", 1);
        const geometry g = geometry_padded((const int[]){1, 1, 2}, (const int[]){1, 1, 1}, (const int[]){0, 0, 0});
        net_output(n, "y", max_pool(n, net_input(n, "x", PHASE_STEP, s, STORE_F32), g));
        support_run(n, (const support_input[]){{"x", x, sizeof x}, {0}}, 0, "y", got, 3);
        assert_true(isnan(got[0]) && isnan(got[1]) && got[2] == 3);
    }
}

static void test_bytes(void **state) {
    (void)state;
    static const shape shapes[] = {{1, 1, 1, 1, 1, 1}, {1, 2, 3, 5, 7, 3}, {1, 1, 1, 67, 64, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++) {
            array got = array_new(shapes[i]), want = array_new(shapes[i]);
            uint8_t *x = malloc(got.count);
            assert_non_null(x);
            for (size_t k = 0; k < got.count; k++) {
                x[k] = (uint8_t)(k * 37 + 255);
                want.v[k] = (float)(x[k] * (2.0 / 255) - 1);
            }
            pretend_kind(kind);
            net *n = net_new(support_compute(), NULL, "test", 1);
            net_output(n, "y", from_bytes(n, net_input(n, "x", PHASE_STEP, shapes[i], STORE_U8), 2.0f / 255, -1));
            support_run(n, (const support_input[]){{"x", x, got.count}, {0}}, 0, "y", got.v, got.count);
            /* numbers up to 2: the factor's rounding, the product's, the sum's and the reference's */
            assert_arrays_close(got.v, want.v, want.count, 8 * ROUNDOFF);
            free(x);
            array_free(&got);
            array_free(&want);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_not_a_number),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
