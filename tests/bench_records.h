/* Records for tests of what is made of them. */
#ifndef LORIS_TESTS_BENCH_RECORDS_H
#define LORIS_TESTS_BENCH_RECORDS_H

#include "bench/record.h"

/* A device that is right, with two stages whose warm times are `slower` times 0.10, 0.11, ... s; concluded. Texts are
 * static. */
void example_record(record *r, arena *a, const char *name, double slower);

/* Every number at `key` of each object in the array at `list` of each record, against what the samples beside it give
 * by this function (its own sorting and interpolation). Fails the test where they differ. */
void assert_summaries_follow(const char *records);

#endif
