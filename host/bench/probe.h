/* What a device can do at most, measured by small kernels of our own (kernels/probe_*.cl): the roofs that nodes are
 * compared with. Every probe checks its result, so that a figure is not that of work left out. */
#ifndef LORIS_BENCH_PROBE_H
#define LORIS_BENCH_PROBE_H

#include "bench/record.h"
#include "compute/compute.h"

typedef struct probe_settings {
    int samples;    /* of each probe */
    double seconds; /* that a sample lasts at least */
    size_t bytes;   /* of each array of the memory probe and of a transfer; less where the device has less */
} probe_settings;

/* Adds to r->probe, in this order:
 *     f32, f16     GFLOP/s of multiply-adds, the best vector width
 *     memory       GB/s of the triad
 *     local        GB/s read from local memory
 *     upload, download  GB/s between the host's memory and a buffer
 *     launch       us of a kernel in a row of many
 *     round trip   us of one kernel and the wait for it
 * A probe that cannot run has a reason in place of samples. Fails only where nothing more could run: LORIS_CANCELLED.
 */
loris_status probes_run(record *r, arena *a, compute *c, const probe_settings *settings);

#endif
