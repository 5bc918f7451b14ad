/* Samples of a measurement, what summarises them, and how two sets of them compare. All of it is order statistics:
 * times have long tails, which means and standard deviations do not describe. Deterministic. */
#ifndef LORIS_BENCH_STATISTICS_H
#define LORIS_BENCH_STATISTICS_H

#include <stdbool.h>

#include "core/status.h"

enum { SERIES_MAX = 128 };

typedef struct series {
    int count;
    double value[SERIES_MAX]; /* in the order of measuring */
} series;

void series_add(series *s, double value); /* what exceeds SERIES_MAX or is not finite is left out */

typedef struct summary {
    int count;
    double median, p10, p90, least, greatest; /* NaN without samples */
} summary;

/* Percentiles interpolate between the two nearest samples (definition 7 of Hyndman and Fan, 1996). */
summary summarise(const series *s);

/* (p90 - p10) / median: 0 without samples. */
double series_scatter(const series *s);

/* Median of the later half over median of the earlier half: how much slower (above 1) it got while measuring. 1 with
 * fewer than four samples. */
double series_trend(const series *s);

/* b over a. */
typedef struct ratio {
    double estimate, low, high;
    double
        confidence; /* of low..high; below `wanted` where there are too few samples for it: then the widest there is */
} ratio;

/* The shift between the logarithms of two samples by Hodges and Lehmann's estimator (1963), the median of all
 * differences, with the distribution-free interval that Mann and Whitney's test gives (its exact distribution). Samples
 * are positive; LORIS_ERROR_INPUT: one is not, or there are none. `wanted` is 0.95, say. */
loris_status ratio_of(ratio *out, const series *a, const series *b, double wanted);

#endif
