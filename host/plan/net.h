/*
 * A network recorded once and replayed.
 *
 * host/nets records by calling operations (host/ops/ops.h) on a `net`; each call checks shapes, binds weights by scope
 * and name, and appends a node. Nothing runs. A net that failed ignores further calls, so one check at the end
 * (plan_build) is enough. The plan (plan.h) then orders, places and lowers the nodes, and replays them.
 *
 * A tensor's phase follows from what it depends on:
 *     PHASE_LOAD   weights only           once, when the plan is built
 *     PHASE_CLIP   a clip's inputs        once per clip (conditioning channels, tokens)
 *     PHASE_RUN    the noise levels       once per run, all evaluations at once: these tensors have shape.evals > 1
 *     PHASE_STEP   the sample             every evaluation; it reads row `evaluation` of a PHASE_RUN tensor
 */
#ifndef LORIS_PLAN_NET_H
#define LORIS_PLAN_NET_H

#include <CL/cl.h>
#include <stdint.h>

#include "compute/compute.h"
#include "core/arena.h"
#include "core/status.h"
#include "plan/weights.h"

typedef enum phase { PHASE_LOAD, PHASE_CLIP, PHASE_RUN, PHASE_STEP, PHASE_COUNT } phase;

/* Channels last: element (e, b, d, h, l, c) is at ((((e * batch + b) * depth + d) * height + h) * length + l) *
 * channels + c. One-dimensional networks have depth = height = 1. evals is 1 except in PHASE_RUN. */
typedef struct shape {
    int evals, batch, depth, height, length, channels;
} shape;

static inline shape shape_1d(int batch, int length, int channels) {
    return (shape){1, batch, 1, 1, length, channels};
}
static inline shape shape_2d(int batch, int height, int width, int channels) {
    return (shape){1, batch, 1, height, width, channels};
}
size_t shape_elements(shape s);
size_t shape_rows(shape s); /* elements / channels */
bool shape_equal(shape a, shape b);
const char *shape_text(shape s, char buffer[96]); /* "[2,1024,192]" */

typedef enum storage { STORE_F32, STORE_U8, STORE_I32, STORE_BF16 } storage;
size_t storage_size(storage s);

typedef struct tensor {
    int id; /* 0 = none */
} tensor;

typedef struct net net;
typedef struct op op;

enum { NODE_MAX_INPUTS = 8, NODE_MAX_WEIGHTS = 8, NODE_MAX_PARAMETERS = 96 };

/* ---- recording: what host/nets uses besides the operations ------------------------------------------------------- */

/* `w` supplies the weights (NULL for a net without); `evals` is the number of evaluations of a run (1 when unused). */
net *net_new(compute *c, const weights *w, const char *name, int evals);
void net_free(net *n);
compute *net_compute(const net *n);

/* Named inputs, written by plan_write() or bound to a caller's buffer. `p` says what depends on it. */
tensor net_input(net *n, const char *name, phase p, shape s, storage type);

/* Like net_input, but operations may also write it in place (a sampler's state). Lives as long as the plan. */
tensor net_state(net *n, const char *name, shape s, storage type);

/* Makes the input or state `t` the caller's own memory (at least as large), which must outlive the plan: for data that
 * passes between plans without leaving the device. NULL in drafts, which then do not count it. */
void net_bind(net *n, tensor t, cl_mem buffer);

/* Keeps `t` readable by plan_read() under `name`. */
void net_output(net *n, const char *name, tensor t);

/* A number that launches read at each replay (a window's first row): index for parameter_argument(), set by plan_set().
 */
int net_parameter(net *n, const char *name);

/* Weight names are prefixed by the open scopes: enter(n, "blocks.0.") ... leave(n). */
void enter(net *n, const char *format, ...) PRINTF_LIKE(2, 3);
void leave(net *n);
bool has(net *n, const char *weight);            /* does the model hold scope + weight? */
int net_weight_rank(net *n, const char *weight); /* its number of dimensions; 0 when the model lacks it */
int net_weight_outputs(net *n, const char *at);  /* the first side of at.weight; 0 when the model lacks it */

const char *phase_name(phase p); /* "step" */
shape shape_of(const net *n, tensor t);
phase phase_of(const net *n, tensor t);
const char *scope_of(const net *n); /* the open scopes' prefix */

/* Makes the net fail; the first failure's message is kept and plan_build() returns it. Returns the tensor 0. */
tensor net_fail(net *n, loris_status status, const char *hint, const char *format, ...) PRINTF_LIKE(4, 5);
bool net_failed(const net *n);
tensor net_keep_failure(net *n, loris_status status); /* the same with this thread's last failure */

/* ---- for host/ops: appending nodes ------------------------------------------------------------------------------- */

/* A weight the node uses, under scope + name, of exactly this shape (row-major, as in the file). */
typedef struct weight {
    const weight_entry *entry; /* NULL = none */
} weight;
weight net_weight(net *n, const char *name, int rank, const int64_t *dim);
weight net_weight_1d(net *n, const char *name, int64_t d0);
weight net_weight_2d(net *n, const char *name, int64_t d0, int64_t d1);
weight net_weight_3d(net *n, const char *name, int64_t d0, int64_t d1, int64_t d2);

typedef struct node_request {
    const op *operation;
    const char *label; /* weight name or role, completes the node's name: scope + label */
    tensor input[NODE_MAX_INPUTS];
    int inputs;
    weight weights[NODE_MAX_WEIGHTS];
    int weight_count;
    const void *parameters; /* the operation's own struct, without pointers or padding garbage: compared by memcmp */
    size_t parameter_size;  /* at most NODE_MAX_PARAMETERS */
    shape out;              /* evals is filled in: the largest of the inputs' */
    storage type;
    tensor writes;      /* a net_state written in place, or {0} */
    double flop, bytes; /* cost of one execution: operations; what it reads and writes */
    double written;     /* bytes of them written; 0 = the output's size */
} node_request;

/* Appends a node and returns its output. An equal node that is already there (same operation, inputs, weights and
 * parameters, no state written) is returned instead: nothing is computed twice. */
tensor net_append(net *n, const node_request *request);

#endif
