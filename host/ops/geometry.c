#include "ops/geometry.h"

#include <limits.h>

#include "plan/lower.h"

static const char *const side_names[3] = {"depth", "height", "length"};

static void sides_of(shape s, int side[3]) {
    side[0] = s.depth;
    side[1] = s.height;
    side[2] = s.length;
}

geometry geometry_same(shape in, const int kernel[3], const int stride[3]) {
    geometry g;
    int side[3];
    sides_of(in, side);
    for (int d = 0; d < 3; d++) {
        const int outputs = stride[d] > 0 ? side[d] / stride[d] + (side[d] % stride[d] != 0) : 0;
        const int64_t total = (int64_t)(outputs - 1) * stride[d] + kernel[d] - side[d];
        g.kernel[d] = kernel[d];
        g.stride[d] = stride[d];
        g.before[d] = total > 0 ? (int)(total / 2) : 0;
        g.after[d] = total > 0 ? (int)(total - total / 2) : 0;
    }
    return g;
}

geometry geometry_padded(const int kernel[3], const int stride[3], const int padding[3]) {
    geometry g;
    for (int d = 0; d < 3; d++) {
        g.kernel[d] = kernel[d];
        g.stride[d] = stride[d];
        g.before[d] = g.after[d] = padding[d];
    }
    return g;
}

geometry geometry_same_2d(shape in, int kernel, int stride) {
    return geometry_same(in, (const int[3]){1, kernel, kernel}, (const int[3]){1, stride, stride});
}

shape geometry_output(net *n, const char *at, shape in, const geometry *g) {
    int side[3], out[3] = {1, 1, 1};
    sides_of(in, side);
    for (int d = 0; d < 3; d++) {
        const int64_t reach = (int64_t)side[d] + g->before[d] + g->after[d] - g->kernel[d];
        /* With less padding than kernel on both sides, each window sees a position of the input. */
        if (g->kernel[d] < 1 || g->stride[d] < 1 || g->before[d] < 0 || g->after[d] < 0 ||
            g->before[d] >= g->kernel[d] || g->after[d] >= g->kernel[d] || reach < 0 || reach > INT_MAX / 2) {
            net_fail(n, LORIS_ERROR_ARGUMENT, "use a larger input",
                     "%s: windows of %d, stride %d, padding %d and %d over a %s of %d", at, g->kernel[d], g->stride[d],
                     g->before[d], g->after[d], side_names[d], side[d]);
            return in;
        }
        out[d] = (int)(reach / g->stride[d] + 1);
    }
    shape result = in;
    result.depth = out[0];
    result.height = out[1];
    result.length = out[2];
    return result;
}

int geometry_volume(const geometry *g) {
    return g->kernel[0] * g->kernel[1] * g->kernel[2];
}

bool geometry_is_point(const geometry *g) {
    bool point = true;
    for (int d = 0; d < 3; d++)
        point = point && g->kernel[d] == 1 && g->stride[d] == 1 && g->before[d] == 0 && g->after[d] == 0;
    return point;
}

void geometry_arguments(lowering *l, const geometry *g, shape in, shape out) {
    int from[3], to[3];
    sides_of(in, from);
    sides_of(out, to);
    for (int d = 0; d < 3; d++)
        int_argument(l, from[d]);
    for (int d = 0; d < 3; d++)
        int_argument(l, to[d]);
    for (int d = 0; d < 3; d++)
        int_argument(l, g->kernel[d]);
    for (int d = 0; d < 3; d++)
        int_argument(l, g->stride[d]);
    for (int d = 0; d < 3; d++)
        int_argument(l, g->before[d]);
}
