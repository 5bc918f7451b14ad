#include "spectrum.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "media/stft.h"

npy read_spectrum(const char *name) {
    char path[512];
    npy a;
    snprintf(path, sizeof path, "%s/phase/%s.npy", LORIS_TEST_DATA, name);
    assert_ok(npy_read(&a, path));
    assert_non_null(a.f32);
    return a;
}

/* Samples with half a window of zeros at either end: frame i begins at hop * i. */
static float *pad(const spectrum_format *f, const float *samples, size_t count) {
    const size_t half = (size_t)f->window / 2;
    float *padded = calloc(count + 2 * half, sizeof *padded);
    assert_non_null(padded);
    memcpy(padded + half, samples, count * sizeof *samples);
    return padded;
}

float *analyse_sound(const spectrum_format *f, const float *samples, size_t count, size_t *frames) {
    stft *s;
    fft *transform;
    float *matrix, *padded = pad(f, samples, count);
    assert_ok(stft_new(&s, f->window, f->hop));
    assert_ok(fft_new(&transform, f->window));
    assert_ok(band_matrix(f, &matrix));
    *frames = 1 + count / (size_t)f->hop;
    float *bands = calloc(*frames * (size_t)f->bands, sizeof *bands);
    assert_non_null(bands);
    for (size_t i = 0; i < *frames; i++) {
        stft_analyse(s, transform, padded + i * (size_t)f->hop);
        for (int j = 0; j < f->bands; j++) {
            double sum = 0.0, weights = 0.0;
            for (int k = 0; k < s->bins; k++) {
                const double w = matrix[(size_t)j * (size_t)s->bins + (size_t)k];
                if (w > 0.0) {
                    sum += w * hypot(transform->spectrum[2 * k], transform->spectrum[2 * k + 1]);
                    weights += w;
                }
            }
            bands[i * (size_t)f->bands + (size_t)j] = (float)log(sum / weights + f->floor);
        }
    }
    free(padded);
    free(matrix);
    fft_free(transform);
    stft_free(s);
    return bands;
}

double consistency_of_frames(const spectrum_format *f, const float *bands, const float *samples, size_t count,
                             size_t from, size_t to) {
    stft *s;
    fft *transform;
    float *magnitude, *padded = pad(f, samples, count);
    assert_ok(stft_new(&s, f->window, f->hop));
    assert_ok(fft_new(&transform, f->window));
    assert_ok(bands_to_magnitude(f, bands + from * (size_t)f->bands, to - from, &magnitude));
    double difference = 0.0, total = 0.0;
    for (size_t i = from; i < to; i++) {
        const float *wanted = magnitude + (i - from) * (size_t)s->bins;
        stft_analyse(s, transform, padded + i * (size_t)f->hop);
        for (int k = 0; k < s->bins; k++) {
            const double d = hypot(transform->spectrum[2 * k], transform->spectrum[2 * k + 1]) - wanted[k];
            difference += d * d;
            total += (double)wanted[k] * wanted[k];
        }
    }
    free(padded);
    free(magnitude);
    fft_free(transform);
    stft_free(s);
    return 10.0 * log10(difference / total);
}

loris_status collect(void *user, const float *samples, size_t count) {
    collected *c = user;
    if (c->fail_after > 0 && c->count + count > c->fail_after)
        return (fail)(LORIS_ERROR_OUTPUT, NULL, "the sink is full");
    float *more = realloc(c->samples, (c->count + count + 1) * sizeof *more);
    if (!more)
        return fail_memory("collected samples");
    memcpy(more + c->count, samples, count * sizeof *more);
    c->samples = more;
    c->count += count;
    return LORIS_OK;
}

collected recover_sound(const spectrum_format *f, const float *bands, size_t frames, size_t step, int threads) {
    collected c = {0};
    phase_stream *s;
    assert_ok(phase_stream_new(&s, f, threads));
    for (size_t i = 0; i < frames; i += step) {
        const size_t count = frames - i < step ? frames - i : step;
        assert_ok(phase_stream_push(s, bands + i * (size_t)f->bands, count, i + count == frames, collect, &c));
    }
    phase_stream_free(s);
    return c;
}
