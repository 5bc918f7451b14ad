#include "diffusion/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const sampler_names[SAMPLER_COUNT] = {"adpm2", "aeuler", "heun", "dpmpp2m"};

const char *sampler_name(sampler_kind s) {
    return sampler_names[s];
}

loris_status sampler_from_name(const char *name, sampler_kind *out) {
    for (int i = 0; i < SAMPLER_COUNT; i++)
        if (!strcmp(name, sampler_names[i])) {
            *out = (sampler_kind)i;
            return LORIS_OK;
        }
    return fail(LORIS_ERROR_ARGUMENT, "choose adpm2, aeuler, heun or dpmpp2m", "there is no sampler \"%s\"", name);
}

bool sampler_is_stochastic(sampler_kind s) {
    return s == SAMPLER_ADPM2 || s == SAMPLER_AEULER;
}

void karras_sigmas(float *sigmas, int steps, double low, double high, double rho) {
    double first = pow(high, 1 / rho), last = pow(low, 1 / rho);
    for (int i = 0; i < steps; i++) {
        float ramp = (float)i / (float)(steps - 1);
        sigmas[i] = powf((float)first + ramp * (float)(last - first), (float)rho);
    }
    sigmas[steps] = 0;
}

scalings precondition(double sigma, double sigma_data) {
    double d = sigma * sigma + sigma_data * sigma_data;
    return (scalings){.skip = (float)(sigma_data * sigma_data / d),
                      .out = (float)(sigma * sigma_data / sqrt(d)),
                      .in = (float)(1 / sqrt(d)),
                      .noise = (float)(log(sigma) * 0.25)};
}

/* Splits a step from s to t into a deterministic one to `down` and noise of deviation `up` (eta = 1). */
static void ancestral(double s, double t, double *up, double *down) {
    *up = fmin(t, sqrt(t * t * (s * s - t * t) / (s * s)));
    *down = sqrt(t * t - *up * *up);
}

/* Each adds one step's evaluations to e and returns how many. Euler steps from s to t are x + (x - d) / s (t - s). */

static int adpm2_step(evaluation *e, double s, double t) {
    double up, down;
    ancestral(s, t, &up, &down);
    double middle = (s + down) / 2, half = (middle - s) / s, whole = (down - s) / middle;
    e[0] = (evaluation){.sigma = (float)s, .x_weight = (float)(1 + half), .d_weight = (float)-half};
    e[1] = (evaluation){.sigma = (float)middle,
                        .x_weight = 1,
                        .y_weight = (float)whole,
                        .d_weight = (float)-whole,
                        .noise_weight = (float)up};
    return 2;
}

static int aeuler_step(evaluation *e, double s, double t) {
    double up, down;
    ancestral(s, t, &up, &down);
    double slope = (down - s) / s;
    e[0] = (evaluation){
        .sigma = (float)s, .x_weight = (float)(1 + slope), .d_weight = (float)-slope, .noise_weight = (float)up};
    return 1;
}

static int heun_step(evaluation *e, double s, double t) {
    double euler = (t - s) / s, first = (t - s) / (2 * s), second = (t - s) / (2 * t);
    e[0] = (evaluation){.sigma = (float)s, .x_weight = (float)(1 + euler), .d_weight = (float)-euler};
    e[1] = (evaluation){.sigma = (float)t,
                        .x_weight = (float)(1 + first),
                        .p_weight = (float)-first,
                        .y_weight = (float)second,
                        .d_weight = (float)-second};
    return 2;
}

static int dpmpp2m_step(evaluation *e, double before, double s, double t) {
    double h = log(s) - log(t), gain = -expm1(-h), extrapolation = 0;
    if (before > 0)
        extrapolation = h / (2 * (log(before) - log(s)));
    e[0] = (evaluation){.sigma = (float)s,
                        .x_weight = (float)(t / s),
                        .d_weight = (float)(gain * (1 + extrapolation)),
                        .p_weight = (float)(-gain * extrapolation)};
    return 1;
}

loris_status sampler_evaluations(sampler_kind kind, const float *sigmas, int steps, evaluation **out, int *count) {
    if (steps < 2)
        return fail(LORIS_ERROR_ARGUMENT, "use at least 2 steps", "%d steps make no update", steps);
    evaluation *e = calloc((size_t)(2 * steps), sizeof *e);
    if (!e)
        return fail_memory("a sampler");
    int n = 0, draws = 0;
    for (int i = 0; i < steps - 1; i++) {
        double s = sigmas[i], t = sigmas[i + 1];
        int added = kind == SAMPLER_ADPM2    ? adpm2_step(e + n, s, t)
                    : kind == SAMPLER_AEULER ? aeuler_step(e + n, s, t)
                    : kind == SAMPLER_HEUN   ? heun_step(e + n, s, t)
                                             : dpmpp2m_step(e + n, i ? sigmas[i - 1] : 0, s, t);
        for (int k = 0; k < added; k++) {
            e[n + k].step = i;
            e[n + k].draw = -1;
        }
        n += added;
        e[n - 1].ends_step = true;
        if (sampler_is_stochastic(kind))
            e[n - 1].draw = draws++;
    }
    *out = e;
    *count = n;
    return LORIS_OK;
}
