/* What is measured of a soundtrack. Sound is mono at ONSET_RATE. */
#ifndef LORIS_TOOLS_REPORT_MEASURE_H
#define LORIS_TOOLS_REPORT_MEASURE_H

#include "music/score.h"

typedef struct sound {
    float *samples; /* free() */
    size_t count;
    double seconds;
} sound;

loris_status sound_read(sound *out, const char *path);

/* The share of energy that median filters along time keep against those along frequency (Fitzgerald,
 * "Harmonic/Percussive Separation using Median Filtering", 2010; filters of 31, soft masks of power 2). */
loris_status harmonic_share(const sound *s, double *share);

/* The quietest two seconds, dB of root mean square below full scale. */
double quietest(const sound *s);

/* The mean cosine, over beats (half seconds without a pulse), between the sound's chroma and the score's notes. */
loris_status chroma_agreement(const sound *s, const score *written, double *cosine);

/* How much more the onset strength (z-scored) rises within 50 ms of the events than of the same events moved by 0.37 of
 * the gaps, both ways. */
double contrast(const float *strength, size_t frames, const double *events, size_t count);

/* The share of `others` made-up videos, of as many events with gaps drawn from these and stretched by 0.6 to 1.6, whose
 * contrast is below the events' own. */
double contrast_rank(const float *strength, size_t frames, const double *events, size_t count, int others);

/* The share of a's lead notes that b has within 50 ms at the same pitch. */
double melody_shared(const score *a, const score *b);

/* Beats a minute of the onset strength's autocorrelation with a log-normal prior around 120 (Ellis, 2007). */
double tempo_heard(const float *strength, size_t frames);

#endif
