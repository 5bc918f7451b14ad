#include "rhythm/signal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

loris_status signal_percentile(const float *x, size_t count, double fraction, float *out) {
    *out = 0.0f;
    if (!count)
        return LORIS_OK;
    float *sorted = malloc(count * sizeof *sorted);
    if (!sorted)
        return fail_memory("a percentile");
    memcpy(sorted, x, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, ascending);
    double at = fraction * (double)(count - 1);
    size_t below = (size_t)at, above = below + 1 < count ? below + 1 : below;
    *out = sorted[below] + (float)(at - (double)below) * (sorted[above] - sorted[below]);
    free(sorted);
    return LORIS_OK;
}

void signal_local_mean(float *out, const float *x, size_t count, size_t radius) {
    double sum = 0.0;
    size_t first = 0, end = 0; /* of the window whose sum is held */
    for (size_t i = 0; i < count; i++) {
        size_t want_first = i > radius ? i - radius : 0, want_end = count - i > radius ? i + radius + 1 : count;
        while (end < want_end)
            sum += (double)x[end++];
        while (first < want_first)
            sum -= (double)x[first++];
        out[i] = (float)(sum / (double)(end - first));
    }
}

void signal_smooth(float *out, const float *x, size_t count, double deviation) {
    long reach = (long)ceil(3.0 * deviation), length = (long)count;
    for (long i = 0; i < length; i++) {
        double sum = 0.0, weights = 0.0;
        for (long j = i - reach < 0 ? 0 : i - reach; j <= i + reach && j < length; j++) {
            double z = deviation > 0.0 ? (double)(j - i) / deviation : 0.0, weight = exp(-0.5 * z * z);
            sum += weight * (double)x[j];
            weights += weight;
        }
        out[i] = (float)(sum / weights);
    }
}

int signal_is_peak(const float *x, size_t count, size_t i, size_t radius) {
    size_t first = i > radius ? i - radius : 0, end = count - i > radius ? i + radius + 1 : count;
    for (size_t j = first; j < end; j++)
        if (x[j] > x[i] || (x[j] == x[i] && j < i))
            return 0;
    return 1;
}
