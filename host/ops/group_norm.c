/* Group normalisation with scale, shift and activation: partial statistics, coefficients, application
 * (kernels/group_norm.cl explains the terms). */
#include <stdio.h>

#include "ops/stream.h"

typedef struct group_norm_parameters {
    int groups, activation, scale_shift;
} group_norm_parameters;

/* How a block of L rows of C channels is cut. */
typedef struct cut {
    stream stream; /* of the application; its vector is that of all three kernels */
    int panel;     /* vectors an item of the first kernel holds */
    int lanes, slots;
    int count, width, rows, slices;
    size_t items, local[3]; /* of the first kernel: along the width, and its work-groups */
} cut;

static int greatest_common_divisor(int a, int b) {
    return b == 0 ? a : greatest_common_divisor(b, a % b);
}

/* The slices depend on the shape and the kind of device alone, so that a result does not depend on the number of
 * processors. */
static cut cut_on(const compute *c, shape x) {
    const bool wide = wide_items(c);
    cut k = {
        .stream = stream_on(c), .panel = 1, .lanes = 1, .slots = 1, .count = (int)block_floats(x), .local = {1, 1, 1}};
    const int vector = k.stream.vector;
    if (wide) {
        /* Narrow tensors: as many rows side by side as fill whole vectors. */
        k.width = x.channels * (x.channels < vector ? vector / greatest_common_divisor(x.channels, vector) : 1);
        if (k.width >= 4 * vector)
            k.panel = 4;
        k.items = 1;
    } else {
        k.width = x.channels * (x.channels < 128 ? (127 + x.channels) / x.channels : 1);
        k.items = ((size_t)k.width + (size_t)vector - 1) / (size_t)vector;
        const size_t limit = c->dev.max_work_group;
        k.local[0] = limit < 16 ? limit : 16;
        k.local[1] = limit / k.local[0] < 8 ? limit / k.local[0] : 8;
        while (k.lanes < 32 && (size_t)k.lanes * 2 <= limit)
            k.lanes *= 2;
        while (k.slots < 4 && (size_t)k.lanes * (size_t)k.slots * 2 <= limit)
            k.slots *= 2;
    }
    const int total = (k.count - 1) / k.width + 1, most = wide ? 64 : 128;
    int slices = k.count / (wide ? 32768 : 4096);
    slices = slices < 1 ? 1 : slices > most ? most : slices;
    k.rows = (total - 1) / slices + 1;
    k.slices = (total - 1) / k.rows + 1;
    return k;
}

/* Floats of scratch: the partial statistics of x's blocks, then the coefficients of the output's. */
static size_t partial_floats(const cut *k, size_t blocks) {
    return blocks * (size_t)k->slices * 2 * (size_t)k->width;
}

static size_t coefficient_floats(const cut *k, size_t blocks) {
    return blocks * 3 * ((size_t)k->width + (size_t)k->stream.vector);
}

static loris_status group_norm_prepare(compute *c, node *n) {
    const cut k = cut_on(c, node_input_shape(n, 0));
    node_scratch(n,
                 4 * (partial_floats(&k, input_blocks(n, 0)) + coefficient_floats(&k, blocks_of(node_out_shape(n)))));
    node_set_variant(n, wide_items(c), wide_items(c) ? "wide items" : "many items");
    node_explain_variant(n, wide_items(c)        ? "a CPU: few items that take long runs"
                            : stream_is_tuned(c) ? TUNED_REASON
                                                 : "items fill its vectors: items by the thousand");
    return LORIS_OK;
}

static void launch(lowering *l, const node *n, const cut *k, const char *kernel) {
    const group_norm_parameters *p = node_parameters(n);
    launch_kernel(l, "group_norm", kernel,
                  "VEC=%d PANEL=%d REPEATS=%d LANES=%d SLOTS=%d SCALE_SHIFT=%d ACTIVATION=%d RESULT=%d",
                  k->stream.vector, k->panel, k->stream.repeats, k->lanes, k->slots, p->scale_shift, p->activation,
                  result_macro(n));
}

static loris_status group_norm_lower(lowering *l, const node *n) {
    const group_norm_parameters *p = node_parameters(n);
    const shape x = node_input_shape(n, 0), out = node_out_shape(n);
    const cut k = cut_on(lowering_compute(l), x);
    const int coefficients = (int)partial_floats(&k, input_blocks(n, 0));

    launch(l, n, &k, "group_norm_partial");
    input_argument(l, 0);
    evaluation_argument(l, 0);
    scratch_argument(l);
    int_argument(l, k.count);
    int_argument(l, k.width);
    int_argument(l, k.rows);
    int_argument(l, k.slices);
    launch_range(l, 3, (const size_t[3]){k.items, (size_t)k.slices, input_blocks(n, 0)}, k.local, 1);

    launch(l, n, &k, "group_norm_coefficients");
    scratch_argument(l);
    int_argument(l, input_eval_step(n, 0));
    int_argument(l, input_batch_step(n, 0));
    int_argument(l, coefficients);
    weight_argument(l, 0, "f32", NULL, NULL, 0, (size_t)x.channels);
    weight_argument(l, 1, "f32", NULL, NULL, 0, (size_t)x.channels);
    if (p->scale_shift)
        input_block_argument(l, n, 1);
    int_argument(l, out.batch);
    int_argument(l, k.count);
    int_argument(l, k.width);
    int_argument(l, k.rows);
    int_argument(l, k.slices);
    int_argument(l, x.channels);
    int_argument(l, p->groups);
    const size_t group = (size_t)k.lanes * (size_t)k.slots;
    if (group > 1)
        local_argument(l, group * sizeof(float));
    launch_range(l, 2, (const size_t[3]){(size_t)p->groups * group, blocks_of(out), 1}, (const size_t[3]){group, 1, 1},
                 -1);

    launch(l, n, &k, "group_norm_apply");
    input_block_argument(l, n, 0);
    scratch_argument(l);
    int_argument(l, coefficients);
    output_argument(l);
    int_argument(l, out.batch);
    int_argument(l, k.count);
    int_argument(l, k.width);
    stream_range(l, k.stream, (size_t)k.count, blocks_of(out));
    return lowering_status(l);
}

static const op group_norm_op = {.name = "group_norm",
                                 .reads_evaluations = true,
                                 .prepare = group_norm_prepare,
                                 .gives_bf16 = gives_any,
                                 .lower = group_norm_lower};

tensor group_norm(net *n, tensor x, const char *at, int groups, tensor scale_shift, activation act) {
    if (net_failed(n))
        return (tensor){0};
    const shape s = shape_of(n, x);
    shape out = s;
    if (groups < 1 || s.channels % groups)
        return net_fail(n, LORIS_ERROR_INPUT, "do the hyper-parameters belong to this model?",
                        "%s%s: %d channels do not divide into %d groups", scope_of(n), at, s.channels, groups);
    if (scale_shift.id) {
        const shape ss = shape_of(n, scale_shift);
        if (block_floats(ss) != 2 * (size_t)s.channels || ss.channels != 2 * s.channels || !broadcastable(s, ss)) {
            char tx[96], ts[96];
            return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%s%s: scale and shift %s do not match %s", scope_of(n), at,
                            shape_text(ss, ts), shape_text(s, tx));
        }
        out.batch = ss.batch > s.batch ? ss.batch : s.batch;
    }
    char name[256];
    snprintf(name, sizeof name, "%s.weight", at);
    const weight gain = net_weight_1d(n, name, s.channels);
    snprintf(name, sizeof name, "%s.bias", at);
    const weight shift = net_weight_1d(n, name, s.channels);
    return net_append(n, &(node_request){.operation = &group_norm_op,
                                         .label = at,
                                         .input = {x, scale_shift},
                                         .inputs = scale_shift.id ? 2 : 1,
                                         .weights = {gain, shift},
                                         .weight_count = 2,
                                         .parameters = &(group_norm_parameters){groups, (int)act, scale_shift.id != 0},
                                         .parameter_size = sizeof(group_norm_parameters),
                                         .out = out,
                                         .flop = 4 * (double)shape_elements(s) +
                                                 (3 + activation_flop((int)act)) * (double)shape_elements(out),
                                         .bytes = tensor_bytes(s) + 2 * tensor_bytes(out)});
}
