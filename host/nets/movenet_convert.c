#include "nets/movenet_convert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/safetensors_write.h"
#include "core/tfjs.h"
#include "nets/movenet.h"

enum { BLOCKS = 17, STEPS = 3, TENSORS_MAX = 160, SIDES_MAX = 1 << 16 };

#define TOP "StatefulPartitionedCall/"
#define PYRAMID TOP "center_net_mobile_net_v2fpn_feature_extractor/model_1/"
#define TRUNK PYRAMID "model/"

static const char hint_movenet[] = "expected MoveNet SinglePose Lightning or Thunder as a TensorFlow.js graph model";

typedef enum layout { VECTOR, KERNEL, POINTWISE, DEPTHWISE } layout;

/* A tensor of the output, and what it is made of. */
typedef struct part {
    const char *name;
    const tfjs_tensor *from;
    layout layout;
    number_type type;
} part;

typedef struct job {
    arena *memory;
    tfjs *graph;
    const char *path;
    const convert_settings *settings;
    part part[TENSORS_MAX];
    int count;
    safetensors_writer *out;
} job;

/* ---- names and shapes -------------------------------------------------------------------------------------------- */

/* As convert.h has it: matrices and kernels take the wanted type, vectors are left as they are beside f16 and bf16. */
static number_type type_of(const convert_settings *s, const tfjs_tensor *t, layout l) {
    return s->keep || (l == VECTOR && s->type != TYPE_F32) ? t->type : s->type;
}

/* Which dimension of the graph's tensor counts a layer's inputs and outputs, -1 = none does. */
static const struct {
    int rank, in, out;
} layouts[] = {[VECTOR] = {1, -1, 0}, [KERNEL] = {4, 2, 3}, [POINTWISE] = {4, 2, 3}, [DEPTHWISE] = {4, -1, 2}};

/* Adds tensor NAME, made of the graph's `from`. `in` and *out count channels; where 0 any number will do, which *out
 * then becomes. */
static loris_status add_part(job *j, const char *name, const char *from, layout l, int64_t in, int64_t *out) {
    const tfjs_tensor *t = tfjs_find(j->graph, from);
    if (!t)
        return fail(LORIS_ERROR_INPUT, hint_movenet, "%s: tensor \"%s\" is missing", j->path, from);
    const int64_t side = l == POINTWISE ? 1 : 3;
    bool fits = (t->type == TYPE_F32 || t->type == TYPE_F16) && t->rank == layouts[l].rank;
    if (fits && l != VECTOR)
        fits = t->dim[0] == side && t->dim[1] == side && (l != DEPTHWISE || t->dim[3] == 1);
    if (fits && layouts[l].in >= 0)
        fits = in ? t->dim[layouts[l].in] == in : t->dim[layouts[l].in] > 0;
    if (fits) {
        const int64_t channels = t->dim[layouts[l].out];
        fits = channels > 0 && channels < SIDES_MAX && (!*out || channels == *out);
        *out = channels;
    }
    if (!fits)
        return fail(LORIS_ERROR_INPUT, hint_movenet, "%s: tensor \"%s\" does not have the shape of MoveNet's", j->path,
                    from);
    j->part[j->count++] = (part){name, t, l, type_of(j->settings, t, l)};
    return name ? LORIS_OK : fail_memory(j->path);
}

/* NAME.weight and NAME.bias of a layer that the graph's converter has folded a norm into: FROM_weights,
 * FROM_bn_offset. */
static loris_status add_folded(job *j, const char *name, const char *from, const char *kind, layout l, int64_t in,
                               int64_t *out) {
    arena *a = j->memory;
    TRY(add_part(j, arena_printf(a, "%s.weight", name), arena_printf(a, "%s/%s_weights", from, kind), l, in, out));
    return add_part(j, arena_printf(a, "%s.bias", name), arena_printf(a, "%s/%s_bn_offset", from, kind), VECTOR, 0,
                    out);
}

/* The same of a plain layer: FROM/KIND/ReadVariableOp, FROM/BiasAdd/ReadVariableOp. */
static loris_status add_plain(job *j, const char *name, const char *from, const char *kind, int64_t in, int64_t *out) {
    arena *a = j->memory;
    TRY(add_part(j, arena_printf(a, "%s.weight", name), arena_printf(a, "%s/%s", from, kind), POINTWISE, in, out));
    return add_part(j, arena_printf(a, "%s.bias", name), arena_printf(a, "%s/BiasAdd/ReadVariableOp", from), VECTOR, 0,
                    out);
}

/* TensorFlow's names of layers of a kind: "conv2d", "conv2d_1" ... */
static const char *numbered(job *j, const char *stem, int n) {
    return n ? arena_printf(j->memory, "%s_%d", stem, n) : arena_strdup(j->memory, stem);
}

/* *channels: of the first layer, then of the last. */
static loris_status add_trunk(job *j, int64_t *channels) {
    arena *a = j->memory;
    TRY(add_folded(j, "conv1", TRUNK "Conv1", "Conv2D", KERNEL, 3, channels));
    for (int i = 0; i < BLOCKS; i++) {
        const char *at = i ? arena_printf(a, TRUNK "block_%d", i) : TRUNK "expanded_conv";
        const char *name = arena_printf(a, "blocks.%d", i);
        int64_t inner = i ? 0 : *channels, outer = 0;
        if (i)
            TRY(add_folded(j, arena_printf(a, "%s.expand", name), arena_printf(a, "%s_expand", at), "Conv2D", POINTWISE,
                           *channels, &inner));
        TRY(add_folded(j, arena_printf(a, "%s.depthwise", name), arena_printf(a, "%s_depthwise", at), "depthwise",
                       DEPTHWISE, 0, &inner));
        TRY(add_folded(j, arena_printf(a, "%s.project", name), arena_printf(a, "%s_project", at), "Conv2D", POINTWISE,
                       inner, &outer));
        *channels = outer;
    }
    int64_t last = 0;
    TRY(add_folded(j, "conv2", TRUNK "Conv_1", "Conv2D", POINTWISE, *channels, &last));
    *channels = last;
    return LORIS_OK;
}

static loris_status add_pyramid(job *j, int64_t *channels) {
    arena *a = j->memory;
    int64_t wide = 0;
    TRY(add_plain(j, "fpn.top", PYRAMID "conv2d", "Conv2D/ReadVariableOp", *channels, &wide));
    for (int i = 0; i < STEPS; i++) {
        const char *lateral = numbered(j, PYRAMID "conv2d", i + 1);
        const char *separable = arena_printf(a, "%s/separable_conv2d", numbered(j, PYRAMID "separable_conv2d", i));
        int64_t out = 0;
        TRY(add_plain(j, arena_printf(a, "fpn.%d.lateral", i), lateral, "Conv2D/ReadVariableOp", 0, &wide));
        TRY(add_part(j, arena_printf(a, "fpn.%d.depthwise.weight", i), arena_printf(a, "%s/ReadVariableOp", separable),
                     DEPTHWISE, 0, &wide));
        TRY(add_part(j, arena_printf(a, "fpn.%d.pointwise.weight", i), arena_printf(a, "%s_weights", separable),
                     POINTWISE, wide, &out));
        TRY(add_part(j, arena_printf(a, "fpn.%d.pointwise.bias", i), arena_printf(a, "%s_bn_offset", separable), VECTOR,
                     0, &out));
        wide = out;
    }
    *channels = wide;
    return LORIS_OK;
}

static loris_status add_heads(job *j, int64_t channels) {
    static const struct {
        const char *name, *scope;
        int64_t maps;
    } heads[] = {{"center", "center_0", 1},
                 {"heatmaps", "kpt_heatmap_0", MOVENET_JOINTS},
                 {"regressions", "kpt_regress_0", 2 * MOVENET_JOINTS},
                 {"offsets", "kpt_offset_0", 2 * MOVENET_JOINTS}};
    arena *a = j->memory;
    for (int i = 0; i < 4; i++) {
        const char *name = heads[i].name;
        const char *separable = arena_printf(a, TOP "%s/separable_conv2d_%d", heads[i].scope, STEPS + i);
        int64_t in = channels, inner = 0, maps = heads[i].maps;
        TRY(add_part(j, arena_printf(a, "%s.depthwise.weight", name),
                     arena_printf(a, "%s/separable_conv2d/ReadVariableOp", separable), DEPTHWISE, 0, &in));
        TRY(add_plain(j, arena_printf(a, "%s.pointwise", name), separable, "separable_conv2d/ReadVariableOp_1", in,
                      &inner));
        TRY(add_plain(j, arena_printf(a, "%s.out", name),
                      arena_printf(a, TOP "%s/conv2d_%d", heads[i].scope, STEPS + 1 + i), "Conv2D/ReadVariableOp",
                      inner, &maps));
    }
    return LORIS_OK;
}

/* The picture's side, from the shape of the graph's input [1,side,side,3]; sizes are texts there. */
static loris_status read_side(const job *j, int *side) {
    const json *inputs = json_get(json_get(tfjs_document(j->graph), "signature"), "inputs");
    const json *input = inputs && inputs->count == 1 ? &inputs->item[0] : NULL;
    const json *dim = input ? json_get(json_get(input, "tensorShape"), "dim") : NULL;
    int given[4] = {0};
    for (size_t i = 0; dim && dim->type == JSON_ARRAY && dim->count == 4 && i < 4; i++) {
        const json *size = json_get(&dim->item[i], "size");
        given[i] = size && size->type == JSON_STRING ? atoi(size->string) : 0;
    }
    *side = given[1];
    if (given[0] != 1 || given[1] != given[2] || given[3] != 3 || (*side != 192 && *side != 256))
        return fail(LORIS_ERROR_INPUT, hint_movenet, "%s: its input is no picture of 192 x 192 or 256 x 256", j->path);
    return LORIS_OK;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* `t` as f32 in the model's order. */
static void arrange(float *out, const float *in, const part *p) {
    const tfjs_tensor *t = p->from;
    if (p->layout == VECTOR) {
        memcpy(out, in, t->count * sizeof *out);
        return;
    }
    /* the last dimension of a depthwise kernel is 1 */
    const size_t places = (size_t)(t->dim[0] * t->dim[1]), middle = (size_t)t->dim[2], last = (size_t)t->dim[3];
    for (size_t o = 0; o < last; o++)
        for (size_t i = 0; i < middle; i++)
            for (size_t k = 0; k < places; k++)
                out[(o * middle + i) * places + k] = in[(k * middle + i) * last + o];
}

static loris_status write_part(job *j, const part *p, float *values, float *arranged) {
    const tfjs_tensor *t = p->from;
    const float limit = p->type == TYPE_F16 ? 65520.0f : INFINITY; /* what rounds to infinity */
    number_to_f32(values, t->data, t->type, t->count);
    for (size_t i = 0; i < t->count; i++)
        if (!(fabsf(values[i]) < limit))
            return fail(LORIS_ERROR_INPUT, "the file is damaged", "%s: tensor \"%s\": number %zu is %g", j->path,
                        t->name, i, (double)values[i]);
    arrange(arranged, values, p);
    number_from_f32(values, p->type, arranged, t->count); /* in place of what was read: never wider */
    return safetensors_append(j->out, values, t->count * number_size(p->type));
}

/* Wider types first, then by name, as safetensors' own writer does. */
static int compare_parts(const void *left, const void *right) {
    const part *l = left, *r = right;
    const size_t a = number_size(l->type), b = number_size(r->type);
    return a != b ? (a > b ? -1 : 1) : strcmp(l->name, r->name);
}

static safetensors_entry entry_of(const part *p) {
    const int64_t *d = p->from->dim;
    safetensors_entry e = {.name = p->name, .type = p->type};
    switch (p->layout) {
    case VECTOR:
        e.rank = 1;
        e.dim[0] = d[0];
        break;
    case KERNEL:
        e.rank = 4;
        memcpy(e.dim, (const int64_t[]){d[3], d[2], d[0], d[1]}, 4 * sizeof *d);
        break;
    case POINTWISE:
        e.rank = 2;
        memcpy(e.dim, (const int64_t[]){d[3], d[2]}, 2 * sizeof *d);
        break;
    case DEPTHWISE:
        e.rank = 3;
        memcpy(e.dim, (const int64_t[]){d[2], d[0], d[1]}, 3 * sizeof *d);
        break;
    }
    return e;
}

static loris_status write_output(job *j, const char *output, const char *config, convert_result *result) {
    safetensors_entry entry[TENSORS_MAX];
    const safetensors_note note = {"config", config};
    size_t most = 0;
    qsort(j->part, (size_t)j->count, sizeof *j->part, compare_parts);
    for (int i = 0; i < j->count; i++) {
        entry[i] = entry_of(&j->part[i]);
        most = j->part[i].from->count > most ? j->part[i].from->count : most;
        result->parameters += j->part[i].from->count;
    }
    float *values = malloc(2 * most * sizeof *values);
    if (!values)
        return fail_memory(j->path);
    loris_status status = safetensors_begin(&j->out, output, entry, (size_t)j->count, &note, 1);
    for (int i = 0; i < j->count && status == LORIS_OK; i++) {
        status = write_part(j, &j->part[i], values, values + most);
        if (j->settings->progress)
            j->settings->progress(j->settings->progress_user, "convert", i + 1, j->count);
    }
    free(values);
    if (status != LORIS_OK)
        return status;
    result->tensors = (size_t)j->count;
    result->bytes_in = tfjs_bytes(j->graph);
    result->bytes_out = safetensors_file_bytes(j->out);
    safetensors_writer *out = j->out;
    j->out = NULL;
    return safetensors_commit(out);
}

static loris_status convert_graph(job *j, const char *output, convert_result *result) {
    int side;
    TRY(read_side(j, &side));
    /* Lightning's layers are as wide as MobileNetV2's, Thunder's 1.75 times as wide */
    const bool thunder = side == 256;
    int64_t channels = thunder ? 56 : 32;
    TRY(add_trunk(j, &channels));
    TRY(add_pyramid(j, &channels));
    TRY(add_heads(j, channels));
    const char *config =
        arena_printf(j->memory, "{\"kind\": \"movenet\", \"name\": \"movenet-%s\", \"size\": %d, \"width\": %s}",
                     thunder ? "thunder" : "lightning", side, thunder ? "1.75" : "1.0");
    return config ? write_output(j, output, config, result) : fail_memory(j->path);
}

loris_status movenet_convert(const char *input, const char *output, const convert_settings *settings,
                             convert_result *result) {
    arena *memory = arena_new();
    job *j = arena_alloc(memory, 1, sizeof *j);
    if (!j) {
        arena_free(memory);
        return fail_memory(input);
    }
    *j = (job){.memory = memory, .path = input, .settings = settings};
    loris_status status = tfjs_open(&j->graph, input);
    if (status == LORIS_OK)
        status = convert_graph(j, output, result);
    safetensors_discard(j->out);
    tfjs_close(j->graph);
    arena_free(memory); /* j itself lies there */
    return status;
}
