/* A build without FFmpeg's libraries has no Fourier transform: what needs one says so. */
#include "media/fft.h"

loris_status fft_new(fft **out, int length) {
    *out = NULL;
    return fail(LORIS_ERROR_ARGUMENT, "build with -DLORIS_WITH_FFMPEG=ON and FFmpeg's libraries",
                "Fourier transform of length %d: this build has no FFmpeg", length);
}

void fft_free(fft *f) {
    (void)f;
}

void fft_forward(fft *f) {
    (void)f;
}

void fft_inverse(fft *f) {
    (void)f;
}
