#include "bench/record.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void record_note(record *r, arena *a, const char *format, ...) {
    char line[512];
    va_list arguments;
    if (r->notes == RECORD_MAX_NOTES)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    const char *kept = arena_strdup(a, line);
    if (kept)
        r->note[r->notes++] = kept;
}

const measurement *record_stage(const record *r, const char *name) {
    for (int i = 0; i < r->stages; i++)
        if (!strcmp(r->stage[i].name, name))
            return &r->stage[i];
    return NULL;
}

double record_peak(const record *r, const char *name) {
    for (int i = 0; i < r->probes; i++)
        if (!strcmp(r->probe[i].name, name))
            return summarise(&r->probe[i].warm).greatest;
    return NAN;
}

/* ---- headline ---------------------------------------------------------------------------------------------------- */

static const char *no_headline(const record *r) {
    if (r->failure)
        return "the device gave no result";
    if (!r->quantities)
        return "nothing was checked";
    if (!r->correct)
        return "the device computes wrong results";
    for (int i = 0; i < r->stages; i++)
        if (!r->stage[i].has_cold && !r->stage[i].warm.count)
            return "not every stage could be measured";
    return record_stage(r, "sampling") ? NULL : "nothing was sampled";
}

void record_conclude(record *r) {
    r->speed = r->seconds = r->first_seconds = 0;
    r->correct = r->quantities > 0;
    for (int i = 0; i < r->quantities; i++)
        r->correct = r->correct && r->quantity[i].pass;
    r->headline_reason = no_headline(r);
    r->has_headline = !r->headline_reason;
    if (!r->has_headline)
        return;
    for (int i = 0; i < r->stages; i++) {
        const measurement *m = &r->stage[i];
        const double warm = m->warm.count ? summarise(&m->warm).median : 0;
        if (!strcmp(m->name, "evaluation")) {
            r->seconds += r->workload.further_evaluations * warm;
            r->first_seconds += r->workload.further_evaluations * warm;
            continue;
        }
        if (strcmp(m->name, "prepare"))
            r->seconds += warm;
        r->first_seconds += m->has_cold ? m->cold : warm;
    }
    r->has_headline = r->seconds > 0;
    r->speed = r->has_headline ? r->workload.audio_seconds / r->seconds : 0;
    if (!r->has_headline)
        r->headline_reason = "no stage was measured warm";
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

double node_share(const record *r, const record_node *n, bool *memory_bound) {
    const double flops = record_peak(r, "f32") * 1e9, memory = record_peak(r, "memory") * 1e9;
    if (!(n->seconds > 0) || !(flops > 0) || !(memory > 0))
        return NAN;
    const double least_compute = n->flop / flops, least_memory = n->bytes / memory;
    if (memory_bound)
        *memory_bound = least_memory > least_compute;
    return fmax(least_compute, least_memory) / n->seconds;
}

int record_top(const record *r, int top[RECORD_TOP_NODES]) {
    int count = 0;
    for (int i = 0; i < r->nodes; i++) {
        int at = count;
        while (at > 0 && r->node[top[at - 1]].seconds < r->node[i].seconds)
            at--;
        if (at == RECORD_TOP_NODES)
            continue;
        if (count < RECORD_TOP_NODES)
            count++;
        memmove(top + at + 1, top + at, (size_t)(count - 1 - at) * sizeof *top);
        top[at] = i;
    }
    return count;
}
