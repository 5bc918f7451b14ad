/* Watching a video: what moves when, from the file's frames to its rhythm. */
#ifndef LORIS_RHYTHM_WATCH_H
#define LORIS_RHYTHM_WATCH_H

#include "compute/compute.h"
#include "rhythm/events.h"
#include "rhythm/motion.h"
#include "rhythm/rhythm.h"

typedef struct watch_settings {
    int longest; /* longer side of the analysed picture in pixels, 32..1024; more sees smaller moves and takes longer */
    double seconds; /* of the beginning; 0 = all */
} watch_settings;

watch_settings watch_defaults(void);

/* `fraction` of the video seen so far, 0..1. */
typedef void watch_progress(double fraction, void *user);

/* Decodes and measures: one row of flow features per pair of frames. `progress` may be NULL. */
loris_status watch_motion(motion *out, compute *c, const char *path, const watch_settings *settings,
                          watch_progress *progress, void *user);

/* Finds cuts, events, tempo and energy in it. `curves` receives what the events were picked from, unless NULL. */
loris_status watch_rhythm(rhythm *out, const motion *m, flux *curves);

/* The last steps: what follows from motion on a grid. `out` has its duration and cuts already. */
loris_status rhythm_of_grid(rhythm *out, const motion_grid *g, flux *curves);

/* Both. A clip too short or too still to say anything gives an empty rhythm with its duration. */
loris_status watch_video(rhythm *out, compute *c, const char *path, const watch_settings *settings,
                         watch_progress *progress, void *user);

#endif
