/* Measuring one device: what the files host/api/bench*.c share. */
#ifndef LORIS_API_BENCH_RUN_H
#define LORIS_API_BENCH_RUN_H

#include "bench/energy.h"
#include "bench/record.h"
#include "compute/compute.h"
#include "loris/bench.h"
#include "plan/plan.h"

typedef struct bench_run bench_run;

/* A part of the work, made once a pass over the clip. */
typedef struct bench_stage {
    const char *name, *detail;
    loris_status (*run)(bench_run *b);
    bool once; /* made in the first pass alone */
} bench_stage;

/* What is measured. `state` is its own. */
typedef struct bench_workload {
    const bench_stage *stages; /* ended by name NULL */
    loris_status (*open)(bench_run *b);
    loris_status (*check)(bench_run *b);  /* compares with golden output: bench_check(), bench_compare() */
    loris_status (*sample)(bench_run *b); /* the stage "sampling", again */
    plan *(*network)(bench_run *b);       /* of one evaluation, in PHASE_STEP; once a pass has been made */
    void (*close)(bench_run *b);
} bench_workload;

extern const bench_workload bench_soundtrack; /* a spectrogram model: a video gets its soundtrack */
extern const bench_workload bench_full;       /* LORIS, its weights made up or a model's */

struct bench_run {
    loris_engine *engine;
    compute *compute;
    const loris_bench_settings *settings;
    int runs;       /* samples of each stage, at least */
    double seconds; /* after which no pass is begun beyond these */
    record *record;
    struct profile *profile; /* the device's, which has it only while the network is built and its nodes are looked at:
                                it makes an event of every launch */
    arena *memory;
    const bench_workload *workload;
    void *state;
    size_t device_memory;    /* planned, bytes */
    const char *unavailable; /* a stage's run() sets it instead of working: why it cannot be measured in this build */
};

/* What is known before anything is measured. */
void bench_begin_record(record *r, arena *a, const loris_bench_settings *s);

/* Path of `name` in the folder of the benchmark's data. */
const char *bench_data(const bench_run *b, const char *name);

/* Adds the quantities of loris_verify() over a folder of the data (NULL: the device's known answers); `prefix` begins
 * their names. */
loris_status bench_check(bench_run *b, const char *folder, const char *model_path, const char *prefix);

/* A loris_quantity_function whose user is a bench_checks: adds the quantity under its prefix. */
typedef struct bench_checks {
    bench_run *run;
    const char *prefix;
} bench_checks;
void bench_take_quantity(void *user, const loris_quantity *q);

/* Compares and adds the quantity `name`. */
loris_status bench_quantity(bench_run *b, const char *name, const float *got, const float *want, size_t count,
                            double tolerance);

/* Passes over the clip: the first is cold, the others are warm. Fills the record's stages. */
loris_status bench_passes(bench_run *b);

/* Replays one evaluation with a profile: fills the record's nodes. */
loris_status bench_nodes(bench_run *b);

#endif
