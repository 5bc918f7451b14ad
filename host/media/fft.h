/* The discrete Fourier transform of real signals. The rest of the house sees this and not the library behind it. */
#ifndef LORIS_MEDIA_FFT_H
#define LORIS_MEDIA_FFT_H

#include "core/status.h"

/* A transform owns its buffers (aligned as its library wants them) and belongs to one thread at a time. */
typedef struct fft {
    int length;      /* N, a multiple of 4 */
    float *time;     /* [N] */
    float *spectrum; /* [N/2 + 1][2], real and imaginary parts */
    struct fft_state *state;
} fft;

enum { FFT_MAX_LENGTH = 1 << 16 };

loris_status fft_new(fft **out, int length);
void fft_free(fft *f);

void fft_forward(fft *f); /* time -> spectrum: sum over n of time[n] e^(-2 pi i k n / N); leaves time alone */
void fft_inverse(fft *f); /* spectrum -> time, with the factor 1/N; destroys spectrum */

#endif
