/* The report's rows: figures, the bars some of them must meet, and how they are printed. */
#ifndef LORIS_TOOLS_REPORT_BARS_H
#define LORIS_TOOLS_REPORT_BARS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"
#include "core/text.h"

typedef enum figure {
    /* of what is seen */
    SEEN_STARTS,
    SEEN_HARD,
    SEEN_STOPS,
    SEEN_TURNS,
    SEEN_BIAS,
    SEEN_TRUE_BPM,
    SEEN_BPM,
    SEEN_TEMPO_ERROR,
    SEEN_STRETCH,
    SEEN_PANNED_PLAIN,
    SEEN_PANNED,
    SEEN_PAN_CHANGE,
    /* of a soundtrack */
    HEARD_LUFS,
    HEARD_PEAK,
    HEARD_LEFT_OUT,
    HEARD_RECALL,
    HEARD_LATE,
    HEARD_F,
    HEARD_LIFT,
    HEARD_RANK,
    HEARD_HARMONIC,
    HEARD_DENSITY,
    HEARD_QUIETEST,
    HEARD_CHROMA,
    HEARD_BPM_WRITTEN,
    HEARD_BPM,
    /* of a video's soundtracks together */
    CLIP_SHARED,
    CLIP_ASKED_BPM,
    /* of a long one */
    LONG_JOINTS,
    LONG_FLUX_P,
    LONG_LEVEL_P,
    LONG_TEMPO_SPREAD,
    LONG_OUTSIDE_KEY,
    LONG_PALETTE,
    FIGURES
} figure;

typedef enum table { TABLE_SEEING, TABLE_SOUND, TABLE_CLIP, TABLE_LONG, TABLE_BELOW, TABLES } table;

/* Which bars hold for a row. */
enum { BAR_ALWAYS = 1, BAR_FREE = 2, BAR_BEAT = 4 };

typedef struct result {
    table table;
    unsigned bars; /* of BAR_...; 0 = shown for comparison */
    char name[80], kind[64];
    double value[FIGURES]; /* NAN = not measured */
} result;

typedef struct results {
    result *result;
    size_t count, capacity;
} results;

result result_of(table t, unsigned bars, const char *name, const char *kind); /* without values */
loris_status results_add(results *r, const result *one);
void results_free(results *r);

bool result_meets(const result *r, figure f); /* true where there is no bar, or nothing was measured */
bool results_meet(const results *r);          /* all bars */

/* The tables and the summary of bars, in Markdown, or all of it as one JSON object. A figure in bold misses its bar. */
void results_markdown(text *out, const results *r);
void results_json(text *out, const results *r);

#endif
