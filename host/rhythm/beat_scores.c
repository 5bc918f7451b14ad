#include "rhythm/beat_scores.h"

#include <math.h>
#include <stdlib.h>

void beat_bins(const double *onsets, size_t count, bool *bins, size_t seconds) {
    for (size_t i = 0; i < seconds; i++)
        bins[i] = false;
    for (size_t i = 0; i < count; i++)
        if (onsets[i] >= 0 && onsets[i] < (double)seconds)
            bins[(size_t)onsets[i]] = true;
}

static double share(size_t part, size_t whole) {
    return whole ? (double)part / (double)whole : 0;
}

beat_pair beat_compare(const bool *original, const bool *generated, size_t seconds) {
    size_t both = 0, first = 0, second = 0;
    for (size_t i = 0; i < seconds; i++) {
        both += original[i] && generated[i];
        first += original[i];
        second += generated[i];
    }
    return (beat_pair){.coverage = share(both, second), .hit = share(both, first)};
}

beat_scores beat_total(const beat_pair *pairs, size_t count) {
    beat_scores s = {0};
    double n = (double)count;
    for (size_t i = 0; i < count; i++) {
        s.bcs += pairs[i].coverage / n;
        s.bhs += pairs[i].hit / n;
    }
    for (size_t i = 0; count > 1 && i < count; i++) {
        s.csd += (pairs[i].coverage - s.bcs) * (pairs[i].coverage - s.bcs) / (n - 1);
        s.hsd += (pairs[i].hit - s.bhs) * (pairs[i].hit - s.bhs) / (n - 1);
    }
    s.csd = sqrt(s.csd);
    s.hsd = sqrt(s.hsd);
    s.f1 = s.bcs + s.bhs > 0 ? 2 * s.bcs * s.bhs / (s.bcs + s.bhs) : 0;
    return s;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

event_match match_events(const double *events, size_t event_count, const double *onsets, size_t onset_count,
                         double window, double *lateness) {
    event_match m = {0};
    for (size_t i = 0, k = 0; i < event_count; i++) {
        while (k < onset_count && onsets[k] < events[i] - window)
            k++;
        if (k == onset_count || onsets[k] > events[i] + window)
            continue;
        while (k + 1 < onset_count && fabs(onsets[k + 1] - events[i]) < fabs(onsets[k] - events[i]) &&
               (i + 1 == event_count || onsets[k + 1] < events[i + 1] - window))
            k++; /* a nearer one that no later event could want */
        lateness[m.matched++] = onsets[k++] - events[i];
    }
    m.recall = share(m.matched, event_count);
    m.precision = share(m.matched, onset_count);
    m.f = event_count + onset_count ? 2 * (double)m.matched / (double)(event_count + onset_count) : 0;
    if (m.matched) {
        qsort(lateness, m.matched, sizeof *lateness, ascending);
        m.median_late = (lateness[(m.matched - 1) / 2] + lateness[m.matched / 2]) / 2;
    }
    return m;
}
