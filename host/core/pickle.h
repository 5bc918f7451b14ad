/* Python pickles, as far as PyTorch's state dicts and dicts of NumPy's arrays need them. This is no interpreter of
 * Python: it knows containers, strings, numbers and tensors, and executes nothing.
 *
 * Read are the binary opcodes of protocols 2 to 5. A pickle may name only what `known` in pickle.c lists
 * (collections.OrderedDict, torch._utils._rebuild_tensor_v2, torch._utils._rebuild_parameter, torch.Size, the storages
 * torch.*Storage and the types torch.float32, ...; numpy's _reconstruct, ndarray and dtype), and these are not called:
 * each is a rule of this reader that turns its arguments into a value. Any other name or opcode ends the reading with
 * LORIS_ERROR_INPUT that says the opcode, the name and the byte. Stack, memo, values and items are bounded, so that
 * memory is too; nothing recurses.
 *
 * The result may share values (Python's memo) and may even contain itself: whoever walks it bounds the walk. */
#ifndef LORIS_CORE_PICKLE_H
#define LORIS_CORE_PICKLE_H

#include <stdint.h>

#include "core/arena.h"
#include "core/number.h"
#include "core/status.h"

enum { PICKLE_MAX_RANK = 8 };

typedef enum pickle_type {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INTEGER,
    PICKLE_BIG, /* an integer of more than 64 bits: its bytes */
    PICKLE_REAL,
    PICKLE_STRING,
    PICKLE_BYTES,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_GLOBAL,
    PICKLE_STORAGE,
    PICKLE_TENSOR,
    PICKLE_DTYPE,
    PICKLE_ARRAY
} pickle_type;

typedef struct pickle_value pickle_value;

typedef struct pickle_bytes {
    const char *data; /* in the pickle: not NUL-terminated */
    size_t length;
} pickle_bytes;

typedef struct pickle_items {
    const pickle_value **at; /* of a dict: key, value, key, value, ... in file order; a key may come again */
    size_t count, capacity;
} pickle_items;

/* Numbers kept outside the pickle, under a key. */
typedef struct pickle_storage {
    number_type type;
    pickle_bytes key;
    uint64_t count; /* numbers */
} pickle_storage;

/* A view of a storage; in numbers, not bytes. Not checked against the storage's size here. */
typedef struct pickle_tensor {
    const pickle_storage *storage;
    int64_t offset;
    int rank;
    int64_t dim[PICKLE_MAX_RANK], stride[PICKLE_MAX_RANK];
} pickle_tensor;

/* NumPy's: its numbers stand in the pickle, row-major or column-major, without gaps. */
typedef struct pickle_array {
    number_type type;
    bool column_major;
    int rank;
    int64_t dim[PICKLE_MAX_RANK];
    pickle_bytes data; /* .data is NULL in an array that was never given its numbers */
} pickle_array;

struct pickle_value {
    pickle_type type;
    size_t at; /* the byte of the opcode that made it */
    union {
        bool truth;
        int64_t integer;
        double real;
        pickle_bytes
            bytes; /* STRING (valid UTF-8 or what Python 2 wrote), BYTES, BIG (little-endian, two's complement) */
        pickle_items items; /* TUPLE, LIST, DICT */
        int global;         /* row of the table of known names */
        pickle_storage storage;
        pickle_tensor tensor;
        number_type dtype;
        pickle_array array;
    };
};

/* Reads the pickle that starts at byte *at of data[0..size) and moves *at past its end. Values live in `a` and their
 * strings in `data`. `where` names the file in errors. */
loris_status pickle_read(const pickle_value **out, arena *a, const uint8_t *data, size_t size, size_t *at,
                         const char *where);

bool pickle_is(const pickle_value *v, const char *string); /* is it this STRING? */

/* A dict's value of a string key, the last one set as in Python; NULL when absent or when `dict` is none. */
const pickle_value *pickle_get(const pickle_value *dict, const char *key);

#endif
