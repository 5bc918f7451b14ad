/* How operations that stream over memory are cut into work-items, and what every operation with broadcasting inputs
 * shares. */
#ifndef LORIS_OPS_STREAM_H
#define LORIS_OPS_STREAM_H

#include "compute/tuning.h"
#include "ops/ops.h"
#include "plan/lower.h"

/* Most CPU devices want few items that each loop over wide vectors; others (device_is_simt()) many that each do one. */
bool wide_items(const compute *c);

/* Flat work: item i takes `repeats` vectors of `vector` floats (the macros VEC and REPEATS). */
typedef struct stream {
    int vector, repeats;
    size_t local;
} stream;

stream stream_on(const compute *c);
bool stream_is_tuned(const compute *c); /* are its items of a work-group what a tuner found? */

/* Sizes of work-groups that a tuner may choose from, of both sorts of work (TUNED_STREAM, TUNED_ROWS); their number. */
enum { STREAM_MAX_CANDIDATES = 4 };
int stream_candidates(const compute *c, tuned_choice out[STREAM_MAX_CANDIDATES]);

/* Rows of a tile of the attention kernel for GPUs, for heads of `head` channels (attention.c); their number. */
enum { ATTENTION_MAX_CANDIDATES = 3 };
int attention_candidates(const compute *c, int head, tuned_choice out[ATTENTION_MAX_CANDIDATES]);

/* The launch's range over `blocks` blocks of `inner` floats, blocks in dimension 1. */
void stream_range(lowering *l, stream s, size_t inner, size_t blocks);

/* Work by rows of `channels`: `lanes` items share a row (the macros VEC and LANES), and each takes `rows` rows. */
typedef struct row_stream {
    int vector, lanes, rows;
    size_t local[3]; /* over lanes, rows and blocks */
} row_stream;

row_stream row_stream_on(const compute *c, int channels);

/* The launch's range over `blocks` blocks of `rows` rows. */
void row_stream_range(lowering *l, row_stream s, size_t rows, size_t blocks);

/* The macro RESULT of common.clh: how the node's output is stored. */
int result_macro(const node *n);
bool gives_any(compute *c, const node *n); /* op.gives_bf16 of kernels with that macro */

/* ---- broadcasting ------------------------------------------------------------------------------------------------ */

/* Tensors are [evals, batch] blocks. Block o of the output, o = e * batch + b, reads block e * eval_step + b *
 * batch_step of an input; steps of 0 broadcast. A step reads its own row of what the run phase made for all
 * evaluations. */
int input_eval_step(const node *n, int i);
int input_batch_step(const node *n, int i);
size_t input_blocks(const node *n, int i); /* that an execution of the node reads */

/* The four arguments of BLOCKS() in common.clh: buffer, first element, eval_step, batch_step. */
void input_block_argument(lowering *l, const node *n, int i);

size_t block_floats(shape s); /* elements of one block */
size_t blocks_of(shape s);    /* evals * batch */

/* May `a` and `b` meet: the same batch and evals, or 1 in one of them? */
bool broadcastable(shape a, shape b);

double tensor_bytes(shape s); /* of f32 */

/* FLOP of an activation per element, an exponential or a division counting as one. */
double activation_flop(int act);

#endif
