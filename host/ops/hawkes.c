/* Hawkes positional encoding. */
#include <math.h>
#include <stdio.h>

#include "ops/stream.h"

static loris_status hawkes_lower(lowering *l, const node *n) {
    const shape out = node_out_shape(n);
    const size_t half = (size_t)out.channels / 2, positions = (size_t) * (const int *)node_parameters(n);
    launch_kernel(l, "hawkes", "hawkes_encoding", "%s", "");
    input_argument(l, 0);
    weight_argument(l, 0, "f32", NULL, NULL, 0, positions);
    weight_argument(l, 1, "f32", NULL, NULL, 0, half);
    weight_argument(l, 2, "f32", NULL, NULL, 0, half);
    output_argument(l);
    int_argument(l, out.length);
    int_argument(l, (int)half);
    float_argument(l, (float)sqrt(out.channels));
    const size_t most = lowering_compute(l)->dev.max_work_group;
    launch_range(l, 2, (const size_t[3]){half, shape_rows(out)}, (const size_t[3]){most < 64 ? most : 64, 1}, -1);
    return lowering_status(l);
}

static const op hawkes_op = {.name = "hawkes", .lower = hawkes_lower};

tensor hawkes_encoding(net *n, tensor x, const char *at, int positions) {
    if (net_failed(n))
        return (tensor){0};
    const shape s = shape_of(n, x);
    if (s.channels % 2 || s.length > positions)
        return net_fail(n, LORIS_ERROR_ARGUMENT, NULL, "%s: %d positions of %d channels; the model knows %d", at,
                        s.length, s.channels, positions);
    char position[256], frequency[256], shift[256];
    snprintf(position, sizeof position, "%s.position", at);
    snprintf(frequency, sizeof frequency, "%s.div_term", at);
    snprintf(shift, sizeof shift, "%s.Wt.weight", at);
    return net_append(n, &(node_request){.operation = &hawkes_op,
                                         .label = at,
                                         .input = {x},
                                         .inputs = 1,
                                         .weights = {net_weight_2d(n, position, positions, 1),
                                                     net_weight_1d(n, frequency, s.channels / 2),
                                                     net_weight_2d(n, shift, s.channels / 2, 1)},
                                         .weight_count = 3,
                                         .parameters = &positions,
                                         .parameter_size = sizeof positions,
                                         .out = s,
                                         .flop = 15.0 * (double)shape_elements(s),
                                         .bytes = 2 * tensor_bytes(s)});
}
