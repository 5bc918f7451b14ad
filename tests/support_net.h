/* Running small nets in tests: one device per test program, random weights, poisoned memory. */
#ifndef LORIS_TESTS_SUPPORT_NET_H
#define LORIS_TESTS_SUPPORT_NET_H

#include <stddef.h>
#include <stdint.h>

#include "plan/plan.h"

#include "compare.h" /* last: it brings cmocka.h, which has a fail() of its own */

/* cmocka group set-up and tear-down. The device is $LORIS_TEST_DEVICE or the default, the product backend
 * $LORIS_TEST_BACKEND ("own", "clblast", "onednn") or automatic, the weights' precision $LORIS_TEST_PRECISION ("f32",
 * "bf16", "f16") or automatic; the program cache is off. */
int support_open(void **state);
int support_close(void **state);
compute *support_compute(void);
product_precision support_precision(void); /* what $LORIS_TEST_PRECISION asks for */

/* Deterministic values in [-1, 1), different for each seed. */
void support_fill(float *values, size_t count, uint64_t seed);
float *support_values(size_t count, uint64_t seed); /* newly allocated; free() */

/* Adds a weight of random values in [-scale, scale) + offset (matrices and kernels rounded to what products keep, so
 * that no test's tolerance depends on it) and returns them (owned by the set; valid while it lives). */
const float *support_weight(weights *w, const char *name, int rank, const int64_t *dim, uint64_t seed, float scale,
                            float offset);

typedef struct support_input {
    const char *name;
    const void *data;
    size_t bytes;
} support_input;

/* Builds a plan of `n` (consumed), poisons its memory with NaN, writes the inputs (a NULL name ends them), runs the
 * phases clip, run and step `evaluation`, and reads `count` floats of `output`. Fails the test on any error. */
void support_run(net *n, const support_input *inputs, int evaluation, const char *output, float *got, size_t count);

/* As support_run, but keeps the plan for further use; free it with plan_free(). */
plan *support_plan(net *n, const support_input *inputs);

#endif
