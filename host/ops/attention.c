/* Multi-head attention: one tile of scores at a time (kernels/attention.cl). */
#include <math.h>

#include "ops/attention.h"
#include "ops/stream.h"

enum { VARIANT_ROWS, VARIANT_TILES };

/* A work-group of the tiled kernel has 8 items across and one for 4 of its rows down. Wider heads get fewer rows, so
 * that local memory stays below 32 KiB, which every full OpenCL device has. */
enum { TILE_ACROSS = 8, ROWS_PER_ITEM = 4, MOST_LOCAL_BYTES = 32 << 10 };

static int head_width(const node *n) {
    return node_input_shape(n, 0).channels / *(const int *)node_parameters(n);
}

static size_t tile_local_bytes(int head, int tile_rows) {
    const size_t rows = (size_t)tile_rows + 4, keys = 32 + 4;
    return 4 * ((size_t)head * rows + (size_t)head * keys + (32 + TILE_ACROSS) * rows);
}

int attention_candidates(const compute *c, int head, tuned_choice out[ATTENTION_MAX_CANDIDATES]) {
    static const int rows[ATTENTION_MAX_CANDIDATES] = {16, 32, 64};
    int count = 0;
    for (int i = 0; i < ATTENTION_MAX_CANDIDATES && !wide_items(c); i++) {
        const size_t bytes = tile_local_bytes(head, rows[i]);
        if (bytes <= MOST_LOCAL_BYTES && bytes <= c->dev.local_memory &&
            (size_t)(TILE_ACROSS * rows[i] / ROWS_PER_ITEM) <= c->dev.max_work_group)
            out[count++] = (tuned_choice){USE_SIZE, {rows[i], 0, 0}};
    }
    return count;
}

/* What was tuned for queries q and keys and values kv of `blocks` batches, as rows of a tile; 0 = nothing that the
 * device has. */
static int tuned_rows(const compute *c, shape q, shape kv, size_t blocks, int head, double flop) {
    const tuned_shape work = {.kind = TUNED_ATTENTION,
                              .batch = (int)blocks * (q.channels / head),
                              .rows = (int)(block_floats(q) / (size_t)q.channels),
                              .columns = (int)(block_floats(kv) / (size_t)kv.channels),
                              .channels = head,
                              .taps = 1,
                              .stride = 1};
    const tuned_entry *tuned = tuning_find(c, &work, flop);
    tuned_choice candidates[ATTENTION_MAX_CANDIDATES];
    const int count = attention_candidates(c, head, candidates);
    for (int i = 0; tuned && i < count; i++)
        if (tuned_choice_equal(&candidates[i], &tuned->choice))
            return candidates[i].size[0];
    return 0;
}

/* Rows of a work-group's tile, *tuned or by the width of a head; 0 = the device has nothing for tiles. */
static int tile_rows(const compute *c, const node *n, bool *tuned) {
    const int head = head_width(n), usual = head <= 64 ? 32 : 16;
    const int measured = tuned_rows(c, node_input_shape(n, 0), node_input_shape(n, 1), blocks_of(node_out_shape(n)),
                                    head, node_flop(n));
    tuned_choice candidates[ATTENTION_MAX_CANDIDATES];
    const int count = attention_candidates(c, head, candidates);
    int found = 0;
    for (int i = 0; i < count; i++)
        if (candidates[i].size[0] == usual)
            found = usual;
    *tuned = measured > 0;
    return *tuned ? measured : found;
}

/* Products that the row kernel holds in registers: vectors of 16 rows by keys. */
typedef struct row_block {
    int vectors, strip;
} row_block;

static row_block row_block_on(const compute *c, size_t rows) {
    if (c->dev.float_width < 16)
        return (row_block){1, 4}; /* 16 registers of 8 floats, or 32 of 4, and each vector takes 2 or 4 of them */
    return (row_block){rows <= 16 ? 1 : 2, 8};
}

static loris_status attention_prepare(compute *c, node *n) {
    bool tuned;
    const bool tiles = tile_rows(c, n, &tuned) > 0;
    node_set_variant(n, tiles ? VARIANT_TILES : VARIANT_ROWS, tiles ? "tiles" : "rows");
    node_explain_variant(n, tuned           ? TUNED_REASON
                            : tiles         ? "items fill its vectors; its local memory and work-groups hold a tile"
                            : wide_items(c) ? "a CPU: vectors of rows, no local memory"
                                            : "its local memory or work-groups are too small for a tile");
    return LORIS_OK;
}

static loris_status attention_lower(lowering *l, const node *n) {
    const shape q = node_input_shape(n, 0), out = node_out_shape(n);
    const int heads = *(const int *)node_parameters(n), head = head_width(n);
    const size_t rows = block_floats(q) / (size_t)q.channels, blocks = blocks_of(out);
    const shape kv = node_input_shape(n, 1);
    const bool tiles = node_variant(n) == VARIANT_TILES;
    const row_block block = row_block_on(lowering_compute(l), rows);

    bool tuned;
    const int height_of_tile = tiles ? tile_rows(lowering_compute(l), n, &tuned) : 0;
    if (tiles)
        launch_kernel(l, "attention", "attention_tiles", "TILED=1 D=%d TILE_ROWS=%d", head, height_of_tile);
    else
        launch_kernel(l, "attention", "attention_rows", "TILED=0 D=%d QUERY_VECTORS=%d STRIP=%d", head, block.vectors,
                      block.strip);
    input_block_argument(l, n, 0);
    input_block_argument(l, n, 1);
    output_argument(l);
    int_argument(l, (int)rows);
    int_argument(l, (int)(block_floats(kv) / (size_t)kv.channels));
    int_argument(l, out.batch);
    int_argument(l, heads);
    float_argument(l, (float)(1.4426950408889634 / sqrt(head)));
    if (tiles) {
        const size_t down = (size_t)(height_of_tile / ROWS_PER_ITEM), height = (size_t)height_of_tile;
        launch_range(l, 3, (const size_t[3]){TILE_ACROSS, (rows + height - 1) / height * down, (size_t)heads * blocks},
                     (const size_t[3]){TILE_ACROSS, down, 1}, 1);
    } else {
        const size_t height = 16 * (size_t)block.vectors;
        launch_range(l, 3, (const size_t[3]){(rows + height - 1) / height, (size_t)heads, blocks},
                     (const size_t[3]){1, 1, 1}, 0);
    }
    return lowering_status(l);
}

static const op attention_op = {
    .name = "attention", .reads_evaluations = true, .prepare = attention_prepare, .lower = attention_lower};

tensor attention(net *n, tensor q, tensor kv, int heads) {
    if (net_failed(n))
        return (tensor){0};
    const shape sq = shape_of(n, q), sk = shape_of(n, kv);
    if (heads < 1 || sq.channels % heads || sk.channels != 2 * sq.channels || !broadcastable(sq, sk)) {
        char tq[96], tk[96];
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "attention: %d heads of queries %s and keys and values %s",
                        heads, shape_text(sq, tq), shape_text(sk, tk));
    }
    if (sq.channels / heads > ATTENTION_HEAD_MAX)
        return net_fail(n, LORIS_ERROR_INPUT, NULL, "attention: heads of %d channels, more than %d",
                        sq.channels / heads, ATTENTION_HEAD_MAX);
    shape out = sq;
    out.batch = sq.batch > sk.batch ? sq.batch : sk.batch;
    const double pairs = (double)blocks_of(out) * (double)(block_floats(sq) / (size_t)sq.channels) *
                         (double)(block_floats(sk) / (size_t)sk.channels);
    const node_request plain = {.operation = &attention_op,
                                .label = "attention",
                                .input = {q, kv},
                                .inputs = 2,
                                .parameters = &heads,
                                .parameter_size = sizeof heads,
                                .out = out,
                                .flop = pairs * (4.0 * sq.channels + 5.0 * heads),
                                .bytes = tensor_bytes(sq) + tensor_bytes(sk) + tensor_bytes(out)};
    bool taken;
    if (net_compute(n)->tuning && /* else nothing is known, and observers are told of the node alone */
        tuned_rows(net_compute(n), sq, sk, blocks_of(out), sq.channels / heads, plain.flop))
        return net_append(n, &plain);
    const tensor attended = attention_onednn(n, &plain, &taken);
    return taken || net_failed(n) ? attended : net_append(n, &plain);
}
