/* The kernel sources inside the library, made by cmake/embed.cmake; the table ends with a NULL name. */
#ifndef LORIS_COMPUTE_EMBEDDED_H
#define LORIS_COMPUTE_EMBEDDED_H

#include <stddef.h>

typedef struct embedded_file {
    const char *name; /* "norm.cl" */
    const char *data;
    size_t size;
} embedded_file;

extern const embedded_file embedded_kernels[];

#endif
