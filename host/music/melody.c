/* The lead: a motif of eight eighths, turned to chord tones on strong positions and moved by steps between; two bars
 * sound, two rest. Without a pulse: single notes on some of the hits. */
#include <stdlib.h>

#include "music/composer.h"

enum { MOTIF_EIGHTHS = 8, EIGHTHS_PER_BAR = 8, REST = 99 };
enum { DEGREE_LOW = 4, DEGREE_HIGH = 15, PITCH_LOWEST = 60 }; /* 19 semitones: 60..71 up to 79..90 */

typedef struct tune {
    int motif[MOTIF_EIGHTHS]; /* REST, or where the note aims from the last one where it falls on a strong position */
    int step[MOTIF_EIGHTHS];  /* and where it steps elsewhere */
    int shift;                /* semitones from the key's octave to the lead's register */
    int degree;               /* the latest note's */
} tune;

static tune choose_tune(const composer *c, random_state *r) {
    static const int leaps[] = {-2, -1, 0, 1, 2}, moves[] = {-1, 1, 0, 1, -1, 2, -2};
    tune t = {.degree = 5 + random_below(r, 7)};
    for (int i = 0; i < MOTIF_EIGHTHS; i++) {
        t.motif[i] = REST;
        t.step[i] = moves[random_below(r, 7)];
    }
    t.motif[0] = leaps[random_below(r, 5)]; /* the motif begins with a note and has three to five more, anywhere */
    for (int left = 3 + random_below(r, 3); left > 0;) {
        int i = random_below(r, MOTIF_EIGHTHS);
        if (t.motif[i] != REST)
            continue;
        t.motif[i] = leaps[random_below(r, 5)];
        left--;
    }
    while (harmony_pitch(&c->key, DEGREE_LOW) + t.shift < PITCH_LOWEST)
        t.shift += 12;
    return t;
}

/* The degree nearest to `wanted` that does not clash with the chord and, when `strong`, belongs to it. */
static int settle(const composer *c, const chord *over, int wanted, bool strong) {
    int best = wanted, distance = DEGREE_HIGH;
    for (int d = DEGREE_LOW; d <= DEGREE_HIGH; d++) {
        int pitch = harmony_pitch(&c->key, d);
        if (chord_clashes(over, pitch) || (strong && !chord_has(over, pitch)) || abs(d - wanted) >= distance)
            continue;
        best = d;
        distance = abs(d - wanted);
    }
    return best;
}

/* The motif's answer in odd bars starts from its second half. */
static int motif_at(const tune *t, const bar *b, int eighth) {
    return t->motif[(eighth + (b->index & 1) * MOTIF_EIGHTHS / 2) % MOTIF_EIGHTHS];
}

static loris_status play_bar(composer *c, random_state *r, const bar *b, tune *t) {
    enum { FILL_FROM = 5 }; /* the last bar of a section leaves room for the fill */
    double beat = 60 / c->grid.bpm;
    int end = b->last ? FILL_FROM : EIGHTHS_PER_BAR;
    for (int j = 0; j < end; j++) {
        int place = motif_at(t, b, j), next = j + 1;
        if (place == REST)
            continue;
        bool strong = j % 4 == 0;
        t->degree = settle(c, &b->chord, strong ? t->degree + place : t->degree + t->step[j], strong);
        while (next < EIGHTHS_PER_BAR && motif_at(t, b, next) == REST)
            next++;
        double duration = beat * (random_below(r, 2) ? 0.9 : 0.45), gap = beat / 2 * (next - j);
        TRY(composer_play(c, r,
                          (phrase_note){.time = grid_time(&c->grid, b->index, 2 * j),
                                        .duration = duration < gap ? duration : gap,
                                        .until = b->end,
                                        .part = PART_LEAD,
                                        .pitch = harmony_pitch(&c->key, t->degree) + t->shift,
                                        .velocity = 82 * b->loudness,
                                        .loose = 0.004}));
    }
    return LORIS_OK;
}

/* On about half of the hits: a voice of the chord, an octave up. */
static loris_status play_free(composer *c, random_state *r) {
    size_t at = 0;
    for (size_t i = 0; i < c->hit_count; i++) {
        const hit *h = &c->hits[i];
        while (at + 1 < c->bar_count && c->bars[at].end <= h->time)
            at++;
        const chord *over = &c->bars[at].chord;
        int choices[CHORD_TONES], count = 0;
        for (int k = 0; k < over->count; k++)
            if (!chord_clashes(over, over->voice[k]))
                choices[count++] = over->voice[k] + 12;
        if (random_below(r, 2))
            TRY(composer_play(c, r,
                              (phrase_note){.time = h->time,
                                            .duration = 0.6,
                                            .until = c->bars[at].end,
                                            .part = PART_LEAD,
                                            .pitch = choices[random_below(r, count)],
                                            .velocity = 55 + 35 * h->strength,
                                            .loose = 0.002}));
    }
    return LORIS_OK;
}

loris_status melody_play(composer *c) {
    static const double LEAD_FROM = 0.4;
    random_state r = composer_random(c, CONCERN_MELODY);
    if (!c->pulse)
        return play_free(c, &r);
    tune t = choose_tune(c, &r);
    for (size_t i = 0; i < c->bar_count; i++) {
        const bar *b = &c->bars[i];
        bool sounding = b->inside >= 0 && b->inside / 2 % 2 == 0 && b->energy > LEAD_FROM;
        if (sounding || c->profile->lead_always)
            TRY(play_bar(c, &r, b, &t));
    }
    return LORIS_OK;
}
