/* Verification of the full LORIS network on made-up weights and inputs: host/api/full_case.c says which. */
#include <time.h>

#include "api/full_case.h"

static void tell_size(const verifier *v, const plan *p, const weights *w) {
    log_message(LORIS_LOG_INFO,
                "%s: weights %.0f MB, activations %.0f MB; GFLOP: load %.1f, clip %.1f, evaluation %.1f", v->folder,
                (double)weights_device_bytes(w) * 1e-6, (double)plan_memory(p) * 1e-6, plan_flop(p, PHASE_LOAD) * 1e-9,
                plan_flop(p, PHASE_CLIP) * 1e-9, plan_flop(p, PHASE_STEP) * 1e-9);
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static loris_status run_timed(const verifier *v, plan *p, phase which, const char *what) {
    const double from = seconds(CLOCK_MONOTONIC), busy = seconds(CLOCK_PROCESS_CPUTIME_ID);
    TRY(plan_run(p, which, 0));
    TRY(compute_finish(v->compute, what));
    log_message(LORIS_LOG_INFO, "%s: %s took %.2f s, %.2f s of processors' time", v->folder, what,
                seconds(CLOCK_MONOTONIC) - from, seconds(CLOCK_PROCESS_CPUTIME_ID) - busy);
    return LORIS_OK;
}

static loris_status evaluate(verifier *v, full_case *f) {
    weights *w = NULL;
    plan *p = NULL;
    loris_status status;
    TRY_GOTO(full_case_weights(&w, v->compute));
    TRY_GOTO(plan_build(&p, full_case_record(f, v->compute, w)));
    tell_size(v, p, w);
    TRY_GOTO(full_case_write(f, p));
    TRY_GOTO(run_timed(v, p, PHASE_CLIP, "the clip's tokens, keys and values"));
    TRY_GOTO(run_timed(v, p, PHASE_RUN, "the noise level's scales and shifts"));
    TRY_GOTO(run_timed(v, p, PHASE_STEP, "a guided evaluation, with drivers still compiling,"));
    TRY_GOTO(run_timed(v, p, PHASE_STEP, "a guided evaluation"));
    status = full_case_check(f, v, p);
done:
    plan_free(p);
    weights_free(w);
    return status;
}

loris_status verify_full(verifier *v) {
    full_case f = {0};
    loris_status status = full_case_read(&f, v);
    if (status == LORIS_OK)
        status = evaluate(v, &f);
    full_case_free(&f);
    return status;
}
