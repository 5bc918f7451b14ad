/* Who plays when: the intro, layers that enter and leave with the sections, what leads into them, and the ending. */
#include <math.h>

#include "music/composer.h"

enum { INTRO_FROM = 8, INTRO_BARS = 2, PHRASE_BARS = 4 };
static const double DRUMS_FROM = 0.3, HATS_FROM = 0.3, BUSY_FROM = 0.45, LEAD_FROM = 0.35, BASS_FROM = 0.1;
static const double RISE = 0.12; /* of energy into the next section that is worth a build, or a fall to thin out for */

static double energy_before(const composer *c, size_t i) {
    return i >= (size_t)c->bars[i].inside + 1 ? c->bars[i - (size_t)c->bars[i].inside - 1].energy : c->bars[i].energy;
}

static unsigned layers_by_energy(const composer *c, const bar *b) {
    const style_profile *p = c->profile;
    unsigned layers = 0;
    layers |= b->energy > DRUMS_FROM || p->drums_always ? LAYER_DRUMS : 0;
    layers |= b->energy > HATS_FROM || p->drums_always ? LAYER_HATS : 0;
    layers |= b->energy > BUSY_FROM ? LAYER_BUSY : 0;
    layers |= b->energy > BASS_FROM ? LAYER_BASS : 0;
    return layers;
}

/* The melody rests in every third section, so that its return is heard; the last section has it. */
static bool has_lead(const composer *c, const bar *b, int sections) {
    bool turn = b->section % 3 != 2 || b->section == sections - 1;
    return b->inside >= 0 && (c->profile->lead_always || (turn && b->energy > LEAD_FROM));
}

static void plan_bar(composer *c, size_t i, int sections, bool intro) {
    bar *b = &c->bars[i];
    bool opening = intro && b->section == 0 && b->inside < INTRO_BARS;
    b->layers = layers_by_energy(c, b);
    if (has_lead(c, b, sections))
        b->layers |= LAYER_LEAD;
    if (opening) /* hats and chords first; the drums with the second bar, where the style lives by them */
        b->layers &= ~(unsigned)(LAYER_LEAD | LAYER_BUSY | (c->profile->drums_always ? 0 : LAYER_DRUMS));
    if (opening && b->inside < 1)
        b->layers &= ~(unsigned)LAYER_BASS;
    if (!opening && b->inside >= 0 && b->inside < PHRASE_BARS / 2 && b->section > 0 &&
        energy_before(c, i) - b->energy > RISE)
        b->layers &= ~(unsigned)LAYER_BUSY;
    if (b->last && c->profile->fills)
        b->layers |= i + 1 < c->bar_count && c->bars[i + 1].energy - b->energy > RISE ? LAYER_BUILD : LAYER_FILL;
}

/* The last accent, if the chord struck there can be held to the end; otherwise a downbeat near the end. */
static double find_ending(const composer *c) {
    static const double LONGEST_HOLD = 3, SHORTEST_HOLD = 0.9, SHORTEST_CLIP = 6;
    if (c->seconds < SHORTEST_CLIP || c->bar_count == 0)
        return c->seconds;
    double hold = c->pulse ? fmin(fmax(1.25 * grid_bar_seconds(&c->grid), 2), LONGEST_HOLD) : LONGEST_HOLD;
    if (c->hit_count > 0 && c->hits[c->hit_count - 1].time >= c->seconds - hold)
        return c->hits[c->hit_count - 1].time;
    for (size_t i = c->bar_count; c->pulse && i-- > 1;)
        if (c->bars[i].start <= c->seconds - SHORTEST_HOLD)
            return c->bars[i].start;
    return c->seconds;
}

void arrangement_plan(composer *c) {
    int sections = c->bar_count ? c->bars[c->bar_count - 1].section + 1 : 0;
    for (size_t i = 0; i < c->bar_count; i++)
        plan_bar(c, i, sections, c->bar_count >= INTRO_FROM);
    c->ending = find_ending(c);
}
