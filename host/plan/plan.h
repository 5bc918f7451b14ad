/*
 * The plan: a recorded net made executable. Building it
 *   1. folds what operations declare they can absorb (an addition into a product's epilogue) and drops unused nodes,
 *   2. lets each operation choose its variant and scratch memory,
 *   3. gives every tensor its place by lifetime, so that the peak is known before anything runs,
 *   4. lowers nodes to launches, builds one program, sets all kernel arguments once,
 *   5. runs PHASE_LOAD.
 * Replaying a phase enqueues its launches in order; nothing is allocated and no OpenCL object is made.
 */
#ifndef LORIS_PLAN_PLAN_H
#define LORIS_PLAN_PLAN_H

#include "compute/profile.h"
#include "core/text.h"
#include "plan/net.h"

typedef struct plan plan;

/* Consumes `n` in every case. */
loris_status plan_build(plan **out, net *n);

/* The same without memory, kernels or weights on the device: for plan_memory(), plan_flop() and plan_describe() alone.
 */
loris_status plan_draft(plan **out, net *n);
void plan_free(plan *p);

/* Inputs and states by name; sizes must match exactly. */
loris_status plan_write(plan *p, const char *input, const void *data, size_t bytes);
loris_status plan_read(plan *p, const char *output, void *data, size_t bytes);

/* The buffer of a named input, state or output, starting at its first element: for copies between plans on the device.
 */
loris_status plan_buffer(plan *p, const char *name, cl_mem *buffer, size_t *bytes);

void plan_set(plan *p, int parameter, cl_uint value);

/* Enqueues a phase. `evaluation` selects the row of PHASE_RUN tensors (0 unless PHASE_STEP). Does not wait. Needs the
 * earlier phases to have run. */
loris_status plan_run(plan *p, phase which, int evaluation);

/* Enqueues node `k` alone (see plan_node_count()), for comparing devices: its inputs must be there, what it writes may
 * be overwritten by the nodes after it. */
loris_status plan_run_node(plan *p, int k, int evaluation);

/* Facts known before the first run. */
size_t plan_memory(const plan *p); /* device bytes for activations, scratch and persistent tensors, without weights */
/* Device bytes of weights that stay there while the plan does, each once; a number of a matrix or kernel takes `number`
 * bytes, of a vector 4. Layouts of some devices pad them by a few per cent. */
size_t plan_weights(const plan *p, size_t number);
double plan_flop(const plan *p, phase which);
int plan_nodes(const plan *p, phase which);
int plan_launches(const plan *p, phase which); /* 0 in a draft */

/* Node `k` of plan_node_count(), in the order they run: what it is and costs. Of a draft too, whose kernel is "". The
 * texts live as long as the plan, `dims` holds the shape's. With compute_settings.profile the device's profile tells
 * what each call took. */
int plan_node_count(const plan *p);
profile_node plan_node(const plan *p, int k, char (*dims)[96]);

void plan_describe(const plan *p, text *out); /* one line per node: phase, name, operation, variant, shape, GFLOP */

/* For tests: fills the activation memory with NaN. */
loris_status plan_poison(plan *p);

#endif
