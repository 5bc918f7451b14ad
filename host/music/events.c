/* From the picture's events to the hits that the music lands on. */
#include <math.h>
#include <stdlib.h>

#include "music/composer.h"

static const double MERGE = 0.080;   /* events closer than this are one accent, seconds */
static const double GESTURE = 0.300; /* an onset and the impact that ends its move lie within this */

/* The network learned from accents of 0.5 to 1; weak events stay audible. */
static double accent_strength(double event_strength) {
    return 0.4 + 0.6 * fmin(fmax(event_strength, 0), 1);
}

/* Event i starts a move that event i + 1 ends. */
static bool is_gesture(const rhythm *r, size_t i) {
    return i + 1 < r->event_count && r->events[i].kind == EVENT_ONSET && r->events[i + 1].kind == EVENT_IMPACT &&
           r->events[i + 1].time - r->events[i].time < GESTURE;
}

/* Which end of a move this clip's mover stresses: that of the larger strength over all moves; the impact when even. */
static event_kind stressed_kind(const rhythm *r) {
    static const double IMPACT_PREFERENCE = 1.1;
    double onset = 0, impact = 0;
    for (size_t i = 0; i < r->event_count; i++)
        if (is_gesture(r, i)) {
            onset += (double)r->events[i].strength;
            impact += IMPACT_PREFERENCE * (double)r->events[i + 1].strength;
        }
    return onset > impact ? EVENT_ONSET : EVENT_IMPACT;
}

/* Adds a hit, or lets it replace one just before it. */
static void add_hit(composer *c, const rhythm_event *e) {
    hit h = {.time = e->time, .strength = accent_strength((double)e->strength)};
    if (!(h.time >= 0 && h.time < c->seconds))
        return;
    hit *last = c->hit_count > 0 ? &c->hits[c->hit_count - 1] : NULL;
    if (!last || h.time - last->time >= MERGE)
        c->hits[c->hit_count++] = h;
    else if (h.strength > last->strength)
        *last = h;
}

/* One hit a move: at its stressed end, or at the other if that is twice as strong. */
static void gather_events(composer *c) {
    static const float MUCH = 2;
    const rhythm *r = c->rhythm;
    event_kind stressed = stressed_kind(r);
    for (size_t i = 0; i < r->event_count; i++) {
        const rhythm_event *e = &r->events[i];
        if (is_gesture(r, i)) {
            bool first =
                stressed == EVENT_ONSET ? e[1].strength <= MUCH * e[0].strength : e[0].strength > MUCH * e[1].strength;
            add_hit(c, first ? &e[0] : &e[1]);
            i++;
        } else {
            add_hit(c, e);
        }
    }
}

static int by_strength(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The strongest share of the hits stays. */
static loris_status keep_share(composer *c) {
    size_t kept = (size_t)ceil(c->follow * (double)c->hit_count), out = 0;
    double *strengths = malloc((c->hit_count + 1) * sizeof *strengths);
    if (!strengths)
        return fail_memory("the accents");
    for (size_t i = 0; i < c->hit_count; i++)
        strengths[i] = c->hits[i].strength;
    qsort(strengths, c->hit_count, sizeof *strengths, by_strength);
    double least = kept > 0 ? strengths[kept - 1] : HUGE_VAL;
    free(strengths);
    for (size_t i = 0; i < c->hit_count; i++)
        if (c->hits[i].strength >= least)
            c->hits[out++] = c->hits[i];
    c->hit_count = out;
    return LORIS_OK;
}

/* A pulseless clip without events still wants a rhythm: stops at irregular distances. */
static void invent_stops(composer *c, size_t capacity) {
    static const double strengths[] = {0.5, 0.7, 0.9, 1.0}, gaps[] = {0.25, 0.35, 0.5, 0.7, 1.0, 1.5};
    random_state r = composer_random(c, CONCERN_ACCENTS);
    for (double t = random_range(&r, 0.2, 0.8); t < c->seconds && c->hit_count < capacity;) {
        c->hits[c->hit_count++] = (hit){.time = t, .strength = strengths[random_below(&r, 4)]};
        double gap = gaps[random_below(&r, 6)];
        t += gap * random_range(&r, 0.9, 1.1);
    }
}

loris_status accents_gather(composer *c) {
    static const double SHORTEST_GAP = 0.2;
    size_t capacity = c->rhythm->event_count;
    c->followed = capacity > 0 && c->follow > 0;
    if (!c->followed)
        capacity = c->pulse ? 0 : (size_t)(c->seconds / SHORTEST_GAP) + 1;
    c->hits = calloc(capacity + 1, sizeof *c->hits);
    if (!c->hits)
        return fail_memory("the accents");
    if (c->followed) {
        gather_events(c);
        if (c->follow < 1)
            TRY(keep_share(c));
    } else if (!c->pulse) {
        invent_stops(c, capacity);
    }
    return LORIS_OK;
}
