/*
 * Products on devices whose work-items are processor threads (CPUs): the register-tiled kernel of a CPU BLAS.
 *
 *     Y[b][m][n] = ACTIVATION(bias[n] + residual[b][m][n] + sum over k of X[b][m row_step + row_start + k] W[k][n])
 *
 * with k < depth = taps * channels. X[b] is seen as one run of `extent` numbers and is zero outside it. A row of the
 * product takes `depth` successive numbers of it, because channels are last: a convolution needs no im2col, its rows
 * simply overlap (row_step = stride * channels < depth).
 *
 * A work-item holds ROWS x VECTORS vectors of sums in registers. Each step loads VECTORS vectors of weights, broadcasts
 * one number of each row, and multiplies. With
 * ROWS * VECTORS = 16 vectors of 16 floats this runs at the processor's peak; neither local memory nor more than one
 * item in a work-group would help. Weights come in panels [columns / PANEL][depth][PANEL], PANEL = VECTORS * VEC, zero
 * beyond `columns`. A panel stays in the second-level cache while dimension 0 walks the rows.
 *
 * In Y[b], of y_extent numbers, row m starts at m * pitch + offset and has `columns` numbers, the last row
 * last_columns. The residual lies like Y; its block for b = eval * batches + batch is eval * residual_eval_step +
 * batch * residual_batch_step (steps of 0 broadcast). Without has_bias and has_residual those buffers are not read.
 *
 * Macros: VEC (4, 8, 16), VECTORS, ROWS, ACTIVATION, STORAGE (of the weights). Global size: (rows / ROWS, columns / PANEL, batch), rounded up;
 * local size 1.
 */

#include "panel.clh"

KERNEL(gemm_panel)
(global const float *restrict x, global const STORED *restrict w, global const FLOATS *restrict bias,
 global const float *restrict residual, global float *restrict y, int rows, int columns, int depth, int row_step,
 int row_start, int extent, int pitch, int offset, int last_columns, int y_extent, int batches, int residual_eval_step,
 int residual_batch_step, int has_bias, int has_residual) {
    const int m0 = (int)get_global_id(0) * ROWS;
    const int panel = (int)get_global_id(1);
    const int b = (int)get_global_id(2);
    x += (size_t)b * (size_t)extent;
    w += (size_t)panel * (size_t)depth * PANEL;

    FLOATS sum[ROWS][VECTORS];
    CLEAR_SUMS

    const int start = m0 * row_step + row_start;
    if (start >= 0 && start + (ROWS - 1) * row_step + depth <= extent) {
        global const float *p = x + start;
#pragma nounroll
        for (int k = 0; k < depth; k++)
            ADD_PRODUCTS(p[r * row_step + k], w, k)
    } else { /* at the borders of X, or fewer than ROWS rows left */
#pragma nounroll
        for (int k = 0; k < depth; k++) {
            const int first = start + k;
            ADD_PRODUCTS(first + r * row_step >= 0 && first + r * row_step < extent ? x[first + r * row_step] : 0.0f, w,
                         k)
        }
    }

    KEEP_SUMS(tile)

    const int first_column = panel * PANEL;
    const size_t residual_b =
        (size_t)(b / batches) * (size_t)residual_eval_step + (size_t)(b % batches) * (size_t)residual_batch_step;
    for (int r = 0; r < ROWS && m0 + r < rows; r++) {
        const int count = (m0 + r == rows - 1 ? last_columns : columns) - first_column;
        const size_t at = (size_t)(m0 + r) * (size_t)pitch + (size_t)(offset + first_column);
        global const FLOATS *panel_bias = has_bias ? bias + panel * VECTORS : 0;
        global const float *row_residual = has_residual ? residual + residual_b * (size_t)y_extent + at : 0;
        if (count > 0)
            NAME(finish)(tile[r], panel_bias, row_residual, y + (size_t)b * (size_t)y_extent + at, count);
    }
}
