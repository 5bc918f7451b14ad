/* From log bands to sound: phase-gradient heap integration (Prusa, Balazs, Sondergaard, 2017), refined by fast
 * Griffin-Lim (Perraudin, Balazs, Sondergaard, 2013). Deterministic: neither the number of threads nor how frames
 * arrive changes a sample. Memory does not grow with the clip. Needs a Fourier transform (LORIS_WITH_FFMPEG), except
 * for the band matrix and magnitudes. */
#ifndef LORIS_MEDIA_PHASE_H
#define LORIS_MEDIA_PHASE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct spectrum_format {
    int rate, window, hop, bands; /* 32000, 1536, 384, 176 */
    float floor;                  /* added to magnitudes before the logarithm: 0.05 */
} spectrum_format;

/* A band value (natural logarithm) that is NaN or above this (19 above full scale) is no spectrogram. */
#define LOUDEST_BAND 25.0f

/* LORIS_ERROR_INPUT when the fields do not make a spectrum (a model file states them). */
loris_status spectrum_format_check(const spectrum_format *f);

/* The band matrix, [bands][window/2 + 1], row-major: triangular bands, one per bin up to 2 kHz, then with centres in
 * geometric progression up to the Nyquist frequency. Columns sum to 1. free() it. */
loris_status band_matrix(const spectrum_format *f, float **out);

/* Log bands [frames][bands] -> magnitudes [frames][window/2 + 1], which free(). A band at or below log(floor),
 * -infinity too, is silence. LORIS_ERROR_INTERNAL: a value is NaN or above LOUDEST_BAND (the network failed); the
 * message says where. */
loris_status bands_to_magnitude(const spectrum_format *f, const float *bands, size_t frames, float **out);

/* Frames are solved in blocks; the last PHASE_LOOKAHEAD of a block are solved again with the next one, so the first
 * block's sound is final as far as the centre of frame PHASE_BLOCK - PHASE_LOOKAHEAD. */
enum { PHASE_BLOCK = 544, PHASE_LOOKAHEAD = 32 };

typedef struct phase_stream phase_stream;

/* threads: 0 = one per processor. */
loris_status phase_stream_new(phase_stream **out, const spectrum_format *f, int threads);
/* Before the first frame: seeks phases whose sound stays within +-ceiling. Magnitudes have precedence: what they cannot
 * be without rises above it. */
void phase_stream_set_ceiling(phase_stream *s, float ceiling);
void phase_stream_free(phase_stream *s);

/* Feeds frames in order; finished samples go to `sink`, some 500 frames at a time. The last call has last = true (it
 * may bring 0 frames): then hop * (total frames - 1) samples have been delivered in all. Sample hop * i is the centre
 * of frame i. Fails as bands_to_magnitude does, or as the sink did; after a failure the stream can only be freed. */
typedef loris_status sample_sink(void *user, const float *samples, size_t count);
loris_status phase_stream_push(phase_stream *s, const float *bands, size_t frames, bool last, sample_sink *sink,
                               void *user);

/* How far the magnitude of `samples` is from the bands' wanted one: the energy of the difference over the wanted
 * energy, in dB (lower is better; -HUGE_VAL where there is no difference, HUGE_VAL for sound where silence is wanted).
 * Sample 0 is the centre of the first frame; there is silence beyond the ends. */
loris_status phase_consistency(const spectrum_format *f, const float *bands, size_t frames, const float *samples,
                               size_t count, double *db);

#endif
