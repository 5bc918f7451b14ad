/* MoveNet's decoding (the CenterNet of Zhou et al., 2019, for one person), for each image and joint j of `joints`:
 *
 *     1. the person is where sigmoid(center) / (distance to the middle + SOFTNESS) is largest;
 *     2. the joint is expected at that position plus the regression found there (y, then x, in positions);
 *     3. it is where sigmoid(heatmap j) / (distance to the expected place + SOFTNESS) is largest, plus the offset found
 * there; that sigmoid is its score.
 *
 * Of equal values the first one counts. Results are y and x in 0..1 of the picture, and the score. A group of GROUP
 * items makes one joint of one image; global size (GROUP, joints, images).
 *
 * Macros: GROUP. */

#define SOFTNESS 1.8f

static float NAME(sigmoid)(float x) {
    return 1.0f / (1.0f + exp(-x));
}

/* Position of the largest value of channel `channel` of map [height][width][channels], divided by the softened distance
 * to (y, x). */
static int NAME(peak)(global const float *map, int channels, int channel, int height, int width, float y, float x,
                      local float *values, local int *positions) {
    const int item = (int)get_local_id(0), count = height * width;
    float best = -1.0f;
    int at = count;
    for (int i = item; i < count; i += GROUP) {
        const float dy = (float)(i / width) - y, dx = (float)(i % width) - x;
        const float value = NAME(sigmoid)(map[(size_t)i * channels + channel]) / (sqrt(dy * dy + dx * dx) + SOFTNESS);
        if (value > best) {
            best = value;
            at = i;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* the last call's results have been read */
    values[item] = best;
    positions[item] = at;
    for (int half_group = GROUP / 2; half_group > 0; half_group /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_group) {
            const float other = values[item + half_group];
            const int other_at = positions[item + half_group];
            if (other > values[item] || (other == values[item] && other_at < positions[item])) {
                values[item] = other;
                positions[item] = other_at;
            }
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return min(positions[0], count - 1); /* count: nothing but NaN */
}

KERNEL(keypoints)
(global const float *restrict center, global const float *restrict heatmaps, global const float *restrict regressions,
 global const float *restrict offsets, global float *restrict out, int height, int width, int joints,
 local float *values, local int *positions) {
    const int j = (int)get_global_id(1), image = (int)get_global_id(2);
    const size_t count = (size_t)height * width;
    center += image * count;
    heatmaps += image * count * joints;
    regressions += image * count * (2 * joints);
    offsets += image * count * (2 * joints);
    const int person =
        NAME(peak)(center, 1, 0, height, width, (float)(height / 2), (float)(width / 2), values, positions);
    global const float *expected = regressions + ((size_t)person * joints + j) * 2;
    const float y = (float)(person / width) + expected[0], x = (float)(person % width) + expected[1];
    const int at = NAME(peak)(heatmaps, joints, j, height, width, y, x, values, positions);
    if (get_local_id(0) == 0) {
        global const float *offset = offsets + ((size_t)at * joints + j) * 2;
        out += ((size_t)image * joints + j) * 3;
        out[0] = ((float)(at / width) + offset[0]) / (float)height;
        out[1] = ((float)(at % width) + offset[1]) / (float)width;
        out[2] = NAME(sigmoid)(heatmaps[(size_t)at * joints + j]);
    }
}
