/* out [O, length, channels] = rows start / divisor .. of clip [O, clip_length, channels]; rows past the clip are 0.
 * Item (i, o) takes VEC REPEATS floats of block o.
 *
 * Macros: VEC floats a vector, REPEATS vectors an item. */
KERNEL(window)(global const float *restrict clip, uint start, int divisor, int clip_length, global float *restrict out,
               int length, int channels) {
    const size_t o = get_global_id(1), row = start / (uint)divisor, inner = (size_t)length * channels;
    const size_t held = row < (size_t)clip_length ? min((size_t)length, clip_length - row) * channels : 0;
    size_t i = get_global_id(0) * (VEC * REPEATS);
    const size_t end = min(i + VEC * REPEATS, inner), copied = min(end, held);
    out += o * inner;
    clip += (o * clip_length + row) * channels;
    for (; i + VEC <= copied; i += VEC)
        STORE(LOAD(clip + i), out + i);
    for (; i < copied; i++)
        out[i] = clip[i];
    for (; i < end; i++)
        out[i] = 0.0f;
}
