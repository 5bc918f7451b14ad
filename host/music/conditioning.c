#include "music/conditioning.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TWO_PI 6.283185307179586476925286766559

static const double SPACING = 384.0 / 32000.0; /* seconds between frames */
static const double ACCENT_AFTER = 3, ACCENT_BEFORE = 0.48;

enum {
    LANE_FIRST = 12,
    DRUM_FRAMES = 25,
    PROGRAM_FIRST = 10,
    FEATURE_TEMPO = 49,
    FEATURE_DENSITY = 50,
    FEATURE_ONE = 51
};

/* The programs that the model knows, in the order of their features. */
static const int programs[FEATURE_TEMPO - PROGRAM_FIRST] = {0,  2,  4,  11, 12, 16, 24, 25, 26, 27, 28, 29, 30,
                                                            32, 33, 34, 36, 38, 39, 42, 43, 46, 48, 49, 56, 60,
                                                            61, 65, 66, 68, 73, 80, 81, 89, 90, 91, 92, 95, 98};

static const struct {
    int low, high, channel;
} range_of[PART_COUNT] = {[PART_BASS] = {28, 51, 22}, [PART_HARMONY] = {45, 81, 46}, [PART_LEAD] = {55, 91, 83}};

static double frame_time(ptrdiff_t i) {
    return ((double)i + 0.5) * SPACING;
}

/* A frame index from a time that may lie anywhere. */
static ptrdiff_t frame_index(double frames, ptrdiff_t count) {
    return frames < 0 ? -1 : frames > (double)count ? count : (ptrdiff_t)frames;
}

static ptrdiff_t frame_floor(double time, ptrdiff_t count) {
    return frame_index(floor(time / SPACING), count);
}

static void keep_larger(float *x, double v) {
    if (v > *x)
        *x = (float)v;
}

static void add_accent(float *level, ptrdiff_t frames, const accent *a) {
    ptrdiff_t at = frame_floor(a->time, frames);
    if (at >= 0 && at < frames)
        keep_larger(&level[at * CONDITIONING_CHANNELS], a->strength);
    ptrdiff_t first = frame_floor(a->time - ACCENT_BEFORE, frames),
              end = frame_floor(a->time + ACCENT_AFTER, frames) + 1;
    for (ptrdiff_t i = first < 0 ? 0 : first; i < frames && i <= end; i++) {
        float *row = &level[i * CONDITIONING_CHANNELS];
        double d = frame_time(i) - a->time;
        if (d >= 0 && d < ACCENT_AFTER) {
            keep_larger(&row[1], a->strength * exp(-d / 0.05));
            keep_larger(&row[2], a->strength * exp(-d / 0.2));
            keep_larger(&row[3], a->strength * exp(-d / 0.6));
        } else if (d < 0 && d > -ACCENT_BEFORE) {
            keep_larger(&row[4], a->strength * exp(d / 0.1));
        }
    }
}

static void add_pulse(float *level, ptrdiff_t frames, const score *s) {
    for (ptrdiff_t i = 0; s->bpm > 0 && i < frames; i++) {
        float *row = &level[i * CONDITIONING_CHANNELS];
        double beat = (frame_time(i) - s->offset) * s->bpm / 60;
        row[5] = (float)cos(TWO_PI * beat);
        row[6] = (float)sin(TWO_PI * beat);
        row[7] = (float)cos(TWO_PI * beat / 4);
        row[8] = (float)sin(TWO_PI * beat / 4);
        row[9] = (float)(beat / 16 - floor(beat / 16));
    }
}

static void add_sections(float *level, ptrdiff_t frames, const score *s) {
    for (size_t k = 0; k < s->section_count; k++) {
        double time = s->sections[k].time;
        ptrdiff_t first = frame_floor(time - SPACING, frames);
        for (ptrdiff_t i = first < 0 ? 0 : first; i < frames; i++)
            if (frame_time(i) >= time)
                level[i * CONDITIONING_CHANNELS + 10] = (float)s->sections[k].energy;
    }
}

static void add_drum(float *level, ptrdiff_t frames, const note *n) {
    double onset = floor(n->time / SPACING);
    if (onset <= -DRUM_FRAMES || onset >= (double)frames)
        return;
    ptrdiff_t at = (ptrdiff_t)onset, end = at + DRUM_FRAMES < frames ? at + DRUM_FRAMES : frames;
    for (ptrdiff_t i = at < 0 ? 0 : at; i < end; i++)
        keep_larger(&level[i * CONDITIONING_CHANNELS + LANE_FIRST + n->pitch],
                    n->velocity / 127.0 * exp(-(double)(i - at) * SPACING / 0.04));
}

static void add_held(float *level, ptrdiff_t frames, const note *n) {
    int low = range_of[n->part].low, high = range_of[n->part].high, pitch = n->pitch;
    while (pitch < low)
        pitch += 12;
    while (pitch > high)
        pitch -= 12;
    int channel = range_of[n->part].channel + pitch - low;

    double onset = floor(n->time / SPACING), release = fmax(onset + 1, ceil((n->time + n->duration) / SPACING));
    if (release <= 0 || onset >= (double)frames)
        return;
    ptrdiff_t first = onset < 0 ? 0 : (ptrdiff_t)onset, end = frame_index(release, frames);
    double velocity = n->velocity / 127.0;
    for (ptrdiff_t i = first; i < end; i++)
        keep_larger(&level[i * CONDITIONING_CHANNELS + channel], 0.5 * velocity);
    for (ptrdiff_t i = first; onset >= 0 && i < first + 2 && i < frames; i++)
        level[i * CONDITIONING_CHANNELS + channel] = (float)velocity; /* struck again: the later note counts */
}

static void make_first(float *level, ptrdiff_t frames, const score *s, bool given_score) {
    for (size_t i = 0; i < s->accent_count; i++)
        add_accent(level, frames, &s->accents[i]);
    add_pulse(level, frames, s);
    add_sections(level, frames, s);
    for (ptrdiff_t i = 0; i < frames; i++)
        level[i * CONDITIONING_CHANNELS + 11] = 1;
    for (size_t i = 0; given_score && i < s->note_count; i++) {
        if (s->notes[i].part == PART_DRUMS)
            add_drum(level, frames, &s->notes[i]);
        else
            add_held(level, frames, &s->notes[i]);
    }
}

static float largest(const float *x, int count) {
    float best = x[0];
    for (int i = 1; i < count; i++)
        best = x[i] > best ? x[i] : best;
    return best;
}

/* The 16 channels that the deeper levels keep of one frame of level 0. */
static void summarise(float out[CONDITIONING_DEEP_CHANNELS], const float *row) {
    memcpy(out, row, 12 * sizeof *out);
    out[12] = row[LANE_FIRST + LANE_KICK];
    out[13] = largest(row + LANE_FIRST + LANE_SNARE, 2); /* snare, clap */
    out[14] = largest(row + range_of[PART_BASS].channel, range_of[PART_BASS].high - range_of[PART_BASS].low + 1);
    out[15] =
        largest(row + range_of[PART_HARMONY].channel, range_of[PART_HARMONY].high - range_of[PART_HARMONY].low + 1);
}

static void join_pair(float *out, const float *a, const float *b) {
    for (int c = 0; c < CONDITIONING_DEEP_CHANNELS; c++)
        out[c] = (a[c] + b[c]) / 2;
    static const int peaks[] = {0, 12, 13};
    for (int i = 0; i < 3; i++)
        out[peaks[i]] = a[peaks[i]] > b[peaks[i]] ? a[peaks[i]] : b[peaks[i]];
}

static void make_deeper(conditioning *c) {
    for (size_t i = 0; i < c->frames / 2; i++) {
        float a[CONDITIONING_DEEP_CHANNELS], b[CONDITIONING_DEEP_CHANNELS];
        summarise(a, c->level[0] + 2 * i * CONDITIONING_CHANNELS);
        summarise(b, c->level[0] + (2 * i + 1) * CONDITIONING_CHANNELS);
        join_pair(c->level[1] + i * CONDITIONING_DEEP_CHANNELS, a, b);
    }
    for (int k = 2; k < CONDITIONING_LEVELS; k++)
        for (size_t i = 0; i < c->frames >> k; i++) {
            const float *pair = c->level[k - 1] + 2 * i * CONDITIONING_DEEP_CHANNELS;
            join_pair(c->level[k] + i * CONDITIONING_DEEP_CHANNELS, pair, pair + CONDITIONING_DEEP_CHANNELS);
        }
}

static loris_status make_features(float *f, const score *s) {
    f[s->style] = 1;
    for (int p = PART_BASS; p < PART_COUNT; p++) {
        int k = 0;
        while (k < FEATURE_TEMPO - PROGRAM_FIRST && programs[k] != s->program[p])
            k++;
        if (k == FEATURE_TEMPO - PROGRAM_FIRST)
            return fail(LORIS_ERROR_INPUT, "choose one that a style of the composer uses",
                        "General MIDI program %d (%s) is unknown to the model", s->program[p], part_name((part)p));
        f[PROGRAM_FIRST + k] = 1;
    }
    f[FEATURE_TEMPO] = (float)(s->bpm / 120);
    f[FEATURE_DENSITY] = (float)((double)s->accent_count / s->seconds / 4);
    f[FEATURE_ONE] = 1;
    return LORIS_OK;
}

loris_status conditioning_make(conditioning *out, const score *s, size_t frames, bool given_score) {
    *out = (conditioning){.frames = frames};
    if (frames == 0 || frames % CONDITIONING_MULTIPLE != 0)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "conditioning: %zu frames are not a positive multiple of %d", frames,
                    CONDITIONING_MULTIPLE);
    TRY(make_features(out->features, s));
    if (frames > PTRDIFF_MAX / sizeof(float) / (2 * CONDITIONING_CHANNELS))
        return fail_memory("the conditioning");
    size_t deep = frames / 2 + frames / 4 + frames / 8;
    float *block = calloc(frames * CONDITIONING_CHANNELS + deep * CONDITIONING_DEEP_CHANNELS, sizeof *block);
    if (!block)
        return fail_memory("the conditioning");
    out->level[0] = block;
    out->level[1] = block + frames * CONDITIONING_CHANNELS;
    for (int k = 2; k < CONDITIONING_LEVELS; k++)
        out->level[k] = out->level[k - 1] + (frames >> (k - 1)) * CONDITIONING_DEEP_CHANNELS;
    make_first(out->level[0], (ptrdiff_t)frames, s, given_score);
    make_deeper(out);
    return LORIS_OK;
}

void conditioning_free(conditioning *c) {
    if (!c)
        return;
    free(c->level[0]);
    *c = (conditioning){0};
}
