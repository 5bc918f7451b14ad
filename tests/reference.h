/* For the tests of operations: arrays of any shape, and plain scalar versions of what the kernels compute, in double.
 */
#ifndef LORIS_TESTS_REFERENCE_H
#define LORIS_TESTS_REFERENCE_H

#include "ops/ops.h"

/* Unit roundoff of f32: a result correctly rounded is off by at most this fraction of itself. */
#define ROUNDOFF (1.0 / (1 << 24))

typedef struct array {
    shape s;
    size_t count;
    float *v;
} array;

array array_new(shape s);                   /* zeros; fails the test when out of memory */
array array_random(shape s, uint64_t seed); /* in [-1, 1) */
void array_free(array *a);
float *array_block(const array *a, int e, int b); /* entry (e, b), a side of 1 broadcasting */

/* Declares the input `name` and copies it once: its consumer then reads memory that lies between NaN, not a buffer of
 * its own. */
tensor staged_input(net *n, const char *name, phase p, shape s);

/* The device under test takes itself for a CPU (kind 0) or a GPU (kind 1) from now on: operations choose their variants
 * by it. */
enum { DEVICE_KINDS = 2 };
void pretend_kind(int kind);

/* While `slow`, the device takes itself for one that does 10 kFLOP in a launch: longer launches come in pieces. */
void pretend_slow(bool slow);

double reference_activation(activation act, double x);

/* One block: x [length, channels]; scale_shift [2 channels] or NULL. */
void reference_group_norm(float *out, const float *x, int length, int channels, int groups, const float *gain,
                          const float *shift, const float *scale_shift, activation act);

/* x [rows, channels]; residual NULL or like x. */
void reference_layer_norm(float *out, const float *x, const float *gain, const float *residual, int rows, int channels);

/* q [rows, heads * head], kv [keys, 2 * heads * head] -> out like q. Returns the largest |score|. */
double reference_attention(float *out, const float *q, const float *kv, int rows, int keys, int heads, int head);

#endif
