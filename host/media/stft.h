/* Short-time Fourier transform with a periodic Hann window: internal to host/media. Frame i of a signal is centred on
 * sample hop * i; its phases count from the start of the window, as numpy's rfft of the windowed samples gives them. */
#ifndef LORIS_MEDIA_STFT_H
#define LORIS_MEDIA_STFT_H

#include "media/fft.h"

typedef struct stft {
    int window, hop, bins; /* bins = window / 2 + 1 */
    float *hann;           /* [window] */
} stft;

loris_status stft_new(stft **out, int window, int hop);
void stft_free(stft *s);

/* f->spectrum = transform of the windowed samples[0 .. window). */
void stft_analyse(const stft *s, fft *f, const float *samples);

/* samples[0 .. window) += windowed inverse transform of f->spectrum, which is destroyed. Dividing the sum over all
 * frames by the sum of their squared windows gives the least-squares signal (Griffin and Lim, 1984). */
void stft_synthesise(const stft *s, fft *f, float *samples);

#endif
