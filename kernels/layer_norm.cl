/* Layer normalisation over channels with a gain and no bias (Ba, Kiros and Hinton, 2016), and a residual added to it.
 *
 * Macros: VEC floats a vector, LANES items share a row, GROUP rows share a work-group, RESIDUAL 0 or 1, RESULT how the
 * output is stored. */

static float NAME(horizontal_sum)(FLOATS v) {
#if VEC == 16
    const float8 e = v.lo + v.hi;
    const float4 q = e.lo + e.hi;
#else
    const float4 q = v;
#endif
    return (q.x + q.y) + (q.z + q.w);
}

#if LANES > 1
/* The sum over the LANES items of a row, the same for each of them. */
static float NAME(row_total)(float value, local float *shared) {
    const int lane = (int)get_local_id(0);
    shared += (int)get_local_id(1) * LANES;
    shared[lane] = value;
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < distance)
            shared[lane] += shared[lane + distance];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    value = shared[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return value;
}
#endif

#if RESIDUAL
#define PLUS(value) +(value)
#else
#define PLUS(value)
#endif

/* x [rows, channels] -> out; item (lane, r) has a share of `each` rows. Mean first, then the squared deviations from
 * it: the row is in the nearest cache by then. shared [GROUP][LANES] is an argument because in PoCL 3.1 the work-groups
 * of several threads share a local array whose address the kernel passes to a function. */
KERNEL(layer_norm)
(global const float *restrict x, global const float *restrict gain,
#if RESIDUAL
 global const float *restrict residual,
#endif
 global RESULTS *restrict out, int rows, int channels, int each
#if LANES > 1
 ,
 local float *shared /* [GROUP][LANES]; an argument: PoCL 3.1 lets work-groups share a local array whose
                        address a kernel passes on */
#endif
) {
#if LANES > 1
#define ROW_TOTAL(value) NAME(row_total)(value, shared)
#else
#define ROW_TOTAL(value) (value)
#endif
    const int lane = (int)get_global_id(0), vectors = channels / VEC * VEC;
    for (int k = 0; k < each; k++) {
        /* Every item goes all the way, for the barriers' sake; surplus ones repeat the last row and keep it to
         * themselves. */
        const size_t wanted = get_global_id(1) * each + k, row = min(wanted, (size_t)rows - 1);
        global const float *restrict in = x + row * channels;
        FLOATS sums = 0.0f;
        float sum = 0.0f;
        for (int c = lane * VEC; c < vectors; c += LANES * VEC)
            sums += LOAD(in + c);
        for (int c = vectors + lane; c < channels; c += LANES)
            sum += in[c];
        const float mean = ROW_TOTAL(NAME(horizontal_sum)(sums) + sum) / channels;

        sums = 0.0f;
        sum = 0.0f;
        for (int c = lane * VEC; c < vectors; c += LANES * VEC) {
            const FLOATS d = LOAD(in + c) - mean;
            sums += d * d;
        }
        for (int c = vectors + lane; c < channels; c += LANES)
            sum += (in[c] - mean) * (in[c] - mean);
        const float inverse = 1.0f / sqrt(ROW_TOTAL(NAME(horizontal_sum)(sums) + sum) / channels + 1e-5f);

        if (wanted < (size_t)rows) {
            global RESULTS *restrict to = out + row * channels;
#if RESIDUAL
            global const float *restrict plus = residual + row * channels;
#endif
            for (int c = lane * VEC; c < vectors; c += LANES * VEC)
                NARROWS((LOAD(in + c) - mean) * inverse * LOAD(gain + c) PLUS(LOAD(plus + c)), to, c);
            for (int c = vectors + lane; c < channels; c += LANES)
                NARROW((in[c] - mean) * inverse * gain[c] PLUS(plus[c]), to, c);
        }
    }
}
