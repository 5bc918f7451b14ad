/* A folder for kernels_dir whose SiLU is 1 % too large: a driver that computes wrong. */
#ifndef LORIS_TESTS_WRONG_KERNELS_H
#define LORIS_TESTS_WRONG_KERNELS_H

/* Makes the folder scratch(name) and returns its path. */
const char *wrong_silu(const char *name);

#endif
