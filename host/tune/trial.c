#include "tune/trial.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "nets/synthetic.h"
#include "ops/ops.h"
#include "plan/plan.h"

enum { SAMPLES = 64 };
static const int STREAM_ROWS = 4096, STREAM_CHANNELS = 256;

struct trial {
    compute *compute;
    tuned_shape work;
    tuning tuning; /* with the choice forced, or empty */
    weights *weights;
    plan *plan;
    shape in, out;
    double flop;
    float *x; /* what the input holds */
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- networks of one node ---------------------------------------------------------------------------------------- */

static int rows_read(const tuned_shape *w) {
    return (w->rows - 1) * w->stride + w->taps;
}

static tensor record_work(net *n, trial *t, tensor x) {
    const tuned_shape *w = &t->work;
    switch (w->kind) {
    case TUNED_PRODUCT:
        return conv1d_strided(n, x, "product", w->columns, w->taps, w->stride, 0);
    case TUNED_ATTENTION:
        return attention(n, x,
                         net_input(n, "kv", PHASE_STEP, shape_1d(1, w->columns, 2 * w->batch * w->channels), STORE_F32),
                         w->batch);
    case TUNED_ROWS:
        return layer_norm(n, x, "gain");
    default:
        return activate(n, x, ACTIVATION_SILU);
    }
}

static net *record(trial *t) {
    const tuned_shape *w = &t->work;
    t->in = w->kind == TUNED_PRODUCT     ? shape_1d(w->batch, rows_read(w), w->channels)
            : w->kind == TUNED_ATTENTION ? shape_1d(1, w->rows, w->batch * w->channels)
                                         : shape_1d(1, STREAM_ROWS, STREAM_CHANNELS);
    net *n = net_new(t->compute, t->weights, "trial", 1);
    if (!n)
        return NULL;
    tensor y = record_work(n, t, net_input(n, "x", PHASE_STEP, t->in, STORE_F32));
    net_output(n, "y", y);
    t->out = shape_of(n, y);
    return n;
}

static loris_status fill_input(trial *t, const char *name, size_t count, float **kept) {
    float *values = malloc(count * sizeof *values);
    if (!values)
        return fail_memory("a trial");
    synthetic_uniform(values, name, count);
    loris_status status = plan_write(t->plan, name, values, count * sizeof *values);
    if (kept)
        *kept = values;
    else
        free(values);
    return status;
}

static loris_status build(trial *t) {
    TRY(weights_new_generated(&t->weights, t->compute, synthetic_weight));
    tuning *own = t->compute->tuning; /* the choice stands in for it while variants are chosen */
    t->compute->tuning = &t->tuning;
    loris_status status = plan_build(&t->plan, record(t));
    t->compute->tuning = own;
    TRY(status);
    TRY(fill_input(t, "x", shape_elements(t->in), t->work.kind == TUNED_PRODUCT ? &t->x : NULL));
    if (t->work.kind == TUNED_ATTENTION)
        TRY(fill_input(t, "kv", 2 * (size_t)t->work.columns * (size_t)t->work.batch * (size_t)t->work.channels, NULL));
    t->flop = t->work.kind == TUNED_PRODUCT || t->work.kind == TUNED_ATTENTION ? plan_flop(t->plan, PHASE_STEP)
                                                                               : 8.0 * (double)shape_elements(t->in);
    return LORIS_OK;
}

static const product_precision precisions[] = {
    [TYPE_F32] = PRECISION_F32, [TYPE_F16] = PRECISION_F16, [TYPE_BF16] = PRECISION_BF16};

loris_status trial_new(trial **out, compute *c, const tuned_shape *work, const tuned_choice *choice) {
    trial *t = calloc(1, sizeof *t);
    if (!t)
        return fail_memory("a trial");
    t->compute = c;
    t->work = *work;
    t->tuning.precision = precisions[work->storage];
    if (choice && choice->use != USE_DEFAULT) {
        t->tuning.forced = true;
        t->tuning.force = (tuned_entry){.shape = *work, .choice = *choice};
    }
    loris_status status = build(t);
    if (status != LORIS_OK) {
        trial_free(t);
        return status;
    }
    *out = t;
    return LORIS_OK;
}

void trial_free(trial *t) {
    if (!t)
        return;
    plan_free(t->plan);
    weights_free(t->weights);
    free(t->x);
    free(t);
}

double trial_work(const trial *t) {
    return t->flop;
}

loris_status trial_time(trial *t, int runs, double *seconds) {
    TRY(compute_finish(t->compute, "a trial"));
    const double from = now();
    for (int i = 0; i < runs; i++)
        TRY(plan_run(t->plan, PHASE_STEP, 0));
    TRY(compute_finish(t->compute, "a trial"));
    *seconds = (now() - from) / runs;
    return LORIS_OK;
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* Result number `at`, the weights as in the file, [columns][channels][taps]. */
static double right_result(const trial *t, const float *w, const float *added, size_t at) {
    const tuned_shape *s = &t->work;
    const size_t n = at % (size_t)s->columns, row = at / (size_t)s->columns;
    const size_t b = row / (size_t)s->rows, m = row % (size_t)s->rows;
    const float *x = t->x + (b * (size_t)rows_read(s) + m * (size_t)s->stride) * (size_t)s->channels;
    double sum = added[n];
    for (int k = 0; k < s->taps; k++)
        for (int c = 0; c < s->channels; c++)
            sum += (double)x[(size_t)k * (size_t)s->channels + (size_t)c] *
                   w[(n * (size_t)s->channels + (size_t)c) * (size_t)s->taps + (size_t)k];
    return sum;
}

static loris_status compare(trial *t, const float *y, double *error) {
    const size_t count = shape_elements(t->out);
    float *w = NULL, *added = NULL;
    loris_status status;
    TRY_GOTO(weights_values(weights_find(t->weights, "product.weight"), &w));
    TRY_GOTO(weights_values(weights_find(t->weights, "product.bias"), &added));
    double squares = 0, wrong = 0;
    for (int i = 0; i < SAMPLES; i++) { /* spread over rows and columns alike */
        const size_t at = (size_t)((double)i * 0.6180339887498949 * (double)count) % count;
        const double right = right_result(t, w, added, at), off = y[at] - right;
        squares += right * right;
        wrong += isfinite(off) ? off * off : HUGE_VAL;
    }
    *error = sqrt(wrong / (squares > 0 ? squares : 1));
done:
    free(w);
    free(added);
    return status;
}

loris_status trial_error(trial *t, double *error) {
    *error = 0;
    if (t->work.kind != TUNED_PRODUCT)
        return LORIS_OK;
    const size_t bytes = shape_elements(t->out) * sizeof(float);
    float *y = malloc(bytes);
    if (!y)
        return fail_memory("a trial");
    loris_status status = plan_run(t->plan, PHASE_STEP, 0);
    if (status == LORIS_OK)
        status = plan_read(t->plan, "y", y, bytes);
    if (status == LORIS_OK)
        status = compare(t, y, error);
    free(y);
    return status;
}
