/* follow-report MODEL SEEDS VIDEO...: makes soundtracks and measures how they follow and whether they are music, as a
 * table in Markdown. Beside each video may lie a .json with its true events ("events_s"); otherwise the score's accents
 * are what is listened for. Beneath: what silence, a click track at the events, and the soundtracks of other videos
 * get. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/json.h"
#include "loris/loris.h"
#include "measure.h"
#include "music/compose.h"
#include "rhythm/audio_onsets.h"
#include "rhythm/beat_scores.h"

enum { SEEDS_MAX = 16, VIDEOS_MAX = 64, SHUFFLES = 200 };

typedef struct clip {
    const char *path;
    char name[64], rhythm[64];
    double *events; /* true ones; NULL = unknown */
    size_t event_count;
} clip;

typedef struct figures {
    double lufs, peak, recall, late, f, f_shifted, rank, harmonic, density, quiet, chroma, bpm, heard;
} figures;

/* ---- events ------------------------------------------------------------------------------------------------------ */

static loris_status read_events(clip *c) {
    char path[4096], *data;
    size_t size, stem = strlen(c->path);
    while (stem > 0 && c->path[stem - 1] != '.')
        stem--;
    snprintf(path, sizeof path, "%.*sjson", (int)stem, c->path);
    if (access(path, R_OK) != 0)
        return LORIS_OK;
    arena *a = arena_new();
    const json *root, *events;
    loris_status status = a ? file_read(path, (size_t)1 << 20, &data, &size) : fail_memory("events");
    if (status == LORIS_OK) {
        status = json_parse(&root, a, data, size, path);
        free(data);
    }
    if (status == LORIS_OK)
        status = json_need_array(root, "events_s", &events, path);
    if (status == LORIS_OK) {
        c->events = calloc(events->count + 1, sizeof *c->events);
        c->event_count = c->events ? events->count : 0;
        for (size_t i = 0; i < c->event_count; i++)
            c->events[i] = events->item[i].number;
    }
    arena_free(a);
    return status;
}

/* Events moved by half of the gap that follows. */
static void shift_events(const double *events, size_t count, double *out) {
    for (size_t i = 0; i < count; i++) {
        double gap = i + 1 < count ? events[i + 1] - events[i] : i > 0 ? events[i] - events[i - 1] : 1;
        out[i] = events[i] + gap / 2;
    }
}

/* ---- one sound --------------------------------------------------------------------------------------------------- */

static loris_status measure_events(const sound *s, const double *events, size_t count, figures *f) {
    static const double NEAR = 0.05, WIDE = 0.07;
    double *onsets, *scratch = malloc((2 * count + 1) * sizeof *scratch);
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
        f->recall = m.recall;
        f->late = 1000 * m.median_late;
        f->f = match_events(events, count, onsets, found, WIDE, scratch).f;
        shift_events(events, count, shifted);
        f->f_shifted = match_events(shifted, count, onsets, found, WIDE, scratch).f;
        f->rank = contrast_rank(strength, frames, events, count, SHUFFLES);
        f->density = s->seconds > 0 ? (double)found / s->seconds : 0;
        f->heard = tempo_heard(strength, frames);
        free(onsets);
    }
    free(strength);
    free(scratch);
    return status;
}

static void print_row(const char *name, const char *kind, const figures *f) {
    printf("| %s | %s | %.1f | %.1f | %.2f | %.0f | %.2f | %.2f | %.2f | %.2f | %.1f | %.0f | %.2f | %.1f | %.1f |\n",
           name, kind, f->lufs, f->peak, f->recall, f->late, f->f, f->f_shifted, f->rank, f->harmonic, f->density,
           f->quiet, f->chroma, f->bpm, f->heard);
    fflush(stdout);
}

static loris_status measure(const char *wav, const score *written, const double *events, size_t count, figures *f) {
    sound s;
    TRY(sound_read(&s, wav));
    loris_status status = measure_events(&s, events, count, f);
    if (status == LORIS_OK)
        status = harmonic_share(&s, &f->harmonic);
    if (status == LORIS_OK)
        status = chroma_agreement(&s, written, &f->chroma);
    f->quiet = quietest(&s);
    f->bpm = written->bpm;
    free(s.samples);
    return status;
}

/* ---- videos ------------------------------------------------------------------------------------------------------ */

static double *accents_of(const score *s, size_t *count) {
    double *out = calloc(s->accent_count + 1, sizeof *out);
    for (size_t i = 0; out && i < s->accent_count; i++)
        out[i] = s->accents[i].time;
    *count = out ? s->accent_count : 0;
    return out;
}

static loris_status compose_again(const clip *c, uint64_t seed, score *out) {
    rhythm r;
    compose_settings settings = compose_defaults();
    settings.seed = seed;
    TRY(rhythm_read(&r, c->rhythm));
    loris_status status = compose(out, &r, &settings);
    rhythm_free(&r);
    return status;
}

static loris_status report_seed(loris_engine *engine, const char *model, clip *c, uint64_t seed, score *written) {
    char wav[96];
    loris_settings settings;
    loris_report report;
    figures f = {0};
    loris_settings_defaults(&settings);
    settings.model = model;
    settings.seed = seed;
    settings.rhythm_in = access(c->rhythm, R_OK) == 0 ? c->rhythm : NULL;
    settings.rhythm_out = settings.rhythm_in ? NULL : c->rhythm;
    snprintf(wav, sizeof wav, "%s-%llu.wav", c->name, (unsigned long long)seed);
    TRY(loris_soundtrack(engine, &settings, c->path, wav, &report));
    TRY(compose_again(c, seed, written));
    if (!c->events)
        c->events = accents_of(written, &c->event_count);
    TRY(measure(wav, written, c->events, c->event_count, &f));
    f.lufs = report.lufs;
    f.peak = report.true_peak_db;
    char name[128];
    snprintf(name, sizeof name, "%s %llu", c->name, (unsigned long long)seed);
    print_row(name, style_name(written->style), &f);
    return LORIS_OK;
}

static loris_status report_video(loris_engine *engine, const char *model, int seeds, clip *c) {
    score written[SEEDS_MAX] = {0};
    loris_status status = read_events(c);
    for (int seed = 0; status == LORIS_OK && seed < seeds; seed++)
        status = report_seed(engine, model, c, (uint64_t)seed, &written[seed]);
    double shared = 0;
    for (int i = 0; status == LORIS_OK && i < seeds; i++)
        for (int k = 0; k < seeds; k++)
            shared = i == k ? shared : fmax(shared, melody_shared(&written[i], &written[k]));
    if (status == LORIS_OK)
        printf("| %s | | largest share of a melody between two seeds %.2f |\n", c->name, shared);
    for (int seed = 0; seed < seeds; seed++)
        score_free(&written[seed]);
    return status;
}

/* A click of one millisecond at each event, and silence. */
static loris_status report_clicks(const clip *c, bool clicks) {
    const double last = c->event_count ? c->events[c->event_count - 1] : 0;
    sound s = {.seconds = last + 2};
    s.count = (size_t)(s.seconds * ONSET_RATE);
    s.samples = calloc(s.count, sizeof *s.samples);
    if (!s.samples)
        return fail_memory("clicks");
    for (size_t i = 0; clicks && i < c->event_count; i++)
        for (size_t k = 0; k < ONSET_RATE / 1000; k++)
            s.samples[(size_t)(c->events[i] * ONSET_RATE) + k] = 0.5f;
    figures f = {.lufs = NAN, .peak = NAN, .harmonic = NAN, .chroma = NAN};
    loris_status status = measure_events(&s, c->events, c->event_count, &f);
    f.quiet = quietest(&s);
    if (status == LORIS_OK)
        print_row(c->name, clicks ? "click track" : "silence", &f);
    free(s.samples);
    return status;
}

/* This video's events against another's soundtrack. */
static loris_status report_other(const clip *c, const clip *other) {
    char wav[96], kind[96];
    sound s;
    figures f = {.lufs = NAN, .peak = NAN, .harmonic = NAN, .chroma = NAN};
    snprintf(wav, sizeof wav, "%s-0.wav", other->name);
    snprintf(kind, sizeof kind, "sound of %s", other->name);
    TRY(sound_read(&s, wav));
    loris_status status = measure_events(&s, c->events, c->event_count, &f);
    f.quiet = quietest(&s);
    if (status == LORIS_OK)
        print_row(c->name, kind, &f);
    free(s.samples);
    return status;
}

static loris_status report(loris_engine *engine, const char *model, int seeds, clip *clips, int count) {
    printf("| clip, seed | style | LUFS | peak dBTP | recall 50 ms | late ms | F 70 ms | F shifted | rank of 200 | "
           "harmonic "
           "| onsets/s | quietest 2 s dB | chroma | BPM | heard |\n| --- | --- |%s\n",
           " --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (int i = 0; i < count; i++)
        TRY(report_video(engine, model, seeds, &clips[i]));
    for (int i = 0; i < count; i++) {
        TRY(report_clicks(&clips[i], false));
        TRY(report_clicks(&clips[i], true));
        if (count > 1)
            TRY(report_other(&clips[i], &clips[(i + 1) % count]));
    }
    return LORIS_OK;
}

int main(int argc, char **argv) {
    int seeds = argc > 2 ? atoi(argv[2]) : 0, count = argc - 3;
    if (count < 1 || count > VIDEOS_MAX || seeds < 1 || seeds > SEEDS_MAX) {
        fprintf(stderr,
                "usage: follow-report MODEL SEEDS VIDEO...\nwrites each sound and rhythm into the current folder\n");
        return LORIS_ERROR_ARGUMENT;
    }
    clip clips[VIDEOS_MAX] = {0};
    for (int i = 0; i < count; i++) {
        const char *path = argv[i + 3], *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        clips[i].path = path;
        snprintf(clips[i].name, sizeof clips[i].name - 16, "%.*s", (int)strcspn(name, "."), name);
        snprintf(clips[i].rhythm, sizeof clips[i].rhythm, "%s.rhythm.json", clips[i].name);
    }
    loris_engine *engine = NULL;
    loris_status status = loris_engine_open(&engine, NULL);
    if (status == LORIS_OK)
        status = report(engine, argv[1], seeds, clips, count);
    if (status != LORIS_OK)
        fprintf(stderr, "follow-report: %s\n%s\n", loris_error_message(), loris_error_hint());
    loris_engine_close(engine);
    for (int i = 0; i < count; i++)
        free(clips[i].events);
    return (int)status;
}
