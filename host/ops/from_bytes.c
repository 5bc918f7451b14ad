/* Pictures as they are decoded become numbers. */
#include "ops/stream.h"

struct from_bytes_parameters {
    float factor, offset;
};

static loris_status from_bytes_lower(lowering *l, const node *n) {
    const struct from_bytes_parameters *p = node_parameters(n);
    const stream s = stream_on(lowering_compute(l));
    const size_t count = shape_elements(node_out_shape(n));
    launch_kernel(l, "from_bytes", "from_bytes", "VEC=%d REPEATS=%d", s.vector, s.repeats);
    input_argument(l, 0);
    output_argument(l);
    int_argument(l, (int)count);
    float_argument(l, p->factor);
    float_argument(l, p->offset);
    stream_range(l, s, count, 1);
    return lowering_status(l);
}

static const op from_bytes_op = {.name = "from_bytes", .lower = from_bytes_lower};

tensor from_bytes(net *n, tensor x, float factor, float offset) {
    if (net_failed(n))
        return (tensor){0};
    const struct from_bytes_parameters p = {factor, offset};
    const shape s = shape_of(n, x);
    return net_append(n, &(node_request){.operation = &from_bytes_op,
                                         .label = "from_bytes",
                                         .input = {x},
                                         .inputs = 1,
                                         .parameters = &p,
                                         .parameter_size = sizeof p,
                                         .out = s,
                                         .flop = 2 * (double)shape_elements(s),
                                         .bytes = 1.25 * tensor_bytes(s)});
}
