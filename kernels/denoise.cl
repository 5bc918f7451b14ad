/* Preconditioning of the network's input and output (Karras et al., 2022). Item (i, o) takes VEC REPEATS floats of
 * block o of `inner` floats. Each evaluation has a row of `row` coefficients.
 *
 * Macros: VEC floats a vector, REPEATS vectors an item, GUIDED 0 or 1. */

/* out = k[index] x. */
KERNEL(scale_by)(BLOCKS(x), BLOCKS(k), int row, int index, global float *restrict out, int inner, int batch) {
    const size_t o = get_global_id(1);
    size_t i = get_global_id(0) * (VEC * REPEATS);
    const size_t end = min(i + VEC * REPEATS, (size_t)inner);
    const float factor = BLOCK(k, o, batch, row)[index];
    global const float *restrict from = BLOCK(x, o, batch, inner);
    out += o * inner;
    for (; i + VEC <= end; i += VEC)
        STORE(LOAD(from + i) * factor, out + i);
    for (; i < end; i++)
        out[i] = from[i] * factor;
}

/* out = k[index] x + k[index + 1] f, limited to -k[index + 2] .. k[index + 2]. GUIDED: each evaluation of f holds twice as
 * many blocks, the conditional ones and then the null ones, and null + (conditional - null) k[index + 3] takes its place
 * (Ho and Salimans, 2022). */
KERNEL(denoise)(BLOCKS(x), BLOCKS(f), BLOCKS(k), int row, int index, global float *restrict out, int inner, int batch) {
    const size_t o = get_global_id(1);
    size_t i = get_global_id(0) * (VEC * REPEATS);
    const size_t end = min(i + VEC * REPEATS, (size_t)inner);
    global const float *restrict coefficients = BLOCK(k, o, batch, row) + index;
    const float skip = coefficients[0], scale = coefficients[1], most = coefficients[2];
    global const float *restrict from = BLOCK(x, o, batch, inner), *restrict made = BLOCK(f, o, batch, inner);
    out += o * inner;
#if GUIDED
    const float guidance = coefficients[3];
    global const float *restrict null = made + (size_t)batch * inner;
#define NETWORK(load) (load(null + i) + (load(made + i) - load(null + i)) * guidance)
#else
#define NETWORK(load) load(made + i)
#endif
#define VALUE(p) (*(p))
    for (; i + VEC <= end; i += VEC) {
        const FLOATS y = LOAD(from + i) * skip + NETWORK(LOAD) * scale;
        STORE(LIMIT(FLOATS, y, most), out + i);
    }
    for (; i < end; i++) {
        const float y = from[i] * skip + NETWORK(VALUE) * scale;
        out[i] = LIMIT(float, y, most);
    }
}
