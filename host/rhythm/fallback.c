#include "rhythm/fallback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rhythm/tempo.h"

/* Events a second: fewer do not carry music. */
static const double FEW = 0.2;

/* Movement, see energy.h: a drawn talking head whose lips and sway are seen as events has 0.0006, the least lively of
 * the sample videos that are to be followed 0.003. */
static const double SMALL = 0.0015;

static bool moves_hardly(const rhythm *r) {
    return r->movement > 0 && r->movement < SMALL;
}

static bool lacks_events(const rhythm *r) {
    return (double)r->event_count < FEW * r->duration;
}

/* "3 cuts", "one cut" */
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
    const char *moves = r->event_count ? "little movement" : "nothing moves";
    note[0] = '\0';
    if (!r->event_count || moves_hardly(r))
        snprintf(note, LORIS_NOTE_MAX, r->cut_count ? "%s: composed to %s" : "%s: only the duration to compose to",
                 moves, cuts);
    else if (lacks_events(r) && r->cut_count)
        snprintf(note, LORIS_NOTE_MAX, "%s: composed to %s and %s", moves, cuts, events);
    else if (lacks_events(r))
        snprintf(note, LORIS_NOTE_MAX, "%s: only %s to compose to", moves, events);
    else if (!pulse)
        snprintf(note, LORIS_NOTE_MAX, "no steady pulse: composed to %s as they come", events);
}

/* ---- the rhythm to follow ---------------------------------------------------------------------------------------- */

static void *copy_of(const void *data, size_t count, size_t size) {
    void *copy = calloc(count + 1, size);
    if (copy && count)
        memcpy(copy, data, count * size);
    return copy;
}

static loris_status add_cuts(rhythm *r) {
    rhythm_event *events = realloc(r->events, (r->event_count + r->cut_count + 1) * sizeof *events);
    if (!events)
        return fail_memory("the events");
    r->events = events;
    for (size_t i = 0; i < r->cut_count; i++)
        events[r->event_count++] = (rhythm_event){.time = r->cuts[i], .kind = EVENT_IMPACT, .strength = 1.0f};
    return LORIS_OK;
}

static int earlier(const void *a, const void *b) {
    const rhythm_event *one = a, *other = b;
    return (one->time > other->time) - (one->time < other->time);
}

static loris_status follow(rhythm *out, const rhythm *seen) {
    bool hardly = moves_hardly(seen);
    out->cuts = copy_of(seen->cuts, seen->cut_count, sizeof *out->cuts);
    out->energy = copy_of(seen->energy, seen->energy_count, sizeof *out->energy);
    if (!out->cuts || !out->energy)
        return fail_memory("a rhythm");
    out->cut_count = seen->cut_count;
    out->energy_count = seen->energy_count;
    if (hardly) {
        TRY(tempo_find(out)); /* of the cuts alone */
    } else {
        out->events = copy_of(seen->events, seen->event_count, sizeof *out->events);
        out->beats = copy_of(seen->beats, seen->beat_count, sizeof *out->beats);
        out->downbeats = copy_of(seen->downbeats, seen->downbeat_count, sizeof *out->downbeats);
        if (!out->events || !out->beats || !out->downbeats)
            return fail_memory("a rhythm");
        out->event_count = seen->event_count;
        out->beat_count = seen->beat_count;
        out->downbeat_count = seen->downbeat_count;
        out->bpm = seen->bpm;
        out->tempo_confidence = seen->tempo_confidence;
    }
    if (!hardly && !lacks_events(seen))
        return LORIS_OK;
    TRY(add_cuts(out));
    if (out->event_count)
        qsort(out->events, out->event_count, sizeof *out->events, earlier);
    return LORIS_OK;
}

loris_status rhythm_followed(rhythm *out, const rhythm *seen) {
    *out = (rhythm){.duration = seen->duration, .movement = seen->movement};
    loris_status status = follow(out, seen);
    if (status != LORIS_OK)
        rhythm_free(out);
    return status;
}
