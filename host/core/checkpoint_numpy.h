/* For checkpoint.c: the arrays of a pickled dict of dicts of NumPy's arrays (pickle.dump(), as of Flax's variables).
 * Their names are the keys on the way to them, joined by "/": "params/Conv3d_1a_7x7/Conv_0/kernel". */
#ifndef LORIS_CORE_CHECKPOINT_NUMPY_H
#define LORIS_CORE_CHECKPOINT_NUMPY_H

#include "core/checkpoint_torch.h"

/* Is it a pickle of a dict? PyTorch's legacy files begin with a number. */
bool checkpoint_recognise_numpy(const uint8_t *data, size_t size);

loris_status checkpoint_list_numpy(checkpoint_list *list, const checkpoint_source *s);

#endif
