/* Several videos: one thread watches them in order, some ahead; one for each device makes their soundtracks. One
 * video has all devices. */
#include "loris/batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/job.h"

enum { MOST_DEVICES = 16, AHEAD = 1 };          /* videos that are watched before a device is free for them */
static const long PATIENCE = 100 * 1000 * 1000; /* nanoseconds between two looks whether the work is cancelled */

typedef enum item_state { ITEM_UNSEEN, ITEM_WATCHED, ITEM_TAKEN, ITEM_FINISHED } item_state;

typedef struct item {
    struct batch *batch;
    const loris_item *wanted;
    item_state state;
    rhythm rhythm; /* while ITEM_WATCHED */
    char note[LORIS_NOTE_MAX];
    double watch_seconds, fraction; /* made so far */
    error_record error;             /* status LORIS_OK = none */
} item;

typedef struct batch {
    const loris_settings *settings;
    item *items;
    size_t count;
    job jobs[MOST_DEVICES]; /* one a device: model and weights stay */
    size_t devices, makers; /* opened; of them make soundtracks of their own */
    sampling_device others[MOST_DEVICES];
    loris_engine *watcher;
    loris_item_function *done;
    void *user;
    pthread_mutex_t lock; /* of all below, of items' states, and of the caller's functions */
    pthread_cond_t changed;
    size_t watched, taken; /* items that were watched or failed to be; that a device took, or no one will */
} batch;

/* ---- what threads tell each other -------------------------------------------------------------------------------- */

/* With the lock. Cancelling signals nobody, so nobody waits for long. */
static void wait_for_change(batch *b) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PATIENCE;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&b->changed, &b->lock, &until);
}

/* How much of a video is made when a stage begins, and what the stage adds: shares of the time on common devices. */
static void tell_item(void *user, const char *stage, double done, double total) {
    static const struct {
        const char *stage;
        double from, share;
    } stages[] = {{"watch", 0, 0.25}, {"denoise", 0.25, 0.4}, {"phase", 0.65, 0.3}, {"write", 0.95, 0.05}};
    item *i = user;
    batch *b = i->batch;
    for (size_t k = 0; k < sizeof stages / sizeof *stages; k++)
        if (!strcmp(stage, stages[k].stage)) {
            double sum = 0;
            pthread_mutex_lock(&b->lock);
            i->fraction = stages[k].from + (total > 0 ? stages[k].share * done / total : 0);
            for (size_t n = 0; n < b->count; n++)
                sum += b->items[n].fraction;
            if (b->settings->progress)
                b->settings->progress(b->settings->progress_user, "videos", sum, (double)b->count);
            pthread_mutex_unlock(&b->lock);
        }
}

/* This thread's last failure, or a report, is the item's result. */
static void finish(item *i, loris_status status, const loris_report *report) {
    batch *b = i->batch;
    loris_item_result result = {
        .item = (size_t)(i - b->items), .status = status, .message = "", .hint = "", .report = report};
    pthread_mutex_lock(&b->lock);
    if (status != LORIS_OK) {
        error_take(&i->error);
        i->error.status = status;
        result.message = i->error.message;
        result.hint = i->error.hint;
        result.report = NULL;
    }
    i->state = ITEM_FINISHED;
    i->fraction = 1;
    if (b->done)
        b->done(b->user, &result);
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

/* ---- watching ---------------------------------------------------------------------------------------------------- */

static loris_take take_of(const loris_item *wanted) {
    return (loris_take){.seed = wanted->seed, .output = wanted->output, .midi_out = wanted->midi_out};
}

/* The settings of one item. */
static loris_settings settings_of(const item *i) {
    loris_settings own = *i->batch->settings;
    own.rhythm_out = i->wanted->rhythm_out;
    own.progress = tell_item;
    own.progress_user = (void *)(uintptr_t)i;
    return own;
}

static loris_status watch_item(item *i) {
    batch *b = i->batch;
    const loris_settings own = settings_of(i);
    const loris_take wanted = take_of(i->wanted);
    TRY(check_cancelled());
    TRY(job_check(&own, &wanted, 1, NULL));
    job j = {.engine = b->watcher, .settings = &own, .video = i->wanted->video, .model = b->jobs[0].model};
    loris_status status = job_watch(&j);
    i->rhythm = j.rhythm;
    i->watch_seconds = j.watch_seconds;
    memcpy(i->note, j.note, sizeof i->note);
    return status;
}

static void *watch_all(void *user) {
    batch *b = user;
    for (size_t k = 0; k < b->count; k++) {
        item *i = &b->items[k];
        pthread_mutex_lock(&b->lock);
        while (b->watched >= b->taken + AHEAD && !cancelled())
            wait_for_change(b);
        pthread_mutex_unlock(&b->lock);
        const loris_status status = watch_item(i);
        if (status != LORIS_OK) {
            rhythm_free(&i->rhythm);
            finish(i, status, NULL);
        }
        pthread_mutex_lock(&b->lock);
        if (status == LORIS_OK)
            i->state = ITEM_WATCHED;
        else
            b->taken++;
        b->watched++;
        pthread_cond_broadcast(&b->changed);
        pthread_mutex_unlock(&b->lock);
    }
    return NULL;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* The first that is watched and not taken; NULL when there will be none. */
static item *take_item(batch *b) {
    item *taken = NULL;
    pthread_mutex_lock(&b->lock);
    while (!taken) {
        for (size_t k = 0; k < b->count && !taken; k++)
            if (b->items[k].state == ITEM_WATCHED)
                taken = &b->items[k];
        if (taken) {
            taken->state = ITEM_TAKEN;
            b->taken++;
            pthread_cond_broadcast(&b->changed);
        } else if (b->watched == b->count) {
            break;
        } else {
            wait_for_change(b);
        }
    }
    pthread_mutex_unlock(&b->lock);
    return taken;
}

static void make_item(job *j, item *i) {
    const loris_settings own = settings_of(i), *shared = j->settings;
    const loris_take wanted = take_of(i->wanted);
    const double from = seconds_now();
    take t = {.report = {.watch_seconds = i->watch_seconds}};
    j->settings = &own;
    j->video = i->wanted->video;
    j->rhythm = i->rhythm;
    i->rhythm = (rhythm){0};
    memcpy(j->note, i->note, sizeof j->note);
    job_set_duration(j, j->rhythm.duration);
    loris_status status = check_cancelled();
    if (status == LORIS_OK)
        status = take_make(j, &wanted, &t);
    if (status == LORIS_OK)
        status = job_commit(j, NULL, NULL);
    t.report.total_seconds = seconds_now() - from + i->watch_seconds;
    finish(i, status, &t.report);
    take_free(&t);
    job_reset(j);
    j->settings = shared;
}

typedef struct maker {
    batch *batch;
    job *job;
} maker;

static void *make_all(void *user) {
    const maker *m = user;
    for (item *i; (i = take_item(m->batch));)
        make_item(m->job, i);
    return NULL;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* One engine for each name in a list with commas, unless the whole names a device. */
static loris_status open_devices(batch *b, const loris_engine_settings *settings, loris_engine *engines[MOST_DEVICES]) {
    loris_engine_settings one = *settings;
    loris_status status = loris_engine_open(&engines[0], settings);
    b->devices = status == LORIS_OK;
    if (status != LORIS_ERROR_DEVICE || !settings->device || !strchr(settings->device, ','))
        return status;
    char *names = strdup(settings->device), *rest = names;
    if (!names)
        return fail_memory("the names of devices");
    status = LORIS_OK;
    for (char *name; status == LORIS_OK && (name = strsep(&rest, ",")) != NULL;) {
        if (b->devices == MOST_DEVICES) {
            status = fail(LORIS_ERROR_ARGUMENT, NULL, "more than %d devices", MOST_DEVICES);
            break;
        }
        if (!*name) {
            status = fail(LORIS_ERROR_ARGUMENT, "put one comma between two devices", "devices \"%s\": one has no name",
                          settings->device);
            break;
        }
        one.device = name;
        status = loris_engine_open(&engines[b->devices], &one);
        b->devices += status == LORIS_OK;
    }
    free(names);
    return status;
}

/* The first device's job gets the others to help it. */
static void share_windows(batch *b) {
    for (size_t k = 1; k < b->devices; k++)
        b->others[k - 1] = (sampling_device){b->jobs[k].engine->compute, b->jobs[k].weights};
    b->jobs[0].others = b->others;
    b->jobs[0].other_count = (int)b->devices - 1;
}

/* Engines, models and weights; those that fail are let go by the caller. */
static loris_status open_all(batch *b, const loris_engine_settings *settings, loris_engine *engines[MOST_DEVICES]) {
    char number[16];
    loris_engine_settings first = settings ? *settings : (loris_engine_settings){0};
    TRY(open_devices(b, &first, engines));
    snprintf(number, sizeof number, "%d", engines[0]->compute->dev.index);
    first.device = number;
    TRY(loris_engine_open(&b->watcher, &first));
    for (size_t k = 0; k < b->devices; k++) {
        b->jobs[k] = (job){.engine = engines[k], .settings = b->settings, .takes = 1};
        TRY(job_open(&b->jobs[k]));
    }
    b->makers = b->count > 1 ? b->devices : 1;
    if (b->makers < b->devices)
        share_windows(b);
    return LORIS_OK;
}

/* This thread is the first device's. A thread that cannot be started is one device less. */
static loris_status run_threads(batch *b) {
    pthread_t watching, makers[MOST_DEVICES];
    maker made[MOST_DEVICES];
    size_t started = 1;
    if (pthread_create(&watching, NULL, watch_all, b) != 0)
        return fail_memory("a thread");
    for (size_t k = 0; k < b->makers; k++)
        made[k] = (maker){b, &b->jobs[k]};
    while (started < b->makers && pthread_create(&makers[started], NULL, make_all, &made[started]) == 0)
        started++;
    make_all(&made[0]);
    for (size_t k = 1; k < started; k++)
        pthread_join(makers[k], NULL);
    pthread_join(watching, NULL);
    return LORIS_OK;
}

static loris_status outcome(const batch *b) {
    size_t failed = 0;
    const error_record *first = NULL;
    for (size_t k = 0; k < b->count; k++)
        if (b->items[k].error.status != LORIS_OK) {
            first = first ? first : &b->items[k].error;
            failed++;
        }
    if (!first)
        return LORIS_OK;
    error_put(first);
    return b->count > 1 ? fail_in(first->status, "%zu of %zu videos failed", failed, b->count) : first->status;
}

static loris_status check_items(const loris_settings *settings, const loris_item *items, size_t count) {
    if (!count || settings->rhythm_in)
        return fail(LORIS_ERROR_ARGUMENT, NULL, count ? "one rhythm cannot be that of several videos" : "no videos");
    for (size_t k = 0; k < count; k++)
        if (!items[k].video || !items[k].output)
            return fail(LORIS_ERROR_ARGUMENT, NULL, "item %zu lacks a video or an output", k);
    return LORIS_OK;
}

loris_status loris_batch(const loris_engine_settings *engine, const loris_settings *settings, const loris_item *items,
                         size_t count, loris_item_function *done, void *user) {
    loris_engine *engines[MOST_DEVICES] = {0};
    TRY(check_items(settings, items, count));
    batch *b = calloc(1, sizeof *b);
    if (!b)
        return fail_memory("a batch");
    *b = (batch){
        .settings = settings, .items = calloc(count, sizeof *b->items), .count = count, .done = done, .user = user};
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, NULL);
    for (size_t k = 0; b->items && k < count; k++)
        b->items[k] = (item){.batch = b, .wanted = &items[k]};
    loris_status status = b->items ? open_all(b, engine, engines) : fail_memory("a batch");
    if (status == LORIS_OK)
        status = run_threads(b);
    if (status == LORIS_OK)
        status = outcome(b);
    for (size_t k = 0; k < b->devices; k++) {
        job_close(&b->jobs[k]);
        loris_engine_close(engines[k]);
    }
    loris_engine_close(b->watcher);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    free(b->items);
    free(b);
    return status;
}
