/* Convolutions over length: a product of `kernel` taps. */
#include <limits.h>

#include "ops/product.h"

static int conv_parts(const node *n, tap_product parts[PRODUCT_MAX_PARTS]) {
    const product_parameters *p = node_parameters(n);
    const shape in = node_input_shape(n, 0), out = node_out_shape(n);
    parts[0] = (tap_product){.batch = in.evals * in.batch,
                             .rows = out.length,
                             .columns = out.channels,
                             .channels = in.channels,
                             .taps = p->kernel,
                             .stride = p->stride,
                             .first = -p->padding,
                             .rows_in = in.length,
                             .pitch = out.channels,
                             .last_columns = out.channels,
                             .y_extent = out.length * out.channels,
                             .weight = {.kernel = p->kernel,
                                        .outputs = out.channels,
                                        .tap_step = 1,
                                        .channel_stride = p->kernel,
                                        .column_stride = in.channels * p->kernel}};
    return 1;
}

static loris_status conv_prepare(compute *c, node *n) {
    tap_product parts[PRODUCT_MAX_PARTS];
    return product_prepare(c, n, parts, conv_parts(n, parts));
}

static loris_status conv_lower(lowering *l, const node *n) {
    tap_product parts[PRODUCT_MAX_PARTS];
    return product_lower(l, n, parts, conv_parts(n, parts));
}

static const op conv_op = {.name = "conv1d",
                           .absorb = product_absorb,
                           .takes_bf16 = product_takes_bf16,
                           .gives_bf16 = product_gives_bf16,
                           .prepare = conv_prepare,
                           .lower = conv_lower};

tensor conv1d_strided(net *n, tensor x, const char *at, int out, int kernel, int stride, int padding) {
    if (net_failed(n) || !product_along_length(n, x, at))
        return (tensor){0};
    const shape in = shape_of(n, x);
    const int64_t reach = in.length + 2 * (int64_t)padding - kernel;
    if (kernel < 1 || stride < 1 || padding < 0 || reach < 0 || reach >= INT_MAX)
        return net_fail(n, LORIS_ERROR_ARGUMENT, "use a longer input",
                        "%s: a convolution of kernel %d, stride %d, padding %d over %d positions", at, kernel, stride,
                        padding, in.length);
    shape result = in;
    result.length = (int)(reach / stride + 1);
    result.channels = out;
    const product_parameters parameters = {.kernel = kernel, .stride = stride, .padding = padding};
    return product_record(n, &conv_op, x, at, product_weight_of(n, at, out, in.channels, kernel), BIAS, result,
                          &parameters, (double)shape_rows(result) * in.channels * out * kernel);
}

tensor conv1d(net *n, tensor x, const char *at, int out, int kernel) {
    if (kernel % 2 == 0)
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%s: a kernel of %d positions has no middle", at, kernel);
    return conv1d_strided(n, x, at, out, kernel, 1, kernel / 2);
}
