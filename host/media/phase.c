/* The stream: blocks of frames that overlap. A block's last frames are found again with the next block, which knows
 * what follows them; its samples before those are final, and the next block is solved with them given, so nothing
 * changes across a joint. */
#include "media/phase.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/bands.h"
#include "media/griffin_lim.h"
#include "media/pghi.h"

enum { ITERATIONS = 100 };

struct phase_stream {
    band_map *map;
    stft *transform;
    pghi *integration;
    griffin_lim *solver;
    int filled; /* frames in the block so far, magnitudes in solver->magnitude */
    int known;  /* of them, those that the signal of the last block gives phases for */
    int fixed;  /* samples of the block that are final */
    size_t received;
    bool ended;
};

void phase_stream_free(phase_stream *s) {
    if (!s)
        return;
    griffin_lim_free(s->solver);
    pghi_free(s->integration);
    stft_free(s->transform);
    band_map_free(s->map);
    free(s);
}

loris_status phase_stream_new(phase_stream **out, const spectrum_format *f, int threads) {
    *out = NULL;
    loris_status status = LORIS_OK;
    phase_stream *s = calloc(1, sizeof *s);
    if (!s)
        return fail_memory("phase recovery");
    TRY_GOTO(band_map_new(&s->map, f));
    TRY_GOTO(stft_new(&s->transform, f->window, f->hop));
    TRY_GOTO(pghi_new(&s->integration, s->transform, f->floor, PHASE_BLOCK));
    TRY_GOTO(griffin_lim_new(&s->solver, s->transform, f->floor, PHASE_BLOCK, threads));
    s->fixed = f->window / 2; /* silence before the clip */
    *out = s;
    s = NULL;
done:
    phase_stream_free(s);
    return status;
}

void phase_stream_set_ceiling(phase_stream *s, float ceiling) {
    s->solver->ceiling = ceiling;
}

/* The phases that the last block's signal has in the frames it reaches. */
static void continue_phases(phase_stream *s) {
    griffin_lim *g = s->solver;
    fft *f = g->fft[0];
    for (int j = 0; j < s->known; j++) {
        float *phase = g->phase + (size_t)j * (size_t)s->transform->bins;
        stft_analyse(s->transform, f, g->signal + j * s->transform->hop);
        for (int k = 0; k < s->transform->bins; k++)
            phase[k] = atan2f(f->spectrum[2 * k + 1], f->spectrum[2 * k]);
    }
}

/* Moves what the next block shares with this one to its front: frames whose windows reach beyond `final`, the end of
 * the final samples, which is the centre of frame `filled - PHASE_LOOKAHEAD`. */
static void keep_overlap(phase_stream *s) {
    griffin_lim *g = s->solver;
    const int window = s->transform->window, hop = s->transform->hop;
    const size_t bins = (size_t)s->transform->bins;
    const int overlap = window / hop, before = (overlap - 1) / 2;
    const int first = s->filled - PHASE_LOOKAHEAD - before, length = (s->filled - 1) * hop + window;
    s->filled -= first;
    memmove(g->magnitude, g->magnitude + (size_t)first * bins, (size_t)s->filled * bins * sizeof *g->magnitude);
    memmove(g->signal, g->signal + first * hop, (size_t)(length - first * hop) * sizeof *g->signal);
    s->fixed = window / 2 + before * hop;
    s->known = s->filled - (overlap - 1); /* samples under the last few windows lack the frames to come */
}

static loris_status solve_block(phase_stream *s, bool last, sample_sink *sink, void *user) {
    griffin_lim *g = s->solver;
    const int window = s->transform->window, hop = s->transform->hop;
    const int length = (s->filled - 1) * hop + window;
    const int final = window / 2 + hop * (last ? s->filled - 1 : s->filled - PHASE_LOOKAHEAD);
    if (final <= s->fixed)
        return LORIS_OK; /* a single frame: no time passes */
    continue_phases(s);
    pghi_run(s->integration, g->magnitude, s->filled, s->known, g->phase);
    TRY(griffin_lim_run(g, s->filled, s->fixed, last ? final : length, ITERATIONS));
    TRY(sink(user, g->signal + s->fixed, (size_t)(final - s->fixed)));
    if (!last)
        keep_overlap(s);
    return LORIS_OK;
}

static loris_status push(phase_stream *s, const float *bands, size_t frames, bool last, sample_sink *sink, void *user) {
    while (frames > 0) {
        /* A full block waits for one more frame, so that whether it is the last does not depend on how frames arrive.
         */
        if (s->filled == PHASE_BLOCK)
            TRY(solve_block(s, false, sink, user));
        const size_t room = (size_t)(PHASE_BLOCK - s->filled), count = frames < room ? frames : room;
        float *magnitude = s->solver->magnitude + (size_t)s->filled * (size_t)s->map->bins;
        TRY(band_map_apply(s->map, bands, count, s->received, magnitude));
        s->filled += (int)count;
        s->received += count;
        bands += count * (size_t)s->map->bands;
        frames -= count;
    }
    return last && s->filled > 0 ? solve_block(s, true, sink, user) : LORIS_OK;
}

loris_status phase_stream_push(phase_stream *s, const float *bands, size_t frames, bool last, sample_sink *sink,
                               void *user) {
    if (s->ended)
        return fail(LORIS_ERROR_INTERNAL, NULL, "phase recovery: frames after the last, or after an error");
    const loris_status status = push(s, bands, frames, last, sink, user);
    s->ended = last || status != LORIS_OK;
    return status;
}
