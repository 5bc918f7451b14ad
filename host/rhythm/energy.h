/* How much moves, over the clip. */
#ifndef LORIS_RHYTHM_ENERGY_H
#define LORIS_RHYTHM_ENERGY_H

#include "rhythm/motion.h"
#include "rhythm/rhythm.h"

/* Fills r->energy from the grid: every 0.5 s from 0 to the end, the mean speed around that moment, 1 being the clip's
 * 95th percentile, which becomes r->movement: lengths of the picture's longer side a second, averaged over its area. A
 * clip in which hardly anything moves keeps low values. Needs r->duration. */
loris_status energy_find(rhythm *r, const motion_grid *g);

#endif
