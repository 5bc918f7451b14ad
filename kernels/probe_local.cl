/* How fast work-items read local memory: neighbours read neighbouring float4. tile is [ITEMS], as many as a work-group
 * has, a power of two; out[i] = 8 value rounds in each element. */
KERNEL(probe_local)(global float4 *out, local float4 *tile, float value, int rounds) {
    const int at = (int)get_local_id(0);
    float4 s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    tile[at] = value;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < rounds; i++) {
        const int from = at + 8 * i;
        s0 += tile[(from + 0) & (ITEMS - 1)] + tile[(from + 4) & (ITEMS - 1)];
        s1 += tile[(from + 1) & (ITEMS - 1)] + tile[(from + 5) & (ITEMS - 1)];
        s2 += tile[(from + 2) & (ITEMS - 1)] + tile[(from + 6) & (ITEMS - 1)];
        s3 += tile[(from + 3) & (ITEMS - 1)] + tile[(from + 7) & (ITEMS - 1)];
    }
    out[get_global_id(0)] = (s0 + s1) + (s2 + s3);
}
