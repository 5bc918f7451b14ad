#include "nets/hawkes.h"

tensor hawkes(net *n, tensor peaks, int features, int max_length, attention_size size) {
    tensor x = hawkes_encoding(n, embedding(n, peaks, "embedding", 2, features), "pos_emb", max_length);
    enter(n, "transformer.attention.");
    x = add(n, self_attention(n, x, size), x);
    leave(n);
    enter(n, "transformer.feed_forward.fn.");
    x = add(n, feed_forward(n, x, 2), x);
    leave(n);
    return x;
}
