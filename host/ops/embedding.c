/* Rows of tables: looked up, or learned in place of an input. */
#include <stdio.h>

#include "ops/stream.h"

/* ---- embedding --------------------------------------------------------------------------------------------------- */

static loris_status embedding_lower(lowering *l, const node *n) {
    const shape out = node_out_shape(n);
    const int count = *(const int *)node_parameters(n);
    const row_stream s = row_stream_on(lowering_compute(l), out.channels);
    launch_kernel(l, "embedding", "embedding", "VEC=%d LANES=%d", s.vector, s.lanes);
    input_argument(l, 0);
    weight_argument(l, 0, "f32", NULL, NULL, 0, (size_t)count * (size_t)out.channels);
    output_argument(l);
    int_argument(l, (int)shape_rows(out));
    int_argument(l, count);
    int_argument(l, out.channels);
    int_argument(l, s.rows);
    row_stream_range(l, s, shape_rows(out), 1);
    return lowering_status(l);
}

static const op embedding_op = {.name = "embedding", .lower = embedding_lower};

tensor embedding(net *n, tensor indices, const char *at, int count, int width) {
    if (net_failed(n))
        return (tensor){0};
    shape out = shape_of(n, indices);
    char name[256];
    snprintf(name, sizeof name, "%s.weight", at);
    if (out.channels != 1)
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%s: one index each is wanted, not %d", at, out.channels);
    out.channels = width;
    return net_append(n, &(node_request){.operation = &embedding_op,
                                         .label = at,
                                         .input = {indices},
                                         .inputs = 1,
                                         .weights = {net_weight_2d(n, name, count, width)},
                                         .weight_count = 1,
                                         .parameters = &count,
                                         .parameter_size = sizeof count,
                                         .out = out,
                                         .bytes = 2 * tensor_bytes(out)});
}

/* ---- learned rows, learned peaks --------------------------------------------------------------------------------- */

static loris_status learned_rows_lower(lowering *l, const node *n) {
    const shape out = node_out_shape(n);
    const int count = *(const int *)node_parameters(n);
    const row_stream s = row_stream_on(lowering_compute(l), out.channels);
    launch_kernel(l, "embedding", "learned_rows", "VEC=%d LANES=%d", s.vector, s.lanes);
    weight_argument(l, 0, "f32", NULL, NULL, 0, (size_t)count * (size_t)out.channels);
    output_argument(l);
    int_argument(l, out.length);
    int_argument(l, out.channels);
    int_argument(l, s.rows);
    row_stream_range(l, s, (size_t)out.length, 1);
    return lowering_status(l);
}

static loris_status learned_peaks_lower(lowering *l, const node *n) {
    const shape out = node_out_shape(n);
    launch_kernel(l, "learned_peaks", "learned_peaks", "%s", "");
    weight_argument(l, 0, "f32", NULL, NULL, 0, (size_t) * (const int *)node_parameters(n));
    output_argument(l);
    int_argument(l, out.length);
    launch_range(l, 1, (const size_t[3]){(size_t)out.length}, (const size_t[3]){1}, -1);
    return lowering_status(l);
}

static const op learned_rows_op = {.name = "learned_rows", .lower = learned_rows_lower};
static const op learned_peaks_op = {.name = "learned_peaks", .lower = learned_peaks_lower};

static tensor learned(net *n, const op *operation, const char *at, int count, int width, int rows, storage type) {
    if (net_failed(n))
        return (tensor){0};
    if (rows < 1 || rows > count)
        return net_fail(n, LORIS_ERROR_ARGUMENT, NULL, "%s: %d rows are wanted, the model has learned %d", at, rows,
                        count);
    const shape out = shape_1d(1, rows, width);
    return net_append(n, &(node_request){.operation = operation,
                                         .label = at,
                                         .weights = {net_weight_2d(n, at, count, width)},
                                         .weight_count = 1,
                                         .parameters = &count,
                                         .parameter_size = sizeof count,
                                         .out = out,
                                         .type = type,
                                         .bytes = 2 * tensor_bytes(out)});
}

tensor learned_rows(net *n, const char *at, int count, int width, int rows) {
    return learned(n, &learned_rows_op, at, count, width, rows, STORE_F32);
}

tensor learned_peaks(net *n, const char *at, int count, int rows) {
    return learned(n, &learned_peaks_op, at, count, 1, rows, STORE_I32);
}
