#include "nets/movenet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nets/model.h"
#include "nets/synthetic.h"
#include "plan/plan.h"

/* ---- the network ------------------------------------------------------------------------------------------------- */

/* MobileNetV2's rule: the nearest multiple of 8 that is not more than a tenth below. */
static int layer_width(int channels, double multiplier) {
    const double wanted = channels * multiplier;
    const int rounded = (int)(wanted + 4) / 8 * 8, width = rounded > 8 ? rounded : 8;
    return width < 0.9 * wanted ? width + 8 : width;
}

/* A linear bottleneck with inverted residuals: expand, filter each channel, project. x [B,H,W,Cin] ->
 * [B,H/stride,W/stride,out] */
static tensor bottleneck(net *n, int block, tensor x, int expansion, int out, int stride) {
    enter(n, "blocks.%d.", block);
    const int in = shape_of(n, x).channels;
    tensor h = x;
    if (expansion != 1)
        h = activate(n, linear(n, h, "expand", expansion * in, BIAS), ACTIVATION_RELU6);
    h = activate(n, depthwise_conv2d(n, h, "depthwise", 3, stride, BIAS), ACTIVATION_RELU6);
    h = linear(n, h, "project", out, BIAS);
    leave(n);
    return stride == 1 && in == out ? add(n, h, x) : h;
}

enum { STAGES = 7 };

/* Table 2 of the paper; level[s] is what stage s leaves. */
static tensor mobilenet_v2(net *n, tensor x, double width, tensor level[STAGES]) {
    static const struct {
        int expansion, channels, blocks, stride;
    } stages[STAGES] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                        {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    tensor h = conv3d(n, x, "conv1", layer_width(32, width), geometry_same_2d(shape_of(n, x), 3, 2));
    h = activate(n, h, ACTIVATION_RELU6);
    int block = 0;
    for (int s = 0; s < STAGES; s++) {
        const int channels = layer_width(stages[s].channels, width);
        for (int i = 0; i < stages[s].blocks; i++)
            h = bottleneck(n, block++, h, stages[s].expansion, channels, i ? 1 : stages[s].stride);
        level[s] = h;
    }
    return activate(n, linear(n, h, "conv2", 1280, BIAS), ACTIVATION_RELU6);
}

static tensor separable(net *n, tensor x, int out) {
    return activate(n, linear(n, depthwise_conv2d(n, x, "depthwise", 3, 1, NO_BIAS), "pointwise", out, BIAS),
                    ACTIVATION_RELU);
}

/* x is brought to the size of the finer level and joins it. */
static tensor pyramid_step(net *n, int step, tensor x, tensor finer, int out) {
    enter(n, "fpn.%d.", step);
    const shape s = shape_of(n, finer);
    tensor h = resize(n, x, s.height, s.length);
    h = add(n, linear(n, finer, "lateral", shape_of(n, x).channels, BIAS), h); /* the product's epilogue */
    h = separable(n, h, out);
    leave(n);
    return h;
}

static tensor head(net *n, const char *name, tensor x, int out) {
    enter(n, "%s.", name);
    tensor h = linear(n, separable(n, x, 96), "out", out, BIAS);
    leave(n);
    return h;
}

tensor movenet(net *n, const movenet_config *c, tensor picture) {
    enum { QUARTER = 1, EIGHTH = 2, SIXTEENTH = 3 }; /* stages that leave maps of so much of the picture's side */
    tensor level[STAGES];
    tensor h = linear(n, mobilenet_v2(n, picture, c->width, level), "fpn.top", 64, BIAS);
    h = pyramid_step(n, 0, h, level[SIXTEENTH], 32);
    h = pyramid_step(n, 1, h, level[EIGHTH], 24);
    h = pyramid_step(n, 2, h, level[QUARTER], 24);
    return keypoints(n, head(n, "center", h, 1), head(n, "heatmaps", h, MOVENET_JOINTS),
                     head(n, "regressions", h, 2 * MOVENET_JOINTS), head(n, "offsets", h, 2 * MOVENET_JOINTS));
}

/* ---- its file ---------------------------------------------------------------------------------------------------- */

bool movenet_is(const json *config) {
    const json *kind = config ? json_get(config, "kind") : NULL;
    return kind && kind->type == JSON_STRING && !strcmp(kind->string, "movenet");
}

loris_status movenet_config_read(movenet_config *out, const json *config, const char *where) {
    double size;
    const json *name = json_get(config, "name");
    *out = (movenet_config){0};
    snprintf(out->name, sizeof out->name, "%s", name && name->type == JSON_STRING ? name->string : "movenet");
    TRY(json_need_number(config, "size", 32, 1024, &size, where));
    TRY(json_need_number(config, "width", 0.25, 4, &out->width, where));
    out->size = (int)size;
    if (out->size != size || out->size % 32)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"size\" is not a multiple of 32", where);
    return LORIS_OK;
}

/* ---- on frames of a video ---------------------------------------------------------------------------------------- */

struct movenet_eye {
    compute *c;
    safetensors *file;
    weights *weights;
    movenet_config config;
    plan *plan;
    cl_mem frame;
    size_t frame_bytes;
};

product_precision movenet_precision(compute *c) {
    const bool halves = c->settings.precision == PRECISION_F16;
    return compute_set_precision(c, halves ? PRECISION_F16 : PRECISION_F32);
}

static net *record(compute *c, const weights *w, const movenet_config *config, int width, int height) {
    net *n = net_new(c, w, config->name, 1);
    if (!n)
        return NULL;
    tensor frame = net_input(n, "frame", PHASE_STEP, shape_2d(1, height, width, 3), STORE_U8);
    tensor squares = net_input(n, "square", PHASE_STEP, shape_1d(1, 1, 3), STORE_F32);
    net_output(n, "joints", movenet(n, config, crop(n, frame, squares, config->size)));
    return n;
}

/* The weights are f16 in the file. The thin layers of a MobileNet do not stand bf16: scores change by up to 0.2. */
static loris_status build(movenet_eye *e, int width, int height) {
    const product_precision asked = movenet_precision(e->c);
    loris_status status = plan_build(&e->plan, record(e->c, e->weights, &e->config, width, height));
    compute_set_precision(e->c, asked);
    return status;
}

static loris_status read_config(movenet_eye *e) {
    arena *memory = arena_new();
    const json *config;
    const char *where;
    loris_status status = memory ? model_configuration(&config, &where, memory, e->file) : fail_memory("a model");
    if (status == LORIS_OK && !movenet_is(config))
        status = fail(LORIS_ERROR_INPUT, "give models/movenet-lightning or models/movenet-thunder",
                      "%s: is not a MoveNet, which sees poses", safetensors_path(e->file));
    if (status == LORIS_OK)
        status = movenet_config_read(&e->config, config, where);
    arena_free(memory);
    return status;
}

static loris_status open_file(movenet_eye *e, const char *path) {
    arena *memory = arena_new();
    const char *file = memory ? model_path(memory, path) : NULL;
    loris_status status = file ? safetensors_open(&e->file, file) : fail_memory("a model");
    arena_free(memory);
    return status;
}

loris_status movenet_open(movenet_eye **out, compute *c, const char *path, int width, int height) {
    *out = NULL;
    if (width < 1 || height < 1)
        return fail(LORIS_ERROR_INTERNAL, NULL, "poses in frames of %d x %d pixels", width, height);
    movenet_eye *e = calloc(1, sizeof *e);
    if (!e)
        return fail_memory("the poses");
    e->c = c;
    e->frame_bytes = (size_t)width * (size_t)height * 3;
    loris_status status;
    size_t bytes;
    TRY_GOTO(open_file(e, path));
    TRY_GOTO(read_config(e));
    TRY_GOTO(weights_new(&e->weights, c, e->file, ""));
    TRY_GOTO(build(e, width, height));
    TRY_GOTO(weights_all_used(e->weights));
    TRY_GOTO(plan_buffer(e->plan, "frame", &e->frame, &bytes));
    *out = e;
    e = NULL;
done:
    movenet_close(e);
    return status;
}

void movenet_close(movenet_eye *e) {
    if (!e)
        return;
    plan_free(e->plan);
    weights_free(e->weights);
    safetensors_close(e->file);
    free(e);
}

int movenet_size(const movenet_eye *e) {
    return e->config.size;
}

size_t movenet_memory(const movenet_eye *e) {
    return plan_memory(e->plan) + weights_device_bytes(e->weights);
}

loris_status movenet_show(movenet_eye *e, const uint8_t *frame) {
    return buffer_write(e->c, e->frame, 0, frame, e->frame_bytes, "a frame");
}

loris_status movenet_look(movenet_eye *e, square s, float *points) {
    const float box[] = {s.left, s.top, s.side};
    TRY(plan_write(e->plan, "square", box, sizeof box));
    TRY(plan_run(e->plan, PHASE_STEP, 0));
    TRY(plan_read(e->plan, "joints", points, MOVENET_JOINTS * 3 * sizeof *points));
    for (int j = 0; j < MOVENET_JOINTS; j++) {
        const float y = points[3 * j], x = points[3 * j + 1];
        points[3 * j] = s.left + x * s.side;
        points[3 * j + 1] = s.top + y * s.side;
    }
    return LORIS_OK;
}

loris_status movenet_outline(compute *c, const movenet_config *config, int width, int height, text *out) {
    weights *w;
    plan *p = NULL;
    TRY(weights_new_generated(&w, c, synthetic_weight));
    const product_precision asked = movenet_precision(c);
    loris_status status = plan_draft(&p, record(c, w, config, width, height));
    compute_set_precision(c, asked);
    if (status == LORIS_OK)
        plan_describe(p, out);
    plan_free(p);
    weights_free(w);
    return status == LORIS_OK && text_failed(out) ? fail_memory("a plan's description") : status;
}
