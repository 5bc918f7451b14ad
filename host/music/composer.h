/* What the composer's files share; private to host/music. The order of work: tempo -> accents -> sections ->
 * arrangement -> harmony plan the clip; then comping, groove, bass, melody and hits write notes. Each concern draws
 * from a random stream of its own, so that a change in one leaves the others' choices alone. */
#ifndef LORIS_MUSIC_COMPOSER_H
#define LORIS_MUSIC_COMPOSER_H

#include "core/random.h"
#include "music/compose.h"
#include "music/styles.h"

enum { CHORD_TONES = 4, SIXTEENTHS_PER_BAR = 16, BEATS_PER_BAR = 4 };

typedef enum concern {
    CONCERN_STYLE,
    CONCERN_INSTRUMENTS,
    CONCERN_TEMPO,
    CONCERN_ACCENTS,
    CONCERN_TIERS,
    CONCERN_SECTIONS,
    CONCERN_HARMONY,
    CONCERN_COMPING,
    CONCERN_GROOVE,
    CONCERN_BASS,
    CONCERN_MELODY,
    CONCERN_HITS
} concern;

/* Where bars lie. */
typedef struct grid {
    double bpm, offset; /* offset: time of a downbeat */
    double swing;       /* where the off-beat eighth falls within its beat: 0.5 is straight */
} grid;

typedef enum hit_tier { HIT_LIGHT, HIT_STRONG, HIT_PEAK } hit_tier;

/* An accent of the picture that the music lands on. */
typedef struct hit {
    double time, strength;
    hit_tier tier;
} hit;

typedef struct chord {
    int degree;             /* of the scale, 0 = tonic */
    int count;              /* of tones: 3, or 4 with a seventh */
    int tone[CHORD_TONES];  /* pitch classes 0..11: root, third, fifth, seventh */
    int voice[CHORD_TONES]; /* MIDI pitches, rising */
} chord;

/* A chord and when it begins to sound; it lasts until the next change. */
typedef struct change {
    double time;
    chord chord;
} change;

/* Who plays in a bar. */
enum {
    LAYER_DRUMS = 1 << 0, /* kick and backbeat */
    LAYER_HATS = 1 << 1,  /* hats on the beat */
    LAYER_BUSY = 1 << 2,  /* hats between, ghost notes, percussion */
    LAYER_BASS = 1 << 3,
    LAYER_LEAD = 1 << 4,
    LAYER_BUILD = 1 << 5, /* a snare roll that grows into a livelier section */
    LAYER_FILL = 1 << 6
};

/* A bar of the grid or, without a pulse, a span of some seconds. */
typedef struct bar {
    double start, end; /* on the bent grid (accents_bend); may reach beyond the clip */
    int index;         /* of the grid's bar */
    int section;       /* 0, 1, ... */
    int inside;        /* bars since the section's first; negative in a pickup */
    bool last;         /* of its section, another following */
    double energy;     /* of its section, 0..1 */
    double loudness;   /* factor on velocities */
    unsigned layers;
} bar;

typedef struct tonality {
    const int *scale; /* 7 semitones above the root */
    int root;         /* MIDI pitch */
    bool minor, sevenths;
    const int *progression[2]; /* 4 degrees each */
} tonality;

typedef struct composer {
    score *out;
    const rhythm *rhythm;
    const style_profile *profile;
    uint64_t seed;
    double seconds;
    double follow;
    bool pulse;
    bool tempo_set; /* asked for: the grid rules the events */
    bool tempo_own; /* found for a style on a clip without a tempo: events keep their own time */
    grid grid;
    tonality key;
    hit *hits; /* rising times, at least 60 ms apart */
    size_t hit_count;
    bool followed; /* hits are the picture's; otherwise the music's own stresses become the accents */
    bar *bars;
    size_t bar_count;
    double ending;   /* the last stroke, whose chord is held to the end; the clip's length if it is too short for one */
    change *changes; /* rising times, the first at or before the first bar */
    size_t change_count;
} composer;

/* compose.c */
random_state composer_random(const composer *c, concern which);

/* A note as written. Played, it moves onto a hit that is near (accents_bend; drums that would blur one are left out) or
 * else by a bounded normal amount of deviation `loose` seconds, its velocity by about 4. It ends by `until` and by the
 * clip's end. Before the clip: a held note that reaches into it starts with it, others are left out. */
typedef struct phrase_note {
    double time, duration, until;
    part part;
    int pitch;
    double velocity, loose;
} phrase_note;
loris_status composer_play(composer *c, random_state *r, phrase_note n);

const char *composer_pattern(random_state *r, const pattern *choices); /* one of a profile's alternatives */
int composer_program(random_state *r, const int *choices);

/* tempo.c: the grid. */
void tempo_choose(composer *c, const compose_settings *s); /* sets pulse and grid.bpm from the rhythm or by chance */
void tempo_place(composer *c);                             /* sets grid.offset, from beats, downbeats, cuts and hits */
double grid_bar_seconds(const grid *g);
double grid_time(const grid *g, int bar, int sixteenth); /* seconds */
double tempo_of_rhythm(const rhythm *r);                 /* beats per minute from the beats; 0 = no pulse */

/* events.c and accents.c: what the picture stresses. */
loris_status accents_gather(composer *c); /* the rhythm's events (or invented stops of a pulseless clip) -> hits */
loris_status accents_settle(composer *c); /* towards sixteenths that are close, and their tiers; needs the grid */
bool accents_bend(const composer *c, double *time); /* onto a hit within 45 ms; false without one */
bool accents_mask(const composer *c, double time);  /* a drum here would blur a hit: 45 to 90 ms off one */
loris_status accents_play(composer *c);             /* the hits' notes, and the score's accents */

/* sections.c: bars, their sections, energy and loudness. */
loris_status sections_plan(composer *c);

/* arrangement.c: the layers of each bar, and where the piece ends. */
void arrangement_plan(composer *c);

/* harmony.c */
loris_status harmony_plan(composer *c); /* key, progressions, and the chords with the times they change at */
loris_status harmony_play(composer *c); /* comping */
const change *harmony_at(const composer *c, double time);
double harmony_until(const composer *c, const change *at); /* when the next chord begins; the clip's end */
int harmony_pitch(const tonality *k, int degree); /* MIDI pitch of a degree of the scale; 7 = the tonic an octave up */
bool chord_has(const chord *c, int pitch);
bool chord_clashes(const chord *c, int pitch); /* a semitone against a chord tone, in any octave */

/* groove.c, bass.c, melody.c */
loris_status groove_play(composer *c);
loris_status bass_play(composer *c);
int bass_root(const chord *c); /* the chord's root in the bass register */
loris_status melody_play(composer *c);

#endif
