/* Visual onsets and impacts from motion on a grid. */
#ifndef LORIS_RHYTHM_EVENTS_H
#define LORIS_RHYTHM_EVENTS_H

#include "rhythm/motion.h"
#include "rhythm/rhythm.h"

/* What events are picked from, one number per boundary (cells + 1): flux up and down, high-passed over 0.8 s, clipped
 * at the 98th percentile and scaled to 0..1. */
typedef struct flux {
    size_t count;
    double step;
    float *onset, *impact;
} flux;

void flux_free(flux *f);

/* Finds the events, ascending in time; *events is the caller's to free. `f` receives the curves unless NULL.
 *
 * Flux is the directogram's change from before a boundary to after it, rises and falls summed apart (Davis and Agrawala
 * 2018); per direction, so that a turn counts although the speed stays. An onset or impact is a peak of flux that
 * amounts to a good part of all the motion around it: a start or dead stop rather than flutter. Smooth movement has no
 * such edges; there an impact is the floor of a deep short valley of speed, where limbs turn round (the kinematic beat
 * of dance analysis). */
loris_status events_find(rhythm_event **events, size_t *count, const motion_grid *g, flux *f);

#endif
