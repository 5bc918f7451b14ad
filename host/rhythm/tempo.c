#include "rhythm/tempo.h"

#include <math.h>
#include <stdlib.h>

enum { RATE = 200 };                /* positions a second of the beat tracker */
static const double FASTEST = 70.0; /* the beat's range is FASTEST .. 2 FASTEST beats a minute */
static const double PRIOR_BPM = 110.0, PRIOR_OCTAVES = 0.9;
static const double SHORTEST_PERIOD = 0.25, LONGEST_PERIOD = 2.5, PERIOD_STEP = 0.001;
enum { COMB = 8 };                     /* multiples of the period that the comb adds up */
static const double JITTER = 0.025;    /* seconds by which events stray from a pulse: deviation */
static const double STRETCH = 0.04;    /* a beat differs from the period by at most so much */
static const double TIGHTNESS = 300.0; /* cost of log(stretch)^2, in events of mean strength */
enum { LEAST_EVENTS = 5, BEATS_A_BAR = 4, SMOOTH_BEATS = 4 };

/* ---- the events of one source ------------------------------------------------------------------------------------ */

typedef struct train {
    double *time, *strength; /* strengths have the mean 1 */
    size_t count;
    double duration;
} train;

/* What may keep time: starts, stops, or the editing. Impacts are tried first and win ties. */
typedef enum source { SOURCE_IMPACTS, SOURCE_ONSETS, SOURCE_CUTS, SOURCE_COUNT } source;

static loris_status train_make(train *t, const rhythm *r, source from) {
    size_t most = (from == SOURCE_CUTS ? r->cut_count : r->event_count) + 1;
    *t = (train){.duration = r->duration};
    t->time = malloc(most * sizeof *t->time);
    t->strength = malloc(most * sizeof *t->strength);
    if (!t->time || !t->strength)
        return fail_memory("the tempo");
    double total = 0.0;
    for (size_t i = 0; i + 1 < most; i++) {
        if (from != SOURCE_CUTS && r->events[i].kind != (from == SOURCE_IMPACTS ? EVENT_IMPACT : EVENT_ONSET))
            continue;
        t->time[t->count] = from == SOURCE_CUTS ? r->cuts[i] : r->events[i].time;
        /* the root: faint events keep time as well */
        t->strength[t->count] = from == SOURCE_CUTS ? 1.0 : sqrt((double)r->events[i].strength);
        total += t->strength[t->count++];
    }
    for (size_t i = 0; i < t->count; i++)
        t->strength[i] = total > 0.0 ? t->strength[i] * (double)t->count / total : 1.0;
    return LORIS_OK;
}

static void train_free(train *t) {
    free(t->time);
    free(t->strength);
}

static double closeness(double distance, double deviation) {
    double z = distance / deviation;
    return exp(-0.5 * z * z);
}

/* ---- period ------------------------------------------------------------------------------------------------------ */

/* Autocorrelation of the train at lags i * PERIOD_STEP: pairs of events so far apart, each blurred by JITTER, in
 * relation to how many there would be by chance. */
static void correlate(double *lag, size_t lags, const train *t) {
    double deviation = JITTER * sqrt(2.0), reach = 4.0 * deviation;
    for (size_t i = 0; i < t->count; i++)
        for (size_t j = i + 1; j < t->count; j++) {
            double apart = t->time[j] - t->time[i];
            if (apart - reach > (double)lags * PERIOD_STEP)
                break;
            size_t first = apart > reach ? (size_t)((apart - reach) / PERIOD_STEP) : 0;
            for (size_t k = first; k < lags && (double)k * PERIOD_STEP < apart + reach; k++)
                lag[k] += t->strength[i] * t->strength[j] * closeness((double)k * PERIOD_STEP - apart, deviation);
        }
    double density = (double)(t->count * t->count) / (t->duration * t->duration) * deviation * sqrt(2.0 * acos(-1.0));
    for (size_t k = 0; k < lags; k++) {
        double overlap = fmax(t->duration - (double)k * PERIOD_STEP, 0.0);
        lag[k] = overlap > 0.25 * t->duration ? lag[k] / (density * overlap) - 1.0 : 0.0;
    }
}

static double prior(double period) {
    return closeness(log2(60.0 / period / PRIOR_BPM), PRIOR_OCTAVES);
}

/* Score of each period: the correlation at its multiples. 0 when nothing repeats. */
static loris_status find_period(double *period, const train *t) {
    size_t lags = (size_t)(COMB * LONGEST_PERIOD / PERIOD_STEP) + 2;
    double *lag = calloc(lags, sizeof *lag);
    if (!lag)
        return fail_memory("the tempo");
    correlate(lag, lags, t);
    double best = 0.0;
    *period = 0.0;
    for (size_t k = (size_t)(SHORTEST_PERIOD / PERIOD_STEP); (double)k * PERIOD_STEP <= LONGEST_PERIOD; k++) {
        double sum = 0.0;
        for (size_t m = 1; m <= COMB; m++)
            sum += lag[m * k];
        sum *= prior((double)k * PERIOD_STEP);
        if (sum > best) {
            best = sum;
            *period = (double)k * PERIOD_STEP;
        }
    }
    free(lag);
    while (*period > 60.0 / FASTEST)
        *period *= 0.5;
    while (*period > 0.0 && *period < 30.0 / FASTEST)
        *period *= 2.0;
    return LORIS_OK;
}

/* ---- beats ------------------------------------------------------------------------------------------------------- */

/* Positions 0 .. count - 1 with the best score, and for each the step back to the beat before it (0 = none). */
static void track(double *score, int *back, size_t count, double period) {
    double samples = period * RATE;
    int shortest = (int)ceil(samples * (1.0 - STRETCH)), longest = (int)floor(samples * (1.0 + STRETCH));
    for (size_t i = 0; i < count; i++) {
        double best = 0.0;
        back[i] = 0;
        for (int step = shortest; step <= longest && (size_t)step <= i; step++) {
            double stretch = log((double)step / samples),
                   value = score[i - (size_t)step] - TIGHTNESS * stretch * stretch;
            if (value > best || !back[i]) {
                best = value;
                back[i] = step;
            }
        }
        score[i] += back[i] ? best : 0.0;
    }
}

/* Straight lines through each beat and its neighbours take the tracker's rounding out and keep its slow drift. */
static void smooth_beats(double *beats, const double *raw, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t first = i > SMOOTH_BEATS ? i - SMOOTH_BEATS : 0;
        size_t end = count - i > SMOOTH_BEATS ? i + SMOOTH_BEATS + 1 : count;
        double n = (double)(end - first), mean_x = 0.5 * (double)(first + end - 1), mean_y = 0.0, xx = 0.0, xy = 0.0;
        for (size_t k = first; k < end; k++)
            mean_y += raw[k] / n;
        for (size_t k = first; k < end; k++) {
            xx += ((double)k - mean_x) * ((double)k - mean_x);
            xy += ((double)k - mean_x) * (raw[k] - mean_y);
        }
        beats[i] = mean_y + (xx > 0.0 ? xy / xx * ((double)i - mean_x) : 0.0);
    }
}

typedef struct grid {
    double *beats;
    size_t count;
    double period; /* mean */
} grid;

static loris_status track_beats(grid *g, const train *t, double period) {
    size_t count = (size_t)(t->duration * RATE) + 1, most = (size_t)(t->duration / (period * (1.0 - STRETCH))) + 4;
    double *score = calloc(count, sizeof *score), *raw = malloc(most * sizeof *raw);
    int *back = malloc(count * sizeof *back);
    g->beats = malloc(most * sizeof *g->beats);
    loris_status status = LORIS_OK;
    if (!score || !raw || !back || !g->beats) {
        status = fail_memory("the beats");
        goto done;
    }
    long reach = (long)ceil(4.0 * JITTER * RATE);
    for (size_t i = 0; i < t->count; i++) {
        long at = lround(t->time[i] * RATE);
        for (long k = at - reach < 0 ? 0 : at - reach; k <= at + reach && k < (long)count; k++)
            score[k] += t->strength[i] * closeness((double)k / RATE - t->time[i], JITTER);
    }
    track(score, back, count, period);

    size_t last = count - 1;
    for (size_t i = count - 1; i > 0 && count - i < (size_t)(period * RATE); i--)
        if (score[i] > score[last])
            last = i;
    size_t beats = 1;
    for (size_t i = last; back[i]; i -= (size_t)back[i])
        beats++;
    for (size_t i = last, k = beats; k-- > 0; i -= (size_t)back[i])
        raw[k] = (double)i / RATE;
    smooth_beats(g->beats, raw, beats);
    g->period = beats > 1 ? (g->beats[beats - 1] - g->beats[0]) / (double)(beats - 1) : period;
    g->count = beats;
done:
    free(score);
    free(raw);
    free(back);
    return status;
}

/* ---- confidence -------------------------------------------------------------------------------------------------- */

/* Distance of `time` from the nearest beat or half-way point between beats, the grid going on beyond its ends. */
static double grid_distance(const grid *g, double time) {
    size_t i = 0;
    while (i + 2 < g->count && g->beats[i + 1] <= time)
        i++;
    double period = i + 1 < g->count ? g->beats[i + 1] - g->beats[i] : g->period, half = 0.5 * period;
    double phase = (time - g->beats[i]) / half;
    return fabs(phase - round(phase)) * half;
}

/* How much more of the events' strength lies on the grid than if they fell anywhere, 0..1. The grid was chosen to fit,
 * so that events without any pulse come to 0.20 + 1.5 / sqrt(count) in one case of fifty (random gaps of 0.35 to 1.4 s,
 * 10 to 60 s): this becomes TEMPO_FREE. */
static double judge(const grid *g, const train *t) {
    if (t->count < LEAST_EVENTS || g->count < 4)
        return 0.0;
    double deviation = 1.2 * JITTER, on = 0.0;
    for (size_t i = 0; i < t->count; i++)
        on += t->strength[i] / (double)t->count * closeness(grid_distance(g, t->time[i]), deviation);
    double chance = fmin(deviation * sqrt(2.0 * acos(-1.0)) / (0.5 * g->period), 0.9);
    double fit = fmin(fmax(0.0, (on - chance) / (1.0 - chance)), 1.0),
           random = fmin(0.20 + 1.5 / sqrt((double)t->count), 0.9);
    return fit < random ? TEMPO_FREE * fit / random : TEMPO_FREE + (1.0 - TEMPO_FREE) * (fit - random) / (1.0 - random);
}

/* ---- downbeats --------------------------------------------------------------------------------------------------- */

/* The beat (of the first bar) that collects most. */
static size_t first_downbeat(const grid *g, const rhythm *r) {
    static const double near = 0.07, near_cut = 0.15,
                        cut_strength = 1.0; /* seconds, seconds, events of full strength */
    double collected[BEATS_A_BAR] = {0};
    for (size_t b = 0; b < g->count; b++) {
        for (size_t i = 0; i < r->event_count; i++)
            if (fabs(r->events[i].time - g->beats[b]) < near)
                collected[b % BEATS_A_BAR] += (double)r->events[i].strength;
        for (size_t i = 0; i < r->cut_count; i++)
            if (fabs(r->cuts[i] - g->beats[b]) < near_cut)
                collected[b % BEATS_A_BAR] += cut_strength;
    }
    size_t best = 0;
    for (size_t k = 1; k < BEATS_A_BAR; k++)
        if (collected[k] > 1.02 * collected[best])
            best = k;
    return best;
}

/* Hands the grid over, continued to the clip's ends. */
static loris_status use_grid(rhythm *r, const grid *g) {
    size_t before = (size_t)fmax(0.0, floor(g->beats[0] / g->period)), most = g->count + before + 1;
    double end = g->beats[g->count - 1];
    while (end + g->period < r->duration) {
        end += g->period;
        most++;
    }
    r->beats = malloc(most * sizeof *r->beats);
    r->downbeats = malloc((most / BEATS_A_BAR + 1) * sizeof *r->downbeats);
    if (!r->beats || !r->downbeats)
        return fail_memory("the beats");
    size_t down = (first_downbeat(g, r) + before) % BEATS_A_BAR;
    for (size_t b = before; b-- > 0;)
        r->beats[r->beat_count++] = g->beats[0] - (double)(b + 1) * g->period;
    for (size_t b = 0; b < g->count; b++)
        if (g->beats[b] >= 0.0 && g->beats[b] <= r->duration)
            r->beats[r->beat_count++] = g->beats[b];
    while (r->beats[r->beat_count - 1] + g->period < r->duration) {
        r->beats[r->beat_count] = r->beats[r->beat_count - 1] + g->period;
        r->beat_count++;
    }
    for (size_t b = down; b < r->beat_count; b += BEATS_A_BAR)
        r->downbeats[r->downbeat_count++] = r->beats[b];
    r->bpm = 60.0 / g->period;
    return LORIS_OK;
}

static loris_status try_source(const rhythm *r, source from, grid *g, double *confidence) {
    train t;
    *g = (grid){0};
    *confidence = 0.0;
    double period = 0.0;
    loris_status status = train_make(&t, r, from);
    if (status == LORIS_OK && t.count >= LEAST_EVENTS)
        status = find_period(&period, &t);
    if (status == LORIS_OK && period > 0.0)
        status = track_beats(g, &t, period);
    if (status == LORIS_OK && g->count)
        *confidence = judge(g, &t);
    train_free(&t);
    return status;
}

loris_status tempo_find(rhythm *r) {
    grid best = {0};
    loris_status status = LORIS_OK;
    r->bpm = r->tempo_confidence = 0.0;
    for (source from = 0; from < SOURCE_COUNT && status == LORIS_OK; from++) {
        grid g;
        double confidence;
        status = try_source(r, from, &g, &confidence);
        if (status == LORIS_OK && confidence > r->tempo_confidence) {
            free(best.beats);
            best = g;
            r->tempo_confidence = confidence;
        } else {
            free(g.beats);
        }
    }
    if (status == LORIS_OK && r->tempo_confidence >= TEMPO_FREE)
        status = use_grid(r, &best);
    free(best.beats);
    return status;
}
