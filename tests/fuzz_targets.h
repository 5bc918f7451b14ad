/* What is promised of each reader for any bytes at all: it succeeds with a result that can be used, or returns a status
 * of its documentation with a message. Run by tests/fuzz/ under libFuzzer and by test_fuzz_core.c on mutations of good
 * files. */
#ifndef LORIS_TESTS_FUZZ_TARGETS_H
#define LORIS_TESTS_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* NULL, or the promise that was broken. `status` is what the reader returned. */
typedef const char *fuzz_target(const uint8_t *data, size_t size, loris_status *status);

fuzz_target fuzz_json, fuzz_npy, fuzz_safetensors, fuzz_pickle, fuzz_checkpoint;

#endif
