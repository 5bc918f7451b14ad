/* One time step of a bidirectional LSTM layer (Hochreiter and Schmidhuber, 1997; forget gate of Gers et al., 2000):
 * both directions at once, the reverse one starting at the end. The input's part of the gates is given.
 *
 *     i, f, o = sigmoid(.), g = tanh(.) of gates + biases + W h;   c = f c + i g;   h = o tanh(c)
 *
 * gates [B,length,4 hidden] of each direction, in the order i, f, g, o; h0, c0 [B,states,hidden], of which the layer's
 * are entries first_state (forward) and first_state + 1; cell [B,2,hidden] is kept between steps; out
 * [B,length,2 hidden] holds h, forward first, and is where a step finds the one before. W lies in panels
 * [hidden / PANEL, rounded up][hidden][4][PANEL]: units in the last dimension, zero where padded.
 *
 * Item (group of VEC units, b, direction). Macros: VEC units an item, PANEL (a multiple of VEC). */

static FLOATS NAME(load_units)(global const float *p, int count) {
    if (count >= VEC)
        return LOAD(p);
    float lanes[VEC];
    for (int i = 0; i < VEC; i++)
        lanes[i] = i < count ? p[i] : 0.0f;
    return LOAD(lanes);
}

static void NAME(store_units)(FLOATS v, global float *p, int count) {
    if (count >= VEC) {
        STORE(v, p);
        return;
    }
    float lanes[VEC];
    STORE(v, lanes);
    for (int i = 0; i < count; i++)
        p[i] = lanes[i];
}

static FLOATS NAME(sigmoid)(FLOATS x) {
    return 1.0f / (1.0f + exp(-x));
}

KERNEL(lstm_step)(global const float *restrict forward_gates, global const float *restrict reverse_gates,
                  global const float *restrict forward_w, global const float *restrict reverse_w,
                  global const float *restrict forward_b0, global const float *restrict forward_b1,
                  global const float *restrict reverse_b0, global const float *restrict reverse_b1,
                  global const float *restrict h0, global const float *restrict c0, global float *cell,
                  global float *out, int length, int hidden, int states, int first_state, int step) {
    const int u = (int)get_global_id(0) * VEC, count = hidden - u;
    const size_t b = get_global_id(1), reverse = get_global_id(2);
    if (count <= 0)
        return;
    const int t = reverse ? length - 1 - step : step;
    const size_t initial = (b * states + first_state + reverse) * hidden;
    global const float *gates = (reverse ? reverse_gates : forward_gates) + (b * length + t) * 4 * hidden + u;
    global const float *w = (reverse ? reverse_w : forward_w) + ((size_t)(u / PANEL) * hidden * 4) * PANEL + u % PANEL;
    global const float *b0 = (reverse ? reverse_b0 : forward_b0) + u, *b1 = (reverse ? reverse_b1 : forward_b1) + u;
    global float *to = out + (b * length + t) * 2 * hidden + reverse * hidden;
    global const float *h = step == 0 ? h0 + initial : reverse ? to + 2 * hidden : to - 2 * hidden;
    global float *kept = cell + (b * 2 + reverse) * hidden + u;

    FLOATS sum[4];
    for (int g = 0; g < 4; g++)
        sum[g] = 0.0f;
    for (int k = 0; k < hidden; k++, w += 4 * PANEL)
        for (int g = 0; g < 4; g++)
            sum[g] += h[k] * LOAD(w + g * PANEL);
    for (int g = 0; g < 4; g++)
        sum[g] += NAME(load_units)(gates + g * hidden, count) +
                  (NAME(load_units)(b0 + g * hidden, count) + NAME(load_units)(b1 + g * hidden, count));

    FLOATS c = NAME(load_units)(step == 0 ? c0 + initial + u : kept, count);
    c = NAME(sigmoid)(sum[1]) * c + NAME(sigmoid)(sum[0]) * tanh(sum[2]);
    NAME(store_units)(c, kept, count);
    NAME(store_units)(NAME(sigmoid)(sum[3]) * tanh(c), to + u, count);
}
