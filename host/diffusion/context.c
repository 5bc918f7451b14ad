#include "diffusion/context.h"

#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "nets/encoder.h"
#include "plan/plan.h"

/* Streams of noise under a seed: those of the samplers count up from 0 (diffusion/sample.c). */
static const uint64_t STATE_STREAM = (uint64_t)1 << 32;

static net *record_encoder(compute *c, const weights *encoders, const unet_config *u, int clips, int rows) {
    net *n = net_new(c, encoders, "visual encoder", 1);
    if (!n)
        return NULL;
    const shape states = shape_1d(clips, ENCODER_STATES, u->video_features / 2);
    tensor x = net_input(n, "video", PHASE_CLIP, shape_1d(clips, rows, u->video_features), STORE_F32);
    tensor h = net_input(n, "h0", PHASE_CLIP, states, STORE_F32),
           cell = net_input(n, "c0", PHASE_CLIP, states, STORE_F32);
    net_output(n, "tokens", video_encoder(n, x, h, cell, u->embedding_features));
    return n;
}

loris_status encode_video_outline(compute *c, const weights *encoders, const unet_config *u, int rows, text *out) {
    plan *p = NULL;
    TRY(plan_draft(&p, record_encoder(c, encoders, u, 1, rows)));
    plan_describe(p, out);
    plan_free(p);
    return text_failed(out) ? fail_memory("a plan's description") : LORIS_OK;
}

loris_status encode_video(compute *c, const weights *encoders, const unet_config *u, const float *video, int clips,
                          int rows, const float *h0, const float *c0, float *tokens) {
    const shape in = shape_1d(clips, rows, u->video_features),
                states = shape_1d(clips, ENCODER_STATES, u->video_features / 2);
    plan *p = NULL;
    loris_status status;
    TRY_GOTO(plan_build(&p, record_encoder(c, encoders, u, clips, rows)));
    TRY_GOTO(plan_write(p, "video", video, shape_elements(in) * sizeof(float)));
    TRY_GOTO(plan_write(p, "h0", h0, shape_elements(states) * sizeof(float)));
    TRY_GOTO(plan_write(p, "c0", c0, shape_elements(states) * sizeof(float)));
    TRY_GOTO(plan_run(p, PHASE_CLIP, 0));
    TRY_GOTO(
        plan_read(p, "tokens", tokens, (size_t)clips * (size_t)rows * (size_t)u->embedding_features * sizeof(float)));
done:
    plan_free(p);
    return status;
}

void encoder_states(float *h0, float *c0, int units, uint64_t seed) {
    const size_t count = ENCODER_STATES * (size_t)units;
    random_normal(h0, seed, STATE_STREAM, 0, count);
    random_normal(c0, seed, STATE_STREAM + 1, 0, count);
}

loris_status embed_genre(const weights *encoders, const unet_config *u, int64_t genre, float *out) {
    const weight_entry *e = weights_find(encoders, "gencoder.genre_embed.weight");
    const size_t width = (size_t)u->embedding_features;
    if (!e || e->source->rank != 2 || e->source->dim[1] != u->embedding_features)
        return fail(LORIS_ERROR_INPUT, NULL, "the model has no table of genres of %d features", u->embedding_features);
    if (genre < 0 || genre >= e->source->dim[0])
        return fail(LORIS_ERROR_INPUT, NULL, "genre %lld: the model knows 0 to %lld", (long long)genre,
                    (long long)e->source->dim[0] - 1);
    float *table;
    TRY(weights_values(e, &table));
    memcpy(out, table + (size_t)genre * width, width * sizeof *out);
    free(table);
    weights_mark_used(e);
    return LORIS_OK;
}
