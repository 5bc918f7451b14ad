#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/bands.h"
#include "media/phase.h"
#include "media/stft.h"

/* segment[0 .. window) = samples centred on hop * frame; zeros beyond the ends. */
static void centre_on_frame(const stft *s, const float *samples, size_t count, size_t frame, float *segment) {
    const size_t half = (size_t)s->window / 2, centre = frame * (size_t)s->hop;
    const size_t from = centre > half ? centre - half : 0, to = centre + half < count ? centre + half : count;
    memset(segment, 0, (size_t)s->window * sizeof *segment);
    if (from < to)
        memcpy(segment + (from + half - centre), samples + from, (to - from) * sizeof *segment);
}

loris_status phase_consistency(const spectrum_format *format, const float *bands, size_t frames, const float *samples,
                               size_t count, double *db) {
    loris_status status = LORIS_OK;
    band_map *map = NULL;
    stft *s = NULL;
    fft *f = NULL;
    float *wanted = NULL, *segment = NULL;
    double difference = 0.0, total = 0.0;
    TRY_GOTO(band_map_new(&map, format));
    TRY_GOTO(stft_new(&s, format->window, format->hop));
    TRY_GOTO(fft_new(&f, format->window));
    wanted = malloc((size_t)s->bins * sizeof *wanted);
    segment = malloc((size_t)s->window * sizeof *segment);
    if (!wanted || !segment) {
        status = fail_memory("a spectrum");
        goto done;
    }
    for (size_t j = 0; j < frames; j++) {
        TRY_GOTO(band_map_apply(map, bands + j * (size_t)map->bands, 1, j, wanted));
        centre_on_frame(s, samples, count, j, segment);
        stft_analyse(s, f, segment);
        for (int k = 0; k < s->bins; k++) {
            const double d = hypot(f->spectrum[2 * k], f->spectrum[2 * k + 1]) - wanted[k];
            difference += d * d;
            total += (double)wanted[k] * wanted[k];
        }
    }
    *db = difference > 0.0 ? 10.0 * log10(difference / total) : -HUGE_VAL;
done:
    free(segment);
    free(wanted);
    fft_free(f);
    stft_free(s);
    band_map_free(map);
    return status;
}
