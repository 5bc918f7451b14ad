/* Small tools on sampled signals. */
#ifndef LORIS_RHYTHM_SIGNAL_H
#define LORIS_RHYTHM_SIGNAL_H

#include <stddef.h>

#include "core/status.h"

/* The value below which `fraction` of x lies, interpolated; 0 for count 0. */
loris_status signal_percentile(const float *x, size_t count, double fraction, float *out);

/* out[i] = mean of x over i - radius .. i + radius, as far as it exists. */
void signal_local_mean(float *out, const float *x, size_t count, size_t radius);

/* Gaussian smoothing, `deviation` in samples; ends are treated like signal_local_mean(). */
void signal_smooth(float *out, const float *x, size_t count, double deviation);

/* Is x[i] the largest within `radius`, and the first of equal ones? */
int signal_is_peak(const float *x, size_t count, size_t i, size_t radius);

#endif
