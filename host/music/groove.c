/* Drums: two patterns a piece, layers by the arrangement, ghost notes, fills and builds into sections. */
#include "music/composer.h"

enum { FILL_BAR_CHOICES = 4, PHRASE_BARS = 4 };

typedef struct kit {
    pattern kick[2], snare, hat, ghost, clave; /* kick[1]: the last bar of four */
    lane snare_lane, fill_lane;
} kit;

static kit choose_kit(const composer *c, random_state *r) {
    static const pattern claves[] = {"x.....x.....x.......x...x.......", "x.....x.......x.....x...x.......", NULL};
    const style_profile *p = c->profile;
    return (kit){.kick = {composer_pattern(r, p->kick), composer_pattern(r, p->kick)},
                 .snare = composer_pattern(r, p->snare),
                 .hat = composer_pattern(r, p->hat),
                 .ghost = composer_pattern(r, p->ghost),
                 .clave = claves[random_below(r, 2)],
                 .snare_lane = random_uniform(r) < p->clap ? LANE_CLAP : LANE_SNARE,
                 .fill_lane = random_below(r, 2) ? LANE_TOM : LANE_SNARE};
}

/* One stroke; a loud one is an accent of the music where the picture gives none. */
static loris_status strike(composer *c, random_state *r, const bar *b, lane with, int sixteenth, double velocity) {
    static const double ACCENTED = 84;
    double time = grid_time(&c->grid, b->index, sixteenth);
    if (time >= c->ending - 0.05)
        return LORIS_OK;
    TRY(composer_play(c, r,
                      (phrase_note){.time = time,
                                    .duration = 0.1,
                                    .until = c->seconds,
                                    .part = PART_DRUMS,
                                    .pitch = (int)with,
                                    .velocity = velocity * b->loudness,
                                    .loose = 0.002}));
    if (c->followed || velocity < ACCENTED || time < 0 || time >= c->seconds)
        return LORIS_OK;
    double weight = sixteenth % 8 == 0 ? 1 : sixteenth % 4 == 0 ? 0.85 : 0.7;
    return score_add_accent(c->out, (accent){time, weight * b->loudness});
}

/* The bar's patterns, up to the fill. */
static loris_status play_layers(composer *c, random_state *r, const bar *b, const kit *k, int end) {
    static const double TIMPANI_FROM = 0.5;
    const style_profile *p = c->profile;
    bool drums = b->layers & LAYER_DRUMS, hats = b->layers & LAYER_HATS, busy = b->layers & LAYER_BUSY;
    pattern kick = k->kick[b->inside % PHRASE_BARS == PHRASE_BARS - 1];
    for (int i = 0; i < end; i++) {
        bool on_beat = i % 4 == 0;
        if (drums && kick[i] == 'x')
            TRY(strike(c, r, b, LANE_KICK, i, 88));
        if (drums && k->snare[i] == 'x')
            TRY(strike(c, r, b, k->snare_lane, i, 84));
        if (hats && k->hat[i] == 'x' && (busy || on_beat || p->hat_lane == LANE_OPENHAT))
            TRY(strike(c, r, b, p->hat_lane, i, on_beat ? 72 : 58));
        if (drums && busy && k->ghost[i] == 'x')
            TRY(strike(c, r, b, LANE_SNARE, i, 46));
        if (drums && busy && p->clave && k->clave[(b->index & 1) * SIXTEENTHS_PER_BAR + i] == 'x')
            TRY(strike(c, r, b, LANE_PERCUSSION, i, 74));
        if (p->timpani && b->energy > TIMPANI_FROM && kick[i] == 'x')
            TRY(strike(c, r, b, LANE_TOM, i, 80));
    }
    return LORIS_OK;
}

/* A roll of eighths, then sixteenths, that grows through the bar. */
static loris_status play_build(composer *c, random_state *r, const bar *b) {
    for (int i = 0; i < SIXTEENTHS_PER_BAR; i += i < SIXTEENTHS_PER_BAR / 2 ? 2 : 1)
        TRY(strike(c, r, b, LANE_SNARE, i, 50 + 2.2 * i));
    return LORIS_OK;
}

static loris_status play_bar(composer *c, random_state *r, const bar *b, const kit *k) {
    static const pattern fills[FILL_BAR_CHOICES] = {"............xxxx", "..........x.x.xx", ".............x.x",
                                                    "........x..x..xx"};
    int end = SIXTEENTHS_PER_BAR;
    if (b->layers & LAYER_BUILD) {
        TRY(play_build(c, r, b));
    } else if (b->layers & LAYER_FILL) {
        pattern fill = fills[random_below(r, FILL_BAR_CHOICES)];
        end = SIXTEENTHS_PER_BAR / 2;
        for (int i = 0, strokes = 0; i < SIXTEENTHS_PER_BAR; i++)
            if (fill[i] == 'x')
                TRY(strike(c, r, b, k->fill_lane, i, 72 + 6 * strokes++));
    }
    TRY(play_layers(c, r, b, k, end));
    if (b->inside == 0 && b->section > 0 && c->profile->crashes)
        TRY(strike(c, r, b, LANE_CRASH, 0, 84));
    return LORIS_OK;
}

/* The ending's stroke, where the picture gives none. */
static loris_status play_ending(composer *c, random_state *r) {
    static const lane with[] = {LANE_KICK, LANE_CRASH};
    bool drums = c->profile->drums_always || c->profile->fills;
    if (c->ending >= c->seconds || !drums || (c->hit_count > 0 && c->hits[c->hit_count - 1].time >= c->ending))
        return LORIS_OK;
    for (int i = 0; i < 2; i++)
        TRY(composer_play(c, r,
                          (phrase_note){.time = c->ending,
                                        .duration = 0.1,
                                        .until = c->seconds,
                                        .part = PART_DRUMS,
                                        .pitch = (int)with[i],
                                        .velocity = 88}));
    return c->followed ? LORIS_OK : score_add_accent(c->out, (accent){c->ending, 1});
}

loris_status groove_play(composer *c) {
    if (!c->pulse)
        return LORIS_OK;
    random_state r = composer_random(c, CONCERN_GROOVE);
    kit k = choose_kit(c, &r);
    for (size_t i = 0; i < c->bar_count; i++)
        TRY(play_bar(c, &r, &c->bars[i], &k));
    return play_ending(c, &r);
}
