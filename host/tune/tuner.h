/*
 * The tuner: for each piece of work measures what a device could choose and keeps what pays. As KataGo's
 * (github.com/lightvector/KataGo) it goes by a score, speed times a penalty for the error.
 */
#ifndef LORIS_TUNE_TUNER_H
#define LORIS_TUNE_TUNER_H

#include "compute/tuning.h"

enum { TUNER_MAX_CANDIDATES = 33 };

/* A piece of work, and the FLOP that the networks it comes from spend on it. */
typedef struct tuner_work {
    tuned_shape shape;
    double flop;
} tuner_work;

typedef struct tuner_list {
    tuner_work *works;
    int count, capacity;
    bool failed; /* out of memory */
} tuner_list;

/* A shape_observer: `user` is a tuner_list, to which it adds work, or FLOP to work that is there. */
void tuner_note(void *user, const tuned_shape *shape, double flop);
void tuner_list_free(tuner_list *list);

/* Keeps the largest pieces that make up `share` of each kind's FLOP, in descending order. */
void tuner_list_trim(tuner_list *list, double share);

/* Measured of a candidate; speed 0 = the device cannot do it. */
typedef struct tuner_measure {
    double speed; /* FLOP, or bytes, a second */
    double error; /* root of the mean square, relative to the result's */
} tuner_measure;

/* speed / (1 + (error / allowed)^2), 0 beyond what is allowed: 1e-5 for weights kept in f32, 4e-3 in f16, 3e-2 in bf16:
 * some ten times what rounding the factors once costs. */
double tuner_score(const tuner_measure *m, number_type type);

/* Measures `count` candidates for one piece of work, the first one being the default. */
typedef loris_status measure_function(void *user, compute *c, const tuned_shape *work, const tuned_choice *candidates,
                                      int count, tuner_measure *out);

/* By trials, in turns (A B C A B C A B C), the best of three: what slows the machine for a moment then hits them alike.
 */
loris_status tuner_measure_trials(void *user, compute *c, const tuned_shape *work, const tuned_choice *candidates,
                                  int count, tuner_measure *out);

/* What was found for a piece of work. */
typedef void tuner_result_function(void *user, const tuned_entry *result);

typedef struct tuner_request {
    compute *compute;
    const tuner_list *works;
    bool half; /* half precision has passed the known-answer test: it may be chosen */
    measure_function *measure;
    void *measure_user;
    tuner_result_function *result; /* or NULL */
    void *result_user;
    loris_progress_function *progress; /* stage "tune", done of total FLOP of the list; or NULL */
    void *progress_user;
} tuner_request;

/* Adds to `out` an entry for each piece of work that leaves a choice: the default unless another one scores at least 5
 * % more; of equals the first. Where CLBlast comes within a factor of two of the best, its parameters are tried as
 * well: those it was given last it keeps as long as the process lives. */
loris_status tuner_run(const tuner_request *request, tuning *out);

/* The precision in which the products of `works` (each in several storages) take least time at the scores in `t`;
 * PRECISION_AUTO when that is `usual`, or no other is at least a quarter faster. */
product_precision tuner_precision(const tuner_list *works, const tuning *t, number_type usual);

#endif
