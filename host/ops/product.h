/*
 * Products: linear layers, convolutions and transposed convolutions, all described the same way for the backends.
 *
 *     Y[b][m][n] = act(bias[n] + residual[b][m][n] + sum over t, c of X[b][m stride + first + t][c] W[t][c][n])
 *
 * with t < taps, c < channels, and X zero outside its rows. Because channels are last, what one row takes of X are
 * taps * channels successive numbers. A node is one such product, or, for a transposed convolution, up to two that
 * write different columns of the same rows.
 */
#ifndef LORIS_OPS_PRODUCT_H
#define LORIS_OPS_PRODUCT_H

#include "compute/tuning.h"
#include "ops/ops.h"
#include "plan/lower.h"

/* Where the file keeps W[t][c][n]: at o * column_stride + c * channel_stride + tap, with n = phase * outputs + o and
 * tap = tap_first + tap_step * t + phase; W is 0 where tap is outside 0 .. kernel-1. A convolution has only phase 0. */
typedef struct product_weight {
    int kernel, outputs;
    int tap_first, tap_step;
    int channel_stride, column_stride;
} product_weight;

typedef struct tap_product {
    int batch;                  /* independent X and Y over the same W: evals * batch, or 1 when rows are all alike */
    int rows, columns;          /* M and N */
    int channels, taps;         /* C and T */
    int stride, first, rows_in; /* first row of X for m = 0, negative inside a padding; rows of X */
    int pitch, offset;          /* Y[b][m][n] is number m * pitch + offset + n of the output's batch b ... */
    int last_columns;           /* ... and the last row has only these columns */
    int y_extent;               /* numbers in a batch of the output */
    product_weight weight;
} tap_product;

enum { PRODUCT_MAX_PARTS = 2 }; /* products a node consists of */

/* Parameters of every node that is a product. Inputs: x, and what it absorbed to add. Weights: weight, and bias. */
typedef struct product_parameters {
    int kernel, stride, padding;
    int activation;      /* absorbed; an `activation` */
    int slab_rows;       /* CLBlast: rows of one call, set when the variant is chosen */
    int gives_bf16;      /* oneDNN: may the output be bf16, set when the variant is chosen */
    tuned_choice choice; /* of our own kernels' sizes, set then too; USE_DEFAULT: by the shape */
} product_parameters;

/* Recording: appends the node of `operation` with the weight `w` and, if asked, at.bias of out.channels numbers.
 * `multiplies` counts multiply-adds, without those on padding zeros known to be there. */
tensor product_record(net *n, const op *operation, tensor x, const char *at, weight w, bias b, shape out,
                      const product_parameters *parameters, double multiplies);

/* Has x one dimension? Else the net fails. Only linear layers take positions of more. */
bool product_along_length(net *n, tensor x, const char *at);

/* scope + at + ".weight", of rank 3 [d0, d1, kernel]; with kernel 1 also of rank 2, 4 or 5, further sides being 1. */
weight product_weight_of(net *n, const char *at, int64_t d0, int64_t d1, int64_t kernel);

/* The operations' hooks, shared by all products. `parts` are the node's products, at most PRODUCT_MAX_PARTS. */
bool product_absorb(node *producer, const node *consumer, int position);
loris_status product_prepare(compute *c, node *n, const tap_product *parts, int count);
bool product_takes_bf16(compute *c, const node *n, int i);
bool product_gives_bf16(compute *c, const node *n);
loris_status product_lower(lowering *l, const node *n, const tap_product *parts, int count);

/* ---- for the backends -------------------------------------------------------------------------------------------- */

enum { PRODUCT_PANEL, PRODUCT_TILE, PRODUCT_CLBLAST, PRODUCT_ONEDNN };

/* What a tuner may choose from on this device for weights kept in `type`, the default among it or not; their number. */
enum { PRODUCT_MAX_CANDIDATES = 32 };
int product_candidates(const compute *c, number_type type, tuned_choice out[PRODUCT_MAX_CANDIDATES]);

/* What was tuned for this product, where settings leave the choice and the device has it; NULL = nothing. */
const tuned_entry *product_tuned(const compute *c, const node *n, const tap_product *p);

/* What the products of this device keep their weights in. */
number_type product_storage(const compute *c);

/* The next argument: W in panels, [columns / panel, rounded up][depth][panel], depth = taps * channels rounded up to a
 * multiple of depth_step, zero where padded. */
void product_weight_argument(lowering *l, const tap_product *p, int panel, int depth_step, number_type type);

/* W as one matrix [taps * channels][columns] of f32. */
cl_mem product_lowered_weight(lowering *l, const tap_product *p);

/* The bias of every column, once for each phase of a transposed convolution, padded with zeros to `count`. */
cl_mem product_lowered_bias(lowering *l, const tap_product *p, int count);

/* What the node adds: its bias, and the residual with its distances (in whole batches of the output) between
 * evaluations and between batches, 0 where it is broadcast. */
typedef struct product_addends {
    bool bias, residual;
    int batches; /* of the output, per evaluation */
    int eval_step, batch_step;
} product_addends;
product_addends product_addends_of(const node *n);

loris_status product_own_lower(lowering *l, const node *n, const tap_product *parts, int count);

/* ---- what our own kernels of products and convolutions share ------------------------------------------------------
 */

int product_own_variant(const compute *c);   /* PRODUCT_PANEL or PRODUCT_TILE */
int product_storage_macro(number_type type); /* STORAGE in kernels/common.clh */

/* What an item of a panel kernel keeps in registers: `rows` by `vectors` vectors of `vec` numbers; vec * vectors is the
 * panel. */
typedef struct product_registers {
    int vec, vectors, rows;
} product_registers;
product_registers product_panel_registers(const compute *c, int columns);

/* What a group of a tile kernel makes, `item_rows` rows by 4 columns each item; and its launch over the product. */
typedef struct product_group {
    int rows, columns, item_rows;
} product_group;
product_group product_tile_group(const compute *c, int rows, int columns);
void product_tile_range(lowering *l, const tap_product *p, const product_group *g);

/* ---- other backends ------------------------------------------------------------------------------------------------
 */

/* oneDNN, on CPU devices that run native kernels and in builds that have it. Without *taken the product is one that it
 * has nothing fast for. */
bool product_onednn_available(const compute *c);
/* Is oneDNN wanted, and worth it, for a node of that size and number of columns? */
bool product_worth_onednn(const compute *c, double flop, int columns);
const char *product_onednn_reason(const compute *c); /* for people: why it is */
loris_status product_onednn_prepare(compute *c, node *n, const tap_product *parts, int count, bool *taken);
loris_status product_onednn_lower(lowering *l, const node *n, const tap_product *parts, int count);

enum {
    CLBLAST_SETS = 4
}; /* of parameters to choose from: USE_CLBLAST with the number 1 .. CLBLAST_SETS, or 0: its own */
loris_status product_clblast_prepare(compute *c, node *n, const tap_product *parts, int count);
loris_status product_clblast_lower(lowering *l, const node *n, const tap_product *parts, int count);

#endif
