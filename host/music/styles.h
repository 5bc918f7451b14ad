/* What tells the styles apart, as data. Private to host/music. */
#ifndef LORIS_MUSIC_STYLES_H
#define LORIS_MUSIC_STYLES_H

#include "music/score.h"

enum { PROGRAM_CHOICES = 4, PATTERN_CHOICES = 4 };

/* A rhythm of one bar, one character a sixteenth: 'x' sounds, '.' rests. */
typedef const char *pattern;

typedef struct style_profile {
    const char *name;
    double bpm_low, bpm_high; /* 0, 0: no pulse */
    double energy;            /* how much movement suits it, 0..1 */

    int bass[PROGRAM_CHOICES], harmony[PROGRAM_CHOICES], lead[PROGRAM_CHOICES]; /* General MIDI programs, ended by -1 */
    pattern kick[PATTERN_CHOICES], snare[PATTERN_CHOICES], hat[PATTERN_CHOICES]; /* alternatives, ended by NULL */
    pattern ghost[PATTERN_CHOICES]; /* soft snare strokes between */
    pattern bass_line[PATTERN_CHOICES], comping[PATTERN_CHOICES];
    lane hat_lane;
    double harmony_velocity, comping_gate; /* share of the time to the next stroke that a chord sounds */

    double minor, sevenths, swing, clap; /* probability: minor key, seventh chords, swung, clap instead of snare */
    bool drums_always;                   /* even in the quietest sections */
    bool fills, crashes, clave, timpani; /* ornaments of the groove */
    bool walking_bass, lead_always;
} style_profile;

const style_profile *style_profile_of(style s);

/* Beats per minute in the middle of the style's range (geometric); 0 without a pulse. */
double style_centre_bpm(const style_profile *p);

/* bpm times the power of two that brings it nearest to the style's range; unchanged without a range. */
double style_fold_bpm(const style_profile *p, double bpm);

#endif
