/* NumPy's .npy, versions 1 to 3, little-endian: f2 f4 f8, i4 i8, u1, b1. Arrays are in C order here; files in Fortran
 * order (numpy.save writes a transposed view so) are brought to it. */
#ifndef LORIS_CORE_NPY_H
#define LORIS_CORE_NPY_H

#include <stdint.h>

#include "core/status.h"

enum { NPY_MAX_RANK = 8 };

typedef struct npy {
    int rank;
    int64_t dim[NPY_MAX_RANK];
    size_t count; /* product of dim */
    float *f32;   /* f2, f4, f8 files (converted) */
    int64_t *i64; /* i4, i8, u1, b1 files (converted); exactly one of f32 and i64 is set */
} npy;

/* LORIS_ERROR_INPUT: missing, wrong magic, unknown type, sizes that do not multiply to the bytes, cut
 * short. */
loris_status npy_read(npy *out, const char *path);
void npy_free(npy *a);

/* Fails unless the array has the given rank and dimensions; a dimension of -1 accepts any. `path` is named in the
 * error. */
loris_status npy_expect(const npy *a, const char *path, int rank, const int64_t *dim);

loris_status npy_write_f32(const char *path, int rank, const int64_t *dim, const float *data);
loris_status npy_write_i64(const char *path, int rank, const int64_t *dim, const int64_t *data);

#endif
