#include "media/stft.h"

#include <math.h>
#include <stdlib.h>

loris_status stft_new(stft **out, int window, int hop) {
    *out = NULL;
    stft *s = calloc(1, sizeof *s);
    if (!s)
        return fail_memory("a Fourier window");
    s->window = window;
    s->hop = hop;
    s->bins = window / 2 + 1;
    s->hann = malloc((size_t)window * sizeof *s->hann);
    if (!s->hann) {
        stft_free(s);
        return fail_memory("a Fourier window");
    }
    for (int i = 0; i < window; i++)
        s->hann[i] = (float)(0.5 - 0.5 * cos(2.0 * M_PI * i / window));
    *out = s;
    return LORIS_OK;
}

void stft_free(stft *s) {
    if (!s)
        return;
    free(s->hann);
    free(s);
}

void stft_analyse(const stft *s, fft *f, const float *samples) {
    for (int i = 0; i < s->window; i++)
        f->time[i] = s->hann[i] * samples[i];
    fft_forward(f);
}

void stft_synthesise(const stft *s, fft *f, float *samples) {
    fft_inverse(f);
    for (int i = 0; i < s->window; i++)
        samples[i] += s->hann[i] * f->time[i];
}
