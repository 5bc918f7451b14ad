/* The parts of the report. Each adds rows; files go to the current folder. */
#ifndef LORIS_TOOLS_REPORT_REPORT_H
#define LORIS_TOOLS_REPORT_REPORT_H

#include "bars.h"
#include "drawn.h"
#include "measure.h"
#include "rhythm/rhythm.h"

enum { SEEDS_MAX = LORIS_TAKES_MAX, VIDEOS_MAX = 64, OTHERS = 200 };

typedef struct clip {
    char *path;
    char name[64];
    double *truth; /* events_s of the .json beside it; NULL = not known */
    size_t truth_count;
    rhythm seen;
    event_list accents; /* the moves seen, one accent each: what a composer without a grid would stress */
} clip;

typedef struct report {
    loris_engine *engine;
    const char *model;
    int seeds;
    int jobs;             /* clips whose soundtracks are made side by side */
    const char *pictures; /* folder, or NULL */
    clip *clips;
    size_t clip_count;
    event_list *drawn; /* accents of drawn clips: other videos for all */
    size_t drawn_count;
    results results;
} report;

/* Watches `path` and writes what is seen as JSON, and as a picture unless `svg` is NULL. rhythm_free() *seen. */
loris_status watch_clip(loris_engine *engine, const char *path, const char *json_path, const char *svg, rhythm *seen);

/* free() out->times. */
loris_status accents_seen(const rhythm *seen, event_list *out);

/* Drawn clips of each kind and other seeds: are their events, tempo and beats seen, and still in a pan? Leaves their
 * accents in r->drawn. */
loris_status report_seeing(report *r);

/* The clips' soundtracks. */
loris_status report_sound(report *r);

/* Three minutes of a drawn dancer, three seeds. */
loris_status report_long(report *r);

/* An SVG of a soundtrack: mel spectrogram, events, onsets heard, beats written. */
loris_status spectrogram_svg(const char *path, const char *title, const sound *s, const double *events,
                             size_t event_count, const score *written);

/* What the program composed, once more, for what its report does not tell. */
loris_status compose_again(const rhythm *seen, uint64_t seed, double bpm, const loris_report *made, score *out);

void tell(const char *format, ...) PRINTF_LIKE(1, 2); /* a line of progress on stderr */

#endif
