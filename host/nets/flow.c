#include "nets/flow.h"

#include <stdlib.h>

#include "plan/plan.h"

enum { MOST_LEVELS = 8, SMALLEST_SIDE = 16 }; /* of the coarsest level: below this a patch sees little but borders */

struct flow_net {
    compute *c;
    plan *plan;
    int width, height, rows;
    int row, slot; /* parameters of the plan */
    cl_uint next_slot;
    cl_mem frames, features;
};

static const char *const level_name[MOST_LEVELS] = {"level0", "level1", "level2", "level3",
                                                    "level4", "level5", "level6", "level7"};

/* Halves the picture until its shorter side would fall below SMALLEST_SIDE; returns the number of levels. */
static int level_shapes(shape shapes[MOST_LEVELS], int width, int height) {
    int levels = 0;
    do {
        shapes[levels++] = flow_level_shape(height, width);
        width = (width + 1) / 2;
        height = (height + 1) / 2;
    } while (levels < MOST_LEVELS && (width < height ? width : height) >= SMALLEST_SIDE);
    return levels;
}

static net *record(flow_net *f) {
    net *n = net_new(f->c, NULL, "flow", 1);
    if (!n)
        return NULL;
    f->row = net_parameter(n, "row");
    f->slot = net_parameter(n, "slot");
    tensor frames = net_input(n, "frames", PHASE_STEP, shape_2d(f->rows, f->height, f->width, 1), STORE_U8);
    tensor features = net_state(n, "features", shape_1d(1, f->rows, FLOW_FEATURES), STORE_F32);

    shape shapes[MOST_LEVELS];
    tensor level[MOST_LEVELS];
    int levels = level_shapes(shapes, f->width, f->height);
    for (int l = 0; l < levels; l++) {
        tensor state = net_state(n, level_name[l], shapes[l], STORE_F32);
        level[l] = l ? flow_down(n, state, level[l - 1], f->slot) : flow_base(n, state, frames, f->row, f->slot);
    }

    tensor flow = {0}, patches = {0};
    for (int l = levels - 1; l >= 0; l--) {
        enter(n, "%s.", level_name[l]);
        patches = flow_search(n, level[l], flow, f->slot);
        flow = flow_densify(n, level[l], patches, f->slot);
        leave(n);
    }
    tensor camera = flow_camera(n, net_state(n, "camera", shape_1d(1, 1, 8), STORE_F32), patches, f->height, f->width);
    flow_features(n, features, level[0], flow, camera, f->row, f->slot);
    net_output(n, "flow", flow);
    return n;
}

/* The first frame is then compared with black, and the camera at rest, instead of with whatever the memory holds. */
static loris_status clear_states(flow_net *f) {
    shape shapes[MOST_LEVELS];
    int levels = level_shapes(shapes, f->width, f->height);
    float *zeros = calloc(shape_elements(shapes[0]), sizeof *zeros);
    if (!zeros)
        return fail_memory("the flow's pyramid");
    loris_status status = plan_write(f->plan, "camera", zeros, 8 * sizeof *zeros);
    for (int l = 0; l < levels && status == LORIS_OK; l++)
        status = plan_write(f->plan, level_name[l], zeros, shape_elements(shapes[l]) * sizeof *zeros);
    free(zeros);
    return status;
}

loris_status flow_net_new(flow_net **out, compute *c, int width, int height, int rows) {
    *out = NULL;
    if (width < 1 || height < 1 || rows < 1)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "flow of %d x %d pixels, %d frames at a time", width, height, rows);
    flow_net *f = calloc(1, sizeof *f);
    if (!f)
        return fail_memory("the flow");
    *f = (flow_net){.c = c, .width = width, .height = height, .rows = rows};
    loris_status status;
    size_t bytes;
    TRY_GOTO(plan_build(&f->plan, record(f)));
    TRY_GOTO(clear_states(f));
    TRY_GOTO(plan_buffer(f->plan, "frames", &f->frames, &bytes));
    TRY_GOTO(plan_buffer(f->plan, "features", &f->features, &bytes));
    *out = f;
    f = NULL;
done:
    flow_net_free(f);
    return status;
}

loris_status flow_net_outline(compute *c, int width, int height, int rows, text *out) {
    flow_net f = {.c = c, .width = width, .height = height, .rows = rows};
    plan *p = NULL;
    TRY(plan_draft(&p, record(&f)));
    plan_describe(p, out);
    plan_free(p);
    return text_failed(out) ? fail_memory("a plan's description") : LORIS_OK;
}

void flow_net_free(flow_net *f) {
    if (!f)
        return;
    plan_free(f->plan);
    free(f);
}

loris_status flow_net_push(flow_net *f, const uint8_t *frames, int count) {
    if (count < 1 || count > f->rows)
        return fail(LORIS_ERROR_INTERNAL, NULL, "flow: %d frames pushed, room for %d", count, f->rows);
    TRY(buffer_write(f->c, f->frames, 0, frames, (size_t)f->width * (size_t)f->height * (size_t)count, "flow frames"));
    for (int i = 0; i < count; i++) {
        plan_set(f->plan, f->row, (cl_uint)i);
        plan_set(f->plan, f->slot, f->next_slot);
        TRY(plan_run(f->plan, PHASE_STEP, 0));
        f->next_slot = 1 - f->next_slot;
    }
    return LORIS_OK;
}

loris_status flow_net_collect(flow_net *f, float *features, int count) {
    return buffer_read(f->c, f->features, 0, features, (size_t)count * FLOW_FEATURES * sizeof *features,
                       "flow features");
}

loris_status flow_net_read(flow_net *f, float *flow) {
    return plan_read(f->plan, "flow", flow, (size_t)f->width * (size_t)f->height * 2 * sizeof *flow);
}
