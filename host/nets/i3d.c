#include "nets/i3d.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "nets/model.h"
#include "ops/ops.h"
#include "plan/plan.h"

const char *const i3d_stem[I3D_STEM_UNITS] = {"Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"};
const int i3d_stem_kernel[I3D_STEM_UNITS] = {7, 1, 3};
const char *const i3d_modules[I3D_MODULES] = {"Mixed_3b", "Mixed_3c", "Mixed_4b", "Mixed_4c", "Mixed_4d",
                                              "Mixed_4e", "Mixed_4f", "Mixed_5b", "Mixed_5c"};
const char *const i3d_branches[I3D_BRANCH_UNITS] = {"b0", "b1a", "b1b", "b2a", "b2b", "b3b"};
const int i3d_branch_kernel[I3D_BRANCH_UNITS] = {1, 1, 3, 1, 3, 1};

struct i3d {
    arena *memory;
    compute *c;
    safetensors *file;
    weights *weights;
    plan *plan;
    cl_mem frames;
    int batch, features, logits;
};

/* ---- the network ------------------------------------------------------------------------------------------------- */

/* A convolution with its batch norm folded in, then ReLU: [B,T,H,W,Cin] -> [B,T/s,H/s,W/s,Cout]. */
static tensor unit(net *n, tensor x, const char *at, int kernel, int stride) {
    const geometry g =
        geometry_same(shape_of(n, x), (const int[]){kernel, kernel, kernel}, (const int[]){stride, stride, stride});
    return activate(n, conv3d(n, x, at, net_weight_outputs(n, at), g), ACTIVATION_RELU);
}

static tensor pool(net *n, tensor x, int time, int side, int time_stride, int stride) {
    return max_pool(
        n, x,
        geometry_same(shape_of(n, x), (const int[]){time, side, side}, (const int[]){time_stride, stride, stride}));
}

/* Inception: four branches over the same input, side by side. */
static tensor mixed(net *n, const char *at, tensor x) {
    enter(n, "%s.", at);
    tensor b0 = unit(n, x, "b0", 1, 1);
    tensor b1 = unit(n, unit(n, x, "b1a", 1, 1), "b1b", 3, 1);
    tensor b2 = unit(n, unit(n, x, "b2a", 1, 1), "b2b", 3, 1);
    tensor b3 = unit(n, pool(n, x, 3, 3, 1, 1), "b3b", 1, 1);
    leave(n);
    return concat(n, concat(n, b0, b1, 1), concat(n, b2, b3, 1), 1);
}

/* frames [B,16,224,224,3] of bytes -> [B,2,7,7,1024] */
static tensor trunk(net *n, tensor frames) {
    tensor x = from_bytes(n, frames, 2.0f / 255, -1); /* -1 .. 1 */
    x = unit(n, x, "Conv3d_1a_7x7", 7, 2);            /* [B,8,112,112,64] */
    x = pool(n, x, 1, 3, 1, 2);
    x = unit(n, x, "Conv3d_2b_1x1", 1, 1);
    x = unit(n, x, "Conv3d_2c_3x3", 3, 1); /* [B,8,56,56,192] */
    x = pool(n, x, 1, 3, 1, 2);
    x = mixed(n, "Mixed_3b", x);
    x = mixed(n, "Mixed_3c", x); /* [B,8,28,28,480] */
    x = pool(n, x, 3, 3, 2, 2);
    x = mixed(n, "Mixed_4b", x);
    x = mixed(n, "Mixed_4c", x);
    x = mixed(n, "Mixed_4d", x);
    x = mixed(n, "Mixed_4e", x);
    x = mixed(n, "Mixed_4f", x); /* [B,4,14,14,832] */
    x = pool(n, x, 2, 2, 2, 2);
    x = mixed(n, "Mixed_5b", x);
    return mixed(n, "Mixed_5c", x);
}

static net *record(i3d *i) {
    net *n = net_new(i->c, i->weights, "i3d", 1);
    if (!n)
        return NULL;
    const shape s = {1, i->batch, I3D_FRAMES, I3D_SIDE, I3D_SIDE, 3};
    tensor x = trunk(n, net_input(n, "frames", PHASE_STEP, s, STORE_U8));
    if (net_failed(n))
        return n;
    const shape last = shape_of(n, x);
    x = average_pool(n, x,
                     geometry_padded((const int[]){last.depth, last.height, last.length}, (const int[]){1, 1, 1},
                                     (const int[]){0, 0, 0}));
    net_output(n, "features", x);
    i->features = last.channels;
    if (has(n, "logits.weight")) {
        i->logits = net_weight_outputs(n, "logits");
        net_output(n, "logits", linear(n, x, "logits", i->logits, BIAS));
    }
    return n;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* What the converter noted: {"kind": "i3d", "weights": ...} (docs/formats.md). `source` may be NULL. */
static loris_status open_file(safetensors **out, arena *memory, const char *given, char source[I3D_SOURCE_LENGTH]) {
    const json *config = NULL;
    const char *where, *path = model_path(memory, given);
    if (!path)
        return fail_memory("I3D");
    TRY(safetensors_open(out, path));
    TRY(model_configuration(&config, &where, memory, *out));
    const json *kind = json_get(config, "kind"), *weights_of = json_get(config, "weights");
    if (!kind || kind->type != JSON_STRING || strcmp(kind->string, "i3d") != 0)
        return fail(LORIS_ERROR_INPUT, "make one with loris-cl convert, or with tools/get-i3d.sh",
                    "%s: not a model of I3D", path);
    if (source)
        snprintf(source, I3D_SOURCE_LENGTH, "%s",
                 weights_of && weights_of->type == JSON_STRING ? weights_of->string : "");
    return LORIS_OK;
}

loris_status i3d_read_source(const char *path, char source[I3D_SOURCE_LENGTH]) {
    safetensors *file = NULL;
    arena *memory = arena_new();
    loris_status status = memory ? open_file(&file, memory, path, source) : fail_memory("I3D");
    safetensors_close(file);
    arena_free(memory);
    return status;
}

static loris_status open_weights(i3d *i, const char *path) {
    /* A window fills a processor; graphics processors want more at once where the last layers have few positions. */
    if (i->batch == 0)
        i->batch = i->c->dev.type & CL_DEVICE_TYPE_CPU ? 1 : 4;
    TRY(open_file(&i->file, i->memory, path, NULL));
    return weights_new(&i->weights, i->c, i->file, "");
}

static loris_status open_i3d(i3d *i, const char *path) {
    size_t bytes;
    TRY(open_weights(i, path));
    TRY(plan_build(&i->plan, record(i)));
    TRY(weights_all_used(i->weights));
    return plan_buffer(i->plan, "frames", &i->frames, &bytes);
}

loris_status i3d_new(i3d **out, compute *c, const char *path, int batch) {
    *out = NULL;
    arena *memory = arena_new();
    i3d *i = arena_alloc(memory, 1, sizeof *i);
    if (!i) {
        arena_free(memory);
        return fail_memory("I3D");
    }
    i->memory = memory;
    i->c = c;
    i->batch = batch;
    loris_status status = open_i3d(i, path);
    if (status == LORIS_OK)
        *out = i;
    else
        i3d_free(i);
    return status;
}

void i3d_free(i3d *i) {
    if (!i)
        return;
    plan_free(i->plan);
    weights_free(i->weights);
    safetensors_close(i->file);
    arena_free(i->memory); /* i itself lies there */
}

loris_status i3d_outline(compute *c, const char *path, text *out) {
    arena *memory = arena_new();
    i3d i = {.memory = memory, .c = c};
    loris_status status = memory ? open_weights(&i, path) : fail_memory("I3D");
    if (status == LORIS_OK)
        status = plan_draft(&i.plan, record(&i));
    if (status == LORIS_OK)
        plan_describe(i.plan, out);
    plan_free(i.plan);
    weights_free(i.weights);
    safetensors_close(i.file);
    arena_free(memory);
    return status == LORIS_OK && text_failed(out) ? fail_memory("a plan's description") : status;
}

int i3d_batch(const i3d *i) {
    return i->batch;
}

int i3d_features(const i3d *i) {
    return i->features;
}

int i3d_logits(const i3d *i) {
    return i->logits;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

loris_status i3d_push(i3d *i, const uint8_t *frames, int count) {
    if (count < 1 || count > i->batch)
        return fail(LORIS_ERROR_INTERNAL, NULL, "I3D: %d windows pushed, room for %d", count, i->batch);
    TRY(buffer_write(i->c, i->frames, 0, frames, (size_t)count * I3D_FRAMES * I3D_FRAME_BYTES, "I3D frames"));
    return plan_run(i->plan, PHASE_STEP, 0);
}

static loris_status read_rows(i3d *i, const char *name, float *out, int width, int count) {
    cl_mem buffer;
    size_t bytes;
    if (!out || !width)
        return LORIS_OK;
    TRY(plan_buffer(i->plan, name, &buffer, &bytes));
    return buffer_read(i->c, buffer, 0, out, (size_t)count * (size_t)width * sizeof *out, name);
}

loris_status i3d_collect(i3d *i, float *features, float *logits, int count) {
    TRY(read_rows(i, "features", features, i->features, count));
    return read_rows(i, "logits", logits, i->logits, count);
}
