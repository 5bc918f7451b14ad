/* Bilinear resizing against a scalar one, and known answers. */
#include <math.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

static double place(int i, int in, int out, int *low, int *high) {
    const double at = fmin(fmax((i + 0.5) * in / out - 0.5, 0), in - 1);
    *low = (int)at;
    *high = *low + 1 < in ? *low + 1 : in - 1;
    return at - *low;
}

static void resize_block(float *out, int rows, int columns, const float *x, int height, int width, int channels) {
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < columns; q++)
            for (int c = 0; c < channels; c++) {
                int top, bottom, left, right;
                const double v = place(r, height, rows, &top, &bottom), h = place(q, width, columns, &left, &right);
                const double upper =
                    x[(top * width + left) * channels + c] * (1 - h) + x[(top * width + right) * channels + c] * h;
                const double lower = x[(bottom * width + left) * channels + c] * (1 - h) +
                                     x[(bottom * width + right) * channels + c] * h;
                out[(r * columns + q) * channels + c] = (float)(upper * (1 - v) + lower * v);
            }
}

static void run(const array *x, int rows, int columns, int kind, array *got) {
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", 1);
    tensor t = staged_input(n, "x", PHASE_STEP, x->s);
    net_output(n, "out", resize(n, t, rows, columns));
    support_run(n, (const support_input[]){{"x", x->v, x->count * sizeof(float)}, {0}}, 0, "out", got->v, got->count);
}

static void check(int batch, int height, int width, int channels, int rows, int columns, int kind) {
    array x = array_random(shape_2d(batch, height, width, channels), 1);
    array want = array_new(shape_2d(batch, rows, columns, channels)), got = array_new(want.s);
    for (int b = 0; b < batch; b++)
        resize_block(array_block(&want, 0, b), rows, columns, array_block(&x, 0, b), height, width, channels);
    run(&x, rows, columns, kind, &got);
    /* a place is off by three roundings of at most the larger side, values differ by at most 2 from one to the next, in
     * two directions; mixing rounds six more times */
    const double side = height > width ? height : width;
    assert_arrays_close(got.v, want.v, want.count, (2 * 2 * 3 * side + 6) * ROUNDOFF);
    array_free(&x);
    array_free(&want);
    array_free(&got);
}

static void test_shapes(void **state) {
    (void)state;
    static const int cases[][6] = {{1, 1, 1, 1, 1, 1},    {1, 1, 1, 3, 5, 7},    {2, 3, 2, 16, 6, 4},
                                   {1, 6, 6, 64, 12, 12}, {1, 5, 7, 17, 11, 13}, {3, 2, 9, 31, 4, 18},
                                   {1, 9, 4, 33, 3, 2},   {1, 13, 1, 5, 26, 1},  {1, 1, 13, 257, 2, 26},
                                   {1, 7, 7, 24, 7, 7},   {1, 3, 101, 1, 5, 97}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(cases[i][0], cases[i][1], cases[i][2], cases[i][3], cases[i][4], cases[i][5], kind);
}

static void test_pieces(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        pretend_slow(true);
        check(2, 31, 29, 19, 61, 58, kind);
        pretend_slow(false);
    }
}

/* Twice as large: quarters and three quarters, the borders as they are (TensorFlow with half_pixel_centers). */
static void test_known_answer(void **state) {
    (void)state;
    array x = array_new(shape_2d(1, 1, 2, 1)), got = array_new(shape_2d(1, 2, 4, 1));
    x.v[1] = 4;
    run(&x, 2, 4, 0, &got);
    static const float want[] = {0, 1, 3, 4, 0, 1, 3, 4};
    assert_arrays_close(got.v, want, 8, 0);
    array_free(&x);
    array_free(&got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_known_answer),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
