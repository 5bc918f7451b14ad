/* Bilinear resizing of images, channels last: output row r of `out_height`, column q of `out_width` is what lies at
 *
 *     ((r + 1/2) height / out_height - 1/2, (q + 1/2) width / out_width - 1/2)
 *
 * of the input, positions beyond the borders being those on them. Item (lane, q, r) takes every LANES-th vector of
 * channels of the `each` columns from q each on, row r of all images' rows.
 *
 * Macros: VEC floats a vector, LANES. */

/* Between which two positions a place lies, and how far beyond the first. */
static float NAME(place)(int index, float ratio, int extent, int *low, int *high) {
    const float at = clamp(mad((float)index + 0.5f, ratio, -0.5f), 0.0f, (float)(extent - 1));
    *low = (int)at;
    *high = min(*low + 1, extent - 1);
    return at - (float)*low;
}

KERNEL(resize)
(global const float *restrict x, global float *restrict y, int height, int width, int channels, int out_height,
 int out_width, int rows, int each, float row_ratio, float column_ratio) {
    const int row = (int)get_global_id(2), lane = (int)get_global_id(0);
    if (row >= rows)
        return;
    const int first = (int)get_global_id(1) * each, end = min(first + each, out_width);
    int above, below;
    const float down = NAME(place)(row % out_height, row_ratio, height, &above, &below);
    x += (size_t)(row / out_height) * height * width * channels;
    global const float *upper = x + (size_t)above * width * channels, *lower = x + (size_t)below * width * channels;
    const int vectors = channels / VEC * VEC;
    for (int q = first; q < end; q++) {
        int left, right;
        const float along = NAME(place)(q, column_ratio, width, &left, &right);
        global float *out = y + ((size_t)row * out_width + q) * channels;
        left *= channels;
        right *= channels;
        for (int c = lane * VEC; c < vectors; c += LANES * VEC) {
            const FLOATS a = mix(LOAD(upper + left + c), LOAD(upper + right + c), (FLOATS)(along));
            const FLOATS b = mix(LOAD(lower + left + c), LOAD(lower + right + c), (FLOATS)(along));
            STORE(mix(a, b, (FLOATS)(down)), out + c);
        }
        for (int c = vectors + lane; c < channels; c += LANES) {
            const float a = mix(upper[left + c], upper[right + c], along);
            const float b = mix(lower[left + c], lower[right + c], along);
            out[c] = mix(a, b, down);
        }
    }
}
