/* Depthwise convolutions against a scalar one. */
#include "reference.h"
#include "support_net.h"

#include "compare.h"

typedef struct depthwise_case {
    int batch, height, width, channels, kernel, stride;
    bias bias;
    activation act;
} depthwise_case;

static int before(int in, int out, int kernel, int stride) {
    const int all = (out - 1) * stride + kernel - in;
    return all > 0 ? all / 2 : 0;
}

/* x [height,width,channels] of one image, weight [channels,kernel,kernel] */
static double convolve(const depthwise_case *k, const float *x, const float *taps, int row, int column, int c) {
    const int top = before(k->height, (k->height + k->stride - 1) / k->stride, k->kernel, k->stride);
    const int left = before(k->width, (k->width + k->stride - 1) / k->stride, k->kernel, k->stride);
    double sum = 0;
    for (int i = 0; i < k->kernel; i++)
        for (int j = 0; j < k->kernel; j++) {
            const int h = row * k->stride + i - top, w = column * k->stride + j - left;
            if (h >= 0 && h < k->height && w >= 0 && w < k->width)
                sum += (double)x[(h * k->width + w) * k->channels + c] * taps[(c * k->kernel + i) * k->kernel + j];
        }
    return sum;
}

static void check(depthwise_case k, int kind) {
    const int rows = (k.height + k.stride - 1) / k.stride, columns = (k.width + k.stride - 1) / k.stride;
    array x = array_random(shape_2d(k.batch, k.height, k.width, k.channels), 1);
    array want = array_new(shape_2d(k.batch, rows, columns, k.channels)), got = array_new(want.s);
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    const float *kernels =
        support_weight(w, "at.weight", 3, (const int64_t[]){k.channels, k.kernel, k.kernel}, 2, 3, 0);
    const float *offset =
        k.bias == BIAS ? support_weight(w, "at.bias", 1, (const int64_t[]){k.channels}, 3, 2, 0) : NULL;
    size_t at = 0;
    for (int b = 0; b < k.batch; b++)
        for (int h = 0; h < rows; h++)
            for (int q = 0; q < columns; q++)
                for (int c = 0; c < k.channels; c++)
                    want.v[at++] = (float)reference_activation(
                        k.act, convolve(&k, array_block(&x, 0, b), kernels, h, q, c) + (offset ? offset[c] : 0));
    pretend_kind(kind);
    net *n = net_new(support_compute(), w, "test", 1);
    tensor t = staged_input(n, "x", PHASE_STEP, x.s);
    net_output(n, "out", activate(n, depthwise_conv2d(n, t, "at", k.kernel, k.stride, k.bias), k.act));
    support_run(n, (const support_input[]){{"x", x.v, x.count * sizeof(float)}, {0}}, 0, "out", got.v, got.count);
    /* kernel^2 products below 3 and a bias below 2, each sum rounded: kernel^2 (3 kernel^2 + 2) ROUNDOFF at worst; SiLU
     * adds 1e-6 */
    const double count = k.kernel * k.kernel;
    assert_arrays_close(got.v, want.v, want.count, (count + 1) * (3 * count + 2) * ROUNDOFF + 1e-6 * (3 * count + 2));
    weights_free(w);
    array_free(&x);
    array_free(&want);
    array_free(&got);
}

static const depthwise_case cases[] = {
    {1, 1, 1, 1, 3, 1, BIAS, ACTIVATION_NONE},    {1, 1, 1, 17, 3, 2, NO_BIAS, ACTIVATION_RELU6},
    {2, 3, 5, 16, 3, 1, BIAS, ACTIVATION_RELU6},  {1, 4, 6, 24, 3, 2, BIAS, ACTIVATION_RELU},
    {1, 7, 5, 31, 3, 2, BIAS, ACTIVATION_NONE},   {3, 2, 2, 3, 5, 1, NO_BIAS, ACTIVATION_NONE},
    {1, 9, 8, 33, 5, 2, BIAS, ACTIVATION_SILU},   {1, 5, 1, 130, 3, 1, BIAS, ACTIVATION_RELU6},
    {1, 1, 11, 257, 3, 2, BIAS, ACTIVATION_NONE}, {1, 6, 7, 5, 1, 1, BIAS, ACTIVATION_NONE},
    {1, 8, 8, 19, 7, 3, BIAS, ACTIVATION_NONE},   {2, 13, 12, 47, 3, 1, BIAS, ACTIVATION_RELU6},
};

static void test_shapes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(cases[i], kind);
}

static void test_pieces(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        pretend_slow(true);
        check((depthwise_case){2, 29, 31, 67, 3, 2, BIAS, ACTIVATION_RELU6}, kind);
        pretend_slow(false);
    }
}

static void test_refuses(void **state) {
    (void)state;
    plan *p = NULL;
    net *n = net_new(support_compute(), NULL, "test", 1);
    tensor x = net_input(n, "x", PHASE_STEP, shape_2d(1, 3, 3, 2), STORE_F32);
    net_output(n, "out", depthwise_conv2d(n, x, "at", 8, 1, NO_BIAS));
    assert_fails(plan_build(&p, n), LORIS_ERROR_INTERNAL, "kernel 8");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
