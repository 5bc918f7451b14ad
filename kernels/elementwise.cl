/* Elementwise operations. Item (i, o) takes VEC REPEATS floats of block o.
 *
 * Macros: VEC floats a vector, REPEATS vectors an item, ACTIVATION. */

/* out = a + b, in blocks of `inner` floats. */
KERNEL(add)(BLOCKS(a), BLOCKS(b), global float *restrict out, int inner, int batch) {
    const size_t o = get_global_id(1);
    size_t i = get_global_id(0) * (VEC * REPEATS);
    const size_t end = min(i + VEC * REPEATS, (size_t)inner);
    global const float *restrict from_a = BLOCK(a, o, batch, inner), *restrict from_b = BLOCK(b, o, batch, inner);
    out += o * inner;
    for (; i + VEC <= end; i += VEC)
        STORE(LOAD(from_a + i) + LOAD(from_b + i), out + i);
    for (; i < end; i++)
        out[i] = from_a[i] + from_b[i];
}

/* out = factor activation(x), `count` floats. */
KERNEL(map)(global const float *restrict x, global float *restrict out, int count, float factor) {
    size_t i = get_global_id(0) * (VEC * REPEATS);
    const size_t end = min(i + VEC * REPEATS, (size_t)count);
    for (; i + VEC <= end; i += VEC)
        STORE(ACTIVATES(LOAD(x + i)) * factor, out + i);
    for (; i < end; i++)
        out[i] = ACTIVATE(x[i]) * factor;
}
