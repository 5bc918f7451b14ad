/* Concatenation of channels: row l of block o of the output is a's row followed by b's row times scale_b.
 * Item (lane, r, o) takes every LANES-th vector of `each` rows.
 *
 * Macros: VEC floats a vector, LANES. */

static void NAME(copy_row)(global float *restrict out, global const float *restrict in, int channels, float scale,
                           int lane) {
    const int vectors = channels / VEC * VEC;
    for (int c = lane * VEC; c < vectors; c += LANES * VEC)
        STORE(LOAD(in + c) * scale, out + c);
    for (int c = vectors + lane; c < channels; c += LANES)
        out[c] = in[c] * scale;
}

KERNEL(concat)(BLOCKS(a), int a_channels, BLOCKS(b), int b_channels, global float *restrict out, int length, int batch,
               float scale_b, int each) {
    const int lane = (int)get_global_id(0);
    const size_t o = get_global_id(2), first = get_global_id(1) * each, end = min(first + each, (size_t)length);
    global const float *from_a = BLOCK(a, o, batch, (size_t)length * a_channels);
    global const float *from_b = BLOCK(b, o, batch, (size_t)length * b_channels);
    for (size_t l = first; l < end; l++) {
        global float *row = out + (o * length + l) * (a_channels + b_channels);
        NAME(copy_row)(row, from_a + l * a_channels, a_channels, 1.0f, lane);
        NAME(copy_row)(row + a_channels, from_b + l * b_channels, b_channels, scale_b, lane);
    }
}
