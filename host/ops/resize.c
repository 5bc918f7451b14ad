/* Bilinear resizing. */
#include "ops/stream.h"

static loris_status resize_lower(lowering *l, const node *n) {
    const shape in = node_input_shape(n, 0), out = node_out_shape(n);
    const row_stream s = row_stream_on(lowering_compute(l), out.channels);
    const int each = s.rows < out.length ? s.rows : out.length;
    const int rows = (int)blocks_of(out) * out.height;
    launch_kernel(l, "resize", "resize", "VEC=%d LANES=%d", s.vector, s.lanes);
    input_argument(l, 0);
    output_argument(l);
    const int numbers[] = {in.height, in.length, in.channels, out.height, out.length, rows, each};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        int_argument(l, numbers[i]);
    float_argument(l, (float)in.height / (float)out.height);
    float_argument(l, (float)in.length / (float)out.length);
    row_stream_range(l, (row_stream){.lanes = s.lanes, .rows = each, .local = {s.local[0], s.local[1], 1}},
                     (size_t)out.length, (size_t)rows);
    return lowering_status(l);
}

static const op resize_op = {.name = "resize", .lower = resize_lower};

tensor resize(net *n, tensor x, int height, int width) {
    if (net_failed(n))
        return (tensor){0};
    const shape in = shape_of(n, x);
    shape out = in;
    out.height = height;
    out.length = width;
    if (height < 1 || width < 1 || in.depth != 1)
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "resize: to %d x %d", width, height);
    return net_append(n, &(node_request){.operation = &resize_op,
                                         .label = "resize",
                                         .input = {x},
                                         .inputs = 1,
                                         .out = out,
                                         .flop = 9 * (double)shape_elements(out),
                                         .bytes = tensor_bytes(in) + tensor_bytes(out)});
}
