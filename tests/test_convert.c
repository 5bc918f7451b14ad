/* Conversion: checkpoints as PyTorch wrote them and as made here, sound and unsound. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/file.h"
#include "core/safetensors.h"
#include "make_checkpoint.h"
#include "nets/convert.h"
#include "nets/model.h"
#include "nets/synthetic.h"
#include "scratch.h"

#define DATA LORIS_TEST_DATA "/checkpoints/"

static const convert_settings keep = {.keep = true};

/* ---- what comes out ---------------------------------------------------------------------------------------------- */

static const char *two_heads(void) {
    static const char config[] = "{\"attention_heads\": 2, \"kind\": \"tiny\"}";
    return scratch_file("heads.json", config, sizeof config - 1);
}

static safetensors *convert(const char *input, const convert_settings *settings, convert_result *result) {
    safetensors *s;
    const char *output = scratch("out.safetensors");
    assert_ok(convert_checkpoint(input, output, settings, result));
    assert_ok(safetensors_open(&s, output));
    return s;
}

static void check_config(const safetensors *s, const char *want) {
    assert_string_equal(json_get(safetensors_metadata(s), "config")->string, want);
    assert_string_equal(json_get(safetensors_metadata(s), "format")->string, "pt");
}

/* Every tensor of the output is bit for bit that of the checkpoint. */
static void check_same_numbers(const safetensors *s, const checkpoint *c, const char *prefix) {
    for (size_t i = 0; i < safetensors_count(s); i++) {
        char name[512];
        const safetensor *t = safetensors_at(s, i);
        snprintf(name, sizeof name, "%s%s", prefix, t->name);
        const checkpoint_tensor *from = checkpoint_find(c, name);
        assert_non_null(from);
        assert_int_equal(from->type, t->type);
        assert_int_equal(from->rank, t->rank);
        assert_memory_equal(from->dim, t->dim, (size_t)t->rank * sizeof *t->dim);
        assert_memory_equal(from->data, t->data, t->bytes);
    }
}

#define TINY                                                                                                           \
    "\"in_channels\":2,\"channels\":8,\"patch_factor\":4,\"multipliers\":[1,1,2],\"factors\":[2,3],"                   \
    "\"num_blocks\":[1,2],\"attentions\":[false,true],\"attention_heads\":2,\"attention_features\":4,"                 \
    "\"attention_multiplier\":2,\"resnet_groups\":8,\"kernel_multiplier\":2,"

#define TINY_TOKENS                                                                                                    \
    TINY "\"context_channels\":[],\"context_features\":0,\"embedding_features\":6,\"embedding_max_length\":5,"         \
         "\"rhythm_max_length\":7,\"video_features\":4,"

static void test_published_layouts(void **state) {
    (void)state;
    static const struct {
        const char *file, *prefix, *config;
        size_t tensors, repeated;
    } cases[] = {
        {DATA "loris.pt", "module.", "{\"kind\":\"tiny\"," TINY_TOKENS "\"genre\":false}", 348, 330},
        {DATA "loris-legacy.pt", "module.", "{\"kind\":\"tiny\"," TINY_TOKENS "\"genre\":false}", 348, 330},
        {DATA "genre.pt", "module.", "{\"kind\":\"tiny\"," TINY_TOKENS "\"genre\":true}", 349, 330},
        {DATA "backbone.pt", "",
         "{\"kind\":\"tiny\"," TINY "\"context_channels\":[2,0,8],\"context_features\":3,\"embedding_features\":0,"
         "\"video_features\":0,\"genre\":false}",
         162, 0},
    };
    const convert_settings settings = {.keep = true, .config = two_heads()};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        convert_result result;
        checkpoint *c;
        safetensors *s = convert(cases[i].file, &settings, &result);
        check_config(s, cases[i].config);
        assert_int_equal(safetensors_count(s), cases[i].tensors);
        assert_int_equal(result.tensors, cases[i].tensors);
        assert_int_equal(result.repeated, cases[i].repeated);
        model *m;
        assert_ok(model_open(&m, safetensors_path(s)));
        assert_int_equal(m->unet.attention_features, 4);
        assert_int_equal(m->unet.embedding_features, i == 3 ? 0 : 6);
        assert_int_equal(m->unet.video_features, i == 3 ? 0 : 4);
        assert_int_equal(m->unet.genre, i == 2);
        model_close(m);
        assert_ok(checkpoint_open(&c, cases[i].file));
        check_same_numbers(s, c, cases[i].prefix);
        checkpoint_close(c);

        size_t size, parameters = 0;
        free(scratch_read(safetensors_path(s), &size));
        assert_int_equal(result.bytes_out, size);
        for (size_t k = 0; k < safetensors_count(s); k++)
            parameters += safetensors_at(s, k)->count;
        assert_int_equal(result.parameters, parameters);
        safetensors_close(s);
    }
}

static void test_both_containers_give_the_same_file(void **state) {
    (void)state;
    const convert_settings settings = {.keep = true, .config = two_heads()};
    const char *zip = scratch("zip.safetensors"), *legacy = scratch("legacy.safetensors");
    assert_ok(convert_checkpoint(DATA "loris.pt", zip, &settings, NULL));
    assert_ok(convert_checkpoint(DATA "loris-legacy.pt", legacy, &settings, NULL));
    size_t sizes[2];
    void *files[] = {scratch_read(zip, &sizes[0]), scratch_read(legacy, &sizes[1])};
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(files[0], files[1], sizes[0]);
    free(files[0]);
    free(files[1]);
}

/* Models with config.json beside them: what is inferred from shapes agrees with it, entry by entry, and the result
 * opens as the same model. */
static void test_models_with_a_configuration_beside(void **state) {
    (void)state;
    static const char *const kinds[] = {"uncond", "channels", "upsampler", "cond", "genre"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char input[512];
        checkpoint *c;
        snprintf(input, sizeof input, LORIS_TEST_DATA "/unet/%s/model.safetensors", kinds[i]);
        safetensors *s = convert(input, &keep, NULL);
        assert_ok(checkpoint_open(&c, input));
        assert_int_equal(checkpoint_count(c), safetensors_count(s));
        check_same_numbers(s, c, "");
        checkpoint_close(c);
        model *before, *after;
        assert_ok(model_open(&before, input));
        assert_ok(model_open(&after, safetensors_path(s)));
        /* Configurations of networks without tokens may still speak of their lengths. */
        if (!before->unet.embedding_features)
            before->unet.embedding_max_length = before->unet.rhythm_max_length = 0;
        assert_memory_equal(&before->unet, &after->unet, sizeof before->unet);
        model_close(before);
        model_close(after);
        safetensors_close(s);
    }
}

static void test_a_default_model_keeps_what_it_says(void **state) {
    (void)state;
    static const char config[] =
        "{\"name\":\"n\",\"unet\":{" TINY "\"context_channels\":[2,0,8],\"context_features\":3,\"embedding_features\":0"
        "},\"sigma_data\":0.1,\"mean\":[[0.41382,-1.5],[2,3e-09]]}";
    const convert_settings settings = {.keep = true, .config = scratch_file("c.json", config, sizeof config - 1)};
    safetensors *s = convert(DATA "backbone.pt", &settings, NULL);
    check_config(s, "{\"name\":\"n\",\"sigma_data\":0.1,\"mean\":[[0.41382,-1.5],[2,3e-09]],\"unet\":{" TINY
                    "\"context_channels\":[2,0,8],\"context_features\":3,\"embedding_features\":0,"
                    "\"video_features\":0,\"genre\":false}}");
    safetensors_close(s);

    /* Converted again, from its own metadata and onto itself. */
    const char *path = scratch("out.safetensors");
    size_t sizes[2];
    void *before = scratch_read(path, &sizes[0]);
    assert_ok(convert_checkpoint(path, path, &keep, NULL));
    void *after = scratch_read(path, &sizes[1]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(before, after, sizes[0]);
    free(before);
    free(after);
}

static void test_types(void **state) {
    (void)state;
    static const number_type types[] = {TYPE_F16, TYPE_BF16, TYPE_F32};
    /* Half a last place of the largest fraction kept: 2^-11 for f16, 2^-8 for bf16; f16's subnormals are 2^-24 apart.
     */
    static const double relative[] = {1.0 / 2048, 1.0 / 256, 0}, absolute[] = {1.0 / (1 << 25), 0, 0};
    for (int k = 0; k < 3; k++) {
        const convert_settings settings = {.type = types[k], .config = two_heads()};
        safetensors *s = convert(DATA "loris.pt", &settings, NULL);
        checkpoint *c;
        assert_ok(checkpoint_open(&c, DATA "loris.pt"));
        for (size_t i = 0; i < safetensors_count(s); i++) {
            char name[512];
            const safetensor *t = safetensors_at(s, i);
            snprintf(name, sizeof name, "module.%s", t->name);
            int wide = 0;
            for (int d = 0; d < t->rank; d++)
                wide += t->dim[d] > 1;
            assert_int_equal(t->type, wide > 1 ? types[k] : TYPE_F32);
            assert_int_equal((size_t)(t->data - safetensors_at(s, 0)->data) % number_size(t->type), 0);
            float *got = malloc(t->count * sizeof *got), *want = malloc(t->count * sizeof *want);
            number_to_f32(got, t->data, t->type, t->count);
            checkpoint_read(checkpoint_find(c, name), 0, t->count, want);
            for (size_t n = 0; n < t->count; n++)
                assert_true(fabs((double)got[n] - (double)want[n]) <=
                            (wide > 1 ? relative[k] * fabs((double)want[n]) + absolute[k] : 0.0));
            free(got);
            free(want);
        }
        checkpoint_close(c);
        safetensors_close(s);
    }
}

/* ---- networks made here ------------------------------------------------------------------------------------------ */

typedef struct collected {
    made_checkpoint c;
    arena *memory;
    const char *type;
} collected;

static loris_status collect(void *user, const char *name, int rank, const int64_t *dim) {
    collected *m = user;
    size_t count;
    assert_true(shape_count(dim, rank, 1 << 24, &count));
    bool wide = strcmp(m->type, "Double") == 0;
    float *values = arena_alloc(m->memory, count, sizeof *values);
    double *doubles = arena_alloc(m->memory, count, sizeof *doubles);
    synthetic_weight(values, name, rank, dim);
    for (size_t i = 0; i < count; i++)
        doubles[i] = (double)values[i];
    made_add(&m->c, name, m->type, wide ? 8 : 4, rank, dim, wide ? (void *)doubles : values);
    return LORIS_OK;
}

static const hyper small = {.unet = {.in_channels = 2,
                                     .channels = 8,
                                     .patch_factor = 4,
                                     .levels = 1,
                                     .multipliers = {1, 2},
                                     .factors = {2},
                                     .num_blocks = {1},
                                     .attentions = {true},
                                     .attention_multiplier = 2,
                                     .kernel_multiplier = 2},
                            .attention_width = 8};

static collected make_network(const hyper *h, const char *prefix, const char *root, const char *type) {
    collected m = {.memory = arena_new(), .type = type};
    assert_ok(hyper_shapes(h, prefix, root, collect, &m));
    return m;
}

static made_tensor *find_made(collected *m, const char *part) {
    for (size_t i = 0; i < m->c.count; i++)
        if (strstr(m->c.tensor[i].name, part))
            return &m->c.tensor[i];
    fail_msg("no tensor %s", part);
    return NULL;
}

static const char *write_made(collected *m) {
    text t = {0};
    made_write_zip(&t, &m->c);
    const char *path = scratch_file("made.pt", t.data, t.length);
    text_free(&t);
    made_free(&m->c);
    return path;
}

/* Converts what was made, with two heads, and releases it. `part` NULL: succeeds. */
static void check_made(collected *m, const char *part) {
    const convert_settings settings = {.type = TYPE_F32, .config = two_heads()};
    const char *output = scratch("made.safetensors");
    const char *input = write_made(m);
    remove(output);
    size_t files = scratch_count();
    if (part) {
        assert_fails(convert_checkpoint(input, output, &settings, NULL), LORIS_ERROR_INPUT, part);
        assert_non_null(strstr(loris_error_message(), "made.pt"));
        assert_int_equal(scratch_count(), files); /* nothing half written */
    } else {
        assert_ok(convert_checkpoint(input, output, &settings, NULL));
    }
    arena_free(m->memory);
}

static void remove_tensor(collected *m, made_tensor *t) {
    static int moved;
    *t = m->c.tensor[--m->c.count];
    snprintf(t->key, sizeof t->key, "moved%d", moved++); /* the next one added takes the old key */
}

static void test_unsound_networks(void **state) {
    (void)state;
    static const struct {
        const char *tensor;
        int change; /* 0 remove, 1 one row more, 2 another rank, 3 another name */
        const char *part;
    } cases[] = {
        {"to_time.0.0.weights", 0, "holds no U-Net: no tensor named"},
        {"to_time.0.1.weight", 0, "tensor \"unet.to_time.0.1.weight\" is missing"},
        {"to_mapping.2.bias", 0, "tensor \"unet.to_mapping.2.bias\" is missing"},
        {"to_mapping.2.bias", 1, "tensor \"unet.to_mapping.2.bias\": its shape is [33], not [32]"},
        {"to_mapping.2.weight", 1, "tensor \"unet.to_mapping.2.weight\": its shape is [33,32], not [32,32]"},
        {"to_mapping.2.weight", 2, "tensor \"unet.to_mapping.2.weight\": its shape is [1,32,32], not [32,32]"},
        {"downsamples.0.downsample.weight", 0, "a U-Net of no levels"},
        {"downsamples.0.downsample.weight", 1, "do not fit together"},
        {"downsamples.0.downsample.weight", 2, "has 4 dimensions, not 3"},
        {"downsamples.0.blocks.0.block1.project.weight", 0, "blocks.0.block1.project.weight\" is missing"},
        {"downsamples.0.blocks.0.block1.project.weight", 1, "its shape is [17,16,3], not [16,16,3]"},
        {"upsamples.0.upsample.weight", 0, "tensor \"unet.upsamples.0.upsample.weight\" is missing"},
        {"upsamples.0.blocks.1.block2.groupnorm.weight", 0, "groupnorm.weight\" is missing"},
        {"bottleneck.attention.fn.to_q.weight", 0, "to_q.weight\" is missing"},
        {"bottleneck.attention.fn.to_q.weight", 1, "to_q.weight\": its shape is [8,16], not [9,16]"},
        {"downsamples.0.transformer.feed_forward.1.weight", 1, "attention_multiplier would be 33 / 16"},
        {"to_out.module_list.0.block.block1.project.weight", 0, "block1.project.weight\" is missing"},
        {"to_in.module_list.0.block.block1.project.weight", 1, "patch_factor would be 8 / 3"},
        {"to_mapping.2.bias", 3, "tensor \"unet.to_mapping.2.bias\" is missing"},
    };
    collected m = make_network(&small, "unet.", NULL, "Float");
    check_made(&m, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        m = make_network(&small, "unet.", NULL, "Float");
        made_tensor *t = find_made(&m, cases[i].tensor);
        if (cases[i].change == 0)
            remove_tensor(&m, t);
        else if (cases[i].change == 3)
            strcat(t->name, "es");
        else {
            int64_t dim[8] = {1};
            memcpy(dim + (cases[i].change == 2), t->dim, (size_t)t->rank * sizeof *dim);
            dim[0] += cases[i].change == 1;
            char name[160];
            snprintf(name, sizeof name, "%s", t->name);
            int rank = t->rank + (cases[i].change == 2);
            remove_tensor(&m, t);
            size_t count;
            shape_count(dim, rank, 1 << 24, &count);
            made_add(&m.c, name, "Float", 4, rank, dim, arena_alloc(m.memory, count, 4));
        }
        check_made(&m, cases[i].part);
    }
}

static const float one_number[1] = {0.5f};

static void test_extra_tensors(void **state) {
    (void)state;
    static const int64_t one[] = {1};
    collected m = make_network(&small, "unet.", NULL, "Float");
    made_add(&m.c, "unet.stray", "Float", 4, 1, one, one_number);
    check_made(&m, "tensor \"unet.stray\" belongs to no part");
    m = make_network(&small, "unet.", NULL, "Float");
    made_add(&m.c, "b.stray", "Float", 4, 1, one, one_number);
    made_add(&m.c, "a.stray", "Float", 4, 1, one, one_number);
    check_made(&m, "tensor \"a.stray\" and 1 more belong to no part");
    m = make_network(&small, "unet.", NULL, "Float");
    made_add(&m.c, "ema.to_time.0.0.weights", "Float", 4, 1, one, one_number);
    check_made(&m, "holds several U-Nets");
}

static void test_the_same_weight_twice(void **state) {
    (void)state;
    static const char *const first[] = {"unet.", "module.unet.", "diffusion.net.", "module.diffusion.net."};
    static const char *const second[] = {"module.unet.", "unet.", "unet.", "diffusion.net."};
    static const char *const kept[] = {"unet.to_mapping.2.bias", "unet.to_mapping.2.bias", "unet.to_mapping.2.bias",
                                       "unet.to_mapping.2.bias"};
    for (int k = 0; k < 4; k++)
        for (int differ = 0; differ < 3; differ++) {
            collected m = make_network(&small, first[k], NULL, "Float");
            made_tensor copy = *find_made(&m, "to_mapping.2.bias");
            char name[160];
            snprintf(name, sizeof name, "%sto_mapping.2.bias", second[k]);
            float *data = arena_alloc(m.memory, 33, sizeof *data);
            memcpy(data, copy.data, 32 * sizeof *data);
            data[31] += differ == 1;
            int64_t dim[] = {32 + (differ == 2)};
            made_add(&m.c, name, "Float", 4, 1, dim, data);
            check_made(&m, differ ? "are the same weight and differ" : NULL);
            if (!differ) {
                safetensors *s;
                assert_ok(safetensors_open(&s, scratch("made.safetensors")));
                assert_non_null(safetensors_find(s, kept[k]));
                safetensors_close(s);
            }
        }
}

static void test_numbers_that_are_none(void **state) {
    (void)state;
    static const struct {
        float value;
        number_type type;
        const char *part;
    } cases[] = {
        {NAN, TYPE_F32, "tensor \"unet.to_mapping.2.weight\": number 100 is not a number"},
        {INFINITY, TYPE_F32, "tensor \"unet.to_mapping.2.weight\": number 100 is infinite"},
        {-INFINITY, TYPE_BF16, "number 100 is infinite"},
        {NAN, TYPE_F16, "number 100 is not a number"},
        {65520.0f, TYPE_F16, "number 100 is 65520, beyond what f16 holds"},
        {-1e30f, TYPE_F16, "number 100 is -1e+30, beyond what f16 holds"},
        {65519.0f, TYPE_F16, NULL},
        {3e38f, TYPE_BF16, NULL},
        {3e38f, TYPE_F32, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        collected m = make_network(&small, "unet.", NULL, "Float");
        ((float *)(uintptr_t)find_made(&m, "to_mapping.2.weight")->data)[100] = cases[i].value;
        const convert_settings settings = {.type = cases[i].type, .config = two_heads()};
        const char *input = write_made(&m), *output = scratch("numbers.safetensors");
        if (cases[i].part)
            assert_fails(convert_checkpoint(input, output, &settings, NULL), LORIS_ERROR_INPUT, cases[i].part);
        else
            assert_ok(convert_checkpoint(input, output, &settings, NULL));
        arena_free(m.memory);
    }
}

static void test_strides_are_undone(void **state) {
    (void)state;
    collected m = make_network(&small, "unet.", NULL, "Double");
    made_tensor *t = find_made(&m, "to_mapping.2.weight"); /* [32,32], turned about */
    t->stride[0] = 1;
    t->stride[1] = 32;
    const double *stored = t->data;
    const convert_settings settings = {.type = TYPE_F32, .config = two_heads()};
    safetensors *s = convert(write_made(&m), &settings, NULL);
    const safetensor *got = safetensors_find(s, "unet.to_mapping.2.weight");
    assert_int_equal(got->type, TYPE_F32);
    for (size_t i = 0; i < 32 * 32; i++) {
        float value;
        memcpy(&value, got->data + 4 * i, 4);
        assert_true((double)value == stored[i % 32 * 32 + i / 32]);
    }
    safetensors_close(s);
    arena_free(m.memory);
}

static void test_numbers_that_are_whole(void **state) {
    (void)state;
    collected m = make_network(&small, "unet.", NULL, "Float");
    find_made(&m, "to_mapping.2.bias")->type = "Int";
    check_made(&m, "tensor \"unet.to_mapping.2.bias\": holds i32, not floating-point");
}

/* ---- encoders and configuration ---------------------------------------------------------------------------------- */

static void test_encoders(void **state) {
    (void)state;
    hyper h = small;
    h.unet.embedding_features = 6;
    h.unet.embedding_max_length = 3;
    h.unet.rhythm_max_length = 4;
    collected m = make_network(&h, "unet.", NULL, "Float"); /* a bare network with tokens */
    check_made(&m, NULL);
    h.unet.video_features = 4;
    h.genres = 2;
    m = make_network(&h, "cond_diffusion.unet.", "", "Float");
    check_made(&m, NULL);
    static const char *const needed[] = {"vencoder.lstm.weight_ih_l0",
                                         "vencoder.lstm.bias_hh_l1_reverse",
                                         "cond_lin.bias",
                                         "fixed_embedding.embedding.weight",
                                         "fixed_genre.embedding.weight",
                                         "rhythm_hawkes_attention.pos_emb.div_term"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        char part[128];
        m = make_network(&h, "cond_diffusion.unet.", "", "Float");
        remove_tensor(&m, find_made(&m, needed[i]));
        snprintf(part, sizeof part, "%s\" is missing", needed[i]);
        check_made(&m, part);
    }
}

static void check_configuration(const char *config, const char *part) {
    collected m = make_network(&small, "unet.", NULL, "Float");
    const convert_settings settings = {.keep = true,
                                       .config = config ? scratch_file("c.json", config, strlen(config)) : NULL};
    const char *input = write_made(&m), *output = scratch("c.safetensors");
    if (part)
        assert_fails(convert_checkpoint(input, output, &settings, NULL), LORIS_ERROR_INPUT, part);
    else
        assert_ok(convert_checkpoint(input, output, &settings, NULL));
    arena_free(m.memory);
}

static void test_configurations(void **state) {
    (void)state;
    check_configuration(NULL, "attention is 8 wide, in how many heads the tensors do not tell");
    check_configuration("{}", "in how many heads");
    check_configuration("{\"attention_heads\":4}", NULL);
    check_configuration("{\"attention_features\":8}", NULL);
    check_configuration("{\"attention_heads\":4,\"attention_features\":2,\"resnet_groups\":4}", NULL);
    check_configuration("{\"attention_heads\":3}", "3 heads of 2 features do not make the 8");
    check_configuration("{\"attention_features\":3}", "2 heads of 3 features do not make the 8");
    check_configuration("{\"attention_heads\":0}", "\"attention_heads\" is 0");
    check_configuration("{\"attention_heads\":1.5}", "\"attention_heads\" is not a whole number");
    check_configuration("{\"attention_heads\":\"2\"}", "\"attention_heads\" is not a number");
    check_configuration("{\"attention_heads\":2,\"resnet_groups\":3}", "16 channels are no multiple of 3 groups");
    check_configuration("{\"attention_heads\":2,\"channels\":8,\"factors\":[2],\"attentions\":[true],\"genre\":false}",
                        NULL);
    check_configuration("{\"attention_heads\":2,\"channels\":16}", "c.json: \"channels\" is not what the tensors of");
    check_configuration("{\"attention_heads\":2,\"factors\":[4]}", "\"factors\" is not what");
    check_configuration("{\"attention_heads\":2,\"factors\":[2,2]}", "\"factors\" is not what");
    check_configuration("{\"attention_heads\":2,\"factors\":2}", "\"factors\" is not what");
    check_configuration("{\"attention_heads\":2,\"attentions\":[false]}", "\"attentions\" is not what");
    check_configuration("{\"attention_heads\":2,\"genre\":true}", "\"genre\" is not what");
    check_configuration("{\"attention_heads\":2,\"context_channels\":[0,0]}", NULL);
    check_configuration("{\"attention_heads\":2,\"context_channels\":[1]}", "\"context_channels\" is not what");
    check_configuration("[2]", "not an object");
    check_configuration("{", "c.json: line 1");
    collected m = make_network(&small, "unet.", NULL, "Float");
    const convert_settings settings = {.keep = true, .config = scratch("absent.json")};
    assert_fails(convert_checkpoint(write_made(&m), scratch("c.safetensors"), &settings, NULL), LORIS_ERROR_INPUT,
                 "absent.json");
    arena_free(m.memory);
}

static void test_the_published_heads(void **state) {
    (void)state;
    hyper h = small;
    h.attention_width = 1024;
    collected m = make_network(&h, "unet.", NULL, "Float");
    safetensors *s = convert(write_made(&m), &keep, NULL);
    const char *config = json_get(safetensors_metadata(s), "config")->string;
    assert_non_null(strstr(config, "\"attention_heads\":16,\"attention_features\":64,"));
    safetensors_close(s);
    arena_free(m.memory);
}

/* ---- the public functions ---------------------------------------------------------------------------------------- */

static void count_progress(void *user, const char *stage, double done, double total) {
    double *last = user;
    assert_string_equal(stage, "convert");
    assert_true(done > *last && done <= total);
    *last = done;
}

static void test_public_functions(void **state) {
    (void)state;
    loris_convert_settings settings;
    loris_convert_report report;
    double last = 0;
    const char *output = scratch("public.safetensors");
    loris_convert_defaults(&settings);
    settings.dtype = LORIS_DTYPE_F16;
    settings.config = two_heads();
    settings.progress = count_progress;
    settings.progress_user = &last;
    assert_ok(loris_convert(DATA "genre.pt", output, &settings, &report));
    assert_int_equal(report.tensors, 349);
    assert_int_equal(report.repeated, 330);
    assert_int_equal(report.parameters, 41022);
    assert_true(last == 41022 * 4);

    loris_model_info info;
    assert_ok(loris_model_describe(output, NULL, &info));
    assert_string_equal(info.kind, "loris-genre");
    assert_string_equal(info.container, "safetensors");
    assert_string_equal(info.dtypes, "f16, f32");
    assert_int_equal(info.parameters, 41022);
    assert_int_equal(info.bytes, report.bytes_out);
    assert_int_equal(info.hop, 4 * 2 * 3);
    assert_int_equal(info.tensors, 349);
    assert_string_equal(info.tensor[348].name, "vencoder.lstm.weight_ih_l1_reverse");
    assert_string_equal(info.tensor[348].dtype, "f16");
    assert_int_equal(info.tensor[348].dim[0], 8);
    assert_non_null(strstr(info.config, "\"genre\": true"));
    arena *a = arena_new();
    const json *root;
    assert_ok(json_parse(&root, a, info.json, strlen(info.json), "info"));
    assert_int_equal(json_get(root, "tensors")->count, 349);
    assert_true(json_get(json_get(root, "config"), "attention_heads")->number == 2);
    arena_free(a);
    loris_model_info_free(&info);

    /* A checkpoint is described even when its heads are not known. */
    assert_ok(loris_model_describe(DATA "backbone.pt", NULL, &info));
    assert_string_equal(info.kind, "conditional");
    assert_string_equal(info.dtypes, "f32");
    assert_null(strstr(info.json, "attention_heads"));
    assert_non_null(strstr(info.json, "\"section\": \"state_dict\""));
    loris_model_info_free(&info);

    assert_fails(loris_convert(DATA "mixed.pt", output, NULL, NULL), LORIS_ERROR_INPUT, "holds no U-Net");
    assert_fails(loris_convert(NULL, output, NULL, NULL), LORIS_ERROR_ARGUMENT, NULL);
    assert_fails(loris_model_describe(DATA "mixed.pt", NULL, &info), LORIS_ERROR_INPUT, "holds no U-Net");
    assert_null(info.json);
    settings.dtype = (loris_dtype)17;
    assert_fails(loris_convert(DATA "genre.pt", output, &settings, NULL), LORIS_ERROR_ARGUMENT, "dtype");
}

static void test_outputs(void **state) {
    (void)state;
    const convert_settings settings = {.keep = true, .config = two_heads()};
    assert_fails(convert_checkpoint(DATA "loris.pt", scratch("no/such/folder.safetensors"), &settings, NULL),
                 LORIS_ERROR_OUTPUT, "no folder");
    assert_fails(convert_checkpoint(DATA "loris.pt", "/dev/full", &settings, NULL), LORIS_ERROR_OUTPUT, "/dev/full");
    const char *path = scratch_file("old.safetensors", "old", 3);
    size_t files = scratch_count(), size;
    loris_cancel();
    assert_fails(convert_checkpoint(DATA "loris.pt", path, &settings, NULL), LORIS_CANCELLED, "cancelled");
    loris_resume();
    assert_int_equal(scratch_count(), files);
    char *old = scratch_read(path, &size);
    assert_int_equal(size, 3);
    free(old);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_layouts),
        cmocka_unit_test(test_both_containers_give_the_same_file),
        cmocka_unit_test(test_models_with_a_configuration_beside),
        cmocka_unit_test(test_a_default_model_keeps_what_it_says),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_unsound_networks),
        cmocka_unit_test(test_extra_tensors),
        cmocka_unit_test(test_the_same_weight_twice),
        cmocka_unit_test(test_numbers_that_are_none),
        cmocka_unit_test(test_strides_are_undone),
        cmocka_unit_test(test_numbers_that_are_whole),
        cmocka_unit_test(test_encoders),
        cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_the_published_heads),
        cmocka_unit_test(test_public_functions),
        cmocka_unit_test(test_outputs),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
