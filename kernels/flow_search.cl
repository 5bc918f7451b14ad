/*
 * Dense inverse search (Kroeger, Timofte, Dai, Van Gool: "Fast Optical Flow using Dense Inverse Search", ECCV 2016):
 * each PATCH x PATCH patch of the previous frame, on a grid of STRIDE pixels, looks for its place in the current one by
 * inverse compositional Gauss-Newton steps, starting from the coarser level's flow or from rest, whichever fits better.
 * Patches are compared free of their mean, which makes the search blind to flicker. A step is kept only if it lowers
 * the error.
 *
 * level [2, height + 2 PAD, width + 2 PAD], coarse [coarse_height, coarse_width, 2] -> patches [grid_height,
 * grid_width, 8]: u, v, mean brightness change, mean squared error, structure tensor xx, xy, yy (sums over the patch,
 * mean-free), 0. Patch (i, j) covers pixels STRIDE (i - 1) .. STRIDE (i - 1) + PATCH - 1: every pixel lies in four
 * patches.
 */

static float NAME(sum8)(float8 v) {
    float4 four = v.lo + v.hi;
    return (four.x + four.z) + (four.y + four.w);
}

typedef struct {
    float error, shift, x, y; /* sum of squares and mean of the residual, and its products with the gradients */
} NAME(fit);

static NAME(fit) NAME(compare)(global const float *now, int pitch, const float8 *template, const float8 *gx,
                               const float8 *gy, float2 gradient_mean, float2 at) {
    float2 corner = floor(at);
    float2 f = at - corner;
    global const float *p = now + ((int)corner.y + PAD) * pitch + (int)corner.x + PAD;
    float8 sum = 0.0f, squares = 0.0f, sx = 0.0f, sy = 0.0f;
    float8 above = vload8(0, p);
    above += f.x * (vload8(0, p + 1) - above);
    for (int j = 0; j < PATCH; j++) {
        p += pitch;
        float8 below = vload8(0, p);
        below += f.x * (vload8(0, p + 1) - below);
        float8 r = above + f.y * (below - above) - template[j];
        above = below;
        sum += r;
        squares += r * r;
        sx += gx[j] * r;
        sy += gy[j] * r;
    }
    NAME(fit) out;
    float total = NAME(sum8)(sum);
    out.shift = total * (1.0f / (PATCH * PATCH));
    out.error = NAME(sum8)(squares) - total * out.shift;
    out.x = NAME(sum8)(sx) - gradient_mean.x * total;
    out.y = NAME(sum8)(sy) - gradient_mean.y * total;
    return out;
}

KERNEL(search)(global float *restrict patches, global const float *restrict level, global const float *restrict coarse,
               int width, int height, int coarse_width, int coarse_height, int grid_width, int grid_height, uint slot) {
    int i = get_global_id(0), j = get_global_id(1);
    if (i >= grid_width || j >= grid_height)
        return;
    int pitch = width + 2 * PAD;
    size_t plane = (size_t)pitch * (height + 2 * PAD);
    global const float *before = level + (1 - slot) * plane, *now = level + slot * plane;
    int2 corner = STRIDE * (int2)(i - 1, j - 1);

    float8 template[PATCH], gx[PATCH], gy[PATCH];
    float8 sx = 0.0f, sy = 0.0f, sxx = 0.0f, sxy = 0.0f, syy = 0.0f;
    global const float *p = before + (corner.y + PAD) * pitch + corner.x + PAD;
    for (int row = 0; row < PATCH; row++, p += pitch) {
        template[row] = vload8(0, p);
        float8 dx = 0.5f * (vload8(0, p + 1) - vload8(0, p - 1));
        float8 dy = 0.5f * (vload8(0, p + pitch) - vload8(0, p - pitch));
        sx += dx;
        sy += dy;
        sxx += dx * dx;
        sxy += dx * dy;
        syy += dy * dy;
        gx[row] = dx;
        gy[row] = dy;
    }
    float2 total = (float2)(NAME(sum8)(sx), NAME(sum8)(sy));
    float2 mean = total * (1.0f / (PATCH * PATCH));
    float xx = NAME(sum8)(sxx) - total.x * mean.x, xy = NAME(sum8)(sxy) - total.x * mean.y,
          yy = NAME(sum8)(syy) - total.y * mean.y;

    /* the patch may leave the image by no more than the padding, interpolation included */
    float2 origin = convert_float2(corner);
    float2 low = (float2)(1 - PAD) - origin;
    float2 high = (float2)(width, height) + (float2)(PAD - PATCH - 2) - origin;
    float2 best = 0.0f;
    NAME(fit) fit = NAME(compare)(now, pitch, template, gx, gy, mean, origin);
    if (coarse_width > 0) {
        int2 from = clamp((corner + PATCH / 2) / 2, (int2)(0), (int2)(coarse_width - 1, coarse_height - 1));
        float2 guess = clamp(2.0f * vload2((size_t)from.y * coarse_width + from.x, coarse), low, high);
        NAME(fit) other = NAME(compare)(now, pitch, template, gx, gy, mean, origin + guess);
        if (other.error <= fit.error) {
            fit = other;
            best = guess;
        }
    }

    float2 start = best;
    float axx = xx + DAMPING, ayy = yy + DAMPING;
    float scale = 1.0f / (axx * ayy - xy * xy);
    for (int step = 0; step < STEPS; step++) {
        float2 move = scale * (float2)(ayy * fit.x - xy * fit.y, axx * fit.y - xy * fit.x);
        float2 next = clamp(best - move, low, high);
        if (fabs(next.x - start.x) > PATCH || fabs(next.y - start.y) > PATCH)
            break;
        NAME(fit) other = NAME(compare)(now, pitch, template, gx, gy, mean, origin + next);
        if (other.error >= fit.error)
            break;
        fit = other;
        best = next;
        if (dot(move, move) < SMALLEST_STEP * SMALLEST_STEP)
            break;
    }
    vstore8((float8)(best, fit.shift, fit.error * (1.0f / (PATCH * PATCH)), xx, xy, yy, 0.0f),
            (size_t)j * grid_width + i, patches);
}
