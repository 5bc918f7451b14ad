/* Soundtracks of the clips: do they follow, and are they music? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/worker.h"
#include "music/compose.h"
#include "report.h"
#include "rhythm/beat_scores.h"
#include "rhythm/fallback.h"

loris_status compose_again(const rhythm *seen, uint64_t seed, double bpm, const loris_report *made, score *out) {
    rhythm followed;
    compose_settings settings = compose_defaults();
    settings.seed = seed;
    settings.bpm = bpm == LORIS_BPM_AUTO ? COMPOSE_BPM_AUTO : bpm;
    TRY(rhythm_followed(&followed, seen));
    loris_status status = compose(out, &followed, &settings);
    rhythm_free(&followed);
    if (status == LORIS_OK && (out->note_count != made->notes || out->bpm != made->bpm))
        status = fail(LORIS_ERROR_INTERNAL, NULL, "the score of %zu notes is not the one that was made: %zu",
                      out->note_count, made->notes);
    return status;
}

/* ---- events of a sound ------------------------------------------------------------------------------------------- */

/* Events moved by half of the gap that follows. */
static void shift_events(const double *events, size_t count, double *out) {
    for (size_t i = 0; i < count; i++) {
        double gap = i + 1 < count ? events[i + 1] - events[i] : i > 0 ? events[i] - events[i - 1] : 1;
        out[i] = events[i] + gap / 2;
    }
}

/* What other videos' events are for clip c: of drawn clips and of the other clips. *lists is the caller's to free, what
 * it points to is not. */
static loris_status strange_events(const report *r, const clip *c, event_list **lists, size_t *count) {
    *lists = malloc((r->drawn_count + r->clip_count) * sizeof **lists);
    *count = 0;
    if (!*lists)
        return fail_memory("other videos' events");
    for (size_t i = 0; i < r->drawn_count; i++)
        (*lists)[(*count)++] = r->drawn[i];
    for (size_t i = 0; i < r->clip_count; i++)
        if (&r->clips[i] != c && r->clips[i].accents.count)
            (*lists)[(*count)++] = r->clips[i].accents;
    return LORIS_OK;
}

static loris_status measure_rank(const report *r, const clip *c, const sound *s, const double *events, size_t count,
                                 double *rank) {
    flux_bands bands;
    event_list *lists;
    size_t list_count;
    TRY(strange_events(r, c, &lists, &list_count));
    loris_status status = flux_bands_of(&bands, s);
    if (status == LORIS_OK) {
        status = contrast_rank(&bands, s->seconds, events, count, lists, list_count, OTHERS, rank);
        flux_bands_free(&bands);
    }
    free(lists);
    return status;
}

/* `clicks_late`: how late onsets of clicks at these events are heard, ms. */
static loris_status measure_events(const report *r, const clip *c, const sound *s, const double *events, size_t count,
                                   double clicks_late, result *out) {
    static const double NEAR = 0.05, WIDE = 0.07, SLOWEST = 40, FASTEST = 240;
    double *onsets, *scratch = malloc((2 * count + 1) * sizeof *scratch), *v = out->value;
    float *strength;
    size_t frames, found;
    if (!scratch)
        return fail_memory("events");
    loris_status status = audio_onset_strength(s->samples, s->count, &strength, &frames);
    if (status != LORIS_OK) {
        free(scratch);
        return status;
    }
    status = onset_peaks(strength, frames, onset_picking_defaults(), &onsets, &found);
    if (status == LORIS_OK) {
        double *shifted = scratch + count;
        event_match m = match_events(events, count, onsets, found, NEAR, scratch);
        v[HEARD_RECALL] = m.recall;
        v[HEARD_LATE] = m.matched ? 1000 * m.median_late - clicks_late : NAN;
        v[HEARD_F] = match_events(events, count, onsets, found, WIDE, scratch).f;
        shift_events(events, count, shifted);
        v[HEARD_LIFT] = v[HEARD_F] - match_events(shifted, count, onsets, found, WIDE, scratch).f;
        v[HEARD_DENSITY] = s->seconds > 0 ? (double)found / s->seconds : 0;
        v[HEARD_BPM] = tempo_heard(strength, frames, SLOWEST, FASTEST);
        v[HEARD_QUIETEST] = sound_quietest(s);
        free(onsets);
    }
    free(strength);
    free(scratch);
    return status == LORIS_OK ? measure_rank(r, c, s, events, count, &v[HEARD_RANK]) : status;
}

/* ---- for comparison ---------------------------------------------------------------------------------------------- */

/* Clicks of a millisecond at the events, or silence. */
static loris_status make_clicks(sound *s, const double *events, size_t count, double seconds, bool clicks) {
    static const float LOUD = 0.5f;
    *s = (sound){.seconds = seconds, .count = (size_t)(seconds * ONSET_RATE)};
    s->samples = calloc(s->count + 1, sizeof *s->samples);
    if (!s->samples)
        return fail_memory("clicks");
    for (size_t i = 0; clicks && i < count; i++) {
        size_t from = (size_t)(events[i] * ONSET_RATE);
        for (size_t k = from; k < from + ONSET_RATE / 1000 && k < s->count; k++)
            s->samples[k] = LOUD;
    }
    return LORIS_OK;
}

static const double *events_of(const clip *c, size_t *count) {
    *count = c->truth ? c->truth_count : c->accents.count;
    return c->truth ? c->truth : c->accents.times;
}

static loris_status compare_clicks(report *r, const clip *c, bool clicks, double *late) {
    sound s;
    size_t count;
    const double *events = events_of(c, &count);
    result one = result_of(TABLE_BELOW, 0, c->name, clicks ? "click track" : "silence");
    TRY(make_clicks(&s, events, count, c->seen.duration, clicks));
    loris_status status = measure_events(r, c, &s, events, count, 0, &one);
    free(s.samples);
    *late = one.value[HEARD_LATE];
    return status == LORIS_OK ? results_add(&r->results, &one) : status;
}

/* This video's events against another's soundtrack. */
static loris_status compare_other(report *r, const clip *c, const clip *other) {
    char wav[96], kind[96];
    sound s;
    size_t count;
    const double *events = events_of(c, &count);
    snprintf(wav, sizeof wav, "%s-0.wav", other->name);
    snprintf(kind, sizeof kind, "sound of %s", other->name);
    result one = result_of(TABLE_BELOW, 0, c->name, kind);
    TRY(sound_read(&s, wav));
    loris_status status = measure_events(r, c, &s, events, count, 0, &one);
    free(s.samples);
    return status == LORIS_OK ? results_add(&r->results, &one) : status;
}

/* What is to be heard in a soundtrack: the true events, or else the moves seen, without those that the composer leaves
 * out because they are weak and between the sixteenths. *events is the caller's to free. */
static loris_status events_due(const clip *c, const score *written, double **events, size_t *count) {
    static const double MOVED = 0.046; /* seconds: how far the grid takes an accent at most */
    size_t all, next = 0;
    const double *from = events_of(c, &all);
    *events = malloc((all + 1) * sizeof **events);
    *count = 0;
    if (!*events)
        return fail_memory("events");
    for (size_t i = 0; i < all; i++) {
        while (next < written->accent_count && written->accents[next].time < from[i] - MOVED)
            next++;
        if (c->truth || (next < written->accent_count && written->accents[next].time <= from[i] + MOVED))
            (*events)[(*count)++] = from[i];
    }
    return LORIS_OK;
}

/* ---- soundtracks ------------------------------------------------------------------------------------------------- */

static loris_status measure_sound(report *r, const clip *c, const char *wav, const loris_report *made,
                                  const score *written, double clicks_late) {
    sound s;
    size_t count, all;
    double *events;
    char name[80], picture[4096];
    snprintf(name, sizeof name, "%s %llu", c->name, (unsigned long long)made->seed);
    result one = result_of(TABLE_SOUND, BAR_ALWAYS | (written->bpm > 0 ? BAR_BEAT : BAR_FREE), name, made->style);
    TRY(events_due(c, written, &events, &count));
    loris_status status = sound_read(&s, wav);
    if (status != LORIS_OK) {
        free(events);
        return status;
    }
    status = measure_events(r, c, &s, events, count, clicks_late, &one);
    if (status == LORIS_OK)
        status = harmonic_share(&s, &one.value[HEARD_HARMONIC]);
    if (status == LORIS_OK)
        status = chroma_agreement(&s, written, &one.value[HEARD_CHROMA]);
    if (status == LORIS_OK && r->pictures && made->seed == 0) {
        snprintf(picture, sizeof picture, "%s/%s-sound.svg", r->pictures, c->name);
        status = spectrogram_svg(picture, c->name, &s, events, count, written);
    }
    free(s.samples);
    free(events);
    events_of(c, &all);
    one.value[HEARD_LEFT_OUT] = (double)(all - count);
    one.value[HEARD_LUFS] = made->lufs;
    one.value[HEARD_PEAK] = made->true_peak_db;
    one.value[HEARD_BPM_WRITTEN] = written->bpm;
    return status == LORIS_OK ? results_add(&r->results, &one) : status;
}

/* A tempo that was asked for: what is heard. */
static loris_status measure_asked(report *r, const clip *c, result *out) {
    static const double ASKED = 96, SLOWEST = 40, FASTEST = 240;
    loris_settings settings;
    char rhythm_path[96], wav[96];
    sound s;
    float *strength;
    size_t frames;
    snprintf(rhythm_path, sizeof rhythm_path, "%s.rhythm.json", c->name);
    snprintf(wav, sizeof wav, "%s-96.wav", c->name);
    loris_settings_defaults(&settings);
    settings.model = r->model;
    settings.rhythm_in = rhythm_path;
    settings.bpm = ASKED;
    TRY(loris_soundtrack(r->engine, &settings, c->path, wav, NULL));
    TRY(sound_read(&s, wav));
    loris_status status = audio_onset_strength(s.samples, s.count, &strength, &frames);
    if (status == LORIS_OK) {
        out->value[CLIP_ASKED_BPM] = tempo_heard(strength, frames, SLOWEST, FASTEST);
        free(strength);
    }
    free(s.samples);
    return status;
}

static loris_status make_takes(report *r, const clip *c, char wavs[][96], loris_report *made) {
    loris_settings settings;
    loris_take takes[SEEDS_MAX];
    char rhythm_path[96];
    snprintf(rhythm_path, sizeof rhythm_path, "%s.rhythm.json", c->name);
    loris_settings_defaults(&settings);
    settings.model = r->model;
    settings.rhythm_in = rhythm_path;
    for (int i = 0; i < r->seeds; i++) {
        snprintf(wavs[i], sizeof wavs[i], "%s-%d.wav", c->name, i);
        takes[i] = (loris_take){.seed = (uint64_t)i, .output = wavs[i]};
    }
    return loris_takes(r->engine, &settings, c->path, takes, (size_t)r->seeds, NULL, made);
}

static loris_status report_clip(report *r, const clip *c, double clicks_late) {
    char wavs[SEEDS_MAX][96];
    score written[SEEDS_MAX] = {0};
    result together = result_of(TABLE_CLIP, BAR_ALWAYS, c->name, "");
    loris_report *made = calloc(SEEDS_MAX, sizeof *made);
    loris_status status = made ? make_takes(r, c, wavs, made) : fail_memory("reports");
    for (int i = 0; status == LORIS_OK && i < r->seeds; i++) {
        status = compose_again(&c->seen, (uint64_t)i, LORIS_BPM_AUTO, &made[i], &written[i]);
        if (status == LORIS_OK)
            status = measure_sound(r, c, wavs[i], &made[i], &written[i], clicks_late);
    }
    for (int i = 0; status == LORIS_OK && i < r->seeds; i++)
        for (int k = 0; k < r->seeds; k++)
            if (i != k)
                together.value[CLIP_SHARED] =
                    fmax(melody_shared(&written[i], &written[k]), together.value[CLIP_SHARED]);
    for (int i = 0; i < r->seeds; i++)
        score_free(&written[i]);
    free(made);
    if (status == LORIS_OK)
        status = measure_asked(r, c, &together);
    tell("%s: %d soundtracks", c->name, r->seeds);
    return status == LORIS_OK ? results_add(&r->results, &together) : status;
}

/* Clips may be reported side by side, each by an engine of its own; their results come in the clips' order. */
typedef struct clip_work {
    const report *whole;
    results *each; /* [clip_count] */
} clip_work;

static loris_status report_nth(void *user, int index) {
    clip_work *work = user;
    report own = *work->whole;
    const clip *c = &own.clips[index];
    double late, ignored;
    loris_status status;
    own.engine = NULL;
    own.results = (results){0};
    TRY_GOTO(loris_engine_open(&own.engine, NULL));
    TRY_GOTO(compare_clicks(&own, c, false, &ignored));
    TRY_GOTO(compare_clicks(&own, c, true, &late));
    TRY_GOTO(report_clip(&own, c, late));
done:
    loris_engine_close(own.engine);
    work->each[index] = own.results;
    return status;
}

loris_status report_sound(report *r) {
    clip_work work = {.whole = r, .each = calloc(r->clip_count, sizeof *work.each)};
    if (!work.each)
        return fail_memory("the report");
    loris_status status = worker_run(r->jobs, (int)r->clip_count, report_nth, &work);
    for (size_t i = 0; i < r->clip_count; i++) {
        for (size_t k = 0; status == LORIS_OK && k < work.each[i].count; k++)
            status = results_add(&r->results, &work.each[i].result[k]);
        results_free(&work.each[i]);
    }
    free(work.each);
    for (size_t i = 0; status == LORIS_OK && r->clip_count > 1 && i < r->clip_count; i++)
        status = compare_other(r, &r->clips[i], &r->clips[(i + 1) % r->clip_count]);
    return status;
}
