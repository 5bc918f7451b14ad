/*
 * loris/bench.h - measure devices by the work they are for, and compare them.
 *
 * A record holds what one device did: whether it computed the right thing, the time of each stage from the video to the
 * file (every sample, not only a summary), where its network's time went, and what the device can do at most, measured
 * by kernels of our own, so that a share of the peak can be told (Williams, Waterman, Patterson: Roofline, CACM 2009).
 * A device that computes wrong results gets no headline. Records are JSON: {"schema": 1, "records": [...]};
 * docs/benchmark.md explains each member.
 *
 * Times are medians with the 10th and 90th percentile; two records are compared by Hodges and Lehmann's estimator with
 * the distribution-free interval of Mann and Whitney's test. Strings that are returned are freed with loris_free().
 */
#ifndef LORIS_BENCH_H
#define LORIS_BENCH_H

#include "loris/loris.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct loris_bench_settings {
    const char
        *model; /* a .safetensors file or its folder; NULL = the full LORIS (766.5 M parameters) on made-up weights */
    const char *data; /* the benchmark's inputs and golden output, installed as share/loris-cl/bench; required */
    bool quick; /* fewer and shorter measurements; 12 s of the video instead of 26; the full LORIS at 2^16 instead of
                   2^19 samples */
    int runs; /* samples of each stage, at least, 1 to 100; 0 = 7, quick 3. More where they scatter, up to four times as
                 many */
    double seconds;                    /* no further sample is begun after so long; 0 = 120, quick 20 */
    loris_progress_function *progress; /* stages "check", "probe", "measure"; NULL = none */
    void *progress_user;
} loris_bench_settings;

LORIS_API void loris_bench_defaults(loris_bench_settings *settings);

/* Opens the device, with no cache of compiled kernels, so that the first pass is cold, and measures it. *record is JSON
 * of one record, also where LORIS_MISMATCH is returned: the device computes wrong results, the record's headline is
 * null. */
LORIS_API loris_status loris_bench(const loris_engine_settings *engine, const loris_bench_settings *settings,
                                   char **record);

/* The record of a device that gave none, for instance because its driver crashed: JSON with `why` as its failure. */
LORIS_API loris_status loris_bench_failed(const loris_device_info *device, const loris_bench_settings *settings,
                                          const char *why, char **record);

/* The records of several texts, one after the other. LORIS_ERROR_INPUT names the text by its number. */
LORIS_API loris_status loris_bench_join(const char *const *records, size_t count, char **joined);

/* The records of a file, or of all .json files of a folder in the order of their names. What can be derived from
 * samples is derived again: a file's own medians, verdict and headline are not believed. */
LORIS_API loris_status loris_bench_read(const char *path, char **records);

/* Has each device a headline? */
LORIS_API loris_status loris_bench_passed(const char *records, bool *all);

/* A table in Markdown, a row for each record: the fastest first. */
LORIS_API loris_status loris_bench_table(const char *records, char **markdown);

/* Writes them as the file's ending says: .json; .csv, a row for each sample; .md; .html, one page that loads nothing.
 * The file appears complete or not at all. LORIS_ERROR_ARGUMENT: another ending. */
LORIS_API loris_status loris_bench_write(const char *records, const char *path);

/* B over A: for every stage that both have of a device (by its name, platform and workload), the ratio of times with a
 * 95 % interval, as a table in Markdown. *slower counts the stages of which B certainly takes longer (the interval is
 * above 1) and by more than `limit` (0.05 = 5 %). LORIS_ERROR_INPUT: nothing can be compared, or B computes wrong
 * results where A does not. */
LORIS_API loris_status loris_bench_compare(const char *a, const char *b, double limit, char **markdown, int *slower);

#ifdef __cplusplus
}
#endif
#endif
