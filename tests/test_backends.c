/* Which implementation computes each product and attention of the full LORIS network, on the processor at hand and on a
 * device that says it is a GPU. */
#include <stdio.h>
#include <string.h>

#include "nets/synthetic.h"
#include "nets/unet.h"
#include "ops/product.h"
#include "reference.h"
#include "support_net.h"

/* A guided evaluation of 2^16 samples, as a draft: nothing is computed. */
static plan *draft_of_loris(weights *w) {
    const unet_config u = unet_config_loris();
    net *n = net_new(support_compute(), w, "LORIS", 1);
    assert_non_null(n);
    unet_inputs in = {.x = net_input(n, "x", PHASE_STEP, shape_1d(1, 1 << 16, u.in_channels), STORE_F32),
                      .c_noise = net_input(n, "c_noise", PHASE_RUN, shape_1d(1, 1, 1), STORE_F32),
                      .contexts = 2};
    in.context[0].tokens = net_input(n, "tokens", PHASE_CLIP, shape_1d(1, 50, u.embedding_features), STORE_F32);
    in.context[0].peaks = net_input(n, "peaks", PHASE_CLIP, shape_1d(1, 398, 1), STORE_I32);
    in.context[1] = unet_null_context(n, &u, 50, 398);
    net_output(n, "y", unet(n, &u, &in));
    plan *p = NULL;
    assert_ok(plan_draft(&p, n));
    return p;
}

/* A flag of /proc/cpuinfo. */
static bool processor_has(const char *flag) {
    char line[8192], word[64];
    bool found = false;
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(word, sizeof word, " %s ", flag);
    while (f && !found && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = ' ';
        found = strncmp(line, "flags", 5) == 0 && strstr(line, word);
    }
    if (f)
        fclose(f);
    return found;
}

static bool multiplies(const profile_node *n) {
    static const char *const operations[] = {"linear", "conv1d", "conv_transpose1d", "attention"};
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (!strcmp(n->operation, operations[i]))
            return true;
    return false;
}

/* oneDNN has small-matrix kernels ("brg") for AVX-512, those of bf16 where the processor multiplies bf16. There every
 * product and attention uses one; elsewhere all are our own kernels. Never one of its slow implementations. */
static void onednn_is_used_where_it_is_fast(void **state) {
    (void)state;
    compute *c = support_compute();
    const compute_settings before = c->settings;
    static const struct {
        product_precision precision;
        const char *flag;
    } cases[] = {{PRECISION_F32, "avx512bw"}, {PRECISION_BF16, "avx512_bf16"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        c->settings.backend = BACKEND_ONEDNN;
        c->settings.precision = cases[i].precision;
        const bool fast = product_onednn_available(c) && processor_has(cases[i].flag);
        weights *w = NULL;
        assert_ok(weights_new_generated(&w, c, synthetic_weight));
        plan *p = draft_of_loris(w);
        for (int k = 0; k < plan_node_count(p); k++) {
            char dims[96];
            const profile_node n = plan_node(p, k, &dims);
            if (!multiplies(&n) || !strcmp(n.variant, "packs keys, values"))
                continue;
            if (strstr(n.variant, "ref") || strstr(n.variant, "gemm") || strstr(n.variant, "simple"))
                fail_msg("%s %s runs %s", n.operation, n.name, n.variant);
            const bool brg = strncmp(n.variant, "oneDNN brg:", 11) == 0;
            if (brg != fast)
                fail_msg("%s %s runs %s", n.operation, n.name, n.variant);
        }
        plan_free(p);
        weights_free(w);
    }
    c->settings = before;
}

/* On a GPU nothing runs on the host, whatever is asked for. */
static void gpus_run_everything_themselves(void **state) {
    (void)state;
    compute *c = support_compute();
    const compute_settings before = c->settings;
    pretend_kind(1);
    for (product_backend b = BACKEND_AUTO; b <= BACKEND_ONEDNN; b++)
        for (product_precision p = PRECISION_AUTO; p <= PRECISION_F16; p++) {
            if (b == BACKEND_CLBLAST && p > PRECISION_F32)
                continue; /* refused when a device is opened */
            c->settings.backend = b;
            c->settings.precision = p;
            weights *w = NULL;
            assert_ok(weights_new_generated(&w, c, synthetic_weight));
            plan *drafted = draft_of_loris(w);
            for (int k = 0; k < plan_node_count(drafted); k++) {
                char dims[96];
                const profile_node n = plan_node(drafted, k, &dims);
                if (!strcmp(n.backend, "oneDNN"))
                    fail_msg("%s %s runs on the host: %s", n.operation, n.name, n.variant);
            }
            plan_free(drafted);
            weights_free(w);
        }
    c->settings = before;
    pretend_kind(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(onednn_is_used_where_it_is_fast),
        cmocka_unit_test(gpus_run_everything_themselves),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
