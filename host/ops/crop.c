/* Squares of a frame. */
#include "ops/stream.h"

static size_t scratch_floats(shape frame, shape out) {
    return (size_t)out.batch * (size_t)out.height * (size_t)frame.length * 3;
}

static loris_status crop_prepare(compute *c, node *n) {
    (void)c;
    node_scratch(n, scratch_floats(node_input_shape(n, 0), node_out_shape(n)) * sizeof(float));
    return LORIS_OK;
}

static loris_status crop_lower(lowering *l, const node *n) {
    const shape frame = node_input_shape(n, 0), out = node_out_shape(n);
    const bool wide = wide_items(lowering_compute(l));
    const int vec = wide ? 16 : 4, bytes = 3 * frame.length, size = out.height;
    const size_t most = lowering_compute(l)->dev.max_work_group, local = wide ? 8 : most < 64 ? most : 64;
    launch_kernel(l, "crop", "crop_rows", "VEC=%d", vec);
    input_argument(l, 0);
    input_argument(l, 1);
    scratch_argument(l);
    int_argument(l, frame.height);
    int_argument(l, bytes);
    int_argument(l, size);
    launch_range(l, 3, (const size_t[3]){(size_t)(bytes + vec - 1) / (size_t)vec, (size_t)size, (size_t)out.batch},
                 (const size_t[3]){local, 1, 1}, 1);
    launch_kernel(l, "crop", "crop_columns", "VEC=%d", vec);
    scratch_argument(l);
    input_argument(l, 1);
    output_argument(l);
    int_argument(l, frame.length);
    int_argument(l, size);
    launch_range(l, 3, (const size_t[3]){(size_t)size, (size_t)size, (size_t)out.batch}, (const size_t[3]){local, 1, 1},
                 1);
    return lowering_status(l);
}

static const op crop_op = {.name = "crop", .prepare = crop_prepare, .lower = crop_lower};

tensor crop(net *n, tensor frame, tensor squares, int size) {
    if (net_failed(n))
        return (tensor){0};
    const shape f = shape_of(n, frame), s = shape_of(n, squares);
    if (f.batch != 1 || f.channels != 3 || size < 1 || !shape_equal(s, shape_1d(s.batch, 1, 3))) {
        char of[96], by[96];
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "crop: squares %s of a frame %s", shape_text(s, by),
                        shape_text(f, of));
    }
    const shape out = shape_2d(s.batch, size, size, 3);
    const double taps = 2.0 * (f.height > size ? (double)f.height / size : 1.0);
    return net_append(n, &(node_request){.operation = &crop_op,
                                         .label = "crop",
                                         .input = {frame, squares},
                                         .inputs = 2,
                                         .out = out,
                                         .flop = 2 * taps * (double)(shape_elements(out) + scratch_floats(f, out)),
                                         .bytes = (double)shape_elements(f) + tensor_bytes(out) +
                                                  8.0 * (double)scratch_floats(f, out)});
}
