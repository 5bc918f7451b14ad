/* Noise schedules and samplers as linear combinations, against the step formulas of the papers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diffusion/schedule.h"
#include "support_net.h"

static void sigmas_run_from_high_to_low_and_end_at_zero(void **state) {
    (void)state;
    static const double ranges[][3] = {{1e-4, 3, 9}, {0.002, 40, 7}, {0.01, 1, 1}};
    for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++)
        for (int steps = 2; steps < 60; steps += 19) {
            float sigmas[64];
            karras_sigmas(sigmas, steps, ranges[k][0], ranges[k][1], ranges[k][2]);
            assert_true(fabs(sigmas[0] / ranges[k][1] - 1) < 1e-5);
            assert_true(fabs(sigmas[steps - 1] / ranges[k][0] - 1) <
                        1e-3); /* the smallest is a power of small differences */
            for (int i = 0; i < steps; i++)
                assert_true(sigmas[i] > sigmas[i + 1]);
            assert_true(sigmas[steps] == 0);
        }
}

static void preconditioning_keeps_unit_variance(void **state) {
    (void)state;
    for (double sigma = 1e-4; sigma < 100; sigma *= 3) {
        scalings s = precondition(sigma, 0.1);
        double variance = sigma * sigma + 0.01;
        assert_true(fabs(s.in * s.in * variance - 1) < 1e-5); /* network input */
        assert_true(fabs((s.out * s.out + pow(s.skip - 1, 2) * 0.01 + s.skip * s.skip * sigma * sigma) -
                         2 * s.out * s.out) < 1e-5 * s.out * s.out + 1e-9); /* network target */
        assert_true(fabs(s.noise - 0.25 * log(sigma)) < 1e-5);
    }
}

/* A "network" whose denoised answer is known in closed form: data that is N(0, 0.1^2) gives d = x 0.01 / (0.01 +
 * sigma^2). */
static double answer(double x, double sigma) {
    return x * 0.01 / (0.01 + sigma * sigma);
}

static double run(sampler_kind kind, int steps, double start, double draw) {
    float sigmas[512];
    evaluation *e;
    int count;
    karras_sigmas(sigmas, steps, 1e-4, 3, 7);
    assert_ok(sampler_evaluations(kind, sigmas, steps, &e, &count));
    double x = start, y = start, p = 0;
    for (int i = 0; i < count; i++) {
        double d = answer(y, e[i].sigma);
        y = e[i].x_weight * x + e[i].y_weight * y + e[i].d_weight * d + e[i].p_weight * p + e[i].noise_weight * draw;
        p = d;
        if (e[i].ends_step)
            x = y;
    }
    free(e);
    return x;
}

/* Without noise the probability-flow equation maps x at sigma to x sqrt((0.01 + t^2) / (0.01 + s^2)): deterministic
 * samplers must converge to it with their order (2) in the number of steps. */
static void deterministic_samplers_converge_with_second_order(void **state) {
    (void)state;
    static const sampler_kind kinds[] = {SAMPLER_HEUN, SAMPLER_DPMPP2M};
    double exact = 2.0 * sqrt((0.01 + 1e-8) / (0.01 + 9));
    for (int k = 0; k < 2; k++) {
        double coarse = fabs(run(kinds[k], 33, 2, 0) - exact), fine = fabs(run(kinds[k], 129, 2, 0) - exact);
        assert_true(fine < 2e-3 * exact);
        assert_true(fine < coarse / 8); /* 16 at leading order for 4 times the steps */
    }
}

static void counts_and_draws_are_those_of_the_reference(void **state) {
    (void)state;
    static const int evaluations[SAMPLER_COUNT] = {2, 1, 2, 1};
    for (int kind = 0; kind < SAMPLER_COUNT; kind++) {
        float sigmas[11];
        evaluation *e;
        int count, draws = 0;
        karras_sigmas(sigmas, 10, 1e-4, 3, 9);
        assert_ok(sampler_evaluations((sampler_kind)kind, sigmas, 10, &e, &count));
        assert_int_equal(count, 9 * evaluations[kind]); /* 10 steps make 9 updates */
        for (int i = 0; i < count; i++) {
            if (e[i].draw >= 0)
                assert_int_equal(e[i].draw, draws++);
            assert_true((e[i].draw >= 0) == (e[i].noise_weight != 0));
            assert_int_equal(e[i].step, i / evaluations[kind]);
        }
        assert_int_equal(draws, sampler_is_stochastic((sampler_kind)kind) ? 9 : 0);
        free(e);
    }
}

/* Ancestral steps: the deterministic part ends at `down`, the noise has deviation `up`, and down^2 + up^2 = t^2. */
static void ancestral_noise_restores_the_level(void **state) {
    (void)state;
    float sigmas[13];
    evaluation *e;
    int count;
    karras_sigmas(sigmas, 12, 1e-4, 3, 9);
    assert_ok(sampler_evaluations(SAMPLER_AEULER, sigmas, 12, &e, &count));
    for (int i = 0; i < count; i++) {
        double s = sigmas[i], t = sigmas[i + 1], down = s * e[i].x_weight; /* x_weight = down / s */
        assert_true(fabs(down * down + e[i].noise_weight * e[i].noise_weight - t * t) < 1e-5 * t * t);
    }
    free(e);
}

static void names_are_understood(void **state) {
    (void)state;
    sampler_kind kind;
    for (int k = 0; k < SAMPLER_COUNT; k++) {
        assert_ok(sampler_from_name(sampler_name((sampler_kind)k), &kind));
        assert_int_equal(kind, k);
    }
    assert_int_equal(sampler_from_name("ddim", &kind), LORIS_ERROR_ARGUMENT);
    assert_non_null(strstr(loris_error_message(), "ddim"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigmas_run_from_high_to_low_and_end_at_zero),
        cmocka_unit_test(preconditioning_keeps_unit_variance),
        cmocka_unit_test(deterministic_samplers_converge_with_second_order),
        cmocka_unit_test(counts_and_draws_are_those_of_the_reference),
        cmocka_unit_test(ancestral_noise_restores_the_level),
        cmocka_unit_test(names_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
