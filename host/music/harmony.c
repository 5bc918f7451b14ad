/* Key, chords, how their voices move, and comping. Harmony is diatonic: chords are degrees of one key. */
#include <math.h>
#include <stdlib.h>

#include "music/composer.h"

enum { SCALE_TONES = 7, PROGRESSIONS = 5, PROGRESSION_CHORDS = 4, ROOT_LOW = 40 };
enum { VOICE_LOW = 50, VOICE_HIGH = 76, VOICE_CENTRE = 61 };

static const int major_scale[SCALE_TONES] = {0, 2, 4, 5, 7, 9, 11}, minor_scale[SCALE_TONES] = {0, 2, 3, 5, 7, 8, 10};

static const int progressions[2][PROGRESSIONS][PROGRESSION_CHORDS] = {
    {{0, 4, 5, 3}, {0, 5, 3, 4}, {0, 3, 5, 4}, {1, 4, 0, 0}, {0, 3, 0, 4}},  /* major: I V vi IV, I vi IV V, ... */
    {{0, 5, 2, 6}, {0, 3, 6, 2}, {0, 5, 3, 6}, {0, 6, 5, 6}, {0, 3, 0, 6}}}; /* minor: i VI III VII, ... */

static int floor_div(int a, int b) {
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

int harmony_pitch(const tonality *k, int degree) {
    int octave = floor_div(degree, SCALE_TONES);
    return k->root + 12 * octave + k->scale[degree - SCALE_TONES * octave];
}

bool chord_has(const chord *c, int pitch) {
    for (int i = 0; i < c->count; i++)
        if (c->tone[i] == pitch % 12)
            return true;
    return false;
}

bool chord_clashes(const chord *c, int pitch) {
    for (int i = 0; i < c->count; i++) {
        int interval = (pitch - c->tone[i] + 12) % 12;
        if (interval == 1 || interval == 11)
            return true;
    }
    return false;
}

static void choose_key(composer *c, random_state *r) {
    tonality *k = &c->key;
    k->minor = random_uniform(r) < c->profile->minor;
    k->scale = k->minor ? minor_scale : major_scale;
    k->root = ROOT_LOW + random_below(r, 12);
    for (int i = 0; i < 2; i++)
        k->progression[i] = progressions[k->minor][random_below(r, PROGRESSIONS)];
    k->sevenths = random_uniform(r) < c->profile->sevenths;
}

/* What it costs to go from `before` (NULL at the start) to a voicing: the semitones that voices move, and leaving the
 * middle. */
static double voicing_cost(const int *voice, int count, const chord *before) {
    double cost = 0, sum = 0;
    for (int i = 0; i < count; i++) {
        sum += voice[i];
        cost += before ? abs(voice[i] - before->voice[i]) : 0;
    }
    return cost + 0.5 * fabs(sum / count - VOICE_CENTRE);
}

/* Close positions of the chord: the inversion and octave that move the voices least. Inversions with two voices a
 * semitone apart sound harsh and are passed over. */
static void voice_chord(chord *to, const chord *before) {
    double best = HUGE_VAL;
    for (int lowest = VOICE_LOW; lowest <= VOICE_HIGH - 8; lowest++) {
        for (int inversion = 0; inversion < to->count; inversion++) {
            int voice[CHORD_TONES] = {lowest};
            bool harsh = false;
            if (to->tone[inversion] != lowest % 12)
                continue;
            for (int i = 1; i < to->count; i++) {
                int interval = (to->tone[(inversion + i) % to->count] - voice[i - 1] % 12 + 12) % 12;
                voice[i] = voice[i - 1] + interval;
                harsh |= interval == 1;
            }
            double cost = voicing_cost(voice, to->count, before);
            if (harsh || voice[to->count - 1] > VOICE_HIGH || cost >= best)
                continue;
            best = cost;
            for (int i = 0; i < to->count; i++)
                to->voice[i] = voice[i];
        }
    }
}

void harmony_plan(composer *c) {
    random_state r = composer_random(c, CONCERN_HARMONY);
    choose_key(c, &r);
    for (size_t i = 0; i < c->bar_count; i++) {
        bar *b = &c->bars[i];
        const int *progression = c->key.progression[b->section / 2 % 2];
        chord *to = &b->chord;
        to->degree = progression[b->inside < 0 ? PROGRESSION_CHORDS - 1 : b->inside % PROGRESSION_CHORDS];
        to->count = c->key.sevenths ? 4 : 3;
        for (int k = 0; k < to->count; k++)
            to->tone[k] = harmony_pitch(&c->key, to->degree + 2 * k) % 12;
        voice_chord(to, i > 0 ? &c->bars[i - 1].chord : NULL);
    }
}

static bool is_guitar(int program) {
    return program >= 24 && program <= 26;
}

static loris_status play_chord(composer *c, random_state *r, const bar *b, double time, double duration,
                               double velocity) {
    double strum = is_guitar(c->out->program[PART_HARMONY]) ? 0.012 : 0;
    for (int i = 0; i < b->chord.count; i++)
        TRY(composer_play(c, r,
                          (phrase_note){.time = time + strum * i,
                                        .duration = duration,
                                        .until = b->end,
                                        .part = PART_HARMONY,
                                        .pitch = b->chord.voice[i],
                                        .velocity = velocity * b->loudness,
                                        .loose = 0.004}));
    return LORIS_OK;
}

loris_status harmony_play(composer *c) {
    static const double HELD_VELOCITY = 60, GATE = 0.8;
    random_state r = composer_random(c, CONCERN_COMPING);
    if (!c->pulse) {
        for (size_t i = 0; i < c->bar_count; i++)
            TRY(play_chord(c, &r, &c->bars[i], c->bars[i].start, c->bars[i].end - c->bars[i].start, HELD_VELOCITY));
        return LORIS_OK;
    }
    pattern rhythm_of_bar = composer_pattern(&r, c->profile->comping);
    int strokes = 0;
    for (int k = 0; k < SIXTEENTHS_PER_BAR; k++)
        strokes += rhythm_of_bar[k] == 'x';
    double duration = GATE * grid_bar_seconds(&c->grid) / (strokes > 0 ? strokes : 1);
    for (size_t i = 0; i < c->bar_count; i++)
        for (int k = 0; k < SIXTEENTHS_PER_BAR; k++)
            if (rhythm_of_bar[k] == 'x')
                TRY(play_chord(c, &r, &c->bars[i], grid_time(&c->grid, c->bars[i].index, k), duration,
                               c->profile->harmony_velocity));
    return LORIS_OK;
}
