/* y[i] = x[i] * factor + offset for i < count, x of bytes. Item i takes REPEATS vectors of VEC numbers. */
KERNEL(from_bytes)(global const uchar *restrict x, global float *restrict y, int count, float factor, float offset) {
    const int first = (int)get_global_id(0) * (VEC * REPEATS);
    for (int r = 0; r < REPEATS; r++) {
        const int i = first + r * VEC;
        if (i + VEC <= count) {
            const FLOATS value = VECTOR_JOIN(convert_float, VEC)(VECTOR_JOIN(vload, VEC)(0, x + i));
            STORE(value * factor + offset, y + i);
            continue;
        }
        for (int k = i; k < count; k++)
            y[k] = (float)x[k] * factor + offset;
        return;
    }
}
