/* A bidirectional LSTM layer: the input's part of all gates of all time steps is one product for each direction, what
 * the steps feed to each other a launch for each step (kernels/lstm.cl). */
#include <stdio.h>

#include "ops/stream.h"

typedef struct lstm_parameters {
    int hidden, layer;
} lstm_parameters;

enum { FORWARD_WEIGHT, REVERSE_WEIGHT, FORWARD_BIAS_IH, FORWARD_BIAS_HH, REVERSE_BIAS_IH, REVERSE_BIAS_HH, WEIGHTS };

typedef struct panel_layout {
    int hidden, panel;
} panel_layout;

static size_t panel_count(const panel_layout *p) {
    const size_t panels = (size_t)((p->hidden + p->panel - 1) / p->panel);
    return panels * (size_t)p->hidden * 4 * (size_t)p->panel;
}

/* [4 hidden][hidden] -> [panels][hidden][4][panel]; `out` starts as zeros. */
static void pack_recurrent(float *out, const float *in, const void *layout) {
    const panel_layout *p = layout;
    const size_t hidden = (size_t)p->hidden, panel = (size_t)p->panel;
    for (size_t g = 0; g < 4; g++)
        for (size_t u = 0; u < hidden; u++)
            for (size_t k = 0; k < hidden; k++)
                out[((u / panel * hidden + k) * 4 + g) * panel + u % panel] = in[(g * hidden + u) * hidden + k];
}

static void step_arguments(lowering *l, const node *n, int step, panel_layout layout) {
    const lstm_parameters *p = node_parameters(n);
    char key[64];
    snprintf(key, sizeof key, "lstm hidden%d panel%d", layout.hidden, layout.panel);
    input_argument(l, 0);
    input_argument(l, 1);
    for (int i = FORWARD_WEIGHT; i <= REVERSE_WEIGHT; i++)
        weight_argument(l, i, key, pack_recurrent, &layout, sizeof layout, panel_count(&layout));
    for (int i = FORWARD_BIAS_IH; i < WEIGHTS; i++)
        weight_argument(l, i, "f32", NULL, NULL, 0, 4 * (size_t)p->hidden);
    input_argument(l, 2);
    input_argument(l, 3);
    scratch_argument(l);
    output_argument(l);
    int_argument(l, node_out_shape(n).length);
    int_argument(l, p->hidden);
    int_argument(l, node_input_shape(n, 2).length);
    int_argument(l, 2 * p->layer);
    int_argument(l, step);
}

static loris_status lstm_prepare(compute *c, node *n) {
    (void)c;
    const lstm_parameters *p = node_parameters(n);
    node_scratch(n, (size_t)node_out_shape(n).batch * 2 * (size_t)p->hidden * sizeof(float));
    return LORIS_OK;
}

static loris_status lstm_lower(lowering *l, const node *n) {
    const lstm_parameters *p = node_parameters(n);
    const shape out = node_out_shape(n);
    const compute *c = lowering_compute(l);
    const bool wide = wide_items(c);
    const int vec = wide ? 16 : 4;
    const size_t local = wide ? 1 : c->dev.max_work_group < 16 ? c->dev.max_work_group : 16;
    for (int step = 0; step < out.length; step++) {
        const panel_layout layout = {p->hidden, vec * (int)local};
        launch_kernel(l, "lstm", "lstm_step", "VEC=%d PANEL=%d", vec, layout.panel);
        step_arguments(l, n, step, layout);
        launch_range(l, 3, (const size_t[3]){(size_t)((p->hidden + vec - 1) / vec), (size_t)out.batch, 2},
                     (const size_t[3]){local, 1, 1}, -1);
    }
    return lowering_status(l);
}

static const op lstm_op = {.name = "lstm", .prepare = lstm_prepare, .lower = lstm_lower};

static weight layer_weight(net *n, const char *kind, int layer, bool reverse, int rows, int columns) {
    char name[64];
    snprintf(name, sizeof name, "%s_l%d%s", kind, layer, reverse ? "_reverse" : "");
    return columns ? net_weight_2d(n, name, rows, columns) : net_weight_1d(n, name, rows);
}

tensor lstm(net *n, tensor x, int hidden, int layer, tensor h0, tensor c0) {
    if (net_failed(n))
        return (tensor){0};
    const shape in = shape_of(n, x), sh = shape_of(n, h0), sc = shape_of(n, c0);
    if (in.evals != 1 || sh.batch != in.batch || sh.channels != hidden || sh.length < 2 * layer + 2 ||
        !shape_equal(sh, sc)) {
        char tx[96], th[96];
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "lstm: layer %d of %d units over %s does not fit states %s",
                        layer, hidden, shape_text(in, tx), shape_text(sh, th));
    }
    node_request r = {.operation = &lstm_op,
                      .input = {{0}, {0}, h0, c0},
                      .inputs = 4,
                      .weight_count = WEIGHTS,
                      .parameters = &(lstm_parameters){hidden, layer},
                      .parameter_size = sizeof(lstm_parameters),
                      .out = in};
    char label[32];
    snprintf(label, sizeof label, "lstm_l%d", layer);
    r.label = label;
    r.out.channels = 2 * hidden;
    for (int reverse = 0; reverse < 2; reverse++) {
        char name[64];
        snprintf(name, sizeof name, "weight_ih_l%d%s", layer, reverse ? "_reverse" : "");
        r.input[reverse] = linear_with(n, x, name, 4 * hidden);
        r.weights[FORWARD_WEIGHT + reverse] = layer_weight(n, "weight_hh", layer, reverse, 4 * hidden, hidden);
        r.weights[FORWARD_BIAS_IH + 2 * reverse] = layer_weight(n, "bias_ih", layer, reverse, 4 * hidden, 0);
        r.weights[FORWARD_BIAS_HH + 2 * reverse] = layer_weight(n, "bias_hh", layer, reverse, 4 * hidden, 0);
    }
    const double steps = 2.0 * (double)in.batch * in.length, square = 4.0 * hidden * hidden;
    r.flop = steps * (2 * square + 40.0 * hidden);
    r.bytes = 4 * (2 * square * in.length + steps * 6 * hidden);
    return net_append(n, &r);
}
