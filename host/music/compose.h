/* The composer: the rhythm of a clip in, a score out. The same rhythm, settings and seed give the same score; another
 * seed gives another piece.
 *
 * How a rhythm is read:
 *   - tempo: a rhythm with bpm 0 or a confidence below COMPOSE_CONFIDENCE has no pulse; its music is free, whatever the
 *     style (whose instruments stay). With a pulse, the grid is the straight line through the beats; its tempo may be
 *     doubled or halved to suit the style, so that slow movement becomes the downbeats of a faster grid.
 *   - accents: events of both kinds; of those closer than 80 ms the strongest counts. Each gets a hit at its own time,
 *     or on the sixteenth that follows within 20 ms: never early, at most 20 ms late. The groove within 45 ms of a hit
 *     moves onto it. The strongest tenth (at most one a bar) get crash and chord, the next third a chord, the rest only
 *     drums and bass. Accent strengths are 0.4 + 0.6 x the event's.
 *   - energy and cuts: sections of about eight bars, on bar lines, at a cut where one is near; the energy of a section
 *     decides which layers play.
 *   - no events: the groove alone, at the rhythm's tempo or one of the style's. */
#ifndef LORIS_MUSIC_COMPOSE_H
#define LORIS_MUSIC_COMPOSE_H

#include "music/score.h"
#include "rhythm/rhythm.h"

enum { COMPOSE_STYLE_AUTO = -1 };                 /* chosen by tempo, energy and a little chance */
enum { COMPOSE_BPM_AUTO = -1, COMPOSE_FREE = 0 }; /* from the rhythm; no pulse */

#define COMPOSE_BPM_LOW 30.0
#define COMPOSE_BPM_HIGH 300.0
#define COMPOSE_SECONDS_MAX 3600.0
#define COMPOSE_CONFIDENCE 0.35

typedef struct compose_settings {
    int style; /* a style, or COMPOSE_STYLE_AUTO */
    uint64_t seed;
    double bpm; /* COMPOSE_BPM_AUTO, COMPOSE_FREE, or COMPOSE_BPM_LOW .. COMPOSE_BPM_HIGH */
} compose_settings;

compose_settings compose_defaults(void); /* automatic style and tempo, seed 0 */

/* Notes and accents come out ordered by time, all within [0, duration); sections cover the clip from 0. Durations above
 * 0 and up to COMPOSE_SECONDS_MAX are composed for. score_free() the result. */
loris_status compose(score *out, const rhythm *r, const compose_settings *s);

#endif
