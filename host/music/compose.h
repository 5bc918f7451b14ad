/* The composer: the rhythm of a clip in, a score out. The same rhythm, settings and seed give the same score; another
 * seed gives another piece.
 *
 * How a rhythm is read:
 *   - tempo: a rhythm with bpm 0 or a confidence below COMPOSE_CONFIDENCE has no pulse, and its music is free; a style
 *     that was asked for takes the tempo of its range that suits the events best. With a pulse, the grid is the
 * straight line through the beats; its tempo may be doubled or halved to suit the style, so that slow movement becomes
 * the downbeats of a faster grid. A tempo that was asked for holds against the events: those near a sixteenth move onto
 *     it, others are not heard.
 *   - accents: an onset and the impact that ends its move within 0.3 s are one gesture, stressed at the end that is
 *     sharper throughout the clip (the impact when even); of events closer than 80 ms the strongest counts. An event
 *     within 45 ms of a sixteenth moves towards it as far as 0 to 20 ms late allows, never early, and the groove there
 *     moves onto the hit; one further off keeps its own time if its strength is a quarter or more and is left out
 *     otherwise. Accent strengths are 0.4 + 0.6 x the event's. The strongest tenth (at most one a bar) bring crash,
 *     chord and the change to it, the next third a chord, the rest drums and bass.
 *   - energy and cuts: sections of about eight bars, on bar lines, at a cut where one is near, led into by fills and
 *     builds; the energy of a section decides which layers play.
 *   - the end: an accent near the end, or else a last downbeat, brings the tonic, which is held.
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
    double bpm;    /* COMPOSE_BPM_AUTO, COMPOSE_FREE, or COMPOSE_BPM_LOW .. COMPOSE_BPM_HIGH */
    double follow; /* 0..1, how strictly events rule: the share of them that is heard, and how little the grid may draw
                      them (at 1 as above, at 0 the events are ignored) */
} compose_settings;

compose_settings compose_defaults(void); /* automatic style and tempo, seed 0, follow 1 */

/* Notes and accents come out ordered by time, all within [0, duration); sections cover the clip from 0. Durations above
 * 0 and up to COMPOSE_SECONDS_MAX are composed for. score_free() the result. */
loris_status compose(score *out, const rhythm *r, const compose_settings *s);

#endif
