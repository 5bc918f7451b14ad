/* Pools over depth, height and length. */
#include "ops/stream.h"

struct pool_parameters {
    geometry geometry;
    int mean; /* 0: the largest */
};

static loris_status pool_lower(lowering *l, const node *n) {
    const struct pool_parameters *p = node_parameters(n);
    const shape in = node_input_shape(n, 0), out = node_out_shape(n);
    const row_stream s = row_stream_on(lowering_compute(l), out.channels);
    launch_kernel(l, "pool", "pool", "VEC=%d LANES=%d MEAN=%d", s.vector, s.lanes, p->mean);
    input_argument(l, 0);
    output_argument(l);
    int_argument(l, out.channels);
    int_argument(l, s.rows);
    geometry_arguments(l, &p->geometry, in, out);
    row_stream_range(l, s, block_floats(out) / (size_t)out.channels, blocks_of(out));
    return lowering_status(l);
}

static const op max_pool_op = {.name = "max_pool", .lower = pool_lower};
static const op average_pool_op = {.name = "average_pool", .lower = pool_lower};

static tensor pool(net *n, const op *operation, tensor x, geometry g, int mean) {
    if (net_failed(n))
        return (tensor){0};
    const shape in = shape_of(n, x), out = geometry_output(n, operation->name, in, &g);
    const struct pool_parameters p = {g, mean};
    return net_append(n, &(node_request){.operation = operation,
                                         .label = operation->name,
                                         .input = {x},
                                         .inputs = 1,
                                         .parameters = &p,
                                         .parameter_size = sizeof p,
                                         .out = out,
                                         .flop = (double)shape_elements(out) * geometry_volume(&g),
                                         .bytes = tensor_bytes(in) + tensor_bytes(out)});
}

tensor max_pool(net *n, tensor x, geometry g) {
    return pool(n, &max_pool_op, x, g, 0);
}

tensor average_pool(net *n, tensor x, geometry g) {
    return pool(n, &average_pool_op, x, g, 1);
}
