/* The original sound beside the soundtrack, which steps back where somebody speaks.
 *
 * Speech is taken to be where the telephone band, 300 to 3400 Hz (ITU-T G.712), holds most of the original's energy
 * and the original is not near silence: a plain energy detector, easily explained, with no state beyond its
 * smoothing. Every 5 ms
 *
 *     presence = ramp(band energy / whole energy, 0.4 .. 0.7) * ramp(level, -55 .. -45 dBFS), energies over 20 ms
 *
 * is followed with 50 ms attack and 400 ms release, long enough to hold through the pauses between syllables. The
 * detector looks 50 ms ahead, so that the soundtrack has stepped back when a word begins. Its gain, -12 dB *
 * presence, is linear between those points in time: no clicks. */
#include "media/audio.h"

#include <math.h>
#include <stdlib.h>

static const double band_low = 300, band_high = 3400; /* Hz */
static const double share_none = 0.4, share_full = 0.7;
static const double level_none = -55, level_full = -45; /* dBFS */
static const double energy_time = 0.02, attack_time = 0.05, release_time = 0.4, ahead_time = 0.05, point_time = 0.005;
static const double duck_db = -12;

/* Second-order Butterworth section, direct form II transposed; coefficients of R. Bristow-Johnson's "Audio EQ
 * Cookbook" at Q = 1/sqrt(2). */
typedef struct biquad {
    double b0, b1, b2, a1, a2, z1, z2;
} biquad;

static biquad biquad_pass(double frequency, double rate, bool high) {
    double w = 2 * acos(-1) * fmin(frequency, 0.45 * rate) / rate;
    double c = cos(w), alpha = sin(w) / sqrt(2), a0 = 1 + alpha, edge = high ? 1 + c : 1 - c;
    return (biquad){.b0 = edge / 2 / a0,
                    .b1 = (high ? -edge : edge) / a0,
                    .b2 = edge / 2 / a0,
                    .a1 = -2 * c / a0,
                    .a2 = (1 - alpha) / a0};
}

static double biquad_run(biquad *f, double x) {
    double y = f->b0 * x + f->z1;
    f->z1 = f->b1 * x - f->a1 * y + f->z2;
    f->z2 = f->b2 * x - f->a2 * y;
    return y;
}

static double ramp(double x, double none, double full) {
    return fmin(1, fmax(0, (x - none) / (full - none)));
}

/* Weight of the newest value in a one-pole average of time constant `seconds`. */
static double follow(double seconds, double interval) {
    return 1 - exp(-interval / seconds);
}

static double presence_of(double band, double whole) {
    double level = 10 * log10(whole + 1e-20);
    return ramp(band / (whole + 1e-20), share_none, share_full) * ramp(level, level_none, level_full);
}

/* gain[i] is the factor at sample i * hop, i = 0 .. points - 1; where the original has ended it returns to 1. */
static void duck_gains(double *gain, size_t points, size_t hop, const audio *original) {
    double rate = original->rate, band = 0, whole = 0, smoothed = 0;
    biquad low = biquad_pass(band_high, rate, false), high = biquad_pass(band_low, rate, true);
    size_t channels = (size_t)original->channels, at = 0, ahead = (size_t)(ahead_time * rate);
    double weight = follow(energy_time, 1 / rate);
    double attack = follow(attack_time, (double)hop / rate), release = follow(release_time, (double)hop / rate);
    for (size_t i = 0; i < points; i++) {
        for (; at < i * hop + ahead + 1; at++) {
            double x = 0;
            for (size_t c = 0; c < channels && at < original->frames; c++)
                x += original->samples[at * channels + c] / (double)channels;
            double y = biquad_run(&low, biquad_run(&high, x));
            whole += weight * (x * x - whole);
            band += weight * (y * y - band);
        }
        double presence = presence_of(band, whole);
        smoothed += (presence > smoothed ? attack : release) * (presence - smoothed);
        gain[i] = pow(10, duck_db * smoothed / 20);
    }
}

static loris_status duck(audio *a, const audio *original) {
    size_t hop = (size_t)fmax(1, point_time * a->rate), points = a->frames / hop + 2;
    double *gain = calloc(points, sizeof *gain);
    if (!gain)
        return fail_memory("gains");
    duck_gains(gain, points, hop, original);
    size_t channels = (size_t)a->channels;
    for (size_t i = 0; i < a->frames; i++) {
        double part = (double)(i % hop) / (double)hop;
        double factor = gain[i / hop] + part * (gain[i / hop + 1] - gain[i / hop]);
        for (size_t c = 0; c < channels; c++)
            a->samples[i * channels + c] *= (float)factor;
    }
    free(gain);
    return LORIS_OK;
}

loris_status audio_mix_original(audio *a, const audio *original, double gain, bool with_duck) {
    if (original->frames == 0)
        return LORIS_OK;
    if (a->rate != original->rate || a->channels != original->channels)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "%d channels at %d Hz cannot be mixed with %d at %d Hz", a->channels,
                    a->rate, original->channels, original->rate);
    if (with_duck)
        TRY(duck(a, original));
    size_t frames = a->frames < original->frames ? a->frames : original->frames;
    for (size_t i = 0; i < frames * (size_t)a->channels; i++)
        a->samples[i] += (float)(gain * original->samples[i]);
    return LORIS_OK;
}
