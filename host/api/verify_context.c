/* Golden arrays of what a U-Net attends to. */
#include <stdlib.h>
#include <string.h>

#include "api/verify_golden.h"
#include "diffusion/context.h"
#include "nets/encoder.h"
#include "nets/hawkes.h"
#include "plan/plan.h"
#include "rhythm/pose.h"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static loris_status read_peaks(const verifier *v, golden *g) {
    npy peaks;
    TRY(verify_read_integers(v, "peaks", 2, (const int64_t[]){g->batch, -1}, &peaks));
    g->peak_count = (int)peaks.dim[1];
    g->peaks = calloc(peaks.count ? peaks.count : 1, sizeof *g->peaks);
    for (size_t i = 0; g->peaks && i < peaks.count; i++)
        g->peaks[i] = peaks.i64[i] != 0;
    npy_free(&peaks);
    return g->peaks ? LORIS_OK : fail_memory("golden arrays");
}

static loris_status read_genres(const verifier *v, golden *g) {
    const size_t width = (size_t)g->model->unet.embedding_features;
    npy ids;
    TRY(verify_read_integers(v, "genre_ids", 1, (const int64_t[]){g->batch}, &ids));
    g->genres = calloc((size_t)g->batch * width, sizeof *g->genres);
    loris_status status = g->genres ? LORIS_OK : fail_memory("golden arrays");
    for (int b = 0; status == LORIS_OK && b < g->batch; b++)
        status = embed_genre(g->encoders, &g->model->unet, ids.i64[b], g->genres + (size_t)b * width);
    npy_free(&ids);
    return status;
}

loris_status golden_read_context(const verifier *v, golden *g) {
    const unet_config *u = &g->model->unet;
    TRY(weights_new(&g->encoders, v->compute, g->model->file, g->model->root));
    TRY(verify_read(v, "tokens", 3, (const int64_t[]){g->batch, -1, u->embedding_features}, &g->tokens));
    g->token_count = (int)g->tokens.dim[1];
    TRY(read_peaks(v, g));
    return u->genre ? read_genres(v, g) : LORIS_OK;
}

void golden_free_context(golden *g) {
    weights_free(g->encoders);
    npy_free(&g->tokens);
    free(g->peaks);
    free(g->genres);
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

/* (states, B, units) -> [B][states][units] */
static float *states_by_clip(const npy *a) {
    const size_t states = (size_t)a->dim[0], clips = (size_t)a->dim[1], units = (size_t)a->dim[2];
    float *out = malloc((a->count ? a->count : 1) * sizeof *out);
    for (size_t s = 0; out && s < states; s++)
        for (size_t b = 0; b < clips; b++)
            memcpy(out + (b * states + s) * units, a->f32 + (s * clips + b) * units, units * sizeof *out);
    return out;
}

static loris_status check_tokens(verifier *v, const golden *g) {
    const unet_config *u = &g->model->unet;
    if (!u->video_features || !verify_has(v, "video"))
        return LORIS_OK;
    npy video = {0}, h0 = {0}, c0 = {0};
    float *h = NULL, *c = NULL, *got = calloc(g->tokens.count, sizeof *got);
    const int64_t states[] = {ENCODER_STATES, g->batch, u->video_features / 2};
    loris_status status = got ? LORIS_OK : fail_memory("golden arrays");
    if (status != LORIS_OK)
        goto done;
    TRY_GOTO(verify_read(v, "video", 3, (const int64_t[]){g->batch, g->token_count, u->video_features}, &video));
    TRY_GOTO(verify_read(v, "h0", 3, states, &h0));
    TRY_GOTO(verify_read(v, "c0", 3, states, &c0));
    h = states_by_clip(&h0);
    c = states_by_clip(&c0);
    TRY_GOTO(h && c ? LORIS_OK : fail_memory("golden arrays"));
    TRY_GOTO(encode_video(v->compute, g->encoders, u, video.f32, g->batch, g->token_count, h, c, got));
    TRY_GOTO(
        verify_compare(v, "tokens", 3, g->tokens.dim, got, g->tokens.f32, verify_tolerance(v, EVALUATION_TOLERANCE)));
done:
    npy_free(&video);
    npy_free(&h0);
    npy_free(&c0);
    free(h);
    free(c);
    free(got);
    return status;
}

/* Peaks must be equal; the envelope's sums are rounded in an order that PyTorch chooses by processor. */
static loris_status check_rhythm(verifier *v, const golden *g) {
    const double envelope_tolerance = 2e-6;
    npy pose, envelope = {0};
    if (!verify_has(v, "pose"))
        return LORIS_OK;
    TRY(verify_read(v, "pose", 4, (const int64_t[]){g->batch, g->peak_count + 2, -1, POSE_CHANNELS}, &pose));
    const size_t poses = (size_t)pose.dim[1], joints = (size_t)pose.dim[2], count = (size_t)g->peak_count;
    const int64_t dim[] = {g->batch, g->peak_count};
    float *arrays = calloc(3 * (size_t)g->batch * count + 1, sizeof *arrays); /* peaks got and wanted, envelope got */
    loris_status status = arrays ? LORIS_OK : fail_memory("golden arrays");
    if (status != LORIS_OK)
        goto done;
    float *got = arrays, *want = arrays + (size_t)g->batch * count, *got_envelope = want + (size_t)g->batch * count;
    for (size_t b = 0; b < (size_t)g->batch; b++) {
        pose_rhythm r;
        TRY_GOTO(pose_rhythm_new(&r, pose.f32 + b * poses * joints * POSE_CHANNELS, poses, joints, "pose.npy"));
        for (size_t i = 0; i < count; i++) {
            got[b * count + i] = (float)r.peaks[i];
            want[b * count + i] = (float)g->peaks[b * count + i];
            got_envelope[b * count + i] = r.envelope[i];
        }
        pose_rhythm_free(&r);
    }
    TRY_GOTO(verify_compare(v, "peaks", 2, dim, got, want, 0));
    if (verify_has(v, "envelope")) {
        TRY_GOTO(verify_read(v, "envelope", 2, dim, &envelope));
        TRY_GOTO(verify_compare(v, "envelope", 2, dim, got_envelope, envelope.f32, envelope_tolerance));
    }
done:
    npy_free(&pose);
    npy_free(&envelope);
    free(arrays);
    return status;
}

static loris_status check_null_peaks(verifier *v, const golden *g) {
    const int64_t dim[] = {g->batch, g->peak_count};
    const size_t count = (size_t)g->peak_count, bytes = count * sizeof(int32_t);
    npy golden_peaks;
    plan *p = NULL;
    if (!verify_has(v, "null_peaks"))
        return LORIS_OK;
    TRY(verify_read_integers(v, "null_peaks", 2, dim, &golden_peaks));
    int32_t *peaks = malloc(bytes ? bytes : 1);
    float *got = calloc(2 * golden_peaks.count + 1, sizeof *got), *want = got ? got + golden_peaks.count : NULL;
    net *n = net_new(v->compute, g->weights, "null rhythm", 1);
    loris_status status = peaks && got && n ? LORIS_OK : fail_memory("golden arrays");
    if (status != LORIS_OK) {
        net_free(n);
        goto done;
    }
    net_output(n, "peaks", unet_null_context(n, &g->model->unet, g->token_count, g->peak_count).peaks);
    TRY_GOTO(plan_build(&p, n));
    TRY_GOTO(plan_read(p, "peaks", peaks, bytes));
    for (size_t i = 0; i < golden_peaks.count; i++) {
        got[i] = (float)peaks[i % count];
        want[i] = (float)golden_peaks.i64[i];
    }
    TRY_GOTO(verify_compare(v, "null_peaks", 2, dim, got, want, 0));
done:
    plan_free(p);
    npy_free(&golden_peaks);
    free(peaks);
    free(got);
    return status;
}

/* The rhythm tokens of the bottleneck's first block. */
static loris_status check_hawkes(verifier *v, const golden *g) {
    const unet_config *u = &g->model->unet;
    npy want;
    plan *p = NULL;
    if (!verify_has(v, "hawkes_bottleneck"))
        return LORIS_OK;
    TRY(verify_read(v, "hawkes_bottleneck", 3, (const int64_t[]){g->batch, g->peak_count, u->embedding_features},
                    &want));
    float *got = calloc(want.count, sizeof *got);
    net *n = net_new(v->compute, g->weights, "rhythm", 1);
    loris_status status = got && n ? LORIS_OK : fail_memory("golden arrays");
    if (status != LORIS_OK) {
        net_free(n);
        goto done;
    }
    enter(n, "bottleneck.pre_block.rhythm_hawkes_attention.");
    tensor peaks = net_input(n, "peaks", PHASE_CLIP, shape_1d(g->batch, g->peak_count, 1), STORE_I32);
    const attention_size size = {u->attention_heads, u->attention_features};
    net_output(n, "y", hawkes(n, peaks, u->embedding_features, u->rhythm_max_length, size));
    TRY_GOTO(plan_build(&p, n));
    TRY_GOTO(plan_write(p, "peaks", g->peaks, (size_t)g->batch * (size_t)g->peak_count * sizeof *g->peaks));
    TRY_GOTO(plan_run(p, PHASE_CLIP, 0));
    TRY_GOTO(plan_read(p, "y", got, want.count * sizeof *got));
    TRY_GOTO(
        verify_compare(v, "hawkes_bottleneck", 3, want.dim, got, want.f32, verify_tolerance(v, EVALUATION_TOLERANCE)));
done:
    plan_free(p);
    npy_free(&want);
    free(got);
    return status;
}

loris_status golden_check_context(verifier *v, const golden *g) {
    TRY(check_tokens(v, g));
    TRY(check_rhythm(v, g));
    TRY(check_null_peaks(v, g));
    return check_hawkes(v, g);
}
