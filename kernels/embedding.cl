/* Rows of tables. Item (lane, r) takes every LANES-th vector of `each` rows of `out`.
 *
 * Macros: VEC floats a vector, LANES. */

static void NAME(copy_row)(global float *restrict out, global const float *restrict in, int channels, int lane) {
    const int vectors = channels / VEC * VEC;
    for (int c = lane * VEC; c < vectors; c += LANES * VEC)
        STORE(LOAD(in + c), out + c);
    for (int c = vectors + lane; c < channels; c += LANES)
        out[c] = in[c];
}

/* out [rows, channels] = the rows of table [count, channels] that indices [rows] name. */
KERNEL(embedding)(global const int *restrict indices, global const float *restrict table, global float *restrict out,
                  int rows, int count, int channels, int each) {
    const int lane = (int)get_global_id(0);
    const size_t first = get_global_id(1) * each, end = min(first + each, (size_t)rows);
    for (size_t r = first; r < end; r++) {
        const size_t index = clamp(indices[r], 0, count - 1);
        NAME(copy_row)(out + r * channels, table + index * channels, channels, lane);
    }
}

/* out [rows, channels] = the first rows of the table. */
KERNEL(learned_rows)(global const float *restrict table, global float *restrict out, int rows, int channels, int each) {
    const int lane = (int)get_global_id(0);
    const size_t first = get_global_id(1) * each, end = min(first + each, (size_t)rows);
    for (size_t r = first; r < end; r++)
        NAME(copy_row)(out + r * channels, table + r * channels, channels, lane);
}
