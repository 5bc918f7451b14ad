/*
 * Convolutions over depth, height and length on devices with local memory and many work-items at once (GPUs): the
 * two-level tiling of gemm_tile.cl. The arithmetic and the arguments are those of conv_panel.cl.
 *
 * A work-group makes TILE_ROWS successive positions of the output, counted through its lines, in TILE_COLUMNS channels.
 * Line by line of the kernel, each step brings STEP numbers of each position's line of X and STEP rows of W into local
 * memory; each item then multiplies ITEM_ROWS numbers by ITEM_COLUMNS numbers from there, STEP times.
 *
 * Local memory: STEP (TILE_ROWS + 1 + TILE_COLUMNS) floats and 3 TILE_ROWS ints, 8.9 KiB for 64 x 64.
 *
 * Macros: TILE_ROWS, TILE_COLUMNS, ITEM_ROWS, ACTIVATION, STORAGE (of the weights, whose panels have TILE_COLUMNS
 * columns). Global size: (columns / ITEM_COLUMNS, positions / ITEM_ROWS, batch), rounded up to whole groups of
 * (TILE_COLUMNS / ITEM_COLUMNS, TILE_ROWS / ITEM_ROWS, 1).
 */
#include "tile.clh"

KERNEL(conv_tile)
(global const float *restrict x, global const STORED *restrict w, global const float *restrict bias,
 global const float *restrict residual, global float *restrict y, int channels, int columns, int batches,
 int residual_eval_step, int residual_batch_step, int has_residual, GEOMETRY) {
    local float xs[STEP][TILE_ROWS + 1]; /* transposed; the odd pitch spreads the transposing writes over the banks */
    local float ws[STEP * TILE_COLUMNS];
    local int row_t[TILE_ROWS], row_h[TILE_ROWS], row_l[TILE_ROWS]; /* first position of X each row sees */

    const int lx = (int)get_local_id(0), ly = (int)get_local_id(1), item = ly * GROUP_COLUMNS + lx;
    const int panel = (int)(get_global_id(0) / GROUP_COLUMNS);
    const int m0 = (int)(get_global_id(1) / GROUP_ROWS) * TILE_ROWS; /* the group's id, with the launch's offset */
    const size_t b = get_global_id(2);
    const int rows = out_depth * out_height * out_length;
    const int run = kernel_length * channels; /* numbers of a line of X, and rows of W */
    const int extent = in_length * channels;
    x += b * (size_t)in_depth * (size_t)in_height * (size_t)extent;
    w += (size_t)panel * (size_t)(kernel_depth * kernel_height) * (size_t)run * TILE_COLUMNS;

    for (int r = item; r < TILE_ROWS; r += ITEMS) {
        const int m = min(m0 + r, rows - 1); /* rows beyond the last repeat it and are not written */
        row_t[r] = m / out_length / out_height * stride_depth - before_depth;
        row_h[r] = m / out_length % out_height * stride_height - before_height;
        row_l[r] = (m % out_length * stride_length - before_length) * channels;
    }

    float sum[ITEM_ROWS][ITEM_COLUMNS];
    CLEAR_SUMS

    const int steps = (run + STEP - 1) / STEP; /* of a line */
    for (int step = 0; step < kernel_depth * kernel_height * steps; step++) {
        const int line = step / steps, k0 = step % steps * STEP;
        const int i = line / kernel_height, j = line % kernel_height;
        barrier(CLK_LOCAL_MEM_FENCE); /* the rows are there, the previous step has been used */
        for (int e = item; e < TILE_ROWS * STEP; e += ITEMS) {
            const int k = k0 + e % STEP, r = e / STEP;
            const int from_t = row_t[r] + i, from_h = row_h[r] + j, at = row_l[r] + k;
            const bool there = k < run && from_t >= 0 && from_t < in_depth && from_h >= 0 && from_h < in_height &&
                               at >= 0 && at < extent;
            xs[e % STEP][r] = there ? x[((size_t)from_t * in_height + from_h) * (size_t)extent + at] : 0.0f;
        }
        const size_t weights = ((size_t)line * run + k0) * TILE_COLUMNS;
        for (int e = item; e < STEP * TILE_COLUMNS; e += ITEMS)
            ws[e] = k0 + e / TILE_COLUMNS < run ? WIDEN(w, weights + e) : 0.0f;
        barrier(CLK_LOCAL_MEM_FENCE);
        MULTIPLY_STEP
    }

    const size_t residual_b = b / batches * residual_eval_step + b % batches * residual_batch_step;
    y += b * (size_t)rows * (size_t)columns;
    residual += residual_b * (size_t)rows * (size_t)columns;
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; r++) {
        const int m = m0 + ly * ITEM_ROWS + r;
        if (m >= rows)
            break;
#pragma unroll
        for (int j = 0; j < ITEM_COLUMNS; j++) {
            const int n = panel * TILE_COLUMNS + j * GROUP_COLUMNS + lx;
            if (n >= columns)
                continue;
            const size_t at = (size_t)m * (size_t)columns + (size_t)n;
            float value = sum[r][j] + bias[n];
            if (has_residual)
                value += residual[at];
            y[at] = ACTIVATE(value);
        }
    }
}
