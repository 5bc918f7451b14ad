#include "measure.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sndfile.h>

#include "core/random.h"
#include "media/audio.h"
#include "media/fft.h"
#include "rhythm/audio_onsets.h"

#define TWO_PI 6.283185307179586476925286766559

enum { BINS = ONSET_WINDOW / 2 + 1, PITCHES = 12 };

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

/* ---- spectra ----------------------------------------------------------------------------------------------------- */

/* Magnitudes [frames][BINS], centred frames ONSET_HOP apart. */
static loris_status spectrogram(const sound *s, float **out, size_t *frames) {
    fft *f;
    size_t n = 1 + s->count / ONSET_HOP;
    TRY(fft_new(&f, ONSET_WINDOW));
    float *x = malloc(n * BINS * sizeof *x);
    if (!x) {
        fft_free(f);
        return fail_memory("a spectrogram");
    }
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < ONSET_WINDOW; i++) {
            size_t at = t * ONSET_HOP + i;
            bool inside = at >= ONSET_WINDOW / 2 && at - ONSET_WINDOW / 2 < s->count;
            double hann = 0.5 - 0.5 * cos(TWO_PI * (double)i / ONSET_WINDOW);
            f->time[i] = inside ? (float)hann * s->samples[at - ONSET_WINDOW / 2] : 0;
        }
        fft_forward(f);
        for (int k = 0; k < BINS; k++)
            x[t * BINS + (size_t)k] = hypotf(f->spectrum[2 * k], f->spectrum[2 * k + 1]);
    }
    fft_free(f);
    *out = x;
    *frames = n;
    return LORIS_OK;
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The median of 31 values around index `at` of a row of n with a stride; mirrored at the ends. */
static float median_around(const float *row, size_t stride, size_t n, size_t at) {
    enum { FILTER = 31 };
    float values[FILTER];
    for (int i = 0; i < FILTER; i++) {
        ptrdiff_t k = (ptrdiff_t)at + i - FILTER / 2, last = (ptrdiff_t)n - 1;
        k = k < 0 ? -k - 1 : k > last ? 2 * last - k + 1 : k;
        k = k < 0 ? 0 : k > last ? last : k;
        values[i] = row[(size_t)k * stride];
    }
    qsort(values, FILTER, sizeof *values, ascending);
    return values[FILTER / 2];
}

loris_status harmonic_share(const sound *s, double *share) {
    float *x;
    size_t frames;
    double harmonic = 0, percussive = 0;
    TRY(spectrogram(s, &x, &frames));
    for (size_t t = 0; t < frames; t++)
        for (size_t k = 0; k < BINS; k++) {
            double h = (double)median_around(x + k, BINS, frames, t),
                   p = (double)median_around(x + t * BINS, 1, BINS, k);
            double all = h * h + p * p, value = (double)x[t * BINS + k];
            if (all <= 0)
                continue;
            harmonic += pow(h * h / all * value, 2);
            percussive += pow(p * p / all * value, 2);
        }
    free(x);
    *share = harmonic + percussive > 0 ? harmonic / (harmonic + percussive) : 0;
    return LORIS_OK;
}

double quietest(const sound *s) {
    const size_t window = 2 * ONSET_RATE, step = ONSET_RATE / 5;
    double least = HUGE_VAL;
    for (size_t from = 0; from + window <= s->count; from += step) {
        double sum = 0;
        for (size_t i = from; i < from + window; i++)
            sum += (double)s->samples[i] * (double)s->samples[i];
        least = fmin(least, sum / (double)window);
    }
    return 10 * log10(fmax(least, 1e-12));
}

/* ---- chroma ------------------------------------------------------------------------------------------------------ */

static void add_chroma(double chroma[PITCHES], const float *row) {
    static const double LOW = 180, HIGH = 4000; /* Hz; below, bins are wider than semitones */
    for (int k = 1; k < BINS; k++) {
        double hz = (double)k * ONSET_RATE / ONSET_WINDOW;
        if (hz >= LOW && hz <= HIGH)
            chroma[((int)lround(12 * log2(hz / 440)) + 69) % PITCHES] += (double)row[k] * (double)row[k];
    }
}

static double cosine_of(const double a[PITCHES], const double b[PITCHES]) {
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < PITCHES; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

loris_status chroma_agreement(const sound *s, const score *written, double *cosine) {
    float *x;
    size_t frames, counted = 0;
    double step = written->bpm > 0 ? 60 / written->bpm : 0.5, sum = 0;
    TRY(spectrogram(s, &x, &frames));
    for (double from = written->offset; from + step <= s->seconds; from += step) {
        double heard[PITCHES] = {0}, notes[PITCHES] = {0};
        for (size_t t = (size_t)(from / ONSET_SPACING); t < frames && (double)t * ONSET_SPACING < from + step; t++)
            add_chroma(heard, x + t * BINS);
        for (size_t i = 0; i < written->note_count; i++) {
            const note *n = &written->notes[i];
            double overlap = fmin(n->time + n->duration, from + step) - fmax(n->time, from);
            if (n->part != PART_DRUMS && overlap > 0)
                notes[n->pitch % PITCHES] += overlap * n->velocity;
        }
        for (int i = 0; i < PITCHES; i++) /* energies and durations to magnitudes that compare */
            heard[i] = sqrt(heard[i]);
        double c = cosine_of(heard, notes);
        sum += c;
        counted += c > 0;
    }
    free(x);
    *cosine = counted ? sum / (double)counted : 0;
    return LORIS_OK;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static double strength_near(const float *strength, size_t frames, double time) {
    static const double REACH = 0.05;
    double best = 0;
    size_t from = time > REACH ? (size_t)ceil((time - REACH) / ONSET_SPACING) : 0;
    for (size_t i = from; i < frames && (double)i * ONSET_SPACING <= time + REACH; i++)
        best = fmax(best, (double)strength[i]);
    return best;
}

double contrast(const float *strength, size_t frames, const double *events, size_t count) {
    static const double SHIFT = 0.37;
    double mean = 0, square = 0, on = 0, off = 0;
    for (size_t i = 0; i < frames; i++) {
        mean += (double)strength[i] / (double)frames;
        square += (double)strength[i] * (double)strength[i] / (double)frames;
    }
    if (count < 2 || square <= mean * mean)
        return 0;
    for (size_t i = 0; i < count; i++) {
        double after = i + 1 < count ? events[i + 1] - events[i] : events[i] - events[i - 1],
               before = i > 0 ? events[i] - events[i - 1] : after;
        on += strength_near(strength, frames, events[i]);
        off += (strength_near(strength, frames, events[i] + SHIFT * after) +
                strength_near(strength, frames, events[i] - SHIFT * before)) /
               2;
    }
    return (on - off) / (double)count / sqrt(square - mean * mean);
}

double contrast_rank(const float *strength, size_t frames, const double *events, size_t count, int others) {
    static const double SHORTER = 0.6, LONGER = 1.6;
    double own = contrast(strength, frames, events, count);
    double *other = malloc((count + 1) * sizeof *other);
    int below = 0;
    for (int k = 0; other && count > 1 && k < others; k++) {
        random_state r = random_begin((uint64_t)k, 77);
        other[0] = random_range(&r, 0, 2 * events[0]);
        for (size_t i = 1; i < count; i++) {
            size_t from = 1 + (size_t)random_below(&r, (int)count - 1);
            other[i] = other[i - 1] + (events[from] - events[from - 1]) * random_range(&r, SHORTER, LONGER);
        }
        below += contrast(strength, frames, other, count) < own;
    }
    free(other);
    return others ? (double)below / others : 0;
}

double melody_shared(const score *a, const score *b) {
    size_t count = 0, shared = 0;
    for (size_t i = 0; i < a->note_count; i++) {
        const note *x = &a->notes[i];
        bool found = false;
        if (x->part != PART_LEAD)
            continue;
        for (size_t k = 0; k < b->note_count && !found; k++)
            found = b->notes[k].part == PART_LEAD && b->notes[k].pitch == x->pitch &&
                    fabs(b->notes[k].time - x->time) < 0.05;
        count++;
        shared += found;
    }
    return count ? (double)shared / (double)count : 0;
}

double tempo_heard(const float *strength, size_t frames) {
    static const double PRIOR = 120, SLOWEST = 40, FASTEST = 240;
    double mean = 0, best = -HUGE_VAL, lag = 0;
    for (size_t i = 0; i < frames; i++)
        mean += (double)strength[i] / (double)frames;
    if (mean <= 0)
        return 0;
    /* lags in quarter frames: a frame is 5 BPM at 110; the strength between frames by lines */
    for (double step = 60 / FASTEST / ONSET_SPACING; step <= 60 / SLOWEST / ONSET_SPACING; step += 0.05) {
        double sum = 0;
        for (int periods = 1; periods <= 4; periods++) /* later periods tell the tempo finer */
            for (size_t i = 0; (double)i + periods * step + 1 < (double)frames; i++) {
                double at = (double)i + periods * step, rest = at - floor(at);
                size_t k = (size_t)at;
                double later = (1 - rest) * (double)strength[k] + rest * (double)strength[k + 1];
                sum += ((double)strength[i] - mean) * (later - mean) / periods;
            }
        double octaves = log2(60 / (step * ONSET_SPACING) / PRIOR);
        sum *= exp(-0.5 * octaves * octaves);
        if (sum > best) {
            best = sum;
            lag = step;
        }
    }
    return lag > 0 ? 60 / (lag * ONSET_SPACING) : 0;
}
