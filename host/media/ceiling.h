/* The third projection of phase recovery, onto signals that stay within a ceiling: internal to host/media. */
#ifndef LORIS_MEDIA_CEILING_H
#define LORIS_MEDIA_CEILING_H

enum { CEILING_TAPS = 16 };

/* Half-way between two samples the signal is the sum of tap[i] times the CEILING_TAPS samples around it. */
typedef struct ceiling_filter {
    float tap[CEILING_TAPS];
    float power; /* sum of squared taps */
    float most;  /* sum of their magnitudes: how far the signal may rise above the samples around it */
} ceiling_filter;

void ceiling_filter_make(ceiling_filter *f);

/* Pushes x[0 .. count) to within +-ceiling, at the samples and half-way between them. */
void ceiling_apply(const ceiling_filter *f, float *x, int count, float ceiling);

#endif
