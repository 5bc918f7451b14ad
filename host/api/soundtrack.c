/* The main job: watch, compose, denoise, recover the phase, write. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/engine.h"
#include "core/file.h"
#include "diffusion/bands.h"
#include "media/audio.h"
#include "media/phase.h"
#include "media/video.h"
#include "music/compose.h"
#include "rhythm/watch.h"

static const double TARGET_LUFS = -16, TRUE_PEAK_DB = -1;
static const double SHORTEST = 0.5, LONGEST = 600; /* seconds */
enum { MIX_RATE = 48000, MIX_CHANNELS = 2 };       /* where the original sound is mixed in */

typedef struct job {
    loris_engine *engine;
    const loris_settings *settings;
    const char *video, *output;
    output_kind kind;
    model *model;
    weights *weights;
    sampling_settings sampling;
    rhythm rhythm;
    score score;
    conditioning conditioning;
    size_t rows, samples;
    float *bands; /* [rows][bands] */
    audio audio;
    loris_report report;
} job;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void tell(const job *j, const char *stage, double done, double total) {
    if (j->settings->progress)
        j->settings->progress(j->settings->progress_user, stage, done, total);
}

/* ---- settings ------------------------------------------------------------------------------------------------------------------ */

void loris_settings_defaults(loris_settings *settings) {
    *settings = (loris_settings){.guidance = -1, .style = "auto", .bpm = LORIS_BPM_AUTO, .follow = 1, .score = true};
}

static loris_status check_settings(job *j) {
    const loris_settings *s = j->settings;
    j->kind = output_kind_of(j->output);
    if (j->kind == OUTPUT_UNKNOWN)
        return fail(LORIS_ERROR_ARGUMENT, "use .mp4 .mkv .mov for a video, .wav .flac .ogg for the sound alone",
                    "%s: the extension names no format that can be written", j->output);
    if (!s->model)
        return fail(LORIS_ERROR_ARGUMENT, "set loris_settings.model", "no model was named");
    if (s->steps < 0 || s->steps == 1 || s->steps > 1000)
        return fail(LORIS_ERROR_ARGUMENT, "use 2 to 1000 steps", "%d steps", s->steps);
    if (s->bpm != LORIS_BPM_AUTO && s->bpm != LORIS_BPM_FREE && !(s->bpm >= COMPOSE_BPM_LOW && s->bpm <= COMPOSE_BPM_HIGH))
        return fail(LORIS_ERROR_ARGUMENT, "use auto, free, or a number of beats a minute from 30 to 300", "a tempo of %g BPM", s->bpm);
    if (!(s->follow >= 0 && s->follow <= 1))
        return fail(LORIS_ERROR_ARGUMENT, "use 0 (ignore the events) to 1 (follow each)", "following events by %g", s->follow);
    if (!(s->keep_audio >= 0 && s->keep_audio <= 4))
        return fail(LORIS_ERROR_ARGUMENT, "use a gain from 0 to 4", "the original sound at gain %g", s->keep_audio);
    if (s->guidance >= 0 && !(s->guidance <= 100))
        return fail(LORIS_ERROR_ARGUMENT, "use 1 (none) to about 3", "a guidance scale of %g", s->guidance);
    style ignored;
    if (s->style && strcmp(s->style, "auto"))
        TRY(style_from_name(s->style, &ignored));
    output_file probe; /* an unwritable place is better known now than after the work */
    TRY(output_begin(&probe, j->output));
    output_discard(&probe);
    return LORIS_OK;
}

static loris_status open_model(job *j) {
    const loris_settings *s = j->settings;
    TRY(model_open(&j->model, s->model));
    TRY(bands_sampling(j->model, &j->sampling));
    if (s->steps)
        j->sampling.steps = s->steps;
    if (s->sampler)
        TRY(sampler_from_name(s->sampler, &j->sampling.sampler));
    if (s->guidance >= 0)
        j->sampling.guidance = s->guidance;
    return weights_new(&j->weights, j->engine->compute, j->model->file, j->model->prefix);
}

/* ---- stages ---------------------------------------------------------------------------------------------------------------------- */

static void watch_progress_to_job(double fraction, void *user) {
    tell(user, "watch", fraction, 1);
}

static loris_status watch(job *j) {
    if (j->settings->rhythm_in)
        TRY(rhythm_read(&j->rhythm, j->settings->rhythm_in));
    else {
        watch_settings settings = watch_defaults();
        TRY(watch_video(&j->rhythm, j->engine->compute, j->video, &settings, watch_progress_to_job, j));
    }
    if (!(j->rhythm.duration >= SHORTEST && j->rhythm.duration <= LONGEST))
        return fail(LORIS_ERROR_INPUT, "cut the video to between 0.5 s and 10 min", "%s lasts %.2f s",
                    j->settings->rhythm_in ? j->settings->rhythm_in : j->video, j->rhythm.duration);
    return j->settings->rhythm_out ? rhythm_write(&j->rhythm, j->settings->rhythm_out) : LORIS_OK;
}

static loris_status compose_score(job *j) {
    const loris_settings *s = j->settings;
    compose_settings settings = compose_defaults();
    settings.seed = s->seed;
    settings.bpm = s->bpm == LORIS_BPM_AUTO ? COMPOSE_BPM_AUTO : s->bpm;
    settings.follow = s->follow;
    if (s->style && strcmp(s->style, "auto")) {
        style named;
        TRY(style_from_name(s->style, &named));
        settings.style = (int)named;
    }
    TRY(compose(&j->score, &j->rhythm, &settings));
    return s->midi_out ? score_write_midi(&j->score, s->midi_out) : LORIS_OK;
}

static loris_status denoise_bands(job *j) {
    const model_bands *b = &j->model->bands;
    j->samples = (size_t)llround(j->rhythm.duration * b->rate);
    j->rows = (j->samples + (size_t)b->hop - 1) / (size_t)b->hop + 1;
    size_t window = (size_t)j->sampling.window, covered = j->rows > window ? j->rows : window;
    covered = (covered + CONDITIONING_MULTIPLE - 1) / CONDITIONING_MULTIPLE * CONDITIONING_MULTIPLE;
    TRY(conditioning_make(&j->conditioning, &j->score, covered, j->settings->score));
    j->bands = malloc(j->rows * (size_t)b->bands * sizeof *j->bands);
    if (!j->bands)
        return fail_memory("the spectrogram");
    uint64_t seed = j->settings->seed;
    sampling_report done;
    bands_request request = {.compute = j->engine->compute, .model = j->model, .weights = j->weights, .settings = &j->sampling,
                             .conditioning = &j->conditioning, .style = j->score.style, .rows = j->rows, .noise = seeded_noise,
                             .noise_user = &seed, .progress = j->settings->progress, .progress_user = j->settings->progress_user};
    TRY(bands_sample(&request, j->bands, &done));
    j->report.windows = done.windows;
    j->report.denoise_gflop = done.flop * 1e-9;
    j->report.device_memory = done.memory + done.weights;
    return LORIS_OK;
}

static loris_status keep_samples(void *user, const float *samples, size_t count) {
    job *j = user;
    size_t room = j->samples - j->audio.frames;
    if (count > room)
        count = room;
    memcpy(j->audio.samples + j->audio.frames, samples, count * sizeof *samples);
    j->audio.frames += count;
    tell(j, "phase", (double)j->audio.frames, (double)j->samples);
    return check_cancelled();
}

static loris_status sound(job *j) {
    const model_bands *b = &j->model->bands;
    spectrum_format format = {.rate = b->rate, .window = b->window, .hop = b->hop, .bands = b->bands, .floor = b->floor};
    phase_stream *stream;
    j->audio = (audio){.samples = calloc(j->samples, sizeof(float)), .channels = 1, .rate = b->rate};
    if (!j->audio.samples)
        return fail_memory("the sound");
    TRY(phase_stream_new(&stream, &format, 0));
    loris_status status = phase_stream_push(stream, j->bands, j->rows, true, keep_samples, j);
    phase_stream_free(stream);
    TRY(status);
    return audio_normalise(&j->audio, TARGET_LUFS, TRUE_PEAK_DB, &j->report.gain_db);
}

static loris_status mix_original(job *j) {
    audio original = {0};
    double gain;
    TRY(audio_from_video(&original, j->video, MIX_RATE, MIX_CHANNELS));
    loris_status status = LORIS_OK;
    if (original.frames) {
        status = audio_convert(&j->audio, MIX_RATE, MIX_CHANNELS);
        if (status == LORIS_OK)
            status = audio_mix_original(&j->audio, &original, j->settings->keep_audio, j->settings->duck);
        if (status == LORIS_OK)
            status = audio_normalise(&j->audio, TARGET_LUFS, TRUE_PEAK_DB, &gain);
    } else
        log_message(LORIS_LOG_WARNING, "%s has no sound of its own to keep", j->video);
    audio_free(&original);
    return status;
}

static loris_status write_output(job *j) {
    if (j->settings->keep_audio > 0)
        TRY(mix_original(j));
    const loris_report *r = &j->report;
    char comment[1024], software[64];
    snprintf(comment, sizeof comment,
             "loris-cl %s; seed %llu; model %s sha256 %s; device %s; precision f32; sampler %s, %d steps, guidance %g; style %s; %.4g BPM; score %s",
             LORIS_VERSION, (unsigned long long)r->seed, r->model, r->model_hash, r->device, r->sampler, r->steps, r->guidance, r->style,
             j->score.bpm, j->settings->score ? "on" : "off");
    snprintf(software, sizeof software, "loris-cl %s", LORIS_VERSION);
    const metadata_entry metadata[] = {{"comment", comment}, {"software", software}};
    if (j->kind == OUTPUT_AUDIO)
        return audio_write(&j->audio, j->output, metadata, 2);
    return video_mux(j->video, &j->audio, j->output, metadata, 2);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------------ */

typedef struct stage {
    const char *name;
    loris_status (*run)(job *);
    double *seconds;
} stage;

static void fill_report(job *j) {
    loris_report *r = &j->report;
    snprintf(r->device, sizeof r->device, "%s", j->engine->compute->dev.name);
    snprintf(r->model, sizeof r->model, "%s", j->model->name);
    snprintf(r->style, sizeof r->style, "%s", style_name(j->score.style));
    snprintf(r->sampler, sizeof r->sampler, "%s", sampler_name(j->sampling.sampler));
    model_hash(j->model, r->model_hash);
    r->seed = j->settings->seed;
    r->steps = j->sampling.steps;
    r->guidance = j->sampling.guidance;
    r->duration = j->rhythm.duration;
    r->bpm = j->score.bpm;
    r->tempo_confidence = j->rhythm.tempo_confidence;
    r->events = j->rhythm.event_count;
    r->beats = j->rhythm.beat_count;
    r->cuts = j->rhythm.cut_count;
    r->notes = j->score.note_count;
}

static loris_status run_stages(job *j) {
    loris_report *r = &j->report;
    const stage stages[] = {{"watch", watch, &r->watch_seconds},         {"compose", compose_score, &r->compose_seconds},
                            {"denoise", denoise_bands, &r->denoise_seconds}, {"phase", sound, &r->phase_seconds}};
    TRY(check_settings(j));
    TRY(open_model(j));
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        double from = now();
        tell(j, stages[i].name, 0, 0);
        TRY(check_cancelled());
        TRY(stages[i].run(j));
        *stages[i].seconds = now() - from;
    }
    fill_report(j);
    double from = now();
    tell(j, "write", 0, 0);
    TRY(check_cancelled());
    TRY(write_output(j));
    r->write_seconds = now() - from;
    tell(j, "write", 1, 1);
    return audio_loudness(&j->audio, &r->lufs, &r->true_peak_db);
}

loris_status loris_soundtrack(loris_engine *engine, const loris_settings *settings, const char *video_path, const char *output,
                              loris_report *report) {
    double from = now();
    job j = {.engine = engine, .settings = settings, .video = video_path, .output = output};
    loris_status status = run_stages(&j);
    j.report.total_seconds = now() - from;
    if (status == LORIS_OK && report)
        *report = j.report;
    free(j.bands);
    audio_free(&j.audio);
    conditioning_free(&j.conditioning);
    score_free(&j.score);
    rhythm_free(&j.rhythm);
    weights_free(j.weights);
    model_close(j.model);
    return status;
}
