/* Checkpoints made by hand, good and bad: pickles opcode by opcode, zip files record by record, and whole files of
 * torch.save() in both containers. */
#ifndef LORIS_TESTS_MAKE_CHECKPOINT_H
#define LORIS_TESTS_MAKE_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/text.h"

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

void put_bytes(text *t, const void *data, size_t size);
void put_string(text *t, const char *string);        /* without its NUL */
void put_number(text *t, int bytes, uint64_t value); /* little-endian */

/* ---- zip --------------------------------------------------------------------------------------------------------- */

enum { MADE_ENTRIES_MAX = 1024 };

typedef struct made_entry {
    char name[64];
    uint64_t header, size, packed; /* what the directory says */
    uint16_t method, flags;
    bool zip64;
} made_entry;

/* Change what the directory will say between made_zip_add() and made_zip_end(). */
typedef struct made_zip {
    text out;
    made_entry entry[MADE_ENTRIES_MAX];
    size_t count;
    bool zip64; /* the end record too */
} made_zip;

void made_zip_add(made_zip *z, const char *name, const void *data, size_t size, size_t align);
void made_zip_end(made_zip *z, const char *comment);

/* ---- torch.save() ------------------------------------------------------------------------------------------------ */

typedef struct made_tensor {
    char name[160];
    const char *type; /* "Float", "Half", ...: a storage's name without "Storage" */
    int rank;
    int64_t dim[8], stride[8], offset;
    char key[24];     /* of its storage; tensors of one key share it */
    const void *data; /* the storage's bytes; NULL: as an earlier tensor of the key */
    uint64_t count;   /* the storage's numbers */
    size_t bytes;
} made_tensor;

typedef struct made_checkpoint {
    made_tensor *tensor; /* free() */
    size_t count;
} made_checkpoint;

/* Adds a contiguous tensor that fills a storage of its own; the result may be changed until the next call. `data` must
 * live until the file is written. */
made_tensor *made_add(made_checkpoint *c, const char *name, const char *type, size_t size, int rank, const int64_t *dim,
                      const void *data);
void made_free(made_checkpoint *c);

void made_pickle(text *out, const made_checkpoint *c, bool legacy); /* of the state dict */
void made_write_zip(text *out, const made_checkpoint *c);
void made_write_legacy(text *out, const made_checkpoint *c);

#endif
