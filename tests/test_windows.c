/* Windows over a clip: they cover it, start on the grid, and their weights sum to 1. */
#include <math.h>
#include <stdlib.h>

#include "diffusion/windows.h"
#include "support_net.h"

/* Rows of a joint are of both windows, their neighbours of one. */
static void check_joint(const windows *w, int i) {
    int from, to;
    windows_joint(w, i, &from, &to);
    assert_true(from < to);
    const float *before = w->weight + (i - 1) * w->length, *after = w->weight + i * w->length;
    for (int row = from - 1; row <= to; row++) {
        bool inside = row >= from && row < to;
        if (row >= w->start[i])
            assert_true((after[row - w->start[i]] > 0) == (inside || row >= to));
        if (row - w->start[i - 1] < w->length && (i + 1 == w->count || row < w->start[i + 1]))
            assert_true((before[row - w->start[i - 1]] > 0) == (inside || row < from));
    }
}

static void check(int total, int length, int grid, int overlap, int margin) {
    windows w;
    assert_ok(windows_new(&w, total, length, grid, overlap, margin));
    assert_int_equal(w.total % grid, 0);
    assert_true(w.total >= total && w.total >= length && (w.total == length || w.total < total + grid));
    assert_int_equal(w.start[0], 0);
    assert_int_equal(w.start[w.count - 1], w.total - length);
    float *sum = calloc((size_t)w.total, sizeof *sum);
    assert_non_null(sum);
    for (int i = 0; i < w.count; i++) {
        assert_int_equal(w.start[i] % grid, 0);
        if (i > 0) {
            assert_true(w.start[i] > w.start[i - 1]);
            assert_true(w.start[i - 1] + length - w.start[i] >= overlap);
            assert_int_equal(w.fresh[i], w.start[i - 1] + length);
            check_joint(&w, i);
        }
        for (int l = 0; l < length; l++) {
            float weight_here = w.weight[i * length + l];
            assert_true(weight_here >= 0 && weight_here <= 1);
            sum[w.start[i] + l] += weight_here;
            if ((i > 0 && l < margin) || (i + 1 < w.count && l >= length - margin)) /* no context: no say */
                assert_true(weight_here == 0);
        }
    }
    for (int row = 0; row < w.total; row++)
        assert_true(fabsf(sum[row] - 1) <= 2e-7f); /* at most three products of numbers in [0, 1] */
    free(sum);
    windows_free(&w);
}

static void weights_sum_to_one_for_any_length(void **state) {
    (void)state;
    for (int total = 1; total < 400; total += 7)
        check(total, 64, 8, 16, 4);
    for (int total = 60; total < 300; total++)
        check(total, 64, 8, 32, 0);
    check(50000, 1024, 8, 256, 64);
}

static void one_window_has_weight_one(void **state) {
    (void)state;
    windows w;
    assert_ok(windows_new(&w, 1000, 1024, 8, 256, 64));
    assert_int_equal(w.count, 1);
    for (int l = 0; l < 1024; l++)
        assert_true(w.weight[l] == 1);
    windows_free(&w);
}

static void impossible_settings_are_refused(void **state) {
    (void)state;
    static const int bad[][5] = {{0, 64, 8, 16, 4},   {100, 60, 8, 16, 4},  {100, 64, 8, 8, 4},
                                 {100, 64, 8, 40, 4}, {100, 64, 8, 16, -1}, {100, 4, 8, 1, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        windows w;
        assert_int_equal(windows_new(&w, bad[i][0], bad[i][1], bad[i][2], bad[i][3], bad[i][4]), LORIS_ERROR_ARGUMENT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_sum_to_one_for_any_length),
        cmocka_unit_test(one_window_has_weight_one),
        cmocka_unit_test(impossible_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
