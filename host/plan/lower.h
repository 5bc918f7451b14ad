/* For host/ops: how a node becomes launches. */
#ifndef LORIS_PLAN_LOWER_H
#define LORIS_PLAN_LOWER_H

#include "compute/profile.h"
#include "compute/program.h"
#include "plan/net.h"

typedef struct node node;
typedef struct lowering lowering;

struct op {
    const char *name; /* "conv1d" */

    /* May a PHASE_STEP node read this operation's PHASE_RUN inputs in place, at the current evaluation's row? The
     * kernel then takes evaluation_argument(). Otherwise the plan inserts a copy of the row. */
    bool reads_evaluations;

    /* Optional. May this node (a producer) take over `consumer`, which reads the producer's output, which nothing else
     * reads? `position` is the producer's place among the consumer's inputs. On true the producer's inputs and
     * parameters have been changed (node_parameters, node_add_input) and the consumer disappears. */
    bool (*absorb)(node *producer, const node *consumer, int position);

    /* Optional, before placement: choose the variant (node_set_variant) and ask for scratch memory (node_scratch). */
    loris_status (*prepare)(compute *c, node *n);

    /* Optional, after prepare: does the variant round its input `i` to bf16 first, and can it read it in bf16 as well?
     * And can it write its output rounded to bf16? Where a writer meets readers the tensor is STORE_BF16. */
    bool (*takes_bf16)(compute *c, const node *n, int i);
    bool (*gives_bf16)(compute *c, const node *n);

    /* Adds the node's launches. */
    loris_status (*lower)(lowering *l, const node *n);
};

/* ---- facts about a node ------------------------------------------------------------------------------------------ */

const op *node_op(const node *n);
const char *node_name(const node *n);
int node_inputs(const node *n);
shape node_input_shape(const node *n, int i);
bool node_input_is_run(const node *n, int i); /* a PHASE_RUN tensor read by a PHASE_STEP node */
shape node_out_shape(const node *n);
storage node_input_storage(const node *n, int i); /* these two are final when lowering */
storage node_out_storage(const node *n);
void *node_parameters(const node *n); /* the struct given when recording; writable in absorb and prepare */
bool node_add_input(node *producer, const node *from,
                    int position); /* appends from's input `position`; false when full */
const weight_entry *node_weight(const node *n, int i);
int node_variant(const node *n);
void node_set_variant(node *n, int variant, const char *name); /* name appears in plan_describe */
void node_scratch(node *n, size_t bytes);                      /* one scratch area, alive during the node only */
/* Why this variant, for people: "a CPU: vectors of rows, no local memory". A literal. */
void node_explain_variant(node *n, const char *why);
/* Whose code computes the node ("CLBlast"); without it "own". */
void node_set_backend(node *n, const char *name);
double node_flop(const node *n);
double node_bytes(const node *n);
void node_set_cost(node *n, double flop, double bytes);

/* ---- launches ---------------------------------------------------------------------------------------------------- */

compute *lowering_compute(lowering *l);

/* Starts a kernel launch of `kernel` in kernels/<file>.cl specialised by the printf-style `defines` ("C=%d
 * ACTIVATION=%d"). Arguments follow in the kernel's order. */
void launch_kernel(lowering *l, const char *file, const char *kernel, const char *defines, ...) PRINTF_LIKE(4, 5);

void input_argument(lowering *l, int i); /* buffer of input i */
void output_argument(lowering *l);       /* buffer of the output (or of the state written) */
void scratch_argument(lowering *l);
/* Weight i packed, as f32 (see weights_device); with pack == NULL in the file's order. `layout` is plain data: copied.
 */
void weight_argument(lowering *l, int i, const char *key, weight_packer *pack, const void *layout, size_t layout_size,
                     size_t count);
/* An argument that is already a buffer: lowered_weight() of another type than f32. */
void buffer_argument(lowering *l, cl_mem buffer);
void int_argument(lowering *l, int value);
void float_argument(lowering *l, float value);
void local_argument(lowering *l, size_t bytes);
void parameter_argument(lowering *l, int parameter); /* uint, current value of a net_parameter */
void evaluation_argument(lowering *l, int i); /* uint, first element of the current evaluation's row of input i; 0
                                                 when input i is not a PHASE_RUN tensor of another phase */

/* Global size in work-items per dimension, rounded up to a multiple of `local` (kernels check bounds), local size
 * fixed. `split_dimension` >= 0 lets the plan cut the launch into several along that dimension, in multiples of the
 * local size, when the node's FLOP exceed what one launch should take (kernels use get_global_id, which includes the
 * offset, and get_global_id / get_local_size instead of get_group_id in that dimension); -1 forbids it. */
void launch_range(lowering *l, int dimensions, const size_t global[3], const size_t local[3], int split_dimension);

/* A host-side call that enqueues work itself (CLBlast). `call` receives the queue and must not allocate OpenCL objects.
 * `state` of `size` bytes is copied into the plan; buffers inside it are resolved by lowered_input() and so on. When
 * `events` is not NULL, the call leaves events there that tell when its work began and ended (compute/profile.h). */
typedef loris_status host_call(compute *c, cl_command_queue queue, void *state, const char *node_name,
                               launch_events *events);
void launch_call(lowering *l, host_call *call, const void *state, size_t size, double flop);
cl_mem lowered_input(lowering *l, int i);
cl_mem lowered_output(lowering *l);
cl_mem lowered_scratch(lowering *l);
cl_mem lowered_weight(lowering *l, int i, const char *key, weight_packer *pack, const void *layout, size_t layout_size,
                      size_t count, number_type type);

/* The first failure while lowering this node (the calls above are then ignored): return it from lower(). */
loris_status lowering_status(const lowering *l);

#endif
