/* Bidirectional LSTM layers against a scalar one in double. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

enum { LAYERS = 2 };

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

typedef struct layer_weights {
    const float *ih, *hh, *bias_ih, *bias_hh;
} layer_weights;

static layer_weights make_weights(weights *w, int layer, bool reverse, int channels, int hidden) {
    static const char *const kinds[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    const int64_t dims[4][2] = {{4 * hidden, channels}, {4 * hidden, hidden}, {4 * hidden}, {4 * hidden}};
    const float *made[4];
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s_l%d%s", kinds[i], layer, reverse ? "_reverse" : "");
        const float range = i < 2 ? (float)sqrt(3.0 / (double)dims[i][1]) : 0.5f;
        made[i] = support_weight(w, name, i < 2 ? 2 : 1, dims[i], (uint64_t)(10 * layer + 4 * reverse + i), range, 0);
    }
    return (layer_weights){made[0], made[1], made[2], made[3]};
}

/* One direction of one clip: x [length, channels] -> out [length, 2 hidden], columns first .. first+hidden-1. */
static void reference_lstm(double *out, const double *x, const layer_weights *w, const float *h0, const float *c0,
                           int length, int channels, int hidden, bool reverse) {
    double h[80], c[80], gate[4];
    for (int u = 0; u < hidden; u++) {
        h[u] = h0[u];
        c[u] = c0[u];
    }
    for (int step = 0; step < length; step++) {
        const int t = reverse ? length - 1 - step : step;
        double next[80] = {0};
        for (int u = 0; u < hidden; u++) {
            for (int g = 0; g < 4; g++) {
                const int row = g * hidden + u;
                gate[g] = (double)w->bias_ih[row] + w->bias_hh[row];
                for (int k = 0; k < channels; k++)
                    gate[g] += w->ih[row * channels + k] * x[t * channels + k];
                for (int k = 0; k < hidden; k++)
                    gate[g] += w->hh[row * hidden + k] * h[k];
            }
            c[u] = sigmoid(gate[1]) * c[u] + sigmoid(gate[0]) * tanh(gate[2]);
            next[u] = sigmoid(gate[3]) * tanh(c[u]);
        }
        memcpy(h, next, sizeof h);
        for (int u = 0; u < hidden; u++)
            out[t * 2 * hidden + reverse * hidden + u] = h[u];
    }
}

static void check(int batch, int length, int channels, int hidden, int kind) {
    array x = array_random(shape_1d(batch, length, channels), 1);
    array h0 = array_random(shape_1d(batch, 2 * LAYERS, hidden), 2), c0 = array_random(h0.s, 3);
    array want = array_new(shape_1d(batch, length, 2 * hidden)), got = array_new(want.s);
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    double *current = calloc(x.count + 2 * want.count, sizeof *current), *next = calloc(want.count, sizeof *next);
    assert_true(current && next);
    for (size_t i = 0; i < x.count; i++)
        current[i] = x.v[i];
    for (int layer = 0; layer < LAYERS; layer++) {
        const int in = layer ? 2 * hidden : channels;
        for (int reverse = 0; reverse < 2; reverse++) {
            const layer_weights lw = make_weights(w, layer, reverse, in, hidden);
            for (int b = 0; b < batch; b++) {
                const size_t state = ((size_t)b * 2 * LAYERS + (size_t)(2 * layer + reverse)) * (size_t)hidden;
                reference_lstm(next + (size_t)b * (size_t)(length * 2 * hidden),
                               current + (size_t)b * (size_t)(length * in), &lw, h0.v + state, c0.v + state, length, in,
                               hidden, reverse);
            }
        }
        memcpy(current, next, want.count * sizeof *next);
    }
    for (size_t i = 0; i < want.count; i++)
        want.v[i] = (float)current[i];
    pretend_kind(kind);
    net *n = net_new(support_compute(), w, "test", 1);
    tensor h = staged_input(n, "h0", PHASE_CLIP, h0.s), c = staged_input(n, "c0", PHASE_CLIP, c0.s);
    tensor y = lstm(n, staged_input(n, "x", PHASE_CLIP, x.s), hidden, 0, h, c);
    net_output(n, "out", lstm(n, y, hidden, 1, h, c));
    const support_input inputs[] = {{"x", x.v, x.count * sizeof(float)},
                                    {"h0", h0.v, h0.count * sizeof(float)},
                                    {"c0", c0.v, c0.count * sizeof(float)},
                                    {0}};
    support_run(n, inputs, 0, "out", got.v, got.count);
    /* A gate sums C + H products below 1 in size whose partial sums stay below 4; sigmoid and tanh do not enlarge
     * errors, a step passes on at most what it receives, and there are 2 layers. Roundings add up like a random walk.
     */
    const double terms = channels + 3.0 * hidden + 8;
    assert_arrays_close(got.v, want.v, want.count, 16 * (sqrt(terms) + sqrt(length)) * ROUNDOFF);
    weights_free(w);
    free(current);
    free(next);
    array_free(&x);
    array_free(&h0);
    array_free(&c0);
    array_free(&want);
    array_free(&got);
}

static void test_shapes(void **state) {
    (void)state;
    static const int cases[][4] = {{1, 1, 1, 1},   {2, 7, 5, 3},   {1, 3, 16, 16},
                                   {2, 5, 33, 17}, {1, 13, 2, 67}, {1, 50, 31, 64}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(cases[i][0], cases[i][1], cases[i][2], cases[i][3], kind);
}

static void test_refuses(void **state) {
    (void)state;
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    for (int i = 0; i < 2; i++) { /* states of another width, then of one layer alone */
        net *n = net_new(support_compute(), w, "test", 1);
        tensor x = net_input(n, "x", PHASE_CLIP, shape_1d(1, 3, 4), STORE_F32);
        tensor h = net_input(n, "h0", PHASE_CLIP, shape_1d(1, i ? 2 : 4, i ? 2 : 3), STORE_F32);
        net_output(n, "out", lstm(n, x, 2, 1, h, h));
        plan *p = NULL;
        assert_int_equal(plan_build(&p, n), LORIS_ERROR_INTERNAL);
        assert_non_null(strstr(loris_error_message(), "lstm"));
    }
    weights_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_refuses)};
    return cmocka_run_group_tests(tests, support_open, support_close);
}
