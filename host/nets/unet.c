#include "nets/unet.h"

#include <string.h>

#include "nets/hawkes.h"
#include "nets/transformer.h"

static tensor no_tensor = {0};

static int least(int a, int b) {
    return a < b ? a : b;
}

/* What all blocks of an evaluation share. */
typedef struct conditions {
    const unet_config *config;
    tensor mapping; /* [E,B,1,4 channels]: scales and shifts after the second norm */
    const unet_context *context;
    int contexts; /* 0: the blocks attend to nothing */
} conditions;

static attention_size attention_of(const unet_config *c) {
    return (attention_size){c->attention_heads, c->attention_features};
}

/* h [B,L,C] -> [B,L,C]: attends to the visual tokens, then to the rhythm, then to the genre, all with the same weights.
 */
static tensor attend(net *n, const conditions *k, tensor h) {
    const unet_config *c = k->config;
    tensor tokens[UNET_MAX_CONTEXTS], rhythm[UNET_MAX_CONTEXTS], genre[UNET_MAX_CONTEXTS];
    enter(n, "rhythm_hawkes_attention.");
    for (int i = 0; i < k->contexts; i++) {
        tokens[i] = k->context[i].tokens;
        rhythm[i] = hawkes(n, k->context[i].peaks, c->embedding_features, c->rhythm_max_length, attention_of(c));
        genre[i] = k->context[i].genre;
    }
    leave(n);
    enter(n, "cross_attend.fn.");
    tensor attended = cross_attention(n, h, tokens, k->contexts, attention_of(c));
    h = add(n, attended, repeat_to(n, h, shape_of(n, attended).batch));
    h = add(n, cross_attention(n, h, rhythm, k->contexts, attention_of(c)), h);
    if (c->genre)
        h = add_row(n, h, single_key_attention(n, shape_of(n, h).channels, genre, k->contexts, attention_of(c)));
    leave(n);
    return h;
}

/* x [B,L,Cin] -> [B,L,out] */
static tensor resnet_block(net *n, const conditions *k, tensor x, int out, int groups) {
    tensor h = group_norm(n, x, "block1.groupnorm", groups, no_tensor, ACTIVATION_SILU);
    h = conv1d(n, h, "block1.project", out, 3);
    if (k->contexts)
        h = attend(n, k, h);
    tensor scale_shift =
        linear(n, activate(n, k->mapping, ACTIVATION_SILU), "to_scale_shift.to_scale_shift.1", 2 * out, BIAS);
    h = group_norm(n, h, "block2.groupnorm", groups, scale_shift, ACTIVATION_SILU);
    h = conv1d(n, h, "block2.project", out, 3);
    if (shape_of(n, x).channels != out)
        x = linear(n, x, "to_out", out, BIAS);
    return add(n, h, repeat_to(n, x, shape_of(n, h).batch));
}

/* The first and last block attend to nothing. */
static tensor outer_block(net *n, const conditions *k, const char *at, tensor x, int out, int groups) {
    conditions outer = *k;
    outer.contexts = 0;
    enter(n, "%s.module_list.0.block.", at);
    x = resnet_block(n, &outer, x, out, groups);
    leave(n);
    return x;
}

static tensor numbered_block(net *n, const conditions *k, int index, tensor x, int out) {
    enter(n, "blocks.%d.", index);
    x = resnet_block(n, k, x, out, k->config->resnet_groups);
    leave(n);
    return x;
}

static tensor transformer(net *n, const unet_config *c, tensor x) {
    enter(n, "transformer.attention.fn.");
    x = add(n, self_attention(n, x, attention_of(c)), x);
    leave(n);
    enter(n, "transformer.feed_forward.");
    x = add(n, feed_forward(n, x, c->attention_multiplier), x);
    leave(n);
    return x;
}

/* c_noise [E,B,1,1] and features [B,1,F] -> mapping [E,B,1,4 channels]. */
static tensor noise_mapping(net *n, const unet_config *c, const unet_inputs *in) {
    int width = 4 * c->channels;
    tensor m = linear(n, fourier(n, in->c_noise, "to_time.0.0.weights", c->channels / 2), "to_time.0.1", width, BIAS);
    m = activate(n, m, ACTIVATION_GELU);
    if (c->context_features)
        m = add(n, m, activate(n, linear(n, in->features, "to_features.0", width, BIAS), ACTIVATION_GELU));
    m = activate(n, linear(n, m, "to_mapping.0", width, BIAS), ACTIVATION_GELU);
    return activate(n, linear(n, m, "to_mapping.2", width, BIAS), ACTIVATION_GELU);
}

typedef struct skip_stack {
    tensor level[UNET_MAX_LEVELS][64];
    int count[UNET_MAX_LEVELS];
} skip_stack;

static tensor downsample(net *n, const conditions *k, int i, tensor x, tensor channels, skip_stack *skips) {
    const unet_config *c = k->config;
    int factor = c->factors[i], out = c->channels * c->multipliers[i + 1];
    enter(n, "downsamples.%d.", i);
    x = conv1d_strided(n, x, "downsample", out, factor * c->kernel_multiplier + 1, factor,
                       factor * (c->kernel_multiplier / 2));
    if (c->context_channels[i + 1])
        x = concat(n, repeat_to(n, x, shape_of(n, channels).batch), channels, 1);
    for (int j = 0; j < c->num_blocks[i]; j++) {
        x = numbered_block(n, k, j, x, out);
        skips->level[i][skips->count[i]++] = x;
    }
    if (c->attentions[i]) {
        x = transformer(n, c, x);
        skips->level[i][skips->count[i]++] = x;
    }
    leave(n);
    return x;
}

static tensor upsample(net *n, const conditions *k, int i, tensor x, skip_stack *skips) {
    const unet_config *c = k->config;
    int factor = c->factors[i], width = c->channels * c->multipliers[i + 1], out = c->channels * c->multipliers[i];
    enter(n, "upsamples.%d.", c->levels - 1 - i);
    for (int j = 0; j < c->num_blocks[i] + c->attentions[i]; j++) {
        x = concat(n, x, skips->level[i][--skips->count[i]], 0.70710678f);
        x = numbered_block(n, k, j, x, width);
    }
    if (c->attentions[i])
        x = transformer(n, c, x);
    x = conv_transpose1d(n, x, "upsample", out, 2 * factor, factor, factor / 2 + factor % 2, factor % 2);
    leave(n);
    return x;
}

static tensor bottleneck(net *n, const conditions *k, tensor x) {
    const unet_config *c = k->config;
    int width = c->channels * c->multipliers[c->levels];
    enter(n, "bottleneck.");
    enter(n, "pre_block.");
    x = resnet_block(n, k, x, width, c->resnet_groups);
    leave(n);
    enter(n, "attention.fn.");
    x = self_attention(n, x, attention_of(c)); /* without a residual, as published */
    leave(n);
    enter(n, "post_block.");
    x = resnet_block(n, k, x, width, c->resnet_groups);
    leave(n);
    leave(n);
    return x;
}

unet_context unet_null_context(net *n, const unet_config *c, int tokens, int peaks) {
    unet_context null = {
        .tokens =
            learned_rows(n, "fixed_embedding.embedding.weight", c->embedding_max_length, c->embedding_features, tokens),
        .peaks = learned_peaks(n, "fixed_rhythm.embedding.weight", c->rhythm_max_length, peaks),
    };
    if (c->genre || has(n, "fixed_genre.embedding.weight")) /* published models hold it even where nothing reads it */
        null.genre = learned_rows(n, "fixed_genre.embedding.weight", 1, c->embedding_features, 1);
    return null;
}

tensor unet(net *n, const unet_config *c, const unet_inputs *in) {
    skip_stack skips;
    memset(&skips, 0, sizeof skips);
    if (!c->embedding_features != !in->contexts || in->contexts > UNET_MAX_CONTEXTS)
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%d contexts for a network whose tokens have %d features",
                        in->contexts, c->embedding_features);
    conditions k = {.config = c, .mapping = noise_mapping(n, c, in), .context = in->context, .contexts = in->contexts};

    tensor x = repeat_to(n, in->x, shape_of(n, k.mapping).batch);
    if (c->context_channels[0])
        x = concat(n, repeat_to(n, x, shape_of(n, in->channels[0]).batch), in->channels[0], 1);
    x = outer_block(n, &k, "to_in", x, c->channels / c->patch_factor, least(c->patch_factor, shape_of(n, x).channels));
    x = patch(n, x, c->patch_factor);

    tensor top = x;
    for (int i = 0; i < c->levels; i++)
        x = downsample(n, &k, i, x, in->channels[i + 1], &skips);
    x = bottleneck(n, &k, x);
    for (int i = c->levels - 1; i >= 0; i--)
        x = upsample(n, &k, i, x, &skips);

    x = unpatch(n, add(n, x, repeat_to(n, top, shape_of(n, x).batch)), c->patch_factor);
    return outer_block(n, &k, "to_out", x, c->in_channels, least(c->patch_factor, c->in_channels));
}

int unet_hop(const unet_config *c, int level) {
    int hop = level > 0 ? c->patch_factor : 1;
    for (int i = 0; i < level; i++)
        hop *= c->factors[i];
    return hop;
}
