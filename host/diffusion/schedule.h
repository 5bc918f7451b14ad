/* Noise levels and the coefficients they give: Karras et al., "Elucidating the Design Space of Diffusion-Based
 * Generative Models" (2022), with the sampler updates written as linear combinations of a few tensors. */
#ifndef LORIS_DIFFUSION_SCHEDULE_H
#define LORIS_DIFFUSION_SCHEDULE_H

#include <stddef.h>

#include "core/status.h"

typedef enum sampler_kind {
    SAMPLER_ADPM2,   /* ancestral DPM-2: two evaluations and a draw of noise an update (as published for LORIS) */
    SAMPLER_AEULER,  /* ancestral Euler: one evaluation and a draw */
    SAMPLER_HEUN,    /* Heun's second order: two evaluations, deterministic */
    SAMPLER_DPMPP2M, /* DPM-Solver++(2M), Lu et al. (2022): one evaluation, deterministic */
    SAMPLER_COUNT
} sampler_kind;

const char *sampler_name(sampler_kind s);
loris_status sampler_from_name(const char *name, sampler_kind *out); /* LORIS_ERROR_ARGUMENT lists the names */
bool sampler_is_stochastic(sampler_kind s);

/* sigmas[0..steps]: rho-spaced from high to low, then 0. Computed as the reference does, in float. steps >= 2. */
void karras_sigmas(float *sigmas, int steps, double low, double high, double rho);

/* One evaluation of the network at `sigma`, and what follows it. The state is the sample x at the step's start, y where
 * the network is evaluated, d its denoised answer and p the answer before: y <- x_weight x + y_weight y + d_weight d +
 * p_weight p + noise_weight noise;   p <- d;   x <- y if ends_step */
typedef struct evaluation {
    float sigma;
    float x_weight, y_weight, d_weight, p_weight, noise_weight;
    bool ends_step;
    int step, draw; /* draw: which draw of noise is added, counted from 0; -1 = none */
} evaluation;

/* The evaluations of a run over the given sigmas (steps + 1 of them, the last unused: LORIS makes steps - 1 updates).
 * *out is newly allocated: free() it. */
loris_status sampler_evaluations(sampler_kind kind, const float *sigmas, int steps, evaluation **out, int *count);

/* EDM scalings at sigma for data of standard deviation sigma_data. */
typedef struct scalings {
    float skip, out, in, noise;
} scalings;
scalings precondition(double sigma, double sigma_data);

#endif
