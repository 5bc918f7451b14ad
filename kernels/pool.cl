/*
 * The largest number or the mean of what windows over depth, height and length see of x [batch, in_depth, in_height,
 * in_length, channels]; padding counts for neither, and each window sees at least one position. A NaN that is seen is
 * the result. Item (lane, r, b) takes every LANES-th vector of `each` positions of the output.
 *
 * Macros: VEC floats a vector, LANES, MEAN (0: the largest).
 */
#if MEAN
#define START 0.0f
#define TAKE(sofar, value) ((sofar) + (value))
#define END(sofar, count) ((sofar) / (count))
#else
#define START (-INFINITY)
#define TAKE(sofar, value) select(sofar, value, isgreater(value, sofar) | isnan(value))
#define END(sofar, count) (sofar)
#endif

KERNEL(pool)(global const float *restrict x, global float *restrict y, int channels, int each, GEOMETRY) {
    const int lane = (int)get_global_id(0), vectors = channels / VEC * VEC;
    const size_t b = get_global_id(2), rows = (size_t)out_depth * (size_t)out_height * (size_t)out_length;
    const size_t first = get_global_id(1) * each, end = min(first + each, rows);
    x += b * (size_t)in_depth * (size_t)in_height * (size_t)in_length * (size_t)channels;
    y += b * rows * (size_t)channels;
    for (size_t m = first; m < end; m++) {
        const int l = (int)(m % (size_t)out_length), line = (int)(m / (size_t)out_length);
        const int t = line / out_height * stride_depth - before_depth;
        const int h = line % out_height * stride_height - before_height;
        const int from = l * stride_length - before_length;
        const int t0 = max(t, 0), t1 = min(t + kernel_depth, in_depth);
        const int h0 = max(h, 0), h1 = min(h + kernel_height, in_height);
        const int l0 = max(from, 0), l1 = min(from + kernel_length, in_length);
        const float count = (float)((t1 - t0) * (h1 - h0) * (l1 - l0));
        global float *restrict to = y + m * (size_t)channels;
        for (int c = lane * VEC; c < vectors; c += LANES * VEC) {
            FLOATS sofar = START;
            for (int i = t0; i < t1; i++)
                for (int j = h0; j < h1; j++)
                    for (int k = l0; k < l1; k++) {
                        const FLOATS value =
                            LOAD(x + (((size_t)i * in_height + j) * in_length + k) * (size_t)channels + c);
                        sofar = TAKE(sofar, value);
                    }
            STORE(END(sofar, count), to + c);
        }
        for (int c = vectors + lane; c < channels; c += LANES) {
            float sofar = START;
            for (int i = t0; i < t1; i++)
                for (int j = h0; j < h1; j++)
                    for (int k = l0; k < l1; k++) {
                        const float value = x[(((size_t)i * in_height + j) * in_length + k) * (size_t)channels + c];
                        sofar = TAKE(sofar, value);
                    }
            to[c] = END(sofar, count);
        }
    }
}
