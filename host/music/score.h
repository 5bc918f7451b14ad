/* A musical score: what the composer writes and the network sounds. Times are seconds from the clip's start. */
#ifndef LORIS_MUSIC_SCORE_H
#define LORIS_MUSIC_SCORE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef enum style {
    STYLE_HOUSE, STYLE_HIPHOP, STYLE_POP, STYLE_FUNK, STYLE_ROCK, STYLE_JAZZ, STYLE_LATIN, STYLE_AMBIENT,
    STYLE_ORCHESTRAL, STYLE_FREE, STYLE_COUNT
} style;

typedef enum part { PART_DRUMS, PART_BASS, PART_HARMONY, PART_LEAD, PART_COUNT } part;

typedef enum lane {
    LANE_KICK, LANE_SNARE, LANE_CLAP, LANE_HAT, LANE_OPENHAT, LANE_RIDE, LANE_CRASH, LANE_TOM, LANE_PERCUSSION,
    LANE_SHAKER, LANE_COUNT
} lane;

typedef struct note {
    double time, duration;
    part part;
    int pitch;    /* MIDI pitch, or the lane for PART_DRUMS */
    int velocity; /* 1..127 */
} note;

typedef struct accent {
    double time;
    double strength; /* 0..1 */
} accent;

typedef struct section {
    double time;
    double energy; /* 0..1 */
} section;

typedef struct score {
    style style;
    double bpm, offset; /* bpm 0 = no pulse; offset: time of a downbeat */
    double seconds;
    int program[PART_COUNT]; /* General MIDI programs; PART_DRUMS unused */
    note *notes;
    size_t note_count, note_capacity;
    accent *accents;
    size_t accent_count, accent_capacity;
    section *sections;
    size_t section_count, section_capacity;
} score;

void score_free(score *s);
loris_status score_add_note(score *s, note n);
loris_status score_add_accent(score *s, accent a);
loris_status score_add_section(score *s, section x);

const char *style_name(style s);
loris_status style_from_name(const char *name, style *out); /* LORIS_ERROR_ARGUMENT lists the names */
const char *lane_name(lane l);
const char *part_name(part p);

/* The layout of models/base golden NAME-score.json: style, bpm, offset, seconds, programs, notes, accents, sections. */
loris_status score_read(score *out, const char *path);

/* Standard MIDI file, format 1, 480 ticks a quarter with the score's tempo; drums on channel 10 (General MIDI). */
loris_status score_write_midi(const score *s, const char *path);

#endif
