/* The types numbers are stored as in files. */
#ifndef LORIS_CORE_NUMBER_H
#define LORIS_CORE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum number_type {
    TYPE_F32,
    TYPE_F16,
    TYPE_BF16,
    TYPE_F64,
    TYPE_I64,
    TYPE_I32,
    TYPE_U8,
    TYPE_BOOL
} number_type;

size_t number_size(number_type type);      /* bytes */
const char *number_name(number_type type); /* "f32" */

/* Widens `count` numbers of f32, f16, bf16 or f64 to f32, from any address. False for other types. */
bool number_to_f32(float *out, const void *in, number_type type, size_t count);

/* Narrows `count` f32 numbers to f32, f16 or bf16 at any address, to the nearest, ties to even; what is beyond the
 * type's range becomes infinity and a NaN stays one. False for other types. */
bool number_from_f32(void *out, number_type type, const float *in, size_t count);

/* The product of `rank` dimensions (1 when rank is 0). False when one is negative or the product exceeds `limit`. */
bool shape_count(const int64_t *dim, int rank, size_t limit, size_t *count);

#endif
