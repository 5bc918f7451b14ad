/* What a plan's nodes cost, and the record of what they took. Times themselves are not tested, only what must hold of
 * any. */
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "ops/product.h"
#include "support_net.h"

enum { LENGTH = 61, INPUTS = 24, OUTPUTS = 40, EVALUATIONS = 3 };

static weights *model;
static float *x_values, *run_values;

static int open_all(void **state) {
    if (support_open(state) != 0)
        return -1;
    assert_ok(weights_new_empty(&model, support_compute()));
    support_weight(model, "block.project.weight", 2, (const int64_t[]){OUTPUTS, INPUTS}, 1, 0.1f, 0);
    support_weight(model, "block.project.bias", 1, (const int64_t[]){OUTPUTS}, 2, 0.1f, 0);
    x_values = support_values(LENGTH * INPUTS, 3);
    run_values = support_values(EVALUATIONS * LENGTH * OUTPUTS, 4);
    return 0;
}

static int close_all(void **state) {
    weights_free(model);
    free(x_values);
    free(run_values);
    return support_close(state);
}

/* silu(x W + b), plus a row of the run's: the product absorbs what it can. */
static net *record(compute *c, const weights *w) {
    net *n = net_new(c, w, "small", EVALUATIONS);
    tensor x = net_input(n, "x", PHASE_STEP, shape_1d(1, LENGTH, INPUTS), STORE_F32);
    tensor r = net_input(n, "r", PHASE_RUN, (shape){EVALUATIONS, 1, 1, 1, LENGTH, OUTPUTS}, STORE_F32);
    tensor doubled = scale(n, r, 2);
    enter(n, "block.");
    tensor y = activate(n, linear(n, x, "project", OUTPUTS, BIAS), ACTIVATION_SILU);
    leave(n);
    net_output(n, "y", add(n, y, doubled));
    return n;
}

static const support_input *inputs_of(void) {
    static support_input inputs[3];
    inputs[0] = (support_input){"x", x_values, LENGTH * INPUTS * sizeof(float)};
    inputs[1] = (support_input){"r", run_values, EVALUATIONS * LENGTH * OUTPUTS * sizeof(float)};
    inputs[2] = (support_input){0};
    return inputs;
}

/* Flops and bytes follow from the shapes: multiply-adds, 4 for each SiLU (as host/ops/stream.c counts), each tensor
 * once. */
static void expect_costs(const plan *p, bool draft) {
    const double elements = LENGTH * OUTPUTS, out = 4 * elements;
    const double stored = (double)number_size(product_storage(support_compute()));
    assert_int_equal(plan_node_count(p), 4);
    int seen = 0;
    for (int k = 0; k < plan_node_count(p); k++) {
        char dims[96];
        const profile_node n = plan_node(p, k, &dims);
        assert_string_equal(n.network, "small");
        assert_true(draft == !*n.kernel);
        if (!strcmp(n.operation, "linear")) {
            seen |= 1;
            assert_string_equal(n.name, "block.project");
            assert_string_equal(n.phase, "step");
            assert_string_equal(n.shape, "[1,61,40]");
            assert_true(n.flop == 2 * elements * INPUTS + 4 * elements);
            assert_true(n.written_bytes == out);
            /* the bias is 4 bytes a number, and not in what the product counts as moved: at most that much is missing
             */
            const double most = 4.0 * LENGTH * INPUTS + stored * OUTPUTS * INPUTS + 4.0 * OUTPUTS;
            assert_true(n.read_bytes <= most && n.read_bytes >= most - 4.0 * OUTPUTS);
        } else if (!strcmp(n.phase, "run")) {
            seen |= 2;
            assert_string_equal(n.shape, "[3x1,61,40]");
            assert_true(n.read_bytes == EVALUATIONS * out && n.written_bytes == EVALUATIONS * out);
        } else if (!strcmp(n.operation, "select")) {
            seen |= 4; /* one evaluation's row of three */
            assert_true(n.read_bytes == out && n.written_bytes == out && n.flop == 0);
        } else {
            seen |= 8;
            assert_string_equal(n.operation, "add");
            assert_true(n.read_bytes == 2 * out && n.written_bytes == out && n.flop == elements);
        }
    }
    assert_int_equal(seen, 15);
}

static void costs_are_known_without_running(void **state) {
    (void)state;
    plan *p;
    assert_ok(plan_draft(&p, record(support_compute(), model)));
    expect_costs(p, true);
    plan_free(p);
    assert_ok(plan_build(&p, record(support_compute(), model)));
    expect_costs(p, false);
    plan_free(p);
}

static void nothing_is_recorded_unless_asked(void **state) {
    (void)state;
    assert_null(support_compute()->profile);
}

typedef struct recording {
    compute *device;
    weights *weights;
    plan *plan;
} recording;

static recording open_recording(void) {
    recording r = {0};
    compute_settings settings = support_compute()->settings;
    settings.profile = true;
    assert_ok(compute_open(&r.device, &settings));
    assert_non_null(r.device->profile);
    assert_ok(weights_new_empty(&r.weights, r.device));
    support_weight(r.weights, "block.project.weight", 2, (const int64_t[]){OUTPUTS, INPUTS}, 1, 0.1f, 0);
    support_weight(r.weights, "block.project.bias", 1, (const int64_t[]){OUTPUTS}, 2, 0.1f, 0);
    r.plan = support_plan(record(r.device, r.weights), inputs_of());
    return r;
}

static void close_recording(recording *r) {
    plan_free(r->plan);
    weights_free(r->weights);
    compute_close(r->device);
}

/* Totals are those of the spans; spans of a queue in order follow each other. */
static void expect_consistent(const profile *p) {
    size_t count;
    const profile_span *spans = profile_spans(p, &count);
    for (int n = 0; n < profile_nodes(p); n++) {
        const profile_total t = profile_total_at(p, n);
        long launches = 0;
        double seconds = 0;
        for (size_t i = 0; i < count; i++)
            if (spans[i].node == n) {
                launches++;
                seconds += spans[i].end - spans[i].start;
            }
        assert_int_equal(t.launches, launches);
        assert_true(t.launches >= t.calls);
        /* spans are seconds since the machine started, kept to 53 bits: 1e7 s to 2 ns */
        assert_true(t.seconds >= seconds - 4e-9 * (double)launches && t.seconds <= seconds + 4e-9 * (double)launches);
        assert_true(launches == 0 ||
                    (t.min_seconds >= 0 && t.min_seconds <= t.max_seconds && t.max_seconds <= t.seconds));
    }
    for (size_t i = 0; i < count; i++) {
        assert_in_range(spans[i].node, 0, profile_nodes(p) - 1);
        assert_true(spans[i].end >= spans[i].start);
        assert_true(i == 0 || spans[i].start >= spans[i - 1].end - 4e-9);
    }
}

static void expect_counts_and_times(bool by_the_host) {
    recording r = open_recording();
    const profile *p = r.device->profile;
    if (by_the_host)
        profile_use_host_times(r.device->profile);
    const double begin = profile_now();
    assert_ok(profile_reset(r.device));
    for (int turn = 0; turn < 4; turn++)
        for (int e = 0; e < EVALUATIONS; e++)
            assert_ok(plan_run(r.plan, PHASE_STEP, e));
    assert_ok(profile_collect(r.device));
    int steps = 0;
    for (int n = 0; n < profile_nodes(p); n++) {
        const profile_node *facts = profile_node_at(p, n);
        if (strcmp(facts->network, "small") != 0)
            continue;
        const bool step = !strcmp(facts->phase, "step");
        steps += step;
        assert_int_equal(profile_total_at(p, n).calls, step ? 4 * EVALUATIONS : 0);
        assert_true(strlen(facts->kernel) > 0);
    }
    assert_int_equal(steps, 3);
    expect_consistent(p);
    size_t count;
    const profile_span *spans = profile_spans(p, &count);
    for (size_t i = 0; by_the_host && i < count; i++)
        assert_true(spans[i].start >= begin && spans[i].end > spans[i].start && spans[i].end <= profile_now());

    assert_ok(plan_run(r.plan, PHASE_RUN, 0));
    float got[LENGTH * OUTPUTS];
    assert_ok(plan_read(r.plan, "y", got, sizeof got));
    assert_ok(profile_collect(r.device));
    expect_consistent(p);
    int reads = 0;
    for (int n = 0; n < profile_nodes(p); n++)
        if (!strcmp(profile_node_at(p, n)->operation, "read")) {
            reads++;
            assert_string_equal(profile_node_at(p, n)->name, "y");
            assert_true(profile_node_at(p, n)->written_bytes == sizeof got);
            assert_int_equal(profile_total_at(p, n).calls, 1);
        }
    assert_int_equal(reads, 1);

    assert_ok(profile_reset(r.device));
    profile_spans(p, &count);
    assert_int_equal(count, 0);
    expect_consistent(p);
    close_recording(&r);
}

static void calls_are_counted_and_timed(void **state) {
    (void)state;
    expect_counts_and_times(false);
}

/* As on drivers whose clock stands still. */
static void calls_can_be_timed_by_the_host(void **state) {
    (void)state;
    expect_counts_and_times(true);
}

static void recording_changes_no_result(void **state) {
    (void)state;
    static float plain[LENGTH * OUTPUTS], recorded[LENGTH * OUTPUTS];
    support_run(record(support_compute(), model), inputs_of(), 1, "y", plain, LENGTH * OUTPUTS);
    recording r = open_recording();
    assert_ok(plan_run(r.plan, PHASE_STEP, 1));
    assert_ok(plan_read(r.plan, "y", recorded, sizeof recorded));
    close_recording(&r);
    assert_memory_equal(plain, recorded, sizeof plain);
}

/* A node cut into several launches, as our own kernels are, is still called once. */
static void cut_launches_belong_to_one_call(void **state) {
    (void)state;
    compute_settings *settings = &support_compute()->settings;
    const product_backend before = settings->backend;
    settings->backend = BACKEND_OWN;
    recording r = open_recording();
    settings->backend = before;
    assert_ok(profile_reset(r.device));
    r.device->throttle.flop_per_second = 1e3; /* a device so slow that every launch is too long */
    r.device->throttle.cautious_flop_per_second = 1e3;
    assert_ok(plan_run(r.plan, PHASE_STEP, 0));
    assert_ok(profile_collect(r.device));
    long calls = 0, launches = 0;
    for (int n = 0; n < profile_nodes(r.device->profile); n++) {
        calls += profile_total_at(r.device->profile, n).calls;
        launches += profile_total_at(r.device->profile, n).launches;
    }
    assert_int_equal(calls, 3);
    assert_true(launches > calls);
    expect_consistent(r.device->profile);
    close_recording(&r);
}

/* Each backend's launches are seen, and named as its own. */
static void every_backend_is_recorded(void **state) {
    (void)state;
    static const struct {
        product_backend which;
        const char *name;
    } backends[] = {{BACKEND_OWN, "own"}, {BACKEND_CLBLAST, "CLBlast"}, {BACKEND_ONEDNN, "oneDNN"}};
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        compute *c = support_compute();
        const compute_settings before = c->settings;
        c->settings.backend = backends[i].which;
        if (backends[i].which != BACKEND_OWN)
            c->settings.precision = PRECISION_F32;
        const bool here = backends[i].which != BACKEND_ONEDNN || product_onednn_available(c);
        recording r = open_recording();
        c->settings = before;
        assert_ok(profile_reset(r.device));
        assert_ok(plan_run(r.plan, PHASE_STEP, 0));
        assert_ok(profile_collect(r.device));
        int found = 0;
        for (int n = 0; n < profile_nodes(r.device->profile); n++) {
            const profile_node *facts = profile_node_at(r.device->profile, n);
            if (strcmp(facts->operation, "linear") != 0)
                continue;
            found++;
            assert_string_equal(facts->backend, here ? backends[i].name : "own");
            assert_int_equal(profile_total_at(r.device->profile, n).calls, 1);
        }
        assert_int_equal(found, 1);
        expect_consistent(r.device->profile);
        close_recording(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_are_known_without_running), cmocka_unit_test(nothing_is_recorded_unless_asked),
        cmocka_unit_test(calls_are_counted_and_timed),     cmocka_unit_test(recording_changes_no_result),
        cmocka_unit_test(cut_launches_belong_to_one_call), cmocka_unit_test(every_backend_is_recorded),
        cmocka_unit_test(calls_can_be_timed_by_the_host),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
