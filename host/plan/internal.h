/* What the files of host/plan share: the recorded net and the plan made of it. */
#ifndef LORIS_PLAN_INTERNAL_H
#define LORIS_PLAN_INTERNAL_H

#include "compute/profile.h"
#include "plan/lower.h"
#include "plan/plan.h"

enum { SCOPE_MAX = 256, PARAMETER_MAX = 8, NODE_LAST = INT32_MAX };

typedef struct tensor_info {
    shape shape;
    storage type;
    phase phase;
    node *producer;   /* NULL for inputs and states */
    const char *name; /* of an input, state or output, else NULL */
    bool is_input, is_state, is_output;
    bool is_bound;    /* its memory is the caller's ... */
    cl_mem bound;     /* ... namely this; NULL in a draft */

    /* filled in by the plan */
    bool narrow;      /* stored in bf16, because all that read it round it to bf16 */
    int consumers;    /* nodes that read it */
    int first, last;  /* nodes between which its memory is needed, in execution order */
    cl_mem buffer;    /* own buffer, or a sub-buffer of a slab; `bound` is never released by the plan */
} tensor_info;

/* A weight that does not stay on the device: packed and written anew each time before its node runs. */
typedef struct staged_weight {
    cl_mem place; /* by lifetime, like an activation; NULL when the weight stays */
    size_t bytes; /* of the place */
    const weight_entry *entry; /* what is packed into it; NULL until the node is lowered */
    weight_packer *pack;
    const void *layout;
    size_t count;
    number_type type;
} staged_weight;

struct node {
    net *owner;
    const op *operation;
    const char *name;
    tensor input[NODE_MAX_INPUTS];
    int inputs;
    weight weights[NODE_MAX_WEIGHTS];
    int weight_count;
    _Alignas(16) unsigned char parameters[NODE_MAX_PARAMETERS];
    size_t parameter_size;
    tensor out;
    bool in_place; /* `out` is a state that it writes */
    phase phase;
    double flop, bytes, written; /* as in node_request */

    /* filled in by the plan */
    int index; /* in recording order; -1 = folded into another node or unused */
    int variant;
    const char *variant_name, *variant_reason, *backend;
    const char *kernels; /* "a, b"; NULL before lowering and in drafts */
    int record;          /* in the device's profile */
    size_t scratch_bytes;
    cl_mem scratch;
    staged_weight *staged; /* [weight_count], or NULL: all stay */
};

struct net {
    arena *memory;
    compute *compute;
    const weights *weights;
    const char *name;
    int evals;
    tensor_info **tensors; /* tensor id is the index; 0 is unused */
    int tensor_count, tensor_capacity;
    node **nodes;
    int node_count, node_capacity;
    const char *parameters[PARAMETER_MAX];
    int parameter_count;
    char scope[SCOPE_MAX];
    size_t scope_length[32];
    int scope_depth;
    error_record error; /* status LORIS_OK = none */
};

/* ---- launches ---------------------------------------------------------------------------------------------------- */

typedef enum argument_kind { ARGUMENT_BUFFER, ARGUMENT_INT, ARGUMENT_FLOAT, ARGUMENT_LOCAL, ARGUMENT_PARAMETER,
                             ARGUMENT_EVALUATION } argument_kind;

typedef struct argument {
    argument_kind kind;
    cl_mem buffer;
    cl_int integer;   /* also the parameter's index */
    cl_float number;
    size_t size;      /* local bytes; elements between evaluations */
} argument;

enum { LAUNCH_MAX_ARGUMENTS = 32 };

typedef struct launch {
    struct launch *next;
    const node *node;
    /* a kernel ... */
    int section;
    const char *kernel_name;
    cl_kernel kernel;
    argument arguments[LAUNCH_MAX_ARGUMENTS];
    int argument_count;
    int dimensions, split;
    size_t global[3], local[3];
    /* ... or a host call */
    host_call *call;
    void *state;
    double work; /* FLOP, with memory traffic counted as FLOP: what the throttle paces by */
} launch;

struct lowering {
    plan *plan;
    const node *node;
    launch *current;
    loris_status status;
};

/* An argument that changes between replays. */
typedef struct dynamic_argument {
    const launch *launch;
    int index;
    cl_uint value; /* last set */
} dynamic_argument;

struct plan {
    arena *memory;
    compute *compute;
    net *net;
    program *program;
    node **order; /* nodes that run, by phase, then recording order */
    int order_count;
    cl_mem *slabs;
    size_t *slab_bytes;
    int slab_count;
    launch *launches[PHASE_COUNT];
    launch **tail[PHASE_COUNT];
    int launch_count[PHASE_COUNT];
    dynamic_argument *dynamic;
    int dynamic_count;
    cl_uint parameters[PARAMETER_MAX];
    phase last_phase; /* the last that has launches: after its first run every kernel has been launched ... */
    bool stored;      /* ... and the program is stored in the cache */
    size_t memory_bytes;
    bool draft; /* nothing is made on the device */
};

static inline tensor_info *tensor_of(const net *n, tensor t) {
    return n->tensors[t.id];
}

typedef char node_dims[96]; /* room for its shape */
profile_node node_facts(const node *n, node_dims *dims); /* plan.c */

/* plan.c -> its stages */
void fold_nodes(net *n);                       /* fold.c: absorb, then drop what nothing reads */
void narrow_tensors(plan *p);                  /* narrow.c: what is stored in bf16 */
loris_status stage_weights(plan *p);           /* stage.c: which weights do not stay on the device */
loris_status place_tensors(plan *p);           /* place.c: lifetimes, slabs, buffers */
loris_status lower_nodes(plan *p);             /* lower.c: launches, program, arguments */
void plan_release_objects(plan *p);            /* place.c: buffers */

/* The place of weight i of `n` when it does not stay on the device, else *out is left alone. */
loris_status stage_take(plan *p, const node *n, int i, weight_packer *pack, const void *layout, size_t layout_size,
                        size_t count, number_type type, cl_mem *out);
loris_status stage_fill(plan *p, const node *n); /* before the node's launches */

#endif
