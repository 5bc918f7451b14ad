/* Each optical flow kernel against its scalar reference, on odd sizes, fed with what the device made before it. */
#include "support_net.h"

#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flow_reference.h"
#include "reference.h"
#include "ops/flow.h"

enum { ROWS = 3 };

/* A two-level flow with every step's result kept. */
typedef struct rig {
    plan *plan;
    int width, height, row, slot;
    flow_image fine[2], coarse[2]; /* the reference's pyramids of the frame before and the current one */
    float *coarse_patches, *coarse_flow, *patches, *flow, camera_before[8], camera[8], features[ROWS * FLOW_FEATURES];
} rig;

static size_t patch_floats(const flow_image *image) {
    return (size_t)(flow_grid(image->width) * flow_grid(image->height) * FLOW_PATCH_CHANNELS);
}

static size_t flow_floats(const flow_image *image) {
    return (size_t)(2 * image->width * image->height);
}

/* Smooth blobs over a slope, moved by (dx, dy) and made brighter: a picture that a search can follow. */
static uint8_t texture(double x, double y, double brighter) {
    double value = 120.0 + 40.0 * sin(0.31 * x + 0.17 * y) + 30.0 * cos(0.23 * y - 0.11 * x + 1.0) +
                   20.0 * sin(0.05 * x * 1.3 + 0.4 * y);
    return (uint8_t)fmin(fmax(lround(value + brighter), 0.0), 255.0);
}

static void record(rig *r) {
    net *n = net_new(support_compute(), NULL, "flow", 1);
    r->row = net_parameter(n, "row");
    r->slot = net_parameter(n, "slot");
    int cw = (r->width + 1) / 2, ch = (r->height + 1) / 2;
    tensor frames = net_input(n, "frames", PHASE_STEP, shape_2d(ROWS, r->height, r->width, 1), STORE_U8);
    tensor fine =
        flow_base(n, net_state(n, "fine", flow_level_shape(r->height, r->width), STORE_F32), frames, r->row, r->slot);
    tensor coarse = flow_down(n, net_state(n, "coarse", flow_level_shape(ch, cw), STORE_F32), fine, r->slot);
    tensor coarse_patches = flow_search(n, coarse, (tensor){0}, r->slot);
    tensor coarse_flow = flow_densify(n, coarse, coarse_patches, r->slot);
    tensor patches = flow_search(n, fine, coarse_flow, r->slot);
    tensor flow = flow_densify(n, fine, patches, r->slot);
    tensor camera = flow_camera(n, net_state(n, "camera", shape_1d(1, 1, 8), STORE_F32), patches, r->height, r->width);
    tensor features = net_state(n, "features", shape_1d(1, ROWS, FLOW_FEATURES), STORE_F32);
    flow_features(n, features, fine, flow, camera, r->row, r->slot);
    net_output(n, "coarse_patches", coarse_patches);
    net_output(n, "coarse_flow", coarse_flow);
    net_output(n, "patches", patches);
    net_output(n, "flow", flow);
    assert_ok(plan_build(&r->plan, n));
    assert_ok(plan_poison(r->plan));
}

static void read_back(rig *r, const char *name, float **out, size_t count) {
    *out = malloc(count * sizeof **out);
    assert_non_null(*out);
    assert_ok(plan_read(r->plan, name, *out, count * sizeof **out));
}

/* Runs three frames: the last pair is what is compared, so that slots have changed places and rows count. */
static rig *rig_new(int width, int height, double dx, double dy) {
    rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->width = width;
    r->height = height;
    record(r);
    size_t frame = (size_t)(width * height);
    uint8_t *frames = malloc(ROWS * frame);
    assert_non_null(frames);
    for (int k = 0; k < ROWS; k++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                frames[(size_t)k * frame + (size_t)(y * width + x)] = texture(x - k * dx, y - k * dy, 5.0 * k);
    assert_ok(plan_write(r->plan, "frames", frames, ROWS * frame));
    size_t padded = shape_elements(flow_level_shape(height, width));
    float *zeros = calloc(padded, sizeof *zeros);
    assert_non_null(zeros);
    assert_ok(plan_write(r->plan, "fine", zeros, padded * sizeof *zeros));
    assert_ok(plan_write(r->plan, "coarse", zeros,
                         shape_elements(flow_level_shape((height + 1) / 2, (width + 1) / 2)) * sizeof *zeros));
    assert_ok(plan_write(r->plan, "camera", zeros, sizeof r->camera));
    free(zeros);
    for (int k = 0; k < ROWS; k++) {
        assert_ok(plan_read(r->plan, "camera", r->camera_before, sizeof r->camera_before));
        plan_set(r->plan, r->row, (cl_uint)k);
        plan_set(r->plan, r->slot, (cl_uint)k % 2);
        assert_ok(plan_run(r->plan, PHASE_STEP, 0));
    }
    for (int k = 0; k < 2; k++) {
        r->fine[k] = flow_image_new(width, height);
        r->coarse[k] = flow_image_new((width + 1) / 2, (height + 1) / 2);
        assert_non_null(r->fine[k].data);
        assert_non_null(r->coarse[k].data);
        reference_base(&r->fine[k], frames + (size_t)(ROWS - 2 + k) * frame);
        reference_down(&r->coarse[k], &r->fine[k]);
    }
    free(frames);
    read_back(r, "coarse_patches", &r->coarse_patches, patch_floats(&r->coarse[0]));
    read_back(r, "coarse_flow", &r->coarse_flow, flow_floats(&r->coarse[0]));
    read_back(r, "patches", &r->patches, patch_floats(&r->fine[0]));
    read_back(r, "flow", &r->flow, flow_floats(&r->fine[0]));
    assert_ok(plan_read(r->plan, "camera", r->camera, sizeof r->camera));
    assert_ok(plan_read(r->plan, "features", r->features, sizeof r->features));
    return r;
}

static void rig_free(rig *r) {
    plan_free(r->plan);
    for (int k = 0; k < 2; k++) {
        free(r->fine[k].data);
        free(r->coarse[k].data);
    }
    free(r->coarse_patches);
    free(r->coarse_flow);
    free(r->patches);
    free(r->flow);
    free(r);
}

static void check_pyramid(const rig *r) {
    size_t fine = shape_elements(flow_level_shape(r->height, r->width)) / 2;
    size_t coarse = shape_elements(flow_level_shape((r->height + 1) / 2, (r->width + 1) / 2)) / 2;
    float *got = malloc(2 * fine * sizeof *got);
    assert_non_null(got);
    size_t slot = (ROWS - 1) % 2;
    assert_ok(plan_read(r->plan, "fine", got, 2 * fine * sizeof *got));
    /* sixteenths of sums of integers are exact */
    assert_arrays_close(got + slot * fine, r->fine[1].data, fine, 0.0);
    assert_arrays_close(got + (1 - slot) * fine, r->fine[0].data, fine, 0.0);
    assert_ok(plan_read(r->plan, "coarse", got, 2 * coarse * sizeof *got));
    /* at most 8 roundings of numbers up to 255: 8 * 255 * 2^-24 */
    assert_arrays_close(got + slot * coarse, r->coarse[1].data, coarse, 1.3e-4);
    assert_arrays_close(got + (1 - slot) * coarse, r->coarse[0].data, coarse, 1.3e-4);
    free(got);
}

/* The search takes branches on nearly equal errors, so that single patches may end elsewhere: what each patch claims is
 * checked for itself, and the displacements of nearly all against the reference's. */
static void check_search(const flow_image *before, const flow_image *now, const float *got, const float *coarse,
                         const flow_image *coarse_image) {
    size_t count = patch_floats(before) / FLOW_PATCH_CHANNELS, elsewhere = 0;
    float *want = malloc(count * FLOW_PATCH_CHANNELS * sizeof *want);
    assert_non_null(want);
    reference_search(want, before, now, coarse, coarse ? coarse_image->width : 0, coarse ? coarse_image->height : 0);
    int columns = flow_grid(before->width);
    for (size_t k = 0; k < count; k++) {
        const float *g = got + k * FLOW_PATCH_CHANNELS, *w = want + k * FLOW_PATCH_CHANNELS;
        /* sums of 64 squares of gradients up to 128, 64 roundings, relative to the sum before the mean is taken off */
        assert_arrays_close(g + 4, w + 4, 3, 1e-5 * (double)(w[4] + w[6]) + 0.02);
        double error =
            reference_patch_error(before, now, (int)k % columns, (int)k / columns, (double)g[0], (double)g[1]);
        /* residuals up to 100: 64 * 100^2 * 2^-24 * 10 roundings, over 64 */
        if (fabs(error - (double)g[3]) > 1e-4 * error + 6e-3)
            fail_msg("patch %zu claims the error %g, it is %g", k, (double)g[3], error);
        elsewhere += hypot((double)(g[0] - w[0]), (double)(g[1] - w[1])) > 0.02; /* where the search stops */
        assert_true(g[7] == 0.0f);
    }
    if (50 * elsewhere > count)
        fail_msg("%zu of %zu patches ended elsewhere", elsewhere, count);
    free(want);
}

static void check_densify(const flow_image *before, const flow_image *now, const float *patches, const float *got) {
    float *want = malloc(flow_floats(before) * sizeof *want), largest = 0.0f;
    assert_non_null(want);
    reference_densify(want, before, now, patches);
    for (size_t i = 0; i < flow_floats(before); i++)
        largest = fmaxf(largest, fabsf(want[i]));
    /* a residual is off by 1e-4 at most, a weight by the same part, and a mean by twice that times the spread of its
     * terms */
    assert_arrays_close(got, want, flow_floats(before), 4e-4 * (double)largest + 1e-6);
    free(want);
}

static void check_sums(const rig *r) {
    float camera[8], want[FLOW_FEATURES];
    memcpy(camera, r->camera_before, sizeof camera);
    reference_camera(camera, r->patches, r->width, r->height);
    /* twelve reweighted solutions of a damped system whose condition is below 1e3: 1e3 * 2^-24 * a few, in pixels */
    assert_arrays_close(r->camera, camera, 8, 1e-3);
    reference_features(want, &r->fine[0], &r->fine[1], r->flow, r->camera);
    const float *got = r->features + (ROWS - 1) * FLOW_FEATURES;
    /* f32 sums over tiles of at most 256 pixels, then over tiles: a few hundred roundings of the sum of magnitudes */
    assert_arrays_close_relative(got, want, FLOW_SUM_A, 1e-4);
    assert_arrays_close_relative(got + FLOW_SUM_A, want + FLOW_SUM_A, FLOW_SUMS - FLOW_SUM_A, 3e-5);
    assert_arrays_close(got + FLOW_CAMERA, r->camera, 8, 0.0);
}

static void check_all_sizes(void) {
    static const struct {
        int width, height;
        double dx, dy;
    } cases[] = {{64, 48, 1.3, -0.7}, {1, 1, 0.0, 0.0},   {1, 37, 0.0, 1.0},   {37, 1, 1.0, 0.0},   {7, 5, 0.5, 0.5},
                 {31, 33, -2.2, 1.6}, {65, 17, 3.0, 0.0}, {47, 61, 0.0, -3.1}, {100, 20, 40.0, 0.0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig *r = rig_new(cases[i].width, cases[i].height, cases[i].dx, cases[i].dy);
        check_pyramid(r);
        check_search(&r->coarse[0], &r->coarse[1], r->coarse_patches, NULL, NULL);
        check_densify(&r->coarse[0], &r->coarse[1], r->coarse_patches, r->coarse_flow);
        check_search(&r->fine[0], &r->fine[1], r->patches, r->coarse_flow, &r->coarse[0]);
        check_densify(&r->fine[0], &r->fine[1], r->patches, r->flow);
        check_sums(r);
        rig_free(r);
    }
}

static void test_kernels_as_on_cpus(void **state) {
    (void)state;
    pretend_kind(0);
    check_all_sizes();
}

static void test_kernels_as_on_gpus(void **state) {
    (void)state;
    pretend_kind(1);
    check_all_sizes();
}

static void test_refuses_wrong_shapes(void **state) {
    (void)state;
    net *n = net_new(support_compute(), NULL, "flow", 1);
    int row = net_parameter(n, "row"), slot = net_parameter(n, "slot");
    tensor frames = net_input(n, "frames", PHASE_STEP, shape_2d(ROWS, 20, 30, 1), STORE_U8);
    flow_base(n, net_state(n, "level", flow_level_shape(30, 20), STORE_F32), frames, row, slot);
    plan *p = NULL;
    assert_fails(plan_build(&p, n), LORIS_ERROR_INTERNAL, "flow_base");
    assert_null(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels_as_on_cpus),
        cmocka_unit_test(test_kernels_as_on_gpus),
        cmocka_unit_test(test_refuses_wrong_shapes),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
