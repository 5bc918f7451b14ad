#include "nets/transformer.h"

/* h [B,L,heads features] -> [B,L,channels] */
static tensor attention_out(net *n, tensor h, int channels) {
    return layer_norm(n, linear(n, h, "attention.to_out.0", channels, NO_BIAS), "attention.to_out.1.g");
}

tensor self_attention(net *n, tensor x, attention_size size) {
    int channels = shape_of(n, x).channels, width = size.heads * size.features;
    tensor h = layer_norm(n, x, "norm.g");
    tensor q = linear(n, h, "to_q", width, NO_BIAS);
    tensor kv = linear(n, h, "to_kv", 2 * width, NO_BIAS);
    return attention_out(n, attention(n, q, kv, size.heads), channels);
}

tensor feed_forward(net *n, tensor x, int multiplier) {
    int channels = shape_of(n, x).channels;
    tensor h = linear(n, layer_norm(n, x, "0.g"), "1", channels * multiplier, NO_BIAS);
    h = layer_norm(n, activate(n, h, ACTIVATION_GELU), "3.g");
    return linear(n, h, "4", channels, NO_BIAS);
}

static tensor keys_and_values(net *n, tensor context, attention_size size) {
    return linear(n, layer_norm(n, context, "norm_context.g"), "to_kv", 2 * size.heads * size.features, NO_BIAS);
}

/* `first` above those of the other contexts, as many of each. */
static tensor with_another(net *n, tensor first, int each, tensor another) {
    if (shape_of(n, another).batch == 1 && each > 1) {
        tensor one = another;
        for (int i = 1; i < each; i++)
            another = stack(n, another, one);
    }
    return stack(n, first, another);
}

tensor cross_attention(net *n, tensor x, const tensor *contexts, int count, attention_size size) {
    tensor q = linear(n, layer_norm(n, x, "norm_in.g"), "to_q", size.heads * size.features, NO_BIAS);
    tensor kv = keys_and_values(n, contexts[0], size);
    int each = shape_of(n, kv).batch;
    for (int i = 1; i < count; i++)
        kv = with_another(n, kv, each, keys_and_values(n, contexts[i], size));
    q = repeat_to(n, q, shape_of(n, kv).batch);
    return attention_out(n, attention(n, q, kv, size.heads), shape_of(n, x).channels);
}

static tensor single_key_result(net *n, int channels, tensor context, attention_size size) {
    int width = size.heads * size.features;
    tensor value = narrow(n, keys_and_values(n, context, size), width, width);
    return attention_out(n, value, channels);
}

tensor single_key_attention(net *n, int channels, const tensor *contexts, int count, attention_size size) {
    tensor row = single_key_result(n, channels, contexts[0], size);
    int each = shape_of(n, row).batch;
    for (int i = 1; i < count; i++)
        row = with_another(n, row, each, single_key_result(n, channels, contexts[i], size));
    return row;
}
