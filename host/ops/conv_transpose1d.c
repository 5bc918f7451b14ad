/*
 * Transposed convolutions over length, by phases.
 *
 * Output position o = q stride + r, r the phase, receives x[i] W[j] where i stride + j = o + padding, that is for taps
 * j = (r + padding) % stride + u stride and positions i = q + (r + padding) / stride - u, u = 0, 1, ... So each phase
 * is a plain convolution with stride 1. Phases with the same (r + padding) / stride read the same positions, and their
 * outputs lie side by side in the view [length / stride, stride * channels] of the output: they form one product with
 * that many columns. There are at most two such groups: the usual kernel of 2 stride with padding stride / 2 is two
 * products of two taps, without a multiplication by zero.
 */
#include <limits.h>

#include "ops/product.h"

static int smaller(int a, int b) {
    return a < b ? a : b;
}

/* Phases from .. to-1 of the output, which lie (r + padding) / stride = base positions after q. */
static tap_product phase_group(const product_parameters *p, shape in, shape out, int from, int to, int base) {
    const int tap = from + p->padding - base * p->stride; /* of phase `from` and u = 0; the next phase's is one more */
    int taps = (p->kernel - tap + p->stride - 1) / p->stride;
    if (taps < 1)
        taps = 1; /* a kernel shorter than the stride: phases that no tap reaches hold the bias */
    const int rows = (out.length - from + p->stride - 1) / p->stride;
    const int last_phases = smaller(to - from, out.length - (rows - 1) * p->stride - from);
    return (tap_product){.batch = in.evals * in.batch,
                         .rows = rows,
                         .columns = (to - from) * out.channels,
                         .channels = in.channels,
                         .taps = taps,
                         .stride = 1,
                         .first = base - (taps - 1),
                         .rows_in = in.length,
                         .pitch = p->stride * out.channels,
                         .offset = from * out.channels,
                         .last_columns = last_phases * out.channels,
                         .y_extent = out.length * out.channels,
                         .weight = {.kernel = p->kernel,
                                    .outputs = out.channels,
                                    .tap_first = tap + (taps - 1) * p->stride, /* positions ascend, taps descend */
                                    .tap_step = -p->stride,
                                    .channel_stride = out.channels * p->kernel,
                                    .column_stride = p->kernel}};
}

static int transpose_parts(const node *n, tap_product parts[PRODUCT_MAX_PARTS]) {
    const product_parameters *p = node_parameters(n);
    const shape in = node_input_shape(n, 0), out = node_out_shape(n);
    const int phases = smaller(p->stride, out.length);
    int count = 0;
    for (int from = 0, to; from < phases; from = to) {
        const int base = (from + p->padding) / p->stride;
        to = smaller(phases, (base + 1) * p->stride - p->padding);
        parts[count++] = phase_group(p, in, out, from, to, base);
    }
    return count;
}

static loris_status transpose_prepare(compute *c, node *n) {
    tap_product parts[PRODUCT_MAX_PARTS];
    return product_prepare(c, n, parts, transpose_parts(n, parts));
}

static loris_status transpose_lower(lowering *l, const node *n) {
    tap_product parts[PRODUCT_MAX_PARTS];
    return product_lower(l, n, parts, transpose_parts(n, parts));
}

static const op transpose_op = {.name = "conv_transpose1d",
                                .absorb = product_absorb,
                                .takes_bf16 = product_takes_bf16,
                                .gives_bf16 = product_gives_bf16,
                                .prepare = transpose_prepare,
                                .lower = transpose_lower};

tensor conv_transpose1d(net *n, tensor x, const char *at, int out, int kernel, int stride, int padding,
                        int output_padding) {
    if (net_failed(n) || !product_along_length(n, x, at))
        return (tensor){0};
    const shape in = shape_of(n, x);
    const int64_t length = (in.length - 1) * (int64_t)stride - 2 * (int64_t)padding + kernel + output_padding;
    if (kernel < 1 || stride < 1 || padding < 0 || output_padding < 0 || length < 1 || length > INT_MAX)
        return net_fail(
            n, LORIS_ERROR_ARGUMENT, "use a longer input",
            "%s: a transposed convolution of kernel %d, stride %d, padding %d, output padding %d over %d positions", at,
            kernel, stride, padding, output_padding, in.length);
    shape result = in;
    result.length = (int)length;
    result.channels = out;
    const product_parameters parameters = {.kernel = kernel, .stride = stride, .padding = padding};
    return product_record(n, &transpose_op, x, at, product_weight_of(n, at, in.channels, out, kernel), BIAS, result,
                          &parameters, (double)shape_rows(in) * in.channels * out * kernel);
}
