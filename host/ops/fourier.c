/* Fourier features of the noise level. */
#include <stdint.h>

#include "ops/stream.h"

static loris_status fourier_lower(lowering *l, const node *n) {
    const shape out = node_out_shape(n);
    const int features = (out.channels - 1) / 2;
    launch_kernel(l, "fourier", "fourier", "%s", "");
    input_argument(l, 0);
    weight_argument(l, 0, "f32", NULL, NULL, 0, (size_t)features);
    output_argument(l);
    int_argument(l, features);
    launch_range(l, 2, (const size_t[3]){(size_t)features, shape_rows(out), 1},
                 (const size_t[3]){stream_on(lowering_compute(l)).local, 1, 1}, -1);
    return lowering_status(l);
}

static const op fourier_op = {.name = "fourier", .lower = fourier_lower};

tensor fourier(net *n, tensor c, const char *at, int features) {
    if (net_failed(n))
        return (tensor){0};
    const shape s = shape_of(n, c);
    if (block_floats(s) != 1 || features < 1)
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%s: one noise level each and a frequency at least are wanted",
                        at);
    shape out = s;
    out.channels = 1 + 2 * features;
    return net_append(n, &(node_request){.operation = &fourier_op,
                                         .label = at,
                                         .input = {c},
                                         .inputs = 1,
                                         .weights = {net_weight_1d(n, at, features)},
                                         .weight_count = 1,
                                         .out = out,
                                         .flop = 20.0 * (double)shape_elements(out),
                                         .bytes = tensor_bytes(out)});
}
