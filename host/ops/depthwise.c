/* Depthwise convolutions over height and width. */
#include <stdio.h>

#include "ops/elementwise.h"
#include "ops/stream.h"

typedef struct depthwise_parameters {
    int kernel, stride;
    int top, left;  /* zeros before the first row and column */
    int activation; /* absorbed; an `activation` */
} depthwise_parameters;

static bool depthwise_absorb(node *producer, const node *consumer, int position) {
    (void)position;
    depthwise_parameters *own = node_parameters(producer);
    if (own->activation != ACTIVATION_NONE || node_op(consumer) != &activate_op)
        return false;
    own->activation = ((const struct activate_parameters *)node_parameters(consumer))->activation;
    return true;
}

typedef struct depthwise_layout {
    int channels, taps;
} depthwise_layout;

/* [channels][taps] -> [taps][channels] */
static void pack_taps(float *out, const float *in, const void *layout) {
    const depthwise_layout *d = layout;
    for (int c = 0; c < d->channels; c++)
        for (int t = 0; t < d->taps; t++)
            out[t * d->channels + c] = in[c * d->taps + t];
}

static int divide_up(int a, int b) {
    return (a + b - 1) / b;
}

static loris_status depthwise_lower(lowering *l, const node *n) {
    const depthwise_parameters *p = node_parameters(n);
    const shape in = node_input_shape(n, 0), out = node_out_shape(n);
    const bool wide = wide_items(lowering_compute(l)), has_bias = node_weight(n, 1) != NULL;
    const int vec = !wide ? 4 : out.channels >= 16 ? 16 : 4;
    /* CPU devices: whole rows of up to 128 channels, some 10 us; others: one vector of one position */
    const int panels = wide ? 128 / vec : 1, each = wide ? out.length : 1;
    const int rows = (int)blocks_of(out) * out.height;
    const depthwise_layout layout = {out.channels, p->kernel * p->kernel};
    launch_kernel(l, "depthwise", "depthwise", "VEC=%d PANELS=%d KERNEL_SIDE=%d ACTIVATION=%d", vec, panels, p->kernel,
                  p->activation);
    input_argument(l, 0);
    weight_argument(l, 0, "taps first", pack_taps, &layout, sizeof layout,
                    (size_t)layout.channels * (size_t)layout.taps);
    if (has_bias)
        weight_argument(l, 1, "f32", NULL, NULL, 0, (size_t)out.channels);
    else
        input_argument(l, 0);
    output_argument(l);
    const int numbers[] = {in.height, in.length, in.channels, out.height, out.length, rows,
                           p->stride, p->top,    p->left,     has_bias,   each};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        int_argument(l, numbers[i]);
    size_t local[3] = {wide ? 1 : 8, wide ? 1 : 8, 1};
    while (local[0] * local[1] > lowering_compute(l)->dev.max_work_group)
        local[local[0] < local[1]] /= 2;
    launch_range(l, 3,
                 (const size_t[3]){(size_t)divide_up(out.channels, panels * vec), (size_t)divide_up(out.length, each),
                                   (size_t)rows},
                 local, 2);
    return lowering_status(l);
}

static const op depthwise_op = {.name = "depthwise", .absorb = depthwise_absorb, .lower = depthwise_lower};

/* Of "same" padding, the part before: what is odd comes after. */
static int padding_before(int in, int out, int kernel, int stride) {
    const int all = (out - 1) * stride + kernel - in;
    return all > 0 ? all / 2 : 0;
}

tensor depthwise_conv2d(net *n, tensor x, const char *at, int kernel, int stride, bias b) {
    if (net_failed(n))
        return (tensor){0};
    const shape in = shape_of(n, x);
    shape out = in;
    if (kernel < 1 || kernel > 7 || stride < 1 || in.depth != 1) {
        char over[96];
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%s: a depthwise convolution of kernel %d, stride %d over %s",
                        at, kernel, stride, shape_text(in, over));
    }
    out.height = divide_up(in.height, stride);
    out.length = divide_up(in.length, stride);
    const depthwise_parameters p = {.kernel = kernel,
                                    .stride = stride,
                                    .top = padding_before(in.height, out.height, kernel, stride),
                                    .left = padding_before(in.length, out.length, kernel, stride)};
    char name[256];
    snprintf(name, sizeof name, "%s.weight", at);
    node_request r = {.operation = &depthwise_op,
                      .label = at,
                      .input = {x},
                      .inputs = 1,
                      .weights = {net_weight_3d(n, name, in.channels, kernel, kernel)},
                      .weight_count = 1,
                      .parameters = &p,
                      .parameter_size = sizeof p,
                      .out = out,
                      .flop = 2.0 * kernel * kernel * (double)shape_elements(out),
                      .bytes = tensor_bytes(in) + tensor_bytes(out)};
    if (b == BIAS) {
        snprintf(name, sizeof name, "%s.bias", at);
        r.weights[r.weight_count++] = net_weight_1d(n, name, in.channels);
    }
    return net_failed(n) ? (tensor){0} : net_append(n, &r);
}
