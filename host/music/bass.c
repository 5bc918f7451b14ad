/* Bass: roots on the style's rhythm, some fifths, walking lines that approach the next chord by a semitone. */
#include "music/composer.h"

enum { BASS_LOWEST = 36 };

static int bass_pitch(int pitch_class) {
    return BASS_LOWEST + (pitch_class + 12) % 12;
}

int bass_root(const chord *c) {
    return bass_pitch(c->tone[0]);
}

/* Stroke `j` of the bar: root, third, fifth, then a neighbour of the next root. */
static int walking(random_state *r, const chord *now, const chord *next, int j) {
    if (j % 4 < 3)
        return bass_pitch(now->tone[j % 4]);
    return bass_pitch(next->tone[0] + (random_below(r, 2) ? 1 : -1));
}

static loris_status play_bar(composer *c, random_state *r, size_t i, pattern line, double duration) {
    static const double QUIET = 0.2, FIFTHS = 0.25;
    const bar *b = &c->bars[i], *next = i + 1 < c->bar_count ? b + 1 : b;
    for (int k = 0, j = 0; k < SIXTEENTHS_PER_BAR; k++) {
        if (line[k] != 'x' || (j > 0 && b->energy <= QUIET))
            continue;
        int pitch = bass_root(&b->chord);
        if (c->profile->walking_bass)
            pitch = walking(r, &b->chord, &next->chord, j);
        else if (j > 0 && random_uniform(r) < FIFTHS)
            pitch = bass_pitch(b->chord.tone[2]);
        TRY(composer_play(c, r,
                          (phrase_note){.time = grid_time(&c->grid, b->index, k),
                                        .duration = duration,
                                        .until = b->end,
                                        .part = PART_BASS,
                                        .pitch = pitch,
                                        .velocity = 94 * b->loudness,
                                        .loose = 0.004}));
        j++;
    }
    return LORIS_OK;
}

loris_status bass_play(composer *c) {
    static const double HELD_VELOCITY = 68;
    random_state r = composer_random(c, CONCERN_BASS);
    if (!c->pulse) {
        for (size_t i = 0; i < c->bar_count; i++) {
            const bar *b = &c->bars[i];
            TRY(composer_play(c, &r,
                              (phrase_note){.time = b->start,
                                            .duration = b->end - b->start,
                                            .until = b->end,
                                            .part = PART_BASS,
                                            .pitch = bass_root(&b->chord),
                                            .velocity = HELD_VELOCITY * b->loudness,
                                            .loose = 0.004}));
        }
        return LORIS_OK;
    }
    pattern line = composer_pattern(&r, c->profile->bass_line);
    int strokes = 0;
    for (int k = 0; k < SIXTEENTHS_PER_BAR; k++)
        strokes += line[k] == 'x';
    double duration = grid_bar_seconds(&c->grid) / BEATS_PER_BAR * (strokes > 2 ? 0.45 : 1.8);
    for (size_t i = 0; i < c->bar_count; i++)
        TRY(play_bar(c, &r, i, line, duration));
    return LORIS_OK;
}
