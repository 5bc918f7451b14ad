/* The lead. Phrases of four bars: a motif, its echo that ends in a rest, the motif a step away, a close on a long tone
 * of the chord; then as many bars of silence where the style has no lead throughout. On strong positions it takes tones
 * of the chord and moves by steps between. Without a pulse: single notes on some of the hits. */
#include <math.h>
#include <stdlib.h>

#include "music/composer.h"

enum { EIGHTHS_PER_BAR = 8, PHRASE_BARS = 4, REST = 99 };
static const double LONGEST = 0.8;        /* seconds of a note: longer ones, which the network never saw, swell */
enum { PITCH_LOW = 64, PITCH_HIGH = 81 }; /* higher, the network gives pure tones far more than their share */

typedef struct tune {
    int aim[PHRASE_BARS][EIGHTHS_PER_BAR];     /* degrees from the last note, or REST */
    double hold[PHRASE_BARS][EIGHTHS_PER_BAR]; /* share of the time to the next note that a note sounds */
    int shift;                                 /* semitones from the key's octave to the lead's register */
    int low, high;                             /* degrees of that register */
    int degree;                                /* the latest note's */
} tune;

/* A motif of one bar: a note to begin with, or an eighth later, and three or four more. */
static void choose_motif(random_state *r, int *aim) {
    static const int moves[] = {-1, 1, 0, 1, -1, 2, -2};
    for (int i = 0; i < EIGHTHS_PER_BAR; i++)
        aim[i] = REST;
    int start = random_below(r, 4) == 0;
    aim[start] = moves[random_below(r, 7)];
    for (int left = 3 + random_below(r, 2); left > 0;) {
        int i = start + 1 + random_below(r, EIGHTHS_PER_BAR - 1 - start);
        if (aim[i] != REST)
            continue;
        aim[i] = moves[random_below(r, 7)];
        left--;
    }
}

static void choose_form(random_state *r, tune *t) {
    static const int closes[][EIGHTHS_PER_BAR] = {{1, REST, -1, REST, -1, REST, REST, REST},
                                                  {-1, REST, REST, -1, 0, REST, REST, REST},
                                                  {1, 1, -1, REST, -1, REST, REST, REST},
                                                  {0, REST, 1, 1, -1, REST, REST, REST}};
    int sequence = random_below(r, 2) ? 1 : -1, breath = 4 + random_below(r, 2), close = random_below(r, 4);
    double legato = random_range(r, 0.55, 0.95);
    choose_motif(r, t->aim[0]);
    for (int i = 0; i < EIGHTHS_PER_BAR; i++) {
        t->aim[1][i] = i < breath ? t->aim[0][(i + EIGHTHS_PER_BAR / 2) % EIGHTHS_PER_BAR] : REST;
        t->aim[2][i] = t->aim[0][i];
        t->aim[3][i] = closes[close][i];
        for (int b = 0; b < PHRASE_BARS; b++)
            t->hold[b][i] = legato;
    }
    for (int i = 0; i < EIGHTHS_PER_BAR; i++)
        if (t->aim[2][i] != REST) {
            t->aim[2][i] += sequence;
            break;
        }
}

static tune choose_tune(const composer *c, random_state *r) {
    tune t = {0};
    while (harmony_pitch(&c->key, 0) + t.shift < PITCH_LOW - 4)
        t.shift += 12;
    t.low = -SIXTEENTHS_PER_BAR;
    while (harmony_pitch(&c->key, t.low) + t.shift < PITCH_LOW)
        t.low++;
    t.high = t.low;
    while (harmony_pitch(&c->key, t.high + 1) + t.shift <= PITCH_HIGH)
        t.high++;
    t.degree = t.low + 2 + random_below(r, t.high - t.low - 3);
    choose_form(r, &t);
    return t;
}

/* The degree nearest to `wanted` that does not clash with the chord and, when `strong`, belongs to it. */
static int settle(const composer *c, const tune *t, const chord *over, int wanted, bool strong) {
    int best = t->low, distance = 99;
    for (int d = t->low; d <= t->high; d++) {
        int pitch = harmony_pitch(&c->key, d);
        if (chord_clashes(over, pitch) || (strong && !chord_has(over, pitch)) || abs(d - wanted) >= distance)
            continue;
        best = d;
        distance = abs(d - wanted);
    }
    return best;
}

static loris_status play_note(composer *c, random_state *r, const bar *b, tune *t, int eighth, int next, double hold) {
    int row = b->inside % PHRASE_BARS;
    double time = grid_time(&c->grid, b->index, 2 * eighth), bent = time;
    accents_bend(c, &bent);
    const change *at = harmony_at(c, bent);
    bool strong = eighth % 4 == 0 || row == PHRASE_BARS - 1;
    double duration = hold * (grid_time(&c->grid, b->index, 2 * next) - time);
    t->degree = settle(c, t, &at->chord, t->degree + t->aim[row][eighth], strong);
    return composer_play(c, r,
                         (phrase_note){.time = time,
                                       .duration = fmin(duration, LONGEST),
                                       .until = harmony_until(c, at),
                                       .part = PART_LEAD,
                                       .pitch = harmony_pitch(&c->key, t->degree) + t->shift,
                                       .velocity = (strong ? 74 : 68) * b->loudness,
                                       .loose = 0.004});
}

static loris_status play_bar(composer *c, random_state *r, const bar *b, tune *t) {
    enum { FILL_FROM = 5 }; /* the last bar of a section leaves room for the fill */
    int row = b->inside % PHRASE_BARS, end = b->last ? FILL_FROM : EIGHTHS_PER_BAR;
    for (int j = 0; j < end; j++) {
        int next = j + 1;
        if (t->aim[row][j] == REST || grid_time(&c->grid, b->index, 2 * j) >= c->ending - 0.05)
            continue;
        while (next < EIGHTHS_PER_BAR - (row == PHRASE_BARS - 1) && t->aim[row][next] == REST)
            next++;
        TRY(play_note(c, r, b, t, j, next, t->hold[row][j]));
    }
    return LORIS_OK;
}

/* On about half of the hits: a tone of the chord near the last one. */
static loris_status play_free(composer *c, random_state *r) {
    int last = (PITCH_LOW + PITCH_HIGH) / 2;
    for (size_t i = 0; i < c->hit_count; i++) {
        const hit *h = &c->hits[i];
        const change *at = harmony_at(c, h->time);
        int wanted = last + random_below(r, 11) - 5, pitch = -1;
        for (int p = PITCH_LOW; p <= PITCH_HIGH; p++)
            if (chord_has(&at->chord, p) && !chord_clashes(&at->chord, p) &&
                (pitch < 0 || abs(p - wanted) < abs(pitch - wanted)))
                pitch = p;
        if (random_below(r, 2) || pitch < 0)
            continue;
        last = pitch;
        TRY(composer_play(c, r,
                          (phrase_note){.time = h->time,
                                        .duration = 0.8,
                                        .until = harmony_until(c, at),
                                        .part = PART_LEAD,
                                        .pitch = pitch,
                                        .velocity = 52 + 28 * h->strength,
                                        .loose = 0.002}));
    }
    return LORIS_OK;
}

loris_status melody_play(composer *c) {
    random_state r = composer_random(c, CONCERN_MELODY);
    if (!c->pulse)
        return play_free(c, &r);
    tune t = choose_tune(c, &r);
    for (size_t i = 0; i < c->bar_count; i++) {
        const bar *b = &c->bars[i];
        bool turn = c->profile->lead_always || b->inside / PHRASE_BARS % 2 == 0;
        if (turn && b->layers & LAYER_LEAD)
            TRY(play_bar(c, &r, b, &t));
    }
    return LORIS_OK;
}
