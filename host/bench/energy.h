/* The energy a device takes, from the counters the system shows: RAPL for CPU devices (powercap), NVIDIA's management
 * library, loaded when it is there, and hwmon of the card (amdgpu, i915, xe). Counters are read at both ends; where
 * there is only a power, a thread adds it up ten times a second. */
#ifndef LORIS_BENCH_ENERGY_H
#define LORIS_BENCH_ENERGY_H

#include "bench/machine.h"

typedef struct energy_place {
    const char *root; /* of /sys: "" */
    const char *nvml; /* file of NVIDIA's library; NULL = the system's */
    bool processor;   /* a CPU device */
    pci_place pci;    /* of the card otherwise */
} energy_place;

typedef struct energy_meter energy_meter;

/* NULL where nothing is shown: `reason` then says why; else *source says from where. Static texts. */
energy_meter *energy_open(const energy_place *place, const char **source, const char **reason);
void energy_close(energy_meter *m); /* NULL is allowed */

void energy_begin(energy_meter *m);

/* Joules since energy_begin(); false when a counter could no longer be read. */
bool energy_end(energy_meter *m, double *joules);

double energy_clock(const energy_meter *m); /* MHz of the device, where the same source tells it; else 0 */
const char *
energy_throttling(const energy_meter *m); /* what holds the device back now, where the source tells; else NULL */

#endif
