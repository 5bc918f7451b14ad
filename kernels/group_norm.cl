/* Group normalisation (Wu and He, 2018) with scale, shift and activation, in three launches.
 *
 * One batch entry, L rows of C channels, is `count` = L C contiguous floats. They are read as rows of `width` = k C
 * floats, k being chosen by the host so that narrow tensors still fill vectors: lane j belongs to channel j % C. The
 * last row may be partial.
 *
 * Macros: VEC floats a vector, PANEL vectors held at once (width >= VEC PANEL), REPEATS vectors an item of the last
 * kernel, LANES x SLOTS items of a work-group of the second, SCALE_SHIFT 0 or 1, ACTIVATION, RESULT how the output is
 * stored. */

#define PANEL_FLOATS (VEC * PANEL)

/* x's blocks -> partial [blocks][slices][2][width]: each lane's mean and sum of squared deviations over `rows` rows.
 * Item (p, slice, block) takes every get_global_size(0)-th panel of lanes.
 *
 * The sums are of differences from the lane's first value a: M2 = sum (x-a)^2 - (sum (x-a))^2 / n. As a is one of the n
 * samples, (mean - a)^2 <= M2, so that what cancels is at most n M2: the relative error of M2 stays below about n eps,
 * whatever the mean. */
KERNEL(group_norm_partial)(global const float *restrict x, uint x_first, global float *restrict partial, int count,
                           int width, int rows, int slices) {
    const size_t slice = get_global_id(1), block = get_global_id(2);
    if (slice >= (size_t)slices)
        return;
    const size_t full = (size_t)count / width, tail = (size_t)count % width;
    const size_t first = slice * rows, end = min(first + rows, full);
    const bool has_tail = tail > 0 && full < first + rows;
    const float n = (float)(int)(end - first);
    x += x_first + block * count;
    partial += (block * slices + slice) * 2 * width;

    for (size_t p = get_global_id(0) * PANEL_FLOATS; p < width; p += get_global_size(0) * PANEL_FLOATS) {
        const size_t at = min(p, (size_t)width - PANEL_FLOATS); /* the last panel overlaps the one before it */
        FLOATS origin[PANEL], sum[PANEL], square[PANEL];
        for (int v = 0; v < PANEL; v++) {
            origin[v] = first < end ? LOAD(x + first * width + at + v * VEC) : 0.0f;
            sum[v] = square[v] = 0.0f;
        }
        for (size_t r = first + 1; r < end; r++)
            for (int v = 0; v < PANEL; v++) {
                const FLOATS d = LOAD(x + r * width + at + v * VEC) - origin[v];
                sum[v] += d;
                square[v] += d * d;
            }
        float mean[PANEL_FLOATS], m2[PANEL_FLOATS];
        for (int v = 0; v < PANEL; v++) {
            const FLOATS step = first < end ? sum[v] / n : 0.0f;
            STORE(origin[v] + step, mean + v * VEC);
            STORE(max(square[v] - sum[v] * step, 0.0f), m2 + v * VEC);
        }
        for (int i = 0; has_tail && i < PANEL_FLOATS && at + i < tail; i++) { /* one value more (Welford, 1962) */
            const float value = x[full * width + at + i], d = value - mean[i];
            mean[i] += d / (n + 1.0f);
            m2[i] += d * (value - mean[i]);
        }
        for (int i = (int)(p - at); i < PANEL_FLOATS; i++) {
            partial[at + i] = mean[i];
            partial[width + at + i] = m2[i];
        }
    }
}

#if LANES * SLOTS > 1
/* The sum over the work-group, the same for every item. */
static float NAME(total)(float value, local float *shared) {
    const int item = (int)get_local_id(0);
    shared[item] = value;
    for (int distance = LANES * SLOTS / 2; distance > 0; distance /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < distance)
            shared[item] += shared[item + distance];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    value = shared[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return value;
}
#endif

/* From coefficients_first on, scratch receives coefficients [blocks of the output][3][width + VEC]: y = (x - mean) gain
 * + shift for each lane, continued from lane 0 past the last one so that a vector may start at any lane. One work-group
 * for each (group, o): first the mean, then the squared deviations from it (Chan, Golub and LeVeque, 1983).
 * scale_shift: blocks of 2 C floats, the scales first. */
KERNEL(group_norm_coefficients)(global float *scratch, int partial_eval_step, int partial_batch_step,
                                int coefficients_first, global const float *restrict weight,
                                global const float *restrict bias,
#if SCALE_SHIFT
                                BLOCKS(scale_shift),
#endif
                                int batch, int count, int width, int rows, int slices, int channels, int groups
#if LANES * SLOTS > 1
                                , local float *shared /* [LANES * SLOTS]; why an argument: see layer_norm.cl */
#endif
) {
    const size_t o = get_global_id(1);
    const int item = (int)get_local_id(0), group = (int)(get_global_id(0) / get_local_size(0));
    const int size = channels / groups, repeats = width / channels;
    const int full = count / width, tail = count % width;
    const float samples = (float)(count / channels) * size;
#if LANES * SLOTS > 1
#define TOTAL(value) NAME(total)(value, shared)
#else
#define TOTAL(value) (value)
#endif
    const size_t block = o / batch * partial_eval_step + o % batch * partial_batch_step;
    global const float *partial = scratch + block * slices * 2 * width;

    float mean = partial[group * size], m2 = 0.0f; /* a first guess, so that what is summed is small */
    for (int pass = 0; pass < 2; pass++) {
        float sum = 0.0f;
        for (int s = item / LANES; s < slices; s += SLOTS) {
            global const float *restrict lane_mean = partial + (size_t)s * 2 * width;
            global const float *restrict lane_m2 = lane_mean + width;
            const int n = clamp(full - s * rows, 0, rows);
            const int lanes_with_tail = s == slices - 1 ? tail : 0;
            for (int r = 0; r < repeats; r++)
                for (int i = item % LANES; i < size; i += LANES) {
                    const int j = r * channels + group * size + i;
                    const float k = (float)(n + (j < lanes_with_tail)), d = lane_mean[j] - mean;
                    sum += pass == 0 ? k * d : lane_m2[j] + k * d * d;
                }
        }
        if (pass == 0)
            mean += TOTAL(sum) / samples;
        else
            m2 = TOTAL(sum);
    }
    const float inverse = 1.0f / sqrt(m2 / samples + 1e-5f);

    global float *coefficients = scratch + coefficients_first + o * 3 * (width + VEC);
    global float *restrict gains = coefficients + width + VEC, *restrict shifts = gains + width + VEC;
#if SCALE_SHIFT
    scale_shift = BLOCK(scale_shift, o, batch, 2 * channels);
#endif
    for (int i = item; i < size; i += LANES * SLOTS) {
        const int c = group * size + i;
        float gain = inverse * weight[c], shift = bias[c];
#if SCALE_SHIFT
        const float scale = scale_shift[c] + 1.0f;
        gain *= scale;
        shift = shift * scale + scale_shift[channels + c];
#endif
        for (int j = c; j < width + VEC; j += channels) {
            coefficients[j] = mean;
            gains[j] = gain;
            shifts[j] = shift;
        }
    }
}

/* out = activation((x - mean) gain + shift). Item (i, o) takes VEC REPEATS floats of block o. */
KERNEL(group_norm_apply)(BLOCKS(x), global const float *restrict scratch, int coefficients_first,
                         global RESULTS *restrict out, int batch, int count, int width) {
    const size_t o = get_global_id(1);
    size_t i = get_global_id(0) * (VEC * REPEATS), j = i % width;
    const size_t end = min(i + VEC * REPEATS, (size_t)count);
    global const float *restrict means = scratch + coefficients_first + o * 3 * (width + VEC);
    global const float *restrict gains = means + width + VEC, *restrict shifts = gains + width + VEC;
    x = BLOCK(x, o, batch, count);
    out += o * count;
    for (; i + VEC <= end; i += VEC) {
        NARROWS(ACTIVATES((LOAD(x + i) - LOAD(means + j)) * LOAD(gains + j) + LOAD(shifts + j)), out, i);
        j += VEC;
        j -= j >= width ? width : 0;
    }
    for (; i < end; i++, j++)
        NARROW(ACTIVATE((x[i] - means[j]) * gains[j] + shifts[j]), out, i);
}
