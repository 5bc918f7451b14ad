/* safetensors: a header of names, types, shapes and offsets, then the bytes. Files are mapped, never copied.
 *
 * Checked before anything is used: header length within the file and under 100 MB, every offset in range and in order
 * without gaps or overlaps, shapes that multiply to the bytes, no duplicate names. Errors name the tensor. */
#ifndef LORIS_CORE_SAFETENSORS_H
#define LORIS_CORE_SAFETENSORS_H

#include <stdint.h>

#include "core/json.h"
#include "core/number.h"
#include "core/status.h"

enum { SAFETENSORS_MAX_RANK = 8 };

typedef struct safetensor {
    const char *name;
    number_type type;
    int rank;
    int64_t dim[SAFETENSORS_MAX_RANK];
    size_t count;        /* numbers */
    const uint8_t *data; /* in the mapping, not necessarily aligned */
    size_t bytes;
} safetensor;

typedef struct safetensors safetensors;

loris_status safetensors_open(safetensors **out, const char *path);
void safetensors_close(safetensors *s);

size_t safetensors_count(const safetensors *s);
const safetensor *safetensors_at(const safetensors *s, size_t i);           /* in file order */
const safetensor *safetensors_find(const safetensors *s, const char *name); /* NULL when absent; O(log n) */
const json *safetensors_metadata(const safetensors *s);                     /* the "__metadata__" object, or NULL */
const char *safetensors_path(const safetensors *s);
void safetensors_release(const safetensors *s); /* file_map_release() */

#endif
