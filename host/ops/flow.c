/* Optical flow: see flow.h and kernels/flow_*.cl. */
#include "ops/flow.h"

#include "ops/stream.h"

/* Constants of the method, all in grey levels of 255 and pixels of the level at hand. */
#define DAMPING "64.0f"      /* added to the structure tensor: gradients of one grey level hold a patch where it is */
#define GAIN_RIDGE "1600.0f" /* grain of 2 grey levels, contrast known to 5 % before looking: (2 / 0.05)^2 */
#define SEARCH_STEPS 8
#define SMALLEST_STEP "0.02f"
#define TRACKED_DEVIATION "1.0f" /* scale of the robust weights to begin with, for a motion known from before ... */
#define TRACKED_STEPS 6
#define FRESH_DEVIATION "4.0f" /* ... and for an unknown one */
#define FRESH_STEPS 12
#define SHRINK "0.7f"
#define LAST_DEVIATION "0.25f"
#define CLEARLY_MORE "1.25f" /* so much more of the picture has to follow a fresh fit */
#define TENSOR_CONTRAST "256.0f"
#define MISMATCH "100.0f"   /* a mean squared error of this halves a patch's weight */
#define SHIFT_RIDGE "5e-5f" /* weight of staying at rest, of one patch per patch */
#define SLOPE_RIDGE "2.5e-4f"
#define GRADIENT_CONTRAST "16.0f"
#define NOISE_FLOOR "0.15f"
#define NOISE_FACTOR "3.5f"

enum { CAMERA_GROUP = 64, TILE = 16, PARTIAL_SIDE = 4, CAMERA_TERMS = 26 }; /* PARTIAL_SIDE: of a work-group */

struct pyramid_parameters {
    int row, slot;
};
struct camera_parameters {
    int width, height;
};

int flow_grid(int pixels) {
    return (pixels + FLOW_STRIDE - 1) / FLOW_STRIDE + 1;
}

shape flow_level_shape(int height, int width) {
    return shape_2d(2, height + 2 * FLOW_PAD, width + 2 * FLOW_PAD, 1);
}

static int level_width(shape level) {
    return level.length - 2 * FLOW_PAD;
}
static int level_height(shape level) {
    return level.height - 2 * FLOW_PAD;
}

static tensor wrong(net *n, const char *label, shape got, const char *want) {
    char name[96];
    return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%s: got %s, which is not %s", label, shape_text(got, name), want);
}

static void over_pixels(lowering *l, int width, int height, int split) {
    launch_range(l, 2, (size_t[3]){(size_t)width, (size_t)height, 1}, (size_t[3]){16, 4, 1}, split);
}

/* ---- pyramid ----------------------------------------------------------------------------------------------------- */

static loris_status lower_base(lowering *l, const node *n) {
    const struct pyramid_parameters *p = node_parameters((node *)n);
    shape level = node_out_shape(n);
    launch_kernel(l, "flow_pyramid", "base", "PAD=%d", FLOW_PAD);
    output_argument(l);
    input_argument(l, 1);
    int_argument(l, level_width(level));
    int_argument(l, level_height(level));
    parameter_argument(l, p->row);
    parameter_argument(l, p->slot);
    over_pixels(l, level.length, level.height, -1);
    return lowering_status(l);
}

static const op base_op = {.name = "flow_base", .lower = lower_base};

tensor flow_base(net *n, tensor level, tensor frames, int row, int slot) {
    if (net_failed(n))
        return (tensor){0};
    shape s = shape_of(n, level), f = shape_of(n, frames);
    if (f.height != level_height(s) || f.length != level_width(s) || f.channels != 1)
        return wrong(n, "flow_base", f, "the level's picture");
    struct pyramid_parameters p = {row, slot};
    double pixels = (double)s.height * s.length;
    node_request request = {.operation = &base_op,
                            .label = "base",
                            .input = {level, frames},
                            .inputs = 2,
                            .parameters = &p,
                            .parameter_size = sizeof p,
                            .out = s,
                            .type = STORE_F32,
                            .writes = level,
                            .flop = 12 * pixels,
                            .bytes = 5 * pixels,
                            .written = 4 * pixels};
    return net_append(n, &request);
}

static loris_status lower_down(lowering *l, const node *n) {
    const struct pyramid_parameters *p = node_parameters((node *)n);
    shape coarse = node_out_shape(n), fine = node_input_shape(n, 1);
    launch_kernel(l, "flow_pyramid", "down", "PAD=%d", FLOW_PAD);
    output_argument(l);
    input_argument(l, 1);
    int_argument(l, level_width(coarse));
    int_argument(l, level_height(coarse));
    int_argument(l, level_width(fine));
    int_argument(l, level_height(fine));
    parameter_argument(l, p->slot);
    over_pixels(l, coarse.length, coarse.height, -1);
    return lowering_status(l);
}

static const op down_op = {.name = "flow_down", .lower = lower_down};

tensor flow_down(net *n, tensor coarse, tensor fine, int slot) {
    if (net_failed(n))
        return (tensor){0};
    shape c = shape_of(n, coarse), f = shape_of(n, fine);
    if (level_width(c) != (level_width(f) + 1) / 2 || level_height(c) != (level_height(f) + 1) / 2)
        return wrong(n, "flow_down", c, "half the finer level");
    struct pyramid_parameters p = {0, slot};
    double pixels = (double)c.height * c.length;
    node_request request = {.operation = &down_op,
                            .label = "down",
                            .input = {coarse, fine},
                            .inputs = 2,
                            .parameters = &p,
                            .parameter_size = sizeof p,
                            .out = c,
                            .type = STORE_F32,
                            .writes = coarse,
                            .flop = 24 * pixels,
                            .bytes = 20 * pixels,
                            .written = 4 * pixels};
    return net_append(n, &request);
}

/* ---- search ------------------------------------------------------------------------------------------------------ */

static loris_status lower_search(lowering *l, const node *n) {
    const struct pyramid_parameters *p = node_parameters((node *)n);
    shape level = node_input_shape(n, 0), grid = node_out_shape(n);
    bool coarsest = node_inputs(n) == 1;
    shape coarse = coarsest ? (shape){0} : node_input_shape(n, 1);
    launch_kernel(l, "flow_search", "search",
                  "KEEP=%d PAD=%d PATCH=%d STRIDE=%d STEPS=%d DAMPING=%s GAIN_RIDGE=%s SMALLEST_STEP=%s",
                  wide_items(lowering_compute(l)), FLOW_PAD, FLOW_PATCH, FLOW_STRIDE, SEARCH_STEPS, DAMPING, GAIN_RIDGE,
                  SMALLEST_STEP);
    output_argument(l);
    input_argument(l, 0);
    input_argument(l, coarsest ? 0 : 1); /* not read when the width is 0 */
    int_argument(l, level_width(level));
    int_argument(l, level_height(level));
    int_argument(l, coarse.length);
    int_argument(l, coarse.height);
    int_argument(l, grid.length);
    int_argument(l, grid.height);
    parameter_argument(l, p->slot);
    launch_range(l, 2, (size_t[3]){(size_t)grid.length, (size_t)grid.height, 1}, (size_t[3]){16, 2, 1}, -1);
    return lowering_status(l);
}

static const op search_op = {.name = "flow_search", .lower = lower_search};

tensor flow_search(net *n, tensor level, tensor coarse_flow, int slot) {
    if (net_failed(n))
        return (tensor){0};
    shape s = shape_of(n, level);
    if (coarse_flow.id && shape_of(n, coarse_flow).channels != 2)
        return wrong(n, "flow_search", shape_of(n, coarse_flow), "a flow");
    struct pyramid_parameters p = {0, slot};
    shape out = shape_2d(1, flow_grid(level_height(s)), flow_grid(level_width(s)), FLOW_PATCH_CHANNELS);
    double patches = (double)out.height * out.length, pixels = FLOW_PATCH * FLOW_PATCH;
    node_request request = {.operation = &search_op,
                            .label = "search",
                            .input = {level, coarse_flow},
                            .inputs = coarse_flow.id ? 2 : 1,
                            .parameters = &p,
                            .parameter_size = sizeof p,
                            .out = out,
                            .type = STORE_F32,
                            .flop = patches * pixels * (30 + 17 * (SEARCH_STEPS + 2)),
                            .bytes = patches * pixels * 8};
    return net_append(n, &request);
}

/* ---- densification ----------------------------------------------------------------------------------------------- */

static loris_status lower_densify(lowering *l, const node *n) {
    const struct pyramid_parameters *p = node_parameters((node *)n);
    shape flow = node_out_shape(n), grid = node_input_shape(n, 1);
    launch_kernel(l, "flow_densify", "densify", "PAD=%d STRIDE=%d", FLOW_PAD, FLOW_STRIDE);
    output_argument(l);
    input_argument(l, 0);
    input_argument(l, 1);
    int_argument(l, flow.length);
    int_argument(l, flow.height);
    int_argument(l, grid.length);
    parameter_argument(l, p->slot);
    over_pixels(l, (flow.length + FLOW_STRIDE - 1) / FLOW_STRIDE, (flow.height + FLOW_STRIDE - 1) / FLOW_STRIDE, -1);
    return lowering_status(l);
}

static const op densify_op = {.name = "flow_densify", .lower = lower_densify};

tensor flow_densify(net *n, tensor level, tensor patches, int slot) {
    if (net_failed(n))
        return (tensor){0};
    shape s = shape_of(n, level), g = shape_of(n, patches);
    int width = level_width(s), height = level_height(s);
    if (g.length != flow_grid(width) || g.height != flow_grid(height) || g.channels != FLOW_PATCH_CHANNELS)
        return wrong(n, "flow_densify", g, "the level's patches");
    struct pyramid_parameters p = {0, slot};
    double pixels = (double)width * height;
    node_request request = {.operation = &densify_op,
                            .label = "densify",
                            .input = {level, patches},
                            .inputs = 2,
                            .parameters = &p,
                            .parameter_size = sizeof p,
                            .out = shape_2d(1, height, width, 2),
                            .type = STORE_F32,
                            .flop = 70 * pixels,
                            .bytes = 20 * pixels};
    return net_append(n, &request);
}

/* ---- camera ------------------------------------------------------------------------------------------------------ */

static loris_status lower_camera(lowering *l, const node *n) {
    const struct camera_parameters *p = node_parameters((node *)n);
    shape grid = node_input_shape(n, 1);
    launch_kernel(
        l, "flow_camera", "camera",
        "STRIDE=%d GROUP=%d TRACKED_STEPS=%d FRESH_STEPS=%d TRACKED_DEVIATION=%s FRESH_DEVIATION=%s SHRINK=%s "
        "LAST_DEVIATION=%s CLEARLY_MORE=%s CONTRAST=%s MISMATCH=%s SHIFT_RIDGE=%s SLOPE_RIDGE=%s",
        FLOW_STRIDE, CAMERA_GROUP, TRACKED_STEPS, FRESH_STEPS, TRACKED_DEVIATION, FRESH_DEVIATION, SHRINK,
        LAST_DEVIATION, CLEARLY_MORE, TENSOR_CONTRAST, MISMATCH, SHIFT_RIDGE, SLOPE_RIDGE);
    output_argument(l);
    input_argument(l, 1);
    int_argument(l, p->width);
    int_argument(l, p->height);
    int_argument(l, grid.length);
    int_argument(l, grid.height);
    local_argument(l, CAMERA_TERMS * CAMERA_GROUP * sizeof(cl_float));
    local_argument(l, 2 * 8 * sizeof(cl_float));
    launch_range(l, 1, (size_t[3]){CAMERA_GROUP, 1, 1}, (size_t[3]){CAMERA_GROUP, 1, 1}, -1);
    return lowering_status(l);
}

static const op camera_op = {.name = "flow_camera", .lower = lower_camera};

tensor flow_camera(net *n, tensor camera, tensor patches, int height, int width) {
    if (net_failed(n))
        return (tensor){0};
    shape g = shape_of(n, patches);
    if (g.length != flow_grid(width) || g.height != flow_grid(height) || g.channels != FLOW_PATCH_CHANNELS)
        return wrong(n, "flow_camera", g, "the picture's patches");
    if (shape_elements(shape_of(n, camera)) != 8)
        return wrong(n, "flow_camera", shape_of(n, camera), "a camera's eight numbers");
    struct camera_parameters p = {width, height};
    double samples = (double)g.length * g.height / 4;
    node_request request = {.operation = &camera_op,
                            .label = "camera",
                            .input = {camera, patches},
                            .inputs = 2,
                            .parameters = &p,
                            .parameter_size = sizeof p,
                            .out = shape_of(n, camera),
                            .type = STORE_F32,
                            .writes = camera,
                            .flop = 80 * samples * (TRACKED_STEPS + FRESH_STEPS),
                            .bytes = 32 * samples * (TRACKED_STEPS + FRESH_STEPS)};
    return net_append(n, &request);
}

/* ---- directogram ------------------------------------------------------------------------------------------------- */

static int tiles(int pixels) {
    return (pixels + TILE - 1) / TILE;
}

static loris_status lower_partial(lowering *l, const node *n) {
    const struct pyramid_parameters *p = node_parameters((node *)n);
    shape flow = node_input_shape(n, 1);
    launch_kernel(l, "flow_directogram", "partial",
                  "PAD=%d TILE=%d SIDE=%d BINS=%d FEATURES=%d NOISE_FLOOR=%s NOISE_FACTOR=%s CONTRAST=%s", FLOW_PAD,
                  TILE, PARTIAL_SIDE, FLOW_BINS, FLOW_SUMS, NOISE_FLOOR, NOISE_FACTOR, GRADIENT_CONTRAST);
    output_argument(l);
    input_argument(l, 0);
    input_argument(l, 1);
    input_argument(l, 2);
    int_argument(l, flow.length);
    int_argument(l, flow.height);
    int_argument(l, tiles(flow.length));
    int_argument(l, tiles(flow.height));
    parameter_argument(l, p->slot);
    local_argument(l, PARTIAL_SIDE * PARTIAL_SIDE * FLOW_SUMS * sizeof(cl_float));
    launch_range(l, 2, (size_t[3]){(size_t)tiles(flow.length), (size_t)tiles(flow.height), 1},
                 (size_t[3]){PARTIAL_SIDE, PARTIAL_SIDE, 1}, -1);
    return lowering_status(l);
}

static const op partial_op = {.name = "flow_partial", .lower = lower_partial};

struct gather_parameters {
    int row, pixels;
};

static loris_status lower_gather(lowering *l, const node *n) {
    const struct gather_parameters *p = node_parameters((node *)n);
    launch_kernel(l, "flow_directogram", "gather",
                  "PAD=%d TILE=%d SIDE=%d BINS=%d FEATURES=%d NOISE_FLOOR=%s NOISE_FACTOR=%s CONTRAST=%s", FLOW_PAD,
                  TILE, PARTIAL_SIDE, FLOW_BINS, FLOW_SUMS, NOISE_FLOOR, NOISE_FACTOR, GRADIENT_CONTRAST);
    output_argument(l);
    input_argument(l, 1);
    input_argument(l, 2);
    int_argument(l, (int)shape_rows(node_input_shape(n, 1)));
    float_argument(l, 1.0f / (float)p->pixels);
    parameter_argument(l, p->row);
    launch_range(l, 1, (size_t[3]){FLOW_FEATURES, 1, 1}, (size_t[3]){64, 1, 1}, -1);
    return lowering_status(l);
}

static const op gather_op = {.name = "flow_gather", .lower = lower_gather};

tensor flow_features(net *n, tensor features, tensor level, tensor flow, tensor camera, int row, int slot) {
    if (net_failed(n))
        return (tensor){0};
    shape f = shape_of(n, flow), s = shape_of(n, level), out = shape_of(n, features);
    if (f.length != level_width(s) || f.height != level_height(s) || f.channels != 2)
        return wrong(n, "flow_features", f, "the level's flow");
    if (out.channels != FLOW_FEATURES)
        return wrong(n, "flow_features", out, "rows of features");
    double pixels = (double)f.length * f.height;
    struct pyramid_parameters p = {0, slot};
    node_request partial = {.operation = &partial_op,
                            .label = "directogram",
                            .input = {level, flow, camera},
                            .inputs = 3,
                            .parameters = &p,
                            .parameter_size = sizeof p,
                            .out = shape_2d(1, tiles(f.height), tiles(f.length), FLOW_SUMS),
                            .type = STORE_F32,
                            .flop = 100 * pixels,
                            .bytes = 20 * pixels};
    tensor sums = net_append(n, &partial);
    struct gather_parameters g = {row, (int)pixels};
    double partials = (double)tiles(f.height) * tiles(f.length);
    node_request gather = {.operation = &gather_op,
                           .label = "features",
                           .input = {features, sums, camera},
                           .inputs = 3,
                           .parameters = &g,
                           .parameter_size = sizeof g,
                           .out = out,
                           .type = STORE_F32,
                           .writes = features,
                           .flop = FLOW_SUMS * partials,
                           .bytes = 4 * (FLOW_SUMS * partials + FLOW_FEATURES),
                           .written = 4 * FLOW_FEATURES};
    return net_append(n, &gather);
}
