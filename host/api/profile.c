/* The record of a device as a list of nodes, and as a trace. */
#include "loris/profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/engine.h"
#include "compute/profile.h"
#include "core/file.h"
#include "core/json.h"

static loris_status collect(loris_engine *engine) {
    if (!engine->compute->profile)
        return fail(LORIS_ERROR_ARGUMENT, "set loris_engine_settings.profile", "this engine keeps no profile");
    return profile_collect(engine->compute);
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static int longer_first(const void *a, const void *b) {
    const loris_profile_node *x = a, *y = b;
    return x->seconds < y->seconds ? 1 : x->seconds > y->seconds ? -1 : 0;
}

loris_status loris_profile_nodes(loris_engine *engine, loris_profile_node **nodes, size_t *count) {
    TRY(collect(engine));
    const profile *p = engine->compute->profile;
    const int recorded = profile_nodes(p);
    loris_profile_node *list = calloc(recorded ? (size_t)recorded : 1, sizeof *list);
    if (!list)
        return fail_memory("a profile");
    *count = 0;
    for (int i = 0; i < recorded; i++) {
        const profile_node *n = profile_node_at(p, i);
        const profile_total t = profile_total_at(p, i);
        if (t.calls)
            list[(*count)++] = (loris_profile_node){.network = n->network,
                                                    .name = n->name,
                                                    .operation = n->operation,
                                                    .variant = n->variant,
                                                    .backend = n->backend,
                                                    .kernel = n->kernel,
                                                    .phase = n->phase,
                                                    .shape = n->shape,
                                                    .calls = t.calls,
                                                    .launches = t.launches,
                                                    .seconds = t.seconds,
                                                    .flop = n->flop,
                                                    .read_bytes = n->read_bytes,
                                                    .written_bytes = n->written_bytes};
    }
    qsort(list, *count, sizeof *list, longer_first);
    *nodes = list;
    return LORIS_OK;
}

/* ---- the trace --------------------------------------------------------------------------------------------------- */

enum { HOST = 1, DEVICE = 2, MAIN_THREAD = 1, LAUNCHES = 1, TRANSFERS = 2, MOST_SCOPES = 32, SCOPE_LENGTH = 96 };

/* A scope that lasts: consecutive launches whose names share a beginning. */
typedef struct open_scope {
    char name[SCOPE_LENGTH];
    double start;
} open_scope;

typedef struct trace {
    FILE *file;
    bool failed;
    json_writer json;
    const profile *profile;
    double zero; /* seconds */
    open_scope scope[MOST_SCOPES];
    int depth;
} trace;

/* What has been written so far goes to the file: a trace may be larger than what one likes to keep in memory. */
static void flush(trace *t) {
    text *out = &t->json.out;
    if (text_failed(out) || (out->length && fwrite(out->data, 1, out->length, t->file) != out->length))
        t->failed = true;
    out->length = 0;
}

/* Whole nanoseconds, so that what nests still nests. */
static long long nanoseconds(const trace *t, double at) {
    return llround((at - t->zero) * 1e9);
}

/* Opens an event that lasts ("ph": "X"); close it with end_event(). */
static void begin_event(trace *t, const char *name, int process, int thread, double start, double end) {
    json_writer *w = &t->json;
    json_open(w, NULL, '{');
    json_string(w, "name", name);
    json_string(w, "ph", "X");
    json_integer(w, "pid", process);
    json_integer(w, "tid", thread);
    const long long from = nanoseconds(t, start), to = nanoseconds(t, end);
    json_number(w, "ts", (double)from / 1000);
    json_number(w, "dur", (double)(to - from) / 1000);
}

static void end_event(trace *t) {
    json_close(&t->json, '}');
    flush(t);
}

static void name_track(trace *t, const char *what, int process, int thread, const char *name) {
    json_writer *w = &t->json;
    json_open(w, NULL, '{');
    json_string(w, "name", what);
    json_string(w, "ph", "M");
    json_integer(w, "pid", process);
    if (thread)
        json_integer(w, "tid", thread);
    json_open(w, "args", '{');
    json_string(w, "name", name);
    json_close(w, '}');
    end_event(t);
}

static void name_tracks(trace *t, const device *d) {
    char name[256];
    snprintf(name, sizeof name, "device %d: %s", d->index, d->name);
    name_track(t, "process_name", HOST, 0, "host");
    name_track(t, "process_name", DEVICE, 0, name);
    name_track(t, "thread_name", HOST, MAIN_THREAD, "stages");
    name_track(t, "thread_name", DEVICE, LAUNCHES, "launches");
    name_track(t, "thread_name", DEVICE, TRANSFERS, "transfers");
}

/* ---- scopes ------------------------------------------------------------------------------------------------------ */

/* The scopes that `n` lies in, outermost first: network and phase, then those of its name, "blocks.0.norm.g" ->
 * "blocks.0", "norm". Returns how many. */
static int scopes_of(const profile_node *n, char scope[MOST_SCOPES][SCOPE_LENGTH]) {
    int count = 1;
    snprintf(scope[0], SCOPE_LENGTH, "%s: %s", n->network, n->phase);
    for (const char *at = n->name, *dot; (dot = strchr(at, '.')) && count < MOST_SCOPES; at = dot + 1) {
        while (dot[1] >= '0' && dot[1] <= '9' && strchr(dot + 1, '.')) /* a number belongs to the word before it */
            dot = strchr(dot + 1, '.');
        snprintf(scope[count++], SCOPE_LENGTH, "%.*s", (int)(dot - at), at);
    }
    return count;
}

static void close_scopes(trace *t, int depth, double end) {
    while (t->depth > depth) {
        const open_scope *s = &t->scope[--t->depth];
        begin_event(t, s->name, DEVICE, LAUNCHES, s->start, end);
        end_event(t);
    }
}

static void enter_scopes(trace *t, const profile_node *n, double start, double last_end) {
    char wanted[MOST_SCOPES][SCOPE_LENGTH];
    const int count = scopes_of(n, wanted);
    int same = 0;
    while (same < t->depth && same < count && !strcmp(t->scope[same].name, wanted[same]))
        same++;
    close_scopes(t, same, last_end);
    for (; t->depth < count; t->depth++) {
        t->scope[t->depth].start = start;
        memcpy(t->scope[t->depth].name, wanted[t->depth], SCOPE_LENGTH);
    }
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void write_launch(trace *t, const profile_span *s, int thread) {
    const profile_node *n = profile_node_at(t->profile, s->node);
    const char *dot = strrchr(n->name, '.');
    json_writer *w = &t->json;
    begin_event(t, thread == TRANSFERS ? n->name : dot ? dot + 1 : n->name, DEVICE, thread, s->start, s->end);
    json_open(w, "args", '{');
    json_string(w, "operation", n->operation);
    if (thread == TRANSFERS) {
        json_number(w, "bytes", n->written_bytes);
    } else {
        json_string(w, "node", n->name);
        json_string(w, "kernel", n->kernel);
        json_string(w, "variant", n->variant);
        json_string(w, "shape", n->shape);
        json_number(w, "flop", n->flop);
        json_number(w, "bytes", n->read_bytes + n->written_bytes);
    }
    json_close(w, '}');
    end_event(t);
}

static void write_launches(trace *t) {
    size_t count;
    const profile_span *spans = profile_spans(t->profile, &count);
    const profile_span *last = NULL;
    for (size_t i = 0; i < count; i++) {
        const profile_node *n = profile_node_at(t->profile, spans[i].node);
        if (!*n->network) {
            write_launch(t, &spans[i], TRANSFERS);
            continue;
        }
        if (last && spans[i].node < last->node) /* its plan begins again */
            close_scopes(t, 0, last->end);
        enter_scopes(t, n, spans[i].start, last ? last->end : spans[i].start);
        write_launch(t, &spans[i], LAUNCHES);
        last = &spans[i];
    }
    if (last)
        close_scopes(t, 0, last->end);
}

static void write_stages(trace *t) {
    size_t count;
    const profile_stage *stages = profile_stages(t->profile, &count);
    for (size_t i = 0; i < count; i++) {
        begin_event(t, stages[i].name, HOST, MAIN_THREAD, stages[i].start, stages[i].end);
        end_event(t);
    }
}

static void find_zero(trace *t) {
    size_t spans, stages;
    const profile_span *span = profile_spans(t->profile, &spans);
    const profile_stage *stage = profile_stages(t->profile, &stages);
    t->zero = spans ? span[0].start : 0;
    for (size_t i = 0; i < stages; i++)
        if ((i == 0 && !spans) || stage[i].start < t->zero)
            t->zero = stage[i].start;
}

static void write_all(trace *t, const device *d) {
    json_writer *w = &t->json;
    json_begin(w, 0);
    json_open(w, NULL, '{');
    json_string(w, "displayTimeUnit", "ms");
    json_open(w, "otherData", '{');
    json_string(w, "program", "loris-cl " LORIS_VERSION);
    json_string(w, "device", d->name);
    json_string(w, "platform", d->platform_name);
    json_string(w, "driver", d->driver);
    json_string(w, "clock", profile_is_of_host(t->profile) ? "the host's: the driver's stands still" : "the device's");
    json_close(w, '}');
    json_open(w, "traceEvents", '[');
    find_zero(t);
    name_tracks(t, d);
    write_stages(t);
    write_launches(t);
    json_close(w, ']');
    json_close(w, '}');
    flush(t);
}

loris_status loris_profile_write_trace(loris_engine *engine, const char *path) {
    output_file out;
    trace t = {0};
    TRY(collect(engine));
    TRY(output_begin(&out, path));
    t.profile = engine->compute->profile;
    t.file = fopen(out.temporary, "wb");
    if (t.file) {
        write_all(&t, &engine->compute->dev);
        if (fclose(t.file) != 0)
            t.failed = true;
    }
    text_free(&t.json.out);
    if (t.file && !t.failed)
        return output_commit(&out);
    output_discard(&out);
    return fail(LORIS_ERROR_OUTPUT, "is the disk full?", "%s: cannot be written", path);
}
