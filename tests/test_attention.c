/* Multi-head attention against a scalar softmax(q k^T / sqrt D) v. */
#include <math.h>
#include <string.h>

#include "ops/product.h"
#include "reference.h"
#include "support_net.h"

#include "compare.h"

typedef struct attention_case {
    int q_batch, kv_batch, rows, keys, heads, head;
    float sharpness; /* factor on q */
} attention_case;

/* Does oneDNN round what it multiplies to bf16 here? */
static bool multiplies_bf16(void) {
    return support_compute()->settings.backend != BACKEND_OWN && product_storage(support_compute()) == TYPE_BF16;
}

static void round_to_bf16(array *a) {
    for (size_t i = 0; i < a->count; i++) {
        uint16_t narrow;
        assert_true(number_from_f32(&narrow, TYPE_BF16, &a->v[i], 1));
        assert_true(number_to_f32(&a->v[i], &narrow, TYPE_BF16, 1));
    }
}

static void check(attention_case k, int kind, phase kv_phase, int evals, int evaluation) {
    const int width = k.heads * k.head, batch = k.q_batch > k.kv_batch ? k.q_batch : k.kv_batch;
    shape kv_shape = shape_1d(k.kv_batch, k.keys, 2 * width);
    kv_shape.evals = evals;
    array q = array_random(shape_1d(k.q_batch, k.rows, width), 1), kv = array_random(kv_shape, 2);
    array want = array_new(shape_1d(batch, k.rows, width)), got = array_new(want.s);
    for (size_t i = 0; i < q.count; i++)
        q.v[i] *= k.sharpness;
    if (multiplies_bf16()) {
        round_to_bf16(&q);
        round_to_bf16(&kv);
    }
    double reach = 0;
    for (int b = 0; b < batch; b++)
        reach = fmax(reach, reference_attention(array_block(&want, 0, b), array_block(&q, 0, b),
                                                array_block(&kv, evaluation, b), k.rows, k.keys, k.heads, k.head));
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", evals);
    tensor tq = staged_input(n, "q", PHASE_STEP, q.s), tkv = staged_input(n, "kv", kv_phase, kv.s);
    net_output(n, "out", attention(n, tq, tkv, k.heads));
    const support_input inputs[] = {{"q", q.v, q.count * sizeof(float)}, {"kv", kv.v, kv.count * sizeof(float)}, {0}};
    support_run(n, inputs, evaluation, "out", got.v, got.count);
    /* Roundings add up like a random walk. A score's D of them, and the subtraction of the maximum, are at the scores'
     * size and become relative errors of a weight; the exponential adds 2e-7 = 4 ROUNDOFF, and the two sums their sqrt
     * M. The result is a mean of values within [-1, 1], so relative errors become absolute. A factor of 4 is above all
     * of that. In bf16 a weight is rounded twice, as an exponential and divided by their sum, by up to 2^-9 of itself
     * each time, and the mean moves by as much. */
    const double tolerance =
        4 * ROUNDOFF * (4 + reach * (sqrt(k.head) + 2) + 2 * sqrt(k.keys)) + (multiplies_bf16() ? 0x1p-8 * 1.01 : 0);
    assert_arrays_close(got.v, want.v, want.count, tolerance);
    array_free(&q);
    array_free(&kv);
    array_free(&want);
    array_free(&got);
}

static void test_shapes(void **state) {
    (void)state;
    static const attention_case cases[] = {
        {1, 1, 1, 1, 1, 1, 1},     {1, 1, 1, 67, 3, 17, 1},   {2, 2, 17, 1, 2, 16, 1},   {1, 1, 31, 63, 1, 40, 1},
        {1, 1, 32, 64, 2, 64, 1},  {2, 2, 33, 65, 3, 64, 1},  {1, 1, 15, 129, 1, 64, 1}, {1, 1, 16, 7, 2, 17, 1},
        {1, 1, 37, 101, 1, 40, 1}, {1, 1, 65, 33, 1, 128, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(cases[i], kind, PHASE_STEP, 1, 0);
}

/* One weight near 1 in each row: the maximum moves from tile to tile, and all weights but one vanish. */
static void test_sharp(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++)
        check((attention_case){1, 1, 35, 200, 2, 16, 100}, kind, PHASE_STEP, 1, 0);
}

/* Processors whose vectors hold fewer than 16 floats take smaller blocks. */
static void test_narrow_vectors(void **state) {
    (void)state;
    compute *c = support_compute();
    const cl_uint width = c->dev.float_width;
    c->dev.float_width = 8;
    check((attention_case){2, 2, 33, 65, 2, 17, 1}, 0, PHASE_STEP, 1, 0);
    c->dev.float_width = width;
}

static void test_pieces(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        pretend_slow(true);
        check((attention_case){2, 2, 131, 65, 2, 16, 1}, kind, PHASE_STEP, 1, 0);
        pretend_slow(false);
    }
}

static void test_broadcasting(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        check((attention_case){3, 1, 19, 23, 2, 16, 1}, kind, PHASE_CLIP, 1, 0);
        check((attention_case){1, 3, 19, 23, 2, 16, 1}, kind, PHASE_CLIP, 1, 0);
        check((attention_case){2, 2, 19, 23, 2, 16, 1}, kind, PHASE_RUN, 3, 2);
    }
}

/* Tiles of several heights, batches that share queries or keys, keys packed once; where there is no oneDNN, and for
 * what it has nothing fast for, these are our own kernels. */
static void test_onednn(void **state) {
    (void)state;
    compute *c = support_compute();
    const compute_settings before = c->settings;
    static const attention_case cases[] = {{1, 1, 300, 50, 2, 64, 1}, {2, 2, 67, 398, 3, 64, 4},
                                           {1, 2, 129, 30, 1, 16, 1}, {3, 1, 16, 128, 2, 40, 1},
                                           {1, 1, 5, 3, 2, 7, 1},     {1, 1, 40, 5000, 1, 64, 1}};
    for (product_precision p = PRECISION_F32; p <= PRECISION_BF16; p++) {
        c->settings.backend = BACKEND_ONEDNN;
        c->settings.precision = p;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            check(cases[i], 0, PHASE_STEP, 1, 0);
            check(cases[i], 0, PHASE_CLIP, 1, 0);
        }
        check((attention_case){2, 2, 19, 24, 2, 16, 1}, 0, PHASE_RUN, 3, 2);
    }
    c->settings = before;
}

static void test_refuses(void **state) {
    (void)state;
    static const struct {
        int q_batch, q, kv_batch, kv, heads;
    } cases[] = {{1, 8, 1, 8, 2}, {2, 8, 3, 16, 2}, {1, 8, 1, 16, 3}, {1, 8, 1, 16, 0}, {1, 129, 1, 258, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        net *n = net_new(support_compute(), NULL, "test", 1);
        tensor q = net_input(n, "q", PHASE_STEP, shape_1d(cases[i].q_batch, 3, cases[i].q), STORE_F32);
        tensor kv = net_input(n, "kv", PHASE_STEP, shape_1d(cases[i].kv_batch, 4, cases[i].kv), STORE_F32);
        net_output(n, "out", attention(n, q, kv, cases[i].heads));
        plan *p = NULL;
        assert_int_not_equal(plan_build(&p, n), LORIS_OK);
        assert_non_null(strstr(loris_error_message(), "attention"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),  cmocka_unit_test(test_sharp),        cmocka_unit_test(test_narrow_vectors),
        cmocka_unit_test(test_pieces),  cmocka_unit_test(test_broadcasting), cmocka_unit_test(test_onednn),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
