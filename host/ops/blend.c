/* A window's weighted contribution to a clip. */
#include "ops/stream.h"

typedef struct blend_parameters {
    int start, fresh;
} blend_parameters;

static loris_status blend_lower(lowering *l, const node *n) {
    const blend_parameters *p = node_parameters(n);
    const shape x = node_input_shape(n, 0);
    const row_stream s = row_stream_on(lowering_compute(l), x.channels);
    launch_kernel(l, "blend", "blend", "VEC=%d LANES=%d", s.vector, s.lanes);
    output_argument(l);
    int_argument(l, node_out_shape(n).length);
    parameter_argument(l, p->start);
    parameter_argument(l, p->fresh);
    input_argument(l, 0);
    input_argument(l, 1);
    int_argument(l, x.length);
    int_argument(l, x.channels);
    int_argument(l, s.rows);
    row_stream_range(l, s, (size_t)x.length, (size_t)x.batch);
    return lowering_status(l);
}

static const op blend_op = {.name = "blend", .lower = blend_lower};

void blend(net *n, tensor clip, tensor x, tensor factors, int start, int fresh) {
    if (net_failed(n))
        return;
    const shape state = shape_of(n, clip), in = shape_of(n, x), w = shape_of(n, factors);
    if (!shape_equal(state, shape_1d(in.batch, state.length, in.channels)) ||
        !shape_equal(in, shape_1d(in.batch, in.length, in.channels)) || !shape_equal(w, shape_1d(1, in.length, 1))) {
        char ts[96], tx[96], tw[96];
        net_fail(n, LORIS_ERROR_INTERNAL, NULL, "blend: clip %s, window %s and weights %s do not match",
                 shape_text(state, ts), shape_text(in, tx), shape_text(w, tw));
        return;
    }
    net_append(n, &(node_request){.operation = &blend_op,
                                  .label = "blend",
                                  .input = {x, factors},
                                  .inputs = 2,
                                  .parameters = &(blend_parameters){start, fresh},
                                  .parameter_size = sizeof(blend_parameters),
                                  .out = state,
                                  .writes = clip,
                                  .flop = 2 * (double)shape_elements(in),
                                  .bytes = 3 * tensor_bytes(in),
                                  .written = tensor_bytes(in)});
}
