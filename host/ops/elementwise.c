/* Addition, activations and scaling. */
#include "ops/elementwise.h"

#include "ops/stream.h"

static bool same_inner(shape a, shape b) {
    a.evals = b.evals = a.batch = b.batch = 1;
    return shape_equal(a, b);
}

static loris_status add_lower(lowering *l, const node *n) {
    const stream s = stream_on(lowering_compute(l));
    const shape out = node_out_shape(n);
    /* Equal shapes are one long block. */
    const bool whole = shape_elements(node_input_shape(n, 0)) == shape_elements(out) &&
                       shape_elements(node_input_shape(n, 1)) == shape_elements(out);
    const size_t blocks = whole ? 1 : blocks_of(out), inner = shape_elements(out) / blocks;
    launch_kernel(l, "elementwise", "add", "VEC=%d REPEATS=%d ACTIVATION=0", s.vector, s.repeats);
    input_block_argument(l, n, 0);
    input_block_argument(l, n, 1);
    output_argument(l);
    int_argument(l, (int)inner);
    int_argument(l, whole ? 1 : out.batch);
    stream_range(l, s, inner, blocks);
    return lowering_status(l);
}

const op add_op = {.name = "add", .lower = add_lower};

tensor add(net *n, tensor a, tensor b) {
    if (net_failed(n))
        return (tensor){0};
    shape sa = shape_of(n, a), sb = shape_of(n, b);
    if (!same_inner(sa, sb) || !broadcastable(sa, sb)) {
        char ta[96], tb[96];
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "add: shapes %s and %s do not match", shape_text(sa, ta),
                        shape_text(sb, tb));
    }
    shape out = sa;
    out.batch = sa.batch > sb.batch ? sa.batch : sb.batch;
    return net_append(n, &(node_request){.operation = &add_op,
                                         .label = "add",
                                         .input = {a, b},
                                         .inputs = 2,
                                         .out = out,
                                         .flop = (double)shape_elements(out),
                                         .bytes = tensor_bytes(sa) + tensor_bytes(sb) + tensor_bytes(out)});
}

/* ---- activate, scale --------------------------------------------------------------------------------------------- */

static loris_status map_lower(lowering *l, const node *n, int act, float factor) {
    const stream s = stream_on(lowering_compute(l));
    const size_t count = shape_elements(node_out_shape(n));
    launch_kernel(l, "elementwise", "map", "VEC=%d REPEATS=%d ACTIVATION=%d", s.vector, s.repeats, act);
    input_argument(l, 0);
    output_argument(l);
    int_argument(l, (int)count);
    float_argument(l, factor);
    stream_range(l, s, count, 1);
    return lowering_status(l);
}

static loris_status activate_lower(lowering *l, const node *n) {
    const struct activate_parameters *p = node_parameters(n);
    return map_lower(l, n, p->activation, 1.0f);
}

static loris_status scale_lower(lowering *l, const node *n) {
    return map_lower(l, n, ACTIVATION_NONE, *(const float *)node_parameters(n));
}

const op activate_op = {.name = "activate", .lower = activate_lower};
static const op scale_op = {.name = "scale", .lower = scale_lower};

static tensor map(net *n, tensor x, const op *operation, const void *parameters, size_t size, double flop) {
    const shape s = shape_of(n, x);
    return net_append(n, &(node_request){.operation = operation,
                                         .label = operation->name,
                                         .input = {x},
                                         .inputs = 1,
                                         .parameters = parameters,
                                         .parameter_size = size,
                                         .out = s,
                                         .flop = flop * (double)shape_elements(s),
                                         .bytes = 2 * tensor_bytes(s)});
}

tensor activate(net *n, tensor x, activation act) {
    if (act == ACTIVATION_NONE)
        return x;
    return map(n, x, &activate_op, &(struct activate_parameters){act}, sizeof(struct activate_parameters),
               activation_flop(act));
}

tensor scale(net *n, tensor x, float factor) {
    return map(n, x, &scale_op, &factor, sizeof factor, 1);
}
