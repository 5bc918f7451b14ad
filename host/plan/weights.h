/* A model's tensors: names and values from a safetensors file, and device copies in the layout an operation wants. */
#ifndef LORIS_PLAN_WEIGHTS_H
#define LORIS_PLAN_WEIGHTS_H

#include <CL/cl.h>

#include "compute/compute.h"
#include "core/number.h"
#include "core/safetensors.h"
#include "core/status.h"

typedef struct weights weights;

typedef struct weight_entry {
    const safetensor *source;
    const char *name; /* without the model's prefix */
} weight_entry;

/* Takes the tensors of `file` (kept open by the caller) whose names start with `prefix`, and removes it from the names.
 */
loris_status weights_new(weights **out, compute *c, const safetensors *file, const char *prefix);

/* For tests: an empty set, filled with copies by weights_add(). */
loris_status weights_new_empty(weights **out, compute *c);
loris_status weights_add(weights *w, const char *name, int rank, const int64_t *dim, const float *values);

/* A set that makes each weight when a net first asks for it, for models without a file. The generator fills `values` of
 * a tensor with the given name and shape. */
typedef void weight_generator(float *values, const char *name, int rank, const int64_t *dim);
loris_status weights_new_generated(weights **out, compute *c, weight_generator *generate);

void weights_free(weights *w);

const weight_entry *weights_find(const weights *w, const char *name); /* NULL when absent */

/* Makes `name` when this is a generated set that lacks it; NULL when absent in any other set, or on failure. */
const weight_entry *weights_find_or_make(const weights *w, const char *name, int rank, const int64_t *dim);

/* The entry's values as f32, newly allocated: free(). */
loris_status weights_values(const weight_entry *e, float **values);

/* Lays `in` (the file's order, as f32) out as an operation wants it. `layout` is the operation's own struct. */
typedef void weight_packer(float *out, const float *in, const void *layout);

/* The device buffer of `e` packed by `pack` into `count` numbers, then narrowed to `type` (f32, f16 or bf16; to the
 * nearest, ties to even); made on first use and shared by every plan over these weights. `key` identifies packer and
 * layout
 * ("conv k3 c192 n192 panel32"). The buffer belongs to `w`; nothing is in it before weights_fill(). `layout` is copied.
 */
loris_status weights_device(const weights *w, const weight_entry *e, const char *key, weight_packer *pack,
                            const void *layout, size_t layout_size, size_t count, number_type type, cl_mem *out);

/* Packs and writes all that weights_device() has made room for since, on several threads. */
loris_status weights_fill(const weights *w);

/* The same numbers, newly allocated on the host: free(). */
loris_status weights_pack(const weights *w, const weight_entry *e, weight_packer *pack, const void *layout,
                          size_t count, number_type type, void **out);

size_t weights_device_bytes(const weights *w); /* packed so far */

void weights_mark_used(const weight_entry *e);

/* Fails naming the first tensor that no net asked for since weights_new (net_weight marks what it binds). */
loris_status weights_all_used(const weights *w);

#endif
