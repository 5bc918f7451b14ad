#include "rhythm/motion.h"

#include <math.h>
#include <stdlib.h>

void motion_free(motion *m) {
    if (!m)
        return;
    free(m->time);
    free(m->features);
    *m = (motion){0};
}

void motion_grid_free(motion_grid *g) {
    if (!g)
        return;
    free(g->direction);
    free(g->speed);
    free(g->masked);
    *g = (motion_grid){0};
}

/* ---- intervals: pairs of frames, without repeated frames and cuts ------------------------------------------------ */

static const float *row_of(const motion *m, size_t i) {
    return m->features + i * FLOW_FEATURES;
}

static const float SAME = 0.02f, MOVING = 0.1f; /* mean difference of two frames in grey levels */

/* Do frames first .. first + count - 1 repeat the frame before them while the picture moves on both sides? */
static bool repeats(const motion *m, size_t first, size_t count) {
    static const double longest = 0.1; /* seconds: a longer rest is a rest */
    size_t pairs = m->frames - 1;
    if (first == 0 || first + count >= pairs || m->time[first + count] - m->time[first] > longest)
        return false;
    for (size_t i = first; i < first + count; i++)
        if (row_of(m, i)[FLOW_DIFFERENCE] > SAME)
            return false;
    return row_of(m, first - 1)[FLOW_DIFFERENCE] > MOVING && row_of(m, first + count)[FLOW_DIFFERENCE] > MOVING;
}

enum { MOST_REPEATS = 3 };

/* How many frames from pair `first` on repeat the one before them. */
static size_t count_repeats(const motion *m, size_t first) {
    for (size_t r = MOST_REPEATS; r >= 1; r--)
        if (repeats(m, first, r))
            return r;
    return 0;
}

static size_t list_intervals(motion_interval *list, const motion *m, const pair_mark *marks) {
    size_t count = 0, pairs = m->frames - 1, rest = 0; /* intervals of rest before this one */
    for (size_t i = 0; i < pairs; i++) {
        motion_interval *v = &list[count++];
        v->start = m->time[i];
        i += count_repeats(m, i);
        v->end = m->time[i + 1];
        v->cut = marks[i].cut || marks[i].flash;
        v->row = v->cut ? NULL : row_of(m, i) + (marks[i].camera ? FLOW_OWN : FLOW_SEEN);
        if (v->row && row_of(m, i)[FLOW_DIFFERENCE] <= SAME) {
            rest++;
            continue;
        }
        /* the first move after a rest among repeated frames began as long ago as the next one takes */
        size_t began = rest ? count_repeats(m, i + 1) : 0;
        began = began < rest ? began : rest;
        if (began) {
            v[-(ptrdiff_t)began].row = v->row;
            v[-(ptrdiff_t)began].end = v->end;
            count -= began;
        }
        rest = 0;
    }
    /* across a cut the motion before it goes on: at the masked boundaries it is compared with nothing */
    for (size_t i = 1; i < count; i++)
        if (!list[i].row && list[i - 1].row)
            list[i].row = list[i - 1].row;
    return count;
}

/* Length of a cell: the frames' interval, or several for high frame rates. */
static double choose_step(const motion_interval *list, size_t count) {
    static const double shortest = 0.025;
    double total = list[count - 1].end - list[0].start, mean = total / (double)count;
    size_t even = 0;
    for (size_t i = 0; i < count; i++)
        even += fabs(list[i].end - list[i].start - mean) < 0.2 * mean;
    double step = mean;
    if (even < count) { /* uneven: most intervals are about as long as the typical one; take the mean of those */
        double sum = 0.0, typical = mean;
        for (int pass = 0; pass < 3; pass++) {
            size_t used = 0;
            sum = 0.0;
            for (size_t i = 0; i < count; i++) {
                double length = list[i].end - list[i].start;
                if (length < 1.5 * typical) {
                    sum += length;
                    used++;
                }
            }
            typical = used ? sum / (double)used : typical;
        }
        step = typical;
    }
    step *= ceil(shortest / step * 0.999);
    return fmax(step, total / (double)(8 * count)); /* frames bunched together must not blow the grid up */
}

static void average_over(motion_grid *g, const motion_interval *list, size_t count, double longer_side) {
    size_t at = 0;
    for (size_t k = 0; k < g->cells; k++) {
        double start = (double)k * g->step, end = start + g->step;
        float *direction = g->direction + k * FLOW_BINS;
        while (at + 1 < count && list[at].end <= start)
            at++;
        for (size_t i = at; i < count && list[i].start < end; i++) {
            double length = list[i].end - list[i].start;
            double overlap = fmin(end, list[i].end) - fmax(start, list[i].start);
            if (overlap <= 0.0)
                continue;
            if (list[i].row)
                for (int b = 0; b < FLOW_BINS; b++)
                    direction[b] += (float)((double)list[i].row[b] * overlap / (length * g->step * longer_side));
            if (list[i].cut) {
                size_t first = k > 1 ? k - 1 : 0;
                for (size_t j = first; j <= k + 2 && j <= g->cells; j++)
                    g->masked[j] = true;
            }
        }
        for (int b = 0; b < FLOW_BINS; b++)
            g->speed[k] += direction[b];
    }
}

loris_status motion_grid_fill(motion_grid *g, const motion_interval *list, size_t count, double longer_side) {
    *g = (motion_grid){.step = choose_step(list, count)};
    g->cells = (size_t)fmax(1.0, floor(list[count - 1].end / g->step + 0.5));
    g->direction = calloc(g->cells * FLOW_BINS, sizeof *g->direction);
    g->speed = calloc(g->cells, sizeof *g->speed);
    g->masked = calloc(g->cells + 1, sizeof *g->masked);
    if (!g->direction || !g->speed || !g->masked) {
        motion_grid_free(g);
        return fail_memory("the motion's grid");
    }
    average_over(g, list, count, longer_side);
    return LORIS_OK;
}

loris_status motion_grid_make(motion_grid *g, const motion *m, const pair_mark *marks) {
    *g = (motion_grid){0};
    if (m->frames < 2)
        return LORIS_OK;
    motion_interval *list = malloc((m->frames - 1) * sizeof *list);
    if (!list)
        return fail_memory("the motion's grid");
    size_t count = list_intervals(list, m, marks);
    loris_status status = motion_grid_fill(g, list, count, (double)(m->width > m->height ? m->width : m->height));
    free(list);
    return status;
}
