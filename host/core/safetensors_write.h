/* Writing safetensors: the header first, from shapes known beforehand, then the numbers in the same order, in pieces of
 * any size. Only the piece at hand is in memory. The file is complete or absent (output_begin). */
#ifndef LORIS_CORE_SAFETENSORS_WRITE_H
#define LORIS_CORE_SAFETENSORS_WRITE_H

#include "core/safetensors.h"

/* What the header says of a tensor. */
typedef struct safetensors_entry {
    const char *name; /* UTF-8 */
    number_type type;
    int rank;
    int64_t dim[SAFETENSORS_MAX_RANK];
} safetensors_entry;

typedef struct safetensors_note {
    const char *key, *value; /* UTF-8 */
} safetensors_note;

typedef struct safetensors_writer safetensors_writer;

/* Data starts on a multiple of 8 bytes; order the tensors by falling size of type and every number is aligned.
 * LORIS_ERROR_OUTPUT as output_begin; LORIS_ERROR_ARGUMENT: a name that appears twice or is "__metadata__", a shape
 * that is no size in bytes. */
loris_status safetensors_begin(safetensors_writer **out, const char *path, const safetensors_entry *entry, size_t count,
                               const safetensors_note *note, size_t notes);

/* The next bytes of the data, little-endian as all of it. */
loris_status safetensors_append(safetensors_writer *w, const void *data, size_t bytes);

/* Puts the file in place; the writer is freed whether that succeeds or not. LORIS_ERROR_INTERNAL when data is missing.
 */
loris_status safetensors_commit(safetensors_writer *w);
void safetensors_discard(safetensors_writer *w); /* removes what was written; NULL is allowed */

uint64_t safetensors_file_bytes(const safetensors_writer *w); /* of the whole file */

#endif
