/* A row added to all rows, and some of the channels of each. */
#include "ops/stream.h"

/* ---- add_row ----------------------------------------------------------------------------------------------------- */

static loris_status add_row_lower(lowering *l, const node *n) {
    const shape out = node_out_shape(n);
    const row_stream s = row_stream_on(lowering_compute(l), out.channels);
    const size_t rows = block_floats(out) / (size_t)out.channels;
    launch_kernel(l, "row", "add_row", "VEC=%d LANES=%d", s.vector, s.lanes);
    input_block_argument(l, n, 0);
    input_block_argument(l, n, 1);
    output_argument(l);
    int_argument(l, (int)rows);
    int_argument(l, out.channels);
    int_argument(l, out.batch);
    int_argument(l, s.rows);
    row_stream_range(l, s, rows, blocks_of(out));
    return lowering_status(l);
}

static const op add_row_op = {.name = "add_row", .reads_evaluations = true, .lower = add_row_lower};

tensor add_row(net *n, tensor x, tensor row) {
    if (net_failed(n))
        return (tensor){0};
    const shape sx = shape_of(n, x), sr = shape_of(n, row);
    if (block_floats(sr) != (size_t)sx.channels || sr.channels != sx.channels || !broadcastable(sx, sr)) {
        char tx[96], tr[96];
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "add_row: %s is no row for %s", shape_text(sr, tr),
                        shape_text(sx, tx));
    }
    shape out = sx;
    out.batch = sx.batch > sr.batch ? sx.batch : sr.batch;
    return net_append(n, &(node_request){.operation = &add_row_op,
                                         .label = "add_row",
                                         .input = {x, row},
                                         .inputs = 2,
                                         .out = out,
                                         .flop = (double)shape_elements(out),
                                         .bytes = tensor_bytes(sx) + tensor_bytes(out)});
}

/* ---- narrow ------------------------------------------------------------------------------------------------------ */

static loris_status narrow_lower(lowering *l, const node *n) {
    const shape out = node_out_shape(n);
    const row_stream s = row_stream_on(lowering_compute(l), out.channels);
    launch_kernel(l, "row", "narrow", "VEC=%d LANES=%d", s.vector, s.lanes);
    input_argument(l, 0);
    output_argument(l);
    int_argument(l, (int)shape_rows(out));
    int_argument(l, node_input_shape(n, 0).channels);
    int_argument(l, *(const int *)node_parameters(n));
    int_argument(l, out.channels);
    int_argument(l, s.rows);
    row_stream_range(l, s, shape_rows(out), 1);
    return lowering_status(l);
}

static const op narrow_op = {.name = "narrow", .lower = narrow_lower};

tensor narrow(net *n, tensor x, int first, int channels) {
    if (net_failed(n))
        return (tensor){0};
    shape out = shape_of(n, x);
    if (first < 0 || channels < 1 || first > out.channels - channels)
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "narrow: channels %d to %d of %d", first, first + channels - 1,
                        out.channels);
    out.channels = channels;
    return net_append(n, &(node_request){.operation = &narrow_op,
                                         .label = "narrow",
                                         .input = {x},
                                         .inputs = 1,
                                         .parameters = &first,
                                         .parameter_size = sizeof first,
                                         .out = out,
                                         .bytes = 2 * tensor_bytes(out)});
}
