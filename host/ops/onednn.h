/*
 * oneDNN on CPU devices, for what operations compute there: primitives, made once for a device and shape, and native
 * kernels that run them inside the queue.
 *
 * A node's work is cut into slices. A native kernel on the OpenCL runtime's thread shares them with as many more
 * threads as there are processors, each with a lane of scratch memory. The slices follow from the shape alone and each
 * is computed by one thread, so that results do not depend on the number of processors. oneDNN's own OpenMP threads,
 * which would spin against OpenCL's, stay out: primitives are made and run with omp_set_num_threads(1), and scratchpads
 * are the caller's, because oneDNN ties its own to the thread that made the primitive.
 */
#ifndef LORIS_OPS_ONEDNN_H
#define LORIS_OPS_ONEDNN_H

#include <oneapi/dnnl/dnnl.h>

#include "ops/ops.h"
#include "plan/lower.h"

bool onednn_available(const compute *c); /* a CPU device that runs native kernels */

/* ---- primitives (onednn.c) --------------------------------------------------------------------------------------- */

loris_status onednn_engine(compute *c, dnnl_engine_t *out);
number_type onednn_type(storage s); /* of STORE_F32 and STORE_BF16 */

/* y [rows][columns] = act(bias + residual + scale x [rows][depth] w [depth][columns]), rows side by side. */
typedef struct onednn_matmul {
    int rows, columns, depth, activation;
    int bias, residual;    /* 0 or 1: [columns] and [rows][columns] of f32 */
    float scale;           /* without a bias and a residual only, else 1 */
    number_type type, out; /* of x and w; of y: f32 or bf16 */
} onednn_matmul;

typedef struct onednn_primitive {
    struct onednn_primitive *next;
    onednn_matmul key; /* a softmax has a depth of 0 */
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t run;
    dnnl_memory_desc_t x, w, bias, residual, y;
    const dnnl_memory_desc_t *scratch; /* of desc */
    size_t scratch_bytes;
    bool fast;     /* there is an optimised implementation, in `run` */
    char name[48]; /* for people: "oneDNN brg:avx512_core_bf16" */
} onednn_primitive;

loris_status onednn_find_matmul(compute *c, const onednn_matmul *key, const onednn_primitive **out);

/* y [rows][columns] = softmax over the columns of x, of f32; y is of `out`. */
loris_status onednn_find_softmax(compute *c, int rows, int columns, number_type out,
                                 const onednn_primitive **primitive);

/* Where index `i` of dimension `d` of a packed w lies: add both dimensions'. */
size_t onednn_place(const dnnl_blocking_desc_t *b, int d, dnnl_dim_t i);

/* "strides 64,1 16x0 64x1 ...": tells layouts apart. */
void onednn_layout_key(const onednn_primitive *p, char *out, size_t size);

/* ---- running (onednn_native.c) ----------------------------------------------------------------------------------- */

enum { ONEDNN_BUFFERS = 8, ONEDNN_STATE = 768, ONEDNN_LINE = 64 };

/* A thread at work on slices. */
typedef struct onednn_lane {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    char *const *at; /* addresses of the work's buffers, NULL where there is none */
    char *memory;    /* of lane_bytes, aligned to a line */
} onednn_lane;

/* The operands of a primitive, NULL where it has none. */
typedef struct onednn_operands {
    const void *x, *w, *bias, *residual;
    void *y, *scratch;
} onednn_operands;

loris_status onednn_execute(const onednn_lane *lane, const onednn_primitive *p, const onednn_operands *data);

typedef loris_status onednn_slice(const void *state, const onednn_lane *lane, int index);

typedef struct onednn_work {
    onednn_slice *slice; /* called for 0 .. slices-1, in any order */
    int slices;
    size_t lane_bytes;
    cl_mem buffers[ONEDNN_BUFFERS]; /* that the slices read and write; the first is the node's scratch memory */
} onednn_work;

size_t onednn_lines(size_t bytes);                    /* rounded up to whole cache lines */
size_t onednn_scratch(int slices, size_t lane_bytes); /* what to ask of node_scratch() */

/* Adds the native kernel of `work`, in an operation's lower(). `state` of `size` <= ONEDNN_STATE bytes is copied. */
loris_status onednn_launch(lowering *l, const node *n, const onednn_work *work, const void *state, size_t size,
                           double flop);

#endif
