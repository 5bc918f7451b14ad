/*
 * Image pyramid for optical flow. A level is [2, height + 2 PAD, width + 2 PAD] f32 with replicated borders: slot
 * `slot` holds the current frame, the other one the frame before it, so that no level is ever computed twice or copied.
 */

/* frames [rows, height, width] u8 -> level 0. A 3x3 binomial takes the edge off grain and coding noise. */
KERNEL(base)(global float *restrict level, global const uchar *restrict frames, int width, int height, uint row,
             uint slot) {
    int x = get_global_id(0), y = get_global_id(1);
    int pitch = width + 2 * PAD;
    if (x >= pitch || y >= height + 2 * PAD)
        return;
    int cx = clamp(x - PAD, 0, width - 1), cy = clamp(y - PAD, 0, height - 1);
    int left = max(cx - 1, 0), right = min(cx + 1, width - 1);
    global const uchar *frame = frames + (size_t)row * width * height;
    float sum = 0.0f;
    for (int j = -1; j <= 1; j++) {
        global const uchar *line = frame + (size_t)clamp(cy + j, 0, height - 1) * width;
        sum += (float)(2 - abs(j)) * ((float)line[left] + 2.0f * (float)line[cx] + (float)line[right]);
    }
    level[((size_t)slot * (height + 2 * PAD) + y) * pitch + x] = sum * (1.0f / 16.0f);
}

/* Level l -> l + 1, of (width + 1) / 2 by (height + 1) / 2: separable 1 3 3 1. Pixel x covers 2 x and 2 x + 1. */
KERNEL(down)(global float *restrict coarse, global const float *restrict fine, int width, int height, int fine_width,
             int fine_height, uint slot) {
    int x = get_global_id(0), y = get_global_id(1);
    int pitch = width + 2 * PAD, fine_pitch = fine_width + 2 * PAD;
    if (x >= pitch || y >= height + 2 * PAD)
        return;
    int cx = 2 * clamp(x - PAD, 0, width - 1) + PAD - 1, cy = 2 * clamp(y - PAD, 0, height - 1) + PAD - 1;
    global const float *p = fine + ((size_t)slot * (fine_height + 2 * PAD) + cy) * fine_pitch + cx;
    float4 taps = (float4)(0.125f, 0.375f, 0.375f, 0.125f);
    float4 sum = 0.125f * (vload4(0, p) + vload4(0, p + 3 * fine_pitch)) +
                 0.375f * (vload4(0, p + fine_pitch) + vload4(0, p + 2 * fine_pitch));
    coarse[((size_t)slot * (height + 2 * PAD) + y) * pitch + x] = dot(sum, taps);
}
