/* Tuning a device: the shapes come from drafts of the networks. */
#include "loris/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/engine.h"
#include "api/outline.h"
#include "api/verify.h"
#include "core/file.h"
#include "ops/product.h"
#include "ops/stream.h"
#include "tune/tuner.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void loris_tune_defaults(loris_tune_settings *settings) {
    *settings = (loris_tune_settings){.share = 0.95};
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static loris_status draft_model(compute *c, const char *path, text *lines) {
    model *m = NULL;
    weights *w = NULL;
    loris_status status;
    TRY_GOTO(model_open(&m, path));
    TRY_GOTO(weights_new(&w, c, m->file, m->prefix));
    TRY_GOTO(outline_model(c, m, w, lines));
done:
    weights_free(w);
    model_close(m);
    return status;
}

static loris_status note_shapes(compute *c, const char *path, tuner_list *works) {
    text lines = {0};
    loris_status status = LORIS_OK;
    c->shape_observer = tuner_note;
    c->shape_observer_user = works;
    if (path)
        TRY_GOTO(draft_model(c, path, &lines));
    TRY_GOTO(outline_loris(c, false, &lines));
done:
    c->shape_observer = NULL;
    text_free(&lines);
    return status == LORIS_OK && works->failed ? fail_memory("a list of shapes") : status;
}

/* Where the precision is left to the device, each shape in all of them. */
static loris_status all_precisions(const compute *c, tuner_list *works) {
    const int count = works->count;
    for (int i = 0; i < count && c->settings.precision == PRECISION_AUTO; i++)
        for (int type = TYPE_F32; type <= TYPE_BF16; type++) {
            tuned_shape s = works->works[i].shape;
            if (s.kind != TUNED_PRODUCT || s.storage == (number_type)type)
                continue;
            s.storage = (number_type)type;
            tuner_note(works, &s, works->works[i].flop);
        }
    return works->failed ? fail_memory("a list of shapes") : LORIS_OK;
}

static loris_status list_works(compute *c, const loris_tune_settings *s, tuner_list *works) {
    TRY(note_shapes(c, s->model, works));
    tuner_list_trim(works, s->share);
    TRY(all_precisions(c, works));
    tuned_choice sizes[STREAM_MAX_CANDIDATES];
    if (stream_candidates(c, sizes) > 0) {
        tuner_note(works, &(tuned_shape){.kind = TUNED_STREAM}, 0);
        tuner_note(works, &(tuned_shape){.kind = TUNED_ROWS}, 0);
    }
    return works->failed ? fail_memory("a list of shapes") : LORIS_OK;
}

/* ---- half precision ---------------------------------------------------------------------------------------------- */

/* Does the device compute the known answers when all its products multiply in half precision? */
static loris_status half_passes(loris_engine *engine, bool *passes) {
    compute *c = engine->compute;
    tuned_choice candidates[PRODUCT_MAX_CANDIDATES];
    const int count = product_candidates(c, TYPE_F16, candidates);
    const tuned_choice *half = NULL;
    *passes = false;
    for (int i = 0; i < count && !half; i++)
        if (candidates[i].use == USE_HALF_TILE)
            half = &candidates[i];
    const product_precision asked = c->settings.precision;
    if (!half || (asked != PRECISION_AUTO && asked != PRECISION_F16))
        return LORIS_OK;
    static const loris_verify_settings quiet;
    verifier v = {.compute = c, .settings = &quiet};
    tuning forced = {
        .forced = true, .force = {.shape = {.kind = TUNED_PRODUCT}, .choice = *half}, .precision = PRECISION_F16};
    tuning *own = c->tuning;
    c->tuning = &forced;
    loris_status status = verify_device(&v);
    c->tuning = own;
    *passes = status == LORIS_OK && v.failed == 0;
    if (!*passes && status != LORIS_CANCELLED)
        log_message(LORIS_LOG_INFO, "half precision fails the known-answer test and is left out");
    return status == LORIS_CANCELLED ? status : LORIS_OK;
}

/* ---- tuning ------------------------------------------------------------------------------------------------------ */

static void hand_on(void *user, const tuned_entry *e) {
    static const char *const kinds[TUNED_KINDS] = {[TUNED_PRODUCT] = "product",
                                                   [TUNED_ATTENTION] = "attention",
                                                   [TUNED_STREAM] = "stream",
                                                   [TUNED_ROWS] = "rows",
                                                   [TUNED_CLBLAST] = "clblast"};
    const loris_tune_settings *s = user;
    if (s->tuned)
        s->tuned(s->tuned_user, &(loris_tuned){.kind = kinds[e->shape.kind],
                                               .storage = number_name(e->shape.storage),
                                               .batch = e->shape.batch,
                                               .rows = e->shape.rows,
                                               .columns = e->shape.columns,
                                               .channels = e->shape.channels,
                                               .taps = e->shape.taps,
                                               .stride = e->shape.stride,
                                               .choice = e->name,
                                               .speed = e->speed,
                                               .default_speed = e->default_speed,
                                               .error = e->error});
}

static loris_status tune(loris_engine *engine, const loris_tune_settings *s, tuner_list *works, tuning *found) {
    compute *c = engine->compute;
    tuner_request request = {.compute = c,
                             .works = works,
                             .measure = tuner_measure_trials,
                             .result = hand_on,
                             .result_user = (void *)s,
                             .progress = s->progress,
                             .progress_user = s->progress_user};
    const number_type usual = product_storage(c);
    TRY(list_works(c, s, works));
    TRY(half_passes(engine, &request.half));
    TRY(tuner_run(&request, found));
    if (c->settings.precision == PRECISION_AUTO)
        found->precision = tuner_precision(works, found, usual);
    return LORIS_OK;
}

static loris_status save(const loris_engine *engine, const tuning *found, loris_tune_report *report) {
    const compute *c = engine->compute;
    const char *folder = c->settings.tuning_dir;
    if (!folder || !*folder)
        return LORIS_OK;
    const char *path = tuning_path(c->memory, folder, &c->dev);
    if (!path)
        return fail_memory("a path");
    TRY(tuning_save(found, path, &c->dev));
    snprintf(report->path, sizeof report->path, "%s", path);
    return LORIS_OK;
}

loris_status loris_tune(loris_engine *engine, const loris_tune_settings *settings, loris_tune_report *report) {
    static const char *const names[] = {
        [PRECISION_AUTO] = "", [PRECISION_F32] = "f32", [PRECISION_BF16] = "bf16", [PRECISION_F16] = "f16"};
    loris_tune_settings defaults;
    loris_tune_report unseen;
    loris_tune_defaults(&defaults);
    if (!settings)
        settings = &defaults;
    if (!report)
        report = &unseen;
    *report = (loris_tune_report){0};
    if (!(settings->share >= 0 && settings->share <= 1))
        return fail(LORIS_ERROR_ARGUMENT, NULL, "loris_tune: a share of %g is not between 0 and 1", settings->share);
    compute *c = engine->compute;
    tuning *own = c->tuning, found = {0};
    tuner_list works = {0};
    const double start = now();
    c->tuning = NULL; /* the defaults are measured, not what an earlier tuning made of them */
    loris_status status = tune(engine, settings, &works, &found);
    c->tuning = own;
    if (status == LORIS_OK)
        status = save(engine, &found, report);
    report->shapes = found.count;
    for (int i = 0; i < found.count; i++)
        report->changed += found.entries[i].choice.use != USE_DEFAULT;
    report->seconds = now() - start;
    snprintf(report->precision, sizeof report->precision, "%s", names[found.precision]);
    tuner_list_free(&works);
    free(found.entries);
    return status;
}
