/* One piece of work done as one choice has it, for measuring: a plan of its own with made-up numbers. */
#ifndef LORIS_TUNE_TRIAL_H
#define LORIS_TUNE_TRIAL_H

#include "compute/tuning.h"

typedef struct trial trial;

/* Builds it; `choice` NULL: what the device does by default. Unless the device's settings name a precision, that of the
 * work's storage counts. The first run compiles. LORIS_ERROR_*: the device cannot do it this way. */
loris_status trial_new(trial **out, compute *c, const tuned_shape *work, const tuned_choice *choice);
void trial_free(trial *t); /* NULL is allowed */

/* FLOP of one run, of streams the bytes it moves. */
double trial_work(const trial *t);

/* Seconds a run takes: the mean of `runs` in a row. */
loris_status trial_time(trial *t, int runs, double *seconds);

/* The result's error against sums in double on the host, of a sample of the results: root of the mean square, relative
 * to that of what is right. 0 for work without products. */
loris_status trial_error(trial *t, double *error);

#endif
