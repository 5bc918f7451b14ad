#include <math.h>
#include <stdlib.h>

#include "core/random.h"
#include "measure.h"

/* ---- accent contrast --------------------------------------------------------------------------------------------- */

static const double REACH = 0.05; /* seconds */

static void standardise(float *x, size_t count) {
    double mean = 0, square = 0;
    for (size_t i = 0; i < count; i++)
        mean += (double)x[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        square += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)count;
    for (size_t i = 0; i < count; i++)
        x[i] = square > 0 ? (float)(((double)x[i] - mean) / sqrt(square)) : 0;
}

loris_status flux_bands_of(flux_bands *out, const sound *s) {
    static const int edges[CONTRAST_BANDS + 1] = {0, 8, 64, ONSET_MEL_BANDS}; /* 0.2, 2, 11 kHz */
    TRY(audio_onset_strengths(s->samples, s->count, edges, CONTRAST_BANDS, &out->strength, &out->frames));
    for (int band = 0; band < CONTRAST_BANDS; band++)
        standardise(out->strength + (size_t)band * out->frames, out->frames);
    return LORIS_OK;
}

void flux_bands_free(flux_bands *f) {
    free(f->strength);
    f->strength = NULL;
}

/* The largest flux near `time`, the mean of the bands; false outside of the sound. */
static bool flux_near(const flux_bands *f, double time, double *value) {
    double first = ceil((time - REACH) / ONSET_SPACING), last = floor((time + REACH) / ONSET_SPACING);
    size_t from = (size_t)fmax(first, 0), to = last < 0 ? 0 : (size_t)last + 1;
    to = to < f->frames ? to : f->frames;
    if (from >= to)
        return false;
    *value = 0;
    for (int band = 0; band < CONTRAST_BANDS; band++) {
        const float *strength = f->strength + (size_t)band * f->frames;
        float best = strength[from];
        for (size_t i = from; i < to; i++)
            best = fmaxf(best, strength[i]);
        *value += (double)best / CONTRAST_BANDS;
    }
    return true;
}

double accent_contrast(const flux_bands *f, const double *events, size_t count) {
    static const double SHIFT = 0.37;
    double on = 0, off = 0, value;
    size_t on_count = 0, off_count = 0;
    for (size_t i = 0; count > 1 && i < count; i++) {
        double after = i + 1 < count ? events[i + 1] - events[i] : events[i] - events[i - 1],
               before = i > 0 ? events[i] - events[i - 1] : after;
        const double moved[] = {events[i] + SHIFT * after, events[i] - SHIFT * before};
        if (flux_near(f, events[i], &value)) {
            on += value;
            on_count++;
        }
        for (size_t k = 0; k < 2; k++)
            if (flux_near(f, moved[k], &value)) {
                off += value;
                off_count++;
            }
    }
    return on_count && off_count ? on / (double)on_count - off / (double)off_count : 0;
}

/* Events of `list`, repeated end to end, from `start` on for `seconds`; returns how many are in out[room]. */
static size_t cut_events(double *out, size_t room, const event_list *list, double start, double seconds) {
    size_t count = 0;
    for (double turn = 0; turn * list->seconds < start + seconds; turn++)
        for (size_t i = 0; i < list->count && count < room; i++) {
            double time = list->times[i] + turn * list->seconds - start;
            if (time >= 0 && time < seconds)
                out[count++] = time;
        }
    return count;
}

loris_status contrast_rank(const flux_bands *f, double seconds, const double *events, size_t count,
                           const event_list *lists, size_t list_count, int others, double *rank) {
    enum { STREAM = 77 };
    const double own = accent_contrast(f, events, count);
    size_t room = 1;
    int below = 0;
    for (size_t i = 0; i < list_count; i++) {
        size_t most = (size_t)(seconds / lists[i].seconds + 2) * lists[i].count;
        room = most > room ? most : room;
    }
    double *strange = malloc(room * sizeof *strange);
    if (!strange)
        return fail_memory("events");
    for (int k = 0; list_count && k < others; k++) {
        random_state r = random_begin((uint64_t)k, STREAM);
        const event_list *list = &lists[(size_t)k % list_count];
        size_t n = cut_events(strange, room, list, random_range(&r, 0, list->seconds), seconds);
        below += accent_contrast(f, strange, n) < own;
    }
    free(strange);
    *rank = list_count ? (double)below / others : 0;
    return LORIS_OK;
}

/* ---- tempo ------------------------------------------------------------------------------------------------------- */

double tempo_heard(const float *strength, size_t frames, double low, double high) {
    static const double PRIOR = 120, STEP = 0.05; /* BPM; frames: a whole one is 5 BPM at 110 */
    enum { PERIODS = 4 };                         /* later ones tell the tempo finer */
    double mean = 0, best = -HUGE_VAL, lag = 0;
    for (size_t i = 0; i < frames; i++)
        mean += (double)strength[i] / (double)frames;
    if (mean <= 0)
        return 0;
    for (double period = 60 / high / ONSET_SPACING; period <= 60 / low / ONSET_SPACING; period += STEP) {
        double sum = 0;
        for (int periods = 1; periods <= PERIODS; periods++)
            for (size_t i = 0; (double)i + periods * period + 1 < (double)frames; i++) {
                double at = (double)i + periods * period, rest = at - floor(at);
                size_t k = (size_t)at;
                double later = (1 - rest) * (double)strength[k] + rest * (double)strength[k + 1];
                sum += ((double)strength[i] - mean) * (later - mean) / periods;
            }
        double octaves = log2(60 / (period * ONSET_SPACING) / PRIOR);
        sum *= exp(-0.5 * octaves * octaves);
        if (sum > best) {
            best = sum;
            lag = period;
        }
    }
    return lag > 0 ? 60 / (lag * ONSET_SPACING) : 0;
}

/* ---- melodies ---------------------------------------------------------------------------------------------------- */

double melody_shared(const score *a, const score *b) {
    static const double NEAR = 0.05;
    size_t count = 0, shared = 0;
    for (size_t i = 0; i < a->note_count; i++) {
        const note *x = &a->notes[i];
        bool found = false;
        if (x->part != PART_LEAD)
            continue;
        for (size_t k = 0; k < b->note_count && !found; k++)
            found = b->notes[k].part == PART_LEAD && b->notes[k].pitch == x->pitch &&
                    fabs(b->notes[k].time - x->time) < NEAR;
        count++;
        shared += found;
    }
    return count ? (double)shared / (double)count : 0;
}
