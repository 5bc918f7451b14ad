/*
 * Camera motion: the affine flow (u, v) = (c0 + c1 X + c2 Y, c3 + c4 X + c5 Y) that most of the picture follows, by
 * iteratively reweighted least squares with Geman-McClure weights whose scale shrinks from step to step (graduated
 * non-convexity, Black and Rangarajan 1996). X and Y run over -1..1 along the longer side. Each patch counts along the
 * directions in which it has contrast: its residual is measured by its structure tensor, scaled to eigenvalues 0..1, so
 * that a horizon says nothing about a pan along it. What no patch decides is drawn to rest by a ridge. It is weak: with
 * a say in what a figure before plain ground decides, it held the camera at rest whenever a pan turned round.
 *
 * Two fits compete: one goes on from the motion between the frames before, looking no further than TRACKED_DEVIATION,
 * the other starts from nothing. The first wins unless clearly less of the picture follows it: limbs that move at once
 * before plain ground do not become the camera.
 *
 * patches [grid_height, grid_width, 8] -> camera [8], which holds the motion before: c0..c5, the part of the picture
 * that follows it (mean trace of the scaled tensors, 0..2), and the rms deviation of that part in pixels. One
 * work-group of GROUP items.
 */

enum { NAME(TERMS) = 26 }; /* 18 products, 6 right-hand sides, contrast that follows, its squared deviation */

/* Loops over small arrays are unrolled: registers cannot be indexed, and memory of an item's own is slow on GPUs. */

/* Solves the symmetric positive definite A x = b of order 6 in place (Cholesky); A is packed by rows, lower triangle.
 */
static void NAME(solve)(float *a, float *x) {
#pragma unroll
    for (int i = 0; i < 6; i++)
#pragma unroll
        for (int j = 0; j <= i; j++) {
            float sum = a[i * 6 + j];
#pragma unroll
            for (int k = 0; k < j; k++)
                sum -= a[i * 6 + k] * a[j * 6 + k];
            a[i * 6 + j] = i == j ? sqrt(fmax(sum, 1e-12f)) : sum / a[j * 6 + j];
        }
#pragma unroll
    for (int i = 0; i < 6; i++) {
#pragma unroll
        for (int k = 0; k < i; k++)
            x[i] -= a[i * 6 + k] * x[k];
        x[i] /= a[i * 6 + i];
    }
#pragma unroll
    for (int i = 5; i >= 0; i--) {
#pragma unroll
        for (int k = i + 1; k < 6; k++)
            x[i] -= a[k * 6 + i] * x[k];
        x[i] /= a[i * 6 + i];
    }
}

/* Sums what one patch says, given the present model. */
static void NAME(add_patch)(float *terms, float8 p, float x, float y, local const float *model, float deviation) {
    float scale = 1.0f / (p.s4 + p.s6 + CONTRAST);
    float xx = p.s4 * scale, xy = p.s5 * scale, yy = p.s6 * scale;
    float ru = p.s0 - (model[0] + model[1] * x + model[2] * y);
    float rv = p.s1 - (model[3] + model[4] * x + model[5] * y);
    float squared = xx * ru * ru + 2.0f * xy * ru * rv + yy * rv * rv;
    float weight = 1.0f / (1.0f + squared / (deviation * deviation));
    weight *= weight / (1.0f + p.s3 * (1.0f / MISMATCH));
    terms[24] += (xx + yy) * weight;
    terms[25] += squared * weight;
    xx *= weight;
    xy *= weight;
    yy *= weight;
    float basis[6] = {1.0f, x, y, x * x, x * y, y * y};
    for (int k = 0; k < 6; k++) {
        terms[k] += xx * basis[k];
        terms[6 + k] += xy * basis[k];
        terms[12 + k] += yy * basis[k];
    }
    float bu = xx * p.s0 + xy * p.s1, bv = xy * p.s0 + yy * p.s1;
    for (int k = 0; k < 3; k++) {
        terms[18 + k] += bu * basis[k];
        terms[21 + k] += bv * basis[k];
    }
}

/* The next model from the sums over all patches. */
static void NAME(update)(local float *model, local const float *partial, int samples) {
    const int product[9] = {0, 1, 2, 1, 3, 4, 2, 4, 5}; /* of basis i and j among 1 x y xx xy yy */
    float sum[NAME(TERMS)], a[36], b[6];
    for (int k = 0; k < NAME(TERMS); k++)
        sum[k] = partial[k * GROUP];
#pragma unroll
    for (int i = 0; i < 6; i++) {
#pragma unroll
        for (int j = 0; j < 6; j++)
            a[i * 6 + j] = sum[6 * (i / 3 + j / 3) + product[(i % 3) * 3 + j % 3]];
        a[i * 6 + i] += (float)samples * (i % 3 ? SLOPE_RIDGE : SHIFT_RIDGE);
        b[i] = sum[18 + i];
    }
    if (samples > 0)
        NAME(solve)(a, b);
    for (int i = 0; i < 6; i++)
        model[i] = b[i];
    model[6] = sum[24] / fmax((float)samples, 1.0f);
    model[7] = sqrt(sum[25] / fmax(sum[24], 1e-6f));
}

KERNEL(camera)(global float *restrict camera, global const float *restrict patches, int width, int height,
               int grid_width, int grid_height, local float *partial, local float *models) {
    int lane = get_local_id(0);
    if (lane < 16)
        models[lane] = lane < 6 ? camera[lane] : 0.0f;
    barrier(CLK_LOCAL_MEM_FENCE);
    /* patches 1, 3, 5 .. of each direction tile the picture */
    int columns = max((grid_width - 1) / 2, 0), rows = max((grid_height - 1) / 2, 0), samples = columns * rows;
    float to_unit = 2.0f / (float)max(width, height);
    float deviation = TRACKED_DEVIATION;
    for (int step = 0; step < TRACKED_STEPS + FRESH_STEPS; step++) {
        local float *model = models + (step < TRACKED_STEPS ? 0 : 8);
        if (step == TRACKED_STEPS)
            deviation = FRESH_DEVIATION;
        float terms[NAME(TERMS)];
        for (int k = 0; k < NAME(TERMS); k++)
            terms[k] = 0.0f;
        for (int s = lane; s < samples; s += GROUP) {
            int i = 1 + 2 * (s % columns), j = 1 + 2 * (s / columns);
            float x = ((float)(i * STRIDE) - 0.5f * (float)width) * to_unit;
            float y = ((float)(j * STRIDE) - 0.5f * (float)height) * to_unit;
            NAME(add_patch)(terms, vload8((size_t)j * grid_width + i, patches), x, y, model, deviation);
        }
        for (int k = 0; k < NAME(TERMS); k++)
            partial[k * GROUP + lane] = terms[k];
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < NAME(TERMS)) {
            float sum = 0.0f;
            for (int k = 0; k < GROUP; k++)
                sum += partial[lane * GROUP + k];
            partial[lane * GROUP] = sum;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane == 0)
            NAME(update)(model, partial, samples);
        barrier(CLK_LOCAL_MEM_FENCE);
        deviation = fmax(deviation * SHRINK, LAST_DEVIATION);
    }
    if (lane < 8)
        camera[lane] = models[(models[14] > CLEARLY_MORE * models[6] ? 8 : 0) + lane];
}
