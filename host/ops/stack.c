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
