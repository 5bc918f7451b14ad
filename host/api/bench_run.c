/* Passes over a benchmark's work, and a look into one evaluation of its network. */
#include "api/bench_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/job.h"
#include "api/verify.h"
#include "compute/profile.h"

/* What is measured longer: (p90 - p10) / median of a pass above this, up to MORE times as many passes as asked for. */
static const double SCATTER = 0.10;
enum { MORE = 4, EVALUATIONS_A_PASS = 3 };

const char *bench_data(const bench_run *b, const char *name) {
    const char *path = arena_printf(b->memory, "%s/%s", b->settings->data, name);
    return path ? path : "";
}

/* ---- quantities -------------------------------------------------------------------------------------------------- */

static void add_quantity(bench_run *b, const char *prefix, const loris_quantity *q) {
    record *r = b->record;
    if (r->quantities == RECORD_MAX_QUANTITIES)
        return;
    r->quantity[r->quantities++] = (record_quantity){.name = arena_printf(b->memory, "%s%s", prefix, q->name),
                                                     .precision = arena_strdup(b->memory, q->precision),
                                                     .max_abs_error = q->max_abs_error,
                                                     .scale = q->scale,
                                                     .tolerance = q->tolerance,
                                                     .snr_db = q->snr_db,
                                                     .pass = q->pass};
}

void bench_take_quantity(void *user, const loris_quantity *q) {
    const bench_checks *c = user;
    add_quantity(c->run, c->prefix, q);
}

loris_status bench_check(bench_run *b, const char *folder, const char *model_path, const char *prefix) {
    bench_checks c = {b, prefix};
    const loris_verify_settings settings = {.model = model_path, .quantity = bench_take_quantity, .quantity_user = &c};
    loris_status status = loris_verify(b->engine, folder, &settings);
    return status == LORIS_MISMATCH ? LORIS_OK : status; /* the quantities tell */
}

loris_status bench_quantity(bench_run *b, const char *name, const float *got, const float *want, size_t count,
                            double tolerance) {
    bench_checks c = {b, ""};
    const loris_verify_settings settings = {.quantity = bench_take_quantity, .quantity_user = &c};
    verifier v = {.compute = b->compute, .settings = &settings};
    return verify_compare(&v, name, 1, (const int64_t[]){(int64_t)count}, got, want, tolerance);
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

static void tell(const bench_run *b, int pass) {
    if (b->settings->progress)
        b->settings->progress(b->settings->progress_user, "measure", pass, b->runs + 1);
}

static measurement *add_stage(record *r, const char *name, const char *detail) {
    if (r->stages == RECORD_MAX_STAGES)
        return NULL;
    measurement *m = &r->stage[r->stages++];
    *m = (measurement){.name = name, .unit = "s", .detail = detail};
    return m;
}

static loris_status run_stage(bench_run *b, const bench_stage *s, measurement *m, bool cold) {
    const double from = seconds_now();
    TRY(check_cancelled());
    b->compute->profile =
        s->once ? b->profile : NULL; /* the network's plan is built with it, nothing is timed with it */
    loris_status status = s->run(b);
    b->compute->profile = NULL;
    TRY(status);
    TRY(compute_finish(b->compute, s->name));
    const double seconds = seconds_now() - from;
    if (b->unavailable) {
        m->reason = b->unavailable;
        b->unavailable = NULL;
    } else if (cold) {
        m->has_cold = true;
        m->cold = seconds;
    } else {
        series_add(&m->warm, seconds);
    }
    return LORIS_OK;
}

/* One guided evaluation by itself, a part of the stage "sampling"; a few, unless they take long. */
static loris_status time_evaluations(bench_run *b, measurement *m, bool cold) {
    plan *p = b->workload->network(b);
    const double begin = seconds_now();
    for (int i = 0; i < EVALUATIONS_A_PASS && (i == 0 || seconds_now() - begin < 0.02 * b->seconds); i++) {
        const double from = seconds_now();
        TRY(plan_run(p, PHASE_STEP, 0));
        TRY(compute_finish(b->compute, "an evaluation"));
        if (!cold)
            series_add(&m->warm, seconds_now() - from);
    }
    return LORIS_OK;
}

static loris_status one_pass(bench_run *b, measurement **stage, measurement *single, bool cold, double *seconds) {
    const double from = seconds_now();
    for (int i = 0; b->workload->stages[i].name; i++)
        if ((cold || !b->workload->stages[i].once) && !stage[i]->reason)
            TRY(run_stage(b, &b->workload->stages[i], stage[i], cold));
    *seconds = seconds_now() - from;
    return time_evaluations(b, single, cold);
}

static void note_scatter(bench_run *b, const measurement *m) {
    if (m->warm.count >= 3 && series_scatter(&m->warm) > 2.5 * SCATTER)
        record_note(b->record, b->memory, "%s: times scatter by %.0f %% (p90 - p10) after %d samples", m->name,
                    100 * series_scatter(&m->warm), m->warm.count);
    if (m->warm.count >= 6 && series_trend(&m->warm) > 1.15)
        record_note(b->record, b->memory,
                    "%s: the later half took %.0f %% longer than the earlier: throttled, or others at work", m->name,
                    100 * (series_trend(&m->warm) - 1));
}

loris_status bench_passes(bench_run *b) {
    measurement *stage[RECORD_MAX_STAGES], *single = NULL;
    series passes = {0};
    int count = 0;
    for (; b->workload->stages[count].name; count++) {
        stage[count] = add_stage(b->record, b->workload->stages[count].name, b->workload->stages[count].detail);
        if (!strcmp(stage[count]->name, "sampling"))
            single = add_stage(b->record, "evaluation", "one guided evaluation of the network, a part of sampling");
    }
    if (!single)
        return fail(LORIS_ERROR_INTERNAL, NULL, "a benchmark without sampling");
    const double from = seconds_now();
    const int most =
        MORE * b->runs < SERIES_MAX / EVALUATIONS_A_PASS ? MORE * b->runs : SERIES_MAX / EVALUATIONS_A_PASS;
    for (int pass = 0; pass <= most; pass++) {
        double seconds;
        if (pass > 1 && seconds_now() - from > b->seconds)
            break;
        if (pass > b->runs && series_scatter(&passes) <= SCATTER)
            break;
        tell(b, pass < b->runs ? pass : b->runs);
        TRY(one_pass(b, stage, single, pass == 0, &seconds));
        if (pass > 0)
            series_add(&passes, seconds);
    }
    tell(b, b->runs + 1);
    if (passes.count < b->runs)
        record_note(b->record, b->memory, "measured %d times instead of %d: the time was up", passes.count, b->runs);
    for (int i = 0; i < b->record->stages; i++)
        note_scatter(b, &b->record->stage[i]);
    return LORIS_OK;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

/* The nodes of the device's profile that the last evaluation called. */
static int called_nodes(const profile *p, int *out, int limit) {
    int count = 0;
    for (int i = 0; i < profile_nodes(p) && count < limit; i++)
        if (profile_total_at(p, i).calls > 0 && *profile_node_at(p, i)->network)
            out[count++] = i;
    return count;
}

static const char *place_of(const compute *c, const profile_node *n) {
    if (!strcmp(n->backend, "oneDNN"))
        return "oneDNN in a native kernel on the host";
    if (!strcmp(n->backend, "CLBlast"))
        return "CLBlast's kernels on the device";
    return c->dev.type & CL_DEVICE_TYPE_CPU ? "our kernel on the host's cores" : "our kernel on the device";
}

static void fill_node(bench_run *b, record_node *out, const profile_node *n, const series *seconds) {
    *out = (record_node){.name = arena_strdup(b->memory, n->name),
                         .operation = arena_strdup(b->memory, n->operation),
                         .variant = arena_strdup(b->memory, n->variant),
                         .place = place_of(b->compute, n),
                         .flop = n->flop,
                         .bytes = n->read_bytes + n->written_bytes,
                         .seconds = summarise(seconds).median};
    b->record->evaluation_flop += out->flop;
    b->record->evaluation_bytes += out->bytes;
}

/* `seconds` [count][runs] */
static loris_status sample_nodes(bench_run *b, const int *called, int count, series *seconds) {
    profile *p = b->compute->profile;
    plan *network = b->workload->network(b);
    const double begin = seconds_now();
    for (int run = 0; run < b->runs && (run == 0 || seconds_now() - begin < 0.1 * b->seconds); run++) {
        TRY(profile_reset(b->compute));
        TRY(plan_run(network, PHASE_STEP, 0));
        TRY(profile_collect(b->compute));
        for (int i = 0; i < count; i++)
            series_add(&seconds[i], profile_total_at(p, called[i]).seconds);
    }
    return LORIS_OK;
}

static loris_status profile_nodes_of(bench_run *b) {
    profile *p = b->compute->profile;
    int *called = malloc(RECORD_MAX_NODES * sizeof *called), count = 0;
    series *seconds = NULL;
    loris_status status = called ? LORIS_OK : fail_memory("a record's nodes");
    if (status != LORIS_OK)
        return status;
    TRY_GOTO(profile_reset(b->compute));
    TRY_GOTO(plan_run(b->workload->network(b), PHASE_STEP, 0));
    TRY_GOTO(profile_collect(b->compute));
    count = called_nodes(p, called, RECORD_MAX_NODES);
    seconds = calloc((size_t)count + 1, sizeof *seconds);
    b->record->node = arena_alloc(b->memory, (size_t)count + 1, sizeof *b->record->node);
    if (!seconds || !b->record->node) {
        status = fail_memory("a record's nodes");
        goto done;
    }
    TRY_GOTO(sample_nodes(b, called, count, seconds));
    if (profile_is_of_host(p))
        record_note(
            b->record, b->memory,
            "the driver's times of launches do not pass: those of nodes are the host's, each with its launch and "
            "the wait for it");
    for (int i = 0; i < count; i++)
        fill_node(b, &b->record->node[b->record->nodes++], profile_node_at(p, called[i]), &seconds[i]);
done:
    free(called);
    free(seconds);
    return status;
}

loris_status bench_nodes(bench_run *b) {
    b->compute->profile = b->profile;
    loris_status status = profile_nodes_of(b);
    b->compute->profile = NULL;
    return status;
}
