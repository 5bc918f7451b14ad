/* Products by our own kernels: kernels/gemm_panel.cl on CPUs, kernels/gemm_tile.cl on GPUs and what works like them. */
#include "ops/product.h"

static int divide_up(int a, int b) {
    return (a + b - 1) / b;
}

int product_own_variant(const compute *c) {
    /* The tiled kernel's smallest group has 32 items. Its 8 KiB of local memory every device has. */
    const bool tiles = device_is_simt(&c->dev) && c->dev.max_work_group >= 32;
    return tiles ? PRODUCT_TILE : PRODUCT_PANEL;
}

int product_storage_macro(number_type type) {
    return type == TYPE_F16 ? 1 : type == TYPE_BF16 ? 2 : 0;
}

/* ---- launches ---------------------------------------------------------------------------------------------------- */

/* The arguments that both kernels take. One that is missing is replaced by x, which the kernel then does not read. */
static void product_arguments(lowering *l, const node *n, const tap_product *p, int panel, int depth_step) {
    const product_addends a = product_addends_of(n);
    input_argument(l, 0);
    product_weight_argument(l, p, panel, depth_step, product_storage(lowering_compute(l)));
    if (a.bias)
        buffer_argument(l, product_lowered_bias(l, p, divide_up(p->columns, panel) * panel));
    else
        input_argument(l, 0);
    input_argument(l, a.residual ? 1 : 0);
    output_argument(l);
    const int numbers[] = {p->rows,
                           p->columns,
                           p->taps * p->channels,
                           p->stride * p->channels,
                           p->first * p->channels,
                           p->rows_in * p->channels,
                           p->pitch,
                           p->offset,
                           p->last_columns,
                           p->y_extent,
                           a.batches,
                           a.eval_step,
                           a.batch_step,
                           a.bias,
                           a.residual};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        int_argument(l, numbers[i]);
}

/* ROWS * VECTORS sums, VECTORS weights and a broadcast number should fill the registers: AVX-512 has 32, the narrower
 * sets of x86 16 (docs/performance.md has what was measured). */
product_registers product_panel_registers(const compute *c, int columns) {
    const cl_uint native = c->dev.float_width;
    const int vec = native >= 16 ? 16 : native >= 8 ? 8 : 4;
    return (product_registers){.vec = vec, .vectors = columns > vec ? 2 : 1, .rows = vec == 16 ? 8 : 6};
}

static void lower_panel(lowering *l, const node *n, const tap_product *p) {
    const product_parameters *parameters = node_parameters(n);
    product_registers r = product_panel_registers(lowering_compute(l), p->columns);
    if (parameters->choice.use == USE_PANEL) {
        r.rows = parameters->choice.size[0];
        r.vectors = parameters->choice.size[1];
    }
    const int panel = r.vec * r.vectors;
    const int item_rows = p->rows > 4 ? r.rows : p->rows > 2 ? 4 : p->rows;
    launch_kernel(l, "gemm_panel", "gemm_panel", "VEC=%d VECTORS=%d ROWS=%d ACTIVATION=%d STORAGE=%d", r.vec, r.vectors,
                  item_rows, parameters->activation, product_storage_macro(product_storage(lowering_compute(l))));
    product_arguments(l, n, p, panel, 1);
    launch_range(l, 3,
                 (const size_t[3]){(size_t)divide_up(p->rows, item_rows), (size_t)divide_up(p->columns, panel),
                                   (size_t)p->batch},
                 (const size_t[3]){1, 1, 1}, 0);
}

enum { TILE_ITEM_COLUMNS = 4 }; /* as in gemm_tile.cl and conv_tile.cl */

product_group product_tile_group(const compute *c, int rows, int columns) {
    enum { MOST_ITEM_ROWS = 8 };
    product_group g = {.rows = rows <= 16 ? 16 : 64, .columns = columns <= 32 ? 32 : 64};
    int items = 128;
    while ((size_t)items > c->dev.max_work_group)
        items /= 2;
    while (g.rows * g.columns > items * TILE_ITEM_COLUMNS * MOST_ITEM_ROWS && g.rows > 16)
        g.rows /= 2;
    g.item_rows = g.rows * g.columns / (items * TILE_ITEM_COLUMNS);
    return g;
}

void product_tile_range(lowering *l, const tap_product *p, const product_group *g) {
    const size_t local[3] = {(size_t)(g->columns / TILE_ITEM_COLUMNS), (size_t)(g->rows / g->item_rows), 1};
    launch_range(l, 3,
                 (const size_t[3]){(size_t)divide_up(p->columns, g->columns) * local[0],
                                   (size_t)divide_up(p->rows, g->rows) * local[1], (size_t)p->batch},
                 local, 1);
}

static void lower_tile(lowering *l, const node *n, const tap_product *p) {
    enum { STEP = 16 }; /* as in gemm_tile.cl */
    const product_parameters *parameters = node_parameters(n);
    const tuned_choice *tuned = &parameters->choice;
    product_group g = product_tile_group(lowering_compute(l), p->rows, p->columns);
    if (tuned->use == USE_TILE || tuned->use == USE_HALF_TILE)
        g = (product_group){.rows = tuned->size[0], .columns = tuned->size[1], .item_rows = tuned->size[2]};
    launch_kernel(l, "gemm_tile", "gemm_tile",
                  "TILE_ROWS=%d TILE_COLUMNS=%d ITEM_ROWS=%d ACTIVATION=%d STORAGE=%d HALF=%d", g.rows, g.columns,
                  g.item_rows, parameters->activation, product_storage_macro(product_storage(lowering_compute(l))),
                  tuned->use == USE_HALF_TILE);
    product_arguments(l, n, p, g.columns, STEP);
    product_tile_range(l, p, &g);
}

loris_status product_own_lower(lowering *l, const node *n, const tap_product *parts, int count) {
    for (int i = 0; i < count; i++)
        if (node_variant(n) == PRODUCT_TILE)
            lower_tile(l, n, &parts[i]);
        else
            lower_panel(l, n, &parts[i]);
    return lowering_status(l);
}
