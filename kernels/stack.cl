/* out = a, then b: tensors one above the other along the batch, of `count_a` and `count_b` floats. Item i takes VEC
 * REPEATS floats of one of them.
 *
 * Macros: VEC floats a vector, REPEATS vectors an item. */
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
