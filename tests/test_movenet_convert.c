/* MoveNet's TensorFlow.js graph models: the published files give the models in models/, byte for byte. The published
 * form is made of those models here, under the names their READMEs list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/safetensors.h"
#include "core/text.h"
#include "nets/convert.h"
#include "scratch.h"

#include "compare.h"

static const convert_settings keep = {.keep = true};

/* ---- the published form ------------------------------------------------------------------------------------------ */

#define TOP "StatefulPartitionedCall/"
#define PYRAMID TOP "center_net_mobile_net_v2fpn_feature_extractor/model_1/"

static bool is(const char *name, const char *end) {
    const size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

/* TensorFlow numbers layers of a kind from the second on. */
static const char *number_of(int n) {
    static char number[16];
    snprintf(number, sizeof number, "_%d", n);
    return n ? number : "";
}

static void block_name(char out[256], const char *name, int block) {
    char at[32] = "expanded_conv";
    if (block)
        snprintf(at, sizeof at, "block_%d", block);
    const bool depthwise = strstr(name, "depthwise") != NULL;
    const char *part = strstr(name, "expand") ? "expand" : depthwise ? "depthwise" : "project";
    snprintf(out, 256, PYRAMID "model/%s_%s/%s_%s", at, part, depthwise ? "depthwise" : "Conv2D",
             is(name, "bias") ? "bn_offset" : "weights");
}

static void pyramid_name(char out[256], const char *name, int step) {
    const bool biased = is(name, "bias");
    if (strstr(name, "lateral") || strstr(name, "top"))
        snprintf(out, 256, PYRAMID "conv2d%s/%s", number_of(strstr(name, "top") ? 0 : step + 1),
                 biased ? "BiasAdd/ReadVariableOp" : "Conv2D/ReadVariableOp");
    else
        snprintf(out, 256, PYRAMID "separable_conv2d%s/separable_conv2d%s", number_of(step),
                 strstr(name, "depthwise") ? "/ReadVariableOp"
                 : biased                  ? "_bn_offset"
                                           : "_weights");
}

static void head_name(char out[256], const char *name) {
    static const char *const heads[][2] = {{"center", "center_0"},
                                           {"heatmaps", "kpt_heatmap_0"},
                                           {"regressions", "kpt_regress_0"},
                                           {"offsets", "kpt_offset_0"}};
    int h = 0;
    while (strncmp(name, heads[h][0], strlen(heads[h][0])) != 0)
        assert_true(++h < 4);
    if (strstr(name, ".out."))
        snprintf(out, 256, TOP "%s/conv2d_%d/%s", heads[h][1], 4 + h,
                 is(name, "bias") ? "BiasAdd/ReadVariableOp" : "Conv2D/ReadVariableOp");
    else
        snprintf(out, 256, TOP "%s/separable_conv2d_%d/%s", heads[h][1], 3 + h,
                 is(name, "bias")            ? "BiasAdd/ReadVariableOp"
                 : strstr(name, "depthwise") ? "separable_conv2d/ReadVariableOp"
                                             : "separable_conv2d/ReadVariableOp_1");
}

static void published_name(char out[256], const char *name) {
    int number = 0;
    if (sscanf(name, "blocks.%d.", &number) == 1)
        block_name(out, name, number);
    else if (strncmp(name, "fpn.", 4) == 0) {
        sscanf(name, "fpn.%d.", &number);
        pyramid_name(out, name, number);
    } else if (strncmp(name, "conv", 4) == 0)
        snprintf(out, 256, PYRAMID "model/%s/Conv2D_%s", name[4] == '1' ? "Conv1" : "Conv_1",
                 is(name, "bias") ? "bn_offset" : "weights");
    else
        head_name(out, name);
}

/* [height,width,in,out] of a tensor of the model file; all 0 for a vector. */
static void published_shape(const safetensor *t, int64_t dim[4]) {
    const int64_t *d = t->dim;
    const int64_t shapes[5][4] = {{0}, {0}, {1, 1, d[1], d[0]}, {d[1], d[2], d[0], 1}, {d[2], d[3], d[1], d[0]}};
    memcpy(dim, shapes[t->rank], sizeof shapes[0]);
}

/* The f16 numbers in the published order. */
static void append_published(text *out, const safetensor *t, const int64_t dim[4]) {
    if (!dim[0]) {
        text_append(out, (const char *)t->data, t->bytes);
        return;
    }
    for (int64_t k = 0; k < dim[0] * dim[1]; k++)
        for (int64_t i = 0; i < dim[2]; i++)
            for (int64_t o = 0; o < dim[3]; o++)
                text_append(out, (const char *)t->data + 2 * ((o * dim[2] + i) * dim[0] * dim[1] + k), 2);
}

/* What a test spoils. */
typedef struct spoil {
    const char *leave_out, *misshape, *type; /* names in the model file; a type for all */
    const char *paths;                       /* the names of weight files */
    int side;                                /* of the input, instead of 192 */
    bool infinite, cut;                      /* the first number is; the last one is missing */
} spoil;

static void write_graph(const char *name, const spoil *s) {
    safetensors *model;
    text graph = {0}, data = {0};
    const char *before = "";
    assert_ok(safetensors_open(&model, LORIS_MODELS "/movenet-lightning/model.safetensors"));
    const int side = s->side ? s->side : 192;
    text_printf(&graph,
                "{\"format\": \"graph-model\", \"signature\": {\"inputs\": {\"input:0\": {\"tensorShape\": {\"dim\": "
                "[{\"size\": \"1\"}, {\"size\": \"%d\"}, {\"size\": \"%d\"}, {\"size\": \"3\"}]}}}}, "
                "\"weightsManifest\": [{\"paths\": [%s], \"weights\": [",
                side, side, s->paths ? s->paths : "\"one.bin\", \"two.bin\"");
    for (size_t i = 0; i < safetensors_count(model); i++) {
        const safetensor *t = safetensors_at(model, i);
        char published[256];
        int64_t dim[4];
        if (s->leave_out && strcmp(t->name, s->leave_out) == 0)
            continue;
        published_name(published, t->name);
        published_shape(t, dim);
        append_published(&data, t, dim);
        if (s->misshape && strcmp(t->name, s->misshape) == 0) { /* as many numbers */
            dim[3] *= dim[2];
            dim[2] = 1;
        }
        text_printf(&graph, "%s{\"name\": \"%s\", \"dtype\": \"float32\", \"quantization\": {\"dtype\": \"%s\"}, ",
                    before, published, s->type ? s->type : "float16");
        if (dim[0])
            text_printf(&graph, "\"shape\": [%d, %d, %d, %d]}", (int)dim[0], (int)dim[1], (int)dim[2], (int)dim[3]);
        else
            text_printf(&graph, "\"shape\": [%d]}", (int)t->dim[0]);
        before = ", ";
    }
    text_printf(&graph, ", {\"name\": \"axis\", \"dtype\": \"int32\", \"shape\": []}]}]}");
    text_append(&data, "\1\0\0", 4);
    assert_false(text_failed(&graph) || text_failed(&data));
    if (s->infinite)
        memcpy(data.data, "\0\x7c", 2);
    const size_t half = 1000001; /* in the middle of a number */
    scratch_write(scratch(name), graph.data, graph.length);
    scratch_write(scratch("one.bin"), data.data, half);
    scratch_write(scratch("two.bin"), data.data + half, data.length - half - (s->cut ? 1 : 0));
    text_free(&graph);
    text_free(&data);
    safetensors_close(model);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void the_published_weights_are_the_models(void **state) {
    (void)state;
    convert_result result;
    size_t size, wanted_size;
    write_graph("model.json", &(spoil){0});
    assert_ok(convert_checkpoint(scratch("model.json"), scratch("made.safetensors"), &keep, &result));
    assert_int_equal(result.tensors, 141);
    char *made = scratch_read(scratch("made.safetensors"), &size);
    char *wanted = scratch_read(LORIS_MODELS "/movenet-lightning/model.safetensors", &wanted_size);
    assert_int_equal(size, wanted_size);
    assert_memory_equal(made, wanted, size);
    assert_int_equal(result.bytes_out, size);
    free(made);
    free(wanted);
}

/* Beside bf16 vectors stay, which are f16 here; f32 is f32 throughout. */
static void types_can_be_chosen(void **state) {
    (void)state;
    safetensors *s;
    write_graph("model.json", &(spoil){0});
    assert_ok(convert_checkpoint(scratch("model.json"), scratch("wide.safetensors"),
                                 &(convert_settings){.type = TYPE_F32}, NULL));
    assert_ok(safetensors_open(&s, scratch("wide.safetensors")));
    for (size_t i = 0; i < safetensors_count(s); i++)
        assert_int_equal(safetensors_at(s, i)->type, TYPE_F32);
    safetensors_close(s);
    assert_ok(convert_checkpoint(scratch("model.json"), scratch("short.safetensors"),
                                 &(convert_settings){.type = TYPE_BF16}, NULL));
    assert_ok(safetensors_open(&s, scratch("short.safetensors")));
    assert_int_equal(safetensors_find(s, "conv1.weight")->type, TYPE_BF16);
    assert_int_equal(safetensors_find(s, "conv1.bias")->type, TYPE_F16);
    safetensors_close(s);
}

static void what_is_no_movenet_is_refused(void **state) {
    (void)state;
    static const struct {
        spoil spoil;
        const char *said;
    } wrong[] = {
        {{.leave_out = "blocks.7.project.bias"}, "block_7_project/Conv2D_bn_offset\" is missing"},
        {{.misshape = "fpn.1.lateral.weight"}, "conv2d_2/Conv2D/ReadVariableOp\" does not have the shape"},
        {{.misshape = "conv1.weight"}, "Conv1/Conv2D_weights\" does not have the shape"},
        {{.type = "uint8"}, "kept as uint8"},
        {{.paths = "\"one.bin\", \"../two.bin\""}, "no file's name"},
        {{.paths = "\"one.bin\", \"three.bin\""}, "three.bin"},
        {{.paths = "\"one.bin\""}, "beyond the end"},
        {{.paths = "\"one.bin\", \"two.bin\", \"one.bin\""}, "belong to no tensor"},
        {{.cut = true}, "axis\" lies beyond the end"},
        {{.infinite = true}, "number 0 is inf"},
        {{.side = 224}, "no picture of 192"},
        {{.side = 256}, "does not have the shape"}, /* Thunder's layers are wider */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_graph("wrong.json", &wrong[i].spoil);
        assert_fails(convert_checkpoint(scratch("wrong.json"), scratch("none.safetensors"), &keep, NULL),
                     LORIS_ERROR_INPUT, wrong[i].said);
    }
    assert_fails(
        convert_checkpoint(scratch_file("other.json", "{\"a\": 12345}", 12), scratch("none.safetensors"), &keep, NULL),
        LORIS_ERROR_INPUT, "no model of TensorFlow.js");
    assert_fails(
        convert_checkpoint(scratch_file("torn.json", "{\"a\": 1234", 10), scratch("none.safetensors"), &keep, NULL),
        LORIS_ERROR_INPUT, "torn.json");
    assert_false(file_exists(scratch("none.safetensors")));
}

static void info_says_what_to_do(void **state) {
    (void)state;
    loris_model_info info;
    write_graph("model.json", &(spoil){0});
    assert_fails(loris_model_describe(scratch("model.json"), NULL, &info), LORIS_ERROR_INPUT, "text, not tensors");
    assert_non_null(strstr(loris_error_hint(), "convert"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_weights_are_the_models),
        cmocka_unit_test(types_can_be_chosen),
        cmocka_unit_test(what_is_no_movenet_is_refused),
        cmocka_unit_test(info_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
