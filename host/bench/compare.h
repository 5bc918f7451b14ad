/* Two sets of records, stage by stage. */
#ifndef LORIS_BENCH_COMPARE_H
#define LORIS_BENCH_COMPARE_H

#include "bench/record.h"

/* A table in Markdown: for every device and workload of both sets and every stage that both have samples of, the times
 * of B over those of A with their interval. *slower counts the stages of which B certainly takes longer, and by more
 * than `limit`. LORIS_ERROR_INPUT: no stage can be compared, or a device that computed the right results in A does not
 * in B. */
loris_status compare_records(text *out, const record *a, size_t count_a, const record *b, size_t count_b, double limit,
                             int *slower);

#endif
