#include "bars.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/json.h"

typedef struct figure_spec {
    const char *key, *title;
    table table;
    int places;
    unsigned bars;    /* 0 = there is none */
    double low, high; /* both included */
    const char *bar;  /* in words */
} figure_spec;

/* Issue by issue what the music is to reach; docs/follow says where each comes from. */
static const figure_spec specs[FIGURES] = {
    [SEEN_STARTS] = {"seen_f_starts", "F starts", TABLE_SEEING, 2, BAR_ALWAYS, 0.97, HUGE_VAL,
                     "seen: starts of moves, F >= 0.97"},
    [SEEN_HARD] = {"seen_f_hard", "F hard", TABLE_SEEING, 2, BAR_ALWAYS, 0.85, HUGE_VAL,
                   "seen: starts before pan, grain, flicker and cuts, F >= 0.85"},
    [SEEN_STOPS] = {"seen_f_stops", "F stops", TABLE_SEEING, 2, BAR_ALWAYS, 0.9, HUGE_VAL,
                    "seen: dead stops, F >= 0.9"},
    [SEEN_TURNS] = {"seen_f_turns", "F turns", TABLE_SEEING, 2, BAR_ALWAYS, 0.8, HUGE_VAL, "seen: turns, F >= 0.8"},
    [SEEN_BIAS] = {"seen_bias_ms", "bias ms", TABLE_SEEING, 0, 0, 0, 0, NULL},
    [SEEN_TRUE_BPM] = {"true_bpm", "BPM", TABLE_SEEING, 1, 0, 0, 0, NULL},
    [SEEN_BPM] = {"seen_bpm", "seen", TABLE_SEEING, 1, 0, 0, 0, NULL},
    [SEEN_TEMPO_ERROR] = {"tempo_error_percent", "off %", TABLE_SEEING, 1, BAR_ALWAYS, -HUGE_VAL, 2,
                          "seen: tempo within 2 % or a factor of 2"},
    [SEEN_STRETCH] = {"grid_stretch_percent", "stretch %", TABLE_SEEING, 1, BAR_ALWAYS, -HUGE_VAL, 4,
                      "seen: the grid stretches by at most 4 % from bar to bar"},
    [SEEN_PANNED_PLAIN] = {"seen_f_panned_plain", "panned, plain", TABLE_SEEING, 2, 0, 0, 0, NULL},
    [SEEN_PANNED] = {"seen_f_panned", "panned, textured", TABLE_SEEING, 2, 0, 0, 0, NULL},
    [SEEN_PAN_CHANGE] = {"pan_change", "change", TABLE_SEEING, 3, BAR_ALWAYS, -HUGE_VAL, 0.05 - 1e-9,
                         "seen: a 5 px pan moves F by less than 0.05"},
    [HEARD_LUFS] = {"lufs", "LUFS", TABLE_SOUND, 1, BAR_ALWAYS, -17, -15, "loudness -16 +-1 LUFS"},
    [HEARD_PEAK] = {"true_peak_db", "peak dBTP", TABLE_SOUND, 1, BAR_ALWAYS, -HUGE_VAL, -0.995, "true peak <= -1 dBTP"},
    [HEARD_LEFT_OUT] = {"events_left_out", "left out", TABLE_SOUND, 0, 0, 0, 0, NULL},
    [HEARD_RECALL] = {"recall_50ms", "recall", TABLE_SOUND, 2, BAR_ALWAYS, 0.85, HUGE_VAL,
                      "recall of events by onsets heard within 50 ms >= 0.85"},
    [HEARD_LATE] = {"late_ms", "late ms", TABLE_SOUND, 0, BAR_ALWAYS, 0, 20,
                    "sound 0 to 20 ms late (clicks subtracted)"},
    [HEARD_F] = {"f_70ms", "F", TABLE_SOUND, 2, BAR_FREE, 0.7, HUGE_VAL, "free clips: F within 70 ms >= 0.7"},
    [HEARD_LIFT] = {"f_above_shifted", "above shifted", TABLE_SOUND, 2, BAR_FREE, 0.4, HUGE_VAL,
                    "free clips: F 0.4 above events shifted by half a gap"},
    [HEARD_RANK] = {"contrast_rank", "rank", TABLE_SOUND, 3, BAR_ALWAYS, 0.95, HUGE_VAL,
                    "own events fit better than 95 % of 200 other videos'"},
    [HEARD_HARMONIC] = {"harmonic_share", "harmonic", TABLE_SOUND, 2, BAR_ALWAYS, 0.4, HUGE_VAL,
                        "harmonic share >= 0.4"},
    [HEARD_DENSITY] = {"onsets_per_second", "onsets/s", TABLE_SOUND, 1, BAR_BEAT, 1, 8,
                       "clips with a beat: 1 to 8 onsets a second"},
    [HEARD_QUIETEST] = {"quietest_2s_db", "quietest dB", TABLE_SOUND, 0, BAR_ALWAYS, -45, HUGE_VAL,
                        "no 2 s below -45 dBFS"},
    [HEARD_CHROMA] = {"chroma_cosine", "chroma", TABLE_SOUND, 2, BAR_ALWAYS, 0.6, HUGE_VAL,
                      "beat-chroma cosine with the score >= 0.6"},
    [HEARD_BPM_WRITTEN] = {"bpm", "BPM", TABLE_SOUND, 1, 0, 0, 0, NULL},
    [HEARD_BPM] = {"heard_bpm", "heard", TABLE_SOUND, 1, 0, 0, 0, NULL},
    [CLIP_SHARED] = {"melody_shared", "melody shared", TABLE_CLIP, 2, BAR_ALWAYS, -HUGE_VAL, 0.6 - 1e-9,
                     "two seeds share less than 60 % of the melody's notes"},
    [CLIP_ASKED_BPM] = {"heard_at_96", "heard at --bpm 96", TABLE_CLIP, 1, BAR_ALWAYS, 95, 97,
                        "--bpm 96 is heard as 96 +-1"},
    [LONG_JOINTS] = {"joints", "joints", TABLE_LONG, 0, 0, 0, 0, NULL},
    [LONG_FLUX_P] = {"joint_flux_p", "flux p", TABLE_LONG, 2, BAR_ALWAYS, 0.05, HUGE_VAL,
                     "3 minutes: flux at joints of windows as elsewhere, KS p > 0.05"},
    [LONG_LEVEL_P] = {"joint_level_p", "level p", TABLE_LONG, 2, BAR_ALWAYS, 0.05, HUGE_VAL,
                      "3 minutes: level steps at joints as elsewhere, KS p > 0.05"},
    [LONG_TEMPO_SPREAD] = {"tempo_spread_percent", "tempo spread %", TABLE_LONG, 2, BAR_ALWAYS, -HUGE_VAL, 1,
                           "3 minutes: tempo constant within 1 %"},
    [LONG_OUTSIDE_KEY] = {"outside_key", "outside key", TABLE_LONG, 2, BAR_ALWAYS, -HUGE_VAL, 0.05,
                          "3 minutes: one key (at most 5 % of a quarter's notes outside the piece's scale)"},
    [LONG_PALETTE] = {"palette_constancy", "palette", TABLE_LONG, 2, BAR_ALWAYS, 0.9, HUGE_VAL,
                      "3 minutes: one palette (spectra of quarters correlate by >= 0.9 with the whole's)"},
};

static const struct {
    const char *title, *first, *second;
    table columns; /* whose figures are shown */
} tables[TABLES] = {
    [TABLE_SEEING] = {"What is seen", "clip", "kind", TABLE_SEEING},
    [TABLE_SOUND] = {"Soundtracks", "clip, seed", "style", TABLE_SOUND},
    [TABLE_CLIP] = {"Seeds together, and a tempo asked for", "clip", "", TABLE_CLIP},
    [TABLE_LONG] = {"Three minutes", "clip, seed", "style", TABLE_LONG},
    [TABLE_BELOW] = {"For comparison: silence, clicks, other videos' sound", "events of", "sound", TABLE_SOUND}};

result result_of(table t, unsigned bars, const char *name, const char *kind) {
    result r = {.table = t, .bars = bars};
    snprintf(r.name, sizeof r.name, "%s", name);
    snprintf(r.kind, sizeof r.kind, "%s", kind);
    for (int f = 0; f < FIGURES; f++)
        r.value[f] = NAN;
    return r;
}

loris_status results_add(results *r, const result *one) {
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        result *grown = realloc(r->result, capacity * sizeof *grown);
        if (!grown)
            return fail_memory("the report");
        r->result = grown;
        r->capacity = capacity;
    }
    r->result[r->count++] = *one;
    return LORIS_OK;
}

void results_free(results *r) {
    free(r->result);
    *r = (results){0};
}

static bool is_judged(const result *r, figure f) {
    return (r->bars & specs[f].bars) != 0 && !isnan(r->value[f]);
}

bool result_meets(const result *r, figure f) {
    return !is_judged(r, f) || (r->value[f] >= specs[f].low && r->value[f] <= specs[f].high);
}

static bool result_passes(const result *r) {
    for (figure f = 0; f < FIGURES; f++)
        if (!result_meets(r, f))
            return false;
    return true;
}

bool results_meet(const results *r) {
    for (size_t i = 0; i < r->count; i++)
        if (!result_passes(&r->result[i]))
            return false;
    return true;
}

/* ---- Markdown ---------------------------------------------------------------------------------------------------- */

static void value_cell(text *out, const result *r, figure f) {
    const char *mark = result_meets(r, f) ? "" : "**";
    if (isnan(r->value[f]))
        text_printf(out, " |");
    else
        text_printf(out, " %s%.*f%s |", mark, specs[f].places, r->value[f], mark);
}

static void table_markdown(text *out, const results *r, table t) {
    bool any = false;
    for (size_t i = 0; i < r->count; i++)
        any = any || r->result[i].table == t;
    if (!any)
        return;
    text_printf(out, "## %s\n\n| %s | %s |", tables[t].title, tables[t].first, tables[t].second);
    for (figure f = 0; f < FIGURES; f++)
        if (specs[f].table == tables[t].columns)
            text_printf(out, " %s |", specs[f].title);
    text_printf(out, "%s\n| --- | --- |", t == TABLE_BELOW ? "" : " bars |");
    for (figure f = 0; f < FIGURES; f++)
        if (specs[f].table == tables[t].columns)
            text_printf(out, " --- |");
    text_printf(out, "%s\n", t == TABLE_BELOW ? "" : " --- |");
    for (size_t i = 0; i < r->count; i++) {
        const result *one = &r->result[i];
        if (one->table != t)
            continue;
        text_printf(out, "| %s | %s |", one->name, one->kind);
        for (figure f = 0; f < FIGURES; f++)
            if (specs[f].table == tables[t].columns)
                value_cell(out, one, f);
        text_printf(out, "%s\n", t == TABLE_BELOW ? "" : result_passes(one) ? " PASS |" : " FAIL |");
    }
    text_printf(out, "\n");
}

typedef struct verdict {
    size_t judged, met;
    const result *worst; /* nearest to, or furthest beyond, the bar */
} verdict;

static double slack(const figure_spec *s, double value) {
    return fmin(value - s->low, s->high - value);
}

static verdict judge(const results *r, figure f) {
    verdict v = {0};
    for (size_t i = 0; i < r->count; i++) {
        const result *one = &r->result[i];
        if (!is_judged(one, f))
            continue;
        v.judged++;
        v.met += result_meets(one, f);
        if (!v.worst || slack(&specs[f], one->value[f]) < slack(&specs[f], v.worst->value[f]))
            v.worst = one;
    }
    return v;
}

void results_markdown(text *out, const results *r) {
    text_printf(out, "## Bars\n\n| bar | met by | worst | |\n| --- | --- | --- | --- |\n");
    for (figure f = 0; f < FIGURES; f++) {
        verdict v = judge(r, f);
        if (v.judged)
            text_printf(out, "| %s | %zu of %zu | %.*f (%s) | %s |\n", specs[f].bar, v.met, v.judged, specs[f].places,
                        v.worst->value[f], v.worst->name, v.met == v.judged ? "PASS" : "**FAIL**");
    }
    text_printf(out, "\n");
    for (table t = 0; t < TABLES; t++)
        table_markdown(out, r, t);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void result_json(json_writer *w, const result *r) {
    static const char *const names[TABLES] = {"seeing", "sound", "clip", "long", "comparison"};
    json_open(w, NULL, '{');
    json_string(w, "table", names[r->table]);
    json_string(w, "name", r->name);
    json_string(w, "kind", r->kind);
    for (figure f = 0; f < FIGURES; f++)
        if (!isnan(r->value[f]))
            json_number(w, specs[f].key, r->value[f]);
    json_open(w, "missed", '[');
    for (figure f = 0; f < FIGURES; f++)
        if (!result_meets(r, f))
            json_string(w, NULL, specs[f].key);
    json_close(w, ']');
    json_close(w, '}');
}

void results_json(text *out, const results *r) {
    json_writer w;
    json_begin(&w, 2);
    json_open(&w, NULL, '{');
    json_bool(&w, "pass", results_meet(r));
    json_open(&w, "bars", '[');
    for (figure f = 0; f < FIGURES; f++) {
        verdict v = judge(r, f);
        if (!v.judged)
            continue;
        json_open(&w, NULL, '{');
        json_string(&w, "figure", specs[f].key);
        json_string(&w, "bar", specs[f].bar);
        json_number(&w, "low", specs[f].low);
        json_number(&w, "high", specs[f].high);
        json_integer(&w, "judged", (long long)v.judged);
        json_integer(&w, "met", (long long)v.met);
        json_number(&w, "nearest", v.worst->value[f]);
        json_bool(&w, "pass", v.met == v.judged);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_open(&w, "rows", '[');
    for (size_t i = 0; i < r->count; i++)
        result_json(&w, &r->result[i]);
    json_close(&w, ']');
    json_close(&w, '}');
    text_append(out, w.out.data ? w.out.data : "", w.out.length);
    out->failed = out->failed || text_failed(&w.out);
    text_free(&w.out);
}
