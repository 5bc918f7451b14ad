/* Loudness by EBU R128 / ITU-R BS.1770-4, through libebur128. */
#include "media/audio.h"

#include <ebur128.h>
#include <math.h>

enum { BLOCK = 48000 }; /* frames between two looks at cancelled() */

static loris_status measure(ebur128_state *meter, const audio *a, double *lufs, double *true_peak) {
    for (size_t at = 0; at < a->frames; at += BLOCK) {
        TRY(check_cancelled());
        size_t count = a->frames - at < BLOCK ? a->frames - at : BLOCK;
        if (ebur128_add_frames_float(meter, a->samples + at * (size_t)a->channels, count) != EBUR128_SUCCESS)
            return fail_memory("a loudness meter");
    }
    double peak = 0;
    for (int c = 0; c < a->channels; c++) {
        double of_channel = 0;
        ebur128_true_peak(meter, (unsigned)c, &of_channel);
        peak = fmax(peak, of_channel);
    }
    *true_peak = peak > 0 ? 20 * log10(peak) : -HUGE_VAL;
    if (ebur128_loudness_global(meter, lufs) != EBUR128_SUCCESS)
        return fail_memory("a loudness meter");
    return LORIS_OK;
}

loris_status audio_loudness(const audio *a, double *lufs, double *true_peak) {
    if (a->channels < 1 || a->rate < 16)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "the loudness of %d channels at %d Hz is not defined", a->channels,
                    a->rate);
    ebur128_state *meter =
        ebur128_init((unsigned)a->channels, (unsigned long)a->rate, EBUR128_MODE_I | EBUR128_MODE_TRUE_PEAK);
    if (!meter)
        return fail_memory("a loudness meter");
    loris_status status = measure(meter, a, lufs, true_peak);
    ebur128_destroy(&meter);
    return status;
}

loris_status audio_normalise(audio *a, double target, double peak, double *gain) {
    double lufs, true_peak;
    *gain = 0;
    TRY(audio_loudness(a, &lufs, &true_peak));
    if (!isfinite(true_peak))
        return LORIS_OK; /* silence stays silence */
    /* Shorter than one 400 ms block there is no loudness; then only the peak is seen to. */
    double wanted = isfinite(lufs) ? target - lufs : 0;
    *gain = fmin(wanted, peak - true_peak);
    float factor = (float)pow(10, *gain / 20);
    for (size_t i = 0; i < a->frames * (size_t)a->channels; i++)
        a->samples[i] *= factor;
    return LORIS_OK;
}
