/* Layer normalisation over channels, with a residual when an addition follows. */
#include "ops/elementwise.h"
#include "ops/stream.h"

typedef struct layer_norm_parameters {
    int residual; /* input 1 is added to the result */
} layer_norm_parameters;

/* norm(x) + residual, if both terms are as large as the sum. */
static bool layer_norm_absorb(node *producer, const node *consumer, int position) {
    layer_norm_parameters *p = node_parameters(producer);
    if (node_op(consumer) != &add_op || p->residual ||
        !shape_equal(node_out_shape(producer), node_out_shape(consumer)) ||
        !shape_equal(node_input_shape(consumer, 1 - position), node_out_shape(consumer)) ||
        !node_add_input(producer, consumer, 1 - position))
        return false;
    p->residual = 1;
    return true;
}

static loris_status layer_norm_lower(lowering *l, const node *n) {
    const layer_norm_parameters *p = node_parameters(n);
    const compute *c = lowering_compute(l);
    const shape out = node_out_shape(n);
    const row_stream s = row_stream_on(c, out.channels);
    const size_t rows = shape_rows(out);
    launch_kernel(l, "layer_norm", "layer_norm", "VEC=%d LANES=%d GROUP=%d RESIDUAL=%d RESULT=%d", s.vector, s.lanes,
                  (int)s.local[1], p->residual, result_macro(n));
    input_argument(l, 0);
    weight_argument(l, 0, "f32", NULL, NULL, 0, (size_t)out.channels);
    if (p->residual)
        input_argument(l, 1);
    output_argument(l);
    int_argument(l, (int)rows);
    int_argument(l, out.channels);
    int_argument(l, s.rows);
    if (s.lanes > 1)
        local_argument(l, s.local[0] * s.local[1] * sizeof(float));
    row_stream_range(l, s, rows, 1);
    return lowering_status(l);
}

static const op layer_norm_op = {
    .name = "layer_norm", .absorb = layer_norm_absorb, .gives_bf16 = gives_any, .lower = layer_norm_lower};

tensor layer_norm(net *n, tensor x, const char *at) {
    if (net_failed(n))
        return (tensor){0};
    const shape s = shape_of(n, x);
    const weight gain =
        net_weight_rank(n, at) == 3 ? net_weight_3d(n, at, 1, s.channels, 1) : net_weight_1d(n, at, s.channels);
    return net_append(n, &(node_request){.operation = &layer_norm_op,
                                         .label = at,
                                         .input = {x},
                                         .inputs = 1,
                                         .weights = {gain},
                                         .weight_count = 1,
                                         .parameters = &(layer_norm_parameters){0},
                                         .parameter_size = sizeof(layer_norm_parameters),
                                         .out = s,
                                         .flop = 7 * (double)shape_elements(s),
                                         .bytes = 2 * tensor_bytes(s)});
}
