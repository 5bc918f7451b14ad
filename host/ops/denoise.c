/* Preconditioning: what goes into the network, and what is made of what comes out. */
#include "ops/stream.h"

/* The coefficients are the last input, [E,1,1,K]. Their block, the row's length and the first one's index. */
static void coefficient_argument(lowering *l, const node *n) {
    const int i = node_inputs(n) - 1;
    input_block_argument(l, n, i);
    int_argument(l, node_input_shape(n, i).channels);
    int_argument(l, *(const int *)node_parameters(n));
}

/* Does c hold `needed` coefficients from `index` on for each evaluation? */
static bool coefficients_fit(net *n, const char *label, shape c, int index, int needed) {
    if (block_floats(c) == (size_t)c.channels && c.batch == 1 && index >= 0 && index <= c.channels - needed)
        return true;
    char dims[96];
    net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%s: %s does not hold coefficients %d to %d", label, shape_text(c, dims),
             index, index + needed - 1);
    return false;
}

/* ---- scale_by ---------------------------------------------------------------------------------------------------- */

static loris_status scale_by_lower(lowering *l, const node *n) {
    const stream s = stream_on(lowering_compute(l));
    const shape out = node_out_shape(n);
    launch_kernel(l, "denoise", "scale_by", "VEC=%d REPEATS=%d GUIDED=0", s.vector, s.repeats);
    input_block_argument(l, n, 0);
    coefficient_argument(l, n);
    output_argument(l);
    int_argument(l, (int)block_floats(out));
    int_argument(l, out.batch);
    stream_range(l, s, block_floats(out), blocks_of(out));
    return lowering_status(l);
}

static const op scale_by_op = {.name = "scale_by", .reads_evaluations = true, .lower = scale_by_lower};

tensor scale_by(net *n, tensor x, tensor c, int index) {
    if (net_failed(n) || !coefficients_fit(n, "scale_by", shape_of(n, c), index, 1))
        return (tensor){0};
    const shape s = shape_of(n, x);
    return net_append(n, &(node_request){.operation = &scale_by_op,
                                         .label = "scale_by",
                                         .input = {x, c},
                                         .inputs = 2,
                                         .parameters = &index,
                                         .parameter_size = sizeof index,
                                         .out = s,
                                         .flop = (double)shape_elements(s),
                                         .bytes = 2 * tensor_bytes(s)});
}

/* ---- denoise ----------------------------------------------------------------------------------------------------- */

static bool guided(shape x, shape f) {
    return f.batch == 2 * x.batch;
}

static loris_status denoise_lower(lowering *l, const node *n) {
    const stream s = stream_on(lowering_compute(l));
    const shape out = node_out_shape(n);
    launch_kernel(l, "denoise", "denoise", "VEC=%d REPEATS=%d GUIDED=%d", s.vector, s.repeats,
                  guided(node_input_shape(n, 0), node_input_shape(n, 1)));
    input_block_argument(l, n, 0);
    input_block_argument(l, n, 1);
    coefficient_argument(l, n);
    output_argument(l);
    int_argument(l, (int)block_floats(out));
    int_argument(l, out.batch);
    stream_range(l, s, block_floats(out), blocks_of(out));
    return lowering_status(l);
}

static const op denoise_op = {.name = "denoise", .reads_evaluations = true, .lower = denoise_lower};

tensor denoise(net *n, tensor x, tensor f, tensor c, int skip) {
    if (net_failed(n))
        return (tensor){0};
    const shape sx = shape_of(n, x), sf = shape_of(n, f);
    const bool pair = guided(sx, sf);
    if (block_floats(sx) != block_floats(sf) || sx.channels != sf.channels || (!pair && !broadcastable(sx, sf))) {
        char tx[96], tf[96];
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "denoise: shapes %s and %s do not match", shape_text(sx, tx),
                        shape_text(sf, tf));
    }
    if (!coefficients_fit(n, "denoise", shape_of(n, c), skip, pair ? 4 : 3))
        return (tensor){0};
    shape out = sx;
    if (!pair && sf.batch > sx.batch)
        out.batch = sf.batch;
    return net_append(n, &(node_request){.operation = &denoise_op,
                                         .label = "denoise",
                                         .input = {x, f, c},
                                         .inputs = 3,
                                         .parameters = &skip,
                                         .parameter_size = sizeof skip,
                                         .out = out,
                                         .flop = (pair ? 6.0 : 3.0) * (double)shape_elements(out),
                                         .bytes = tensor_bytes(sx) + tensor_bytes(sf) + tensor_bytes(out)});
}
