#include "compute/profile.h"

#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct record {
    profile_node facts;
    profile_total total;
} record;

typedef struct pending_launch {
    int node;
    launch_events events;
} pending_launch;

struct profile {
    arena *memory; /* texts */
    record *records;
    int count, capacity;
    profile_span *spans;
    size_t span_count, span_capacity;
    pending_launch *pending; /* the oldest at pending[first] */
    size_t first, pending_count, pending_capacity;
    profile_stage *stages;
    size_t stage_count, stage_capacity;
    bool failed;          /* out of memory */
    cl_ulong device_zero; /* nanoseconds of the device's clock ... */
    double host_zero;     /* ... at this second of the host's */
    bool of_host;         /* the device's clock stands still: launches are waited for and timed here */
};

/* Room for one more of what `array` holds. */
static loris_status make_room(void **array, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return LORIS_OK;
    size_t wanted = *capacity ? 2 * *capacity : 256;
    void *grown = realloc(*array, wanted * size);
    if (!grown)
        return fail_memory("a profile");
    *array = grown;
    *capacity = wanted;
    return LORIS_OK;
}

/* ---- the two clocks ---------------------------------------------------------------------------------------------- */

double profile_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static loris_status event_time(const compute *c, cl_event event, cl_profiling_info which, cl_ulong *out) {
    return compute_check(c, clGetEventProfilingInfo(event, which, sizeof *out, out, NULL), "clGetEventProfilingInfo",
                         NULL);
}

/* A transfer of one number, between two looks at the host's clock: the shorter the round trip, the better the two
 * clocks are known against each other. OpenCL 1.2 has nothing better (2.1 has clGetDeviceAndHostTimer). */
static loris_status compare_clocks(compute *c, cl_mem number, double *best, cl_ulong *end) {
    profile *p = c->profile;
    const cl_int zero = 0;
    cl_event event = NULL;
    const double before = profile_now();
    TRY(compute_check(c, clEnqueueWriteBuffer(c->queue, number, CL_TRUE, 0, sizeof zero, &zero, 0, NULL, &event),
                      "clEnqueueWriteBuffer", "a number to compare clocks by"));
    const double after = profile_now();
    /* Intel's driver returns from a blocking write before its event is complete. */
    loris_status status = compute_check(c, clWaitForEvents(1, &event), "clWaitForEvents", NULL);
    if (status == LORIS_OK)
        status = event_time(c, event, CL_PROFILING_COMMAND_END, end);
    clReleaseEvent(event);
    if (status == LORIS_OK && after - before < *best) {
        *best = after - before;
        p->device_zero = *end;
        p->host_zero = 0.5 * (before + after);
    }
    return status;
}

static double host_seconds(const profile *p, cl_ulong at) {
    return p->host_zero + 1e-9 * (double)(int64_t)(at - p->device_zero);
}

loris_status profile_open(compute *c) {
    profile *p = calloc(1, sizeof *p);
    if (!p)
        return fail_memory("a profile");
    c->profile = p;
    p->memory = arena_new();
    if (!p->memory)
        return fail_memory("a profile");
    cl_mem number;
    TRY(buffer_new(c, &number, sizeof(cl_int), NULL, "a number to compare clocks by"));
    loris_status status = LORIS_OK;
    double best = DBL_MAX;
    cl_ulong first = 0, last = 0;
    for (int i = 0; i < 16 && status == LORIS_OK; i++)
        status = compare_clocks(c, number, &best, i == 0 ? &first : &last);
    if (last <= first)
        profile_use_host_times(p);
    buffer_free(&number);
    return status;
}

void profile_use_host_times(profile *p) {
    p->of_host = true;
}

bool profile_is_of_host(const profile *p) {
    return p->of_host;
}

launch_events profile_begin(const compute *c) {
    return (launch_events){.enqueued = c->profile ? profile_now() : 0};
}

void launch_events_release(launch_events *e) {
    if (e->before)
        clReleaseEvent(e->before);
    if (e->last)
        clReleaseEvent(e->last);
    *e = (launch_events){0};
}

static void drop_pending(profile *p) {
    for (size_t i = p->first; i < p->pending_count; i++)
        launch_events_release(&p->pending[i].events);
    p->first = p->pending_count = 0;
}

void profile_close(compute *c) {
    profile *p = c->profile;
    if (!p)
        return;
    drop_pending(p);
    free(p->records);
    free(p->spans);
    free(p->pending);
    free(p->stages);
    arena_free(p->memory);
    free(p);
    c->profile = NULL;
}

/* ---- taking in --------------------------------------------------------------------------------------------------- */

static loris_status add_span(profile *p, int node, double start, double end) {
    TRY(make_room((void **)&p->spans, p->span_count, &p->span_capacity, sizeof *p->spans));
    const double seconds = end - start;
    p->spans[p->span_count++] = (profile_span){node, start, end};
    profile_total *t = &p->records[node].total;
    if (t->launches == 0 || seconds < t->min_seconds)
        t->min_seconds = seconds;
    if (seconds > t->max_seconds)
        t->max_seconds = seconds;
    t->seconds += seconds;
    t->launches++;
    return LORIS_OK;
}

static loris_status add_device_span(compute *c, int node, const launch_events *e) {
    const profile *p = c->profile;
    cl_ulong start, end;
    TRY(event_time(c, e->last, CL_PROFILING_COMMAND_END, &end));
    TRY(event_time(c, e->before ? e->before : e->last,
                   e->before ? CL_PROFILING_COMMAND_END : CL_PROFILING_COMMAND_START, &start));
    if (end < start) /* a marker and what follows it may be stamped by different clocks of the driver */
        end = start;
    return add_span(c->profile, node, host_seconds(p, start), host_seconds(p, end));
}

/* Of a launch that was just enqueued; nothing else is in flight. */
static loris_status add_host_span(compute *c, int node, const launch_events *e) {
    TRY(compute_check(c, clWaitForEvents(1, &e->last), "clWaitForEvents", c->profile->records[node].facts.name));
    return add_span(c->profile, node, e->enqueued, profile_now());
}

/* The launches that are done, oldest first. One that failed has no times; pacing and finishing report it. */
static loris_status take_in(compute *c) {
    profile *p = c->profile;
    loris_status status = LORIS_OK;
    while (p->first < p->pending_count && status == LORIS_OK) {
        pending_launch *l = &p->pending[p->first];
        cl_int state = CL_QUEUED;
        TRY(compute_check(c,
                          clGetEventInfo(l->events.last, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL),
                          "clGetEventInfo", p->records[l->node].facts.name));
        if (state > CL_COMPLETE)
            break;
        if (state == CL_COMPLETE)
            status = add_device_span(c, l->node, &l->events);
        launch_events_release(&l->events);
        p->first++;
    }
    if (p->first == p->pending_count)
        p->first = p->pending_count = 0;
    return status;
}

loris_status profile_collect(compute *c) {
    profile *p = c->profile;
    TRY(compute_finish(c, NULL));
    /* Drivers may say so of single events a little later. */
    for (size_t i = p->first; i < p->pending_count; i++)
        clWaitForEvents(1, &p->pending[i].events.last);
    TRY(take_in(c));
    return p->failed ? fail_memory("a profile") : LORIS_OK;
}

loris_status profile_reset(compute *c) {
    TRY(profile_collect(c));
    for (int i = 0; i < c->profile->count; i++)
        c->profile->records[i].total = (profile_total){0};
    c->profile->span_count = c->profile->stage_count = 0;
    return LORIS_OK;
}

void profile_add_stage(compute *c, const char *name, double start) {
    profile *p = c->profile;
    if (!p)
        return;
    if (make_room((void **)&p->stages, p->stage_count, &p->stage_capacity, sizeof *p->stages) == LORIS_OK)
        p->stages[p->stage_count++] = (profile_stage){name, start, profile_now()};
    else
        p->failed = true;
}

const profile_stage *profile_stages(const profile *p, size_t *count) {
    *count = p->stage_count;
    return p->stages;
}

loris_status profile_add(profile *p, const profile_node *node, int *index) {
    size_t capacity = (size_t)p->capacity;
    TRY(make_room((void **)&p->records, (size_t)p->count, &capacity, sizeof *p->records));
    p->capacity = (int)capacity;
    profile_node facts = *node;
    const char **texts[] = {&facts.network, &facts.name,   &facts.operation, &facts.variant, &facts.reason,
                            &facts.backend, &facts.kernel, &facts.phase,     &facts.shape};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = arena_strdup(p->memory, *texts[i]);
    if (arena_failed(p->memory))
        return fail_memory("a profile");
    p->records[p->count] = (record){.facts = facts};
    *index = p->count++;
    return LORIS_OK;
}

static loris_status keep_pending(compute *c, int node, const launch_events *events) {
    profile *p = c->profile;
    if (!events->last)
        return fail(LORIS_ERROR_DEVICE, NULL, "%s: the driver makes no event", p->records[node].facts.name);
    if (p->of_host) {
        TRY(add_host_span(c, node, events));
        launch_events done = *events;
        launch_events_release(&done);
        return LORIS_OK;
    }
    TRY(take_in(c));
    TRY(make_room((void **)&p->pending, p->pending_count, &p->pending_capacity, sizeof *p->pending));
    p->pending[p->pending_count++] = (pending_launch){node, *events};
    return LORIS_OK;
}

loris_status profile_launch(compute *c, int node, bool call, launch_events events) {
    loris_status status = keep_pending(c, node, &events);
    if (status != LORIS_OK)
        launch_events_release(&events);
    else if (call)
        c->profile->records[node].total.calls++;
    return status;
}

int profile_nodes(const profile *p) {
    return p->count;
}

const profile_node *profile_node_at(const profile *p, int node) {
    return &p->records[node].facts;
}

profile_total profile_total_at(const profile *p, int node) {
    return p->records[node].total;
}

const profile_span *profile_spans(const profile *p, size_t *count) {
    *count = p->span_count;
    return p->spans;
}

/* ---- transfers --------------------------------------------------------------------------------------------------- */

static loris_status transfer_node(compute *c, const char *operation, const char *what, size_t bytes, int *index) {
    profile *p = c->profile;
    const double moved = (double)bytes;
    for (int i = 0; i < p->count; i++) {
        const profile_node *n = &p->records[i].facts;
        if (!*n->network && n->written_bytes == moved && !strcmp(n->operation, operation) && !strcmp(n->name, what)) {
            *index = i;
            return LORIS_OK;
        }
    }
    return profile_add(p,
                       &(profile_node){.network = "",
                                       .name = what,
                                       .operation = operation,
                                       .variant = "-",
                                       .reason = "",
                                       .backend = "transfer",
                                       .kernel = "",
                                       .phase = "",
                                       .shape = "",
                                       .read_bytes = moved,
                                       .written_bytes = moved},
                       index);
}

loris_status profile_transfer(compute *c, const char *operation, const char *what, size_t bytes, launch_events events) {
    int node = 0;
    loris_status status = transfer_node(c, operation, what, bytes, &node);
    if (status != LORIS_OK) {
        launch_events_release(&events);
        return status;
    }
    return profile_launch(c, node, true, events);
}
