/* The throttle behind compute_pace(), for host/compute alone. */
#ifndef LORIS_COMPUTE_PACE_H
#define LORIS_COMPUTE_PACE_H

#include "compute/compute.h"

void pace_begin(compute *c); /* once the device is known */

/* The queue has just been drained: forgets the chunks, reports a launch that failed. `node` as in compute_check(). */
loris_status pace_drained(compute *c, const char *node);

#endif
