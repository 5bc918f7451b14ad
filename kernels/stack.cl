/* Tensors one above the other along the batch.
 *
 * Macros: VEC floats a vector, REPEATS vectors an item. */

/* out = a, then b, of `count_a` and `count_b` floats. Item i takes VEC REPEATS floats of one of them. */
KERNEL(stack)(global const float *restrict a, global const float *restrict b, global float *restrict out, int count_a,
              int count_b) {
    const bool second = get_global_id(1) == 1;
    const size_t count = second ? count_b : count_a;
    size_t i = get_global_id(0) * (VEC * REPEATS);
    const size_t end = min(i + VEC * REPEATS, count);
    global const float *restrict from = second ? b : a;
    out += second ? count_a : 0;
    for (; i + VEC <= end; i += VEC)
        STORE(LOAD(from + i), out + i);
    for (; i < end; i++)
        out[i] = from[i];
}

/* out [count] = x [period] again and again. Item i takes VEC REPEATS floats of one of the copies. */
KERNEL(repeat)(global const float *restrict x, global float *restrict out, int period) {
    size_t i = get_global_id(0) * (VEC * REPEATS);
    const size_t end = min(i + VEC * REPEATS, (size_t)period);
    out += get_global_id(1) * period;
    for (; i + VEC <= end; i += VEC)
        STORE(LOAD(x + i), out + i);
    for (; i < end; i++)
        out[i] = x[i];
}
