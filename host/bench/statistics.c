#include "bench/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void series_add(series *s, double value) {
    if (s->count < SERIES_MAX && isfinite(value))
        s->value[s->count++] = value;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, int count, double part) {
    const double at = part * (count - 1);
    const int below = (int)floor(at);
    return below + 1 < count ? sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]) : sorted[count - 1];
}

static summary summarise_values(const double *value, int count) {
    summary s = {.count = count, .median = NAN, .p10 = NAN, .p90 = NAN, .least = NAN, .greatest = NAN};
    double sorted[SERIES_MAX];
    if (!count)
        return s;
    memcpy(sorted, value, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    s.median = quantile(sorted, count, 0.5);
    s.p10 = quantile(sorted, count, 0.1);
    s.p90 = quantile(sorted, count, 0.9);
    s.least = sorted[0];
    s.greatest = sorted[count - 1];
    return s;
}

summary summarise(const series *s) {
    return summarise_values(s->value, s->count);
}

double series_scatter(const series *s) {
    const summary m = summarise(s);
    return m.count && m.median > 0 ? (m.p90 - m.p10) / m.median : 0;
}

double series_trend(const series *s) {
    const int half = s->count / 2;
    if (half < 2)
        return 1;
    const double before = summarise_values(s->value, half).median;
    return before > 0 ? summarise_values(s->value + s->count - half, half).median / before : 1;
}

/* ---- comparing two samples --------------------------------------------------------------------------------------- */

/* ways[u], u = 0 .. n m: of how many orders of n and m values Mann and Whitney's U is u. It is the Gaussian binomial
 * coefficient: the product over j = 1 .. n of (1 - q^(m + j)) / (1 - q^j). Each coefficient is made of those below it,
 * which are not larger up to the middle: nothing cancels in the lower half, the one that is used. */
static void count_orders(double *ways, int n, int m) {
    const int top = n * m;
    memset(ways, 0, ((size_t)top + 1) * sizeof *ways);
    ways[0] = 1;
    for (int j = 1; j <= n; j++) {
        for (int u = top; u >= m + j; u--)
            ways[u] -= ways[u - m - j];
        for (int u = j; u <= top; u++)
            ways[u] += ways[u - j];
    }
}

/* How many of the sorted differences lie beyond each end of the interval: the largest k for which both tails, U < k,
 * have a probability of at most 1 - wanted. *confidence is that of the interval. */
static int differences_outside(const double *ways, int n, int m, double wanted, double *confidence) {
    double all = 1, tail = 0;
    for (int j = 1; j <= n; j++)
        all *= (double)(m + j) / j;
    int k = 0;
    for (; k < n * m / 2 && 2 * (tail + ways[k]) / all <= 1 - wanted; k++)
        tail += ways[k];
    if (k > 0) {
        *confidence = 1 - 2 * tail / all;
        return k - 1;
    }
    *confidence = 1 - 2 * ways[0] / all;
    return 0;
}

static bool all_positive(const series *s) {
    for (int i = 0; i < s->count; i++)
        if (!(s->value[i] > 0))
            return false;
    return s->count > 0;
}

loris_status ratio_of(ratio *out, const series *a, const series *b, double wanted) {
    if (!all_positive(a) || !all_positive(b))
        return fail(LORIS_ERROR_INPUT, NULL, "samples that are missing or not above 0 have no ratio");
    const int n = a->count, m = b->count, pairs = n * m;
    double *difference = malloc((size_t)pairs * sizeof *difference), *ways = malloc(((size_t)pairs + 1) * sizeof *ways);
    if (!difference || !ways) {
        free(difference);
        free(ways);
        return fail_memory("a comparison");
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < m; j++)
            difference[i * m + j] = log(b->value[j]) - log(a->value[i]);
    qsort(difference, (size_t)pairs, sizeof *difference, by_value);
    count_orders(ways, n, m);
    const int outside = differences_outside(ways, n, m, wanted, &out->confidence);
    out->estimate = exp(quantile(difference, pairs, 0.5));
    out->low = exp(difference[outside]);
    out->high = exp(difference[pairs - 1 - outside]);
    free(difference);
    free(ways);
    return LORIS_OK;
}
