/* Clips of a LORIS model: features and poses in, sound out, as the authors' scripts make it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/engine.h"
#include "api/infer.h"
#include "core/file.h"
#include "core/npy.h"
#include "diffusion/context.h"
#include "diffusion/presets.h"
#include "media/audio.h"
#include "nets/encoder.h"
#include "nets/model.h"
#include "ops/product.h"
#include "rhythm/pose.h"

enum { BATCH_MAX = 64 };

/* All clips of a call. */
typedef struct job {
    loris_engine *engine;
    const loris_infer_settings *settings;
    const preset *preset;
    model *model;
    weights *weights, *encoders;
    sampling_settings sampling;
    sampler *sampler;                   /* made for the first batch, and again for one of another size */
    int clips, token_count, peak_count; /* that it is made for */
    size_t rows, samples;               /* generated, and written */
    char hash[65];                      /* of the model */
    const infer_piece *pieces;          /* features and poses of the clips, NULL = in files */
    float *kept;                        /* [clips][samples][channels], where the sounds go; NULL = to files */
    size_t total;                       /* clips */
    loris_infer_report report;
} job;

/* What is known of a clip. */
typedef struct clip {
    const loris_clip *given;
    size_t index;
    uint64_t seed;
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

/* ---- settings ---------------------------------------------------------------------------------------------------- */

void loris_infer_defaults(loris_infer_settings *settings) {
    *settings = (loris_infer_settings){.guidance = -1};
}

loris_status infer_preset(const loris_infer_settings *s, const preset **out) {
    model *m;
    if (!s->model)
        return fail(LORIS_ERROR_ARGUMENT, "set loris_infer_settings.model", "no model was named");
    if (s->preset)
        return preset_from_name(s->preset, out);
    TRY(model_open(&m, s->model));
    *out = preset_for_tokens(m->unet.embedding_max_length);
    model_close(m);
    return LORIS_OK;
}

static loris_status check_settings(job *j) {
    const loris_infer_settings *s = j->settings;
    if (s->steps < 0 || s->steps == 1 || s->steps > 1000)
        return fail(LORIS_ERROR_ARGUMENT, "use 2 to 1000 steps", "%d steps", s->steps);
    if (s->batch < 0 || s->batch > BATCH_MAX)
        return fail(LORIS_ERROR_ARGUMENT, "use 1 to 64", "%d clips side by side", s->batch);
    if (s->guidance > 1000)
        return fail(LORIS_ERROR_ARGUMENT, "use 1 (none) to about 20", "a guidance scale of %g", s->guidance);
    TRY(infer_preset(s, &j->preset));
    if (j->preset->note)
        log_message(LORIS_LOG_WARNING, "%s", j->preset->note);
    return LORIS_OK;
}

static loris_status open_model(job *j) {
    const loris_infer_settings *s = j->settings;
    const preset *p = j->preset;
    TRY(model_open(&j->model, s->model));
    const unet_config *u = &j->model->unet;
    if (!u->embedding_features || !u->video_features || u->in_channels > 2)
        return fail(LORIS_ERROR_INPUT, "presets are for models converted from LORIS' checkpoints",
                    "%s: not a model of sound that follows a video's features", j->model->path);
    if (u->embedding_max_length != p->video_rows || u->rhythm_max_length != p->poses)
        log_message(LORIS_LOG_WARNING, "%s knows %d tokens and %d poses, preset %s has %d and %d", j->model->path,
                    u->embedding_max_length, u->rhythm_max_length, p->name, p->video_rows, p->poses);
    TRY(weights_new(&j->weights, j->engine->compute, j->model->file, j->model->prefix));
    TRY(weights_new(&j->encoders, j->engine->compute, j->model->file, j->model->root));
    j->sampling = preset_sampling(p, j->model->sigma_data);
    if (s->steps)
        j->sampling.steps = s->steps;
    if (s->guidance >= 0)
        j->sampling.guidance = s->guidance;
    if (s->sampler)
        TRY(sampler_from_name(s->sampler, &j->sampling.sampler));
    j->samples = (size_t)p->seconds * (size_t)p->rate;
    j->rows = s->pad_tail ? (size_t)1 << p->log2_samples : j->samples;
    return LORIS_OK;
}

/* ---- reading a clip ---------------------------------------------------------------------------------------------- */

/* From the file, or a copy of what is in memory, which is at most the clip's. */
static loris_status read_array(npy *out, const char *path, const infer_array *given) {
    if (!given)
        return npy_read(out, path);
    *out = (npy){.rank = given->rank, .count = 1};
    for (int i = 0; i < given->rank; i++) {
        out->dim[i] = given->dim[i];
        out->count *= (size_t)given->dim[i];
    }
    out->f32 = malloc(out->count * sizeof *out->f32);
    if (!out->f32)
        return fail_memory(path);
    memcpy(out->f32, given->values, out->count * sizeof *out->f32);
    return LORIS_OK;
}

static loris_status read_video(const job *j, clip *out) {
    const char *path = out->given->i3d;
    const unet_config *u = &j->model->unet;
    TRY(read_array(&out->video, path, j->pieces ? &j->pieces[out->index].actions : NULL));
    TRY(npy_expect(&out->video, path, 2, (const int64_t[]){-1, u->video_features}));
    if (!out->video.f32)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: expected floating-point numbers", path);
    const int64_t most = least(j->preset->video_rows, u->embedding_max_length);
    out->video_rows = (int)(out->video.dim[0] < most ? out->video.dim[0] : most);
    if (out->video_rows < 1)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: it holds no features", path);
    for (size_t i = 0; i < (size_t)out->video_rows * (size_t)u->video_features; i++)
        if (!isfinite(out->video.f32[i]))
            return fail(LORIS_ERROR_INPUT, NULL, "%s: row %zu holds a number that is not finite", path,
                        i / (size_t)u->video_features);
    return LORIS_OK;
}

static loris_status thin_poses(job *j, npy *pose, clip *out) {
    const char *path = out->given->pose;
    const size_t poses = (size_t)pose->dim[0], joints = (size_t)pose->dim[1];
    const size_t wanted = (size_t)least(j->preset->poses, j->model->unet.rhythm_max_length);
    if (poses < wanted)
        return fail(LORIS_ERROR_INPUT, "poses are those of the whole clip, at least 16 a second",
                    "%s: %zu poses, and preset %s wants %zu", path, poses, j->preset->name, wanted);
    const size_t span = pose_thin(pose->f32, poses, joints, wanted);
    const double seconds = j->preset->seconds * (double)span / (double)poses;
    if (out->index == 0 || j->report.pose_seconds > seconds)
        j->report.pose_seconds = seconds;
    if (span < poses)
        log_message(out->index ? LORIS_LOG_INFO : LORIS_LOG_WARNING,
                    "%s: %zu poses are thinned to %zu as published, which span the first %.1f of %d s", path, poses,
                    wanted, seconds, j->preset->seconds);
    return pose_rhythm_new(&out->rhythm, pose->f32, wanted, joints, path);
}

static loris_status read_rhythm(job *j, clip *out) {
    const char *path = out->given->pose;
    npy pose;
    TRY(read_array(&pose, path, j->pieces ? &j->pieces[out->index].poses : NULL));
    loris_status status = npy_expect(&pose, path, 3, (const int64_t[]){-1, -1, POSE_CHANNELS});
    if (status == LORIS_OK && !pose.f32)
        status = fail(LORIS_ERROR_INPUT, NULL, "%s: expected floating-point numbers", path);
    if (status == LORIS_OK)
        status = thin_poses(j, &pose, out);
    npy_free(&pose);
    return status;
}

static loris_status make_tokens(const job *j, clip *out) {
    const unet_config *u = &j->model->unet;
    const int units = u->video_features / 2;
    float *states = calloc(2 * ENCODER_STATES * (size_t)units, sizeof *states);
    out->tokens = malloc((size_t)out->video_rows * (size_t)u->embedding_features * sizeof *out->tokens);
    loris_status status = states && out->tokens ? LORIS_OK : fail_memory("a clip's tokens");
    if (status == LORIS_OK) {
        float *h0 = states, *c0 = states + ENCODER_STATES * (size_t)units;
        if (!j->settings->lstm_zeros)
            encoder_states(h0, c0, units, out->seed);
        status =
            encode_video(j->engine->compute, j->encoders, u, out->video.f32, 1, out->video_rows, h0, c0, out->tokens);
    }
    free(states);
    return status;
}

static loris_status read_genre(const job *j, clip *out) {
    const unet_config *u = &j->model->unet;
    if (!u->genre)
        return LORIS_OK;
    if (out->given->genre < 0)
        return fail(LORIS_ERROR_ARGUMENT, "name each clip's genre", "%s attends to genres, and none is given",
                    j->model->path);
    out->genre = malloc((size_t)u->embedding_features * sizeof *out->genre);
    return out->genre ? embed_genre(j->encoders, u, out->given->genre, out->genre) : fail_memory("a genre");
}

static loris_status read_clip(job *j, clip *out) {
    TRY(read_video(j, out));
    TRY(read_rhythm(j, out));
    TRY(read_genre(j, out));
    return make_tokens(j, out);
}

static void free_clip(clip *c) {
    npy_free(&c->video);
    free(c->tokens);
    free(c->genre);
    pose_rhythm_free(&c->rhythm);
}

/* ---- making their sound ------------------------------------------------------------------------------------------ */

static void pass_progress(void *user, const char *stage, double done, double total) {
    const job *j = user;
    const double before = (double)j->report.clips * total;
    j->settings->progress(j->settings->progress_user, stage, before + done * j->clips, (double)j->total * total);
}

/* A sampler for `count` clips with as many tokens and peaks as the first. */
static loris_status need_sampler(job *j, const sampling_request *request) {
    const clip_conditioning *c = request->conditioning;
    if (j->sampler && j->clips == request->clips && j->token_count == c->token_count &&
        j->peak_count == c->peak_count) {
        *sampler_request(j->sampler) = *request;
        return LORIS_OK;
    }
    sampler_free(j->sampler);
    j->sampler = NULL;
    j->clips = request->clips;
    j->token_count = c->token_count;
    j->peak_count = c->peak_count;
    return sampler_new(&j->sampler, request);
}

/* out [count][rows][channels] */
static loris_status sample(job *j, clip *clips, int count, float *out) {
    clip_conditioning conditioning[BATCH_MAX];
    void *seeds[BATCH_MAX];
    for (int i = 0; i < count; i++) {
        clip *c = &clips[i];
        conditioning[i] = (clip_conditioning){.rows = (int)j->rows,
                                              .tokens = c->tokens,
                                              .peaks = c->rhythm.peaks,
                                              .token_count = c->video_rows,
                                              .peak_count = (int)c->rhythm.count,
                                              .genre = c->genre};
        seeds[i] = &c->seed;
    }
    const sampling_request request = {.compute = j->engine->compute,
                                      .weights = j->weights,
                                      .unet = &j->model->unet,
                                      .settings = &j->sampling,
                                      .rows = (int)j->rows,
                                      .clips = count,
                                      .conditioning = conditioning,
                                      .noise = seeded_noise,
                                      .noise_users = seeds,
                                      .progress = j->settings->progress ? pass_progress : NULL,
                                      .progress_user = j};
    sampling_report done;
    TRY(need_sampler(j, &request));
    TRY(sampler_run(j->sampler, out, &done));
    j->report.evaluations = done.evaluations;
    j->report.device_memory = done.memory + done.weights;
    j->report.gflop += done.flop * 1e-9;
    return LORIS_OK;
}

/* What makes a sound again. */
static void describe_sound(const job *j, uint64_t seed, char comment[INFER_COMMENT_LENGTH]) {
    snprintf(comment, INFER_COMMENT_LENGTH,
             "loris-cl %s; seed %llu; model %s sha256 %s; device %s; precision %s; preset %s; sampler %s, %d steps, "
             "guidance %g; %s",
             LORIS_VERSION, (unsigned long long)seed, j->model->name, j->hash, j->engine->compute->dev.name,
             number_name(product_storage(j->engine->compute)), j->preset->name, sampler_name(j->sampling.sampler),
             j->sampling.steps, j->sampling.guidance, j->settings->pad_tail ? "padded by its tail" : "full length");
}

static loris_status write_sound(const job *j, const clip *c, const audio *a) {
    char comment[INFER_COMMENT_LENGTH];
    describe_sound(j, c->seed, comment);
    const metadata_entry metadata[] = {{"comment", comment}, {"software", "loris-cl " LORIS_VERSION}};
    if (!c->given->video)
        return audio_write(a, c->given->output, metadata, 2);
    return video_mux(c->given->video, a, c->given->output, metadata, 2, 0);
}

/* made [rows][channels] -> the clip's file; as published, what is missing at the end is the end again. */
static loris_status finish_clip(const job *j, const clip *c, const float *made) {
    const size_t channels = (size_t)j->model->unet.in_channels;
    const size_t end = j->rows * channels, missing = j->samples * channels - end;
    if (j->kept) {
        float *to = j->kept + c->index * j->samples * channels;
        memcpy(to, made, end * sizeof *made);
        memcpy(to + end, made + end - missing, missing * sizeof *made);
        return LORIS_OK;
    }
    audio a = {.frames = j->samples, .channels = (int)channels, .rate = j->preset->rate};
    a.samples = malloc(j->samples * channels * sizeof *a.samples);
    if (!a.samples)
        return fail_memory("the sound");
    memcpy(a.samples, made, end * sizeof *made);
    memcpy(a.samples + end, made + end - missing, missing * sizeof *made);
    loris_status status = write_sound(j, c, &a);
    audio_free(&a);
    return status;
}

static loris_status make_sound(job *j, clip *clips, int count) {
    const size_t each = j->rows * (size_t)j->model->unet.in_channels;
    float *made = malloc((size_t)count * each * sizeof *made);
    loris_status status = made ? sample(j, clips, count, made) : fail_memory("the sound");
    for (int i = 0; status == LORIS_OK && i < count; i++) {
        status = finish_clip(j, &clips[i], made + (size_t)i * each);
        if (status == LORIS_OK)
            j->report.clips++;
    }
    free(made);
    return status;
}

/* Of `count` clips from `first` on, those up to the first with other numbers of tokens or peaks. */
static loris_status make_batch(job *j, const loris_clip *given, size_t first, int count) {
    clip clips[BATCH_MAX];
    int known = 0, alike = 0;
    loris_status status = LORIS_OK;
    memset(clips, 0, sizeof clips);
    for (; status == LORIS_OK && known < count && alike == known; known++) {
        clip *c = &clips[known];
        c->given = &given[first + (size_t)known];
        c->index = first + (size_t)known;
        c->seed = j->settings->seed + c->index;
        status = read_clip(j, c);
        if (status != LORIS_OK && j->total > 1)
            status = fail_in(status, "clip %zu", c->index + 1);
        alike += c->video_rows == clips[0].video_rows && c->rhythm.count == clips[0].rhythm.count;
    }
    if (status == LORIS_OK)
        status = make_sound(j, clips, alike);
    for (int i = 0; i < known; i++)
        free_clip(&clips[i]);
    return status;
}

static loris_status check_outputs(const loris_clip *clips, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const output_kind kind = output_kind_of(clips[i].output);
        if (kind != (clips[i].video ? OUTPUT_VIDEO : OUTPUT_AUDIO))
            return fail(LORIS_ERROR_ARGUMENT,
                        "use .wav .flac .ogg for the sound alone, .mp4 .mkv .mov where a video is given",
                        "%s: the extension does not name the format that is wanted", clips[i].output);
        output_file probe; /* an unwritable place is better known now than after the work */
        TRY(output_begin(&probe, clips[i].output));
        output_discard(&probe);
    }
    return LORIS_OK;
}

static loris_status make_clips(job *j, const loris_clip *clips) {
    const size_t batch = j->settings->batch > 1 ? (size_t)j->settings->batch : 1;
    while (j->report.clips < j->total) {
        const size_t first = j->report.clips, left = j->total - first;
        TRY(make_batch(j, clips, first, (int)(left < batch ? left : batch)));
    }
    return LORIS_OK;
}

static loris_status open_job(job *j) {
    TRY(open_model(j));
    model_hash(j->model, j->engine->compute->cache_folder, j->hash);
    return LORIS_OK;
}

static void close_job(job *j) {
    sampler_free(j->sampler);
    weights_free(j->encoders);
    weights_free(j->weights);
    model_close(j->model);
}

loris_status loris_infer(loris_engine *engine, const loris_infer_settings *settings, const loris_clip *clips,
                         size_t count, loris_infer_report *report) {
    const double from = now();
    job j = {.engine = engine, .settings = settings, .total = count};
    loris_status status = check_settings(&j);
    if (status == LORIS_OK)
        status = check_outputs(clips, count);
    if (status == LORIS_OK)
        status = open_job(&j);
    if (status == LORIS_OK)
        status = make_clips(&j, clips);
    j.report.seconds = now() - from;
    if (report)
        *report = j.report;
    close_job(&j);
    return status;
}

/* ---- in memory ----------------------------------------------------------------------------------------------------
 */

loris_status infer_pieces(loris_engine *engine, const loris_infer_settings *settings, const infer_piece *pieces,
                          size_t count, int genre, const char *where, infer_sounds *out, loris_infer_report *report) {
    const double from = now();
    job j = {.engine = engine, .settings = settings, .total = count, .pieces = pieces};
    loris_clip *clips = calloc(count, sizeof *clips);
    loris_status status = clips ? check_settings(&j) : fail_memory("clips");
    if (status == LORIS_OK)
        status = open_job(&j);
    *out = (infer_sounds){0};
    if (status == LORIS_OK) {
        *out = (infer_sounds){.frames = j.samples, .channels = j.model->unet.in_channels, .rate = j.preset->rate};
        out->samples = malloc(count * out->frames * (size_t)out->channels * sizeof *out->samples);
        status = out->samples ? LORIS_OK : fail_memory("the sound");
    }
    j.kept = out->samples;
    for (size_t i = 0; i < count && status == LORIS_OK; i++)
        clips[i] = (loris_clip){.i3d = where, .pose = where, .genre = genre};
    if (status == LORIS_OK)
        status = make_clips(&j, clips);
    if (status == LORIS_OK)
        describe_sound(&j, settings->seed, out->comment);
    else {
        free(out->samples);
        out->samples = NULL;
    }
    j.report.seconds = now() - from;
    if (report)
        *report = j.report;
    close_job(&j);
    free(clips);
    return status;
}
