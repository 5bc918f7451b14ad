/* Keeps the work in flight short, so that every run can be cancelled and a desktop that shares the GPU stays usable,
 * without letting the device run dry: while one chunk of launches runs, the next is being enqueued. */
#include "compute/pace.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static const double chunk_seconds = 0.08;
static const double first_chunk = 0.125; /* of the estimated speed's chunk: the estimate may be far off */

enum {
    FIRST_LAUNCHES = 8,
    COLD_LAUNCHES =
        4, /* a launch that compiles takes some 50 ms on PoCL: two chunks of these stay under half a second */
    MOST_LAUNCHES = 1024
};

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Cautious: a quarter of one multiply-add per vector lane and cycle on CPUs, 4 FLOP per compute unit and cycle
 * elsewhere (an Intel GPU's unit has 8 lanes, those of AMD and NVIDIA 64 to 128). Too low an estimate costs a few small
 * chunks, too high a one delays cancelling. */
static double estimate_speed(const device *d) {
    double clock = 1e6 * (d->clock_mhz ? d->clock_mhz : 1000);
    double per_cycle = d->type & CL_DEVICE_TYPE_CPU ? 0.25 * d->float_width : 4.0;
    return per_cycle * clock * (d->compute_units ? d->compute_units : 1);
}

void pace_begin(compute *c) {
    double speed = estimate_speed(&c->dev);
    c->throttle =
        (compute_throttle){.cautious_flop_per_second = speed, .flop_per_second = speed, .launch_limit = FIRST_LAUNCHES};
}

/* A launch that failed after it was enqueued; which one it was, OpenCL does not say. */
static loris_status check_event(const compute *c, cl_event event, bool *complete, const char *node) {
    char what[256];
    snprintf(what, sizeof what, "a launch before %s", node ? node : "this point");
    cl_int state = CL_QUEUED;
    TRY(compute_check(c, clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL),
                      "clGetEventInfo", node));
    *complete = state == CL_COMPLETE;
    return state < 0 ? compute_check(c, state, what, NULL) : LORIS_OK;
}

/* Polls, with pauses of at most 2 ms: clWaitForEvents() could not be interrupted. The next chunk is in the queue
 * meanwhile, so the pauses cost the device nothing. */
static loris_status wait_for(compute *c, cl_event event, const char *node) {
    long pause = 50 * 1000;
    for (;;) {
        bool complete;
        TRY(check_cancelled());
        TRY(check_event(c, event, &complete, node));
        if (complete)
            return LORIS_OK;
        nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
        if (pause < 2 * 1000 * 1000)
            pause *= 2;
    }
}

static double clamp(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

/* The pending chunk took `elapsed` seconds. Smoothed by a geometric mean, and by at most a factor of 2 at a time:
 * single chunks mislead (a pause of the host, launches that compile). */
static void learn(compute_throttle *t, double elapsed) {
    if (t->cold_programs > 0)
        return;
    double speed = t->flop_per_second;
    if (t->pending_flop > 0) {
        double seen = clamp(t->pending_flop / (elapsed > 2e-3 ? elapsed : 2e-3), speed / 4, speed * 4);
        t->flop_per_second =
            clamp(sqrt(speed * seen), t->cautious_flop_per_second / 64, t->cautious_flop_per_second * 4096);
    }
    if (elapsed > 2 * chunk_seconds && t->pending_launches > 1)
        t->launch_limit = t->pending_launches / 2;
    else if (elapsed < chunk_seconds / 2 && t->pending_launches >= t->launch_limit && t->launch_limit < MOST_LAUNCHES)
        t->launch_limit *= 2;
    t->measured = true;
}

/* Puts a marker behind the chunk just enqueued and waits for the one before it. On failure nothing is forgotten: the
 * next call tries again. */
static loris_status end_chunk(compute *c, const char *node) {
    compute_throttle *t = &c->throttle;
    cl_event marker;
    TRY(compute_check(c, clEnqueueMarkerWithWaitList(c->queue, 0, NULL, &marker), "clEnqueueMarkerWithWaitList", node));
    double started = t->chunk_since;
    loris_status status = LORIS_OK;
    TRY_GOTO(compute_check(c, clFlush(c->queue), "clFlush", node));
    if (t->pending) {
        TRY_GOTO(wait_for(c, t->pending, node));
        started = seconds_now();
        learn(t, started - t->pending_since);
        clReleaseEvent(t->pending);
    }
    t->pending = marker;
    t->pending_since = started;
    t->pending_flop = t->chunk_flop;
    t->pending_launches = t->chunk_launches;
    t->chunk_flop = 0;
    t->chunk_launches = 0;
    return LORIS_OK;
done:
    clReleaseEvent(marker);
    return status;
}

loris_status compute_wait(compute *c, cl_event *event, const char *node) {
    if (!*event)
        return LORIS_OK;
    TRY(compute_check(c, clFlush(c->queue), "clFlush", node));
    TRY(wait_for(c, *event, node));
    clReleaseEvent(*event);
    *event = NULL;
    return LORIS_OK;
}

static loris_status check_native(compute *c, const char *node) {
    if (!atomic_exchange(&c->native_failed, 0))
        return LORIS_OK;
    TRY(check_cancelled());
    return fail(LORIS_ERROR_DEVICE, "try --backend own", "a native kernel before %s failed on %s",
                node ? node : "this point", c->dev.name);
}

loris_status compute_pace(compute *c, double flop, const char *node) {
    compute_throttle *t = &c->throttle;
    TRY(check_cancelled());
    TRY(check_native(c, node));
    double budget = chunk_seconds * t->flop_per_second * (t->measured ? 1.0 : first_chunk);
    int limit = t->cold_programs > 0 && t->launch_limit > COLD_LAUNCHES ? COLD_LAUNCHES : t->launch_limit;
    double now = seconds_now();
    if (t->chunk_launches > 0 &&
        (t->chunk_flop + flop > budget || t->chunk_launches >= limit || now - t->chunk_since > chunk_seconds)) {
        TRY(end_chunk(c, node));
        now = seconds_now();
    }
    if (t->chunk_launches == 0)
        t->chunk_since = now;
    t->chunk_launches++;
    t->chunk_flop += flop;
    return LORIS_OK;
}

loris_status pace_drained(compute *c, const char *node) {
    compute_throttle *t = &c->throttle;
    loris_status status = LORIS_OK;
    if (t->pending) {
        bool complete;
        status = check_event(c, t->pending, &complete, node);
        clReleaseEvent(t->pending);
    }
    t->pending = NULL;
    t->chunk_flop = 0;
    t->chunk_launches = 0;
    return status;
}

loris_status compute_finish(compute *c, const char *node) {
    cl_int error = clFinish(c->queue);
    loris_status failed = pace_drained(c, node);
    TRY(failed);
    TRY(compute_check(c, error, "clFinish", node));
    return check_native(c, node);
}

double compute_launch_flop(const compute *c) {
    /* A few chunks that moved memory only may have pulled the measured speed far below what products reach. */
    double low = c->throttle.cautious_flop_per_second / 4;
    return chunk_seconds * (c->throttle.flop_per_second > low ? c->throttle.flop_per_second : low);
}
