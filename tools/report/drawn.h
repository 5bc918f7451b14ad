/* Drawn clips with known events: a jointed figure that moves as the sample videos' do, of any seed, kind and length. */
#ifndef LORIS_TOOLS_REPORT_DRAWN_H
#define LORIS_TOOLS_REPORT_DRAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef enum drawn_kind {
    DRAWN_STARTS, /* at each event the limbs begin a quick move, then hold still ("beats") */
    DRAWN_STOPS,  /* they accelerate for 240 ms and stop dead at each event ("impact") */
    DRAWN_TURNS   /* they swing smoothly and turn round at each event ("bounce") */
} drawn_kind;

typedef struct drawn_clip {
    drawn_kind kind;
    uint64_t seed;
    double seconds;
    double bpm;    /* an event a beat; 0 = free: gaps of 0.37 to 1.5 s */
    double rests;  /* 0..1, share of the beats without an event */
    bool textured; /* the ground; else a plain room, in which nothing tells a pan from a step aside */
    bool hard;     /* textured, handheld camera, grain, flicker, two cuts */
    double pan;    /* pixels a frame by which the camera swings at most, 0 = it stands */
} drawn_clip;

/* Ascending seconds; free() *times. */
loris_status drawn_events(const drawn_clip *c, double **times, size_t *count);

/* Draws the clip into a YUV4MPEG2 file (grey, 25 or 29.97 frames a second), which needs no encoder. */
loris_status drawn_write(const drawn_clip *c, const char *path);

#endif
