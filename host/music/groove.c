/* Drums: a pattern for the piece, layers by energy, fills into sections. */
#include "music/composer.h"

enum { FILL_BAR_CHOICES = 3 };

typedef struct kit {
    pattern kick, snare, hat, clave;
    lane snare_lane;
} kit;

static kit choose_kit(const composer *c, random_state *r) {
    static const pattern claves[] = {"x.....x.....x.......x...x.......", "x.....x.......x.....x...x.......", NULL};
    const style_profile *p = c->profile;
    return (kit){.kick = composer_pattern(r, p->kick),
                 .snare = composer_pattern(r, p->snare),
                 .hat = composer_pattern(r, p->hat),
                 .clave = claves[random_below(r, 2)],
                 .snare_lane = random_uniform(r) < p->clap ? LANE_CLAP : LANE_SNARE};
}

/* One stroke; a loud one is an accent of the music where the picture gives none. */
static loris_status strike(composer *c, random_state *r, const bar *b, lane with, int sixteenth, double velocity) {
    static const double ACCENTED = 90;
    double time = grid_time(&c->grid, b->index, sixteenth);
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

static loris_status play_layers(composer *c, random_state *r, const bar *b, const kit *k) {
    static const double DRUMS_FROM = 0.3, HATS_FROM = 0.45, TIMPANI_FROM = 0.5;
    const style_profile *p = c->profile;
    bool drums = b->energy > DRUMS_FROM || p->drums_always, busy = b->energy > HATS_FROM;
    for (int i = 0; i < SIXTEENTHS_PER_BAR; i++) {
        if (drums && k->kick[i] == 'x')
            TRY(strike(c, r, b, LANE_KICK, i, 112));
        if (drums && k->snare[i] == 'x')
            TRY(strike(c, r, b, k->snare_lane, i, 104));
        if (drums && k->hat[i] == 'x' && (busy || i % 4 == 0))
            TRY(strike(c, r, b, p->hat_lane, i, i % 4 == 0 ? 74 : 56));
        if (drums && p->clave && k->clave[(b->index & 1) * SIXTEENTHS_PER_BAR + i] == 'x')
            TRY(strike(c, r, b, LANE_PERCUSSION, i, 80));
        if (p->timpani && b->energy > TIMPANI_FROM && k->kick[i] == 'x')
            TRY(strike(c, r, b, LANE_TOM, i, 90));
    }
    return LORIS_OK;
}

/* The last bar of a section leads into the next; a crash opens that. */
static loris_status play_ornaments(composer *c, random_state *r, const bar *b) {
    static const pattern fills[FILL_BAR_CHOICES] = {"............xxxx", "..........x.x.xx", ".............x.x"};
    if (b->last && c->profile->fills) {
        pattern fill = fills[random_below(r, FILL_BAR_CHOICES)];
        lane with = random_below(r, 2) ? LANE_TOM : LANE_SNARE;
        for (int i = 0; i < SIXTEENTHS_PER_BAR; i++)
            if (fill[i] == 'x')
                TRY(strike(c, r, b, with, i, 96));
    }
    if (b->inside == 0 && b->section > 0 && c->profile->crashes)
        TRY(strike(c, r, b, LANE_CRASH, 0, 100));
    return LORIS_OK;
}

loris_status groove_play(composer *c) {
    if (!c->pulse)
        return LORIS_OK;
    random_state r = composer_random(c, CONCERN_GROOVE);
    kit k = choose_kit(c, &r);
    for (size_t i = 0; i < c->bar_count; i++) {
        TRY(play_layers(c, &r, &c->bars[i], &k));
        TRY(play_ornaments(c, &r, &c->bars[i]));
    }
    return LORIS_OK;
}
