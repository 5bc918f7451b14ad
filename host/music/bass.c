/* Bass: roots on the style's rhythm, some fifths and approaches to the next root; walking lines. */
#include "music/composer.h"

enum { BASS_LOWEST = 36 };

static int bass_pitch(int pitch_class) {
    return BASS_LOWEST + (pitch_class + 12) % 12;
}

int bass_root(const chord *c) {
    return bass_pitch(c->tone[0]);
}

/* The step of the scale below or above the coming root, as near to the sounding one as possible. */
static int approach(const composer *c, const chord *now, const chord *next) {
    int below = bass_pitch(harmony_pitch(&c->key, next->degree - 1) % 12),
        above = bass_pitch(harmony_pitch(&c->key, next->degree + 1) % 12), from = bass_root(now);
    return (below > from ? below - from : from - below) <= (above > from ? above - from : from - above) ? below : above;
}

/* Stroke `j` of the bar: root, third, fifth, then a neighbour of the next root. */
static int walking(random_state *r, const chord *now, const chord *next, int j) {
    if (j % 4 < 3)
        return bass_pitch(now->tone[j % 4]);
    return bass_pitch(next->tone[0] + (random_below(r, 2) ? 1 : -1));
}

typedef struct stroke {
    double time, duration;
    int number; /* within the bar */
    bool last;  /* of the bar */
} stroke;

static loris_status play_stroke(composer *c, random_state *r, const bar *b, const stroke *s) {
    static const double FIFTHS = 0.25, APPROACHES = 0.7;
    double bent = s->time;
    accents_bend(c, &bent);
    const change *at = harmony_at(c, bent), *next = harmony_at(c, b->end + 0.01);
    int pitch = bass_root(&at->chord);
    if (c->profile->walking_bass)
        pitch = walking(r, &at->chord, &next->chord, s->number);
    else if (s->number > 0 && s->last && next != at && random_uniform(r) < APPROACHES)
        pitch = approach(c, &at->chord, &next->chord);
    else if (s->number > 0 && random_uniform(r) < FIFTHS)
        pitch = bass_pitch(at->chord.tone[2]);
    return composer_play(c, r,
                         (phrase_note){.time = s->time,
                                       .duration = s->duration,
                                       .until = harmony_until(c, at),
                                       .part = PART_BASS,
                                       .pitch = pitch,
                                       .velocity = (s->number == 0 ? 86 : 78) * b->loudness,
                                       .loose = 0.004});
}

static loris_status play_bar(composer *c, random_state *r, const bar *b, pattern line) {
    static const double GATE = 0.85;
    for (int k = 0, number = 0; k < SIXTEENTHS_PER_BAR; k++) {
        if (line[k] != 'x')
            continue;
        int next = k + 1;
        while (next < SIXTEENTHS_PER_BAR && line[next] != 'x')
            next++;
        double time = grid_time(&c->grid, b->index, k), end = grid_time(&c->grid, b->index, next);
        if (time >= c->ending - 0.05)
            break;
        stroke s = {time, GATE * (end - time), number++, next == SIXTEENTHS_PER_BAR};
        TRY(play_stroke(c, r, b, &s));
    }
    return LORIS_OK;
}

/* A root under each chord, held. */
static loris_status play_held(composer *c, random_state *r, size_t from, double velocity) {
    for (size_t i = from; i < c->change_count; i++) {
        const change *at = &c->changes[i];
        double until = harmony_until(c, at);
        TRY(composer_play(c, r,
                          (phrase_note){.time = at->time,
                                        .duration = until - at->time,
                                        .until = until,
                                        .part = PART_BASS,
                                        .pitch = bass_root(&at->chord),
                                        .velocity = velocity,
                                        .loose = 0.004}));
    }
    return LORIS_OK;
}

loris_status bass_play(composer *c) {
    static const double HELD_VELOCITY = 66;
    random_state r = composer_random(c, CONCERN_BASS);
    if (!c->pulse)
        return play_held(c, &r, 0, HELD_VELOCITY);
    pattern line = composer_pattern(&r, c->profile->bass_line);
    for (size_t i = 0; i < c->bar_count; i++)
        if (c->bars[i].layers & LAYER_BASS)
            TRY(play_bar(c, &r, &c->bars[i], line));
    return c->ending < c->seconds ? play_held(c, &r, c->change_count - 1, HELD_VELOCITY) : LORIS_OK;
}
