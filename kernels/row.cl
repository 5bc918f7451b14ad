/* Rows of channels. Item (lane, r, o) takes every LANES-th vector of `each` rows of block o.
 *
 * Macros: VEC floats a vector, LANES. */

/* out [O, length, channels] = x + one row of `channels` numbers per block. */
KERNEL(add_row)(BLOCKS(x), BLOCKS(row), global float *restrict out, int length, int channels, int batch, int each) {
    const int lane = (int)get_global_id(0), vectors = channels / VEC * VEC;
    const size_t o = get_global_id(2), first = get_global_id(1) * each, end = min(first + each, (size_t)length);
    global const float *restrict from = BLOCK(x, o, batch, (size_t)length * channels);
    global const float *restrict plus = BLOCK(row, o, batch, channels);
    for (size_t l = first; l < end; l++) {
        global const float *restrict in = from + l * channels;
        global float *restrict to = out + (o * length + l) * channels;
        for (int c = lane * VEC; c < vectors; c += LANES * VEC)
            STORE(LOAD(in + c) + LOAD(plus + c), to + c);
        for (int c = vectors + lane; c < channels; c += LANES)
            to[c] = in[c] + plus[c];
    }
}

/* out [rows, channels] = channels first .. of x [rows, width]. */
KERNEL(narrow)(global const float *restrict x, global float *restrict out, int rows, int width, int first_channel,
               int channels, int each) {
    const int lane = (int)get_global_id(0), vectors = channels / VEC * VEC;
    const size_t first = get_global_id(1) * each, end = min(first + each, (size_t)rows);
    for (size_t r = first; r < end; r++) {
        global const float *restrict in = x + r * width + first_channel;
        global float *restrict to = out + r * channels;
        for (int c = lane * VEC; c < vectors; c += LANES * VEC)
            STORE(LOAD(in + c), to + c);
        for (int c = vectors + lane; c < channels; c += LANES)
            to[c] = in[c];
    }
}
