/* How fast the device multiplies and adds in registers: eight independent chains an item, enough to fill a pipeline of
 * eight steps. TYPE is float, float2 ... or half, half2 ...; SCALAR its element. x becomes b - x and then x again, in
 * every type exactly, so that the result says whether all of it was computed: out[i] = 1 + 2 + ... + 8 + 8 (i mod 4) in
 * each element. Work-items differ, or a compiler would compute one for all of them. An expression, which OpenCL C lets
 * compilers contract, and not mad(), which some drivers' libraries make a product and a sum. */
#if FP16
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#endif

#define ROUND                                                                                                          \
    x0 = x0 * a + b, x1 = x1 * a + b, x2 = x2 * a + b, x3 = x3 * a + b;                                                \
    x4 = x4 * a + b, x5 = x5 * a + b, x6 = x6 * a + b, x7 = x7 * a + b;

/* a = -1; 8 x 8 multiply-adds of TYPE a round */
KERNEL(probe_fma)(global TYPE *out, float minus_one, float addend, int rounds) {
    const TYPE a = (TYPE)(SCALAR)minus_one, b = (TYPE)(SCALAR)addend;
    const TYPE own = (TYPE)(SCALAR)(float)(get_global_id(0) % 4);
    TYPE x0 = own + (SCALAR)1, x1 = own + (SCALAR)2, x2 = own + (SCALAR)3, x3 = own + (SCALAR)4;
    TYPE x4 = own + (SCALAR)5, x5 = own + (SCALAR)6, x6 = own + (SCALAR)7, x7 = own + (SCALAR)8;
    for (int i = 0; i < rounds; i++) {
        ROUND ROUND ROUND ROUND
        ROUND ROUND ROUND ROUND
    }
    out[get_global_id(0)] = ((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7));
}
#undef ROUND
