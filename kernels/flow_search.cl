/*
 * Dense inverse search (Kroeger, Timofte, Dai, Van Gool: "Fast Optical Flow using Dense Inverse Search", ECCV 2016):
 * each PATCH x PATCH patch of the previous frame, on a grid of STRIDE pixels, looks for its place in the current one by
 * inverse compositional Gauss-Newton steps, starting from the coarser level's flow or from rest, whichever fits better.
 * Patches are compared free of a change of brightness and of contrast, which makes the search blind to flicker; the
 * change of contrast is held by a ridge of GAIN_RIDGE. A step is kept only if it lowers the error.
 *
 * level [2, height + 2 PAD, width + 2 PAD], coarse [coarse_height, coarse_width, 2] -> patches [grid_height,
 * grid_width, 8]: u, v, change of brightness, mean squared error, structure tensor xx, xy, yy (sums over the patch of
 * what brightness and contrast do not explain), 0. Patch (i, j) covers pixels STRIDE (i - 1) .. STRIDE (i - 1) +
 * PATCH - 1: every pixel lies in four patches.
 *
 * With the macro KEEP an item keeps its patch and the gradients, 192 numbers, which a CPU has in its first-level cache.
 * A GPU's registers do not hold them: without it each comparison makes them again.
 */

#if KEEP
#define NO_UNROLL
#else
#define NO_UNROLL _Pragma("nounroll")
#endif

static float NAME(sum8)(float8 v) {
    float4 four = v.lo + v.hi;
    return (four.x + four.z) + (four.y + four.w);
}

typedef struct {
    float8 value, x, y; /* luma, and its gradient */
} NAME(line);

typedef struct {
#if KEEP
    NAME(line) line[PATCH]; /* gradients free of the patch's mean and contrast */
#else
    global const float *pixels;
    int pitch;
#endif
    float mean, to_gain; /* of the values; 1 / (their sum of squares free of the mean + GAIN_RIDGE) */
    float mean_x, mean_y, gain_x, gain_y; /* of the gradients */
    float xx, xy, yy;                     /* structure tensor */
} NAME(patch);

static NAME(line) NAME(read_line)(global const float *p, int pitch) {
    NAME(line) out;
    out.value = vload8(0, p);
    out.x = 0.5f * (vload8(0, p + 1) - vload8(0, p - 1));
    out.y = 0.5f * (vload8(0, p + pitch) - vload8(0, p - pitch));
    return out;
}

/* As it was read. */
static NAME(line) NAME(plain_line)(const NAME(patch) *patch, int row) {
#if KEEP
    return patch->line[row];
#else
    return NAME(read_line)(patch->pixels + row * patch->pitch, patch->pitch);
#endif
}

/* Without what the patch's mean and contrast explain of its gradient. */
static NAME(line) NAME(free_line)(const NAME(patch) *patch, NAME(line) line) {
    const float8 value = line.value - patch->mean;
    line.x = line.x - patch->mean_x - patch->gain_x * value;
    line.y = line.y - patch->mean_y - patch->gain_y * value;
    return line;
}

static void NAME(read_patch)(NAME(patch) *patch, global const float *p, int pitch) {
    float8 sum = 0.0f, sx = 0.0f, sy = 0.0f;
#if !KEEP
    patch->pixels = p;
    patch->pitch = pitch;
#endif
    NO_UNROLL
    for (int row = 0; row < PATCH; row++, p += pitch) {
        const NAME(line) line = NAME(read_line)(p, pitch);
#if KEEP
        patch->line[row] = line;
#endif
        sum += line.value;
        sx += line.x;
        sy += line.y;
    }
    const float part = 1.0f / (PATCH * PATCH);
    patch->mean = part * NAME(sum8)(sum);
    patch->mean_x = part * NAME(sum8)(sx);
    patch->mean_y = part * NAME(sum8)(sy);
    float8 power = 0.0f, along_x = 0.0f, along_y = 0.0f;
    NO_UNROLL
    for (int row = 0; row < PATCH; row++) {
        const NAME(line) line = NAME(plain_line)(patch, row);
        const float8 value = line.value - patch->mean;
        power += value * value;
        along_x += value * (line.x - patch->mean_x);
        along_y += value * (line.y - patch->mean_y);
    }
    patch->to_gain = 1.0f / (NAME(sum8)(power) + GAIN_RIDGE);
    patch->gain_x = NAME(sum8)(along_x) * patch->to_gain;
    patch->gain_y = NAME(sum8)(along_y) * patch->to_gain;
    float8 xx = 0.0f, xy = 0.0f, yy = 0.0f;
    NO_UNROLL
    for (int row = 0; row < PATCH; row++) {
        const NAME(line) plain = NAME(plain_line)(patch, row), line = NAME(free_line)(patch, plain);
        const float8 x = plain.x - patch->mean_x, y = plain.y - patch->mean_y;
        xx += line.x * x;
        xy += line.x * y;
        yy += line.y * y;
#if KEEP
        patch->line[row] = line;
#endif
    }
    patch->xx = NAME(sum8)(xx);
    patch->xy = NAME(sum8)(xy);
    patch->yy = NAME(sum8)(yy);
}

typedef struct {
    float error, shift, x, y; /* sum of squares and mean of the residual, and its products with the gradients */
} NAME(fit);

static NAME(fit) NAME(compare)(const NAME(patch) *patch, global const float *now, int pitch, float2 at) {
    float2 corner = floor(at);
    float2 f = at - corner;
    global const float *p = now + ((int)corner.y + PAD) * pitch + (int)corner.x + PAD;
    float8 sum = 0.0f, squares = 0.0f, along = 0.0f, sx = 0.0f, sy = 0.0f;
    float8 above = vload8(0, p);
    above += f.x * (vload8(0, p + 1) - above);
    NO_UNROLL
    for (int j = 0; j < PATCH; j++) {
#if KEEP
        const NAME(line) line = patch->line[j];
#else
        const NAME(line) line = NAME(free_line)(patch, NAME(plain_line)(patch, j));
#endif
        p += pitch;
        float8 below = vload8(0, p);
        below += f.x * (vload8(0, p + 1) - below);
        float8 r = above + f.y * (below - above) - line.value;
        above = below;
        sum += r;
        squares += r * r;
        along += r * (line.value - patch->mean);
        sx += r * line.x;
        sy += r * line.y;
    }
    NAME(fit) out;
    float total = NAME(sum8)(sum), gain = NAME(sum8)(along);
    out.shift = total * (1.0f / (PATCH * PATCH));
    out.error = fmax(NAME(sum8)(squares) - total * out.shift - gain * gain * patch->to_gain, 0.0f);
    out.x = NAME(sum8)(sx);
    out.y = NAME(sum8)(sy);
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
    NAME(patch) patch;
    NAME(read_patch)(&patch, before + (corner.y + PAD) * pitch + corner.x + PAD, pitch);

    /* the patch may leave the image by no more than the padding, interpolation included */
    float2 origin = convert_float2(corner);
    float2 low = (float2)(1 - PAD) - origin;
    float2 high = (float2)(width, height) + (float2)(PAD - PATCH - 2) - origin;
    float2 best = 0.0f;
    NAME(fit) fit = NAME(compare)(&patch, now, pitch, origin);
    if (coarse_width > 0) {
        int2 from = clamp((corner + PATCH / 2) / 2, (int2)(0), (int2)(coarse_width - 1, coarse_height - 1));
        float2 guess = clamp(2.0f * vload2((size_t)from.y * coarse_width + from.x, coarse), low, high);
        NAME(fit) other = NAME(compare)(&patch, now, pitch, origin + guess);
        if (other.error <= fit.error) {
            fit = other;
            best = guess;
        }
    }

    float2 start = best;
    float axx = patch.xx + DAMPING, ayy = patch.yy + DAMPING, axy = patch.xy;
    float scale = 1.0f / (axx * ayy - axy * axy);
    for (int step = 0; step < STEPS; step++) {
        float2 move = scale * (float2)(ayy * fit.x - axy * fit.y, axx * fit.y - axy * fit.x);
        float2 next = clamp(best - move, low, high);
        if (fabs(next.x - start.x) > PATCH || fabs(next.y - start.y) > PATCH)
            break;
        NAME(fit) other = NAME(compare)(&patch, now, pitch, origin + next);
        if (other.error >= fit.error)
            break;
        fit = other;
        best = next;
        if (dot(move, move) < SMALLEST_STEP * SMALLEST_STEP)
            break;
    }
    vstore8((float8)(best, fit.shift, fit.error * (1.0f / (PATCH * PATCH)), patch.xx, patch.xy, patch.yy, 0.0f),
            (size_t)j * grid_width + i, patches);
}
