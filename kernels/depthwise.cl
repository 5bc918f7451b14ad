/* Depthwise convolution over height and width, channels last (Howard et al., 2017): each channel has a KERNEL_SIDE x
 * KERNEL_SIDE kernel of its own.
 *
 *     y[b][h][w][c] = ACTIVATION(bias[c] + sum over i, j of x[b][h stride + i - top][w stride + j - left][c]
 * W[i][j][c])
 *
 * x is zero outside its `height` x `width` positions. Item (p, q, r) takes the PANELS vectors of channels from p PANELS
 * on, the `each` columns from q each on, and row r of all images' rows. With many columns an item the weights stay in
 * registers; columns whose kernel lies within the image go without tests.
 *
 * Macros: VEC channels a vector, PANELS, KERNEL_SIDE, ACTIVATION. */

/* Where the kernel meets the image along one axis: taps first .. end - 1, tap i lying on position at + i. */
typedef struct NAME(reach) {
    int at, first, end;
} NAME(reach);

static NAME(reach) NAME(reach_of)(int position, int stride, int before, int extent) {
    NAME(reach) r;
    r.at = position * stride - before;
    r.first = max(0, -r.at);
    r.end = min(KERNEL_SIDE, extent - r.at);
    return r;
}

/* One vector of channels at one position; x and w start at its channels. */
static FLOATS NAME(sum_inside)(global const float *x, const FLOATS *w, size_t row_step, int channels) {
    FLOATS sum = 0.0f;
#pragma unroll
    for (int i = 0; i < KERNEL_SIDE; i++)
#pragma unroll
        for (int j = 0; j < KERNEL_SIDE; j++)
            sum = mad(LOAD(x + i * row_step + j * channels), w[i * KERNEL_SIDE + j], sum);
    return sum;
}

static FLOATS NAME(sum_at_border)(global const float *x, NAME(reach) h, NAME(reach) w, global const float *weights,
                                  int width, int channels) {
    FLOATS sum = 0.0f;
    for (int i = h.first; i < h.end; i++)
        for (int j = w.first; j < w.end; j++)
            sum = mad(LOAD(x + ((size_t)(h.at + i) * width + (w.at + j)) * channels),
                      LOAD(weights + (i * KERNEL_SIDE + j) * channels), sum);
    return sum;
}

/* Channels that fill no vector, one by one. */
static float NAME(sum_of_one)(global const float *x, NAME(reach) h, NAME(reach) w, global const float *weights,
                              int width, int channels) {
    float sum = 0.0f;
    for (int i = h.first; i < h.end; i++)
        for (int j = w.first; j < w.end; j++)
            sum = mad(x[((size_t)(h.at + i) * width + (w.at + j)) * channels],
                      weights[(i * KERNEL_SIDE + j) * channels], sum);
    return sum;
}

KERNEL(depthwise)
(global const float *restrict x, global const float *restrict weights, global const float *restrict bias,
 global float *restrict y, int height, int width, int channels, int out_height, int out_width, int rows, int stride,
 int top, int left, int has_bias, int each) {
    const int row = (int)get_global_id(2);
    if (row >= rows)
        return;
    const int first = (int)get_global_id(1) * each, end = min(first + each, out_width);
    const int begin = (int)get_global_id(0) * (PANELS * VEC), stop = min(begin + PANELS * VEC, channels);
    const NAME(reach) h = NAME(reach_of)(row % out_height, stride, top, height);
    x += (size_t)(row / out_height) * height * width * channels;
    y += (size_t)row * out_width * channels;
    int c = begin;
    for (; c + VEC <= stop; c += VEC) {
        FLOATS kept[KERNEL_SIDE * KERNEL_SIDE];
#pragma unroll
        for (int t = 0; t < KERNEL_SIDE * KERNEL_SIDE; t++)
            kept[t] = LOAD(weights + t * channels + c);
        const FLOATS start = has_bias ? LOAD(bias + c) : (FLOATS)(0.0f);
        for (int q = first; q < end; q++) {
            const NAME(reach) w = NAME(reach_of)(q, stride, left, width);
            FLOATS sum;
            if (h.end - h.first == KERNEL_SIDE && w.end - w.first == KERNEL_SIDE)
                sum = NAME(sum_inside)(x + ((size_t)h.at * width + w.at) * channels + c, kept, (size_t)width * channels,
                                       channels);
            else
                sum = NAME(sum_at_border)(x + c, h, w, weights + c, width, channels);
            sum += start;
            STORE(ACTIVATES(sum), y + q * channels + c);
        }
    }
    for (; c < stop; c++)
        for (int q = first; q < end; q++) {
            const NAME(reach) w = NAME(reach_of)(q, stride, left, width);
            const float sum = NAME(sum_of_one)(x + c, h, w, weights + c, width, channels) + (has_bias ? bias[c] : 0.0f);
            y[q * channels + c] = ACTIVATE(sum);
        }
}
