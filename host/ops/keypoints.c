/* Where MoveNet's maps say that joints are. */
#include "ops/stream.h"

static loris_status keypoints_lower(lowering *l, const node *n) {
    const shape map = node_input_shape(n, 0), out = node_out_shape(n);
    size_t group = 64;
    while (group > lowering_compute(l)->dev.max_work_group)
        group /= 2;
    launch_kernel(l, "keypoints", "keypoints", "GROUP=%zu", group);
    for (int i = 0; i < 4; i++)
        input_argument(l, i);
    output_argument(l);
    int_argument(l, map.height);
    int_argument(l, map.length);
    int_argument(l, out.length);
    local_argument(l, group * sizeof(cl_float));
    local_argument(l, group * sizeof(cl_int));
    launch_range(l, 3, (const size_t[3]){group, (size_t)out.length, (size_t)out.batch}, (const size_t[3]){group, 1, 1},
                 -1);
    return lowering_status(l);
}

static const op keypoints_op = {.name = "keypoints", .lower = keypoints_lower};

static bool is_map(shape s, shape center, int channels) {
    return shape_equal(s, (shape){1, center.batch, 1, center.height, center.length, channels});
}

tensor keypoints(net *n, tensor center, tensor heatmaps, tensor regressions, tensor offsets) {
    if (net_failed(n))
        return (tensor){0};
    const shape c = shape_of(n, center), h = shape_of(n, heatmaps);
    const int joints = h.channels;
    if (!is_map(c, c, 1) || !is_map(h, c, joints) || !is_map(shape_of(n, regressions), c, 2 * joints) ||
        !is_map(shape_of(n, offsets), c, 2 * joints)) {
        char of[96], by[96];
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "keypoints: heatmaps %s beside center %s", shape_text(h, by),
                        shape_text(c, of));
    }
    const double positions = (double)shape_elements(c);
    return net_append(n, &(node_request){.operation = &keypoints_op,
                                         .label = "keypoints",
                                         .input = {center, heatmaps, regressions, offsets},
                                         .inputs = 4,
                                         .out = shape_1d(c.batch, joints, 3),
                                         .flop = 24 * positions * joints,
                                         .bytes = 8 * positions * joints});
}
