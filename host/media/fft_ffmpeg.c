/* Fourier transforms by libavutil's av_tx: SIMD chosen at run time, any multiple of 4. */
#include "media/fft.h"

#include <libavutil/mem.h>
#include <libavutil/tx.h>
#include <stdlib.h>

struct fft_state {
    AVTXContext *forward, *inverse;
    av_tx_fn run_forward, run_inverse;
};

void fft_free(fft *f) {
    if (!f)
        return;
    if (f->state) {
        av_tx_uninit(&f->state->forward);
        av_tx_uninit(&f->state->inverse);
        free(f->state);
    }
    av_free(f->time);
    av_free(f->spectrum);
    free(f);
}

loris_status fft_new(fft **out, int length) {
    *out = NULL;
    /* For even lengths that are no multiple of 4, FFmpeg 5.1 gives wrong results without an error. */
    if (length < 4 || length > FFT_MAX_LENGTH || length % 4)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "Fourier transform: length %d is not a multiple of 4 up to %d", length,
                    FFT_MAX_LENGTH);
    loris_status status = LORIS_OK;
    fft *f = calloc(1, sizeof *f);
    if (!f)
        return fail_memory("a Fourier transform");
    const size_t bins = (size_t)length / 2 + 1;
    f->length = length;
    f->time = av_calloc((size_t)length, sizeof *f->time);
    f->spectrum = av_calloc(bins, 2 * sizeof *f->spectrum);
    f->state = calloc(1, sizeof *f->state);
    if (!f->time || !f->spectrum || !f->state) {
        status = fail_memory("a Fourier transform");
        goto done;
    }
    const float one = 1.0f, reciprocal = 1.0f / (float)length;
    struct fft_state *s = f->state;
    if (av_tx_init(&s->forward, &s->run_forward, AV_TX_FLOAT_RDFT, 0, length, &one, 0) < 0 ||
        av_tx_init(&s->inverse, &s->run_inverse, AV_TX_FLOAT_RDFT, 1, length, &reciprocal, 0) < 0) {
        status = fail(LORIS_ERROR_ARGUMENT, "use a window whose length is a power of two times 1, 3 or 5",
                      "Fourier transform: libavutil has none of length %d", length);
        goto done;
    }
    *out = f;
    f = NULL;
done:
    fft_free(f);
    return status;
}

void fft_forward(fft *f) {
    f->state->run_forward(f->state->forward, f->spectrum, f->time, sizeof(float));
    /* FFmpeg 5.1 leaves a copy of the real part where the imaginary part of the last bin should be zero. */
    f->spectrum[1] = f->spectrum[f->length + 1] = 0.0f;
}

void fft_inverse(fft *f) {
    f->state->run_inverse(f->state->inverse, f->time, f->spectrum, 2 * sizeof(float));
}
