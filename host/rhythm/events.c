#include "rhythm/events.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rhythm/signal.h"

static const double SPACING = 0.2;     /* seconds: no two events of a kind are closer */
static const double HIGH_PASS = 0.4;   /* seconds to each side of the local mean: 0.8 s in all */
static const float SHARP = 0.42f;      /* flux of a sharp event from cell to cell, as a part of the motion around it */
static const float SHARP_BROAD = 0.6f; /* the same between the means of two cells */
static const float FLIPPED = 0.7f;     /* motion exchanged between directions in a bounce */
static const float FAINT = 0.16f;      /* of the 98th percentile */
static const double BROAD = 0.16;      /* seconds to each side that are compared for gradual starts and stops */
static const float GRADUAL = 0.45f;    /* flux of a gradual event, as a part of the motion around it */
static const float FOOT = 0.15f;       /* a gradual move begins or ends where so much of its speed is left */
static const float LEAST_FLUX = 4e-4f; /* lengths of the picture a second: below this nothing is visible */
static const double CLIP = 0.98;       /* percentile that counts as full strength */
static const float GENTLE = 0.6f;      /* gradual events and turns strike less than sharp ones of the same flux */
static const double STRONG = 0.9;      /* percentile of the events' flux that counts as full strength */
static const float LEAST_STRENGTH = 0.15f; /* fainter events are lost among the others */
static const double VALLEY_BLUR = 0.06;    /* seconds */
static const double SHOULDER = 0.4;        /* a valley's rims are sought so far from its floor */
static const double WIDEST_VALLEY = 0.5;   /* a wider one is a rest */
static const float DEPTH = 0.5f;           /* of a valley, as a part of its lower rim */
static const float LOWEST_RIM = 0.15f;     /* of the 98th percentile of speed */

void flux_free(flux *f) {
    if (!f)
        return;
    free(f->onset);
    free(f->impact);
    *f = (flux){0};
}

enum { MOST_EVENTS = 4 }; /* per boundary: two kinds, sharp and gradual; turns replace gradual impacts */

/* ---- working memory ---------------------------------------------------------------------------------------------- */

typedef struct finder {
    const motion_grid *grid;
    size_t boundaries, spacing; /* cells + 1; SPACING in cells */
    float *direction;           /* [cells][FLOW_BINS] blurred over directions */
    float *around;              /* [boundaries] the most motion within SPACING */
    float *edge[2];             /* [boundaries] flux per event_kind, of the sharper of two spans */
    float *high[2];             /* [boundaries] the same after the high-pass */
    float *work;                /* [boundaries] */
    float full[2];              /* flux that counts as full strength */
    float fast;                 /* 98th percentile of speed */
    rhythm_event *events;
    size_t count;
} finder;

static loris_status finder_make(finder *f, const motion_grid *g) {
    *f = (finder){.grid = g, .boundaries = g->cells + 1};
    f->spacing = (size_t)fmax(1.0, floor(SPACING / g->step + 0.5));
    f->direction = malloc(g->cells * FLOW_BINS * sizeof(float));
    f->around = malloc(f->boundaries * sizeof(float));
    f->work = malloc(MOST_EVENTS * f->boundaries * sizeof(float));
    f->events = malloc(MOST_EVENTS * f->boundaries * sizeof *f->events);
    bool ok = f->direction && f->around && f->work && f->events;
    for (int kind = 0; kind < 2; kind++) {
        f->edge[kind] = calloc(f->boundaries, sizeof(float));
        f->high[kind] = malloc(f->boundaries * sizeof(float));
        ok = ok && f->edge[kind] && f->high[kind];
    }
    return ok ? LORIS_OK : fail_memory("the events");
}

static void finder_free(finder *f) {
    free(f->direction);
    free(f->around);
    free(f->work);
    free(f->events);
    for (int kind = 0; kind < 2; kind++) {
        free(f->edge[kind]);
        free(f->high[kind]);
    }
}

/* ---- flux -------------------------------------------------------------------------------------------------------- */

/* Binomial over directions, about 20 degrees to each side: a limb that swings passes from bin to bin without being an
 * event. */
static void blur_directions(finder *f) {
    enum { PASSES = 4 };
    for (size_t k = 0; k < f->grid->cells; k++) {
        float *row = f->direction + k * FLOW_BINS, copy[FLOW_BINS];
        memcpy(row, f->grid->direction + k * FLOW_BINS, sizeof copy);
        for (int pass = 0; pass < PASSES; pass++) {
            memcpy(copy, row, sizeof copy);
            for (int b = 0; b < FLOW_BINS; b++)
                row[b] =
                    0.25f * copy[(b + FLOW_BINS - 1) % FLOW_BINS] + 0.5f * copy[b] + 0.25f * copy[(b + 1) % FLOW_BINS];
        }
    }
}

/* Rise and fall across boundary k between the means of `span` cells before and after it (fewer at the clip's ends). */
static void flux_across(const finder *f, size_t k, size_t span, float change[2]) {
    size_t cells = f->grid->cells, before = k < span ? k : span, after = cells - k < span ? cells - k : span;
    change[EVENT_ONSET] = change[EVENT_IMPACT] = 0.0f;
    for (int b = 0; b < FLOW_BINS; b++) {
        float past = 0.0f, future = 0.0f;
        for (size_t i = 1; i <= before; i++)
            past += f->direction[(k - i) * FLOW_BINS + b];
        for (size_t i = 0; i < after; i++)
            future += f->direction[(k + i) * FLOW_BINS + b];
        float rise = future / (float)after - past / (float)before;
        change[rise > 0.0f ? EVENT_ONSET : EVENT_IMPACT] += fabsf(rise);
    }
}

/* Flux of one kind beyond what directions merely exchange, which limbs that pass before each other do all the time. */
static float one_sided(const float change[2], int kind) {
    return fmaxf(change[kind] - 0.5f * change[1 - kind], 0.0f);
}

/* A turn at full speed, a ball's bounce, exchanges nearly all motion at once. That is one event: an impact. */
static float bounced(const float change[2]) {
    return fminf(change[EVENT_ONSET], change[EVENT_IMPACT]) * (SHARP / FLIPPED);
}

static loris_status measure(finder *f) {
    const motion_grid *g = f->grid;
    blur_directions(f);
    TRY(signal_percentile(g->speed, g->cells, CLIP, &f->fast));
    for (size_t k = 0; k < f->boundaries; k++) {
        size_t first = k > f->spacing ? k - f->spacing - 1 : 0;
        f->around[k] = 0.0f;
        for (size_t i = first; i < g->cells && i <= k + f->spacing; i++)
            f->around[k] = fmaxf(f->around[k], g->speed[i]);
    }
    for (size_t k = 1; k < g->cells; k++) {
        if (g->masked[k])
            continue;
        float sharp[2], broad[2];
        flux_across(f, k, 1, sharp);
        flux_across(f, k, 2, broad);
        for (int kind = 0; kind < 2; kind++)
            f->edge[kind][k] = fmaxf(one_sided(sharp, kind), one_sided(broad, kind) * (SHARP / SHARP_BROAD));
        float bounce = fmaxf(bounced(sharp), bounced(broad));
        f->edge[EVENT_IMPACT][k] = fmaxf(f->edge[EVENT_IMPACT][k], bounce);
        if (bounce > SHARP * f->around[k])
            f->edge[EVENT_ONSET][k] = 0.0f;
    }
    size_t radius = (size_t)fmax(1.0, floor(HIGH_PASS / g->step + 0.5));
    for (int kind = 0; kind < 2; kind++) {
        float *high = f->high[kind];
        signal_local_mean(f->work, f->edge[kind], f->boundaries, radius);
        size_t positive = 0;
        for (size_t k = 0; k < f->boundaries; k++)
            high[k] = fmaxf(f->edge[kind][k] - f->work[k], 0.0f);
        for (size_t k = 0; k < f->boundaries; k++)
            if (high[k] > 0.0f)
                f->work[positive++] = high[k];
        TRY(signal_percentile(f->work, positive, CLIP, &f->full[kind]));
        f->full[kind] = fmaxf(f->full[kind], LEAST_FLUX);
    }
    return LORIS_OK;
}

/* ---- sharp events ------------------------------------------------------------------------------------------------ */

/* Where between boundaries the event lies. A move that starts or stops within a cell splits its flux between the
 * boundaries on both sides in the proportion of the times: the centre of gravity, taken over the directions that change
 * at the peak, is exact for an even move. */
static double refine(const finder *f, event_kind kind, size_t k) {
    const float *d = f->direction;
    float sign = kind == EVENT_ONSET ? 1.0f : -1.0f;
    double moment = 0.0, total = 0.0;
    for (size_t at = k - 1; at <= k + 1; at++) {
        if (at < 1 || at >= f->grid->cells || f->grid->masked[at])
            continue;
        double sum = 0.0;
        for (int b = 0; b < FLOW_BINS; b++) {
            float weight = sign * (d[k * FLOW_BINS + b] - d[(k - 1) * FLOW_BINS + b]);
            float change = sign * (d[at * FLOW_BINS + b] - d[(at - 1) * FLOW_BINS + b]);
            if (weight > 0.0f && change > 0.0f)
                sum += (double)weight * (double)change;
        }
        moment += sum * (double)at;
        total += sum;
    }
    return (total > 0.0 ? moment / total : (double)k) * f->grid->step;
}

static void find_sharp(finder *f) {
    for (int kind = 0; kind < 2; kind++) {
        for (size_t k = 1; k < f->grid->cells; k++) {
            float edge = f->edge[kind][k], high = f->high[kind][k];
            if (edge < LEAST_FLUX || edge < SHARP * (f->around[k] + 0.05f * f->fast) || high < FAINT * f->full[kind] ||
                !signal_is_peak(f->edge[kind], f->boundaries, k, f->spacing))
                continue;
            f->events[f->count++] = (rhythm_event){refine(f, (event_kind)kind, k), (event_kind)kind, high};
        }
    }
}

/* ---- turns ------------------------------------------------------------------------------------------------------- */

typedef struct valley {
    double left, right; /* seconds, where it is half as deep as its lower rim is high */
    double floor;       /* seconds: where the flanks would meet. One side may be steeper than the other. */
    float depth;        /* of the lower rim over the floor */
} valley;

/* The valley of the smoothed speed with its floor in cell k; false when it is shallow, wide or cut off. */
static bool measure_valley(const finder *f, const float *speed, size_t k, valley *out) {
    const motion_grid *g = f->grid;
    size_t reach = (size_t)fmax(1.0, floor(SHOULDER / g->step + 0.5));
    if (k == 0 || k + 1 >= g->cells || speed[k] > speed[k - 1] || speed[k] >= speed[k + 1])
        return false;
    float left_rim = 0.0f, right_rim = 0.0f;
    for (size_t i = 1; i <= reach && i <= k; i++)
        left_rim = fmaxf(left_rim, speed[k - i]);
    for (size_t i = 1; i <= reach && k + i < g->cells; i++)
        right_rim = fmaxf(right_rim, speed[k + i]);
    float rim = fminf(left_rim, right_rim), half = 0.5f * (rim + speed[k]);
    out->depth = rim - speed[k];
    if (rim < LOWEST_RIM * f->fast || out->depth < DEPTH * rim || out->depth < LEAST_FLUX)
        return false;
    size_t i = k, j = k;
    while (speed[i] < half) /* both rims are higher */
        i--;
    while (speed[j] < half)
        j++;
    for (size_t b = i; b <= j; b++)
        if (g->masked[b])
            return false;
    double fall = (double)(speed[i] - speed[i + 1]), rise = (double)(speed[j] - speed[j - 1]);
    out->left = ((double)i + 0.5 + (double)((speed[i] - half) / (speed[i] - speed[i + 1]))) * g->step;
    out->right = ((double)j + 0.5 - (double)((speed[j] - half) / (speed[j] - speed[j - 1]))) * g->step;
    out->floor = out->left + (out->right - out->left) * rise / (fall + rise);
    return out->right - out->left <= WIDEST_VALLEY;
}

/* Has the valley a dead stop at its left, or is its floor too close to an impact? */
static bool explained(const finder *f, size_t sharp, const valley *v) {
    for (size_t i = 0; i < sharp; i++) {
        double t = f->events[i].time;
        if (f->events[i].kind == EVENT_IMPACT && (fabs(t - v->floor) < SPACING || (t > v->left - 0.1 && t < v->right)))
            return true;
    }
    return false;
}

static void find_turns(finder *f) {
    const motion_grid *g = f->grid;
    float *speed = f->work;
    signal_smooth(speed, g->speed, g->cells, VALLEY_BLUR / g->step);
    size_t sharp = f->count;
    double last = -SPACING;
    for (size_t k = 0; k < g->cells; k++) {
        valley v;
        if (!measure_valley(f, speed, k, &v) || explained(f, sharp, &v))
            continue;
        if (v.floor - last < SPACING)
            continue;
        last = v.floor;
        f->events[f->count++] = (rhythm_event){v.floor, EVENT_IMPACT, GENTLE * v.depth};
    }
}

/* ---- gradual events ---------------------------------------------------------------------------------------------- */

/* Speed in the directions that gain (onset) or lose (impact) across boundary k, in cell i. */
static double weighted_speed(const finder *f, const float *lost, size_t i) {
    double sum = 0.0;
    for (int b = 0; b < FLOW_BINS; b++)
        sum += (double)lost[b] * (double)f->direction[i * FLOW_BINS + b];
    return sum;
}

/* The moment at which the change around boundary k is complete (impact) or begins (onset): seen from k towards the slow
 * side, where the speed in the directions that change first comes down to FOOT of what it is on the fast side. */
static double find_foot(const finder *f, event_kind kind, size_t k, size_t span) {
    const float *d = f->direction;
    long towards = kind == EVENT_IMPACT ? 1 : -1, cells = (long)f->grid->cells;
    float change[FLOW_BINS];
    for (int b = 0; b < FLOW_BINS; b++) {
        change[b] = 0.0f;
        for (size_t i = 0; i < span; i++)
            change[b] += (d[(k - 1 - i) * FLOW_BINS + b] - d[(k + i) * FLOW_BINS + b]) * (float)towards;
        change[b] = fmaxf(change[b], 0.0f);
    }
    /* cell `first` is the nearest on the slow side, and those after it lie further on that side */
    long first = towards > 0 ? (long)k : (long)k - 1, reach = 2 * (long)span;
    double fast = 0.0, slow = INFINITY;
    for (long i = 1; i <= (long)span; i++)
        fast = fmax(fast, weighted_speed(f, change, (size_t)(first - towards * i)));
    for (long i = 0; i < reach && first + towards * i >= 0 && first + towards * i < cells; i++)
        slow = fmin(slow, weighted_speed(f, change, (size_t)(first + towards * i)));
    double level = slow + (double)FOOT * (fast - slow), previous = weighted_speed(f, change, (size_t)(first - towards));
    for (long i = 0; i < reach && first + towards * i >= 0 && first + towards * i < cells; i++) {
        double now = weighted_speed(f, change, (size_t)(first + towards * i));
        if (now <= level) {
            double part = previous > now ? (previous - level) / (previous - now) : 1.0; /* between the cells' middles */
            double cell = (double)(first + towards * i) + 0.5 - (double)towards * (1.0 - fmin(fmax(part, 0.0), 1.0));
            return fmin(fmax(cell * f->grid->step, 0.0), f->grid->step * (double)cells);
        }
        previous = now;
    }
    return (double)k * f->grid->step;
}

/* Is there an event that says the same? A start right after a stop or turn belongs to it. */
static bool told_already(const finder *f, event_kind kind, double time) {
    for (size_t i = 0; i < f->count; i++) {
        double after = time - f->events[i].time;
        if (fabs(after) < SPACING && (f->events[i].kind == kind || (kind == EVENT_ONSET && after > -0.05)))
            return true;
    }
    return false;
}

static void find_gradual(finder *f, event_kind kind) {
    const motion_grid *g = f->grid;
    size_t span = (size_t)fmax(1.0, floor(BROAD / g->step + 0.5));
    float *edge = f->work;
    for (size_t k = 0; k < f->boundaries; k++) {
        bool known = k >= span && k + span <= g->cells;
        for (size_t b = k - span; known && b <= k + span; b++)
            known = !g->masked[b];
        float change[2] = {0.0f, 0.0f};
        if (known)
            flux_across(f, k, span, change);
        edge[k] = change[kind];
    }
    for (size_t k = span; k + span <= g->cells; k++) {
        if (edge[k] < LEAST_FLUX || edge[k] < GRADUAL * (f->around[k] + 0.05f * f->fast) ||
            edge[k] < FAINT * f->full[kind] || !signal_is_peak(edge, f->boundaries, k, f->spacing))
            continue;
        double time = find_foot(f, kind, k, span);
        if (!told_already(f, kind, time))
            f->events[f->count++] = (rhythm_event){time, kind, GENTLE * edge[k]};
    }
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b) {
    const rhythm_event *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

/* So far strengths are flux; scales them so that the strong ones reach 1, whatever kind they are of, and drops the
 * faint. */
static loris_status scale_strengths(finder *f) {
    float strong;
    for (size_t i = 0; i < f->count; i++)
        f->work[i] = f->events[i].strength;
    TRY(signal_percentile(f->work, f->count, STRONG, &strong));
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++) {
        rhythm_event e = f->events[i];
        e.strength = fminf(e.strength / strong, 1.0f);
        if (e.strength >= LEAST_STRENGTH)
            f->events[kept++] = e;
    }
    f->count = kept;
    return LORIS_OK;
}

static void hand_over(finder *f, rhythm_event **events, size_t *count, flux *curves) {
    qsort(f->events, f->count, sizeof *f->events, by_time);
    if (curves) {
        *curves = (flux){.count = f->boundaries, .step = f->grid->step};
        for (int kind = 0; kind < 2; kind++)
            for (size_t k = 0; k < f->boundaries; k++)
                f->high[kind][k] = fminf(f->high[kind][k] / f->full[kind], 1.0f);
        curves->onset = f->high[EVENT_ONSET];
        curves->impact = f->high[EVENT_IMPACT];
        f->high[EVENT_ONSET] = f->high[EVENT_IMPACT] = NULL;
    }
    *events = f->events;
    *count = f->count;
    f->events = NULL;
}

loris_status events_find(rhythm_event **events, size_t *count, const motion_grid *g, flux *f) {
    *events = NULL;
    *count = 0;
    if (f)
        *f = (flux){0};
    if (!g->cells)
        return LORIS_OK;
    finder work;
    loris_status status = finder_make(&work, g);
    if (status == LORIS_OK)
        status = measure(&work);
    if (status == LORIS_OK) {
        find_sharp(&work);
        find_turns(&work);
        find_gradual(&work, EVENT_IMPACT);
        find_gradual(&work, EVENT_ONSET);
        status = scale_strengths(&work);
        if (status == LORIS_OK)
            hand_over(&work, events, count, f);
    }
    finder_free(&work);
    return status;
}
