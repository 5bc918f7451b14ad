/* A window of a clip. */
#include "ops/stream.h"

typedef struct window_parameters {
    int start, divisor;
} window_parameters;

static loris_status window_lower(lowering *l, const node *n) {
    const window_parameters *p = node_parameters(n);
    const stream s = stream_on(lowering_compute(l));
    const shape out = node_out_shape(n);
    launch_kernel(l, "window", "window", "VEC=%d REPEATS=%d", s.vector, s.repeats);
    input_argument(l, 0);
    parameter_argument(l, p->start);
    int_argument(l, p->divisor);
    int_argument(l, node_input_shape(n, 0).length);
    output_argument(l);
    int_argument(l, out.length);
    int_argument(l, out.channels);
    stream_range(l, s, block_floats(out), blocks_of(out));
    return lowering_status(l);
}

static const op window_op = {.name = "window", .lower = window_lower};

tensor window(net *n, tensor clip, int start, int divisor, int length) {
    if (net_failed(n))
        return (tensor){0};
    shape out = shape_of(n, clip);
    if (divisor < 1 || length < 1 || out.depth != 1 || out.height != 1)
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "window: %d rows at 1/%d of the start", length, divisor);
    out.length = length;
    return net_append(n, &(node_request){.operation = &window_op,
                                         .label = "window",
                                         .input = {clip},
                                         .inputs = 1,
                                         .parameters = &(window_parameters){start, divisor},
                                         .parameter_size = sizeof(window_parameters),
                                         .out = out,
                                         .bytes = 2 * tensor_bytes(out)});
}
