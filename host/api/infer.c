/* Clips of a LORIS model: features and poses in, sound out, as the authors' scripts make it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/engine.h"
#include "core/file.h"
#include "core/npy.h"
#include "diffusion/context.h"
#include "diffusion/presets.h"
#include "media/audio.h"
#include "nets/encoder.h"
#include "nets/model.h"
#include "rhythm/pose.h"

typedef struct batch {
    loris_engine *engine;
    const loris_infer_settings *settings;
    const preset *preset;
    model *model;
    weights *weights, *encoders;
    sampling_settings sampling;
    sampler *sampler; /* made for the first clip, and again for one of other tokens or peaks */
    int token_count, peak_count; /* that it is made for */
    size_t rows, samples; /* generated, and written */
    uint64_t seed;        /* of the clip at work */
    size_t done, total;   /* clips */
    const char *metadata;
    loris_infer_report report;
} batch;

/* What is known of a clip. */
typedef struct clip {
    npy video;
    int video_rows;
    float *tokens, *genre;
    pose_rhythm rhythm;
} clip;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int least(int a, int b) {
    return a < b ? a : b;
}

/* ---- settings ------------------------------------------------------------------------------------------------------- */

void loris_infer_defaults(loris_infer_settings *settings) {
    *settings = (loris_infer_settings){.guidance = -1};
}

static loris_status check_settings(batch *b) {
    const loris_infer_settings *s = b->settings;
    if (!s->preset || !s->model)
        return fail(LORIS_ERROR_ARGUMENT, "set loris_infer_settings.preset and .model", "no preset or no model was named");
    if (s->steps < 0 || s->steps == 1 || s->steps > 1000)
        return fail(LORIS_ERROR_ARGUMENT, "use 2 to 1000 steps", "%d steps", s->steps);
    if (s->guidance > 1000)
        return fail(LORIS_ERROR_ARGUMENT, "use 1 (none) to about 20", "a guidance scale of %g", s->guidance);
    TRY(preset_from_name(s->preset, &b->preset));
    if (b->preset->note)
        log_message(LORIS_LOG_WARNING, "%s", b->preset->note);
    return LORIS_OK;
}

static loris_status open_model(batch *b) {
    const loris_infer_settings *s = b->settings;
    const preset *p = b->preset;
    TRY(model_open(&b->model, s->model));
    const unet_config *u = &b->model->unet;
    if (!u->embedding_features || !u->video_features || u->in_channels > 2)
        return fail(LORIS_ERROR_INPUT, "presets are for models converted from LORIS' checkpoints",
                    "%s: not a model of sound that follows a video's features", b->model->path);
    if (u->embedding_max_length != p->video_rows || u->rhythm_max_length != p->poses)
        log_message(LORIS_LOG_WARNING, "%s knows %d tokens and %d poses, preset %s has %d and %d", b->model->path,
                    u->embedding_max_length, u->rhythm_max_length, p->name, p->video_rows, p->poses);
    TRY(weights_new(&b->weights, b->engine->compute, b->model->file, b->model->prefix));
    TRY(weights_new(&b->encoders, b->engine->compute, b->model->file, b->model->root));
    b->sampling = preset_sampling(p, b->model->sigma_data);
    if (s->steps)
        b->sampling.steps = s->steps;
    if (s->guidance >= 0)
        b->sampling.guidance = s->guidance;
    if (s->sampler)
        TRY(sampler_from_name(s->sampler, &b->sampling.sampler));
    b->samples = (size_t)p->seconds * (size_t)p->rate;
    b->rows = s->pad_tail ? (size_t)1 << p->log2_samples : b->samples;
    return LORIS_OK;
}

/* ---- reading a clip ------------------------------------------------------------------------------------------------- */

static loris_status read_video(const batch *b, const loris_clip *c, clip *out) {
    const unet_config *u = &b->model->unet;
    TRY(npy_read(&out->video, c->i3d));
    TRY(npy_expect(&out->video, c->i3d, 2, (const int64_t[]){-1, u->video_features}));
    if (!out->video.f32)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: expected floating-point numbers", c->i3d);
    const int64_t most = least(b->preset->video_rows, u->embedding_max_length);
    out->video_rows = (int)(out->video.dim[0] < most ? out->video.dim[0] : most);
    if (out->video_rows < 1)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: it holds no features", c->i3d);
    for (size_t i = 0; i < (size_t)out->video_rows * (size_t)u->video_features; i++)
        if (!isfinite(out->video.f32[i]))
            return fail(LORIS_ERROR_INPUT, NULL, "%s: row %zu holds a number that is not finite", c->i3d,
                        i / (size_t)u->video_features);
    return LORIS_OK;
}

static loris_status thin_poses(batch *b, const loris_clip *c, npy *pose, clip *out) {
    const size_t poses = (size_t)pose->dim[0], joints = (size_t)pose->dim[1];
    const size_t wanted = (size_t)least(b->preset->poses, b->model->unet.rhythm_max_length);
    if (poses < wanted)
        return fail(LORIS_ERROR_INPUT, "poses are those of the whole clip, at least 16 a second", "%s: %zu poses, and preset %s wants %zu",
                    c->pose, poses, b->preset->name, wanted);
    const size_t span = pose_thin(pose->f32, poses, joints, wanted);
    const double seconds = b->preset->seconds * (double)span / (double)poses;
    if (b->done == 0 || b->report.pose_seconds > seconds)
        b->report.pose_seconds = seconds;
    if (span < poses)
        log_message(b->done ? LORIS_LOG_INFO : LORIS_LOG_WARNING,
                    "%s: %zu poses are thinned to %zu as published, which span the first %.1f of %d s", c->pose, poses, wanted, seconds,
                    b->preset->seconds);
    return pose_rhythm_new(&out->rhythm, pose->f32, wanted, joints, c->pose);
}

static loris_status read_rhythm(batch *b, const loris_clip *c, clip *out) {
    npy pose;
    TRY(npy_read(&pose, c->pose));
    loris_status status = npy_expect(&pose, c->pose, 3, (const int64_t[]){-1, -1, POSE_CHANNELS});
    if (status == LORIS_OK && !pose.f32)
        status = fail(LORIS_ERROR_INPUT, NULL, "%s: expected floating-point numbers", c->pose);
    if (status == LORIS_OK)
        status = thin_poses(b, c, &pose, out);
    npy_free(&pose);
    return status;
}

static loris_status make_tokens(const batch *b, clip *out) {
    const unet_config *u = &b->model->unet;
    const int units = u->video_features / 2;
    float *states = calloc(2 * ENCODER_STATES * (size_t)units, sizeof *states);
    out->tokens = malloc((size_t)out->video_rows * (size_t)u->embedding_features * sizeof *out->tokens);
    loris_status status = states && out->tokens ? LORIS_OK : fail_memory("a clip's tokens");
    if (status == LORIS_OK) {
        float *h0 = states, *c0 = states + ENCODER_STATES * (size_t)units;
        if (!b->settings->lstm_zeros)
            encoder_states(h0, c0, units, b->seed);
        status = encode_video(b->engine->compute, b->encoders, u, out->video.f32, 1, out->video_rows, h0, c0, out->tokens);
    }
    free(states);
    return status;
}

static loris_status read_genre(const batch *b, const loris_clip *c, clip *out) {
    const unet_config *u = &b->model->unet;
    if (!u->genre)
        return LORIS_OK;
    if (c->genre < 0)
        return fail(LORIS_ERROR_ARGUMENT, "name each clip's genre", "%s attends to genres, and none is given", b->model->path);
    out->genre = malloc((size_t)u->embedding_features * sizeof *out->genre);
    return out->genre ? embed_genre(b->encoders, u, c->genre, out->genre) : fail_memory("a genre");
}

static loris_status read_clip(batch *b, const loris_clip *c, clip *out) {
    TRY(read_video(b, c, out));
    TRY(read_rhythm(b, c, out));
    TRY(read_genre(b, c, out));
    return make_tokens(b, out);
}

static void free_clip(clip *c) {
    npy_free(&c->video);
    free(c->tokens);
    free(c->genre);
    pose_rhythm_free(&c->rhythm);
}

/* ---- making its sound ----------------------------------------------------------------------------------------------- */

static void pass_progress(void *user, const char *stage, double done, double total) {
    const batch *b = user;
    b->settings->progress(b->settings->progress_user, stage, (double)b->done * total + done, (double)b->total * total);
}

/* A sampler for clips with as many tokens and peaks as `c`. */
static loris_status need_sampler(batch *b, const clip_conditioning *c) {
    if (b->sampler && b->token_count == c->token_count && b->peak_count == c->peak_count)
        return LORIS_OK;
    sampler_free(b->sampler);
    b->sampler = NULL;
    b->token_count = c->token_count;
    b->peak_count = c->peak_count;
    const sampling_request request = {.compute = b->engine->compute,
                                      .weights = b->weights,
                                      .unet = &b->model->unet,
                                      .settings = &b->sampling,
                                      .rows = (int)b->rows,
                                      .conditioning = c,
                                      .noise = seeded_noise,
                                      .noise_user = &b->seed,
                                      .progress = b->settings->progress ? pass_progress : NULL,
                                      .progress_user = b};
    return sampler_new(&b->sampler, &request);
}

static loris_status sample(batch *b, const clip *c, float *out) {
    const clip_conditioning conditioning = {.rows = (int)b->rows,
                                            .tokens = c->tokens,
                                            .peaks = c->rhythm.peaks,
                                            .token_count = c->video_rows,
                                            .peak_count = (int)c->rhythm.count,
                                            .genre = c->genre};
    sampling_report done;
    TRY(need_sampler(b, &conditioning));
    sampler_request(b->sampler)->conditioning = &conditioning;
    TRY(sampler_run(b->sampler, out, &done));
    b->report.evaluations = done.evaluations;
    b->report.device_memory = done.memory + done.weights;
    b->report.gflop += done.flop * 1e-9;
    return LORIS_OK;
}

static loris_status write_sound(const batch *b, const loris_clip *c, const audio *a) {
    const metadata_entry metadata[] = {{"comment", b->metadata}, {"software", "loris-cl " LORIS_VERSION}};
    if (!c->video)
        return audio_write(a, c->output, metadata, 2);
    return video_mux(c->video, a, c->output, metadata, 2);
}

static loris_status make_clip(batch *b, const loris_clip *c) {
    const size_t channels = (size_t)b->model->unet.in_channels;
    clip known = {0};
    audio a = {.frames = b->samples, .channels = (int)channels, .rate = b->preset->rate};
    a.samples = calloc(b->samples * channels, sizeof *a.samples);
    loris_status status = a.samples ? LORIS_OK : fail_memory("the sound");
    if (status == LORIS_OK)
        status = read_clip(b, c, &known);
    if (status == LORIS_OK)
        status = sample(b, &known, a.samples);
    if (status == LORIS_OK) {
        /* As published: what is missing is the end again. */
        const size_t missing = (b->samples - b->rows) * channels, end = b->rows * channels;
        memcpy(a.samples + end, a.samples + end - missing, missing * sizeof *a.samples);
        status = write_sound(b, c, &a);
    }
    free_clip(&known);
    audio_free(&a);
    return status;
}

static loris_status check_outputs(const loris_clip *clips, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const output_kind kind = output_kind_of(clips[i].output);
        if (kind != (clips[i].video ? OUTPUT_VIDEO : OUTPUT_AUDIO))
            return fail(LORIS_ERROR_ARGUMENT, "use .wav .flac .ogg for the sound alone, .mp4 .mkv .mov where a video is given",
                        "%s: the extension does not name the format that is wanted", clips[i].output);
        output_file probe; /* an unwritable place is better known now than after the work */
        TRY(output_begin(&probe, clips[i].output));
        output_discard(&probe);
    }
    return LORIS_OK;
}

static loris_status make_all(batch *b, const loris_clip *clips, size_t count) {
    char comment[1024], hash[65];
    TRY(check_settings(b));
    TRY(check_outputs(clips, count));
    TRY(open_model(b));
    model_hash(b->model, hash);
    for (size_t i = 0; i < count; i++) {
        b->seed = b->settings->seed + i;
        b->done = i;
        snprintf(comment, sizeof comment,
                 "loris-cl %s; seed %llu; model %s sha256 %s; device %s; precision f32; preset %s; sampler %s, %d steps, guidance %g; %s",
                 LORIS_VERSION, (unsigned long long)b->seed, b->model->name, hash, b->engine->compute->dev.name, b->preset->name,
                 sampler_name(b->sampling.sampler), b->sampling.steps, b->sampling.guidance,
                 b->settings->pad_tail ? "padded by its tail" : "full length");
        b->metadata = comment;
        loris_status status = make_clip(b, &clips[i]);
        if (status != LORIS_OK)
            return count > 1 ? fail_in(status, "clip %zu", i + 1) : status;
        b->report.clips = i + 1;
    }
    return LORIS_OK;
}

loris_status loris_infer(loris_engine *engine, const loris_infer_settings *settings, const loris_clip *clips, size_t count,
                         loris_infer_report *report) {
    const double from = now();
    batch b = {.engine = engine, .settings = settings, .total = count};
    loris_status status = make_all(&b, clips, count);
    b.report.seconds = now() - from;
    if (report)
        *report = b.report;
    sampler_free(b.sampler);
    weights_free(b.encoders);
    weights_free(b.weights);
    model_close(b.model);
    return status;
}
