/* One take of a soundtrack after another: compose, denoise, recover the phase, write. */
#include "api/job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compute/profile.h"
#include "eyes/poses.h"
#include "media/phase.h"
#include "media/video.h"
#include "music/compose.h"
#include "ops/product.h"
#include "rhythm/dance.h"
#include "rhythm/fallback.h"
#include "rhythm/watch.h"

static const double TARGET_LUFS = -16, TRUE_PEAK_DB = -1;
/* What lossy encoders add to peaks, and how far a sound comes to lie above the ceiling it was sought under: by the
 * magnitudes' precedence and between samples. In dB. */
static const double ENCODER_DB = 0.7, CEILING_DB = 0.8;
enum { RECOVERIES = 2 }; /* at most, after the first */
static const double SHORTEST = 0.5, LONGEST = 600; /* seconds */
/* Lower than the data's, for levels of held tones that do not waver, and within what music reaches: composing.md. */
static const double TEMPERATURE = 0.5, LIMIT = 3; /* LIMIT in standard deviations of the data */
/* Attacks are heard this long after their note's time in what the network makes (composing.md); the sound is taken from
 * so much later in it. Seconds. */
static const double ATTACK = 0.009;
/* A soundtrack is heard from two speakers: the network's one channel is given to both. The original sound is mixed in
 * at MIX_RATE. */
enum { MIX_RATE = 48000, MIX_CHANNELS = 2 };

double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of several takes the stage says which is made: "denoise 2/5". */
static void tell(const job *j, const char *stage, double done, double total) {
    char of_takes[32];
    if (!j->settings->progress)
        return;
    snprintf(of_takes, sizeof of_takes, "%s %zu/%zu", stage, j->take + 1, j->takes);
    j->settings->progress(j->settings->progress_user, j->takes > 1 ? of_takes : stage, done, total);
}

/* ---- what takes share -------------------------------------------------------------------------------------------- */

loris_status job_open(job *j) {
    const loris_settings *s = j->settings;
    TRY(model_open(&j->model, s->model));
    model_hash(j->model, j->engine->compute->cache_folder, j->model_hash);
    TRY(bands_sampling(j->model, &j->sampling));
    j->sampling.temperature = TEMPERATURE;
    j->sampling.limit = LIMIT * j->sampling.sigma_data;
    if (s->steps)
        j->sampling.steps = s->steps;
    if (s->sampler)
        TRY(sampler_from_name(s->sampler, &j->sampling.sampler));
    if (s->guidance >= 0)
        j->sampling.guidance = s->guidance;
    return weights_new(&j->weights, j->engine->compute, j->model->file, j->model->prefix);
}

static void tell_watched(double fraction, void *user) {
    const job *j = user;
    if (j->settings->progress)
        j->settings->progress(j->settings->progress_user, "watch", fraction, 1);
}

void job_set_duration(job *j, double seconds) {
    const model_bands *b = &j->model->bands;
    j->samples = (size_t)llround(seconds * b->rate);
    j->attack = (size_t)llround(ATTACK * b->rate);
    j->rows = (j->attack + j->samples + (size_t)b->hop - 1) / (size_t)b->hop + 1;
}

static loris_status watch(job *j) {
    const loris_settings *s = j->settings;
    if (s->rhythm_in)
        return rhythm_read(&j->rhythm, s->rhythm_in);
    if (s->rhythm_from == LORIS_RHYTHM_FLOW) {
        watch_settings settings = watch_defaults();
        settings.seconds = s->duration;
        return watch_video(&j->rhythm, j->engine->compute, j->video, &settings, tell_watched, j);
    }
    poses seen;
    if (!s->eyes)
        return fail(LORIS_ERROR_ARGUMENT, "give a MoveNet as loris_settings.eyes", "a rhythm from poses without eyes");
    TRY(poses_watch(&seen, j->engine->compute, s->eyes, j->video, tell_watched, j));
    loris_status status = dance_rhythm(&j->rhythm, &seen, NULL);
    poses_free(&seen);
    return status;
}

loris_status job_watch(job *j) {
    const char *read = j->settings->rhythm_in;
    double from = seconds_now();
    tell_watched(0, j);
    TRY(watch(j));
    if (j->settings->duration > 0)
        rhythm_cut(&j->rhythm, j->settings->duration);
    if (!(j->rhythm.duration >= SHORTEST && j->rhythm.duration <= LONGEST))
        return fail(LORIS_ERROR_INPUT, "cut the video to between 0.5 s and 10 min", "%s lasts %.2f s",
                    read ? read : j->video, j->rhythm.duration);
    rhythm_note(&j->rhythm, j->note);
    if (*j->note)
        log_message(LORIS_LOG_INFO, "%s", j->note);
    job_set_duration(j, j->rhythm.duration);
    j->watch_seconds = seconds_now() - from;
    profile_add_stage(j->engine->compute, "watch", from);
    return LORIS_OK;
}

void job_reset(job *j) {
    output_group_discard(&j->outputs);
    bands_sampler_free(j->sampler);
    j->sampler = NULL;
    rhythm_free(&j->rhythm);
}

void job_close(job *j) {
    job_reset(j);
    weights_free(j->weights);
    model_close(j->model);
}

/* ---- stages of a take -------------------------------------------------------------------------------------------- */

typedef struct making {
    job *job;
    take *take;
    const loris_take *wanted;
    conditioning conditioning;
    float *bands;  /* [rows][bands] */
    size_t passed; /* samples of the attack's time that were left out */
} making;

static loris_status compose_score(making *m) {
    const job *j = m->job;
    const loris_settings *s = j->settings;
    compose_settings settings = compose_defaults();
    settings.seed = m->wanted->seed;
    settings.bpm = s->bpm == LORIS_BPM_AUTO ? COMPOSE_BPM_AUTO : s->bpm;
    settings.follow = s->follow;
    if (s->style && strcmp(s->style, "auto")) {
        style named;
        TRY(style_from_name(s->style, &named));
        settings.style = (int)named;
    }
    rhythm followed;
    TRY(rhythm_followed(&followed, &j->rhythm));
    loris_status status = compose(&m->take->score, &followed, &settings);
    rhythm_free(&followed);
    return status;
}

static void tell_denoised(void *user, const char *stage, double done, double total) {
    tell(user, stage, done, total);
}

/* In the sound's time, which begins `attack` seconds after the first row. */
static void report_joints(loris_report *r, const windows *w, double row_seconds, double attack) {
    for (int i = 1; i < w->count && r->joint_count < LORIS_JOINTS_MAX; i++) {
        int from, to;
        windows_joint(w, i, &from, &to);
        r->joints[r->joint_count++] = (loris_joint){from * row_seconds - attack, to * row_seconds - attack};
    }
}

static loris_status denoise_bands(making *m) {
    job *j = m->job;
    const model_bands *b = &j->model->bands;
    size_t window = (size_t)j->sampling.window, covered = j->rows > window ? j->rows : window;
    covered = (covered + CONDITIONING_MULTIPLE - 1) / CONDITIONING_MULTIPLE * CONDITIONING_MULTIPLE;
    TRY(conditioning_make(&m->conditioning, &m->take->score, covered, j->settings->score));
    m->bands = malloc(j->rows * (size_t)b->bands * sizeof *m->bands);
    if (!m->bands)
        return fail_memory("the spectrogram");
    const bands_request request = {.compute = j->engine->compute,
                                   .model = j->model,
                                   .weights = j->weights,
                                   .others = j->others,
                                   .other_count = j->other_count,
                                   .settings = &j->sampling,
                                   .conditioning = &m->conditioning,
                                   .rows = j->rows,
                                   .noise = seeded_noise,
                                   .noise_user = &j->noise_seed,
                                   .progress = tell_denoised,
                                   .progress_user = j};
    sampling_report done;
    if (!j->sampler)
        TRY(bands_sampler_new(&j->sampler, &request));
    j->noise_seed = m->wanted->seed;
    TRY(bands_sampler_run(j->sampler, &m->conditioning, m->take->score.style, m->bands, &done));
    loris_report *r = &m->take->report;
    r->windows = done.windows;
    r->denoise_gflop = done.flop * 1e-9;
    r->device_memory = done.memory + done.weights;
    report_joints(r, bands_sampler_windows(j->sampler), (double)b->hop / b->rate, (double)j->attack / b->rate);
    return LORIS_OK;
}

static loris_status keep_samples(void *user, const float *samples, size_t count) {
    making *m = user;
    audio *a = &m->take->audio;
    size_t room = m->job->samples - a->frames, early = m->job->attack - m->passed;
    if (early > count)
        early = count;
    m->passed += early;
    count -= early;
    if (count > room)
        count = room;
    memcpy(a->samples + a->frames, samples + early, count * sizeof *samples);
    a->frames += count;
    tell(m->job, "phase", (double)a->frames, (double)m->job->samples);
    return check_cancelled();
}

/* The sound of the bands, at the level the network gave it. `ceiling`: as phase_stream_set_ceiling(); 0 = none. */
static loris_status recover(making *m, float ceiling) {
    const job *j = m->job;
    const model_bands *b = &j->model->bands;
    spectrum_format format = {
        .rate = b->rate, .window = b->window, .hop = b->hop, .bands = b->bands, .floor = b->floor};
    phase_stream *stream;
    audio *a = &m->take->audio;
    audio_free(a);
    m->passed = 0;
    *a = (audio){.samples = calloc(j->samples, sizeof(float)), .channels = 1, .rate = b->rate};
    if (!a->samples)
        return fail_memory("the sound");
    TRY(phase_stream_new(&stream, &format, 0));
    phase_stream_set_ceiling(stream, ceiling);
    loris_status status = phase_stream_push(stream, m->bands, j->rows, true, keep_samples, m);
    phase_stream_free(stream);
    TRY(status);
    return audio_convert(a, b->rate, MIX_CHANNELS);
}

/* A spectrogram has many sounds, some with a lone high peak that keeps the whole from its loudness. Then phases are
 * sought again, this time for a sound that stays below: one gain suits loudness and peak. */
static loris_status sound(making *m) {
    const double most = TRUE_PEAK_DB - ENCODER_DB - TARGET_LUFS;
    audio *a = &m->take->audio;
    double lufs, peak, beyond, ceiling = HUGE_VAL;
    TRY(recover(m, 0));
    TRY(audio_loudness(a, &lufs, &peak));
    for (int i = 0; i < RECOVERIES && isfinite(lufs) && (beyond = peak - lufs - most) > 0; i++) {
        ceiling = fmin(lufs + most, ceiling - beyond) - CEILING_DB;
        TRY(recover(m, (float)pow(10, ceiling / 20)));
        TRY(audio_loudness(a, &lufs, &peak));
    }
    return audio_normalise(a, TARGET_LUFS, TRUE_PEAK_DB, &m->take->report.gain_db);
}

static loris_status mix_original(making *m) {
    const job *j = m->job;
    audio original = {0}, *a = &m->take->audio;
    double gain;
    TRY(audio_from_video(&original, j->video, MIX_RATE, MIX_CHANNELS));
    loris_status status = LORIS_OK;
    if (original.frames) {
        status = audio_convert(a, MIX_RATE, MIX_CHANNELS);
        if (status == LORIS_OK)
            status = audio_mix_original(a, &original, j->settings->keep_audio, j->settings->duck);
        if (status == LORIS_OK)
            status = audio_normalise(a, TARGET_LUFS, TRUE_PEAK_DB, &gain);
    } else if (j->take == 0) {
        log_message(LORIS_LOG_WARNING, "%s has no sound of its own to keep", j->video);
    }
    audio_free(&original);
    return status;
}

static void fill_report(making *m) {
    const job *j = m->job;
    const score *s = &m->take->score;
    loris_report *r = &m->take->report;
    snprintf(r->device, sizeof r->device, "%s", j->engine->compute->dev.name);
    snprintf(r->model, sizeof r->model, "%s", j->model->name);
    snprintf(r->style, sizeof r->style, "%s", style_name(s->style));
    snprintf(r->sampler, sizeof r->sampler, "%s", sampler_name(j->sampling.sampler));
    snprintf(r->note, sizeof r->note, "%s", j->note);
    snprintf(r->model_hash, sizeof r->model_hash, "%s", j->model_hash);
    r->seed = m->wanted->seed;
    r->steps = j->sampling.steps;
    r->guidance = j->sampling.guidance;
    r->duration = j->rhythm.duration;
    r->bpm = s->bpm;
    r->tempo_confidence = j->rhythm.tempo_confidence;
    r->events = j->rhythm.event_count;
    r->beats = j->rhythm.beat_count;
    r->cuts = j->rhythm.cut_count;
    r->notes = s->note_count;
}

static loris_status write_sound(making *m) {
    const job *j = m->job;
    const loris_report *r = &m->take->report;
    char comment[1024], software[64];
    snprintf(comment, sizeof comment,
             "loris-cl %s; seed %llu; model %s sha256 %s; device %s; precision %s; sampler %s, %d steps, guidance %g; "
             "style %s; %.4g BPM; score %s",
             LORIS_VERSION, (unsigned long long)r->seed, r->model, r->model_hash, r->device,
             number_name(product_storage(j->engine->compute)), r->sampler, r->steps, r->guidance, r->style, r->bpm,
             j->settings->score ? "on" : "off");
    snprintf(software, sizeof software, "loris-cl %s", LORIS_VERSION);
    const metadata_entry metadata[] = {{"comment", comment}, {"software", software}};
    if (output_kind_of(m->wanted->output) == OUTPUT_AUDIO)
        return audio_write(&m->take->audio, m->wanted->output, metadata, 2);
    return video_mux(j->video, &m->take->audio, m->wanted->output, metadata, 2, j->settings->duration);
}

static loris_status write_outputs(making *m) {
    job *j = m->job;
    if (j->settings->keep_audio > 0)
        TRY(mix_original(m));
    fill_report(m);
    output_group_hold(&j->outputs);
    loris_status status = write_sound(m);
    if (status == LORIS_OK && m->wanted->midi_out)
        status = score_write_midi(&m->take->score, m->wanted->midi_out);
    output_group_rest();
    TRY(status);
    return audio_loudness(&m->take->audio, &m->take->report.lufs, &m->take->report.true_peak_db);
}

static loris_status make(making *m) {
    loris_report *r = &m->take->report;
    const struct {
        const char *name;
        loris_status (*run)(making *);
        double *seconds;
    } stages[] = {{"compose", compose_score, &r->compose_seconds},
                  {"denoise", denoise_bands, &r->denoise_seconds},
                  {"phase", sound, &r->phase_seconds},
                  {"write", write_outputs, &r->write_seconds}};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        double from = seconds_now();
        tell(m->job, stages[i].name, 0, 0);
        TRY(check_cancelled());
        TRY(stages[i].run(m));
        *stages[i].seconds = seconds_now() - from;
        profile_add_stage(m->job->engine->compute, stages[i].name, from);
    }
    tell(m->job, "write", 1, 1);
    return LORIS_OK;
}

loris_status take_make(job *j, const loris_take *wanted, take *t) {
    making m = {.job = j, .take = t, .wanted = wanted};
    loris_status status = make(&m);
    conditioning_free(&m.conditioning);
    free(m.bands);
    return status;
}

void take_free(take *t) {
    score_free(&t->score);
    audio_free(&t->audio);
}
