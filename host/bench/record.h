/* What a benchmark of one device found, in memory and as JSON (docs/benchmark.md). A file holds the records of one or
 * more devices: {"schema": 1, "records": [...]}. Texts, arrays and samples live in an arena. */
#ifndef LORIS_BENCH_RECORD_H
#define LORIS_BENCH_RECORD_H

#include "bench/statistics.h"
#include "core/arena.h"
#include "core/json.h"

enum {
    RECORD_SCHEMA = 1,
    RECORD_MAX_STAGES = 16,
    RECORD_MAX_PROBES = 16,
    RECORD_MAX_QUANTITIES = 32,
    RECORD_MAX_NOTES = 16,
    RECORD_TOP_NODES = 10,
    RECORD_MAX_NODES = 4096
};

/* Of a stage in seconds, of a probe in its unit. */
typedef struct measurement {
    const char *name, *unit;
    const char *detail; /* how it was measured, or "" */
    const char *reason; /* why there is none, else NULL */
    bool has_cold;
    double cold; /* the first time in this process, drivers compiling */
    series warm;
} measurement;

typedef struct record_quantity {
    const char *name, *precision;
    double max_abs_error, scale, tolerance; /* passes when max_abs_error <= tolerance * scale */
    double snr_db; /* of what was computed against the golden array; infinite where they are equal */
    bool pass;
} record_quantity;

/* A node of one guided evaluation. */
typedef struct record_node {
    const char *name, *operation, *variant;
    const char *place;  /* where it ran: "kernel", "CLBlast", "native code on the host", ... */
    double flop, bytes; /* counted from shapes */
    double seconds;     /* median */
} record_node;

typedef struct record {
    const char *version, *build, *backend, *precision, *when; /* when: "2026-11-25", UTC */
    struct {
        const char *name, *model, *model_hash, *what; /* what: one sentence */
        double audio_seconds;
        int evaluations;         /* of the network while sampling ... */
        int further_evaluations; /* ... and those of the whole clip that were not made, but count as long as
                                    "evaluation" took */
        bool quick;
    } workload;
    struct {
        const char *board, *processor, *system;
        int processors;
        double memory; /* bytes */
    } machine;
    struct {
        int index;
        const char *name, *vendor, *type, *board, *platform, *platform_version, *version, *driver;
        double compute_units, clock_mhz, memory, max_allocation, local_memory, max_work_group;
        bool fp16, native_kernels, unified_memory;
    } device;

    const char *failure; /* why the device gave no record, or NULL */
    bool correct;        /* every quantity passes, and there is one */
    int quantities;
    record_quantity quantity[RECORD_MAX_QUANTITIES];

    bool has_headline;    /* never without `correct` */
    double speed;         /* seconds of sound a second, warm */
    double seconds;       /* of the clip, warm */
    double first_seconds; /* of the clip, cold, with everything made for it */
    const char *headline_reason;

    int probes, stages;
    measurement probe[RECORD_MAX_PROBES], stage[RECORD_MAX_STAGES];

    double evaluation_flop, evaluation_bytes;
    int nodes;
    record_node *node;
    const char *nodes_reason;

    double device_memory, host_memory; /* bytes at most */

    const char *energy_source, *energy_reason; /* energy_reason NULL: there is a figure */
    double joules, energy_seconds;             /* while sampling, warm, again and again */

    const char *clock_source, *clock_reason;
    double clock_before, clock_after; /* MHz */
    double load_before, load_after;   /* of one minute, negative where unknown */

    int notes;
    const char *note[RECORD_MAX_NOTES];
} record;

void record_note(record *r, arena *a, const char *format, ...)
    PRINTF_LIKE(3, 4);                                              /* what exceeds the room is left out */
const measurement *record_stage(const record *r, const char *name); /* NULL when absent */
double record_peak(const record *r,
                   const char *name); /* of a probe: the best sample, as others slowed the rest; NaN without */

/* Fills has_headline, speed, seconds, first_seconds and headline_reason from stages and quantities: the sum of the
 * stages' medians, where "evaluation" is part of "sampling" and counts further_evaluations times. "prepare" counts for
 * first_seconds alone. */
void record_conclude(record *r);

/* The share of the device's measured peak that a node reached, by the roof it lies under (Williams, Waterman,
 * Patterson: Roofline, CACM 2009); NaN when unknown. *memory_bound may be NULL. */
double node_share(const record *r, const record_node *n, bool *memory_bound);

/* The nodes that took longest, at most RECORD_TOP_NODES: indices into r->node. */
int record_top(const record *r, int top[RECORD_TOP_NODES]);

/* {"schema", "records"} as text; free() it. */
loris_status records_json(char **out, const record *r, size_t count);
loris_status records_read(record **out, size_t *count, arena *a, const char *path);

/* As records_read(), of a text; `where` names it in errors. The records are added to those at *out. */
loris_status records_parse(record **out, size_t *count, arena *a, const char *data, size_t size, const char *where);

#endif
