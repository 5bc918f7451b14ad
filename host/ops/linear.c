/* Linear layers: a product of one tap over all rows of the tensor, of all evaluations, batches and positions. */
#include "ops/product.h"

static int linear_parts(const node *n, tap_product parts[PRODUCT_MAX_PARTS]) {
    const shape in = node_input_shape(n, 0), out = node_out_shape(n);
    /* A residual that is broadcast needs to know the batch. */
    const bool alike = node_inputs(n) < 2 || shape_equal(node_input_shape(n, 1), out);
    const int rows = (int)shape_rows(in) / (alike ? 1 : in.evals * in.batch);
    parts[0] = (tap_product){
        .batch = alike ? 1 : in.evals * in.batch,
        .rows = rows,
        .columns = out.channels,
        .channels = in.channels,
        .taps = 1,
        .stride = 1,
        .rows_in = rows,
        .pitch = out.channels,
        .last_columns = out.channels,
        .y_extent = rows * out.channels,
        .weight = {
            .kernel = 1, .outputs = out.channels, .tap_step = 1, .channel_stride = 1, .column_stride = in.channels}};
    return 1;
}

static loris_status linear_prepare(compute *c, node *n) {
    tap_product parts[PRODUCT_MAX_PARTS];
    return product_prepare(c, n, parts, linear_parts(n, parts));
}

static loris_status linear_lower(lowering *l, const node *n) {
    tap_product parts[PRODUCT_MAX_PARTS];
    return product_lower(l, n, parts, linear_parts(n, parts));
}

static const op linear_op = {.name = "linear",
                             .absorb = product_absorb,
                             .takes_bf16 = product_takes_bf16,
                             .gives_bf16 = product_gives_bf16,
                             .prepare = linear_prepare,
                             .lower = linear_lower};

/* x times the weight `w`, of [out, channels of x]; the bias, if any, is at.bias. */
static tensor record(net *n, tensor x, const char *at, weight w, int out, bias b) {
    const shape in = shape_of(n, x);
    shape result = in;
    result.channels = out;
    const product_parameters parameters = {.kernel = 1, .stride = 1};
    return product_record(n, &linear_op, x, at, w, b, result, &parameters, (double)shape_rows(in) * in.channels * out);
}

tensor linear(net *n, tensor x, const char *at, int out, bias b) {
    if (net_failed(n))
        return (tensor){0};
    return record(n, x, at, product_weight_of(n, at, out, shape_of(n, x).channels, 1), out, b);
}

tensor linear_with(net *n, tensor x, const char *name, int out) {
    if (net_failed(n))
        return (tensor){0};
    return record(n, x, name, net_weight_2d(n, name, out, shape_of(n, x).channels), out, NO_BIAS);
}
