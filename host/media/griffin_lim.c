/* Each iteration projects the spectrum onto those of real signals (overlap, then transform again), extrapolates along
 * the change since the last iteration, and restores the wanted magnitudes.
 *
 * The overlap is a weighted least squares: frame j counts 1 / (its RMS magnitude). The weights are the same for all
 * bins of a frame, so restoring magnitudes is still the nearest point and the iteration converges as the plain one
 * does, but to a small error relative to each frame. Unweighted, the error of a loud frame is shared with the quiet
 * ones it overlaps and is heard before every attack. */
#include "media/griffin_lim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/worker.h"

enum { CHUNK = 16 };

static const float momentum = 0.99f; /* alpha of the paper; beyond 1 it diverges */

void griffin_lim_free(griffin_lim *g) {
    if (!g)
        return;
    for (int k = 0; g->fft && k < g->chunk_count; k++)
        fft_free(g->fft[k]);
    free(g->fft);
    free(g->magnitude);
    free(g->phase);
    free(g->signal);
    free(g->weight);
    free(g->gain);
    free(g->previous);
    free(g->overlapped[0]);
    free(g->overlapped[1]);
    free(g->samples);
    free(g);
}

loris_status griffin_lim_new(griffin_lim **out, const stft *s, float floor, int max_frames, int threads) {
    *out = NULL;
    loris_status status = LORIS_OK;
    griffin_lim *g = calloc(1, sizeof *g);
    if (!g)
        return fail_memory("phase recovery");
    g->s = s;
    g->floor = floor;
    g->max_frames = max_frames;
    g->threads = threads;
    ceiling_filter_make(&g->between);
    g->chunk_count = (max_frames + CHUNK - 1) / CHUNK;
    g->span = (CHUNK - 1) * s->hop + s->window;
    const size_t count = (size_t)max_frames * (size_t)s->bins;
    const size_t length = (size_t)(max_frames - 1) * (size_t)s->hop + (size_t)s->window;
    const size_t spans = (size_t)g->chunk_count * (size_t)g->span;
    g->magnitude = calloc(count, sizeof *g->magnitude);
    g->phase = calloc(count, sizeof *g->phase);
    g->signal = calloc(length, sizeof *g->signal);
    g->weight = calloc((size_t)max_frames, sizeof *g->weight);
    g->gain = calloc(length, sizeof *g->gain);
    g->previous = calloc(count, 2 * sizeof *g->previous);
    g->overlapped[0] = calloc(spans, sizeof *g->overlapped[0]);
    g->overlapped[1] = calloc(spans, sizeof *g->overlapped[1]);
    g->samples = calloc(spans, sizeof *g->samples);
    g->fft = calloc((size_t)g->chunk_count, sizeof(fft *));
    if (!g->magnitude || !g->phase || !g->signal || !g->weight || !g->gain || !g->previous || !g->overlapped[0] ||
        !g->overlapped[1] || !g->samples || !g->fft) {
        status = fail_memory("phase recovery");
        goto done;
    }
    for (int k = 0; k < g->chunk_count; k++)
        TRY_GOTO(fft_new(&g->fft[k], s->window));
    *out = g;
    g = NULL;
done:
    griffin_lim_free(g);
    return status;
}

static int frames_in_chunk(const griffin_lim *g, int chunk) {
    const int left = g->frames - chunk * CHUNK;
    return left < CHUNK ? left : CHUNK;
}

static int samples_under_chunk(const griffin_lim *g, int chunk) {
    return (frames_in_chunk(g, chunk) - 1) * g->s->hop + g->s->window;
}

/* Weights the spectrum of frame j that stands in f and overlaps its samples into `out`. */
static void overlap_frame(const griffin_lim *g, fft *f, int j, float *out) {
    for (int i = 0; i < 2 * g->s->bins; i++)
        f->spectrum[i] *= g->weight[j];
    stft_synthesise(g->s, f, out);
}

static loris_status overlap_initial(void *user, int chunk) {
    griffin_lim *g = user;
    const int bins = g->s->bins;
    fft *f = g->fft[chunk];
    float *out = g->overlapped[0] + (size_t)chunk * (size_t)g->span;
    memset(out, 0, (size_t)g->span * sizeof *out);
    for (int i = 0; i < frames_in_chunk(g, chunk); i++) {
        const int j = chunk * CHUNK + i;
        const float *magnitude = g->magnitude + (size_t)j * (size_t)bins, *phase = g->phase + (size_t)j * (size_t)bins;
        for (int k = 0; k < bins; k++) {
            f->spectrum[2 * k] = magnitude[k] * cosf(phase[k]);
            f->spectrum[2 * k + 1] = magnitude[k] * sinf(phase[k]);
        }
        overlap_frame(g, f, j, out + i * g->s->hop);
    }
    return LORIS_OK;
}

/* x[0 .. samples under the chunk) = the signal there, from the frames of this chunk and of those whose windows reach
 * into it. */
static void assemble(const griffin_lim *g, int chunk, const float *overlapped, float *x) {
    const int start = chunk * CHUNK * g->s->hop, count = samples_under_chunk(g, chunk);
    const int reach = (g->s->window / g->s->hop - 1 + CHUNK - 1) / CHUNK, chunks = (g->frames + CHUNK - 1) / CHUNK;
    const int first = chunk > reach ? chunk - reach : 0, last = chunk + reach < chunks ? chunk + reach : chunks - 1;
    memset(x, 0, (size_t)count * sizeof *x);
    for (int c = first; c <= last; c++) {
        const float *in = overlapped + (size_t)c * (size_t)g->span;
        const int offset = (c - chunk) * CHUNK * g->s->hop, length = samples_under_chunk(g, c);
        const int from = offset > 0 ? offset : 0, to = offset + length < count ? offset + length : count;
        for (int i = from; i < to; i++)
            x[i] += in[i - offset];
    }
    for (int i = 0; i < count; i++)
        x[i] *= g->gain[start + i];
    if (g->fixed > start)
        memcpy(x, g->signal + start, (size_t)(g->fixed - start < count ? g->fixed - start : count) * sizeof *x);
}

static loris_status iterate(void *user, int chunk) {
    griffin_lim *g = user;
    const int bins = g->s->bins;
    fft *f = g->fft[chunk];
    float *x = g->samples + (size_t)chunk * (size_t)g->span;
    float *out = g->overlapped[(g->iteration + 1) % 2] + (size_t)chunk * (size_t)g->span;
    const float alpha = g->iteration == 0 ? 0.0f : momentum; /* nothing is previous to the first */
    assemble(g, chunk, g->overlapped[g->iteration % 2], x);
    if (g->ceiling > 0)
        ceiling_apply(&g->between, x, samples_under_chunk(g, chunk), g->ceiling);
    memset(out, 0, (size_t)g->span * sizeof *out);
    for (int i = 0; i < frames_in_chunk(g, chunk); i++) {
        const int j = chunk * CHUNK + i;
        const float *magnitude = g->magnitude + (size_t)j * (size_t)bins;
        float *previous = g->previous + (size_t)j * 2 * (size_t)bins, *spectrum = f->spectrum;
        stft_analyse(g->s, f, x + i * g->s->hop);
        for (int k = 0; k < bins; k++) {
            const float re = spectrum[2 * k], im = spectrum[2 * k + 1];
            const float next_re = re + alpha * (re - previous[2 * k]),
                        next_im = im + alpha * (im - previous[2 * k + 1]);
            /* the small term keeps silence silent */
            const float scale = magnitude[k] / sqrtf(next_re * next_re + next_im * next_im + 1e-30f);
            previous[2 * k] = re;
            previous[2 * k + 1] = im;
            spectrum[2 * k] = next_re * scale;
            spectrum[2 * k + 1] = next_im * scale;
        }
        overlap_frame(g, f, j, out + i * g->s->hop);
    }
    return LORIS_OK;
}

/* Puts the samples that no later chunk owns into the signal. */
static loris_status deliver(void *user, int chunk) {
    griffin_lim *g = user;
    float *x = g->samples + (size_t)chunk * (size_t)g->span;
    assemble(g, chunk, g->overlapped[g->iteration % 2], x);
    const int start = chunk * CHUNK * g->s->hop;
    const int count = start / g->s->hop + CHUNK < g->frames ? CHUNK * g->s->hop : samples_under_chunk(g, chunk);
    const int kept = g->fixed > start ? g->fixed - start : 0;
    if (kept < count)
        memcpy(g->signal + start + kept, x + kept, (size_t)(count - kept) * sizeof *x);
    return LORIS_OK;
}

static void weigh_frames(griffin_lim *g, int end) {
    const int bins = g->s->bins, length = (g->frames - 1) * g->s->hop + g->s->window;
    const double silence = 0.2 * g->floor;
    memset(g->gain, 0, (size_t)length * sizeof *g->gain);
    for (int j = 0; j < g->frames; j++) {
        const float *magnitude = g->magnitude + (size_t)j * (size_t)bins;
        double sum = 0.0;
        for (int k = 0; k < bins; k++)
            sum += (double)magnitude[k] * magnitude[k];
        g->weight[j] = (float)(1.0 / sqrt(sum / bins + silence * silence));
        for (int i = 0; i < g->s->window; i++)
            g->gain[j * g->s->hop + i] += g->weight[j] * g->s->hann[i] * g->s->hann[i];
    }
    for (int i = 0; i < length; i++)
        g->gain[i] = i < end && g->gain[i] > 0.0f ? 1.0f / g->gain[i] : 0.0f;
}

loris_status griffin_lim_run(griffin_lim *g, int frames, int fixed, int end, int iterations) {
    const int chunks = (frames + CHUNK - 1) / CHUNK;
    g->frames = frames;
    g->fixed = fixed;
    g->iteration = 0;
    weigh_frames(g, end);
    TRY(worker_run(g->threads, chunks, overlap_initial, g));
    for (; g->iteration < iterations; g->iteration++)
        TRY(worker_run(g->threads, chunks, iterate, g));
    return worker_run(g->threads, chunks, deliver, g);
}
