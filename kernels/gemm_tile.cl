/*
 * Products on devices with local memory and many work-items at once (GPUs): the classic two-level tiling. The
 * arithmetic, the view of X and the arguments are those of gemm_panel.cl.
 *
 * A work-group makes TILE_ROWS x TILE_COLUMNS results. Each step brings STEP numbers of each of its rows of X and STEP
 * rows of its panel of W into local memory, read from global memory side by side; each item then multiplies ITEM_ROWS
 * numbers by ITEM_COLUMNS numbers from there, STEP times. An item's columns lie a group's width apart, so that local
 * reads and global writes of neighbours are side by side too. Weights come in panels [columns / TILE_COLUMNS][depth,
 * rounded up to a multiple of STEP][TILE_COLUMNS], zero where padded.
 *
 * Local memory: STEP (TILE_ROWS + 1 + TILE_COLUMNS) floats, 8.1 KiB for 64 x 64.
 *
 * HALF: factors are rounded to half precision and the products of one step added up in it, for devices that do twice as
 * much of that; steps are added up in float. What 16 products add is about as much as rounding the factors does.
 *
 * Macros: TILE_ROWS, TILE_COLUMNS, ITEM_ROWS, ACTIVATION, STORAGE (of the weights), HALF 0 or 1. Global size: (columns / ITEM_COLUMNS, rows / ITEM_ROWS,
 * batch), rounded up to whole groups of (TILE_COLUMNS / ITEM_COLUMNS, TILE_ROWS / ITEM_ROWS, 1).
 */
#include "tile.clh"
#if HALF
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#define FACTOR half
#else
#define FACTOR float
#endif

KERNEL(gemm_tile)
(global const float *restrict x, global const STORED *restrict w, global const float *restrict bias,
 global const float *restrict residual, global float *restrict y, int rows, int columns, int depth, int row_step,
 int row_start, int extent, int pitch, int offset, int last_columns, int y_extent, int batches, int residual_eval_step,
 int residual_batch_step, int has_bias, int has_residual) {
    local FACTOR xs[STEP][TILE_ROWS + 1]; /* transposed; the odd pitch spreads the transposing writes over the banks */
    local FACTOR ws[STEP * TILE_COLUMNS];

    const int lx = (int)get_local_id(0), ly = (int)get_local_id(1), item = ly * GROUP_COLUMNS + lx;
    const int panel = (int)(get_global_id(0) / GROUP_COLUMNS);
    const int m0 = (int)(get_global_id(1) / GROUP_ROWS) * TILE_ROWS; /* the group's id, with the launch's offset */
    const int b = (int)get_global_id(2);
    const int steps = (depth + STEP - 1) / STEP;
    x += (size_t)b * (size_t)extent;
    w += (size_t)panel * (size_t)steps * (STEP * TILE_COLUMNS);

    float sum[ITEM_ROWS][ITEM_COLUMNS];
    CLEAR_SUMS

    for (int step = 0; step < steps; step++) {
        barrier(CLK_LOCAL_MEM_FENCE); /* the previous step has been used */
        for (int i = item; i < TILE_ROWS * STEP; i += ITEMS) {
            const int k = step * STEP + i % STEP;
            const int at = (m0 + i / STEP) * row_step + row_start + k;
            xs[i % STEP][i / STEP] = (FACTOR)(k < depth && at >= 0 && at < extent ? x[at] : 0.0f);
        }
        for (int i = item; i < STEP * TILE_COLUMNS; i += ITEMS)
            ws[i] = (FACTOR)WIDEN(w, (size_t)step * (STEP * TILE_COLUMNS) + i);
        barrier(CLK_LOCAL_MEM_FENCE);
#if HALF
        half4 part[ITEM_ROWS];
#pragma unroll
        for (int r = 0; r < ITEM_ROWS; r++)
            part[r] = 0.0h;
#pragma unroll
        for (int k = 0; k < STEP; k++) {
            local const half *row = ws + k * TILE_COLUMNS + lx;
            const half4 weight = (half4)(row[0], row[GROUP_COLUMNS], row[2 * GROUP_COLUMNS], row[3 * GROUP_COLUMNS]);
#pragma unroll
            for (int r = 0; r < ITEM_ROWS; r++)
                part[r] += xs[k][ly * ITEM_ROWS + r] * weight;
        }
#pragma unroll
        for (int r = 0; r < ITEM_ROWS; r++) {
            sum[r][0] += (float)part[r].x;
            sum[r][1] += (float)part[r].y;
            sum[r][2] += (float)part[r].z;
            sum[r][3] += (float)part[r].w;
        }
#else
        MULTIPLY_STEP
#endif
    }

    const size_t residual_b =
        (size_t)(b / batches) * (size_t)residual_eval_step + (size_t)(b % batches) * (size_t)residual_batch_step;
    y += (size_t)b * (size_t)y_extent;
    residual += residual_b * (size_t)y_extent;
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; r++) {
        const int m = m0 + ly * ITEM_ROWS + r;
        if (m >= rows)
            break;
        const int row_columns = m == rows - 1 ? last_columns : columns;
#pragma unroll
        for (int j = 0; j < ITEM_COLUMNS; j++) {
            const int n = panel * TILE_COLUMNS + j * GROUP_COLUMNS + lx;
            if (n >= row_columns)
                continue;
            const size_t at = (size_t)m * (size_t)pitch + (size_t)(offset + n);
            float value = sum[r][j];
            if (has_bias)
                value += bias[n];
            if (has_residual)
                value += residual[at];
            y[at] = ACTIVATE(value);
        }
    }
}
