/* Presentation times that carry time and always increase, from time stamps that may be missing, repeated or torn. */
#ifndef LORIS_MEDIA_FRAME_CLOCK_H
#define LORIS_MEDIA_FRAME_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_CLOCK_UNKNOWN INT64_MIN /* FFmpeg's AV_NOPTS_VALUE */

typedef struct frame_clock {
    double unit;        /* seconds a tick of the time stamps */
    double step;        /* seconds a frame where the stream does not say */
    bool discontinuous; /* the container's stamps may jump (MPEG-TS) */
    bool started, anchored;
    double origin;      /* tick of time 0 */
    double last, end;   /* seconds: the last frame's time, and when it ceases to show */
} frame_clock;

frame_clock frame_clock_begin(double unit, double frame_rate, bool discontinuous);

/* The time of the next frame in presentation order: 0 for the first, then strictly increasing. `duration` in ticks,
 * 0 = unknown. */
double frame_clock_next(frame_clock *c, int64_t stamp, int64_t duration);

#endif
