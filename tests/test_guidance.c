/* What a guided network need not compute: conditional and null share everything up to their first keys, null keys are
 * made when the model is loaded, the clip's once per clip, and a genre's attention is one row. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nets/synthetic.h"
#include "nets/unet.h"
#include "support_net.h"

enum { SAMPLES = 1 << 16, TOKENS = 5, PEAKS = 11, LINES = 2048 };

static const unet_config network = {.in_channels = 2,
                                    .channels = 8,
                                    .patch_factor = 2,
                                    .levels = 2,
                                    .multipliers = {1, 2, 2},
                                    .factors = {2, 2},
                                    .num_blocks = {1, 2},
                                    .attentions = {false, true},
                                    .attention_heads = 2,
                                    .attention_features = 4,
                                    .attention_multiplier = 2,
                                    .resnet_groups = 2,
                                    .kernel_multiplier = 2,
                                    .embedding_features = 6,
                                    .embedding_max_length = 7,
                                    .rhythm_max_length = 13,
                                    .genre = true};

typedef struct line {
    char phase[8], operation[32], name[256];
    int batch;
    double gflop;
} line;

static int parse(const plan *p, line *lines) {
    text described = {0};
    plan_describe(p, &described);
    assert_false(text_failed(&described));
    int count = 0;
    for (char *at = described.data, *end; at && *at && count < LINES; at = end + 1) {
        line *l = &lines[count++];
        char dims[64];
        end = strchr(at, '\n');
        assert_non_null(end);
        *end = 0;
        const char *bracket = strchr(at, '[');
        assert_true(bracket && sscanf(at, "%7s %31s", l->phase, l->operation) == 2);
        assert_int_equal(sscanf(bracket, "%63s %lf GFLOP %*f MB %255s", dims, &l->gflop, l->name), 3);
        const char *times = strchr(dims, 'x'); /* "[4x1,2,3]" */
        l->batch = atoi(times ? times + 1 : dims + 1);
    }
    text_free(&described);
    return count;
}

/* Contexts: the given one, and with two the null beside it. */
static plan *build(weights *w, int contexts) {
    net *n = net_new(support_compute(), w, "test", 1);
    unet_inputs in = {.x = net_input(n, "x", PHASE_STEP, shape_1d(1, SAMPLES, 2), STORE_F32),
                      .c_noise = net_input(n, "c_noise", PHASE_RUN, shape_1d(1, 1, 1), STORE_F32),
                      .contexts = contexts};
    in.context[0] = (unet_context){.tokens = net_input(n, "tokens", PHASE_CLIP, shape_1d(1, TOKENS, 6), STORE_F32),
                                   .peaks = net_input(n, "peaks", PHASE_CLIP, shape_1d(1, PEAKS, 1), STORE_I32),
                                   .genre = net_input(n, "genre", PHASE_CLIP, shape_1d(1, 1, 6), STORE_F32)};
    if (contexts == 2)
        in.context[1] = unet_null_context(n, &network, TOKENS, PEAKS);
    net_output(n, "y", unet(n, &network, &in));
    plan *p = NULL;
    assert_ok(plan_build(&p, n));
    return p;
}

static bool named(const line *l, const char *part) {
    return strstr(l->name, part) != NULL;
}

static void the_guided_plan_shares_what_it_can(void **state) {
    (void)state;
    weights *w = NULL;
    assert_ok(weights_new_generated(&w, support_compute(), synthetic_weight));
    plan *single = build(w, 1), *guided = build(w, 2);
    line *lines = calloc(LINES, sizeof *lines);
    assert_non_null(lines);
    const int count = parse(guided, lines);
    bool keys_met = false;
    double shared = 0; /* of a step */
    int shared_lines = 0, blocks = 0, keys_at_load = 0, keys_per_clip = 0, rows = 0;
    for (int i = 0; i < count; i++) {
        const line *l = &lines[i];
        const bool step = !strcmp(l->phase, "step"), load = !strcmp(l->phase, "load"), clip = !strcmp(l->phase, "clip");
        blocks += named(l, "cross_attend.fn.to_q") && step;
        if (named(l, "cross_attend.fn.to_kv") && !strcmp(l->operation, "linear")) {
            assert_true(load || clip);
            keys_at_load += load;
            keys_per_clip += clip;
            assert_int_equal(l->batch, 1);
        }
        if (named(l, "rhythm_hawkes_attention") || named(l, "norm_context"))
            assert_true(load || clip);
        if (named(l, "scale_shift")) {
            assert_string_equal(l->phase, "run");
            assert_int_equal(l->batch, 1);
        }
        rows += step && !strcmp(l->operation, "add_row");
        if (!step)
            continue;
        keys_met = keys_met || (named(l, "cross_attend") && !strcmp(l->operation, "attention"));
        if (!keys_met)
            assert_int_equal(l->batch, 1);
        if (l->batch == 1) {
            shared += l->gflop;
            shared_lines++;
        }
    }
    /* Every block has a query for its tokens and one for its rhythm; keys for tokens, rhythm and genre, once of the
     * clip and once of nothing; and adds one row for its genre. */
    const int attending = 1 + 2 + 2 + 3 + 1; /* down, bottleneck, up */
    assert_int_equal(blocks, 2 * attending);
    assert_int_equal(keys_at_load, 3 * attending);
    assert_int_equal(keys_per_clip, 3 * attending);
    assert_int_equal(rows, attending);
    /* Everything but what is shared is done twice. The text is rounded to 1e-4 GFLOP a line. */
    const double once = plan_flop(single, PHASE_STEP) * 1e-9, both = plan_flop(guided, PHASE_STEP) * 1e-9;
    const double rounding = 0.5e-4 * shared_lines;
    assert_true(shared > 10 * rounding);
    assert_true(fabs(both - (2 * once - shared)) <= rounding);
    free(lines);
    plan_free(single);
    plan_free(guided);
    weights_free(w);
}

/* Contexts are asked for exactly where the network has them, and may not be longer than what it has learned. */
static void contexts_must_fit(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        weights *w = NULL;
        assert_ok(weights_new_generated(&w, support_compute(), synthetic_weight));
        unet_config c = network;
        if (i == 0)
            c.embedding_features = 0;
        net *n = net_new(support_compute(), w, "test", 1);
        unet_inputs in = {.x = net_input(n, "x", PHASE_STEP, shape_1d(1, SAMPLES, 2), STORE_F32),
                          .c_noise = net_input(n, "c_noise", PHASE_RUN, shape_1d(1, 1, 1), STORE_F32),
                          .contexts = i == 1 ? 0 : 1};
        if (i != 1)
            in.context[0] = unet_null_context(n, &network, TOKENS, i == 2 ? 14 : PEAKS);
        net_output(n, "y", unet(n, &c, &in));
        plan *p = NULL;
        assert_int_not_equal(plan_build(&p, n), LORIS_OK);
        weights_free(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guided_plan_shares_what_it_can),
        cmocka_unit_test(contexts_must_fit),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
