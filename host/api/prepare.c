/* A dataset from raw videos: what each job does with a video, and the jobs. */
#include "loris/prepare.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/dataset.h"
#include "api/engine.h"
#include "core/npy.h"
#include "core/worker.h"
#include "eyes/actions.h"
#include "eyes/features.h"
#include "eyes/poses.h"
#include "media/audio.h"
#include "media/video.h"
#include "nets/model.h"

enum { RATE = 22050, CHANNELS = 2, JOBS_MAX = 64, LONGEST_SECONDS = 3600 };
enum { POSE = JOINTS * FEATURES_POSE_CHANNELS, POSES_A_ROW = FEATURES_POSE_RATE / ACTIONS_RATE };

typedef struct preparation {
    const loris_engine_settings *engine;
    const loris_prepare_settings *settings;
    dataset set;
    atomic_size_t next; /* of the shard's videos */
    pthread_mutex_t mutex;
    size_t done; /* under the mutex, as is the report */
    loris_prepare_report report;
} preparation;

void loris_prepare_defaults(loris_prepare_settings *settings) {
    *settings = (loris_prepare_settings){.shard = 1, .shards = 1, .jobs = 1, .test_share = 0.1};
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- one video ----------------------------------------------------------------------------------------------------
 */

typedef struct work {
    const preparation *all;
    const dataset_video *video;
    arena *memory;
    audio sound;
    features seen;
} work;

/* Row k of `from`, the last one standing for those that are missing. */
static const float *row(const float *from, size_t have, size_t k, size_t width) {
    return from + (k < have ? k : have - 1) * width;
}

static loris_status write_rows(const work *w, int kind, size_t clip, const float *from, size_t have, size_t rows,
                               int rank, const int64_t *dim, size_t width) {
    const char *path = dataset_clip(&w->all->set, w->memory, w->video, kind, clip);
    float *values = malloc(rows * width * sizeof *values);
    loris_status status = path && values ? LORIS_OK : fail_memory("a clip");
    for (size_t k = 0; k < rows && status == LORIS_OK; k++)
        memcpy(values + k * width, row(from, have, clip * rows + k, width), width * sizeof *values);
    if (status == LORIS_OK)
        status = npy_write_f32(path, rank, dim, values);
    free(values);
    return status;
}

static loris_status write_sound(const work *w, size_t clip) {
    const size_t frames = (size_t)w->all->set.segment * RATE, first = clip * frames, have = w->sound.frames;
    const char *path = dataset_clip(&w->all->set, w->memory, w->video, DATASET_AUDIO, clip);
    audio a = {.frames = frames, .channels = CHANNELS, .rate = RATE};
    a.samples = calloc(frames * CHANNELS, sizeof *a.samples);
    loris_status status = path && a.samples ? LORIS_OK : fail_memory("a clip");
    if (status == LORIS_OK && first < have)
        memcpy(a.samples, w->sound.samples + first * CHANNELS,
               (have - first < frames ? have - first : frames) * CHANNELS * sizeof *a.samples);
    if (status == LORIS_OK)
        status = audio_write(&a, path, NULL, 0);
    audio_free(&a);
    return status;
}

static loris_status write_clips(const work *w, size_t clips) {
    const features *f = &w->seen;
    const size_t rows = (size_t)w->all->set.segment * ACTIONS_RATE, poses_of_clip = rows * POSES_A_ROW;
    for (size_t i = 0; i < clips; i++) {
        const int64_t action_dim[] = {(int64_t)rows, f->width};
        const int64_t pose_dim[] = {(int64_t)poses_of_clip, JOINTS, FEATURES_POSE_CHANNELS};
        TRY(write_sound(w, i));
        TRY(write_rows(w, DATASET_ACTIONS, i, f->actions, f->action_rows, rows, 2, action_dim, (size_t)f->width));
        TRY(write_rows(w, DATASET_POSES, i, f->poses, f->pose_rows, poses_of_clip, 3, pose_dim, POSE));
    }
    return LORIS_OK;
}

/* What makes a video unusable is found before it is watched, where that can be. */
static loris_status read_sound(work *w, const char *path) {
    TRY(audio_from_video(&w->sound, path, RATE, CHANNELS));
    if (w->sound.frames == 0)
        return fail(LORIS_ERROR_INPUT, "a clip is sound and picture", "%s has no sound", path);
    if (w->sound.frames >= (size_t)LONGEST_SECONDS * RATE)
        return fail(LORIS_ERROR_INPUT, "cut it into parts", "%s is longer than an hour", path);
    return LORIS_OK;
}

static loris_status fail_short(const char *path, double seconds, int segment) {
    return fail(LORIS_ERROR_INPUT, "--pad takes it, filled up", "%s lasts %.1f s, less than a clip of %d s", path,
                seconds, segment);
}

static loris_status check_length(const dataset *d, const char *path) {
    static const double doubt = 1; /* a container's word on the duration may be wrong */
    video *v;
    TRY(video_open(&v, path, 64, VIDEO_LUMA));
    const double seconds = video_get_info(v)->duration;
    video_close(v);
    return d->pad || seconds + doubt > d->segment ? LORIS_OK : fail_short(path, seconds, d->segment);
}

static loris_status prepare_video(work *w, seer *s, dataset_record *record) {
    const dataset *d = &w->all->set;
    const char *path = arena_printf(w->memory, "%s/%s", d->videos, w->video->path);
    const size_t rows = (size_t)d->segment * ACTIONS_RATE;
    if (!path)
        return fail_memory("a video");
    if (w->video->taken)
        return fail(LORIS_ERROR_INPUT, "rename one of them", "%s: the clips of another video are called %s", path,
                    w->video->name);
    TRY(check_length(d, path));
    TRY(read_sound(w, path));
    TRY(seer_watch(s, &w->seen, path, NULL, NULL));
    record->clips = w->seen.action_rows / rows;
    if (d->pad && w->seen.action_rows % rows)
        record->clips++;
    if (record->clips == 0)
        return fail_short(path, w->seen.duration, d->segment);
    return write_clips(w, record->clips);
}

/* ---- the jobs -----------------------------------------------------------------------------------------------------
 */

static void count_video(preparation *p, bool made, const dataset_video *v, const dataset_record *r) {
    const loris_prepare_settings *s = p->settings;
    pthread_mutex_lock(&p->mutex);
    if (r->skipped) {
        p->report.skipped++;
        if (s->skipped)
            s->skipped(s->user, v->path, r->skipped);
    } else if (made)
        p->report.made++;
    else
        p->report.found++;
    p->report.clips += r->clips;
    p->done++;
    if (s->progress)
        s->progress(s->user, "prepare", (double)p->done, (double)p->report.videos);
    pthread_mutex_unlock(&p->mutex);
}

/* A video that is to blame itself is skipped; anything else ends the preparation. */
static loris_status take_video(preparation *p, seer *s, const dataset_video *v, arena *a) {
    dataset_record r = {0};
    if (!v->taken && dataset_read_record(&p->set, a, v, &r) && !r.skipped) {
        count_video(p, false, v, &r);
        return LORIS_OK;
    }
    work w = {.all = p, .video = v, .memory = a};
    r = (dataset_record){0};
    loris_status status = prepare_video(&w, s, &r);
    if (status == LORIS_ERROR_INPUT) {
        r = (dataset_record){0, arena_strdup(a, loris_error_message())};
        status = r.skipped ? LORIS_OK : fail_memory("a video");
    }
    if (status == LORIS_OK && !v->taken)
        status = dataset_write_record(&p->set, v, &r);
    if (status == LORIS_OK)
        count_video(p, true, v, &r);
    audio_free(&w.sound);
    features_free(&w.seen);
    return status;
}

/* Index k of the shard's videos in the list of all. */
static size_t index_of(const loris_prepare_settings *s, size_t k) {
    return k * (size_t)s->shards + (size_t)s->shard - 1;
}

static loris_status take_videos(preparation *p, seer *s) {
    for (size_t k; (k = index_of(p->settings, atomic_fetch_add(&p->next, 1))) < p->set.count;) {
        arena *a = arena_new();
        loris_status status = a ? check_cancelled() : fail_memory("a video");
        if (status == LORIS_OK)
            status = take_video(p, s, &p->set.video[k], a);
        arena_free(a);
        TRY(status);
    }
    return LORIS_OK;
}

static loris_status run_job(void *user, int index) {
    (void)index;
    preparation *p = user;
    loris_engine *engine = NULL;
    seer *s = NULL;
    loris_status status = loris_engine_open(&engine, p->engine);
    if (status == LORIS_OK)
        status = seer_new(&s, engine->compute, p->settings->i3d_model, p->settings->pose_model, false);
    if (status == LORIS_OK)
        status = take_videos(p, s);
    seer_free(s);
    loris_engine_close(engine);
    return status;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

static loris_status check_settings(const loris_prepare_settings *s) {
    if (!s->videos || !s->out || !s->i3d_model || !s->pose_model)
        return fail(LORIS_ERROR_ARGUMENT, "set loris_prepare_settings.videos, .out, .i3d_model and .pose_model",
                    "a folder or a model is not named");
    if (s->segment != 25 && s->segment != 50)
        return fail(LORIS_ERROR_ARGUMENT, "use 25 or 50, as published", "clips of %d s", s->segment);
    if (s->shards < 1 || s->shard < 1 || s->shard > s->shards)
        return fail(LORIS_ERROR_ARGUMENT, "shards count from 1", "shard %d of %d", s->shard, s->shards);
    if (s->jobs < 1 || s->jobs > JOBS_MAX)
        return fail(LORIS_ERROR_ARGUMENT, "use 1 to 64", "%d videos at a time", s->jobs);
    if (!(s->test_share >= 0 && s->test_share <= 1))
        return fail(LORIS_ERROR_ARGUMENT, "use 0 to 1", "a share of %g for tests", s->test_share);
    return LORIS_OK;
}

static loris_status hash_models(dataset *d, arena *a, const loris_prepare_settings *s) {
    const char *i3d_path = model_path(a, s->i3d_model), *eyes_path = model_path(a, s->pose_model);
    if (!i3d_path || !eyes_path)
        return fail_memory("a model");
    TRY(seer_check(i3d_path));
    TRY(sha256_file(i3d_path, d->i3d_hash));
    return sha256_file(eyes_path, d->eyes_hash);
}

static loris_status prepare_all(preparation *p, arena *a) {
    const loris_prepare_settings *s = p->settings;
    dataset *d = &p->set;
    *d = (dataset){.videos = s->videos, .out = s->out, .segment = s->segment, .pad = s->pad};
    TRY(hash_models(d, a, s));
    TRY(dataset_list(d, a, s->test_share));
    TRY(dataset_make_folders(d));
    while (index_of(s, p->report.videos) < d->count)
        p->report.videos++;
    const int jobs = p->report.videos < (size_t)s->jobs ? (int)p->report.videos : s->jobs;
    if (jobs > 0)
        TRY(worker_run(jobs, jobs, run_job, p));
    return dataset_write_lists(d, &p->report.complete, &p->report.train, &p->report.test);
}

loris_status loris_prepare(const loris_engine_settings *engine, const loris_prepare_settings *settings,
                           loris_prepare_report *report) {
    const double from = now();
    preparation p = {.engine = engine, .settings = settings};
    TRY(check_settings(settings));
    arena *a = arena_new();
    if (!a)
        return fail_memory("a dataset");
    atomic_init(&p.next, 0);
    pthread_mutex_init(&p.mutex, NULL);
    loris_status status = prepare_all(&p, a);
    pthread_mutex_destroy(&p.mutex);
    arena_free(a);
    p.report.seconds = now() - from;
    if (report)
        *report = p.report;
    return status;
}
