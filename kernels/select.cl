/* out[i] = in[first + i]: the current evaluation's row of what the run phase made for all of them. */
KERNEL(select_row)(global const float *restrict in, uint first, global float *restrict out, int count) {
    const size_t i = get_global_id(0);
    if (i < (size_t)count)
        out[i] = in[(size_t)first + i];
}
