/* What the picture stresses: from events to hits, and the hits' notes. */
#include <math.h>
#include <stdlib.h>

#include "music/composer.h"

static const double MERGE = 0.080;     /* events closer than this are one accent, seconds */
static const double SNAP = 0.020;      /* how late a hit may be */
static const double BEND = 0.045;      /* the groove moves onto a hit from this far */
static const double MASK = 0.090;      /* and its drums keep silent from this far */
static const double FREE_PEAK_GAP = 2; /* seconds between peaks without bars */

/* The network learned from accents of 0.5 to 1; weak events stay audible. */
static double accent_strength(double event_strength) {
    return 0.4 + 0.6 * fmin(fmax(event_strength, 0), 1);
}

static void gather_events(composer *c) {
    const rhythm *r = c->rhythm;
    for (size_t i = 0; i < r->event_count; i++) {
        hit h = {.time = r->events[i].time, .strength = accent_strength((double)r->events[i].strength)};
        if (!(h.time >= 0 && h.time < c->seconds))
            continue;
        hit *last = c->hit_count > 0 ? &c->hits[c->hit_count - 1] : NULL;
        if (!last || h.time - last->time >= MERGE)
            c->hits[c->hit_count++] = h;
        else if (h.strength > last->strength)
            *last = h;
    }
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
    c->followed = capacity > 0;
    if (!c->followed && !c->pulse)
        capacity = (size_t)(c->seconds / SHORTEST_GAP) + 1;
    c->hits = calloc(capacity + 1, sizeof *c->hits);
    if (!c->hits)
        return fail_memory("the accents");
    if (c->followed)
        gather_events(c);
    else if (!c->pulse)
        invent_stops(c, capacity);
    return LORIS_OK;
}

/* The sixteenth at or after `time`, if it comes within SNAP; otherwise `time`. */
static double snapped(const composer *c, double time) {
    int at_bar = (int)floor((time - c->grid.offset) / grid_bar_seconds(&c->grid));
    for (int k = 0; k <= SIXTEENTHS_PER_BAR; k++) {
        double late = grid_time(&c->grid, at_bar, k) - time;
        if (late >= 0)
            return late <= SNAP && time + late < c->seconds ? time + late : time;
    }
    return time;
}

typedef struct ranked {
    double weight;
    size_t index;
} ranked;

static int by_weight(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Mostly the strength; among about equal ones, those on downbeats, then on beats, then any by chance. */
static double hit_weight(const composer *c, random_state *r, const hit *h) {
    double metre = 0, chance = random_range(r, 0, 0.02);
    if (c->pulse) {
        double beats = (h->time - c->grid.offset) * c->grid.bpm / 60, nearest = round(beats);
        if (fabs(beats - nearest) * 60 / c->grid.bpm <= BEND)
            metre = fmod(nearest, BEATS_PER_BAR) == 0 ? 0.1 : 0.05;
    }
    return h->strength + metre + chance;
}

static bool near_peak(const composer *c, size_t index, double gap) {
    double time = c->hits[index].time;
    for (size_t i = index; i-- > 0 && time - c->hits[i].time < gap;)
        if (c->hits[i].tier == HIT_PEAK)
            return true;
    for (size_t i = index + 1; i < c->hit_count && c->hits[i].time - time < gap; i++)
        if (c->hits[i].tier == HIT_PEAK)
            return true;
    return false;
}

/* The strongest tenth are peaks, at most one a bar; the third after them strong; the rest light. */
static loris_status give_tiers(composer *c) {
    ranked *order = calloc(c->hit_count + 1, sizeof *order);
    if (!order)
        return fail_memory("the accents");
    random_state r = composer_random(c, CONCERN_TIERS);
    for (size_t i = 0; i < c->hit_count; i++)
        order[i] = (ranked){hit_weight(c, &r, &c->hits[i]), i};
    qsort(order, c->hit_count, sizeof *order, by_weight);
    size_t peaks = (c->hit_count + 9) / 10, strong = (c->hit_count + 2) / 3;
    double gap = c->pulse ? grid_bar_seconds(&c->grid) - BEND : FREE_PEAK_GAP;
    for (size_t i = 0; i < c->hit_count; i++) {
        hit *h = &c->hits[order[i].index];
        if (peaks > 0 && !near_peak(c, order[i].index, gap)) {
            h->tier = HIT_PEAK;
            peaks--;
        } else if (strong > 0) {
            h->tier = HIT_STRONG;
            strong--;
        }
    }
    free(order);
    return LORIS_OK;
}

loris_status accents_settle(composer *c) {
    for (size_t i = 0; c->pulse && i < c->hit_count; i++)
        c->hits[i].time = snapped(c, c->hits[i].time);
    return give_tiers(c);
}

/* The hit nearest to a time; NULL without hits. */
static const hit *nearest_hit(const composer *c, double time) {
    size_t low = 0, high = c->hit_count; /* the first hit at or after `time` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->hits[middle].time < time)
            low = middle + 1;
        else
            high = middle;
    }
    const hit *after = low < c->hit_count ? &c->hits[low] : NULL, *before = low > 0 ? &c->hits[low - 1] : NULL;
    if (!after || !before)
        return after ? after : before;
    return after->time - time < time - before->time ? after : before;
}

bool accents_bend(const composer *c, double *time) {
    const hit *h = nearest_hit(c, *time);
    if (!h || fabs(h->time - *time) > BEND)
        return false;
    *time = h->time;
    return true;
}

bool accents_mask(const composer *c, double time) {
    const hit *h = nearest_hit(c, time);
    double distance = h ? fabs(h->time - time) : HUGE_VAL;
    return distance > BEND && distance < MASK;
}

static const bar *bar_at(const composer *c, double time, size_t *from) {
    while (*from + 1 < c->bar_count && c->bars[*from].end <= time)
        ++*from;
    return &c->bars[*from];
}

/* Kick and a second drum, bass and, beneath the stronger ones, the chord. */
static loris_status play_hit(composer *c, random_state *r, const hit *h, const bar *b, lane second) {
    static const double stab_seconds[] = {[HIT_LIGHT] = 0.35, [HIT_STRONG] = 0.35, [HIT_PEAK] = 0.8};
    phrase_note kick = {.time = h->time,
                        .duration = 0.1,
                        .until = c->seconds,
                        .part = PART_DRUMS,
                        .pitch = LANE_KICK,
                        .velocity = 90 + 35 * h->strength};
    TRY(composer_play(c, r, kick));
    phrase_note drum = kick;
    drum.pitch = (int)second;
    drum.velocity = 70 + 50 * h->strength;
    TRY(composer_play(c, r, drum));
    phrase_note root = {.time = h->time,
                        .duration = 0.4,
                        .until = b->end,
                        .part = PART_BASS,
                        .pitch = bass_root(&b->chord),
                        .velocity = 80 + 35 * h->strength};
    TRY(composer_play(c, r, root));
    if (h->tier == HIT_LIGHT && c->pulse) /* the groove's harmony goes on beneath */
        return LORIS_OK;
    for (int i = 0; i < b->chord.count; i++) {
        phrase_note voice = {.time = h->time,
                             .duration = stab_seconds[h->tier],
                             .until = b->end,
                             .part = PART_HARMONY,
                             .pitch = b->chord.voice[i],
                             .velocity = 60 + 45 * h->strength};
        TRY(composer_play(c, r, voice));
    }
    return LORIS_OK;
}

loris_status accents_play(composer *c) {
    static const lane backbeats[] = {LANE_SNARE, LANE_CLAP}, others[] = {LANE_TOM, LANE_CLAP};
    random_state r = composer_random(c, CONCERN_HITS);
    int strong = random_below(&r, 2);
    lane second[] = {[HIT_LIGHT] = others[random_below(&r, strong == 1 ? 1 : 2)],
                     [HIT_STRONG] = backbeats[strong],
                     [HIT_PEAK] = LANE_CRASH}; /* one drum a tier throughout a piece, so that it is heard as meant */
    size_t at = 0;
    for (size_t i = 0; i < c->hit_count; i++) {
        const hit *h = &c->hits[i];
        TRY(play_hit(c, &r, h, bar_at(c, h->time, &at), second[h->tier]));
        TRY(score_add_accent(c->out, (accent){h->time, h->strength}));
    }
    return LORIS_OK;
}
