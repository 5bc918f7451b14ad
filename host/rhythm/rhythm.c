#include "rhythm/rhythm.h"

#include <stdio.h>
#include <stdlib.h>

#include "rhythm/tempo.h"

static const double LITTLE = 0.2; /* events a second: fewer are no movement that carries music */

void rhythm_free(rhythm *r) {
    if (!r)
        return;
    free(r->beats);
    free(r->downbeats);
    free(r->cuts);
    free(r->energy);
    free(r->events);
    *r = (rhythm){0};
}

static bool moves_little(const rhythm *r) {
    return (double)r->event_count < LITTLE * r->duration;
}

/* "3 cuts", "a cut" */
static void counted(char out[32], size_t count, const char *singular, const char *plural) {
    if (count == 1)
        snprintf(out, 32, "%s", singular);
    else
        snprintf(out, 32, "%zu %s", count, plural);
}

void rhythm_note(const rhythm *r, char note[LORIS_NOTE_MAX]) {
    char events[32], cuts[32];
    bool pulse = r->bpm > 0 && r->tempo_confidence >= TEMPO_FREE;
    counted(events, r->event_count, "one movement", "movements");
    counted(cuts, r->cut_count, "one cut", "cuts");
    note[0] = '\0';
    if (!r->event_count && !r->cut_count)
        snprintf(note, LORIS_NOTE_MAX, "nothing moves: only the duration to compose to");
    else if (!r->event_count)
        snprintf(note, LORIS_NOTE_MAX, "nothing moves: composed to %s", cuts);
    else if (moves_little(r) && r->cut_count)
        snprintf(note, LORIS_NOTE_MAX, "little movement: composed to %s and %s", cuts, events);
    else if (moves_little(r))
        snprintf(note, LORIS_NOTE_MAX, "little movement: only %s to compose to", events);
    else if (!pulse)
        snprintf(note, LORIS_NOTE_MAX, "no steady pulse: composed to %s as they come", events);
}

static int earlier(const void *a, const void *b) {
    const rhythm_event *one = a, *other = b;
    return (one->time > other->time) - (one->time < other->time);
}

loris_status rhythm_lend_cuts(rhythm *r) {
    if (!r->cut_count || !moves_little(r))
        return LORIS_OK;
    rhythm_event *events = realloc(r->events, (r->event_count + r->cut_count) * sizeof *events);
    if (!events)
        return fail_memory("the events");
    r->events = events;
    for (size_t i = 0; i < r->cut_count; i++)
        events[r->event_count++] = (rhythm_event){.time = r->cuts[i], .kind = EVENT_IMPACT, .strength = 1.0f};
    qsort(events, r->event_count, sizeof *events, earlier);
    return LORIS_OK;
}
