/* How well the onsets of one sound meet another's. */
#ifndef LORIS_RHYTHM_BEAT_SCORES_H
#define LORIS_RHYTHM_BEAT_SCORES_H

#include <stdbool.h>
#include <stddef.h>

/* ---- the scores of LORIS (Yu et al., ICML 2023): onsets by the second -------------------------------------------- */

/* bins[i]: an onset within second i. */
void beat_bins(const double *onsets, size_t count, bool *bins, size_t seconds);

typedef struct beat_pair {
    double coverage; /* of the generated sound's seconds with an onset, the share where the original has one as well */
    double hit;      /* of the original's, the share where the generated sound has one as well */
} beat_pair;

/* A share of nothing is 0. */
beat_pair beat_compare(const bool *original, const bool *generated, size_t seconds);

typedef struct beat_scores {
    double bcs, csd; /* beat coverage score, its standard deviation over the pairs (n - 1; 0 for one pair) */
    double bhs, hsd; /* beat hit score, likewise */
    double f1;       /* harmonic mean of bcs and bhs */
} beat_scores;

beat_scores beat_total(const beat_pair *pairs, size_t count);

/* ---- by the event ------------------------------------------------------------------------------------------------ */

typedef struct event_match {
    size_t matched;
    double recall, precision, f;
    double median_late; /* of matched ones, seconds; 0 without any */
} event_match;

/* Pairs events with onsets at most `window` seconds away, each used once, in order of time (both ascending). */
event_match match_events(const double *events, size_t event_count, const double *onsets, size_t onset_count,
                         double window, double *lateness); /* [event_count], scratch and result: the matched ones' */

#endif
