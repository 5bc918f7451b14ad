/* For a Gaussian window the phase gradient of an STFT follows from the gradient of its log magnitude: with
 * V(t, w) = integral of x(s) exp(-(s - t)^2 / (2 sigma^2)) exp(-i w (s - t)) ds and log V = M + i phi,
 *
 *     d phi / dt = w + (dM / dw) / sigma^2          d phi / dw = -sigma^2 dM / dt
 *
 * A Hann window behaves like a Gaussian of nearly its own shape. Phases are summed up along these gradients from the
 * loudest bins outwards, so that what is loud is right and errors end up where nothing is heard. */
#include "media/pghi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The paper's heap is a queue of buckets by log magnitude here: which of two bins within 1/64 neper (0.14 dB) comes
 * first makes no difference, and a step costs constant time. 1024 buckets reach 139 dB above the floor; the last takes
 * what is louder. */
enum { BUCKETS = 1024, BUCKETS_PER_NEPER = 64, NONE = -1 };

struct pghi {
    const stft *s;
    float floor;
    float *advance; /* [bins]: phase that the bin's own frequency gathers over a hop */
    float *log_magnitude, *time_step,
        *bin_step; /* [max_frames][bins]; steps of phase to the next frame, the next bin */
    short *bucket; /* [max_frames][bins]: NONE once the phase is set */
    int *next;     /* [max_frames][bins]: the queue's links */
    int *order;    /* [max_frames][bins]: all entries, loudest first */
    int head[BUCKETS], top;
};

void pghi_free(pghi *p) {
    if (!p)
        return;
    free(p->advance);
    free(p->log_magnitude);
    free(p->time_step);
    free(p->bin_step);
    free(p->bucket);
    free(p->next);
    free(p->order);
    free(p);
}

loris_status pghi_new(pghi **out, const stft *s, float floor, int max_frames) {
    *out = NULL;
    pghi *p = calloc(1, sizeof *p);
    if (!p)
        return fail_memory("phase integration");
    const size_t count = (size_t)max_frames * (size_t)s->bins;
    p->s = s;
    p->floor = floor;
    p->advance = calloc((size_t)s->bins, sizeof *p->advance);
    p->log_magnitude = calloc(count, sizeof *p->log_magnitude);
    p->time_step = calloc(count, sizeof *p->time_step);
    p->bin_step = calloc(count, sizeof *p->bin_step);
    p->bucket = calloc(count, sizeof *p->bucket);
    p->next = calloc(count, sizeof *p->next);
    p->order = calloc(count, sizeof *p->order);
    if (!p->advance || !p->log_magnitude || !p->time_step || !p->bin_step || !p->bucket || !p->next || !p->order) {
        pghi_free(p);
        return fail_memory("phase integration");
    }
    for (int k = 0; k < s->bins; k++) /* whole turns left out, exactly */
        p->advance[k] = (float)(2.0 * M_PI * (double)((long long)s->hop * k % s->window) / s->window);
    *out = p;
    return LORIS_OK;
}

static void push(pghi *p, int at, int bucket) {
    p->next[at] = p->head[bucket];
    p->head[bucket] = at;
    if (bucket > p->top)
        p->top = bucket;
}

static int pop(pghi *p) {
    while (p->top >= 0 && p->head[p->top] == NONE)
        p->top--;
    if (p->top < 0)
        return NONE;
    const int at = p->head[p->top];
    p->head[p->top] = p->next[at];
    return at;
}

/* Log magnitudes above the floor and the steps that follow from them. The floor stands in the logarithm as it does in
 * the bands: without it, what is left of magnitudes near zero would make steep gradients of rounding noise. */
static void measure_gradient(pghi *p, const float *magnitude, int frames) {
    const int bins = p->s->bins, count = frames * bins;
    const double window = p->s->window, hop = p->s->hop;
    /* sigma^2 of the closest Gaussian, from the paper's 0.25645 window^2 for exp(-pi t^2 / that) */
    const double variance = 0.25645 * window * window / (2.0 * M_PI);
    const float by_bin = (float)(0.5 * hop * window / (2.0 * M_PI * variance));
    const float by_frame = (float)(-2.0 * M_PI * variance / (window * hop));
    const float pi = (float)M_PI, quiet = 1e-3f * p->floor;
    float *log_magnitude = p->log_magnitude;
    for (int i = 0; i < count; i++) {
        log_magnitude[i] = logf(magnitude[i] / p->floor + 1.0f);
        const float level = log_magnitude[i] * BUCKETS_PER_NEPER;
        p->bucket[i] = (short)(magnitude[i] <= quiet ? NONE : level < BUCKETS - 1 ? (int)level : BUCKETS - 1);
    }
    for (int j = 0; j < frames; j++) {
        const float *here = log_magnitude + (size_t)j * (size_t)bins;
        const float *before = j > 0 ? here - bins : here, *after = j + 1 < frames ? here + bins : here;
        const float per_frame = j > 0 && j + 1 < frames ? 0.5f * by_frame : by_frame;
        float *time_step = p->time_step + (size_t)j * (size_t)bins, *bin_step = p->bin_step + (size_t)j * (size_t)bins;
        for (int k = 0; k < bins; k++) {
            /* the spectrum of a real signal is even about its first and last bin */
            const float below = here[k > 0 ? k - 1 : 1], above = here[k + 1 < bins ? k + 1 : bins - 2];
            time_step[k] = p->advance[k] + by_bin * (above - below);
            /* phases count from the window's start, half a window before the frame's centre: minus pi a bin */
            bin_step[k] = per_frame * (after[k] - before[k]) - pi;
        }
    }
}

/* Counting sort by bucket, loudest first. Returns how many entries there are. */
static int sort_by_magnitude(pghi *p, int count) {
    int start[BUCKETS + 1] = {0};
    for (int i = 0; i < count; i++)
        if (p->bucket[i] != NONE)
            start[BUCKETS - p->bucket[i]]++;
    for (int b = 0; b < BUCKETS; b++)
        start[b + 1] += start[b];
    const int total = start[BUCKETS];
    for (int i = 0; i < count; i++)
        if (p->bucket[i] != NONE)
            p->order[start[BUCKETS - 1 - p->bucket[i]]++] = i;
    return total;
}

/* Sets the phase of `to`, unless it has one, from its neighbour's by the mean step between them. */
static void spread(pghi *p, float *phase, const float *step, int from, int to, float direction) {
    if (p->bucket[to] == NONE)
        return;
    phase[to] = phase[from] + direction * 0.5f * (step[from] + step[to]);
    push(p, to, p->bucket[to]);
    p->bucket[to] = NONE;
}

void pghi_run(pghi *p, const float *magnitude, int frames, int known, float *phase) {
    const int bins = p->s->bins, count = frames * bins;
    measure_gradient(p, magnitude, frames);
    for (int b = 0; b < BUCKETS; b++)
        p->head[b] = NONE;
    p->top = NONE;
    for (int i = 0; i < known * bins; i++) {
        if (i >= (known - 1) * bins && p->bucket[i] != NONE)
            push(p, i, p->bucket[i]); /* the rim of what is known */
        p->bucket[i] = NONE;
    }
    memset(phase + (size_t)known * (size_t)bins, 0, (size_t)(count - known * bins) * sizeof *phase);
    const int total = sort_by_magnitude(p, count);
    for (int seed = 0;;) {
        int at = pop(p);
        if (at ==
            NONE) { /* an island: nothing leads there, so its loudest bin starts at phase 0 of the frame's centre */
            while (seed < total && p->bucket[p->order[seed]] == NONE)
                seed++;
            if (seed == total)
                return;
            at = p->order[seed];
            p->bucket[at] = NONE;
            phase[at] = at % bins % 2 ? (float)M_PI : 0.0f;
        }
        const int k = at % bins;
        if (at + bins < count)
            spread(p, phase, p->time_step, at, at + bins, 1.0f);
        if (at >= bins)
            spread(p, phase, p->time_step, at, at - bins, -1.0f);
        if (k + 1 < bins)
            spread(p, phase, p->bin_step, at, at + 1, 1.0f);
        if (k > 0)
            spread(p, phase, p->bin_step, at, at - 1, -1.0f);
    }
}
