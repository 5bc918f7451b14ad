/* Hawkes positional encoding (Zhang et al., 2020): out [rows, 2 half] = factor x + (sin arc, cos arc), where row r is
 * at position t = r mod length and arc = position[t] frequency[k] + shift[k]. Item (k, r). */
KERNEL(hawkes_encoding)(global const float *restrict x, global const float *restrict position,
                        global const float *restrict frequency, global const float *restrict shift,
                        global float *restrict out, int length, int half_channels, float factor) {
#pragma OPENCL FP_CONTRACT OFF /* arcs reach hundreds of radians: round them as the reference does */
    const int k = (int)get_global_id(0);
    const size_t r = get_global_id(1), first = r * 2 * half_channels + k, second = first + half_channels;
    if (k < half_channels) {
        const float arc = position[r % length] * frequency[k] + shift[k];
        out[first] = x[first] * factor + sin(arc);
        out[second] = x[second] * factor + cos(arc);
    }
}
