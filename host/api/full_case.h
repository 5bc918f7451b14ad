/* The full LORIS network on made-up weights and inputs, for verify and bench. */
#ifndef LORIS_API_FULL_CASE_H
#define LORIS_API_FULL_CASE_H

#include "api/verify.h"
#include "plan/plan.h"

enum { FULL_TOKENS = 50, FULL_PEAKS = 398 };

typedef struct full_case {
    unet_config unet;
    size_t samples, stride; /* golden output is of every stride-th sample */
    float c_noise;
    float *x, *tokens,
        *y; /* x [samples][C], tokens [FULL_TOKENS][E], y [2][samples][C]: with the context, and without */
    int32_t peaks[FULL_PEAKS];
} full_case;

/* What config.json in the verifier's folder says, with inputs made up from their names. full_case_free() in any case.
 */
loris_status full_case_read(full_case *f, const verifier *v);
void full_case_free(full_case *f);

/* A set of made-up weights for networks recorded without a scope. */
loris_status full_case_weights(weights **out, compute *c);

/* Records one evaluation, with the context and without, side by side; then its inputs. */
net *full_case_record(const full_case *f, compute *c, const weights *w);
loris_status full_case_write(const full_case *f, plan *p);

/* Reads y, and compares it with the folder's golden samples, their mean, deviation and maximum. */
loris_status full_case_check(full_case *f, verifier *v, plan *p);

#endif
