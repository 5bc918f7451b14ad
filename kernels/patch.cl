/* Transposes each block of FROM_ROWS x FROM_COLUMNS floats. patch() reads p positions of C channels as C x p, unpatch()
 * back. Item (lane, r) takes every LANES-th float of `each` blocks.
 *
 * Macros: FROM_ROWS, FROM_COLUMNS, LANES. */
KERNEL(transpose_blocks)(global const float *restrict in, global float *restrict out, int blocks, int each) {
    const size_t first = get_global_id(1) * each, end = min(first + each, (size_t)blocks);
    for (size_t k = first; k < end; k++) {
        const size_t at = k * (FROM_ROWS * FROM_COLUMNS);
        for (int j = (int)get_global_id(0); j < FROM_ROWS * FROM_COLUMNS; j += LANES)
            out[at + j] = in[at + j % FROM_ROWS * FROM_COLUMNS + j / FROM_ROWS];
    }
}
