/* Fourier features of a noise level (Tancik et al., 2020): c [rows] with w [features] ->
 * [rows, 1 + 2 features]: c, sin(2 pi c w), cos(2 pi c w). Item (f, row). */
KERNEL(fourier)(global const float *restrict c, global const float *restrict w, global float *restrict out,
                int features) {
    const int f = (int)get_global_id(0);
    const size_t row = get_global_id(1);
    const float value = c[row];
    out += row * (1 + 2 * features);
    if (f == 0)
        out[0] = value;
    if (f < features) {
        const float half_turns = 2.0f * value * w[f];
        out[1 + f] = sinpi(half_turns);
        out[1 + features + f] = cospi(half_turns);
    }
}
