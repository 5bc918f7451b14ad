/* "b (l p) c -> b l (c p)" and back: in both directions a transposition of small blocks. */
#include "ops/stream.h"

typedef struct patch_parameters {
    int rows, columns; /* of a block of the input */
} patch_parameters;

static loris_status patch_lower(lowering *l, const node *n) {
    const patch_parameters *p = node_parameters(n);
    const row_stream s = row_stream_on(lowering_compute(l), p->rows * p->columns);
    const size_t blocks = shape_elements(node_out_shape(n)) / ((size_t)p->rows * (size_t)p->columns);
    launch_kernel(l, "patch", "transpose_blocks", "FROM_ROWS=%d FROM_COLUMNS=%d LANES=%d", p->rows, p->columns,
                  s.lanes);
    input_argument(l, 0);
    output_argument(l);
    int_argument(l, (int)blocks);
    int_argument(l, s.rows);
    row_stream_range(l, s, blocks, 1);
    return lowering_status(l);
}

static const op patch_op = {.name = "patch", .lower = patch_lower};
static const op unpatch_op = {.name = "unpatch", .lower = patch_lower};

static tensor append(net *n, const op *operation, tensor x, shape out, int rows, int columns) {
    return net_append(n, &(node_request){.operation = operation,
                                         .label = operation->name,
                                         .input = {x},
                                         .inputs = 1,
                                         .parameters = &(patch_parameters){rows, columns},
                                         .parameter_size = sizeof(patch_parameters),
                                         .out = out,
                                         .bytes = 2 * tensor_bytes(out)});
}

tensor patch(net *n, tensor x, int p) {
    if (net_failed(n) || p == 1)
        return x;
    shape s = shape_of(n, x);
    if (p < 1 || s.length % p || s.depth != 1 || s.height != 1)
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "patch: a length of %d in patches of %d", s.length, p);
    const int channels = s.channels;
    s.length /= p;
    s.channels *= p;
    return append(n, &patch_op, x, s, p, channels);
}

tensor unpatch(net *n, tensor x, int p) {
    if (net_failed(n) || p == 1)
        return x;
    shape s = shape_of(n, x);
    if (p < 1 || s.channels % p || s.depth != 1 || s.height != 1)
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "unpatch: %d channels in patches of %d", s.channels, p);
    s.length *= p;
    s.channels /= p;
    return append(n, &unpatch_op, x, s, s.channels, p);
}
