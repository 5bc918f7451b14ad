/* Products by our own kernels: kernels/gemm_panel.cl on CPUs, kernels/gemm_tile.cl on GPUs. */
#include "ops/product.h"

static int divide_up(int a, int b) {
    return (a + b - 1) / b;
}

/* STORAGE in common.clh. */
static int storage_macro(number_type type) {
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
static void lower_panel(lowering *l, const node *n, const tap_product *p) {
    const product_parameters *parameters = node_parameters(n);
    const cl_uint native = lowering_compute(l)->dev.float_width;
    const int vec = native >= 16 ? 16 : native >= 8 ? 8 : 4;
    const int vectors = p->columns > vec ? 2 : 1;
    const int panel = vec * vectors;
    const int most = vec == 16 ? 8 : 6;
    const int item_rows = p->rows > 4 ? most : p->rows > 2 ? 4 : p->rows;
    launch_kernel(l, "gemm_panel", "gemm_panel", "VEC=%d VECTORS=%d ROWS=%d ACTIVATION=%d STORAGE=%d", vec, vectors,
                  item_rows, parameters->activation, storage_macro(product_storage(lowering_compute(l))));
    product_arguments(l, n, p, panel, 1);
    launch_range(l, 3,
                 (const size_t[3]){(size_t)divide_up(p->rows, item_rows), (size_t)divide_up(p->columns, panel),
                                   (size_t)p->batch},
                 (const size_t[3]){1, 1, 1}, 0);
}

static void lower_tile(lowering *l, const node *n, const tap_product *p) {
    enum { STEP = 16, ITEM_COLUMNS = 4, MOST_ITEM_ROWS = 8 }; /* as in gemm_tile.cl */
    const product_parameters *parameters = node_parameters(n);
    const int columns = p->columns <= 32 ? 32 : 64;
    int items = 128;
    while ((size_t)items > lowering_compute(l)->dev.max_work_group)
        items /= 2;
    int rows = p->rows <= 16 ? 16 : 64;
    while (rows * columns > items * ITEM_COLUMNS * MOST_ITEM_ROWS && rows > 16)
        rows /= 2;
    const int item_rows = rows * columns / (items * ITEM_COLUMNS);
    launch_kernel(l, "gemm_tile", "gemm_tile", "TILE_ROWS=%d TILE_COLUMNS=%d ITEM_ROWS=%d ACTIVATION=%d STORAGE=%d",
                  rows, columns, item_rows, parameters->activation,
                  storage_macro(product_storage(lowering_compute(l))));
    product_arguments(l, n, p, columns, STEP);
    const size_t local[3] = {(size_t)(columns / ITEM_COLUMNS), (size_t)(rows / item_rows), 1};
    launch_range(l, 3,
                 (const size_t[3]){(size_t)divide_up(p->columns, columns) * local[0],
                                   (size_t)divide_up(p->rows, rows) * local[1], (size_t)p->batch},
                 local, 1);
}

loris_status product_own_lower(lowering *l, const node *n, const tap_product *parts, int count) {
    for (int i = 0; i < count; i++)
        if (node_variant(n) == PRODUCT_TILE)
            lower_tile(l, n, &parts[i]);
        else
            lower_panel(l, n, &parts[i]);
    return lowering_status(l);
}
