/* The tensors of a checkpoint file, whatever its container: PyTorch's zip format (torch.save since 1.6), the legacy
 * format before it, a pickle of NumPy's arrays, or safetensors. The file is mapped; nothing is copied until
 * checkpoint_read().
 *
 * A PyTorch file may hold more than a state dict. The tensors taken are those of the outermost dict that has tensors
 * under its names; others are looked for in the members "ema", "ema_state_dict", "model_ema", "state_dict_ema" (the
 * averaged weights, which are the ones to sample with), "state_dict", "model_state_dict", "model", "net", "module",
 * "weights", in this order, then in the only member that has any. Members that are no tensors are passed over.
 * checkpoint_section() says where the tensors were found.
 *
 * Checked when opening: everything zip.h, pickle.h and safetensors.h check; names are UTF-8 without control characters
 * and unique; every number of every tensor lies in its storage and every storage in the file. */
#ifndef LORIS_CORE_CHECKPOINT_H
#define LORIS_CORE_CHECKPOINT_H

#include <stdint.h>

#include "core/json.h"
#include "core/number.h"
#include "core/status.h"

enum { CHECKPOINT_MAX_RANK = 8 };

typedef struct checkpoint_tensor {
    const char *name;
    number_type type;
    int rank;
    int64_t dim[CHECKPOINT_MAX_RANK], stride[CHECKPOINT_MAX_RANK]; /* strides in numbers, 0 for a dimension of 1 */
    size_t count;                                                  /* numbers */
    bool contiguous;                                               /* row-major without gaps */
    const uint8_t *data; /* the first number, in the mapping, not necessarily aligned */
    size_t span;         /* bytes from there to the end of the last number in memory */
} checkpoint_tensor;

typedef struct checkpoint checkpoint;

loris_status checkpoint_open(checkpoint **out, const char *path);
void checkpoint_close(checkpoint *c); /* NULL is allowed */

size_t checkpoint_count(const checkpoint *c);
const checkpoint_tensor *checkpoint_at(const checkpoint *c, size_t i);           /* in file order */
const checkpoint_tensor *checkpoint_find(const checkpoint *c, const char *name); /* NULL when absent; O(log n) */
const char *
checkpoint_container(const checkpoint *c); /* "PyTorch zip", "PyTorch legacy", "NumPy pickle", "safetensors" */
const char *checkpoint_section(const checkpoint *c);  /* "" = the whole file, else as "ema" or "generator.ema" */
const json *checkpoint_metadata(const checkpoint *c); /* of safetensors, or NULL */
const char *checkpoint_path(const checkpoint *c);
uint64_t checkpoint_bytes(const checkpoint *c); /* of the file */

/* Numbers first .. first + count - 1 in row-major order, in the tensor's own type, packed. */
void checkpoint_read(const checkpoint_tensor *t, size_t first, size_t count, void *out);

/* The same type and shape at the same place: equal without looking. */
bool checkpoint_same(const checkpoint_tensor *a, const checkpoint_tensor *b);

void checkpoint_release(const checkpoint *c); /* file_map_release() */

#endif
