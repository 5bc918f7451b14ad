#include <math.h>
#include <stdlib.h>

#include "measure.h"

/* ---- the test ---------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The probability that the distance's statistic exceeds x: 2 sum (-1)^(j-1) exp(-2 j^2 x^2). */
static double exceeding(double x) {
    double sum = 0, sign = 2;
    if (x < 0.2) /* the series alternates too long there; its value is 1 to 11 digits */
        return 1;
    for (int j = 1; j <= 100; j++, sign = -sign)
        sum += sign * exp(-2 * j * j * x * x);
    return fmin(fmax(sum, 0), 1);
}

double kolmogorov_smirnov(double *a, size_t a_count, double *b, size_t b_count) {
    double distance = 0, n = (double)a_count, m = (double)b_count;
    if (!a_count || !b_count)
        return 1;
    qsort(a, a_count, sizeof *a, ascending);
    qsort(b, b_count, sizeof *b, ascending);
    for (size_t i = 0, k = 0; i < a_count && k < b_count;) {
        double x = fmin(a[i], b[k]);
        while (i < a_count && a[i] <= x)
            i++;
        while (k < b_count && b[k] <= x)
            k++;
        distance = fmax(distance, fabs((double)i / n - (double)k / m));
    }
    double root = sqrt(n * m / (n + m));
    return exceeding((root + 0.12 + 0.11 / root) * distance);
}

/* ---- what is tested ---------------------------------------------------------------------------------------------- */

static const double REACH = 0.05, BESIDE = 0.1; /* seconds */

static double mean_strength(const float *strength, size_t frames, double time) {
    double sum = 0;
    size_t count = 0;
    for (size_t i = (size_t)ceil(fmax(time - REACH, 0) / ONSET_SPACING);
         i < frames && (double)i * ONSET_SPACING <= time + REACH; i++, count++)
        sum += (double)strength[i];
    return count ? sum / (double)count : 0;
}

static double level_step(const sound *s, double time) {
    size_t at = (size_t)(time * ONSET_RATE), beside = (size_t)(BESIDE * ONSET_RATE);
    return fabs(sound_level(s, at, at + beside) - sound_level(s, at - beside, at));
}

static bool in_joint(const loris_joint *joints, size_t count, double time) {
    for (size_t i = 0; i < count; i++)
        if (time > joints[i].start - BESIDE && time < joints[i].end + BESIDE)
            return true;
    return false;
}

typedef struct samples {
    double *flux, *level;
    size_t count;
} samples;

static void take_sample(samples *to, const sound *s, const float *strength, size_t frames, double time) {
    to->flux[to->count] = mean_strength(strength, frames, time);
    to->level[to->count++] = level_step(s, time);
}

/* Each place of a joint, and that moved by whole periods up to half-way to the next joints. */
static void take_samples(samples *at, samples *elsewhere, const sound *s, const float *strength, size_t frames,
                         const loris_joint *joints, size_t count, double period) {
    for (size_t i = 0; i < count; i++) {
        double middle = (joints[i].start + joints[i].end) / 2;
        double from = i ? (joints[i - 1].end + joints[i].start) / 2 : BESIDE,
               to = i + 1 < count ? (joints[i].end + joints[i + 1].start) / 2 : s->seconds - BESIDE;
        const double places[] = {joints[i].start, middle, joints[i].end};
        for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
            take_sample(at, s, strength, frames, places[p]);
            for (double k = ceil((from - places[p]) / period); places[p] + k * period < to; k++)
                if (!in_joint(joints, count, places[p] + k * period))
                    take_sample(elsewhere, s, strength, frames, places[p] + k * period);
        }
    }
}

loris_status joints_heard(const sound *s, const loris_joint *joints, size_t count, double period, joint_test *out) {
    enum { PLACES = 3 };
    float *strength;
    size_t frames, most = PLACES * (count + 1) + PLACES * (size_t)(s->seconds / period + 1);
    TRY(audio_onset_strength(s->samples, s->count, &strength, &frames));
    double *room = malloc(4 * most * sizeof *room);
    if (!room) {
        free(strength);
        return fail_memory("joints");
    }
    samples at = {room, room + most, 0}, elsewhere = {room + 2 * most, room + 3 * most, 0};
    take_samples(&at, &elsewhere, s, strength, frames, joints, count, period);
    *out = (joint_test){.flux_p = kolmogorov_smirnov(at.flux, at.count, elsewhere.flux, elsewhere.count),
                        .level_p = kolmogorov_smirnov(at.level, at.count, elsewhere.level, elsewhere.count),
                        .at = at.count,
                        .elsewhere = elsewhere.count};
    free(strength);
    free(room);
    return LORIS_OK;
}
