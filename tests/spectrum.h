/* What the tests of phase recovery share: the default model's spectrum, golden bands, and sound to bands. */
#ifndef LORIS_TESTS_SPECTRUM_H
#define LORIS_TESTS_SPECTRUM_H

#include "core/npy.h"
#include "media/phase.h"

static const spectrum_format default_spectrum = {32000, 1536, 384, 176, 0.05f};

/* tests/data/phase/NAME.npy; fails the test when it cannot be read. */
npy read_spectrum(const char *name);

/* Log bands [1 + count / hop][bands] of sound, by definition: the logarithm of each band's weighted mean magnitude plus
 * the floor, frame i centred on sample hop * i, zeros beyond the ends. free() them. Needs the Fourier transform. */
float *analyse_sound(const spectrum_format *f, const float *samples, size_t count, size_t *frames);

/* As phase_consistency, but over frames [from, to) of the whole sound. */
double consistency_of_frames(const spectrum_format *f, const float *bands, const float *samples, size_t count,
                             size_t from, size_t to);

/* A stream's samples, collected. Zero-initialise; free(samples). */
typedef struct collected {
    float *samples;
    size_t count, fail_after; /* fail_after > 0: refuse what goes beyond so many samples */
} collected;

loris_status collect(void *user, const float *samples, size_t count);

/* Bands to sound, pushed `step` frames at a time. */
collected recover_sound(const spectrum_format *f, const float *bands, size_t frames, size_t step, int threads);

#endif
