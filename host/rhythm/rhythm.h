/* What moves when: the rhythm of a clip, and its JSON form (docs/formats.md). Times are seconds from the clip's start.
 */
#ifndef LORIS_RHYTHM_RHYTHM_H
#define LORIS_RHYTHM_RHYTHM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/json.h"
#include "core/status.h"

typedef enum event_kind {
    EVENT_ONSET,
    EVENT_IMPACT
} event_kind; /* a move starts (flux up); a move stops dead (flux down) */

typedef struct rhythm_event {
    double time;
    event_kind kind;
    float strength; /* 0..1 */
} rhythm_event;

typedef struct rhythm_energy {
    double time;
    float value; /* 0..1 */
} rhythm_energy;

typedef struct rhythm {
    double duration;                  /* > 0 */
    double bpm;                       /* 0 = no pulse */
    double tempo_confidence;          /* 0..1 */
    double movement;                  /* how fast the liveliest moments are (energy.h); 0 = not known */
    double *beats, *downbeats, *cuts; /* ascending */
    size_t beat_count, downbeat_count, cut_count;
    rhythm_energy *energy; /* ascending in time */
    size_t energy_count;
    rhythm_event *events; /* ascending in time */
    size_t event_count;
} rhythm;

void rhythm_free(rhythm *r); /* frees the arrays and zeroes; NULL is allowed */

/* Leaves the first `seconds` (> 0) of it. */
void rhythm_cut(rhythm *r, double seconds);

/* {"version":1,"duration_s":..,"tempo":{"bpm","confidence","beats":[..],"downbeats":[..]},"cuts":[..],
 *  "energy":[[s,0..1]..],"events":[{"t","kind":"onset"|"impact","strength"}..]}
 * Reading checks every range and order and names the offending entry; missing optional parts ("energy", "cuts", beats)
 * are empty. Writing replaces the file only when complete. */
loris_status rhythm_read(rhythm *out, const char *path);
loris_status rhythm_write(const rhythm *r, const char *path);
loris_status rhythm_to_json(const rhythm *r, json_writer *w);

#endif
