/* The triad of STREAM (McCalpin, 1995): c = a + s b, 12 bytes a number between memory and the device. */
KERNEL(probe_triad)(global float4 *c, global const float4 *a, global const float4 *b, float s) {
    const size_t i = get_global_id(0);
    c[i] = a[i] + s * b[i];
}
