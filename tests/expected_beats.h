/* tests/data/beats/expected.json: onsets of eight pairs of sounds by librosa 0.11, and the LORIS scores. */
#ifndef LORIS_TESTS_EXPECTED_BEATS_H
#define LORIS_TESTS_EXPECTED_BEATS_H

#include <stddef.h>

#include "core/arena.h"

enum { EXPECTED_PAIRS = 8 };

typedef struct expected_pair {
    double *original, *generated; /* onsets, seconds */
    size_t original_count, generated_count;
    double *original_bins, *generated_bins; /* 0 or 1 */
    size_t bins;
    double bcs, bhs;
} expected_pair;

typedef struct expected_beats {
    expected_pair pair[EXPECTED_PAIRS];
    double bcs, csd, bhs, hsd, f1;
    arena *memory;
} expected_beats;

void expected_beats_read(expected_beats *e); /* fails the test when it cannot */
void expected_beats_free(expected_beats *e);

#endif
