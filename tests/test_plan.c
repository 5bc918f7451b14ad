/* Recording and replaying: what is computed when, once, in which memory, and how failures are told. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "support_net.h"

enum { LENGTH = 37, CHANNELS = 5, COUNT = LENGTH * CHANNELS };

static net *new_net(const weights *w, int evals) {
    net *n = net_new(support_compute(), w, "test", evals);
    assert_non_null(n);
    return n;
}

static tensor step_input(net *n, const char *name) {
    return net_input(n, name, PHASE_STEP, shape_1d(1, LENGTH, CHANNELS), STORE_F32);
}

static void expect_values(plan *p, const char *output, const float *x, float factor, float offset) {
    float got[COUNT];
    assert_ok(plan_read(p, output, got, sizeof got));
    for (int i = 0; i < COUNT; i++)
        if (!(fabsf(got[i] - (x[i] * factor + offset)) <=
              1e-6f * (fabsf(x[i] * factor) + fabsf(offset)))) /* a few roundings */
            fail_msg("%s[%d]: got %.9g, want %.9g", output, i, got[i], x[i] * factor + offset);
}

static void equal_nodes_are_computed_once(void **state) {
    (void)state;
    net *n = new_net(NULL, 1);
    tensor x = step_input(n, "x");
    tensor a = scale(n, x, 2), b = scale(n, x, 2), c = scale(n, x, 3);
    assert_int_equal(a.id, b.id);
    assert_int_not_equal(a.id, c.id);
    net_output(n, "y", add(n, add(n, a, b), c));
    float *values = support_values(COUNT, 1);
    plan *p = support_plan(n, (const support_input[]){{"x", values, COUNT * sizeof *values}, {0}});
    assert_int_equal(plan_launches(p, PHASE_STEP), 4);
    assert_ok(plan_run(p, PHASE_STEP, 0));
    expect_values(p, "y", values, 7, 0);
    plan_free(p);
    free(values);
}

static void what_nothing_reads_is_not_computed(void **state) {
    (void)state;
    net *n = new_net(NULL, 1);
    tensor x = step_input(n, "x");
    scale(n, scale(n, x, 5), 6);
    net_output(n, "y", scale(n, x, 2));
    plan *p = support_plan(n, NULL);
    assert_int_equal(plan_launches(p, PHASE_STEP), 1);
    plan_free(p);
}

static void tensors_share_memory_once_they_are_done(void **state) {
    (void)state;
    net *n = new_net(NULL, 1);
    tensor x = step_input(n, "x"), t = x;
    float factor = 1;
    for (int i = 0; i < 60; i++) {
        float by = i % 2 ? 0.5f : 3 - 1;
        t = scale(n, t, by + 0.001f * (float)i);
        factor *= by + 0.001f * (float)i;
    }
    net_output(n, "y", t);
    float *values = support_values(COUNT, 2);
    plan *p = support_plan(n, (const support_input[]){{"x", values, COUNT * sizeof *values}, {0}});
    size_t one = COUNT * sizeof(float), unit = support_compute()->dev.alignment,
           padded = (one + unit - 1) / unit * unit;
    assert_true(plan_memory(p) <= one + 3 * padded); /* the input, two in flight, the output */
    assert_ok(plan_run(p, PHASE_STEP, 0));
    float got[COUNT];
    assert_ok(plan_read(p, "y", got, sizeof got));
    for (int i = 0; i < COUNT; i++)
        assert_true(fabsf(got[i] - values[i] * factor) <= 60 * 1.2e-7f * fabsf(values[i] * factor));
    plan_free(p);
    free(values);
}

static void each_phase_runs_what_depends_on_it(void **state) {
    (void)state;
    net *n = new_net(NULL, 3);
    tensor x = step_input(n, "x");
    tensor clip = net_input(n, "clip", PHASE_CLIP, shape_1d(1, LENGTH, CHANNELS), STORE_F32);
    tensor run = net_input(n, "run", PHASE_RUN, (shape){3, 1, 1, 1, LENGTH, CHANNELS}, STORE_F32);
    tensor from_clip = scale(n, scale(n, clip, 2), 0.5f);
    tensor from_run = add(n, scale(n, run, 4), from_clip); /* broadcast over the evaluations */
    assert_int_equal(phase_of(n, from_clip), PHASE_CLIP);
    assert_int_equal(phase_of(n, from_run), PHASE_RUN);
    assert_int_equal(shape_of(n, from_run).evals, 3);
    tensor y = add(n, scale(n, scale(n, x, 3), 2), from_run);
    net_output(n, "y", y);

    float *values = support_values(COUNT, 3), *rows = malloc(3 * COUNT * sizeof *rows),
          *ones = malloc(COUNT * sizeof *ones);
    for (int e = 0; e < 3; e++)
        for (int i = 0; i < COUNT; i++) {
            rows[e * COUNT + i] = (float)(e + 1);
            ones[i] = 1;
        }
    plan *p = support_plan(n, (const support_input[]){{"x", values, COUNT * sizeof *values},
                                                      {"clip", ones, COUNT * sizeof *ones},
                                                      {"run", rows, 3 * COUNT * sizeof *rows},
                                                      {0}});
    assert_int_equal(plan_launches(p, PHASE_LOAD), 0);
    assert_int_equal(plan_launches(p, PHASE_CLIP), 2);
    assert_int_equal(plan_launches(p, PHASE_RUN), 2);
    static const int order[] = {0, 2, 1, 1, 0}; /* replays do not disturb what earlier phases made */
    for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
        assert_ok(plan_run(p, PHASE_STEP, order[k]));
        expect_values(p, "y", values, 6, 4 * (float)(order[k] + 1) + 1);
    }
    assert_int_equal(plan_run(p, PHASE_STEP, 3), LORIS_ERROR_INTERNAL);
    plan_free(p);
    free(values);
    free(rows);
    free(ones);
}

static void states_are_written_in_order(void **state) {
    (void)state;
    net *n = new_net(NULL, 1);
    tensor s = net_state(n, "s", shape_1d(1, LENGTH, CHANNELS), STORE_F32);
    tensor c = net_input(n, "c", PHASE_RUN, shape_1d(1, 1, 2), STORE_F32);
    tensor before = scale(n, s, 10);
    combine(n, s, &s, 1, c, 0, false); /* s <- 2 s */
    tensor after = scale(n, s, 10);
    assert_int_not_equal(before.id, after.id);
    net_output(n, "before", before);
    net_output(n, "after", after);
    float *values = support_values(COUNT, 4);
    const float coefficients[] = {2, 0};
    plan *p = support_plan(
        n,
        (const support_input[]){{"s", values, COUNT * sizeof *values}, {"c", coefficients, sizeof coefficients}, {0}});
    for (float now = 1; now < 5; now *= 2) {
        assert_ok(plan_run(p, PHASE_STEP, 0));
        expect_values(p, "before", values, 10 * now, 0);
        expect_values(p, "after", values, 20 * now, 0);
    }
    plan_free(p);
    free(values);
}

static void parameters_change_between_replays(void **state) {
    (void)state;
    net *n = new_net(NULL, 1);
    tensor clip = step_input(n, "clip");
    int start = net_parameter(n, "start");
    net_output(n, "y", window(n, clip, start, 1, 4));
    float *values = support_values(COUNT, 5), got[4 * CHANNELS];
    plan *p = support_plan(n, (const support_input[]){{"clip", values, COUNT * sizeof *values}, {0}});
    for (int at = 0; at + 4 <= LENGTH; at += 3) {
        plan_set(p, start, (cl_uint)at);
        assert_ok(plan_run(p, PHASE_STEP, 0));
        assert_ok(plan_read(p, "y", got, sizeof got));
        assert_memory_equal(got, values + at * CHANNELS, sizeof got);
    }
    plan_free(p);
    free(values);
}

static void bound_buffers_are_used_and_checked(void **state) {
    (void)state;
    float *values = support_values(COUNT, 6);
    cl_mem buffer, small;
    assert_ok(buffer_new(support_compute(), &buffer, COUNT * sizeof *values, values, "bound"));
    assert_ok(buffer_new(support_compute(), &small, 16, NULL, "small"));
    net *n = new_net(NULL, 1);
    tensor x = step_input(n, "x");
    net_bind(n, x, buffer);
    net_output(n, "y", scale(n, x, -1));
    plan *p = support_plan(n, NULL);
    assert_ok(plan_run(p, PHASE_STEP, 0));
    expect_values(p, "y", values, -1, 0);
    plan_free(p);

    n = new_net(NULL, 1);
    x = step_input(n, "x");
    net_bind(n, x, small);
    net_output(n, "y", scale(n, x, -1));
    assert_int_equal(plan_build(&p, n), LORIS_ERROR_INTERNAL);
    buffer_free(&buffer);
    buffer_free(&small);
    free(values);
}

/* With allocations limited to a few tensors the plan spreads over several slabs; with less than one it fails and says
 * so. */
static void allocation_limits_are_kept(void **state) {
    (void)state;
    compute *c = support_compute();
    const cl_ulong limit = c->dev.max_alloc;
    const size_t unit = c->dev.alignment, padded = (COUNT * sizeof(float) + unit - 1) / unit * unit;
    float *values = support_values(COUNT, 7);
    for (int fits = 0; fits < 2; fits++) {
        net *n = new_net(NULL, 1);
        tensor x = step_input(n, "x"), sum = x, made[6];
        enter(n, "scope.");
        for (int i = 0; i < 6; i++)
            made[i] = scale(n, x, (float)(i + 1));
        leave(n);
        for (int i = 0; i < 6; i++)
            sum = add(n, sum, made[i]);
        net_output(n, "y", sum);
        c->dev.max_alloc = fits ? 2 * padded : padded - 1;
        if (fits) {
            plan *p = support_plan(n, (const support_input[]){{"x", values, COUNT * sizeof *values}, {0}});
            assert_ok(plan_run(p, PHASE_STEP, 0));
            expect_values(p, "y", values, 22, 0);
            plan_free(p);
        } else {
            plan *p;
            assert_int_equal(plan_build(&p, n), LORIS_ERROR_DEVICE);
            assert_true(strlen(loris_error_hint()) > 0);
        }
    }
    c->dev.max_alloc = limit;
    free(values);
}

/* A draft tells what a plan will cost, and makes nothing. */
static void drafts_tell_the_same(void **state) {
    (void)state;
    plan *made[2];
    for (int draft = 0; draft < 2; draft++) {
        net *n = new_net(NULL, 1);
        tensor x = step_input(n, "x");
        net_output(n, "y", add(n, scale(n, scale(n, x, 2), 3), x));
        assert_ok(draft ? plan_draft(&made[draft], n) : plan_build(&made[draft], n));
    }
    assert_int_equal(plan_memory(made[1]), plan_memory(made[0]));
    assert_true(plan_flop(made[1], PHASE_STEP) == plan_flop(made[0], PHASE_STEP));
    assert_int_equal(plan_nodes(made[1], PHASE_STEP), plan_nodes(made[0], PHASE_STEP));
    assert_int_equal(plan_launches(made[1], PHASE_STEP), 0);
    cl_mem buffer;
    size_t bytes;
    assert_int_equal(plan_buffer(made[1], "x", &buffer, &bytes), LORIS_ERROR_INTERNAL);
    plan_free(made[0]);
    plan_free(made[1]);
}

/* Of a linear layer in the clip phase and an equal one in the step phase only the second's weight stays on the device;
 * the first is there again for another clip, although activations have taken its place. */
static void weights_of_earlier_phases_do_not_stay(void **state) {
    (void)state;
    enum { IN = 320, OUT = 256, ROWS = 3 };
    const int64_t dim[] = {OUT, IN};
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    const float *early = support_weight(w, "early.weight", 2, dim, 1, 1, 0);
    support_weight(w, "late.weight", 2, dim, 2, 1, 0);
    net *n = new_net(w, 1);
    tensor c = net_input(n, "c", PHASE_CLIP, shape_1d(1, ROWS, IN), STORE_F32);
    tensor x = net_input(n, "x", PHASE_STEP, shape_1d(1, ROWS, IN), STORE_F32);
    tensor rows = scale(n, linear(n, c, "early", OUT, NO_BIAS), 1);
    net_output(n, "y", add(n, rows, linear(n, scale(n, x, 2), "late", OUT, NO_BIAS)));
    plan *p = NULL;
    assert_ok(plan_build(&p, n));
    const size_t one = sizeof(float) * IN * OUT;
    assert_true(weights_device_bytes(w) <= one); /* less in bf16 and f16 */
    assert_true(plan_memory(p) >= one);

    float got[ROWS * OUT], *zeros = calloc(ROWS * IN, sizeof *zeros);
    assert_non_null(zeros);
    for (uint64_t clip = 0; clip < 2; clip++) {
        float *values = support_values(ROWS * IN, 3 + clip);
        assert_ok(plan_poison(p));
        assert_ok(plan_write(p, "c", values, ROWS * IN * sizeof *values));
        assert_ok(plan_write(p, "x", zeros, ROWS * IN * sizeof *zeros));
        assert_ok(plan_run(p, PHASE_CLIP, 0));
        assert_ok(plan_run(p, PHASE_STEP, 0));
        assert_ok(plan_read(p, "y", got, sizeof got));
        for (int r = 0; r < ROWS; r++)
            for (int o = 0; o < OUT; o++) {
                double sum = 0, magnitude = 0;
                for (int i = 0; i < IN; i++) {
                    const double term = (double)values[r * IN + i] * early[o * IN + i];
                    sum += term;
                    magnitude += fabs(term);
                }
                /* IN roundings of f32, and where oneDNN multiplies bf16 one of 2^-9 of each input */
                const double unit = support_precision() == PRECISION_BF16 ? 0x1p-9 : IN * 0x1p-24;
                assert_true(fabs(got[r * OUT + o] - sum) <= 1.01 * unit * magnitude);
            }
        free(values);
    }
    free(zeros);
    plan_free(p);
    weights_free(w);
}

/* A norm, queries, attention and an activated layer, whose readers all multiply bf16, or with all of them outputs,
 * which keeps them in f32. */
static size_t narrowing_net(const weights *w, bool outputs, float *got, size_t count) {
    enum { B = 2, ROWS = 37, IN = 24, WIDTH = 32 };
    net *n = new_net(w, 1);
    float *values = support_values(B * ROWS * IN, 5);
    tensor x = net_input(n, "x", PHASE_STEP, shape_1d(B, ROWS, IN), STORE_F32), t[5];
    t[0] = group_norm(n, x, "group", 4, (tensor){0}, ACTIVATION_SILU);
    t[1] = linear(n, layer_norm(n, conv1d(n, t[0], "conv", IN, 3), "layer.g"), "q", WIDTH, NO_BIAS);
    t[2] = linear(n, x, "kv", 2 * WIDTH, NO_BIAS);
    t[3] = attention(n, t[1], t[2], 2);
    t[4] = linear(n, t[3], "up", IN, BIAS);
    for (int i = 0; outputs && i < 4; i++) {
        const char *names[] = {"t0", "t1", "t2", "t3"};
        net_output(n, names[i], t[i]);
    }
    net_output(n, "y", t[4]);
    plan *p = support_plan(n, (const support_input[]){{"x", values, B * ROWS * IN * sizeof *values}, {0}});
    assert_ok(plan_run(p, PHASE_STEP, 0));
    assert_ok(plan_read(p, "y", got, count * sizeof *got));
    const size_t memory = plan_memory(p);
    plan_free(p);
    free(values);
    return memory;
}

/* Storing in bf16 what products round to bf16 changes no bit. Where there is no oneDNN both are the same. */
static void what_products_round_is_stored_rounded(void **state) {
    (void)state;
    enum { COUNT_Y = 2 * 37 * 24 };
    compute *c = support_compute();
    const compute_settings before = c->settings;
    c->settings.backend = BACKEND_ONEDNN;
    c->settings.precision = PRECISION_BF16;
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, c));
    const int64_t channels[] = {24}, conv[] = {24, 24, 3}, q[] = {32, 24}, kv[] = {64, 24}, up[] = {24, 32};
    support_weight(w, "group.weight", 1, channels, 1, 0.1f, 1);
    support_weight(w, "group.bias", 1, channels, 2, 0.1f, 0);
    support_weight(w, "conv.weight", 3, conv, 3, 0.2f, 0);
    support_weight(w, "conv.bias", 1, channels, 4, 0.1f, 0);
    support_weight(w, "layer.g", 1, channels, 5, 0.1f, 1);
    support_weight(w, "q.weight", 2, q, 6, 0.2f, 0);
    support_weight(w, "kv.weight", 2, kv, 7, 0.2f, 0);
    support_weight(w, "up.weight", 2, up, 8, 0.2f, 0);
    support_weight(w, "up.bias", 1, channels, 9, 0.1f, 0);
    float narrow[COUNT_Y], wide[COUNT_Y];
    const size_t narrow_memory = narrowing_net(w, false, narrow, COUNT_Y);
    const size_t wide_memory = narrowing_net(w, true, wide, COUNT_Y);
    assert_memory_equal(narrow, wide, sizeof wide);
    assert_true(narrow_memory < wide_memory);
    weights_free(w);
    c->settings = before;
}

static void long_launches_are_cut_without_changing_results(void **state) {
    (void)state;
    enum { ROWS = 4099 };
    compute *c = support_compute();
    float *x = support_values(ROWS * 7, 8), *got[2];
    weights *w;
    assert_ok(weights_new_empty(&w, c));
    support_weight(w, "norm.g", 1, (const int64_t[]){7}, 9, 0.1f, 1);
    const double speed = c->throttle.flop_per_second;
    for (int cut = 0; cut < 2; cut++) {
        net *n = new_net(w, 1);
        tensor t = net_input(n, "x", PHASE_STEP, shape_1d(1, ROWS, 7), STORE_F32);
        net_output(n, "y", layer_norm(n, scale(n, t, 3), "norm.g"));
        plan *p = support_plan(n, (const support_input[]){{"x", x, ROWS * 7 * sizeof *x}, {0}});
        got[cut] = malloc(ROWS * 7 * sizeof **got);
        if (cut)
            c->throttle.flop_per_second = 1e5; /* a device so slow that every launch is too long */
        assert_ok(plan_run(p, PHASE_STEP, 0));
        assert_ok(plan_read(p, "y", got[cut], ROWS * 7 * sizeof **got));
        c->throttle.flop_per_second = speed;
        plan_free(p);
    }
    assert_memory_equal(got[0], got[1], ROWS * 7 * sizeof **got);
    free(got[0]);
    free(got[1]);
    free(x);
    weights_free(w);
}

static void a_cancelled_run_stops_and_the_plan_stays_usable(void **state) {
    (void)state;
    net *n = new_net(NULL, 1);
    tensor x = step_input(n, "x");
    net_output(n, "y", scale(n, x, 4));
    float *values = support_values(COUNT, 10);
    plan *p = support_plan(n, (const support_input[]){{"x", values, COUNT * sizeof *values}, {0}});
    loris_cancel();
    assert_int_equal(plan_run(p, PHASE_STEP, 0), LORIS_CANCELLED);
    loris_resume();
    assert_ok(plan_run(p, PHASE_STEP, 0));
    expect_values(p, "y", values, 4, 0);
    plan_free(p);
    free(values);
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static void expect_failure(net *n, loris_status want, const char *first, const char *second) {
    plan *p;
    assert_int_equal(plan_build(&p, n), want);
    if (!strstr(loris_error_message(), first) || !strstr(loris_error_message(), second))
        fail_msg("\"%s\" names neither %s nor %s", loris_error_message(), first, second);
}

static void wrong_weights_are_named(void **state) {
    (void)state;
    weights *w;
    assert_ok(weights_new_empty(&w, support_compute()));
    support_weight(w, "block.3.norm.g", 1, (const int64_t[]){CHANNELS + 1}, 1, 1, 0);
    net *n = new_net(w, 1);
    enter(n, "block.%d.", 3);
    layer_norm(n, step_input(n, "x"), "norm.g");
    leave(n);
    scale(n, step_input(n, "later"), 2); /* ignored: the first failure is kept */
    expect_failure(n, LORIS_ERROR_INPUT, "block.3.norm.g", "[5]");
    n = new_net(w, 1);
    enter(n, "missing.");
    layer_norm(n, step_input(n, "x"), "g");
    expect_failure(n, LORIS_ERROR_INPUT, "missing.g", "lacks");
    assert_int_equal(weights_all_used(w), LORIS_ERROR_INPUT);
    assert_non_null(strstr(loris_error_message(), "block.3.norm.g"));
    weights_free(w);
}

static void mismatched_shapes_are_named(void **state) {
    (void)state;
    net *n = new_net(NULL, 1);
    tensor a = step_input(n, "a"), b = net_input(n, "b", PHASE_STEP, shape_1d(1, LENGTH + 1, CHANNELS), STORE_F32);
    net_output(n, "y", add(n, a, b));
    expect_failure(n, LORIS_ERROR_INTERNAL, "[1,37,5]", "[1,38,5]");
    n = new_net(NULL, 1);
    net_input(n, "none", PHASE_STEP, shape_1d(1, 0, 3), STORE_F32);
    expect_failure(n, LORIS_ERROR_ARGUMENT, "none", "[1,0,3]");
}

static void names_and_sizes_are_checked(void **state) {
    (void)state;
    net *n = new_net(NULL, 1);
    net_output(n, "y", scale(n, step_input(n, "x"), 2));
    plan *p = support_plan(n, NULL);
    float values[COUNT] = {0};
    assert_int_equal(plan_write(p, "z", values, sizeof values), LORIS_ERROR_INTERNAL);
    assert_int_equal(plan_write(p, "x", values, sizeof values - 4), LORIS_ERROR_INTERNAL);
    assert_int_equal(plan_read(p, "y", values, 4), LORIS_ERROR_INTERNAL);
    plan_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_nodes_are_computed_once),
        cmocka_unit_test(what_nothing_reads_is_not_computed),
        cmocka_unit_test(tensors_share_memory_once_they_are_done),
        cmocka_unit_test(each_phase_runs_what_depends_on_it),
        cmocka_unit_test(states_are_written_in_order),
        cmocka_unit_test(parameters_change_between_replays),
        cmocka_unit_test(bound_buffers_are_used_and_checked),
        cmocka_unit_test(allocation_limits_are_kept),
        cmocka_unit_test(drafts_tell_the_same),
        cmocka_unit_test(weights_of_earlier_phases_do_not_stay),
        cmocka_unit_test(what_products_round_is_stored_rounded),
        cmocka_unit_test(long_launches_are_cut_without_changing_results),
        cmocka_unit_test(a_cancelled_run_stops_and_the_plan_stays_usable),
        cmocka_unit_test(wrong_weights_are_named),
        cmocka_unit_test(mismatched_shapes_are_named),
        cmocka_unit_test(names_and_sizes_are_checked),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
