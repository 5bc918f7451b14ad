/* Convolutions over depth, height and length (of images: over height and length), without im2col: kernels/conv_panel.cl
 * on CPUs, kernels/conv_tile.cl on GPUs. Where each position is by itself they are linear layers, in whatever backend.
 */
#include <limits.h>
#include <stdio.h>

#include "ops/product.h"
#include "ops/stream.h"

/* What products know of a node comes first: product_absorb() sees this as its own. */
struct conv3d_parameters {
    product_parameters product;
    geometry geometry;
};

/* As products see it: all positions are rows, and the kernel's are taps. */
static tap_product as_product(const node *n) {
    const struct conv3d_parameters *p = node_parameters(n);
    const shape in = node_input_shape(n, 0), out = node_out_shape(n);
    const int volume = geometry_volume(&p->geometry), rows = out.depth * out.height * out.length;
    return (tap_product){.batch = in.evals * in.batch,
                         .rows = rows,
                         .columns = out.channels,
                         .channels = in.channels,
                         .taps = volume,
                         .stride = 1,
                         .rows_in = rows,
                         .pitch = out.channels,
                         .last_columns = out.channels,
                         .y_extent = rows * out.channels,
                         .weight = {.kernel = volume,
                                    .outputs = out.channels,
                                    .tap_step = 1,
                                    .channel_stride = volume,
                                    .column_stride = in.channels * volume}};
}

static loris_status conv3d_prepare(compute *c, node *n) {
    static const char *const names[2][3] = {
        {[TYPE_F32] = "own panel", [TYPE_F16] = "own panel f16", [TYPE_BF16] = "own panel bf16"},
        {[TYPE_F32] = "own tile", [TYPE_F16] = "own tile f16", [TYPE_BF16] = "own tile bf16"}};
    const int variant = product_own_variant(c);
    node_set_variant(n, variant, names[variant == PRODUCT_TILE][product_storage(c)]);
    return LORIS_OK;
}

/* ---- launches ---------------------------------------------------------------------------------------------------- */

/* The arguments that both kernels take. Without a residual x takes its place, which the kernel then does not read. */
static void conv3d_arguments(lowering *l, const node *n, const tap_product *p, int panel) {
    const struct conv3d_parameters *parameters = node_parameters(n);
    const product_addends a = product_addends_of(n);
    const int padded = (p->columns + panel - 1) / panel * panel;
    input_argument(l, 0);
    product_weight_argument(l, p, panel, 1, product_storage(lowering_compute(l)));
    buffer_argument(l, product_lowered_bias(l, p, padded + p->channels));
    input_argument(l, a.residual ? 1 : 0);
    output_argument(l);
    const int numbers[] = {p->channels, p->columns, a.batches, a.eval_step, a.batch_step, a.residual};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        int_argument(l, numbers[i]);
    geometry_arguments(l, &parameters->geometry, node_input_shape(n, 0), node_out_shape(n));
}

/* How many positions of a line an item takes: as many as the registers hold, unless fewer waste less of the last item.
 */
static int rows_of_item(int length, int most) {
    int best = most, least = INT_MAX;
    for (int rows = most; rows >= most / 2; rows--) {
        const int computed = (length + rows - 1) / rows * rows;
        if (computed < least) {
            least = computed;
            best = rows;
        }
    }
    return length < best ? length : best;
}

static void lower_panel(lowering *l, const node *n, const tap_product *p) {
    const struct conv3d_parameters *parameters = node_parameters(n);
    const shape out = node_out_shape(n);
    const product_registers in = product_panel_registers(lowering_compute(l), p->columns);
    const int panel = in.vec * in.vectors, rows = rows_of_item(out.length, in.rows);
    launch_kernel(l, "conv_panel", "conv_panel", "VEC=%d VECTORS=%d ROWS=%d ACTIVATION=%d STORAGE=%d", in.vec,
                  in.vectors, rows, parameters->product.activation,
                  product_storage_macro(product_storage(lowering_compute(l))));
    conv3d_arguments(l, n, p, panel);
    const int blocks = out.depth * out.height * ((out.length + rows - 1) / rows);
    launch_range(l, 3, (const size_t[3]){(size_t)blocks, (size_t)((p->columns + panel - 1) / panel), (size_t)p->batch},
                 (const size_t[3]){1, 1, 1}, 0);
}

static void lower_tile(lowering *l, const node *n, const tap_product *p) {
    const struct conv3d_parameters *parameters = node_parameters(n);
    const product_group g = product_tile_group(lowering_compute(l), p->rows, p->columns);
    launch_kernel(l, "conv_tile", "conv_tile", "TILE_ROWS=%d TILE_COLUMNS=%d ITEM_ROWS=%d ACTIVATION=%d STORAGE=%d",
                  g.rows, g.columns, g.item_rows, parameters->product.activation,
                  product_storage_macro(product_storage(lowering_compute(l))));
    conv3d_arguments(l, n, p, g.columns);
    product_tile_range(l, p, &g);
}

static loris_status conv3d_lower(lowering *l, const node *n) {
    const tap_product p = as_product(n);
    if (node_variant(n) == PRODUCT_TILE)
        lower_tile(l, n, &p);
    else
        lower_panel(l, n, &p);
    return lowering_status(l);
}

static const op conv3d_op = {
    .name = "conv3d", .absorb = product_absorb, .prepare = conv3d_prepare, .lower = conv3d_lower};

/* ---- recording --------------------------------------------------------------------------------------------------- */

static weight conv3d_weight(net *n, const char *name, int out, int channels, const geometry *g) {
    const int *k = g->kernel;
    if (k[0] == 1 && net_weight_rank(n, name) == 4)
        return net_weight(n, name, 4, (const int64_t[]){out, channels, k[1], k[2]});
    return net_weight(n, name, 5, (const int64_t[]){out, channels, k[0], k[1], k[2]});
}

/* Kernels count the numbers of a batch's X and Y in ints, and a tile reaches up to 64 rows beyond the last. */
static bool countable(shape in, shape out, const geometry *g) {
    const double beyond = 64.0 * g->stride[2] + g->kernel[2];
    return (double)shape_elements(in) + beyond * in.channels < INT_MAX &&
           (double)shape_elements(out) + 64.0 * out.channels < INT_MAX &&
           (double)geometry_volume(g) * in.channels < INT_MAX;
}

tensor conv3d(net *n, tensor x, const char *at, int out, geometry g) {
    if (net_failed(n))
        return (tensor){0};
    if (geometry_is_point(&g))
        return linear(n, x, at, out, BIAS);
    enum { NAME_MAX_LENGTH = 256 };
    char weight_name[NAME_MAX_LENGTH], bias_name[NAME_MAX_LENGTH], dims[96];
    const shape in = shape_of(n, x);
    shape result = geometry_output(n, at, in, &g);
    result.channels = out;
    if (net_failed(n))
        return (tensor){0};
    if (!countable(in, result, &g))
        return net_fail(n, LORIS_ERROR_ARGUMENT, "use smaller pictures or fewer at once",
                        "%s: conv3d of %s is too large", at, shape_text(in, dims));
    snprintf(weight_name, sizeof weight_name, "%s.weight", at);
    snprintf(bias_name, sizeof bias_name, "%s.bias", at);
    const struct conv3d_parameters parameters = {.product = {.kernel = 1, .stride = 1}, .geometry = g};
    const weight w = conv3d_weight(n, weight_name, out, in.channels, &g), b = net_weight_1d(n, bias_name, out);
    if (net_failed(n))
        return (tensor){0};
    const double multiplies = (double)shape_elements(result) * in.channels * geometry_volume(&g);
    return net_append(
        n, &(node_request){.operation = &conv3d_op,
                           .label = at,
                           .input = {x},
                           .inputs = 1,
                           .weights = {w, b},
                           .weight_count = 2,
                           .parameters = &parameters,
                           .parameter_size = sizeof parameters,
                           .out = result,
                           .type = STORE_F32,
                           .flop = 2 * multiplies,
                           .bytes = tensor_bytes(in) + tensor_bytes(result) + 4.0 * (double)w.entry->source->count});
}
