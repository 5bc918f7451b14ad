/*
 * Directograms (Davis and Agrawala: "Visual Rhythm and Beat", SIGGRAPH 2018): the flow's magnitude summed by signed
 * direction, once as it is seen and once without the camera's motion. A pixel counts as far as its own contrast shows
 * motion in that direction, and only what exceeds the noise floor: NOISE_FLOOR pixels, without the camera's motion plus
 * NOISE_FACTOR times the deviation of what follows it. What the camera's motion carries out of the picture has no match
 * in the next frame and is not counted there.
 *
 * partial: each work-item of a group of SIDE x SIDE sums a TILE x TILE tile into FEATURES numbers, which lie in local
 * memory because registers cannot be indexed by direction: BINS directions without the camera, BINS as
 * seen, the sums of both, gradient, raw difference, and what the correlation of the frame before with the warped current
 * one is made of (ops/directogram.h).
 */

#define ITEMS (SIDE * SIDE)

/* atan(x) for 0 <= x <= 1, error below 1e-5 (Abramowitz and Stegun 4.4.49). */
static float NAME(arctangent)(float x) {
    float s = x * x;
    return x * (0.9998660f + s * (-0.3302995f + s * (0.1801410f + s * (-0.0851330f + s * 0.0208351f))));
}

/* Direction of (x, y) as a fraction of a turn, 0 <= turn < 1, clockwise as seen, because y points down. */
static float NAME(turn)(float x, float y) {
    float ax = fabs(x), ay = fabs(y);
    float turn = NAME(arctangent)(fmin(ax, ay) / fmax(fmax(ax, ay), 1e-20f)) * 0.15915494f;
    turn = ay > ax ? 0.25f - turn : turn;
    turn = x < 0.0f ? 0.5f - turn : turn;
    turn = y < 0.0f ? 1.0f - turn : turn;
    return turn < 1.0f ? turn : 0.0f;
}

static float NAME(sample)(global const float *now, int pitch, float2 at) {
    float2 corner = floor(at);
    float2 f = at - corner;
    global const float *p = now + ((int)corner.y + PAD) * pitch + (int)corner.x + PAD;
    float above = p[0] + f.x * (p[1] - p[0]), below = p[pitch] + f.x * (p[pitch + 1] - p[pitch]);
    return above + f.y * (below - above);
}

/* Adds a pixel's motion, as far as it exceeds `least`, to a directogram and its total. */
static void NAME(count)(local float *bins, local float *total, float2 motion, float2 gradient, float least) {
    float magnitude = sqrt(motion.x * motion.x + motion.y * motion.y);
    if (magnitude <= least)
        return;
    float along = (gradient.x * motion.x + gradient.y * motion.y) / magnitude;
    float amount = along * along / (along * along + CONTRAST) * (magnitude - least);
    float direction = NAME(turn)(motion.x, motion.y) * (float)BINS;
    int bin = min((int)direction, BINS - 1);
    float next = (direction - (float)bin) * amount;
    *total += amount;
    bins[bin * ITEMS] += amount - next;
    bins[(bin + 1 < BINS ? bin + 1 : 0) * ITEMS] += next;
}

/* level [2, height + 2 PAD, width + 2 PAD], flow [height, width, 2], camera [8] -> sums [tiles, FEATURES] */
KERNEL(partial)(global float *restrict sums, global const float *restrict level, global const float *restrict flow,
                global const float *restrict camera, int width, int height, int tiles_across, int tiles_down,
                uint slot, local float *sums_of_items) {
    int tile_x = get_global_id(0), tile_y = get_global_id(1);
    if (tile_x >= tiles_across || tile_y >= tiles_down)
        return;
    int pitch = width + 2 * PAD;
    size_t plane = (size_t)pitch * (height + 2 * PAD);
    global const float *before = level + (1 - slot) * plane, *now = level + slot * plane;
    float8 c = vload8(0, camera);
    float to_unit = 2.0f / (float)max(width, height);
    local float *sum = sums_of_items + get_local_id(1) * SIDE + get_local_id(0); /* [FEATURES], ITEMS apart */
    for (int k = 0; k < FEATURES; k++)
        sum[k * ITEMS] = 0.0f;
    float gradients = 0.0f, differences = 0.0f, sum_a = 0.0f, sum_b = 0.0f, sum_aa = 0.0f, sum_bb = 0.0f, sum_ab = 0.0f;
    local float *rest = sum + 2 * BINS * ITEMS;
    int bottom = min(height, (tile_y + 1) * TILE), end = min(width, (tile_x + 1) * TILE);
    for (int y = tile_y * TILE; y < bottom; y++) {
        for (int x = tile_x * TILE; x < end; x++) {
            float2 f = vload2((size_t)y * width + x, flow);
            float unit_x = ((float)x + 0.5f - 0.5f * (float)width) * to_unit;
            float unit_y = ((float)y + 0.5f - 0.5f * (float)height) * to_unit;
            float2 carried =
                (float2)(c.s0 + c.s1 * unit_x + c.s2 * unit_y, c.s3 + c.s4 * unit_x + c.s5 * unit_y);
            global const float *p = before + (y + PAD) * pitch + x + PAD;
            float2 gradient = 0.5f * (float2)(p[1] - p[-1], p[pitch] - p[-pitch]);
            float2 at = clamp((float2)(x, y) + f, (float2)(-PAD), (float2)(width, height) + (float2)(PAD - 2));
            float a = p[0] - 128.0f, b = NAME(sample)(now, pitch, at) - 128.0f;
            gradients += sqrt(gradient.x * gradient.x + gradient.y * gradient.y);
            differences += fabs(now[(y + PAD) * pitch + x + PAD] - p[0]);
            sum_a += a;
            sum_b += b;
            sum_aa += a * a;
            sum_bb += b * b;
            sum_ab += a * b;
            NAME(count)(sum + BINS * ITEMS, rest + ITEMS, f, gradient, NOISE_FLOOR);
            float2 target = (float2)(x, y) + carried;
            if (target.x >= 0.0f && target.y >= 0.0f && target.x <= (float)(width - 1) &&
                target.y <= (float)(height - 1))
                NAME(count)(sum, rest, f - carried, gradient, NOISE_FLOOR + NOISE_FACTOR * c.s7);
        }
    }
    global float *out = sums + ((size_t)tile_y * tiles_across + tile_x) * FEATURES;
    for (int k = 0; k < 2 * BINS + 2; k++)
        out[k] = sum[k * ITEMS];
    const float last[] = {gradients, differences, sum_a, sum_b, sum_aa, sum_bb, sum_ab};
#pragma unroll
    for (int k = 2 * BINS + 2; k < FEATURES; k++)
        out[k] = last[k - 2 * BINS - 2];
}

/* sums [tiles, FEATURES], camera [8] -> features [rows, FEATURES + 8]: row `row` = means over the pixels, then the
 * camera. */
KERNEL(gather)(global float *restrict features, global const float *restrict sums, global const float *restrict camera,
               int tiles, float scale, uint row) {
    int k = get_global_id(0);
    if (k >= FEATURES + 8)
        return;
    float value = 0.0f;
    if (k < FEATURES) {
        for (int tile = 0; tile < tiles; tile++)
            value += sums[(size_t)tile * FEATURES + k];
        value *= scale;
    } else {
        value = camera[k - FEATURES];
    }
    features[(size_t)row * (FEATURES + 8) + k] = value;
}
