#include "nets/unet.h"

#include <string.h>

static tensor no_tensor = {0};

static int least(int a, int b) {
    return a < b ? a : b;
}

/* x [B,L,Cin] -> [B,L,out]; mapping [E,B,1,M] scales and shifts after the second norm. */
static tensor resnet_block(net *n, tensor x, int out, int groups, tensor mapping) {
    tensor h = group_norm(n, x, "block1.groupnorm", groups, no_tensor, ACTIVATION_SILU);
    h = conv1d(n, h, "block1.project", out, 3);
    tensor scale_shift = linear(n, activate(n, mapping, ACTIVATION_SILU), "to_scale_shift.to_scale_shift.1", 2 * out, BIAS);
    h = group_norm(n, h, "block2.groupnorm", groups, scale_shift, ACTIVATION_SILU);
    h = conv1d(n, h, "block2.project", out, 3);
    if (shape_of(n, x).channels != out)
        x = linear(n, x, "to_out", out, BIAS);
    return add(n, h, x);
}

static tensor numbered_block(net *n, int index, tensor x, int out, int groups, tensor mapping) {
    enter(n, "blocks.%d.", index);
    x = resnet_block(n, x, out, groups, mapping);
    leave(n);
    return x;
}

/* x [B,L,C] -> [B,L,C], no residual. */
static tensor self_attention(net *n, const unet_config *c, tensor x) {
    int channels = shape_of(n, x).channels, width = c->attention_heads * c->attention_features;
    tensor h = layer_norm(n, x, "norm.g");
    tensor q = linear(n, h, "to_q", width, NO_BIAS);
    tensor kv = linear(n, h, "to_kv", 2 * width, NO_BIAS);
    h = linear(n, attention(n, q, kv, c->attention_heads), "attention.to_out.0", channels, NO_BIAS);
    return layer_norm(n, h, "attention.to_out.1.g");
}

/* x [B,L,C] -> [B,L,C], no residual. */
static tensor feed_forward(net *n, tensor x, int multiplier) {
    int channels = shape_of(n, x).channels;
    tensor h = linear(n, layer_norm(n, x, "0.g"), "1", channels * multiplier, NO_BIAS);
    h = layer_norm(n, activate(n, h, ACTIVATION_GELU), "3.g");
    return linear(n, h, "4", channels, NO_BIAS);
}

static tensor transformer(net *n, const unet_config *c, tensor x) {
    enter(n, "transformer.attention.fn.");
    x = add(n, self_attention(n, c, x), x);
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

static tensor downsample(net *n, const unet_config *c, int i, tensor x, tensor channels, tensor mapping, skip_stack *skips) {
    int factor = c->factors[i], out = c->channels * c->multipliers[i + 1];
    enter(n, "downsamples.%d.", i);
    x = conv1d_strided(n, x, "downsample", out, factor * c->kernel_multiplier + 1, factor, factor * (c->kernel_multiplier / 2));
    if (c->context_channels[i + 1])
        x = concat(n, x, channels, 1);
    for (int j = 0; j < c->num_blocks[i]; j++) {
        x = numbered_block(n, j, x, out, c->resnet_groups, mapping);
        skips->level[i][skips->count[i]++] = x;
    }
    if (c->attentions[i]) {
        x = transformer(n, c, x);
        skips->level[i][skips->count[i]++] = x;
    }
    leave(n);
    return x;
}

static tensor upsample(net *n, const unet_config *c, int i, tensor x, tensor mapping, skip_stack *skips) {
    int factor = c->factors[i], width = c->channels * c->multipliers[i + 1], out = c->channels * c->multipliers[i];
    enter(n, "upsamples.%d.", c->levels - 1 - i);
    for (int j = 0; j < c->num_blocks[i] + c->attentions[i]; j++) {
        x = concat(n, x, skips->level[i][--skips->count[i]], 0.70710678f);
        x = numbered_block(n, j, x, width, c->resnet_groups, mapping);
    }
    if (c->attentions[i])
        x = transformer(n, c, x);
    x = conv_transpose1d(n, x, "upsample", out, 2 * factor, factor, factor / 2 + factor % 2, factor % 2);
    leave(n);
    return x;
}

static tensor bottleneck(net *n, const unet_config *c, tensor x, tensor mapping) {
    int width = c->channels * c->multipliers[c->levels];
    enter(n, "bottleneck.");
    enter(n, "pre_block.");
    x = resnet_block(n, x, width, c->resnet_groups, mapping);
    leave(n);
    enter(n, "attention.fn.");
    x = self_attention(n, c, x); /* without a residual, as published */
    leave(n);
    enter(n, "post_block.");
    x = resnet_block(n, x, width, c->resnet_groups, mapping);
    leave(n);
    leave(n);
    return x;
}

tensor unet(net *n, const unet_config *c, const unet_inputs *in) {
    skip_stack skips;
    memset(&skips, 0, sizeof skips);
    tensor mapping = noise_mapping(n, c, in);

    tensor x = in->x;
    if (c->context_channels[0])
        x = concat(n, x, in->channels[0], 1);
    enter(n, "to_in.module_list.0.block.");
    x = resnet_block(n, x, c->channels / c->patch_factor, least(c->patch_factor, shape_of(n, x).channels), mapping);
    leave(n);
    x = patch(n, x, c->patch_factor);

    tensor top = x;
    for (int i = 0; i < c->levels; i++)
        x = downsample(n, c, i, x, in->channels[i + 1], mapping, &skips);
    x = bottleneck(n, c, x, mapping);
    for (int i = c->levels - 1; i >= 0; i--)
        x = upsample(n, c, i, x, mapping, &skips);

    x = unpatch(n, add(n, x, top), c->patch_factor);
    enter(n, "to_out.module_list.0.block.");
    x = resnet_block(n, x, c->in_channels, least(c->patch_factor, c->in_channels), mapping);
    leave(n);
    return x;
}

int unet_hop(const unet_config *c, int level) {
    int hop = level > 0 ? c->patch_factor : 1;
    for (int i = 0; i < level; i++)
        hop *= c->factors[i];
    return hop;
}
