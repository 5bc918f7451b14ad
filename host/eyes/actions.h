/* What happens in a video, in I3D's terms: features of windows of 16 frames at 16 frames a second, one window each half
 * second, from pictures whose shorter side is 256 pixels, of which the middle 224 x 224 are seen. LORIS does not say
 * how it extracted its features; these numbers are the ones its shapes allow and I3D was trained with. */
#ifndef LORIS_EYES_ACTIONS_H
#define LORIS_EYES_ACTIONS_H

#include "nets/i3d.h"

enum { ACTIONS_FRAME_RATE = 16, ACTIONS_STRIDE = 8, ACTIONS_SHORT_SIDE = 256, ACTIONS_RATE = 2 /* rows a second */ };

typedef struct actions {
    float *rows; /* [count][width]; row k is of the window that begins at k / ACTIONS_RATE seconds */
    size_t count;
    int width;
    double duration;                     /* of the video, seconds */
    size_t frames;                       /* of the windows, at ACTIONS_FRAME_RATE */
    double decode_seconds, look_seconds; /* that the pass waited for frames, and for the device */
} actions;

void actions_free(actions *a); /* frees and zeroes; NULL is allowed */

/* `fraction` of the video seen so far, 0..1. */
typedef void actions_progress(double fraction, void *user);

/* duration * ACTIONS_RATE rows to the nearest whole number, at least 1. At any time the frame that is shown then
 * counts; beyond the end it is the last one. Frames are decoded and scaled while the device computes. `progress` may be
 * NULL. */
loris_status actions_watch(actions *out, i3d *i, const char *video, actions_progress *progress, void *user);

#endif
