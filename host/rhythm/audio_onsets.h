/* Onsets of sound: spectral flux of a mel spectrogram and its peaks (Boeck, Krebs and Schedl, "Evaluating the Online
 * Capabilities of Onset Detection Methods", 2012), as librosa 0.11 finds them, by which beat scores of music generation
 * are published. */
#ifndef LORIS_RHYTHM_AUDIO_ONSETS_H
#define LORIS_RHYTHM_AUDIO_ONSETS_H

#include <stddef.h>

#include "core/status.h"

enum { ONSET_RATE = 22050, ONSET_WINDOW = 2048, ONSET_HOP = 512, ONSET_MEL_BANDS = 128 };

/* Seconds between the values of an onset strength. */
#define ONSET_SPACING ((double)ONSET_HOP / ONSET_RATE)

/* Mono samples at ONSET_RATE -> onset strength: the mean rise in dB over the mel bands from one frame to the next, one
 * value per ONSET_SPACING from the first sample on: 1 + count / ONSET_HOP of them. free() *out. */
loris_status audio_onset_strength(const float *samples, size_t count, float **out, size_t *frames);

/* The same over ranges of mel bands: range r holds bands edges[r] .. edges[r + 1] - 1 (librosa's onset_strength_multi).
 * *out [ranges][frames]. */
loris_status audio_onset_strengths(const float *samples, size_t count, const int *edges, int ranges, float **out,
                                   size_t *frames);

/* Mel spectrogram [frames][ONSET_MEL_BANDS] in dB, at most 80 dB below its maximum; frame i is centred on sample
 * i * ONSET_HOP. free() *out. */
loris_status audio_mel(const float *samples, size_t count, float **out, size_t *frames);

/* What counts as a peak of the onset strength scaled to 0..1. Counts of frames; a peak is the largest from max_before
 * frames before it to max_after frames after it, and above the mean from mean_before to mean_after by `above`; none
 * comes within `wait` frames after another. */
typedef struct onset_picking {
    size_t max_before, max_after, mean_before, mean_after, wait;
    double above;
} onset_picking;

onset_picking onset_picking_defaults(void);  /* librosa's */
onset_picking onset_picking_published(void); /* of the beat scores of LORIS (Yu et al., ICML 2023): stronger ones */

/* The peaks of an onset strength, as ascending seconds; free() *times. */
loris_status onset_peaks(const float *strength, size_t frames, onset_picking p, double **times, size_t *count);

/* Both. */
loris_status audio_onsets(const float *samples, size_t count, onset_picking p, double **times, size_t *onsets);

#endif
