/* The form: bars, the sections they belong to, and how much happens in each. */
#include <math.h>
#include <stdlib.h>

#include "music/composer.h"

static const double SPAN = 3.8, SPAN_LOW = 2.5, SPAN_HIGH = 4; /* seconds under one chord without a pulse */
static const double SPAN_LAST = 1.5;                           /* less than this at the end joins the span before */

enum { SECTION_BARS = 8, SHORT_SECTION_BARS = 4, SHORT_CLIP_BARS = 16, SECTION_SPANS = 4, SECTION_STRETCH = 2 };

static double clamp(double v, double low, double high) {
    return fmin(fmax(v, low), high);
}

/* ---- bars -------------------------------------------------------------------------------------------------------- */

static loris_status bars_of_grid(composer *c) {
    double length = grid_bar_seconds(&c->grid), offset = c->grid.offset;
    int first = offset > 1e-6 ? -1 : 0, end = (int)ceil((c->seconds - offset) / length);
    end = end > first + 1 ? end : first + 1;
    c->bar_count = (size_t)(end - first);
    c->bars = calloc(c->bar_count, sizeof *c->bars);
    if (!c->bars)
        return fail_memory("the bars");
    for (int i = first; i < end; i++) {
        bar *b = &c->bars[i - first];
        b->index = i;
        b->start = offset + i * length;
        b->end = offset + (i + 1) * length;
        accents_bend(c, &b->start);
        accents_bend(c, &b->end);
    }
    return LORIS_OK;
}

/* Chords of a pulseless clip change on its strongest hits, every two and a half to four seconds. */
static loris_status bars_of_spans(composer *c) {
    c->bars = calloc((size_t)(c->seconds / SPAN_LOW) + 1, sizeof *c->bars);
    if (!c->bars)
        return fail_memory("the bars");
    size_t k = 0;
    double start = 0;
    while (start < c->seconds) {
        double end = start + SPAN, strongest = 0;
        for (; k < c->hit_count && c->hits[k].time < start + SPAN_HIGH; k++)
            if (c->hits[k].time >= start + SPAN_LOW && c->hits[k].strength > strongest) {
                strongest = c->hits[k].strength;
                end = c->hits[k].time;
            }
        while (k > 0 && c->hits[k - 1].time >= end)
            k--;
        if (end > c->seconds - SPAN_LAST)
            end = c->seconds;
        c->bars[c->bar_count] = (bar){.start = start, .end = end, .index = (int)c->bar_count};
        c->bar_count++;
        start = end;
    }
    return LORIS_OK;
}

/* ---- sections ---------------------------------------------------------------------------------------------------- */

/* How far the nearest cut is from a time. */
static double cut_distance(const rhythm *r, double time) {
    size_t low = 0, high = r->cut_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->cuts[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    double after = low < r->cut_count ? r->cuts[low] - time : HUGE_VAL,
           before = low > 0 ? time - r->cuts[low - 1] : HUGE_VAL;
    return fmin(after, before);
}

/* Bars of the section that begins at bar `first`: the usual number, or up to two more or fewer if that ends it at a
 * cut. */
static size_t section_length(const composer *c, size_t first, size_t usual) {
    size_t left = c->bar_count - first, best = usual;
    double nearest = HUGE_VAL;
    for (int k = 0; k <= 2 * SECTION_STRETCH; k++) {
        int shift = k % 2 ? (k + 1) / 2 : -k / 2; /* 0, 1, -1, 2, -2: of equal ones the usual length wins */
        size_t length = (size_t)((int)usual + shift);
        if (length >= left)
            continue;
        const bar *b = &c->bars[first + length];
        double distance = cut_distance(c->rhythm, b->start);
        if (distance < (b->end - b->start) / 4 && distance < nearest) {
            nearest = distance;
            best = length;
        }
    }
    return best + usual / 2 > left ? left : best; /* no stump at the end */
}

static void divide(composer *c) {
    size_t pickup = c->pulse && c->bars[0].index < 0 && c->bar_count > 1 ? 1 : 0;
    size_t usual = !c->pulse ? SECTION_SPANS : c->bar_count < SHORT_CLIP_BARS ? SHORT_SECTION_BARS : SECTION_BARS;
    if (pickup)
        c->bars[0].inside = -1;
    int number = 0;
    for (size_t first = pickup; first < c->bar_count; number++) {
        size_t length = section_length(c, first, usual);
        for (size_t i = 0; i < length; i++) {
            c->bars[first + i].section = number;
            c->bars[first + i].inside = (int)i;
        }
        first += length;
        c->bars[first - 1].last = first < c->bar_count;
    }
}

/* ---- energy ------------------------------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The mean energy of the samples within each bar; a bar without any takes the one before. */
static void bar_means(const composer *c, double *means) {
    const rhythm *r = c->rhythm;
    double value = clamp((double)r->energy[0].value, 0, 1);
    size_t k = 0;
    for (size_t i = 0; i < c->bar_count; i++) {
        double sum = 0;
        size_t count = 0;
        for (; k < r->energy_count && r->energy[k].time < c->bars[i].end; k++, count++)
            sum += clamp((double)r->energy[k].value, 0, 1);
        means[i] = value = count ? sum / (double)count : value;
    }
}

/* From movement to music: mostly where the bar stands between the clip's calm and lively ones, partly how lively the
 * clip is. */
static loris_status energy_from_rhythm(composer *c) {
    enum { CALM = 10, LIVELY = 90 };  /* percentiles */
    static const double SPREAD = 0.2; /* less contrast than this is not stretched further */
    double *means = calloc(2 * c->bar_count, sizeof *means);
    if (!means)
        return fail_memory("the energy of the bars");
    double *sorted = means + c->bar_count, mean = 0;
    bar_means(c, means);
    for (size_t i = 0; i < c->bar_count; i++) {
        sorted[i] = means[i];
        mean += means[i] / (double)c->bar_count;
    }
    qsort(sorted, c->bar_count, sizeof *sorted, by_value);
    double calm = sorted[(c->bar_count - 1) * CALM / 100], lively = sorted[(c->bar_count - 1) * LIVELY / 100];
    for (size_t i = 0; i < c->bar_count; i++) {
        double relative = clamp(0.5 + (means[i] - (calm + lively) / 2) / fmax(lively - calm, SPREAD), 0, 1);
        c->bars[i].energy = clamp(0.22 + 0.25 * sqrt(mean) + 0.5 * relative, 0, 1);
    }
    free(means);
    return LORIS_OK;
}

static void energy_by_chance(composer *c) {
    static const double opening[] = {0.5, 0.8}, later[] = {0.35, 0.6, 0.8, 1.0};
    random_state r = composer_random(c, CONCERN_SECTIONS);
    double level = 0;
    for (size_t i = 0; i < c->bar_count; i++) {
        if (i == 0)
            level = opening[random_below(&r, 2)];
        else if (c->bars[i].section != c->bars[i - 1].section)
            level = later[random_below(&r, 4)];
        c->bars[i].energy = level;
    }
}

/* Bars take their section's energy; loudness still follows the bar's own. Without a pulse all stays near the middle,
 * which is what the network knows of such music. */
static loris_status share_energy(composer *c) {
    static const double QUIETEST = 0.75;
    for (size_t first = 0, end; first < c->bar_count; first = end) {
        double sum = 0;
        for (end = first; end < c->bar_count && c->bars[end].section == c->bars[first].section; end++)
            sum += c->bars[end].energy;
        double energy = sum / (double)(end - first);
        if (!c->pulse)
            energy = 0.5 + 0.4 * (energy - 0.5);
        for (size_t i = first; i < end; i++) {
            c->bars[i].loudness = QUIETEST + (1 - QUIETEST) * (0.7 * energy + 0.3 * c->bars[i].energy);
            c->bars[i].energy = energy;
        }
        TRY(score_add_section(c->out, (section){first == 0 ? 0 : c->bars[first].start, energy}));
    }
    return LORIS_OK;
}

loris_status sections_plan(composer *c) {
    TRY(c->pulse ? bars_of_grid(c) : bars_of_spans(c));
    divide(c);
    if (c->rhythm->energy_count > 0)
        TRY(energy_from_rhythm(c));
    else if (c->pulse)
        energy_by_chance(c);
    else
        for (size_t i = 0; i < c->bar_count; i++)
            c->bars[i].energy = 0.5;
    return share_energy(c);
}
