/* Two devices computing the same network, node by node. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "loris/diagnose.h"
#include "ops/ops.h"
#include "plan/compare.h"
#include "scratch.h"
#include "support_net.h"
#include "wrong_kernels.h"

enum { LENGTH = 33, CHANNELS = 6, COUNT = LENGTH * CHANNELS };

static int setup(void **state) {
    return scratch_setup(state) != 0 ? -1 : support_open(state);
}

static int teardown(void **state) {
    support_close(state);
    return scratch_teardown(state);
}

/* ---- plans ------------------------------------------------------------------------------------------------------- */

typedef struct seen {
    int nodes, differing;
    char first[128];
    double error, value;
    size_t position;
} seen;

static void visit(void *user, const node_comparison *c) {
    seen *s = user;
    s->nodes++;
    if (c->differs && s->differing++ == 0) {
        snprintf(s->first, sizeof s->first, "%s", c->got.name);
        s->error = c->error;
        s->position = c->position;
        s->value = c->got_value;
    }
}

/* silu of x, between two scales and beside a state that is written: differences are made in the middle. */
static plan *small(compute *c, float factor, bool longer) {
    net *n = net_new(c, NULL, "small", 1);
    tensor x = net_input(n, "x", PHASE_STEP, shape_1d(1, LENGTH, CHANNELS), STORE_F32);
    tensor s = net_state(n, "s", shape_1d(1, LENGTH, CHANNELS), STORE_F32);
    tensor k = net_input(n, "k", PHASE_RUN, shape_1d(1, 1, 2), STORE_F32);
    enter(n, "middle.");
    tensor y = activate(n, scale(n, x, factor), ACTIVATION_SILU);
    leave(n);
    y = scale(n, y, 3);
    if (longer)
        y = scale(n, y, 5);
    combine(n, s, (const tensor[]){y, s}, 2, k, 0, false);
    net_output(n, "y", scale(n, s, 7));
    plan *p;
    assert_ok(plan_build(&p, n));
    float *values = support_values(COUNT, 1), coefficients[] = {0.5f, 0.25f};
    assert_ok(plan_write(p, "x", values, COUNT * sizeof *values));
    assert_ok(plan_write(p, "s", values, COUNT * sizeof *values));
    assert_ok(plan_write(p, "k", coefficients, sizeof coefficients));
    free(values);
    return p;
}

static compute *open_wrong(void) {
    compute *c;
    compute_settings settings = support_compute()->settings;
    settings.kernels_dir = wrong_silu("silu");
    assert_ok(compute_open(&c, &settings));
    return c;
}

static void equal_plans_agree(void **state) {
    (void)state;
    plan *a = small(support_compute(), 2, false), *b = small(support_compute(), 2, false);
    seen s = {0};
    assert_ok(plans_compare(a, b, visit, &s));
    assert_int_equal(s.nodes, plan_node_count(a));
    assert_int_equal(s.differing, 0);
    plan_free(a);
    plan_free(b);
}

/* The nodes after it get the reference's values, so that they do not differ. */
static void one_wrong_node_is_named_alone(void **state) {
    (void)state;
    compute *wrong = open_wrong();
    plan *a = small(support_compute(), 2, false), *b = small(wrong, 2, false);
    seen s = {0};
    assert_ok(plans_compare(a, b, visit, &s));
    assert_int_equal(s.differing, 1);
    assert_non_null(strstr(s.first, "middle."));
    assert_in_range(s.position, 0, COUNT - 1);
    assert_true(s.error > 0.005 * fabs(s.value) && s.error < 0.015 * fabs(s.value)); /* 1 % */
    plan_free(a);
    plan_free(b);
    compute_close(wrong);
}

static void other_plans_are_refused(void **state) {
    (void)state;
    seen s = {0};
    plan *a = small(support_compute(), 2, false), *b = small(support_compute(), 2, true);
    assert_int_equal(plans_compare(a, b, visit, &s), LORIS_ERROR_INTERNAL);
    plan_free(a);
    plan_free(b);
}

/* ---- models ------------------------------------------------------------------------------------------------------ */

typedef struct counted {
    size_t nodes, differing, first_differing;
    char operation[32];
} counted;

static void count(void *user, const loris_node_comparison *n) {
    counted *c = user;
    if (n->differs && c->differing++ == 0) {
        c->first_differing = c->nodes;
        snprintf(c->operation, sizeof c->operation, "%s", n->operation);
    }
    assert_true(*n->network && *n->name && *n->kernel[0] && *n->kernel[1]);
    c->nodes++;
}

static loris_engine *open_engine(const char *kernels, loris_backend backend) {
    loris_engine *engine;
    assert_ok(loris_engine_open(&engine, &(loris_engine_settings){.device = getenv("LORIS_TEST_DEVICE"),
                                                                  .cache_dir = "",
                                                                  .kernels_dir = kernels,
                                                                  .backend = backend}));
    return engine;
}

static void backends_agree_on_every_node(void **state) {
    (void)state;
    loris_engine *own = open_engine(NULL, LORIS_BACKEND_OWN), *blas = open_engine(NULL, LORIS_BACKEND_CLBLAST);
    static const char *const models[] = {LORIS_MODELS "/base", LORIS_TEST_DATA "/unet/genre"};
    for (size_t i = 0; i < 2; i++) {
        counted c = {0};
        size_t nodes;
        assert_ok(loris_compare(own, blas,
                                &(loris_compare_settings){.model = models[i], .node = count, .node_user = &c}, &nodes));
        assert_int_equal(c.nodes, nodes);
        assert_true(nodes > 50);
    }
    loris_engine_close(own);
    loris_engine_close(blas);
}

static void a_replaced_kernel_is_named(void **state) {
    (void)state;
    loris_engine *right = open_engine(NULL, LORIS_BACKEND_OWN),
                 *wrong = open_engine(wrong_silu("kernels"), LORIS_BACKEND_OWN);
    counted c = {0};
    assert_fails(
        loris_compare(
            right, wrong,
            &(loris_compare_settings){.model = LORIS_TEST_DATA "/unet/channels", .node = count, .node_user = &c}, NULL),
        LORIS_MISMATCH, "kernel ");
    assert_non_null(strstr(loris_error_message(), "the first: "));
    assert_non_null(strstr(loris_error_message(), c.operation));
    assert_true(c.differing > 0 && c.differing < c.nodes);
    assert_fails(loris_compare(right, wrong, &(loris_compare_settings){.model = "/no/such/model"}, NULL),
                 LORIS_ERROR_INPUT, "/no/such/model");
    loris_engine_close(right);
    loris_engine_close(wrong);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_plans_agree),          cmocka_unit_test(one_wrong_node_is_named_alone),
        cmocka_unit_test(other_plans_are_refused),    cmocka_unit_test(backends_agree_on_every_node),
        cmocka_unit_test(a_replaced_kernel_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
