/* From log bands to sound: phase-gradient heap integration (Prusa, Balazs, Sondergaard, 2017; its real-time form, Prusa and
 * Sondergaard, 2016), refined by fast Griffin-Lim (Perraudin, Balazs, Sondergaard, 2013). Deterministic; memory does not grow
 * with the clip. */
#ifndef LORIS_MEDIA_PHASE_H
#define LORIS_MEDIA_PHASE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct spectrum_format {
    int rate, window, hop, bands; /* 32000, 1536, 384, 176 */
    float floor;                  /* added to magnitudes before the logarithm: 0.05 */
} spectrum_format;

/* The band matrix, [bands][window/2 + 1], row-major: triangular bands whose columns sum to 1 (see docs/formats.md). */
loris_status band_matrix(const spectrum_format *f, float **out);

/* Log bands [frames][bands] -> magnitudes [frames][window/2 + 1]. */
loris_status bands_to_magnitude(const spectrum_format *f, const float *bands, size_t frames, float **out);

typedef struct phase_stream phase_stream;

loris_status phase_stream_new(phase_stream **out, const spectrum_format *f, int threads);
void phase_stream_free(phase_stream *s);

/* Feeds frames in order; finished samples go to `sink`. The last call has last = true: then hop * (total frames - 1) samples
 * have been delivered in all. Sample hop * i is the centre of frame i. */
typedef loris_status sample_sink(void *user, const float *samples, size_t count);
loris_status phase_stream_push(phase_stream *s, const float *bands, size_t frames, bool last, sample_sink *sink, void *user);

/* How far the magnitude of `samples` is from the bands' wanted one, in dB; lower is better. */
loris_status phase_consistency(const spectrum_format *f, const float *bands, size_t frames, const float *samples,
                               size_t count, double *db);

#endif
