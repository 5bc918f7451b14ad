#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nets/hyper.h"

enum { WIDTH_LIMIT = 1 << 20, HOP_LIMIT = 1 << 24, BLOCKS_LIMIT = 32, NAME_MAX_BYTES = 2048 };

static const char hint_model[] = "expected the weights of LORIS or of audio-diffusion-pytorch's UNet1d";

static int compare_names(const void *left, const void *right) {
    const hyper_tensor *l = left, *r = right;
    return strcmp(l->name, r->name);
}

static hyper_tensor *find_entry(const hyper_tensors *t, const char *name) {
    const hyper_tensor wanted = {.name = name};
    return bsearch(&wanted, t->at, t->count, sizeof *t->at, compare_names);
}

const checkpoint_tensor *hyper_find(const hyper_tensors *t, const char *name) {
    const hyper_tensor *found = find_entry(t, name);
    return found ? found->tensor : NULL;
}

static bool ends_with(const char *name, const char *tail) {
    size_t length = strlen(name), end = strlen(tail);
    return length >= end && strcmp(name + length - end, tail) == 0;
}

loris_status hyper_find_prefix(hyper_tensors *t, arena *a) {
    static const char mark[] = "to_time.0.0.weights", whole[] = "cond_diffusion.unet.";
    const char *name = NULL;
    for (size_t i = 0; i < t->count; i++) {
        if (!ends_with(t->at[i].name, mark))
            continue;
        if (name)
            return fail(LORIS_ERROR_INPUT, "keep one network in the file",
                        "%s: holds several U-Nets: \"%s\" and \"%s\"", t->path, name, t->at[i].name);
        name = t->at[i].name;
    }
    if (!name)
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: holds no U-Net: no tensor named \"...%s\"", t->path, mark);
    t->prefix = arena_printf(a, "%.*s", (int)(strlen(name) - strlen(mark)), name);
    if (t->prefix && ends_with(t->prefix, whole))
        t->root = arena_printf(a, "%.*s", (int)(strlen(t->prefix) - strlen(whole)), t->prefix);
    return arena_failed(a) ? fail_memory(t->path) : LORIS_OK;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

typedef struct extents {
    int dim[3];
} extents;

/* The dimensions of an optional tensor; *found says whether it is there. */
static loris_status look_up(const hyper_tensors *t, const char *name, int rank, extents *out, bool *found) {
    const checkpoint_tensor *c = hyper_find(t, name);
    *found = c != NULL;
    if (!c)
        return LORIS_OK;
    if (c->rank != rank)
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: tensor \"%s\": has %d dimensions, not %d", t->path, name,
                    c->rank, rank);
    for (int i = 0; i < rank; i++) {
        if (c->dim[i] < 1 || c->dim[i] > WIDTH_LIMIT)
            return fail(LORIS_ERROR_INPUT, hint_model, "%s: tensor \"%s\": a dimension of %lld", t->path, name,
                        (long long)c->dim[i]);
        out->dim[i] = (int)c->dim[i];
    }
    return LORIS_OK;
}

static loris_status find_in_unet(const hyper_tensors *t, int rank, extents *out, bool *found, const char *format, ...)
    PRINTF_LIKE(5, 6);
static loris_status need_in_unet(const hyper_tensors *t, int rank, extents *out, const char *format, ...)
    PRINTF_LIKE(4, 5);

static void name_in_unet(const hyper_tensors *t, char name[NAME_MAX_BYTES], const char *format, va_list arguments) {
    int length = snprintf(name, NAME_MAX_BYTES, "%s", t->prefix);
    if (length >= 0 && length < NAME_MAX_BYTES)
        vsnprintf(name + length, (size_t)(NAME_MAX_BYTES - length), format, arguments);
}

static loris_status find_in_unet(const hyper_tensors *t, int rank, extents *out, bool *found, const char *format, ...) {
    char name[NAME_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    name_in_unet(t, name, format, arguments);
    va_end(arguments);
    return look_up(t, name, rank, out, found);
}

static loris_status need_in_unet(const hyper_tensors *t, int rank, extents *out, const char *format, ...) {
    char name[NAME_MAX_BYTES];
    bool found;
    va_list arguments;
    va_start(arguments, format);
    name_in_unet(t, name, format, arguments);
    va_end(arguments);
    TRY(look_up(t, name, rank, out, &found));
    return found ? LORIS_OK : fail(LORIS_ERROR_INPUT, hint_model, "%s: tensor \"%s\" is missing", t->path, name);
}

static loris_status fail_quotient(const hyper_tensors *t, const char *what, int value, int divisor) {
    return fail(LORIS_ERROR_INPUT, hint_model, "%s: the U-Net's shapes do not fit together: %s would be %d / %d",
                t->path, what, value, divisor);
}

static loris_status divide(const hyper_tensors *t, const char *what, int value, int divisor, int *out) {
    if (divisor < 1 || value < divisor || value % divisor)
        return fail_quotient(t, what, value, divisor);
    *out = value / divisor;
    return LORIS_OK;
}

/* ---- hyper-parameters -------------------------------------------------------------------------------------------- */

/* Widths outside the levels: time embedding (channels + 1 inputs), the patched input and output. */
static loris_status infer_ends(hyper *h, const hyper_tensors *t) {
    extents time, in, out, features;
    bool found;
    TRY(need_in_unet(t, 2, &time, "to_time.0.1.weight"));
    h->unet.channels = time.dim[1] - 1;
    TRY(need_in_unet(t, 3, &in, "to_in.module_list.0.block.block1.project.weight"));
    TRY(need_in_unet(t, 3, &out, "to_out.module_list.0.block.block1.project.weight"));
    TRY(divide(t, "patch_factor", h->unet.channels, in.dim[0], &h->unet.patch_factor));
    h->unet.in_channels = out.dim[0];
    h->unet.context_channels[0] = in.dim[1] - out.dim[0];
    if (h->unet.context_channels[0] < 0)
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: the U-Net gives %d channels and takes only %d", t->path,
                    out.dim[0], in.dim[1]);
    TRY(find_in_unet(t, 2, &features, &found, "to_features.0.weight"));
    h->unet.context_features = found ? features.dim[1] : 0;
    return LORIS_OK;
}

/* One level: downsampling i, which upsampling levels - 1 - i undoes with a kernel of twice the factor. */
static loris_status infer_level(hyper *h, const hyper_tensors *t, int i) {
    extents down, up, block, inner;
    bool found;
    TRY(need_in_unet(t, 3, &down, "downsamples.%d.downsample.weight", i));
    TRY(need_in_unet(t, 3, &up, "upsamples.%d.upsample.weight", h->unet.levels - 1 - i));
    TRY(divide(t, "a multiplier", down.dim[0], h->unet.channels, &h->unet.multipliers[i + 1]));
    TRY(divide(t, "a factor", up.dim[2], 2, &h->unet.factors[i]));
    int multiplier = 0;
    TRY(divide(t, "kernel_multiplier", down.dim[2] - 1, h->unet.factors[i], &multiplier));
    if (i > 0 && multiplier != h->unet.kernel_multiplier)
        return fail(LORIS_ERROR_INPUT, hint_model,
                    "%s: the U-Net's shapes do not fit together: kernel_multiplier is %d above level %d and %d there",
                    t->path, h->unet.kernel_multiplier, i, multiplier);
    h->unet.kernel_multiplier = multiplier;

    TRY(need_in_unet(t, 3, &block, "downsamples.%d.blocks.0.block1.project.weight", i));
    h->unet.context_channels[i + 1] = block.dim[1] - down.dim[0];
    if (h->unet.context_channels[i + 1] < 0)
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: level %d's first block takes %d channels of %d", t->path, i,
                    block.dim[1], down.dim[0]);
    for (found = true; found && h->unet.num_blocks[i] < BLOCKS_LIMIT; h->unet.num_blocks[i] += found)
        TRY(find_in_unet(t, 3, &inner, &found, "downsamples.%d.blocks.%d.block1.project.weight", i,
                         h->unet.num_blocks[i]));

    TRY(find_in_unet(t, 3, &inner, &found, "downsamples.%d.transformer.feed_forward.1.weight", i));
    h->unet.attentions[i] = found;
    return found ? divide(t, "attention_multiplier", inner.dim[0], inner.dim[1], &h->unet.attention_multiplier)
                 : LORIS_OK;
}

static loris_status infer_levels(hyper *h, const hyper_tensors *t) {
    extents down;
    bool found = true;
    for (; found && h->unet.levels <= UNET_MAX_LEVELS; h->unet.levels += found)
        TRY(find_in_unet(t, 3, &down, &found, "downsamples.%d.downsample.weight", h->unet.levels));
    if (h->unet.levels < 1 || h->unet.levels > UNET_MAX_LEVELS)
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: a U-Net of %s levels", t->path,
                    h->unet.levels ? "more than 12" : "no");
    TRY(need_in_unet(t, 3, &down, "downsamples.0.downsample.weight"));
    TRY(divide(t, "a multiplier", down.dim[1], h->unet.channels, &h->unet.multipliers[0]));
    h->unet.attention_multiplier = 2; /* the published one, kept where no level attends */
    double hop = h->unet.patch_factor;
    for (int i = 0; i < h->unet.levels; i++) {
        TRY(infer_level(h, t, i));
        hop *= h->unet.factors[i];
    }
    if (hop > HOP_LIMIT)
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: the U-Net's factors multiply to more than 2^24", t->path);
    return LORIS_OK;
}

/* Tokens, rhythm and genre, and what makes them. */
static loris_status infer_conditioning(hyper *h, const hyper_tensors *t) {
    extents e;
    bool found;
    TRY(find_in_unet(t, 2, &e, &found, "bottleneck.pre_block.cross_attend.fn.to_kv.weight"));
    if (!found)
        return LORIS_OK;
    h->unet.embedding_features = e.dim[1];
    TRY(need_in_unet(t, 2, &e, "fixed_embedding.embedding.weight"));
    h->unet.embedding_max_length = e.dim[0];
    TRY(need_in_unet(t, 2, &e, "fixed_rhythm.embedding.weight"));
    h->unet.rhythm_max_length = e.dim[0];
    if (!t->root)
        return LORIS_OK;
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%svencoder.lstm.weight_ih_l0", t->root);
    TRY(look_up(t, name, 2, &e, &found));
    if (!found)
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: tensor \"%s\" is missing", t->path, name);
    h->unet.video_features = e.dim[1];
    snprintf(name, sizeof name, "%sgencoder.genre_embed.weight", t->root);
    TRY(look_up(t, name, 2, &e, &found));
    h->genres = found ? e.dim[0] : 0;
    h->unet.genre = found;
    return LORIS_OK;
}

loris_status hyper_infer(hyper *out, const hyper_tensors *t) {
    hyper h = {0};
    extents attention;
    TRY(infer_ends(&h, t));
    TRY(infer_levels(&h, t));
    TRY(need_in_unet(t, 2, &attention, "bottleneck.attention.fn.to_q.weight"));
    h.attention_width = attention.dim[0];
    TRY(infer_conditioning(&h, t));
    *out = h;
    return LORIS_OK;
}

/* ---- the full list ----------------------------------------------------------------------------------------------- */

static void print_shape(char out[128], int rank, const int64_t *dim) {
    size_t length = 0;
    out[0] = '\0';
    for (int i = 0; i < rank && length < 100; i++)
        length += (size_t)snprintf(out + length, 128 - length, "%s%lld", i ? "," : "", (long long)dim[i]);
}

static loris_status check_tensor(void *user, const char *name, int rank, const int64_t *dim) {
    const hyper_tensors *t = user;
    hyper_tensor *e = find_entry(t, name);
    if (!e)
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: tensor \"%s\" is missing", t->path, name);
    bool same = e->tensor->rank == rank;
    for (int i = 0; i < rank && same; i++)
        same = e->tensor->dim[i] == dim[i];
    if (!same) {
        char got[128], want[128];
        print_shape(got, e->tensor->rank, e->tensor->dim);
        print_shape(want, rank, dim);
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: tensor \"%s\": its shape is [%s], not [%s]", t->path, name, got,
                    want);
    }
    if (e->tensor->type > TYPE_F64)
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: tensor \"%s\": holds %s, not floating-point numbers", t->path,
                    name, number_name(e->tensor->type));
    e->expected = true;
    return LORIS_OK;
}

loris_status hyper_check(const hyper *h, hyper_tensors *t) {
    for (size_t i = 0; i < t->count; i++)
        t->at[i].expected = false;
    TRY(hyper_shapes(h, t->prefix, t->root, check_tensor, t));
    size_t extra = 0;
    const char *first = NULL;
    for (size_t i = 0; i < t->count; i++)
        if (!t->at[i].expected) {
            first = first ? first : t->at[i].name;
            extra++;
        }
    if (extra == 1)
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: tensor \"%s\" belongs to no part of the network", t->path,
                    first);
    if (extra)
        return fail(LORIS_ERROR_INPUT, hint_model, "%s: tensor \"%s\" and %zu more belong to no part of the network",
                    t->path, first, extra - 1);
    return LORIS_OK;
}
