/* The weights of TensorFlow.js graph models: model.json with a "weightsManifest", and binary files beside it (the
 * format of tfjs-converter). The graph itself is not looked at. Numbers of f32 and i32 are read, and f32 kept as f16.
 */
#ifndef LORIS_CORE_TFJS_H
#define LORIS_CORE_TFJS_H

#include "core/json.h"
#include "core/number.h"

enum { TFJS_MAX_RANK = 6 };

typedef struct tfjs_tensor {
    const char *name;
    number_type type; /* as stored */
    int rank;
    int64_t dim[TFJS_MAX_RANK];
    size_t count;
    const uint8_t *data; /* any alignment */
} tfjs_tensor;

typedef struct tfjs tfjs;

/* Is it a JSON document, hence no container of tensors? False when it cannot be read. */
bool tfjs_recognise(const char *path);

/* `path` is the JSON file; what it names is looked for in its folder. LORIS_ERROR_INPUT: not such a model, a file that
 * is missing or of another length than its tensors, kinds of numbers that are not known here. */
loris_status tfjs_open(tfjs **out, const char *path);
void tfjs_close(tfjs *t); /* NULL is allowed */

const json *tfjs_document(const tfjs *t);
const tfjs_tensor *tfjs_find(const tfjs *t, const char *name); /* NULL when absent */
uint64_t tfjs_bytes(const tfjs *t);                            /* of all its files */

#endif
