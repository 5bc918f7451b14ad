/* For pickle.c: what NumPy's arrays are pickled as, after numpy/core/src/multiarray/methods.c (array_reduce) and
 * descriptor.c (arraydescr_reduce):
 *
 *     dtype("f4", False, True), its state (3, "<", None, None, None, -1, -1, 0)
 *     _reconstruct(ndarray, (0,), b"b"), its state (1, shape, dtype, column-major?, bytes)
 *
 * Nothing is called. Each function checks what it is given and returns NULL, or what is wrong with it. */
#ifndef LORIS_CORE_PICKLE_ARRAY_H
#define LORIS_CORE_PICKLE_ARRAY_H

#include "core/pickle.h"

/* dtype(...): fills the value, of PICKLE_DTYPE. */
const char *pickle_make_dtype(pickle_value *v, const pickle_items *arguments);
const char *pickle_set_dtype(pickle_value *v, const pickle_value *state);

/* The state of a PICKLE_ARRAY. */
const char *pickle_set_array(pickle_value *v, const pickle_value *state);

#endif
