/* Squares of a frame against a scalar version, and known answers. */
#include <math.h>
#include <stdlib.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

/* Weighted mean of the frame around (y, x), black (-1) beyond it. */
static double sample(const uint8_t *frame, int height, int width, double y, double x, double reach, int c) {
    double sum = 0, all = 0;
    for (int h = (int)ceil(y - reach); h <= (int)floor(y + reach); h++)
        for (int w = (int)ceil(x - reach); w <= (int)floor(x + reach); w++) {
            const double share = (1 - fabs(h - y) / reach) * (1 - fabs(w - x) / reach);
            const bool inside = h >= 0 && h < height && w >= 0 && w < width;
            sum += share * (inside ? frame[(h * width + w) * 3 + c] / 127.5 - 1 : -1);
            all += share;
        }
    return sum / all;
}

static void run(const uint8_t *frame, int height, int width, const float *squares, int count, int kind, array *got) {
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", 1);
    tensor f = net_input(n, "frame", PHASE_STEP, shape_2d(1, height, width, 3), STORE_U8);
    tensor s = staged_input(n, "squares", PHASE_STEP, shape_1d(count, 1, 3));
    net_output(n, "out", crop(n, f, s, got->s.height));
    const support_input inputs[] = {{"frame", frame, (size_t)height * (size_t)width * 3},
                                    {"squares", squares, (size_t)count * 3 * sizeof(float)},
                                    {0}};
    support_run(n, inputs, 0, "out", got->v, got->count);
}

static void check(int height, int width, int size, int kind) {
    /* within, larger than the frame, beyond it, tiny, of its own size at a whole position */
    const float h = (float)height, w = (float)width, z = (float)size;
    const float squares[][3] = {{0.3f, 0.2f, 0.6f * h}, {-0.4f * w, -h, 3.1f * h}, {0.7f * w, 0.8f * h, w},
                                {0.5f * w, 0.5f, 1.3f}, {-3 * w, 9 * h, 0.5f * h}, {1, -2, z}};
    enum { COUNT = sizeof squares / sizeof *squares };
    float *noise = support_values((size_t)height * (size_t)width * 3, 7);
    uint8_t *frame = malloc((size_t)height * (size_t)width * 3);
    assert_non_null(frame);
    for (int i = 0; i < height * width * 3; i++)
        frame[i] = (uint8_t)(127.5f + 127.5f * noise[i]);
    array want = array_new(shape_2d(COUNT, size, size, 3)), got = array_new(want.s);
    for (int b = 0; b < COUNT; b++)
        for (int i = 0; i < size * size * 3; i++) {
            const double ratio = (double)squares[b][2] / size, half = 0.5;
            const double y = squares[b][1] + (i / 3 / size + half) * ratio - half;
            const double x = squares[b][0] + (i / 3 % size + half) * ratio - half;
            array_block(&want, 0, b)[i] = (float)sample(frame, height, width, y, x, fmax(1, ratio), i % 3);
        }
    run(frame, height, width, squares[0], COUNT, kind, &got);
    /* A place is off by four roundings of at most 10 sides of the frame; the weights of neighbours change by that much
     * in each of two directions, and pixels differ by up to 2. Sums of some 10 terms add 20 roundings of 2. */
    const double side = 10.0 * (height > width ? height : width);
    assert_arrays_close(got.v, want.v, want.count, (2 * 2 * 4 * side + 40) * ROUNDOFF);
    free(noise);
    free(frame);
    array_free(&want);
    array_free(&got);
}

static void test_shapes(void **state) {
    (void)state;
    static const int cases[][3] = {{1, 1, 1}, {5, 7, 3}, {13, 4, 16}, {31, 33, 17}, {9, 64, 5}, {64, 37, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(cases[i][0], cases[i][1], cases[i][2], kind);
}

static void test_pieces(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        pretend_slow(true);
        check(61, 47, 33, kind);
        pretend_slow(false);
    }
}

/* The whole of a square frame at its own size is the frame. */
static void test_copies(void **state) {
    (void)state;
    uint8_t frame[5 * 5 * 3];
    float want[5 * 5 * 3];
    for (int i = 0; i < 75; i++) {
        frame[i] = (uint8_t)(i * 255 / 74);
        want[i] = frame[i] / 127.5f - 1;
    }
    array got = array_new(shape_2d(1, 5, 5, 3));
    run(frame, 5, 5, (const float[]){0, 0, 5}, 1, 0, &got);
    assert_arrays_close(got.v, want, 75, 4 * ROUNDOFF); /* a quotient, a product and a sum of magnitudes up to 2 */
    array_free(&got);
}

/* Half as large: new pixels are 1/8, 3/8, 3/8, 1/8 of four. */
static void test_reduces(void **state) {
    (void)state;
    uint8_t frame[8 * 8 * 3] = {0};
    for (int r = 0; r < 8; r++)
        for (int c = 0; c < 3; c++)
            frame[(r * 8 + 3) * 3 + c] = 204; /* one column of 1.6 */
    array got = array_new(shape_2d(1, 4, 4, 3));
    run(frame, 8, 8, (const float[]){0, 0, 8}, 1, 0, &got);
    static const float row[] = {-1, -1 + 1.6f * 3 / 8, -1 + 1.6f / 8, -1};
    for (int i = 0; i < 4 * 3; i++)
        assert_float_equal(got.v[4 * 3 + i], row[i / 3], 1e-6); /* some five roundings of magnitudes up to 2 */
    array_free(&got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_reduces),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
