/* Are the events of drawn clips seen? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/file.h"
#include "music/compose.h"
#include "report.h"
#include "rhythm/beat_scores.h"
#include "rhythm/fallback.h"

loris_status watch_clip(loris_engine *engine, const char *path, const char *json_path, const char *svg, rhythm *seen) {
    loris_rhythm *watched;
    TRY(loris_watch(engine, path, NULL, NULL, &watched));
    loris_status status = loris_rhythm_write_json(watched, json_path);
    if (status == LORIS_OK && svg)
        status = loris_rhythm_write_svg(watched, svg);
    loris_rhythm_free(watched);
    return status == LORIS_OK ? rhythm_read(seen, json_path) : status;
}

loris_status accents_seen(const rhythm *seen, event_list *out) {
    rhythm followed;
    score written = {0};
    compose_settings free_music = compose_defaults();
    free_music.bpm = COMPOSE_FREE; /* no grid moves the accents */
    TRY(rhythm_followed(&followed, seen));
    *out = (event_list){.seconds = seen->duration};
    loris_status status = followed.event_count ? compose(&written, &followed, &free_music) : LORIS_OK;
    if (status == LORIS_OK && !(out->times = malloc((written.accent_count + 1) * sizeof *out->times)))
        status = fail_memory("accents");
    for (size_t i = 0; status == LORIS_OK && i < written.accent_count; i++)
        out->times[out->count++] = written.accents[i].time;
    score_free(&written);
    rhythm_free(&followed);
    return status;
}

/* ---- one clip ---------------------------------------------------------------------------------------------------- */

/* F of the events of the kind that the clip has. */
static loris_status f_of(const drawn_clip *c, const rhythm *seen, double *f, double *bias_ms) {
    static const double NEAR = 0.07;
    const event_kind kind = c->kind == DRAWN_STARTS ? EVENT_ONSET : EVENT_IMPACT;
    double *truth, *found;
    size_t count, found_count = 0;
    TRY(drawn_events(c, &truth, &count));
    found = malloc((seen->event_count + count + 1) * sizeof *found);
    if (!found) {
        free(truth);
        return fail_memory("events");
    }
    for (size_t i = 0; i < seen->event_count; i++)
        if (seen->events[i].kind == kind)
            found[found_count++] = seen->events[i].time;
    event_match m = match_events(truth, count, found, found_count, NEAR, found + seen->event_count);
    *f = m.f;
    *bias_ms = 1000 * m.median_late;
    free(found);
    free(truth);
    return LORIS_OK;
}

/* Percent by which a tempo misses another, its half or its double. */
static double tempo_error(double seen, double truth) {
    if (!(seen > 0))
        return 100;
    double octaves = log2(seen / truth);
    octaves -= fmin(fmax(round(octaves), -1), 1);
    return 100 * fabs(exp2(octaves) - 1);
}

/* The most by which a bar's length differs from the one before it, percent. */
static double grid_stretch(const rhythm *r) {
    double most = 0;
    for (size_t i = 2; i < r->downbeat_count; i++) {
        double bar = r->downbeats[i] - r->downbeats[i - 1], before = r->downbeats[i - 1] - r->downbeats[i - 2];
        most = fmax(most, 100 * fabs(bar / before - 1));
    }
    return most;
}

/* A drawing that an earlier report watched is not watched again: its rhythm lies in the folder. */
static loris_status draw_and_watch(report *r, const drawn_clip *c, rhythm *seen) {
    static const char path[] = "drawn.y4m";
    char json_path[64];
    snprintf(json_path, sizeof json_path, "drawn-%d%s%s.rhythm.json", (int)c->seed, c->textured ? "-textured" : "",
             c->pan > 0 ? "-panned" : "");
    if (file_exists(json_path))
        return rhythm_read(seen, json_path);
    TRY(drawn_write(c, path));
    loris_status status = watch_clip(r->engine, path, json_path, NULL, seen);
    remove(path); /* tens of megabytes each */
    return status;
}

static const double PAN = 5; /* pixels a frame */

static loris_status f_drawn(report *r, const drawn_clip *c, double *f) {
    rhythm seen;
    double bias;
    TRY(draw_and_watch(r, c, &seen));
    loris_status status = f_of(c, &seen, f, &bias);
    rhythm_free(&seen);
    return status;
}

/* How a pan changes F, at most: before plain ground, where nothing but the figure is seen to move, and before textured
 * ground. */
static loris_status measure_pan(report *r, const drawn_clip *c, double f_plain, result *out) {
    drawn_clip other = *c;
    double f_textured;
    other.pan = PAN;
    TRY(f_drawn(r, &other, &out->value[SEEN_PANNED_PLAIN]));
    other.textured = true;
    TRY(f_drawn(r, &other, &out->value[SEEN_PANNED]));
    other.pan = 0;
    TRY(f_drawn(r, &other, &f_textured));
    out->value[SEEN_PAN_CHANGE] =
        fmax(fabs(out->value[SEEN_PANNED_PLAIN] - f_plain), fabs(out->value[SEEN_PANNED] - f_textured));
    return LORIS_OK;
}

static loris_status measure_clip(report *r, const drawn_clip *c, figure f, const char *name, bool pan,
                                 event_list *accents) {
    rhythm seen;
    result one = result_of(TABLE_SEEING, BAR_ALWAYS, name, c->bpm > 0 ? "tempo" : "free");
    TRY(draw_and_watch(r, c, &seen));
    loris_status status = f_of(c, &seen, &one.value[f], &one.value[SEEN_BIAS]);
    if (c->bpm > 0) {
        one.value[SEEN_TRUE_BPM] = c->bpm;
        one.value[SEEN_TEMPO_ERROR] = tempo_error(seen.bpm, c->bpm);
    }
    one.value[SEEN_BPM] = seen.bpm;
    if (seen.downbeat_count > 2)
        one.value[SEEN_STRETCH] = grid_stretch(&seen);
    if (status == LORIS_OK)
        status = accents_seen(&seen, accents);
    rhythm_free(&seen);
    if (status == LORIS_OK && pan)
        status = measure_pan(r, c, one.value[f], &one);
    tell("%s: F %.2f, %.1f BPM, panned F %.2f", name, one.value[f], one.value[SEEN_BPM], one.value[SEEN_PANNED]);
    return status == LORIS_OK ? results_add(&r->results, &one) : status;
}

loris_status report_seeing(report *r) {
    enum { CLIPS_EACH = 4, KINDS = 6 };
    static const struct {
        const char *name;
        drawn_clip clip;
        double bpm[CLIPS_EACH];
        figure figure;
    } kinds[KINDS] = {{"starts", {.kind = DRAWN_STARTS, .seconds = 26}, {84, 104, 118, 132}, SEEN_STARTS},
                      {"starts free", {.kind = DRAWN_STARTS, .seconds = 26}, {0}, SEEN_STARTS},
                      {"hard", {.kind = DRAWN_STARTS, .seconds = 30, .hard = true}, {0}, SEEN_HARD},
                      {"stops", {.kind = DRAWN_STOPS, .seconds = 26}, {76, 92, 110, 124}, SEEN_STOPS},
                      {"stops free", {.kind = DRAWN_STOPS, .seconds = 26}, {0}, SEEN_STOPS},
                      {"turns", {.kind = DRAWN_TURNS, .seconds = 26}, {80, 90, 104, 120}, SEEN_TURNS}};
    r->drawn = calloc(KINDS * CLIPS_EACH, sizeof *r->drawn);
    if (!r->drawn)
        return fail_memory("the report");
    for (size_t i = 0; i < KINDS; i++)
        for (size_t k = 0; k < CLIPS_EACH; k++) {
            drawn_clip c = kinds[i].clip;
            char name[64];
            c.bpm = kinds[i].bpm[k];
            c.rests = c.kind == DRAWN_TURNS ? 0 : 0.15; /* who swings does not rest */
            c.seed = 1 + i * CLIPS_EACH + k;
            snprintf(name, sizeof name, "%s, drawing %zu", kinds[i].name, (size_t)c.seed);
            TRY(measure_clip(r, &c, kinds[i].figure, name, !c.hard, &r->drawn[r->drawn_count]));
            r->drawn_count++;
        }
    return LORIS_OK;
}
