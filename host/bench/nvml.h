/* The little of NVIDIA's management library that a benchmark asks, loaded at run time: it comes with their driver. */
#ifndef LORIS_BENCH_NVML_H
#define LORIS_BENCH_NVML_H

#include <stdbool.h>

typedef struct nvml_device nvml_device;

/* The card at this place of the bus; NULL when the library or the card is not there. `library` NULL = the system's. */
nvml_device *nvml_open(const char *library, unsigned domain, unsigned bus, unsigned slot);
void nvml_close(nvml_device *d); /* NULL is allowed */

bool nvml_energy(const nvml_device *d, double *joules); /* since the driver was loaded; Volta and later */
bool nvml_power(const nvml_device *d, double *watts);
double nvml_clock(const nvml_device *d);           /* MHz of the multiprocessors; 0 where unknown */
const char *nvml_throttling(const nvml_device *d); /* what holds the clock back now; NULL = nothing, or unknown */

#endif
