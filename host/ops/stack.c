/* Tensors one above the other along the batch. */
#include "ops/stream.h"

static loris_status stack_lower(lowering *l, const node *n) {
    const stream s = stream_on(lowering_compute(l));
    const size_t a = shape_elements(node_input_shape(n, 0)), b = shape_elements(node_input_shape(n, 1));
    launch_kernel(l, "stack", "stack", "VEC=%d REPEATS=%d", s.vector, s.repeats);
    input_argument(l, 0);
    input_argument(l, 1);
    output_argument(l);
    int_argument(l, (int)a);
    int_argument(l, (int)b);
    stream_range(l, s, a > b ? a : b, 2);
    return lowering_status(l);
}

static const op stack_op = {.name = "stack", .lower = stack_lower};

tensor stack(net *n, tensor a, tensor b) {
    if (net_failed(n))
        return (tensor){0};
    shape sa = shape_of(n, a), sb = shape_of(n, b), out = sa;
    out.batch = sa.batch + sb.batch;
    sb.batch = sa.batch;
    if (!shape_equal(sa, sb) || sa.evals != 1) {
        char ta[96], tb[96];
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "stack: shapes %s and %s do not match", shape_text(sa, ta),
                        shape_text(shape_of(n, b), tb));
    }
    return net_append(n, &(node_request){.operation = &stack_op,
                                         .label = "stack",
                                         .input = {a, b},
                                         .inputs = 2,
                                         .out = out,
                                         .bytes = 2 * tensor_bytes(out)});
}

static loris_status repeat_lower(lowering *l, const node *n) {
    const stream s = stream_on(lowering_compute(l));
    const shape x = node_input_shape(n, 0);
    launch_kernel(l, "stack", "repeat", "VEC=%d REPEATS=%d", s.vector, s.repeats);
    input_argument(l, 0);
    output_argument(l);
    int_argument(l, (int)shape_elements(x));
    stream_range(l, s, shape_elements(x), (size_t)(node_out_shape(n).batch / x.batch));
    return lowering_status(l);
}

static const op repeat_op = {.name = "repeat", .lower = repeat_lower};

tensor repeat_to(net *n, tensor x, int batch) {
    if (net_failed(n))
        return (tensor){0};
    shape out = shape_of(n, x);
    if (out.batch == 1 || out.batch >= batch)
        return x;
    if (batch % out.batch || out.evals != 1)
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "repeat: a batch of %d does not make one of %d", out.batch,
                        batch);
    out.batch = batch;
    return net_append(n, &(node_request){.operation = &repeat_op,
                                         .label = "repeat",
                                         .input = {x},
                                         .inputs = 1,
                                         .out = out,
                                         .bytes = 2 * tensor_bytes(out)});
}
