/* The benchmark of a spectrogram model: a video of 26 s, or the first 12 s of it (one window of the network), gets its
 * soundtrack, stage by stage as host/api/job.c makes it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/bench_run.h"
#include "core/file.h"
#include "diffusion/bands.h"
#include "media/audio.h"
#include "media/phase.h"
#include "media/video.h"
#include "music/compose.h"
#include "nets/flow.h"
#include "rhythm/fallback.h"
#include "rhythm/watch.h"

enum { BATCH = 32 };              /* frames uploaded at once */
static const uint64_t SEED = 1;   /* of the score and the noise */
static const double REPEATED = 0; /* the same noise on the same device gives the same bands */
static const double QUICK_SECONDS = 12;

typedef struct soundtrack {
    model *model;
    weights *weights;
    sampling_settings sampling;
    uint8_t *frames; /* [motion.frames][height][width], decoded */
    size_t frame_bytes, room;
    flow_net *flow;
    motion motion; /* `features` has a row more than frames, see watch.c */
    size_t time_room;
    float *features; /* [frames][FLOW_FEATURES], row i belongs to frame i */
    rhythm rhythm;
    score score;
    conditioning conditioning;
    bands_sampler *sampler;
    uint64_t noise_seed;
    size_t rows;          /* of the spectrogram */
    float *bands, *first; /* [rows][bands]; those of the first pass */
    audio sound;
} soundtrack;

static const char *clip_path(const bench_run *b) {
    return bench_data(b, "clip.mp4");
}

/* ---- decode and flow --------------------------------------------------------------------------------------------- */

static loris_status keep_frame(soundtrack *s, const video_frame *f) {
    motion *m = &s->motion;
    const size_t bytes = s->frame_bytes;
    if (m->frames == s->room) {
        const size_t room = s->room ? 2 * s->room : 1024;
        uint8_t *frames = realloc(s->frames, room * bytes);
        if (frames)
            s->frames = frames;
        double *time = realloc(m->time, room * sizeof *time);
        if (time)
            m->time = time;
        if (!frames || !time)
            return fail_memory("the frames");
        s->room = room;
    }
    memcpy(s->frames + m->frames * bytes, f->pixels, bytes);
    m->time[m->frames++] = f->time;
    return LORIS_OK;
}

static loris_status decode(bench_run *b) {
    soundtrack *s = b->state;
    video *v;
    TRY(video_open(&v, clip_path(b), watch_defaults().longest, VIDEO_LUMA));
    loris_status status = LORIS_OK;
    s->motion.frames = 0;
    video_frame_size(v, &s->motion.width, &s->motion.height);
    s->frame_bytes = (size_t)s->motion.width * (size_t)s->motion.height;
    for (bool end = false; !end && status == LORIS_OK;) {
        video_frame frame = {0};
        status = video_next(v, &frame, &end);
        end = end || (b->settings->quick && frame.time >= QUICK_SECONDS);
        if (status == LORIS_OK && !end)
            status = keep_frame(s, &frame);
    }
    s->motion.duration = b->settings->quick ? QUICK_SECONDS : video_get_info(v)->duration;
    video_close(v);
    return status;
}

static loris_status flow(bench_run *b) {
    soundtrack *s = b->state;
    const motion *m = &s->motion;
    size_t collected = 0;
    int pending = 0;
    if (!s->flow)
        TRY(flow_net_new(&s->flow, b->compute, m->width, m->height, BATCH));
    if (!s->features)
        s->features = malloc(m->frames * FLOW_FEATURES * sizeof *s->features);
    if (!s->features)
        return fail_memory("the motion");
    for (size_t at = 0; at <= m->frames; at += BATCH) { /* the device works on one batch while the one before is read */
        const int count = at < m->frames ? (int)(m->frames - at < BATCH ? m->frames - at : BATCH) : 0;
        if (pending)
            TRY(flow_net_collect(s->flow, s->features + collected * FLOW_FEATURES, pending));
        collected += (size_t)pending;
        if (count)
            TRY(flow_net_push(s->flow, s->frames + at * s->frame_bytes, count));
        pending = count;
    }
    return pending ? flow_net_collect(s->flow, s->features + collected * FLOW_FEATURES, pending) : LORIS_OK;
}

/* ---- compose ----------------------------------------------------------------------------------------------------- */

static loris_status compose_score(soundtrack *s) {
    compose_settings settings = compose_defaults();
    settings.seed = SEED;
    rhythm followed;
    s->motion.features = s->features + FLOW_FEATURES; /* the first frame has none before it */
    TRY(watch_rhythm(&s->rhythm, &s->motion, NULL));
    TRY(rhythm_followed(&followed, &s->rhythm));
    loris_status status = compose(&s->score, &followed, &settings);
    rhythm_free(&followed);
    return status;
}

static loris_status compose_music(bench_run *b) {
    soundtrack *s = b->state;
    rhythm_free(&s->rhythm);
    score_free(&s->score);
    conditioning_free(&s->conditioning);
    if (s->features)
        TRY(compose_score(s));
    else
        TRY(score_read(&s->score, bench_data(b, "base/house-score.json"))); /* nothing can be watched in this build */
    const model_bands *k = &s->model->bands;
    const size_t window = (size_t)s->sampling.window;
    s->rows = (size_t)ceil(s->score.seconds * k->rate / k->hop) + 1;
    size_t covered = s->rows > window ? s->rows : window;
    covered = (covered + CONDITIONING_MULTIPLE - 1) / CONDITIONING_MULTIPLE * CONDITIONING_MULTIPLE;
    b->record->workload.audio_seconds = s->score.seconds;
    return conditioning_make(&s->conditioning, &s->score, covered, true);
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

static loris_status prepare(bench_run *b) {
    soundtrack *s = b->state;
    const size_t count = s->rows * (size_t)s->model->bands.bands;
    const bands_request request = {.compute = b->compute,
                                   .model = s->model,
                                   .weights = s->weights,
                                   .settings = &s->sampling,
                                   .conditioning = &s->conditioning,
                                   .rows = s->rows,
                                   .noise = seeded_noise,
                                   .noise_user = &s->noise_seed};
    s->noise_seed = SEED;
    s->bands = calloc(count, sizeof *s->bands);
    s->first = calloc(count, sizeof *s->first);
    if (!s->bands || !s->first)
        return fail_memory("the spectrogram");
    return bands_sampler_new(&s->sampler, &request);
}

static loris_status sample(bench_run *b) {
    soundtrack *s = b->state;
    sampling_report report;
    TRY(bands_sampler_run(s->sampler, &s->conditioning, s->score.style, s->bands, &report));
    const size_t bytes = s->rows * (size_t)s->model->bands.bands * sizeof *s->bands;
    if (!b->record->workload.evaluations)
        memcpy(s->first, s->bands, bytes);
    b->record->workload.evaluations = report.evaluations * report.windows;
    b->device_memory = report.memory + report.weights;
    return LORIS_OK;
}

static plan *network(bench_run *b) {
    const soundtrack *s = b->state;
    return bands_sampler_network(s->sampler);
}

/* ---- sound ------------------------------------------------------------------------------------------------------- */

static loris_status keep_samples(void *user, const float *samples, size_t count) {
    audio *a = user;
    memcpy(a->samples + a->frames, samples, count * sizeof *samples);
    a->frames += count;
    return LORIS_OK;
}

static loris_status phase_of_bands(bench_run *b) {
    soundtrack *s = b->state;
    const model_bands *k = &s->model->bands;
    const spectrum_format format = {
        .rate = k->rate, .window = k->window, .hop = k->hop, .bands = k->bands, .floor = k->floor};
    phase_stream *stream;
    double gain;
    if (!s->features) {
        b->unavailable = "built without FFmpeg";
        return LORIS_OK;
    }
    audio_free(&s->sound);
    s->sound = (audio){.samples = calloc(s->rows * (size_t)k->hop, sizeof(float)), .channels = 1, .rate = k->rate};
    if (!s->sound.samples)
        return fail_memory("the sound");
    TRY(phase_stream_new(&stream, &format, 0));
    loris_status status = phase_stream_push(stream, s->bands, s->rows, true, keep_samples, &s->sound);
    phase_stream_free(stream);
    TRY(status);
    return audio_normalise(&s->sound, -16, -1, &gain);
}

/* Written as a soundtrack is, except that it never takes its place: an output is removed however the program ends. */
static loris_status write_file(bench_run *b) {
    const soundtrack *s = b->state;
    const char *place = getenv("TMPDIR");
    output_group held = {0};
    if (!s->features) {
        b->unavailable = "built without FFmpeg";
        return LORIS_OK;
    }
    const char *path =
        arena_printf(b->memory, "%s/loris-bench-%ld.mp4", place && *place ? place : "/tmp", (long)getpid());
    if (!path)
        return fail_memory("the name of a file");
    output_group_hold(&held);
    loris_status status = video_mux(clip_path(b), &s->sound, path, NULL, 0, 0);
    output_group_rest();
    output_group_discard(&held);
    return status;
}

/* ---- the workload ------------------------------------------------------------------------------------------------ */

/* Without FFmpeg nothing is decoded and no sound is made; what remains is measured. */
static loris_status decode_if_possible(bench_run *b) {
#ifdef LORIS_WITH_FFMPEG
    return decode(b);
#else
    (void)decode;
    b->unavailable = "built without FFmpeg";
    return LORIS_OK;
#endif
}

static loris_status flow_if_decoded(bench_run *b) {
    const soundtrack *s = b->state;
    if (s->motion.frames)
        return flow(b);
    b->unavailable = "built without FFmpeg: there are no frames";
    return LORIS_OK;
}

static loris_status open_soundtrack(bench_run *b) {
    soundtrack *s = calloc(1, sizeof *s);
    b->state = s;
    if (!s)
        return fail_memory("a benchmark");
    TRY(model_open(&s->model, b->settings->model));
    TRY(bands_sampling(s->model, &s->sampling));
    TRY(weights_new(&s->weights, b->compute, s->model->file, s->model->prefix));
    char hash[65];
    model_hash(s->model, b->compute->cache_folder, hash);
    record *r = b->record;
    r->workload.name = "soundtrack";
    r->workload.model = arena_strdup(b->memory, s->model->name);
    r->workload.model_hash = arena_strdup(b->memory, hash);
    r->workload.what = arena_printf(b->memory, "a soundtrack for %s: %s, %d steps, guidance %g",
                                    b->settings->quick ? "the first 12 s of a video" : "a video of 26 s",
                                    sampler_name(s->sampling.sampler), s->sampling.steps, s->sampling.guidance);
    return LORIS_OK;
}

/* The golden output is that of one set of weights. */
static bool is_golden_model(const bench_run *b) {
    char *line;
    size_t size;
    if (file_read(bench_data(b, "base/model-sha256"), 4096, &line, &size) != LORIS_OK)
        return false;
    const bool same = size >= 64 && !strncmp(line, b->record->workload.model_hash, 64);
    free(line);
    return same;
}

static loris_status check(bench_run *b) {
    const soundtrack *s = b->state;
    TRY(bench_check(b, NULL, NULL, "known answer: "));
    if (is_golden_model(b))
        TRY(bench_check(b, bench_data(b, "base"), b->settings->model, "golden: "));
    else
        record_note(b->record, b->memory,
                    "the model has no golden output here: the device's known answers alone were checked");
    if (!s->bands) /* nothing was measured */
        return LORIS_OK;
    return bench_quantity(b, "the last sample beside the first", s->bands, s->first,
                          s->rows * (size_t)s->model->bands.bands, REPEATED);
}

static void close_soundtrack(bench_run *b) {
    soundtrack *s = b->state;
    if (!s)
        return;
    bands_sampler_free(s->sampler);
    flow_net_free(s->flow);
    weights_free(s->weights);
    model_close(s->model);
    conditioning_free(&s->conditioning);
    score_free(&s->score);
    rhythm_free(&s->rhythm);
    audio_free(&s->sound);
    free(s->motion.time);
    free(s->frames);
    free(s->features);
    free(s->bands);
    free(s->first);
    free(s);
    b->state = NULL;
}

static const bench_stage stages[] = {
    {"decode", "the video to frames of 256 pixels, on the host", decode_if_possible, false},
    {"flow", "motion of every frame, on the device", flow_if_decoded, false},
    {"compose", "rhythm, score and conditioning, on the host", compose_music, false},
    {"prepare", "network planned, kernels compiled, weights uploaded", prepare, true},
    {"sampling", "the whole clip, on the device", sample, false},
    {"phase", "bands to sound, loudness, on the host", phase_of_bands, false},
    {"write", "the video with its new sound, on the host", write_file, false},
    {NULL, NULL, NULL, false}};

const bench_workload bench_soundtrack = {.stages = stages,
                                         .open = open_soundtrack,
                                         .check = check,
                                         .sample = sample,
                                         .network = network,
                                         .close = close_soundtrack};
