/* When the music lands on the hits, how hard, and their notes. */
#include <math.h>
#include <stdlib.h>

#include "music/composer.h"

static const double LATE = 0.020;         /* how late a hit may be for the grid's sake, seconds */
static const double BEND = 0.045;         /* from this far an event belongs to a sixteenth, and the groove to a hit */
static const double MASK = 0.090;         /* the groove's drums keep silent this far around a hit */
static const double OFF_GRID_FROM = 0.55; /* strength of an accent between sixteenths */
static const double FREE_PEAK_GAP = 2;    /* seconds between peaks without bars */

static double nearest_sixteenth(const composer *c, double time) {
    int at_bar = (int)floor((time - c->grid.offset) / grid_bar_seconds(&c->grid));
    double best = HUGE_VAL;
    for (int k = 0; k <= SIXTEENTHS_PER_BAR; k++) {
        double at = grid_time(&c->grid, at_bar, k);
        if (fabs(at - time) < fabs(best - time))
            best = at;
    }
    return best;
}

/* Moves an event's hit towards the sixteenth it belongs to, as far as the eye allows: sound after its picture passes
 * for simultaneous, sound before it does not, so a hit leans late by up to 20 ms and never early (the groove comes to
 * meet it, accents_bend). Where events rule less, the grid may draw them from both sides; where the tempo was asked
 * for, it has them all on itself. False: the event is not heard. */
static bool settle(const composer *c, hit *h) {
    double at = nearest_sixteenth(c, h->time), distance = at - h->time;
    bool near = fabs(distance) <= BEND && at >= 0 && at < c->seconds;
    double loose = 1 - c->follow, early = BEND * loose, late = LATE + (BEND - LATE) * loose;
    if (c->tempo_set)
        h->time = near ? at : h->time;
    else if (near)
        h->time += fmin(fmax(distance, -early), late);
    else
        return c->tempo_own || h->strength >= OFF_GRID_FROM;
    return near;
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
    size_t kept = 0;
    for (size_t i = 0; c->pulse && i < c->hit_count; i++) {
        hit h = c->hits[i], *last = kept > 0 ? &c->hits[kept - 1] : NULL;
        if (!settle(c, &h) || !(h.time < c->seconds))
            continue;
        if (last && h.time <= last->time) /* two events of one sixteenth */
            last->strength = fmax(last->strength, h.strength);
        else
            c->hits[kept++] = h;
    }
    if (c->pulse)
        c->hit_count = kept;
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

/* One stroke of a hit, at its very time. */
static loris_status strike(composer *c, random_state *r, const hit *h, part who, int pitch, double seconds,
                           double until, double velocity) {
    return composer_play(
        c, r,
        (phrase_note){
            .time = h->time, .duration = seconds, .until = until, .part = who, .pitch = pitch, .velocity = velocity});
}

/* What a hit sounds like, by tier: it stands out of the groove by its drums and harmony together, none of them at full
 * velocity, for a peak that all parts share leaves the rest of the piece quiet. */
typedef struct hit_voice {
    double kick, drum, chord, bass; /* velocities at strength 0 */
    double rise;                    /* added at strength 1 */
    double seconds;                 /* of the chord */
} hit_voice;

static const hit_voice voices[] = {[HIT_LIGHT] = {70, 68, 54, 56, 24, 0.35},
                                   [HIT_STRONG] = {72, 70, 60, 58, 25, 0.6},
                                   [HIT_PEAK] = {76, 72, 66, 60, 26, 1.2}};

static loris_status play_hit(composer *c, random_state *r, const hit *h, lane second) {
    const hit_voice *v = &voices[h->tier];
    const change *at = harmony_at(c, h->time);
    const chord *sounding = &at->chord;
    bool last = h->time >= c->ending;
    double until = harmony_until(c, at), held = last ? c->seconds : v->seconds, rise = v->rise * h->strength;
    TRY(strike(c, r, h, PART_DRUMS, LANE_KICK, 0.1, c->seconds, v->kick + rise));
    TRY(strike(c, r, h, PART_DRUMS, (int)second, 0.1, c->seconds, v->drum + rise));
    TRY(strike(c, r, h, PART_BASS, bass_root(sounding), last ? held : 0.4, until, v->bass + rise));
    if (h->tier == HIT_LIGHT && c->pulse && !last) /* the groove's harmony goes on beneath */
        return LORIS_OK;
    for (int i = 0; i < sounding->count; i++)
        TRY(strike(c, r, h, PART_HARMONY, sounding->voice[i], held, until, v->chord + rise));
    return LORIS_OK;
}

loris_status accents_play(composer *c) {
    static const lane backbeats[] = {LANE_SNARE, LANE_CLAP};
    random_state r = composer_random(c, CONCERN_HITS);
    int strong = random_below(&r, 2);
    lane second[] = {[HIT_LIGHT] = backbeats[1 - strong],
                     [HIT_STRONG] = backbeats[strong],
                     [HIT_PEAK] = LANE_CRASH}; /* one drum a tier throughout a piece, so that it is heard as meant */
    for (size_t i = 0; i < c->hit_count; i++) {
        const hit *h = &c->hits[i];
        bool last = h->time >= c->ending;
        TRY(play_hit(c, &r, h, last ? LANE_CRASH : second[h->tier]));
        TRY(score_add_accent(c->out, (accent){h->time, h->strength}));
    }
    return LORIS_OK;
}
