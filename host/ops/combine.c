/* A sampler's update: a weighted sum written over the state. */
#include "ops/stream.h"

enum { COMBINE_MAX = 4 };

typedef struct combine_parameters {
    int first, clamp;
} combine_parameters;

static loris_status combine_lower(lowering *l, const node *n) {
    const combine_parameters *p = node_parameters(n);
    const stream s = stream_on(lowering_compute(l));
    const size_t count = shape_elements(node_out_shape(n));
    const int inputs = node_inputs(n) - 1; /* the last are the coefficients */
    launch_kernel(l, "combine", "combine", "VEC=%d REPEATS=%d COUNT=%d CLAMP=%d", s.vector, s.repeats, inputs,
                  p->clamp);
    output_argument(l);
    for (int i = 0; i < COMBINE_MAX; i++) {
        input_argument(l, i < inputs ? i : 0);
        evaluation_argument(l, i < inputs ? i : 0);
    }
    input_argument(l, inputs);
    evaluation_argument(l, inputs);
    int_argument(l, p->first);
    int_argument(l, (int)count);
    stream_range(l, s, count, 1);
    return lowering_status(l);
}

static const op combine_op = {.name = "combine", .reads_evaluations = true, .lower = combine_lower};

void combine(net *n, tensor state, const tensor *in, int count, tensor c, int first, bool clamp) {
    if (net_failed(n))
        return;
    const shape s = shape_of(n, state), sc = shape_of(n, c);
    node_request r = {.operation = &combine_op,
                      .label = "combine",
                      .parameters = &(combine_parameters){first, clamp},
                      .parameter_size = sizeof(combine_parameters),
                      .out = s,
                      .writes = state,
                      .flop = (2.0 * count + 2.0 * clamp) * (double)shape_elements(s),
                      .bytes = (count + 1) * tensor_bytes(s)};
    if (count < 1 || count > COMBINE_MAX || first < 0 || first > sc.channels - count || sc.batch != 1 ||
        block_floats(sc) != (size_t)sc.channels) {
        char dims[96];
        net_fail(n, LORIS_ERROR_INTERNAL, NULL, "combine: %s does not hold coefficients %d to %d", shape_text(sc, dims),
                 first, first + count - 1);
        return;
    }
    for (int i = 0; i < count; i++) {
        shape one = shape_of(n, in[i]);
        one.evals = 1;
        if (!shape_equal(one, s)) {
            char ts[96], ti[96];
            net_fail(n, LORIS_ERROR_INTERNAL, NULL, "combine: input %d is %s, the state %s", i, shape_text(one, ti),
                     shape_text(s, ts));
            return;
        }
        r.input[r.inputs++] = in[i];
    }
    r.input[r.inputs++] = c;
    net_append(n, &r);
}
