#include "media/frame_clock.h"

/* As ffmpeg's own thresholds: a step back of more than a second, or in containers whose clock may be torn one ahead
 * of more than ten, is a new beginning of the clock and not a time. */
static const double torn_back = 1, torn_ahead = 10;

frame_clock frame_clock_begin(double unit, double frame_rate, bool discontinuous) {
    return (frame_clock){.unit = unit, .step = frame_rate > 0 ? 1 / frame_rate : 0.04, .discontinuous = discontinuous};
}

static void anchor(frame_clock *c, int64_t stamp, double time) {
    c->origin = (double)stamp - time / c->unit;
    c->anchored = true;
}

double frame_clock_next(frame_clock *c, int64_t stamp, int64_t duration) {
    double step = duration > 0 ? (double)duration * c->unit : c->step;
    double time = c->started ? c->end : 0;
    if (stamp != FRAME_CLOCK_UNKNOWN) {
        if (!c->anchored)
            anchor(c, stamp, time);
        double stamped = ((double)stamp - c->origin) * c->unit;
        if (c->started && (stamped < c->last - torn_back || (c->discontinuous && stamped > c->end + torn_ahead)))
            anchor(c, stamp, time);
        else
            time = stamped;
    }
    if (c->started && !(time > c->last))
        time = c->last + c->step / 2; /* repeated: shown shortly after, so that a right stamp may follow */
    c->started = true;
    c->last = time;
    c->end = time + step;
    return time;
}
