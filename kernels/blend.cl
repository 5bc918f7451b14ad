/* Overlap-add into clips: row start + l of state [O, clip_length, channels] becomes weight[l] x[l], plus what it held if
 * it lies before row `fresh`; rows past the clip are dropped. Item (lane, r, o) takes every LANES-th vector of `each`
 * rows of clip o.
 *
 * Macros: VEC floats a vector, LANES. */
KERNEL(blend)(global float *restrict state, int clip_length, uint start, uint fresh, global const float *restrict x,
              global const float *restrict weight, int length, int channels, int each) {
    const int lane = (int)get_global_id(0), vectors = channels / VEC * VEC;
    const size_t first = get_global_id(1) * each, end = min(first + each, (size_t)length), o = get_global_id(2);
    state += o * clip_length * channels;
    x += o * length * channels;
    for (size_t l = first; l < end && start + l < (size_t)clip_length; l++) {
        const float w = weight[l];
        const bool assign = start + l >= fresh;
        global const float *restrict in = x + l * channels;
        global float *restrict to = state + (start + l) * channels;
        for (int c = lane * VEC; c < vectors; c += LANES * VEC)
            STORE(assign ? LOAD(in + c) * w : LOAD(to + c) + LOAD(in + c) * w, to + c);
        for (int c = vectors + lane; c < channels; c += LANES)
            to[c] = assign ? in[c] * w : to[c] + in[c] * w;
    }
}
