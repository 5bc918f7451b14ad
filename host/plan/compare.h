/* Two plans of the same net on two devices, node by node. Each node gets the same inputs on both: what the first device
 * computed is copied to the second before the next node runs, so a difference belongs to its node alone. */
#ifndef LORIS_PLAN_COMPARE_H
#define LORIS_PLAN_COMPARE_H

#include "plan/plan.h"

typedef struct node_comparison {
    profile_node want, got; /* the node in both plans; texts live during the call */
    double error, scale;    /* largest |got - want| and |want| of its output; an error of NaN is infinite */
    double allowed;         /* of `error`, see plans_compare() */
    size_t position;        /* of the largest error, an element of the output */
    double want_value, got_value;
    bool differs;
} node_comparison;

typedef void node_visitor(void *user, const node_comparison *c);

/* Runs all nodes of both plans, phase by phase, with evaluation 0, and compares what each writes. The inputs and states
 * of both must hold the same. LORIS_ERROR_INTERNAL: the plans are not of the same net.
 *
 * Allowed is u (64 + 8 sqrt(t)) of the largest magnitude, u = 2^-24, t the operations that make one number: sums of t
 * products in another order differ by about u sqrt(t), and functions (exp, rsqrt, division) by the few u that OpenCL
 * allows; 64 u and a factor of 8 leave room for tails. A product that one of the devices multiplies in bf16 has 2^-7
 * more: each factor is rounded by 2^-9. Integers must be equal. */
loris_status plans_compare(plan *want, plan *got, node_visitor *visit, void *user);

#endif
