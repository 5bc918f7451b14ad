#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

/* ---- harmonic and percussive ------------------------------------------------------------------------------------- */

enum { FILTER = 31 };

/* Index i of a row of n, mirrored at its ends ("d c b a | a b c d | d c b a"). */
static size_t mirrored(ptrdiff_t i, size_t n) {
    ptrdiff_t period = 2 * (ptrdiff_t)n;
    i %= period;
    i = i < 0 ? i + period : i;
    return (size_t)(i < (ptrdiff_t)n ? i : period - 1 - i);
}

/* Where `value` stands in sorted[0..FILTER), or would. */
static int place_of(const float *sorted, int count, float value) {
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (sorted[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* out[i] = median of the FILTER values around x[i], both `stride` apart. */
static void running_median(float *out, const float *x, size_t stride, size_t n) {
    float sorted[FILTER];
    for (int i = 0; i < FILTER; i++) {
        float value = x[mirrored(i - FILTER / 2, n) * stride];
        int at = place_of(sorted, i, value);
        memmove(sorted + at + 1, sorted + at, (size_t)(i - at) * sizeof *sorted);
        sorted[at] = value;
    }
    for (size_t i = 0; i < n; i++) {
        out[i * stride] = sorted[FILTER / 2];
        float leaves = x[mirrored((ptrdiff_t)i - FILTER / 2, n) * stride],
              enters = x[mirrored((ptrdiff_t)i + FILTER / 2 + 1, n) * stride];
        int at = place_of(sorted, FILTER, leaves);
        memmove(sorted + at, sorted + at + 1, (size_t)(FILTER - 1 - at) * sizeof *sorted);
        at = place_of(sorted, FILTER - 1, enters);
        memmove(sorted + at + 1, sorted + at, (size_t)(FILTER - 1 - at) * sizeof *sorted);
        sorted[at] = enters;
    }
}

loris_status harmonic_share(const sound *s, double *share) {
    float *x;
    size_t frames;
    TRY(sound_power(s, &x, &frames));
    const size_t count = frames * SPECTRUM_BINS;
    float *h = malloc(count * sizeof *h), *p = malloc(count * sizeof *p);
    double harmonic = 0, percussive = 0;
    for (size_t i = 0; i < count; i++)
        x[i] = sqrtf(x[i]);
    for (size_t k = 0; h && p && k < SPECTRUM_BINS; k++)
        running_median(h + k, x + k, SPECTRUM_BINS, frames);
    for (size_t t = 0; h && p && t < frames; t++)
        running_median(p + t * SPECTRUM_BINS, x + t * SPECTRUM_BINS, 1, SPECTRUM_BINS);
    for (size_t i = 0; h && p && i < count; i++) {
        double hh = (double)h[i] * (double)h[i], pp = (double)p[i] * (double)p[i];
        double mask = hh + pp > 0 ? hh / (hh + pp) : 0.5, power = (double)x[i] * (double)x[i];
        harmonic += mask * mask * power;
        percussive += (1 - mask) * (1 - mask) * power;
    }
    loris_status status = h && p ? LORIS_OK : fail_memory("a separation");
    free(x);
    free(h);
    free(p);
    *share = harmonic + percussive > 0 ? harmonic / (harmonic + percussive) : 0;
    return status;
}

/* ---- chroma ------------------------------------------------------------------------------------------------------ */

struct chroma_bank {
    float weight[PITCH_CLASSES][SPECTRUM_BINS];
};

/* Semitones above A0 of bin k; bin 0 is put one and a half octaves below the first. */
static double semitone_of(int k) {
    static const double A0 = 27.5;
    return k ? PITCH_CLASSES * log2((double)k * ONSET_RATE / ONSET_WINDOW / A0) : semitone_of(1) - 1.5 * PITCH_CLASSES;
}

loris_status chroma_bank_new(chroma_bank **out) {
    static const double CENTRE = 5, WIDTH = 2; /* octaves */
    enum { C_ABOVE_A = 3 };
    chroma_bank *b = malloc(sizeof *b);
    if (!b)
        return fail_memory("chroma");
    for (int k = 0; k < SPECTRUM_BINS; k++) {
        double at = semitone_of(k), width = fmax(semitone_of(k + 1) - at, 1), bump[PITCH_CLASSES], norm = 0;
        for (int c = 0; c < PITCH_CLASSES; c++) {
            double away = at - c - PITCH_CLASSES * round((at - c) / PITCH_CLASSES);
            bump[c] = exp(-0.5 * (2 * away / width) * (2 * away / width));
            norm += bump[c] * bump[c];
        }
        double octave = (at / PITCH_CLASSES - CENTRE) / WIDTH, weight = exp(-0.5 * octave * octave) / sqrt(norm);
        for (int c = 0; c < PITCH_CLASSES; c++)
            b->weight[(c + PITCH_CLASSES - C_ABOVE_A) % PITCH_CLASSES][k] = (float)(bump[c] * weight);
    }
    *out = b;
    return LORIS_OK;
}

void chroma_bank_free(chroma_bank *b) {
    free(b);
}

void chroma_of(const chroma_bank *b, const float *power, double out[PITCH_CLASSES]) {
    double most = 0;
    for (int c = 0; c < PITCH_CLASSES; c++) {
        out[c] = 0;
        for (int k = 0; k < SPECTRUM_BINS; k++)
            out[c] += (double)b->weight[c][k] * (double)power[k];
        most = fmax(most, out[c]);
    }
    for (int c = 0; most > 0 && c < PITCH_CLASSES; c++)
        out[c] /= most;
}

static double cosine_of(const double a[PITCH_CLASSES], const double b[PITCH_CLASSES]) {
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < PITCH_CLASSES; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* What sounds of the score's pitched notes in [from, to), by class; false when none does. */
static bool written_classes(const score *s, double from, double to, double out[PITCH_CLASSES]) {
    bool any = false;
    memset(out, 0, PITCH_CLASSES * sizeof *out);
    for (size_t i = 0; i < s->note_count; i++) {
        const note *n = &s->notes[i];
        double overlap = fmin(n->time + n->duration, to) - fmax(n->time, from);
        if (n->part == PART_DRUMS || overlap <= 0)
            continue;
        out[n->pitch % PITCH_CLASSES] += overlap * n->velocity;
        any = true;
    }
    return any;
}

loris_status chroma_agreement(const sound *s, const score *written, double *cosine) {
    float *power;
    size_t frames, counted = 0;
    chroma_bank *bank;
    double step = written->bpm > 0 ? 60 / written->bpm : 0.5, sum = 0;
    TRY(chroma_bank_new(&bank));
    loris_status status = sound_power(s, &power, &frames);
    if (status != LORIS_OK) {
        chroma_bank_free(bank);
        return status;
    }
    double first = written->bpm > 0 ? fmod(written->offset, step) : 0;
    for (double from = first < 0 ? first + step : first; from + step <= s->seconds; from += step) {
        double heard[PITCH_CLASSES] = {0}, notes[PITCH_CLASSES], frame[PITCH_CLASSES];
        if (!written_classes(written, from, from + step, notes))
            continue;
        for (size_t t = (size_t)ceil(from / ONSET_SPACING); t < frames && (double)t * ONSET_SPACING < from + step;
             t++) {
            chroma_of(bank, power + t * SPECTRUM_BINS, frame);
            for (int c = 0; c < PITCH_CLASSES; c++)
                heard[c] += frame[c];
        }
        sum += cosine_of(heard, notes);
        counted++;
    }
    free(power);
    chroma_bank_free(bank);
    *cosine = counted ? sum / (double)counted : 0;
    return LORIS_OK;
}

/* ---- key --------------------------------------------------------------------------------------------------------- */

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

double outside_key(const score *s, int parts) {
    enum { SCALE = 7 };
    double whole[PITCH_CLASSES], ranked[PITCH_CLASSES], piece[PITCH_CLASSES], most = 0;
    written_classes(s, 0, s->seconds, whole);
    memcpy(ranked, whole, sizeof ranked);
    qsort(ranked, PITCH_CLASSES, sizeof *ranked, descending);
    for (int i = 0; i < parts; i++) {
        double outside = 0, all = 0;
        written_classes(s, i * s->seconds / parts, (i + 1) * s->seconds / parts, piece);
        for (int c = 0; c < PITCH_CLASSES; c++) {
            all += piece[c];
            outside += whole[c] < ranked[SCALE - 1] ? piece[c] : 0;
        }
        most = fmax(most, all > 0 ? outside / all : 0);
    }
    return most;
}

/* ---- palette ----------------------------------------------------------------------------------------------------- */

static double correlation(const double *a, const double *b, size_t count) {
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < count; i++) {
        ma += a[i] / (double)count;
        mb += b[i] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        ab += (a[i] - ma) * (b[i] - mb);
        aa += (a[i] - ma) * (a[i] - ma);
        bb += (b[i] - mb) * (b[i] - mb);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static void mean_spectrum(const float *mel, size_t from, size_t to, double out[ONSET_MEL_BANDS]) {
    for (size_t m = 0; m < ONSET_MEL_BANDS; m++) {
        out[m] = 0;
        for (size_t t = from; t < to; t++)
            out[m] += (double)mel[t * ONSET_MEL_BANDS + m] / (double)(to - from);
    }
}

loris_status palette_constancy(const sound *s, int parts, double *least) {
    float *mel;
    size_t frames;
    double whole[ONSET_MEL_BANDS], piece[ONSET_MEL_BANDS];
    TRY(audio_mel(s->samples, s->count, &mel, &frames));
    mean_spectrum(mel, 0, frames, whole);
    *least = 1;
    for (size_t i = 0, n = (size_t)parts; i < n; i++) {
        mean_spectrum(mel, i * frames / n, (i + 1) * frames / n, piece);
        *least = fmin(*least, correlation(piece, whole, ONSET_MEL_BANDS));
    }
    free(mel);
    return LORIS_OK;
}
