/* What the system tells of the machine a benchmark runs on: Linux's /proc and /sys, read below `root` ("" = the real
 * ones; tests have their own). What is not there is left out; nothing here fails. */
#ifndef LORIS_BENCH_MACHINE_H
#define LORIS_BENCH_MACHINE_H

#include "compute/compute.h"
#include "core/arena.h"

/* Where a device sits. */
typedef struct pci_place {
    bool known;
    unsigned domain, bus, slot, function;
} pci_place;

pci_place device_pci(const device *d); /* by what the vendors' extensions tell */
const char *device_board(const device *d,
                         arena *a); /* the card's name, where the driver tells another than the chip's; or NULL */

typedef struct machine {
    const char *board, *processor, *system; /* NULL = unknown */
    int processors;                         /* that this process may use */
    double memory;                          /* bytes, 0 = unknown */
} machine;

machine machine_facts(const char *root, arena *a);

double load_average(const char *root); /* of one minute; -1 where unknown */
double peak_resident(void);            /* of this process so far, in bytes */

/* Microseconds since the system started in which some task waited for a processor (/proc/pressure/cpu), and in which
 * this control group was held back (cpu.stat); thermal events of all cores. Negative where unknown. */
typedef struct strain {
    double waited, held_back, thermal;
} strain;
strain machine_strain(const char *root);

/* The clock now, in MHz: of the device's processor (the fastest core), or of the card at `place`. 0 where it is not
 * readable; *source then says why, else from where (static text). */
double clock_now(const char *root, const device *d, pci_place place, const char **source);

/* The first line of a small file below root; false when it cannot be read. */
bool system_line(const char *root, char *line, size_t size, const char *format, ...) PRINTF_LIKE(4, 5);

#endif
