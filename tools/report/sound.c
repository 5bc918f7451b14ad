#include <math.h>
#include <stdlib.h>

#include <sndfile.h>

#include "measure.h"
#include "media/audio.h"
#include "media/stft.h"

static const double SILENCE = 1e-12; /* power: -120 dB */

loris_status sound_read(sound *out, const char *path) {
    SF_INFO info = {0};
    SNDFILE *f = sf_open(path, SFM_READ, &info);
    if (!f)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: %s", path, sf_strerror(NULL));
    audio a = {.samples = malloc((size_t)(info.frames * info.channels + 1) * sizeof(float)),
               .frames = (size_t)info.frames,
               .channels = info.channels,
               .rate = info.samplerate};
    loris_status status = a.samples ? LORIS_OK : fail_memory("a sound");
    if (status == LORIS_OK && sf_readf_float(f, a.samples, info.frames) != info.frames)
        status = fail(LORIS_ERROR_INPUT, NULL, "%s: cut short", path);
    sf_close(f);
    if (status == LORIS_OK)
        status = audio_convert(&a, ONSET_RATE, 1);
    if (status != LORIS_OK) {
        audio_free(&a);
        return status;
    }
    *out = (sound){a.samples, a.frames, (double)a.frames / ONSET_RATE};
    return LORIS_OK;
}

static void centred_frame(const sound *s, size_t centre, float *frame) {
    for (size_t i = 0; i < ONSET_WINDOW; i++) {
        size_t at = centre + i; /* half a window further on */
        bool inside = at >= ONSET_WINDOW / 2 && at - ONSET_WINDOW / 2 < s->count;
        frame[i] = inside ? s->samples[at - ONSET_WINDOW / 2] : 0;
    }
}

loris_status sound_power(const sound *s, float **out, size_t *frames) {
    float window[ONSET_WINDOW];
    const size_t n = 1 + s->count / ONSET_HOP;
    stft *transform = NULL;
    fft *f = NULL;
    loris_status status;
    *out = malloc(n * SPECTRUM_BINS * sizeof **out);
    if (!*out)
        return fail_memory("a spectrogram");
    TRY_GOTO(stft_new(&transform, ONSET_WINDOW, ONSET_HOP));
    TRY_GOTO(fft_new(&f, ONSET_WINDOW));
    for (size_t t = 0; t < n; t++) {
        centred_frame(s, t * ONSET_HOP, window);
        stft_analyse(transform, f, window);
        for (size_t k = 0; k < SPECTRUM_BINS; k++) {
            float re = f->spectrum[2 * k], im = f->spectrum[2 * k + 1];
            (*out)[t * SPECTRUM_BINS + k] = re * re + im * im;
        }
    }
    *frames = n;
done:
    stft_free(transform);
    fft_free(f);
    if (status != LORIS_OK)
        free(*out);
    return status;
}

double sound_level(const sound *s, size_t from, size_t to) {
    double sum = 0;
    to = to < s->count ? to : s->count;
    for (size_t i = from; i < to; i++)
        sum += (double)s->samples[i] * (double)s->samples[i];
    return 10 * log10(from < to ? fmax(sum / (double)(to - from), SILENCE) : SILENCE);
}

double sound_quietest(const sound *s) {
    const size_t window = 2 * ONSET_RATE, step = ONSET_RATE / 5;
    double least = sound_level(s, 0, window);
    for (size_t from = step; from + window <= s->count; from += step)
        least = fmin(least, sound_level(s, from, from + window));
    return least;
}
