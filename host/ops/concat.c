/* Concatenation of channels, the second operand scaled (a skip connection). */
#include "ops/stream.h"

static loris_status concat_lower(lowering *l, const node *n) {
    const shape out = node_out_shape(n), a = node_input_shape(n, 0), b = node_input_shape(n, 1);
    const row_stream s = row_stream_on(lowering_compute(l), out.channels);
    const size_t rows = block_floats(out) / (size_t)out.channels;
    launch_kernel(l, "concat", "concat", "VEC=%d LANES=%d", s.vector, s.lanes);
    input_block_argument(l, n, 0);
    int_argument(l, a.channels);
    input_block_argument(l, n, 1);
    int_argument(l, b.channels);
    output_argument(l);
    int_argument(l, (int)rows);
    int_argument(l, out.batch);
    float_argument(l, *(const float *)node_parameters(n));
    int_argument(l, s.rows);
    row_stream_range(l, s, rows, blocks_of(out));
    return lowering_status(l);
}

static const op concat_op = {.name = "concat", .reads_evaluations = true, .lower = concat_lower};

tensor concat(net *n, tensor a, tensor b, float scale_b) {
    if (net_failed(n))
        return (tensor){0};
    const shape sa = shape_of(n, a), sb = shape_of(n, b);
    if (sa.depth != sb.depth || sa.height != sb.height || sa.length != sb.length || !broadcastable(sa, sb)) {
        char ta[96], tb[96];
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "concat: shapes %s and %s do not match", shape_text(sa, ta),
                        shape_text(sb, tb));
    }
    shape out = sa;
    out.batch = sa.batch > sb.batch ? sa.batch : sb.batch;
    out.channels = sa.channels + sb.channels;
    return net_append(n, &(node_request){.operation = &concat_op,
                                         .label = "concat",
                                         .input = {a, b},
                                         .inputs = 2,
                                         .parameters = &scale_b,
                                         .parameter_size = sizeof scale_b,
                                         .out = out,
                                         .flop = (double)shape_elements(sb),
                                         .bytes = tensor_bytes(sa) + tensor_bytes(sb) + tensor_bytes(out)});
}
