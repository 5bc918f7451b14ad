/* The grid: a tempo and where its bars begin. */
#include <math.h>

#include "music/composer.h"

#define TWO_PI 6.283185307179586476925286766559

double grid_bar_seconds(const grid *g) {
    return BEATS_PER_BAR * 60 / g->bpm;
}

double grid_time(const grid *g, int at_bar, int sixteenth) {
    double x = sixteenth / 4.0, whole = floor(x), rest = x - whole;
    rest = rest < 0.5 ? rest * 2 * g->swing : g->swing + (rest - 0.5) * 2 * (1 - g->swing);
    return g->offset + (at_bar * BEATS_PER_BAR + whole + rest) * 60 / g->bpm;
}

/* The straight line through the beats, least squares, beats missing between some allowed for: time = *first + k *
 * *period. False when there are too few or the line departs from the stated tempo by more than 4 %. */
static bool fit_beats(const rhythm *r, double *first, double *period) {
    enum { FEWEST = 4 };
    if (r->beat_count < FEWEST)
        return false;
    double step = 60 / r->bpm, k = 0, n = (double)r->beat_count, sk = 0, st = 0, skk = 0, skt = 0;
    double origin = r->beats[0]; /* sums are taken from here to keep their digits */
    for (size_t i = 0; i < r->beat_count; i++) {
        if (i > 0)
            k += fmax(1, round((r->beats[i] - r->beats[i - 1]) / step));
        double t = r->beats[i] - origin;
        sk += k;
        st += t;
        skk += k * k;
        skt += k * t;
    }
    double slope = (n * skt - sk * st) / (n * skk - sk * sk);
    if (!(fabs(slope / step - 1) < 0.04))
        return false;
    *period = slope;
    *first = origin + (st - slope * sk) / n;
    return true;
}

double tempo_of_rhythm(const rhythm *r) {
    double first, period;
    if (!(r->bpm > 0) || !isfinite(r->bpm) || !(r->tempo_confidence >= COMPOSE_CONFIDENCE))
        return 0;
    return fit_beats(r, &first, &period) ? 60 / period : r->bpm;
}

/* One of 1/16, 1/8 .. 8, 16, within 1 %. */
static bool is_folded(double ratio) {
    double octaves = log2(ratio);
    return fabs(octaves) < 4.01 && fabs(octaves - round(octaves)) < 0.014;
}

/* How well the events gather at one place of a period, 0..1. */
static double gathering(const rhythm *r, double period) {
    double x = 0, y = 0, all = 0;
    for (size_t i = 0; i < r->event_count; i++) {
        double time = r->events[i].time, weight = fmin(fmax((double)r->events[i].strength, 0), 1);
        if (!(time >= 0 && time <= r->duration))
            continue;
        x += weight * cos(TWO_PI * time / period);
        y += weight * sin(TWO_PI * time / period);
        all += weight;
    }
    return all > 0 ? hypot(x, y) / all : 0;
}

/* For events without a tempo: the tempo of a range whose eighths and sixteenths meet most of them. */
static double fitting_bpm(const rhythm *r, double low, double high) {
    static const double STEP = 0.25;
    double best = -1, chosen = low;
    for (double bpm = low; bpm <= high; bpm += STEP) {
        double fit = gathering(r, 30 / bpm) + 0.5 * gathering(r, 15 / bpm);
        if (fit > best) {
            best = fit;
            chosen = bpm;
        }
    }
    return chosen;
}

void tempo_choose(composer *c, const compose_settings *s) {
    random_state r = composer_random(c, CONCERN_TEMPO);
    const style_profile *p = c->profile;
    double heard = tempo_of_rhythm(c->rhythm), drawn = random_range(&r, p->bpm_low, p->bpm_high);
    if (s->bpm != COMPOSE_BPM_AUTO) {
        c->grid.bpm = s->bpm;
        c->tempo_set = !(heard > 0 && is_folded(s->bpm / heard));
    } else if (heard > 0) {
        c->grid.bpm = style_fold_bpm(p, heard);
    } else if (c->rhythm->event_count == 0 || c->follow == 0) {
        c->grid.bpm = drawn;
    } else if (s->style != COMPOSE_STYLE_AUTO && p->bpm_low > 0) {
        c->grid.bpm = fitting_bpm(c->rhythm, p->bpm_low, p->bpm_high);
        c->tempo_own = true;
    }
    c->pulse = c->grid.bpm > 0 && p->bpm_low > 0;
    c->grid.swing = random_uniform(&r) < p->swing ? random_range(&r, 0.56, 0.66) : 0.5;
}

/* The weighted circular mean of the hits within a period: the phase that most of them share. */
static double phase_of_hits(const composer *c, double period) {
    double x = 0, y = 0;
    for (size_t i = 0; i < c->hit_count; i++) {
        double angle = TWO_PI * c->hits[i].time / period;
        x += c->hits[i].strength * cos(angle);
        y += c->hits[i].strength * sin(angle);
    }
    return x == 0 && y == 0 ? 0 : atan2(y, x) / TWO_PI * period;
}

/* Adds `weight` to the slot, out of `count` a bar, that holds `time`, if it lies within a quarter slot of the slot's
 * middle. */
static void vote(double *votes, int count, double first, double slot, double time, double weight) {
    double at = (time - first) / slot, nearest = round(at);
    if (!(fabs(at - nearest) <= 0.25))
        return;
    int k = (int)fmod(nearest, count);
    votes[k < 0 ? k + count : k] += weight;
}

/* Beats give the phase; downbeats, then cuts and hits, vote on which of them begins the bar. Where the grid is slower
 * than the beats, the beats between are candidates as well. */
void tempo_place(composer *c) {
    enum { SLOTS_MAX = 64 };
    const rhythm *r = c->rhythm;
    if (!c->pulse)
        return;
    double beat = 60 / c->grid.bpm, first, period, slot = beat;
    if (tempo_of_rhythm(r) > 0 && fit_beats(r, &first, &period) && is_folded(beat / period)) {
        slot = fmin(beat, period);
    } else if (c->hit_count > 0 && c->followed) {
        first = phase_of_hits(c, beat);
    } else {
        first = r->downbeat_count > 0 ? r->downbeats[0] : r->beat_count > 0 ? r->beats[0] : 0;
    }

    int count = (int)lround(BEATS_PER_BAR * beat / slot), best = 0;
    double votes[SLOTS_MAX] = {0};
    for (size_t i = 0; i < r->downbeat_count; i++)
        vote(votes, count, first, slot, r->downbeats[i], 4);
    for (size_t i = 0; i < r->cut_count; i++)
        vote(votes, count, first, slot, r->cuts[i], 1);
    for (size_t i = 0; i < c->hit_count; i++)
        vote(votes, count, first, slot, c->hits[i].time, c->hits[i].strength * c->hits[i].strength);
    for (int k = 1; k < count; k++)
        if (votes[k] > votes[best])
            best = k;
    double bar_seconds = grid_bar_seconds(&c->grid), offset = fmod(first + best * slot, bar_seconds);
    offset = offset < 0 ? offset + bar_seconds : offset; /* the first downbeat of the clip */
    c->grid.offset = isfinite(offset) ? offset : 0;
}
