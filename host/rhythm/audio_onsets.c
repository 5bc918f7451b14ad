#include "rhythm/audio_onsets.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "media/fft.h"

#define TWO_PI 6.283185307179586476925286766559

enum { BINS = ONSET_WINDOW / 2 + 1 };

/* One triangle of the mel scale: weights[0..count) belong to bins first..first + count. */
typedef struct mel_filter {
    int first, count;
    float *weights;
} mel_filter;

typedef struct mel_analysis {
    fft *transform;
    float window[ONSET_WINDOW]; /* Hann, periodic */
    float power[BINS];
    mel_filter filter[ONSET_MEL_BANDS];
    float *weights; /* of all filters */
} mel_analysis;

/* Slaney's mel scale: linear to 1 kHz, logarithmic above (Auditory Toolbox, 1998). */
static double mel_to_hz(double mel) {
    static const double LINEAR_HZ = 200.0 / 3, BREAK_HZ = 1000, BREAK_MEL = 15;
    return mel < BREAK_MEL ? LINEAR_HZ * mel : BREAK_HZ * exp((mel - BREAK_MEL) * log(6.4) / 27);
}

static double highest_mel(void) {
    static const double BREAK_HZ = 1000, BREAK_MEL = 15;
    return BREAK_MEL + 27 * log(ONSET_RATE / 2.0 / BREAK_HZ) / log(6.4);
}

/* The weight of a bin in the triangle over edges low, middle, high, whose area over frequency is 1. */
static double triangle(double hz, double low, double middle, double high) {
    double height = fmin((hz - low) / (middle - low), (high - hz) / (high - middle));
    return fmax(0, height) * 2 / (high - low);
}

/* With weights NULL: only where each filter lies. Returns the number of weights of all. */
static size_t place_filters(mel_filter *filter, float *weights) {
    size_t used = 0;
    double step = highest_mel() / (ONSET_MEL_BANDS + 1);
    for (int m = 0; m < ONSET_MEL_BANDS; m++) {
        double low = mel_to_hz(m * step), middle = mel_to_hz((m + 1) * step), high = mel_to_hz((m + 2) * step);
        filter[m] = (mel_filter){.weights = weights ? weights + used : NULL};
        for (int k = 0; k < BINS; k++) {
            double weight = triangle((double)k * ONSET_RATE / ONSET_WINDOW, low, middle, high);
            if (weight <= 0)
                continue;
            if (filter[m].count == 0)
                filter[m].first = k;
            if (weights)
                filter[m].weights[filter[m].count] = (float)weight;
            filter[m].count++;
            used++;
        }
    }
    return used;
}

static void analysis_free(mel_analysis *a) {
    fft_free(a->transform);
    free(a->weights);
}

static loris_status analysis_begin(mel_analysis *a) {
    *a = (mel_analysis){0};
    TRY(fft_new(&a->transform, ONSET_WINDOW));
    a->weights = malloc(place_filters(a->filter, NULL) * sizeof *a->weights);
    if (!a->weights) {
        analysis_free(a);
        return fail_memory("the mel filters");
    }
    place_filters(a->filter, a->weights);
    for (int i = 0; i < ONSET_WINDOW; i++)
        a->window[i] = (float)(0.5 - 0.5 * cos(TWO_PI * i / ONSET_WINDOW));
    return LORIS_OK;
}

/* One frame's mel spectrum in dB. The frame is centred on sample `centre`; there is silence beyond the ends. */
static void analyse(mel_analysis *a, const float *samples, size_t count, size_t centre, float out[ONSET_MEL_BANDS]) {
    static const double LEAST = 1e-10;
    for (size_t i = 0; i < ONSET_WINDOW; i++) {
        size_t at = centre + i; /* half a window further on */
        bool inside = at >= ONSET_WINDOW / 2 && at - ONSET_WINDOW / 2 < count;
        a->transform->time[i] = inside ? a->window[i] * samples[at - ONSET_WINDOW / 2] : 0;
    }
    fft_forward(a->transform);
    for (int k = 0; k < BINS; k++) {
        float re = a->transform->spectrum[2 * k], im = a->transform->spectrum[2 * k + 1];
        a->power[k] = re * re + im * im;
    }
    for (int m = 0; m < ONSET_MEL_BANDS; m++) {
        const mel_filter *f = &a->filter[m];
        double sum = 0;
        for (int k = 0; k < f->count; k++)
            sum += (double)f->weights[k] * (double)a->power[f->first + k];
        out[m] = (float)(10 * log10(fmax(sum, LEAST)));
    }
}

loris_status audio_mel(const float *samples, size_t count, float **out, size_t *frames) {
    static const float RANGE = 80;
    const size_t n = 1 + count / ONSET_HOP;
    mel_analysis a;
    TRY(analysis_begin(&a));
    float *mel = n > SIZE_MAX / sizeof *mel / ONSET_MEL_BANDS ? NULL : malloc(n * ONSET_MEL_BANDS * sizeof *mel);
    if (!mel) {
        analysis_free(&a);
        return fail_memory("a mel spectrogram");
    }
    float loudest = -HUGE_VALF;
    for (size_t i = 0; i < n; i++)
        analyse(&a, samples, count, i * ONSET_HOP, mel + i * ONSET_MEL_BANDS);
    for (size_t i = 0; i < n * ONSET_MEL_BANDS; i++)
        loudest = fmaxf(loudest, mel[i]);
    for (size_t i = 0; i < n * ONSET_MEL_BANDS; i++)
        mel[i] = fmaxf(mel[i], loudest - RANGE);
    analysis_free(&a);
    *out = mel;
    *frames = n;
    return LORIS_OK;
}

loris_status audio_onset_strengths(const float *samples, size_t count, const int *edges, int ranges, float **out,
                                   size_t *frames) {
    enum { SHIFT = ONSET_WINDOW / (2 * ONSET_HOP) }; /* a frame sees what comes half a window after its centre */
    size_t n = 1 + count / ONSET_HOP;
    float *mel, *strength = calloc((size_t)ranges * n, sizeof *strength);
    if (!strength)
        return fail_memory("an onset strength");
    loris_status status = audio_mel(samples, count, &mel, &n);
    if (status != LORIS_OK) {
        free(strength);
        return status;
    }
    for (int range = 0; range < ranges; range++)
        for (size_t i = 1; i + SHIFT < n; i++) {
            const float *before = mel + (i - 1) * ONSET_MEL_BANDS, *now = before + ONSET_MEL_BANDS;
            double rise = 0;
            for (int m = edges[range]; m < edges[range + 1]; m++)
                rise += (double)fmaxf(0, now[m] - before[m]);
            strength[(size_t)range * n + i + SHIFT] = (float)(rise / (edges[range + 1] - edges[range]));
        }
    free(mel);
    *out = strength;
    *frames = n;
    return LORIS_OK;
}

loris_status audio_onset_strength(const float *samples, size_t count, float **out, size_t *frames) {
    static const int all[] = {0, ONSET_MEL_BANDS};
    return audio_onset_strengths(samples, count, all, 1, out, frames);
}

onset_picking onset_picking_defaults(void) {
    return (onset_picking){.max_before = 1, .mean_before = 4, .mean_after = 4, .wait = 1, .above = 0.07};
}

onset_picking onset_picking_published(void) {
    return (onset_picking){.max_before = 1, .max_after = 2, .mean_before = 3, .mean_after = 2, .wait = 1, .above = 0.2};
}

static bool is_peak(const double *x, size_t n, size_t at, const onset_picking *p) {
    size_t first = at > p->max_before ? at - p->max_before : 0, end = at + p->max_after + 1;
    for (size_t i = first; i < end && i < n; i++)
        if (x[i] > x[at])
            return false;
    double sum = 0;
    first = at > p->mean_before ? at - p->mean_before : 0;
    end = at + p->mean_after + 1 < n ? at + p->mean_after + 1 : n;
    for (size_t i = first; i < end; i++)
        sum += x[i];
    return x[at] >= sum / (double)(end - first) + p->above;
}

loris_status onset_peaks(const float *strength, size_t frames, onset_picking p, double **times, size_t *count) {
    *times = NULL;
    *count = 0;
    double *x = malloc((frames + 1) * sizeof *x), *peaks = malloc((frames + 1) * sizeof *peaks);
    if (!x || !peaks) {
        free(x);
        free(peaks);
        return fail_memory("onsets");
    }
    float low = HUGE_VALF, high = -HUGE_VALF;
    for (size_t i = 0; i < frames; i++) {
        low = fminf(low, strength[i]);
        high = fmaxf(high, strength[i]);
    }
    for (size_t i = 0; i < frames; i++)
        x[i] = high > low ? ((double)strength[i] - (double)low) / ((double)high - (double)low) : 0;
    for (size_t i = 0; high > low && i < frames; i++)
        if (is_peak(x, frames, i, &p)) {
            peaks[(*count)++] = (double)i * ONSET_SPACING;
            i += p.wait;
        }
    free(x);
    *times = peaks;
    return LORIS_OK;
}

loris_status audio_onsets(const float *samples, size_t count, onset_picking p, double **times, size_t *onsets) {
    float *strength;
    size_t frames;
    TRY(audio_onset_strength(samples, count, &strength, &frames));
    loris_status status = onset_peaks(strength, frames, p, times, onsets);
    free(strength);
    return status;
}
