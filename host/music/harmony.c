/* Key, chords, how their voices move, and comping. Harmony is diatonic: chords are degrees of one key. */
#include <math.h>
#include <stdlib.h>

#include "music/composer.h"

enum { SCALE_TONES = 7, PROGRESSIONS = 8, PROGRESSION_CHORDS = 4, ROOT_LOW = 40 };
enum { VOICE_LOW = 52, VOICE_HIGH = 79, VOICE_CENTRE = 64 };
enum { TONIC = 0, DOMINANT = 4, SIXTH = 5, SUBTONIC = 6 };

static const int major_scale[SCALE_TONES] = {0, 2, 4, 5, 7, 9, 11}, minor_scale[SCALE_TONES] = {0, 2, 3, 5, 7, 8, 10};

static const int progressions[2][PROGRESSIONS][PROGRESSION_CHORDS] = {
    {{0, 4, 5, 3}, {0, 5, 3, 4}, {0, 3, 5, 4}, {1, 4, 0, 0}, {0, 3, 0, 4}, {5, 3, 0, 4}, {0, 2, 3, 4}, {0, 5, 1, 4}},
    {{0, 5, 2, 6}, {0, 3, 6, 2}, {0, 5, 3, 6}, {0, 6, 5, 6}, {0, 3, 0, 6}, {0, 2, 5, 6}, {5, 6, 0, 0}, {0, 6, 3, 5}}};
/* major: I V vi IV, I vi IV V, I IV vi V, ii V I I, I IV I V, vi IV I V, I iii IV V, I vi ii V
 * minor: i VI III VII, i iv VII III, i VI iv VII, i VII VI VII, i iv i VII, i III VI VII, VI VII i i, i VII iv VI */

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

/* The progressions' form is A A B A over sections, with a half close before a new section and a full one at the end. */
static int degree_of_bar(const composer *c, size_t i) {
    const bar *b = &c->bars[i];
    int close = c->key.minor ? SUBTONIC : DOMINANT;
    bool before_ending = i + 1 < c->bar_count && c->ending < c->seconds && b->end <= c->ending + 0.1 &&
                         c->bars[i + 1].end > c->ending + 0.1;
    if (b->inside < 0 || before_ending || (b->last && c->pulse))
        return close;
    return c->key.progression[b->section % 4 == 2][b->inside % PROGRESSION_CHORDS];
}

/* The first peak of the picture in [from, to); NULL without one. */
static const hit *peak_within(const composer *c, double from, double to) {
    for (size_t i = 0; i < c->hit_count && c->hits[i].time < to; i++)
        if (c->hits[i].time >= from && c->hits[i].tier == HIT_PEAK)
            return &c->hits[i];
    return NULL;
}

/* Nothing changes to the same chord, unless it is to be struck `again` or a `peak` asks for another: then the chord's
 * relative, which has two tones in common with it, takes its place. */
static void add_change(composer *c, double time, int degree, bool again, bool peak) {
    change *last = c->change_count > 0 ? &c->changes[c->change_count - 1] : NULL;
    bool same = last && degree == last->chord.degree;
    if ((last && time <= last->time) || (same && !again && !peak))
        return;
    if (same && peak)
        degree = (degree + SIXTH) % SCALE_TONES;
    change *to = &c->changes[c->change_count++];
    *to = (change){.time = time, .chord = {.degree = degree, .count = c->key.sevenths ? 4 : 3}};
    for (int k = 0; k < to->chord.count; k++)
        to->chord.tone[k] = harmony_pitch(&c->key, degree + 2 * k) % 12;
    voice_chord(&to->chord, last ? &last->chord : NULL);
}

/* Bar i's chord, on a peak at or just after its start, and the next bar's, early, on a peak within it. */
static void change_in_bar(composer *c, size_t i) {
    static const double SOON = 0.25; /* seconds from a change to the next */
    const bar *b = &c->bars[i];
    const double end = fmin(b->end, c->ending - SOON);
    const hit *first = peak_within(c, b->start, fmin(b->start + SOON, end));
    double start = first && i > 0 ? first->time : b->start;
    add_change(c, start, degree_of_bar(c, i), false, first != NULL);
    const hit *peak = peak_within(c, start + SOON, end);
    if (peak)
        add_change(c, peak->time, degree_of_bar(c, i + 1 < c->bar_count ? i + 1 : i), false, true);
}

loris_status harmony_plan(composer *c) {
    random_state r = composer_random(c, CONCERN_HARMONY);
    choose_key(c, &r);
    c->changes = calloc(2 * c->bar_count + 1, sizeof *c->changes);
    if (!c->changes)
        return fail_memory("the chords");
    for (size_t i = 0; i < c->bar_count && (i == 0 || c->bars[i].start < c->ending); i++)
        change_in_bar(c, i);
    if (c->ending < c->seconds)
        add_change(c, c->ending, TONIC, true, false);
    return LORIS_OK;
}

const change *harmony_at(const composer *c, double time) {
    size_t low = 0, high = c->change_count; /* the first change after `time` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->changes[middle].time <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return &c->changes[low > 0 ? low - 1 : 0];
}

double harmony_until(const composer *c, const change *at) {
    return at + 1 < c->changes + c->change_count ? at[1].time : c->seconds;
}

static bool is_guitar(int program) {
    return program >= 24 && program <= 26;
}

static loris_status play_chord(composer *c, random_state *r, double time, double duration, double velocity) {
    double strum = is_guitar(c->out->program[PART_HARMONY]) ? 0.012 : 0, bent = time;
    accents_bend(c, &bent); /* a stroke moves onto a hit, and takes the chord that begins there */
    const change *at = harmony_at(c, bent);
    for (int i = 0; i < at->chord.count; i++)
        TRY(composer_play(c, r,
                          (phrase_note){.time = time + strum * i,
                                        .duration = duration,
                                        .until = harmony_until(c, at),
                                        .part = PART_HARMONY,
                                        .pitch = at->chord.voice[i],
                                        .velocity = velocity,
                                        .loose = 0.004}));
    return LORIS_OK;
}

/* Each chord once, held until the next. */
static loris_status play_held(composer *c, random_state *r, size_t from, double velocity) {
    for (size_t i = from; i < c->change_count; i++)
        TRY(play_chord(c, r, c->changes[i].time, harmony_until(c, &c->changes[i]) - c->changes[i].time, velocity));
    return LORIS_OK;
}

loris_status harmony_play(composer *c) {
    static const double HELD_VELOCITY = 86;
    random_state r = composer_random(c, CONCERN_COMPING);
    if (!c->pulse)
        return play_held(c, &r, 0, HELD_VELOCITY);
    const pattern strokes[2] = {composer_pattern(&r, c->profile->comping), composer_pattern(&r, c->profile->comping)};
    for (size_t i = 0; i < c->bar_count; i++) {
        const bar *b = &c->bars[i];
        pattern of_bar = strokes[b->section & 1];
        for (int k = 0; k < SIXTEENTHS_PER_BAR; k++) {
            double time = grid_time(&c->grid, b->index, k), end;
            int next = k + 1;
            while (next < SIXTEENTHS_PER_BAR && of_bar[next] != 'x')
                next++;
            end = grid_time(&c->grid, b->index, next);
            if (of_bar[k] == 'x' && time < c->ending - 0.05)
                TRY(play_chord(c, &r, time, c->profile->comping_gate * (end - time),
                               c->profile->harmony_velocity * b->loudness));
        }
    }
    return c->ending < c->seconds ? play_held(c, &r, c->change_count - 1, HELD_VELOCITY) : LORIS_OK;
}
