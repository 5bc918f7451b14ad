/*
 * Flow of each pixel from the four patches that cover it, each weighted by how well its displacement explains this very
 * pixel (Kroeger et al. 2016, equation 3). A work-item makes a STRIDE x STRIDE cell, whose pixels share their patches.
 *
 * level [2, height + 2 PAD, width + 2 PAD], patches [grid_height, grid_width, 8] -> flow [height, width, 2], pixels a
 * frame.
 */
KERNEL(densify)(global float *restrict flow, global const float *restrict level, global const float *restrict patches,
                int width, int height, int grid_width, uint slot) {
    int i = get_global_id(0), j = get_global_id(1);
    if (i * STRIDE >= width || j * STRIDE >= height)
        return;
    int pitch = width + 2 * PAD;
    size_t plane = (size_t)pitch * (height + 2 * PAD);
    global const float *before = level + (1 - slot) * plane + (j * STRIDE + PAD) * pitch + i * STRIDE + PAD;
    global const float *now = level + slot * plane;
    float4 u[STRIDE], v[STRIDE], weights[STRIDE];
    for (int y = 0; y < STRIDE; y++)
        u[y] = v[y] = weights[y] = 0.0f;
    for (int k = 0; k < 4; k++) {
        float4 patch = vload4(2 * ((size_t)(j + k / 2) * grid_width + i + k % 2), patches);
        float2 at = (float2)(i * STRIDE, j * STRIDE) + patch.xy;
        at = clamp(at, (float2)(-PAD), (float2)(width, height) + (float2)(PAD - STRIDE - 1));
        float2 corner = floor(at);
        float2 f = at - corner;
        global const float *p = now + ((int)corner.y + PAD) * pitch + (int)corner.x + PAD;
        float4 above = vload4(0, p);
        above += f.x * (vload4(0, p + 1) - above);
#pragma unroll
        for (int y = 0; y < STRIDE; y++) {
            p += pitch;
            float4 below = vload4(0, p);
            below += f.x * (vload4(0, p + 1) - below);
            float4 residual = above + f.y * (below - above) - vload4(0, before + y * pitch) - patch.z;
            float4 weight = 1.0f / fmax(fabs(residual), 1.0f);
            above = below;
            u[y] += weight * patch.x;
            v[y] += weight * patch.y;
            weights[y] += weight;
        }
    }
#pragma unroll
    for (int y = 0; y < STRIDE; y++) {
        if (j * STRIDE + y >= height)
            break;
        float mean_u[4], mean_v[4];
        vstore4(u[y] / weights[y], 0, mean_u);
        vstore4(v[y] / weights[y], 0, mean_v);
#pragma unroll
        for (int x = 0; x < STRIDE; x++)
            if (i * STRIDE + x < width)
                vstore2((float2)(mean_u[x], mean_v[x]), (size_t)(j * STRIDE + y) * width + i * STRIDE + x, flow);
    }
}
