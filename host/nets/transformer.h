/* The transformer parts that the U-Net and the rhythm branch share (Vaswani et al., 2017; norms as in Ba et al., 2016).
 * Weights are looked up in the open scope. */
#ifndef LORIS_NETS_TRANSFORMER_H
#define LORIS_NETS_TRANSFORMER_H

#include "ops/ops.h"
#include "plan/net.h"

typedef struct attention_size {
    int heads, features; /* channels of a head */
} attention_size;

/* x [B,L,C] -> [B,L,C], no residual. Weights norm.g, to_q, to_kv, attention.to_out. */
tensor self_attention(net *n, tensor x, attention_size size);

/* x [B,L,C] -> [B,L,C]: norm, 1x1, exact GELU, norm, 1x1; no residual, no biases. Weights 0.g, 1, 3.g, 4. */
tensor feed_forward(net *n, tensor x, int multiplier);

/* x [B,L,C] attends to contexts [A,T,E], no residual. With several contexts their keys and values lie one above the
 * other along the batch, in their order (a later one of batch 1 is repeated to match the first), which makes the
 * result's batch, too: x is of that batch or of a part of it, and is repeated. Weights norm_in.g, norm_context.g, to_q,
 * to_kv, attention.to_out. */
tensor cross_attention(net *n, tensor x, const tensor *contexts, int count, attention_size size);

/* The same for contexts of one token [A,1,E]. A softmax over one key is 1 whatever the query, so the result is the same
 * row at all positions and does not depend on x: [A,1,channels]. */
tensor single_key_attention(net *n, int channels, const tensor *contexts, int count, attention_size size);

#endif
