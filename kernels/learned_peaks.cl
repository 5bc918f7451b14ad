/* peaks [count]: row [count] scaled so that its least number becomes 0 and its largest 1, then cut to whole numbers:
 * 1 where it is largest (a / b is below 1 for floats a < b, and a / a is 1), else 0. A flat row has none. Item i. */
KERNEL(learned_peaks)(global const float *restrict row, global int *restrict peaks, int count) {
    const int i = (int)get_global_id(0);
    float low = row[0], high = 0.0f;
    for (int k = 1; k < count; k++)
        low = min(low, row[k]);
    for (int k = 0; k < count; k++)
        high = max(high, row[k] - low);
    if (i < count)
        peaks[i] = high > 0.0f && row[i] - low == high;
}
