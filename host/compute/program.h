/* One OpenCL program assembled from sections: a .cl file together with the macros it is specialised by. Each section's
 * kernels and helper functions get a suffix, so that one program can hold many specialisations of a file:
 *
 *     KERNEL(group_norm)(...)           expands to   kernel void group_norm_3(...)
 *     static float NAME(mean)(...)                   static float mean_3(...)
 *
 * kernels/common.clh is put before the first section, once. A line `#include "panel.clh"` of a file, from its first
 * character on, stands for that file of kernels/, which includes nothing itself. Macros that a file and what it
 * includes define end with its section. What is seen of a compile error is the file's name and the line in it.
 *
 * Binaries are cached per user; the key is a SHA-256 of source, options, device, driver, processor features and our
 * version. */
#ifndef LORIS_COMPUTE_PROGRAM_H
#define LORIS_COMPUTE_PROGRAM_H

#include "compute/compute.h"
#include "core/text.h"

typedef struct program program;

loris_status program_new(program **out, compute *c);
void program_free(program *p); /* what it built stays for later programs, until the device is closed */

/* For compute_close(): lets go of everything built. */
void programs_release(compute *c); /* NULL is allowed; before compute_close() */

/* Adds kernels/<file>.cl specialised by `defines`, for instance "ACTIVATION=1 TILE=16" (blank-separated NAME=VALUE),
 * unless the same section is there already. *section receives its number. LORIS_ERROR_INTERNAL: no such file. */
loris_status program_section(program *p, const char *file, const char *defines, int *section);

/* What section `number` was added as. */
void program_section_facts(const program *p, int number, const char **file, const char **defines);

/* The text that program_build() compiles, and the options it is compiled with. */
loris_status program_text(program *p, text *out);
const char *program_options(void);

/* Compiles (or loads from the cache). Compile errors give the log's first error line in the message and the whole log
 * at LORIS_LOG_DEBUG. */
loris_status program_build(program *p);

/* The kernel `name` of `section` in the built program: a new object each time (arguments of its own), which the caller
 * releases. */
loris_status program_kernel(program *p, int section, const char *name, cl_kernel *out);

/* Stores the binary in the cache. Call once every kernel was launched for the first time: some drivers specialise at
 * launch. Until then compute_pace() keeps chunks short, because launches may compile; so call it even without a cache.
 * Waits for the queue. Failing to store is a warning, never an error. Does nothing when the program came from the cache
 * unchanged. */
void program_store(program *p);

#endif
