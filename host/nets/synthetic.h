/* Deterministic stand-in weights: a model of any size without a file, the same on every machine. */
#ifndef LORIS_NETS_SYNTHETIC_H
#define LORIS_NETS_SYNTHETIC_H

#include <stddef.h>
#include <stdint.h>

/* values[i] in [-1, 1): the top 24 bits of splitmix64(FNV-1a(name) + i * golden ratio). */
void synthetic_uniform(float *values, const char *name, size_t count);

/* A weight_generator: uniform values scaled by what the name says it is (gain, bias, weight by fan-in, ...). */
void synthetic_weight(float *values, const char *name, int rank, const int64_t *dim);

#endif
