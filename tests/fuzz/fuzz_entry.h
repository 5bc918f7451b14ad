/* The entry libFuzzer calls; it aborts when a promise of fuzz_targets.h is broken. */
#ifndef LORIS_TESTS_FUZZ_ENTRY_H
#define LORIS_TESTS_FUZZ_ENTRY_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
