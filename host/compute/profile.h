/*
 * What ran on an opened device, and when: a record for `profile`, `bench` and tests, kept when compute_settings.profile
 * asks for it. Without it compute.profile is NULL and no launch makes an event; with it each launch makes one.
 *
 * Times are the device's own (CL_PROFILING_COMMAND_START and END), put on the host's CLOCK_MONOTONIC by comparing the
 * two clocks once, when the device is opened: a span lies beside what the host did at the same time, to within that
 * round trip. Durations are exact. Some drivers give times that do not pass (Mesa 22.3's rusticl: 0, 1, 2, 3); there
 * each launch is waited for, and its time is the host's from before it was enqueued until it was done.
 */
#ifndef LORIS_COMPUTE_PROFILE_H
#define LORIS_COMPUTE_PROFILE_H

#include <stddef.h>

#include "compute/compute.h"

typedef struct profile profile;

/* A node of a plan. Texts are never NULL. */
typedef struct profile_node {
    const char *network;   /* the net's name */
    const char *name;      /* open scopes and label: "blocks.0.attention.to_q" */
    const char *operation; /* "conv1d" */
    const char *variant;   /* what the operation chose for this device: "own panel bf16", "-" when it has one only */
    const char *reason;    /* why; "" = not told */
    const char *backend;   /* whose code computes: "own", "CLBlast", "oneDNN" */
    const char *kernel;    /* its kernels, "a, b", or the backend for what is not ours; "" in a draft */
    const char *phase;     /* "load", "clip", "run", "step" */
    const char *shape;     /* of the output: "[2,1024,192]" */
    /* Of one call. Bytes are what must be read (inputs, weights as they are stored) and written, each once. */
    double flop, read_bytes, written_bytes;
} profile_node;

/* All calls of a node since the record began. */
typedef struct profile_total {
    long calls;                      /* replays of the node */
    long launches;                   /* kernels and native kernels of those calls; long ones are cut */
    double seconds;                  /* device time: the sum of its spans */
    double min_seconds, max_seconds; /* of one launch */
} profile_total;

/* One launch, or one blocking transfer between host and device. */
typedef struct profile_span {
    int node;          /* index for profile_node_at() */
    double start, end; /* seconds of CLOCK_MONOTONIC */
} profile_span;

/* Waits for what is enqueued and takes in its times. LORIS_ERROR_DEVICE: the driver has no times for a launch. Call
 * before the functions below: they show what was collected. */
loris_status profile_collect(compute *c);

/* Forgets totals and spans, not the nodes: after a warm-up. */
loris_status profile_reset(compute *c);

int profile_nodes(const profile *p);
const profile_node *profile_node_at(const profile *p,
                                    int node); /* until a plan is built; texts while the device is open */
profile_total profile_total_at(const profile *p, int node);
const profile_span *profile_spans(const profile *p, size_t *count); /* in the order enqueued; until the next launch */

/* What the host did: a stage of the work, by the thread that uses the device. Stages nest. */
typedef struct profile_stage {
    const char *name;
    double start, end; /* seconds of CLOCK_MONOTONIC */
} profile_stage;

const profile_stage *profile_stages(const profile *p, size_t *count); /* in the order they ended */

/* Are the times the host's, because the driver's do not pass? */
bool profile_is_of_host(const profile *p);
void profile_use_host_times(profile *p); /* from now on; opening a profile does so where they do not */

double profile_now(void); /* seconds of CLOCK_MONOTONIC */

/* The stage `name` (a literal: the pointer is kept) lasted from `start` until now. Does nothing without a profile;
 * running out of memory is told by profile_collect(). */
void profile_add_stage(compute *c, const char *name, double start);

/* ---- for host/compute and host/plan ------------------------------------------------------------------------------ */

/* Events around a launch, made when a profile is kept. */
typedef struct launch_events {
    cl_event before; /* ends when the launch may begin; NULL when `last` is the whole launch */
    cl_event last;
    double enqueued; /* profile_now() before the launch */
} launch_events;

launch_events profile_begin(const compute *c); /* before a launch: no events yet */
void launch_events_release(launch_events *events);

loris_status profile_open(compute *c); /* measures the clocks; sets c->profile */
void profile_close(compute *c);

/* Adds a node; the texts are copied. */
loris_status profile_add(profile *p, const profile_node *node, int *index);

/* Takes over the events of a launch of `node`; `call` says that it is the first of a call. Events of launches that are
 * done are taken in on the way, so that few are kept. */
loris_status profile_launch(compute *c, int node, bool call, launch_events events);

/* The same for a transfer: `operation` is "write" or "read", `what` the buffer's name. */
loris_status profile_transfer(compute *c, const char *operation, const char *what, size_t bytes, launch_events events);

#endif
