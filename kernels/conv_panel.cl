/*
 * Convolutions over depth, height and length on devices whose work-items are processor threads (CPUs): the
 * register-tiled product of gemm_panel.cl, a line of kernel positions at a time, without im2col.
 *
 *     Y[b][t][h][l][n] = ACTIVATION(bias[n] + residual[..] + sum over i, j, k, c of
 *                                   X[b][t sd - bd + i][h sh - bh + j][l sl - bl + k][c] W[i][j][k][c][n])
 *
 * with X zero outside its sides. A work-item makes ROWS successive positions of a line of the output in VECTORS vectors
 * of channels. Because channels are last, what a position takes of a line of X are kernel_length * channels successive
 * numbers, and lines outside X are left out. Where a window reaches beyond the ends of a line, each position of the
 * kernel gets the addresses of its ROWS numbers first, those of `zeros` in place of padding (an indirection, as in
 * Dukhan, "The indirect convolution algorithm", 2019), so that no multiplication waits for a comparison.
 *
 * Weights come in panels [columns / PANEL][kernel positions][channels][PANEL], PANEL = VECTORS * VEC, zero beyond
 * `columns`; the bias has as many numbers as the panels, and after them `channels` zeros. The residual lies like Y; its
 * block for b = eval * batches + batch is eval * residual_eval_step + batch * residual_batch_step (steps of 0
 * broadcast).
 *
 * Macros: VEC (4, 8, 16), VECTORS, ROWS, ACTIVATION, STORAGE (of the weights). Global size: (out_depth * out_height *
 * out_length / ROWS, columns / PANEL, batch), each factor rounded up; local size 1.
 */
#include "panel.clh"

KERNEL(conv_panel)
(global const float *restrict x, global const STORED *restrict w, global const FLOATS *restrict bias,
 global const float *restrict residual, global float *restrict y, int channels, int columns, int batches,
 int residual_eval_step, int residual_batch_step, int has_residual, GEOMETRY) {
    const int blocks = (out_length + ROWS - 1) / ROWS, block = (int)get_global_id(0);
    const int l0 = block % blocks * ROWS, h = block / blocks % out_height, t = block / blocks / out_height;
    const int panel = (int)get_global_id(1), panels = (columns + PANEL - 1) / PANEL;
    const size_t b = get_global_id(2);
    global const float *zeros = (global const float *)(bias + panels * VECTORS);

    FLOATS sum[ROWS][VECTORS];
    CLEAR_SUMS

    const int first = l0 * stride_length - before_length, row_step = stride_length * channels;
    const int run = kernel_length * channels; /* numbers of a line of X, and rows of W */
    const bool inside = first >= 0 && first + (ROWS - 1) * stride_length + kernel_length <= in_length;
    for (int i = 0; i < kernel_depth; i++) {
        const int from_t = t * stride_depth - before_depth + i;
        if (from_t < 0 || from_t >= in_depth)
            continue;
        for (int j = 0; j < kernel_height; j++) {
            const int from_h = h * stride_height - before_height + j;
            if (from_h < 0 || from_h >= in_height)
                continue;
            global const float *line =
                x + ((b * in_depth + from_t) * in_height + from_h) * (size_t)in_length * (size_t)channels;
            global const STORED *weights =
                w + (((size_t)panel * kernel_depth + i) * kernel_height + j) * (size_t)run * PANEL;
            if (inside) {
                global const float *p = line + first * channels;
#pragma nounroll
                for (int k = 0; k < run; k++)
                    ADD_PRODUCTS(p[r * row_step + k], weights, k)
                continue;
            }
            for (int k = 0; k < kernel_length; k++, weights += channels * PANEL) {
                global const float *p[ROWS];
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    const int at = first + r * stride_length + k;
                    p[r] = at >= 0 && at < in_length ? line + at * channels : zeros;
                }
#pragma nounroll
                for (int c = 0; c < channels; c++)
                    ADD_PRODUCTS(p[r][c], weights, c)
            }
        }
    }

    KEEP_SUMS(tile)

    const size_t volume = (size_t)out_depth * (size_t)out_height * (size_t)out_length;
    const size_t position = ((size_t)t * (size_t)out_height + (size_t)h) * (size_t)out_length + (size_t)l0;
    const size_t residual_b = b / batches * residual_eval_step + b % batches * residual_batch_step;
    const int column = panel * PANEL;
    y += (b * volume + position) * columns + column;
    residual += (residual_b * volume + position) * columns + column;
    for (int r = 0; r < ROWS && l0 + r < out_length; r++)
        NAME(finish)(tile[r], bias + panel * VECTORS, has_residual ? residual + (size_t)r * columns : 0,
                     y + (size_t)r * columns, columns - column);
}
