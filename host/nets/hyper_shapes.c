/* Names and shapes of everything a LORIS network holds, in the order of its modules. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nets/hyper.h"

/* A lister that failed lists no more: one check at the end. */
typedef struct lister {
    const hyper *h;
    hyper_visit *visit;
    void *user;
    loris_status status;
    char name[2048];
    size_t scope; /* bytes of the name that the open scopes are */
} lister;

static size_t open_scope(lister *l, const char *format, ...) PRINTF_LIKE(2, 3);

/* Opens a scope; returns what close_scope() takes. */
static size_t open_scope(lister *l, const char *format, ...) {
    size_t before = l->scope, room = sizeof l->name - before;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(l->name + before, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room)
        l->status = fail(LORIS_ERROR_INPUT, NULL, "a tensor's name is too long: %.100s...", l->name);
    else
        l->scope += (size_t)length;
    return before;
}

static void close_scope(lister *l, size_t before) {
    l->scope = before;
}

/* A dimension of 0 ends the shape. */
static void list(lister *l, const char *name, int64_t d0, int64_t d1, int64_t d2) {
    const int64_t dim[] = {d0, d1, d2};
    if (l->status != LORIS_OK)
        return;
    size_t before = open_scope(l, "%s", name);
    if (l->status == LORIS_OK)
        l->status = l->visit(l->user, l->name, d2 ? 3 : d1 ? 2 : 1, dim);
    close_scope(l, before);
}

static void list_linear(lister *l, const char *at, int out, int in) {
    size_t s = open_scope(l, "%s.", at);
    list(l, "weight", out, in, 0);
    list(l, "bias", out, 0, 0);
    close_scope(l, s);
}

static void list_conv(lister *l, const char *at, int first, int second, int kernel, int biases) {
    size_t s = open_scope(l, "%s.", at);
    list(l, "weight", first, second, kernel);
    list(l, "bias", biases, 0, 0);
    close_scope(l, s);
}

static void list_group_norm(lister *l, const char *at, int channels) {
    size_t s = open_scope(l, "%s.", at);
    list(l, "weight", channels, 0, 0);
    list(l, "bias", channels, 0, 0);
    close_scope(l, s);
}

static void list_attention(lister *l, int features, int context) {
    int width = l->h->attention_width;
    list(l, "to_q.weight", width, features, 0);
    list(l, "to_kv.weight", 2 * width, context, 0);
    list(l, "attention.to_out.0.weight", features, width, 0);
    list(l, "attention.to_out.1.g", features, 0, 0);
}

static void list_feed_forward(lister *l, int features, int multiplier) {
    list(l, "0.g", 1, features, 1);
    list(l, "1.weight", features * multiplier, features, 1);
    list(l, "3.g", 1, features * multiplier, 1);
    list(l, "4.weight", features, features * multiplier, 1);
}

static void list_cross_attention(lister *l, int channels) {
    size_t s = open_scope(l, "cross_attend.fn.");
    list(l, "norm_in.g", channels, 0, 0);
    list(l, "norm_context.g", l->h->unet.embedding_features, 0, 0);
    list_attention(l, channels, l->h->unet.embedding_features);
    close_scope(l, s);
}

/* The rhythm transformer and its Hawkes positional encoding, whose two tables are constants. */
static void list_rhythm_attention(lister *l) {
    int width = l->h->unet.embedding_features;
    size_t s = open_scope(l, "rhythm_hawkes_attention.");
    list(l, "embedding.weight", 2, width, 0);
    list(l, "pos_emb.position", l->h->unet.rhythm_max_length, 1, 0);
    list(l, "pos_emb.div_term", width / 2, 0, 0);
    list(l, "pos_emb.Wt.weight", width / 2, 1, 0);
    size_t inner = open_scope(l, "transformer.attention.");
    list(l, "norm.g", width, 0, 0);
    list_attention(l, width, width);
    close_scope(l, inner);
    inner = open_scope(l, "transformer.feed_forward.fn.");
    list_feed_forward(l, width, 2);
    close_scope(l, inner);
    close_scope(l, s);
}

static void list_block(lister *l, int in, int out, bool conditional) {
    list_group_norm(l, "block1.groupnorm", in);
    list_conv(l, "block1.project", out, in, 3, out);
    list_linear(l, "to_scale_shift.to_scale_shift.1", 2 * out, 4 * l->h->unet.channels);
    if (conditional && l->h->unet.embedding_features) {
        list_cross_attention(l, out);
        list_rhythm_attention(l);
    }
    list_group_norm(l, "block2.groupnorm", out);
    list_conv(l, "block2.project", out, out, 3, out);
    if (in != out)
        list_conv(l, "to_out", out, in, 1, out);
}

static void list_transformer(lister *l, int features) {
    size_t s = open_scope(l, "transformer."), inner = open_scope(l, "attention.fn.");
    list(l, "norm.g", features, 0, 0);
    list_attention(l, features, features);
    close_scope(l, inner);
    inner = open_scope(l, "feed_forward.");
    list_feed_forward(l, features, l->h->unet.attention_multiplier);
    close_scope(l, inner);
    close_scope(l, s);
}

static void list_bottleneck(lister *l, int width) {
    size_t s = open_scope(l, "bottleneck."), inner = open_scope(l, "pre_block.");
    list_block(l, width, width, true);
    close_scope(l, inner);
    inner = open_scope(l, "attention.fn.");
    list(l, "norm.g", width, 0, 0);
    list_attention(l, width, width);
    close_scope(l, inner);
    inner = open_scope(l, "post_block.");
    list_block(l, width, width, true);
    close_scope(l, inner);
    close_scope(l, s);
}

static int width_of(const hyper *h, int level) {
    return h->unet.channels * h->unet.multipliers[level];
}

static void list_down(lister *l, int i) {
    const hyper *h = l->h;
    int from = width_of(h, i), to = width_of(h, i + 1);
    size_t s = open_scope(l, "downsamples.%d.", i);
    list_conv(l, "downsample", to, from, h->unet.factors[i] * h->unet.kernel_multiplier + 1, to);
    for (int j = 0; j < h->unet.num_blocks[i]; j++) {
        size_t inner = open_scope(l, "blocks.%d.", j);
        list_block(l, to + (j == 0 ? h->unet.context_channels[i + 1] : 0), to, true);
        close_scope(l, inner);
    }
    if (h->unet.attentions[i])
        list_transformer(l, to);
    close_scope(l, s);
}

/* The k-th upsampling undoes downsampling i. */
static void list_up(lister *l, int k, int i) {
    const hyper *h = l->h;
    int from = width_of(h, i + 1), to = width_of(h, i);
    size_t s = open_scope(l, "upsamples.%d.", k);
    for (int j = 0; j < h->unet.num_blocks[i] + h->unet.attentions[i]; j++) {
        size_t inner = open_scope(l, "blocks.%d.", j);
        list_block(l, 2 * from, from, true);
        close_scope(l, inner);
    }
    if (h->unet.attentions[i])
        list_transformer(l, from);
    list_conv(l, "upsample", from, to, 2 * h->unet.factors[i], to);
    close_scope(l, s);
}

static void list_unet(lister *l) {
    const hyper *h = l->h;
    int mapping = 4 * h->unet.channels, patch = h->unet.channels / h->unet.patch_factor;
    list_linear(l, "to_mapping.0", mapping, mapping);
    list_linear(l, "to_mapping.2", mapping, mapping);
    list(l, "to_time.0.0.weights", h->unet.channels / 2, 0, 0);
    list_linear(l, "to_time.0.1", mapping, h->unet.channels + 1);
    if (h->unet.context_features)
        list_linear(l, "to_features.0", mapping, h->unet.context_features);
    size_t s = open_scope(l, "to_in.module_list.0.block.");
    list_block(l, h->unet.in_channels + h->unet.context_channels[0], patch, false);
    close_scope(l, s);
    for (int i = 0; i < h->unet.levels; i++)
        list_down(l, i);
    list_bottleneck(l, width_of(h, h->unet.levels));
    for (int k = 0; k < h->unet.levels; k++)
        list_up(l, k, h->unet.levels - 1 - k);
    s = open_scope(l, "to_out.module_list.0.block.");
    list_block(l, patch, h->unet.in_channels, false);
    close_scope(l, s);
    if (h->unet.embedding_features) {
        list(l, "fixed_embedding.embedding.weight", h->unet.embedding_max_length, h->unet.embedding_features, 0);
        list(l, "fixed_rhythm.embedding.weight", h->unet.rhythm_max_length, 1, 0);
        list(l, "fixed_genre.embedding.weight", 1, h->unet.embedding_features, 0);
    }
}

/* The visual encoder: two bidirectional layers of half the width each way, and a linear map to the tokens. */
static void list_encoders(lister *l) {
    const hyper *h = l->h;
    int width = h->unet.video_features, half = width / 2;
    for (int i = 0; i < 4 && width; i++) {
        size_t s = open_scope(l, "vencoder.lstm.");
        char name[32];
        const char *const kinds[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
        for (int k = 0; k < 4; k++) {
            snprintf(name, sizeof name, "%s_l%d%s", kinds[k], i / 2, i % 2 ? "_reverse" : "");
            list(l, name, 4 * half, k == 0 ? width : k == 1 ? half : 0, 0);
        }
        close_scope(l, s);
    }
    if (width)
        list_linear(l, "cond_lin", h->unet.embedding_features, width);
    if (h->genres)
        list(l, "gencoder.genre_embed.weight", h->genres, h->unet.embedding_features, 0);
}

loris_status hyper_shapes(const hyper *h, const char *prefix, const char *root, hyper_visit *visit, void *user) {
    lister l = {.h = h, .visit = visit, .user = user, .status = LORIS_OK};
    size_t s = open_scope(&l, "%s", prefix);
    list_unet(&l);
    close_scope(&l, s);
    if (root) {
        open_scope(&l, "%s", root);
        list_encoders(&l);
    }
    return l.status;
}
