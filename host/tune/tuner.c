#include "tune/tuner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/product.h"
#include "ops/stream.h"
#include "tune/trial.h"

static const double WORTH = 1.05;           /* a choice scores this much more than the default */
static const double WORTH_PRECISION = 1.25; /* a precision is this much faster than f32 */
static const double NEAR = 0.5;             /* of the best score: from here on CLBlast's parameters are tried */
enum { CLBLAST_SHAPES = 3 };
static const double TRIAL_SECONDS = 0.02; /* of a series of runs */

/* ---- lists of work ----------------------------------------------------------------------------------------------- */

static bool same_shape(const tuned_shape *a, const tuned_shape *b) {
    return a->kind == b->kind && a->storage == b->storage && a->batch == b->batch && a->rows == b->rows &&
           a->columns == b->columns && a->channels == b->channels && a->taps == b->taps && a->stride == b->stride;
}

void tuner_note(void *user, const tuned_shape *work, double flop) {
    tuner_list *l = user;
    for (int i = 0; i < l->count; i++)
        if (same_shape(&l->works[i].shape, work)) {
            l->works[i].flop += flop;
            return;
        }
    if (l->count == l->capacity) {
        const int capacity = l->capacity ? 2 * l->capacity : 64;
        tuner_work *works = realloc(l->works, (size_t)capacity * sizeof *works);
        if (!works) {
            l->failed = true;
            return;
        }
        l->works = works;
        l->capacity = capacity;
    }
    l->works[l->count++] = (tuner_work){*work, flop};
}

void tuner_list_free(tuner_list *l) {
    free(l->works);
    *l = (tuner_list){0};
}

static int more_flop_first(const void *a, const void *b) {
    const tuner_work *x = a, *y = b;
    if (x->flop != y->flop)
        return x->flop < y->flop ? 1 : -1;
    return memcmp(&x->shape, &y->shape, sizeof x->shape); /* so that the order does not depend on qsort */
}

void tuner_list_trim(tuner_list *l, double share) {
    double total[TUNED_KINDS] = {0}, seen[TUNED_KINDS] = {0};
    int kept = 0;
    if (!l->count)
        return;
    qsort(l->works, (size_t)l->count, sizeof *l->works, more_flop_first);
    for (int i = 0; i < l->count; i++)
        total[l->works[i].shape.kind] += l->works[i].flop;
    for (int i = 0; i < l->count; i++) {
        const tuner_work w = l->works[i];
        if (seen[w.shape.kind] <= share * total[w.shape.kind])
            l->works[kept++] = w;
        seen[w.shape.kind] += w.flop;
    }
    l->count = kept;
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

/* What a candidate cannot do (a driver that does not compile it, memory that is out) does not end the tuning. */
static loris_status forgive(loris_status status) {
    return status == LORIS_CANCELLED || status == LORIS_OK ? status : LORIS_OK;
}

static loris_status begin_trial(compute *c, const tuned_shape *work, const tuned_choice *choice, trial **out,
                                tuner_measure *m, int *runs) {
    double seconds = 0;
    loris_status status = trial_new(out, c, work, choice);
    if (status == LORIS_OK)
        status = trial_error(*out, &m->error); /* also the first run, which compiles */
    if (status == LORIS_OK)
        status = trial_time(*out, 1, &seconds);
    if (status != LORIS_OK) {
        trial_free(*out);
        *out = NULL;
        return forgive(status);
    }
    *runs = seconds > TRIAL_SECONDS ? 1 : seconds > TRIAL_SECONDS / 256 ? (int)(TRIAL_SECONDS / seconds) : 256;
    m->speed = trial_work(*out) / fmax(seconds, 1e-9);
    return LORIS_OK;
}

/* One that was far behind in its first run is not measured again. */
static double fastest(const tuner_measure *m, int count) {
    double most = 0;
    for (int i = 0; i < count; i++)
        most = fmax(most, m[i].speed);
    return most;
}

loris_status tuner_measure_trials(void *user, compute *c, const tuned_shape *work, const tuned_choice *candidates,
                                  int count, tuner_measure *out) {
    (void)user;
    trial *trials[TUNER_MAX_CANDIDATES] = {NULL};
    int runs[TUNER_MAX_CANDIDATES] = {0};
    loris_status status = LORIS_OK;
    memset(out, 0, (size_t)count * sizeof *out);
    for (int i = 0; i < count; i++)
        TRY_GOTO(begin_trial(c, work, &candidates[i], &trials[i], &out[i], &runs[i]));
    const double enough = fastest(out, count) / 2;
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < count; i++) {
            double seconds;
            if (!trials[i] || out[i].speed < enough)
                continue;
            TRY_GOTO(trial_time(trials[i], runs[i], &seconds));
            out[i].speed = fmax(out[i].speed, trial_work(trials[i]) / fmax(seconds, 1e-9));
        }
done:
    for (int i = 0; i < count; i++)
        trial_free(trials[i]);
    return status;
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

double tuner_score(const tuner_measure *m, number_type type) {
    static const double allowed[] = {[TYPE_F32] = 1e-5, [TYPE_F16] = 4e-3, [TYPE_BF16] = 3e-2};
    const double e = m->error / allowed[type];
    return e <= 1 ? m->speed / (1 + e * e) : 0;
}

/* The default, then the alternatives. */
static int list_candidates(const tuner_request *q, const tuned_shape *work, tuned_choice *out) {
    int count = 1, all;
    tuned_choice alternatives[PRODUCT_MAX_CANDIDATES];
    out[0] = (tuned_choice){.use = USE_DEFAULT};
    switch (work->kind) {
    case TUNED_PRODUCT:
        all = product_candidates(q->compute, work->storage, alternatives);
        break;
    case TUNED_ATTENTION:
        all = attention_candidates(q->compute, work->channels, alternatives);
        break;
    default:
        all = stream_candidates(q->compute, alternatives);
    }
    for (int i = 0; i < all; i++)
        if (alternatives[i].use != USE_HALF_TILE || q->half)
            out[count++] = alternatives[i];
    return count;
}

/* Raises *clblast to how near CLBlast comes to the best. */
static loris_status tune_one(const tuner_request *q, const tuned_shape *work, tuning *out, double *clblast) {
    tuned_choice candidates[TUNER_MAX_CANDIDATES];
    tuner_measure measured[TUNER_MAX_CANDIDATES] = {{0}};
    const int count = list_candidates(q, work, candidates);
    if (count == 1)
        return LORIS_OK;
    TRY(q->measure(q->measure_user, q->compute, work, candidates, count, measured));
    int best = 0;
    double most = WORTH * tuner_score(&measured[0], work->storage);
    for (int i = 1; i < count; i++) {
        const double score = tuner_score(&measured[i], work->storage);
        if (score > most) {
            most = score;
            best = i;
        }
    }
    TRY(tuning_add(out, &(tuned_entry){.shape = *work,
                                       .choice = candidates[best],
                                       .speed = measured[best].speed,
                                       .default_speed = measured[0].speed,
                                       .error = measured[best].error}));
    for (int i = 0; i < count; i++)
        if (candidates[i].use == USE_CLBLAST)
            *clblast = fmax(*clblast, tuner_score(&measured[i], work->storage) / fmax(most, 1e-9));
    return LORIS_OK;
}

/* ---- CLBlast's parameters ---------------------------------------------------------------------------------------- */

/* FLOP a second of CLBlast with a set of parameters over the largest products of f32; 0 where one of them fails. */
static loris_status measure_set(const tuner_request *q, int set, double *speed) {
    double flop = 0, seconds = 0;
    *speed = 0;
    for (int i = 0, seen = 0; i < q->works->count && seen < CLBLAST_SHAPES; i++) {
        const tuned_shape *work = &q->works->works[i].shape;
        tuner_measure m;
        if (work->kind != TUNED_PRODUCT || work->storage != TYPE_F32)
            continue;
        TRY(q->measure(q->measure_user, q->compute, work, &(tuned_choice){USE_CLBLAST, {set, 0, 0}}, 1, &m));
        const double score = tuner_score(&m, TYPE_F32);
        if (!(score > 0))
            return LORIS_OK;
        flop += q->works->works[i].flop;
        seconds += q->works->works[i].flop / score;
        seen++;
    }
    *speed = seconds > 0 ? flop / seconds : 0;
    return LORIS_OK;
}

/* Each product again, now that CLBlast is faster. */
static loris_status reconsider(const tuner_request *q, int set, tuning *out) {
    for (int i = 0; i < out->count; i++) {
        tuned_entry *e = &out->entries[i];
        tuner_measure m;
        if (e->shape.kind != TUNED_PRODUCT || e->shape.storage != TYPE_F32)
            continue;
        TRY(q->measure(q->measure_user, q->compute, &e->shape, &(tuned_choice){USE_CLBLAST, {set, 0, 0}}, 1, &m));
        const double before = e->choice.use == USE_CLBLAST ? e->default_speed : e->speed;
        if (tuner_score(&m, TYPE_F32) > WORTH * before) {
            e->choice = (tuned_choice){.use = USE_CLBLAST};
            e->speed = m.speed;
            e->error = m.error;
        } else if (e->choice.use == USE_CLBLAST) {
            e->choice = (tuned_choice){.use = USE_DEFAULT};
            e->speed = e->default_speed;
        }
        tuned_choice_name(&e->choice, e->shape.storage, e->name);
    }
    return LORIS_OK;
}

/* Where CLBlast comes near what is fastest, its parameters may decide. What it was given cannot be taken back, so its
 * own come first. */
static loris_status tune_clblast(const tuner_request *q, tuning *out) {
    double own, speed, most;
    int best = 0;
    TRY(measure_set(q, 0, &own));
    most = own * WORTH;
    for (int set = 1; set <= CLBLAST_SETS; set++) {
        TRY(check_cancelled());
        TRY(measure_set(q, set, &speed));
        if (speed > most) {
            most = speed;
            best = set;
        }
    }
    if (best == 0)
        return LORIS_OK;
    TRY(reconsider(q, best, out));
    return tuning_add(out, &(tuned_entry){.shape = {.kind = TUNED_CLBLAST},
                                          .choice = {USE_SIZE, {best, 0, 0}},
                                          .speed = most,
                                          .default_speed = own});
}

loris_status tuner_run(const tuner_request *q, tuning *out) {
    double clblast = 0;
    for (int i = 0; i < q->works->count; i++) {
        TRY(check_cancelled());
        if (q->progress)
            q->progress(q->progress_user, "tune", i, q->works->count);
        TRY(tune_one(q, &q->works->works[i].shape, out, &clblast));
    }
    if (clblast > NEAR)
        TRY(tune_clblast(q, out));
    if (q->progress)
        q->progress(q->progress_user, "tune", q->works->count, q->works->count);
    for (int i = 0; q->result && i < out->count; i++)
        q->result(q->result_user, &out->entries[i]);
    return LORIS_OK;
}

product_precision tuner_precision(const tuner_list *works, const tuning *t, number_type usual) {
    static const product_precision precisions[] = {
        [TYPE_F32] = PRECISION_F32, [TYPE_F16] = PRECISION_F16, [TYPE_BF16] = PRECISION_BF16};
    double seconds[TYPE_BF16 + 1] = {0};
    for (int i = 0; i < t->count; i++) {
        const tuned_entry *e = &t->entries[i];
        const double score = tuner_score(&(tuner_measure){e->speed, e->error}, e->shape.storage);
        for (int k = 0; k < works->count && e->shape.kind == TUNED_PRODUCT; k++)
            if (same_shape(&works->works[k].shape, &e->shape))
                seconds[e->shape.storage] += score > 0 ? works->works[k].flop / score : HUGE_VAL;
    }
    number_type best = usual;
    for (int type = TYPE_F32; type <= TYPE_BF16; type++)
        if (seconds[type] > 0 && seconds[type] * (best == usual ? WORTH_PRECISION : 1) < seconds[best])
            best = (number_type)type;
    return best == usual ? PRECISION_AUTO : precisions[best];
}
