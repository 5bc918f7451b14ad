/*
 * Attention on CPU devices by oneDNN (onednn.h): of a tile of queries and a head at a time
 *
 *     scores = q k^T / sqrt D    weights = softmax(scores)    out = weights v
 *
 * with scores and weights in the second-level cache. In bf16 the queries, keys, values and weights are rounded to it;
 * scores, sums and the softmax are f32. Keys and values are packed by a node of their own, whose phase is theirs: once
 * per clip where they come from the clip.
 */
#include <math.h>
#include <string.h>

#include "ops/attention.h"
#include "ops/onednn.h"
#include "ops/product.h"
#include "ops/stream.h"

enum { TILE_ROWS = 128, TILE_UNIT = 16, TILE_SCORES = 1 << 16 };

/* The primitives for tiles of one height. */
typedef struct tile {
    int rows;
    const onednn_primitive *scores, *softmax, *values;
} tile;

typedef struct tiling {
    int queries, keys, head;
    int count; /* tiles of a batch's queries */
    tile whole, last;
    number_type type;
} tiling;

static loris_status find_tile(compute *c, const tiling *t, int rows, number_type out, tile *found) {
    const onednn_matmul scores = {.rows = rows,
                                  .columns = t->keys,
                                  .depth = t->head,
                                  .scale = (float)(1 / sqrt(t->head)),
                                  .type = t->type,
                                  .out = TYPE_F32};
    const onednn_matmul values = {
        .rows = rows, .columns = t->head, .depth = t->keys, .scale = 1, .type = t->type, .out = out};
    found->rows = rows;
    TRY(onednn_find_matmul(c, &scores, &found->scores));
    TRY(onednn_find_softmax(c, rows, t->keys, t->type, &found->softmax));
    return onednn_find_matmul(c, &values, &found->values);
}

static loris_status find_tiling(compute *c, shape q, int keys, int heads, number_type out, tiling *t) {
    *t = (tiling){.queries = (int)(block_floats(q) / (size_t)q.channels),
                  .keys = keys,
                  .head = q.channels / heads,
                  .type = product_storage(c) == TYPE_BF16 ? TYPE_BF16 : TYPE_F32};
    int rows = TILE_ROWS;
    while (rows > TILE_UNIT && rows * (int64_t)keys > TILE_SCORES)
        rows /= 2;
    rows = rows < t->queries ? rows : t->queries;
    t->count = (t->queries + rows - 1) / rows;
    TRY(find_tile(c, t, rows, out, &t->whole));
    return find_tile(c, t, t->queries - (t->count - 1) * rows, out, &t->last);
}

static bool fast(const tile *t) {
    return t->scores->fast && t->softmax->fast && t->values->fast;
}

static bool usable(const tiling *t) {
    return fast(&t->whole) && fast(&t->last) && dnnl_memory_desc_equal(&t->whole.scores->w, &t->last.scores->w) &&
           dnnl_memory_desc_equal(&t->whole.values->w, &t->last.values->w);
}

/* Numbers of a head's packed keys, and values. */
static size_t packed_count(const onednn_primitive *p) {
    return dnnl_memory_desc_get_size(&p->w) / number_size(p->key.type);
}

/* ---- packing keys and values ------------------------------------------------------------------------------------- */

enum { PACK_LANES, PACK_IN, PACK_OUT };

typedef struct pack_state {
    int heads, head, keys;
    number_type type, in_type;
    size_t key_count, value_count; /* of a head */
    dnnl_blocking_desc_t key_layout, value_layout;
} pack_state;

/* Numbers of f32, or of `type` already. */
static void take(void *to, number_type type, const void *from, number_type from_type, size_t count) {
    if (type == from_type)
        memcpy(to, from, count * number_size(type));
    else
        number_from_f32(to, type, from, count);
}

static void put(char *out, size_t at, number_type type, const char *values, number_type in_type, const size_t *places,
                int count) {
    uint16_t narrow[ATTENTION_HEAD_MAX];
    if (type == TYPE_F32) {
        for (int i = 0; i < count; i++)
            ((float *)out)[at + places[i]] = ((const float *)values)[i];
        return;
    }
    take(narrow, type, values, in_type, (size_t)count);
    for (int i = 0; i < count; i++)
        ((uint16_t *)out)[at + places[i]] = narrow[i];
}

/* Slice `index` is a head of a batch: kv [keys][2 heads head] -> k^T [head][keys] and v [keys][head] as packed. */
static loris_status pack_slice(const void *state, const onednn_lane *lane, int index) {
    const pack_state *p = state;
    const size_t size = number_size(p->type), width = (size_t)p->heads * (size_t)p->head;
    const size_t b = (size_t)(index / p->heads), h = (size_t)(index % p->heads);
    const size_t in_size = number_size(p->in_type);
    const char *in = lane->at[PACK_IN] + (b * (size_t)p->keys * 2 * width + h * (size_t)p->head) * in_size;
    char *keys = lane->at[PACK_OUT] + (size_t)index * (p->key_count + p->value_count) * size;
    char *values = keys + p->key_count * size;
    size_t key_places[ATTENTION_HEAD_MAX], value_places[ATTENTION_HEAD_MAX];
    for (int i = 0; i < p->head; i++) {
        key_places[i] = onednn_place(&p->key_layout, 0, i);
        value_places[i] = onednn_place(&p->value_layout, 1, i);
    }
    memset(keys, 0, (p->key_count + p->value_count) * size);
    for (int m = 0; m < p->keys; m++, in += 2 * width * in_size) {
        put(keys, onednn_place(&p->key_layout, 1, m), p->type, in, p->in_type, key_places, p->head);
        put(values, onednn_place(&p->value_layout, 0, m), p->type, in + width * in_size, p->in_type, value_places,
            p->head);
    }
    return LORIS_OK;
}

typedef struct attention_parameters {
    int heads, keys, queries_batch, queries, width; /* of q: what the packing must fit */
} attention_parameters;

static loris_status tiling_of(compute *c, const node *n, number_type out, tiling *t) {
    const attention_parameters *p = node_parameters(n);
    return find_tiling(c, shape_1d(p->queries_batch, p->queries, p->width), p->keys, p->heads, out, t);
}

static loris_status pack_prepare(compute *c, node *n) {
    (void)c;
    node_set_variant(n, 0, "packs keys, values");
    node_explain_variant(n, "for the attention that reads them, which oneDNN computes");
    node_set_backend(n, "oneDNN");
    node_scratch(n, ONEDNN_LINE);
    return LORIS_OK;
}

static loris_status pack_lower(lowering *l, const node *n) {
    const attention_parameters *p = node_parameters(n);
    tiling t;
    TRY(tiling_of(lowering_compute(l), n, TYPE_F32, &t));
    const pack_state state = {.heads = p->heads,
                              .head = t.head,
                              .keys = t.keys,
                              .type = t.type,
                              .in_type = onednn_type(node_input_storage(n, 0)),
                              .key_count = packed_count(t.whole.scores),
                              .value_count = packed_count(t.whole.values),
                              .key_layout = t.whole.scores->w.format_desc.blocking,
                              .value_layout = t.whole.values->w.format_desc.blocking};
    const onednn_work work = {
        .slice = pack_slice,
        .slices = node_out_shape(n).batch * p->heads,
        .buffers = {
            [PACK_LANES] = lowered_scratch(l), [PACK_IN] = lowered_input(l, 0), [PACK_OUT] = lowered_output(l)}};
    _Static_assert(sizeof state <= ONEDNN_STATE, "the packing's state has to fit");
    return onednn_launch(l, n, &work, &state, sizeof state, 0);
}

/* Queries, and keys and values on their way into packing. */
static bool takes_bf16(compute *c, const node *n, int i) {
    (void)n;
    return i == 0 && product_storage(c) == TYPE_BF16;
}

static const op pack_op = {.name = "attention", .prepare = pack_prepare, .takes_bf16 = takes_bf16, .lower = pack_lower};

/* ---- attention --------------------------------------------------------------------------------------------------- */

enum { LANES, Q, KV, OUT };

/* Where in a lane's memory; queries are at its beginning. */
typedef struct lane_layout {
    size_t scores, weights, out, scratch, bytes;
} lane_layout;

typedef struct attention_state {
    tiling tiling;
    lane_layout lane;
    int heads, q_step, kv_step; /* 0 where one batch serves all */
    size_t key_count, value_count;
    number_type q_type;
} attention_state;

static size_t most_scratch(const tile *t) {
    size_t most = t->scores->scratch_bytes;
    most = t->softmax->scratch_bytes > most ? t->softmax->scratch_bytes : most;
    return t->values->scratch_bytes > most ? t->values->scratch_bytes : most;
}

static lane_layout lane_of(const tiling *t) {
    const size_t rows = (size_t)t->whole.rows, size = number_size(t->type), keys = (size_t)t->keys;
    const size_t head = (size_t)t->head, a = most_scratch(&t->whole), b = most_scratch(&t->last);
    lane_layout l;
    l.scores = onednn_lines(rows * head * size);
    l.weights = l.scores + onednn_lines(rows * keys * sizeof(float));
    l.out = l.weights + onednn_lines(rows * keys * size);
    l.scratch = l.out + onednn_lines(rows * head * sizeof(float));
    l.bytes = l.scratch + onednn_lines(a > b ? a : b);
    return l;
}

/* Slice `index` is a tile of a batch's queries and a head, heads innermost. */
static loris_status attend_slice(const void *state, const onednn_lane *lane, int index) {
    const attention_state *s = state;
    const tiling *t = &s->tiling;
    const int h = index % s->heads, part = index / s->heads % t->count, b = index / s->heads / t->count;
    const tile *k = part == t->count - 1 ? &t->last : &t->whole;
    const size_t size = number_size(t->type), head = (size_t)t->head, width = head * (size_t)s->heads;
    const size_t first = (size_t)part * (size_t)t->whole.rows, rows = (size_t)k->rows;
    const size_t q_size = number_size(s->q_type);
    const char *q =
        lane->at[Q] + (((size_t)(b * s->q_step) * (size_t)t->queries + first) * width + (size_t)h * head) * q_size;
    const char *keys = lane->at[KV] + ((size_t)(b * s->kv_step) * (size_t)s->heads + (size_t)h) *
                                          (s->key_count + s->value_count) * size;
    char *memory = lane->memory;
    for (size_t r = 0; r < rows; r++)
        take(memory + r * head * size, t->type, q + r * width * q_size, s->q_type, head);
    onednn_operands data = {.x = memory, .w = keys, .y = memory + s->lane.scores, .scratch = memory + s->lane.scratch};
    TRY(onednn_execute(lane, k->scores, &data));
    data = (onednn_operands){
        .x = memory + s->lane.scores, .y = memory + s->lane.weights, .scratch = memory + s->lane.scratch};
    TRY(onednn_execute(lane, k->softmax, &data));
    data = (onednn_operands){.x = memory + s->lane.weights,
                             .w = keys + s->key_count * size,
                             .y = memory + s->lane.out,
                             .scratch = memory + s->lane.scratch};
    TRY(onednn_execute(lane, k->values, &data));
    const size_t out_size = number_size(k->values->key.out);
    char *out = lane->at[OUT] + (((size_t)b * (size_t)t->queries + first) * width + (size_t)h * head) * out_size;
    for (size_t r = 0; r < rows; r++)
        memcpy(out + r * width * out_size, memory + s->lane.out + r * head * out_size, head * out_size);
    return LORIS_OK;
}

static int slices_of(const node *n, const tiling *t) {
    const attention_parameters *p = node_parameters(n);
    return node_out_shape(n).batch * t->count * p->heads;
}

static size_t most(size_t a, size_t b) {
    return a > b ? a : b;
}

static loris_status attend_prepare(compute *c, node *n) {
    tiling t, narrow;
    TRY(tiling_of(c, n, TYPE_F32, &t));
    TRY(tiling_of(c, n, t.type, &narrow));
    node_set_variant(n, 0, t.whole.scores->name);
    node_explain_variant(n, product_onednn_reason(c));
    node_set_backend(n, "oneDNN");
    node_scratch(n, onednn_scratch(slices_of(n, &t), most(lane_of(&t).bytes, lane_of(&narrow).bytes)));
    return LORIS_OK;
}

/* Where the product with values can write bf16 just as well. */
static bool attend_gives_bf16(compute *c, const node *n) {
    tiling wide, narrow;
    return product_storage(c) == TYPE_BF16 && tiling_of(c, n, TYPE_F32, &wide) == LORIS_OK &&
           tiling_of(c, n, TYPE_BF16, &narrow) == LORIS_OK && usable(&narrow) &&
           dnnl_memory_desc_equal(&wide.whole.values->w, &narrow.whole.values->w);
}

static loris_status attend_lower(lowering *l, const node *n) {
    attention_state state = {.heads = ((const attention_parameters *)node_parameters(n))->heads,
                             .q_step = input_batch_step(n, 0),
                             .kv_step = input_batch_step(n, 1),
                             .q_type = onednn_type(node_input_storage(n, 0))};
    TRY(tiling_of(lowering_compute(l), n, onednn_type(node_out_storage(n)), &state.tiling));
    state.lane = lane_of(&state.tiling);
    state.key_count = packed_count(state.tiling.whole.scores);
    state.value_count = packed_count(state.tiling.whole.values);
    const onednn_work work = {.slice = attend_slice,
                              .slices = slices_of(n, &state.tiling),
                              .lane_bytes = state.lane.bytes,
                              .buffers = {[LANES] = lowered_scratch(l),
                                          [Q] = lowered_input(l, 0),
                                          [KV] = lowered_input(l, 1),
                                          [OUT] = lowered_output(l)}};
    _Static_assert(sizeof state <= ONEDNN_STATE, "attention's state has to fit");
    return onednn_launch(l, n, &work, &state, sizeof state, node_flop(n));
}

static const op attend_op = {.name = "attention",
                             .prepare = attend_prepare,
                             .takes_bf16 = takes_bf16,
                             .gives_bf16 = attend_gives_bf16,
                             .lower = attend_lower};

/* ---- recording --------------------------------------------------------------------------------------------------- */

tensor attention_onednn(net *n, const node_request *plain, bool *taken) {
    const tensor q = plain->input[0], kv = plain->input[1];
    const shape sq = shape_of(n, q), sk = shape_of(n, kv);
    const int heads = *(const int *)plain->parameters;
    compute *c = net_compute(n);
    *taken = false;
    if (!product_worth_onednn(c, plain->flop, sq.channels) || sq.evals > 1 || sk.evals > 1)
        return (tensor){0};
    attention_parameters p = {.heads = heads,
                              .keys = (int)(block_floats(sk) / (size_t)sk.channels),
                              .queries_batch = sq.batch,
                              .queries = (int)(block_floats(sq) / (size_t)sq.channels),
                              .width = sq.channels};
    tiling t;
    const loris_status status = find_tiling(c, sq, p.keys, heads, TYPE_F32, &t);
    if (status != LORIS_OK)
        return net_keep_failure(n, status);
    if (!usable(&t))
        return (tensor){0};
    *taken = true;
    const size_t count = packed_count(t.whole.scores) + packed_count(t.whole.values);
    const tensor packed =
        net_append(n, &(node_request){.operation = &pack_op,
                                      .label = "keys_values",
                                      .input = {kv},
                                      .inputs = 1,
                                      .parameters = &p,
                                      .parameter_size = sizeof p,
                                      .out = shape_1d(sk.batch, heads, (int)count),
                                      .type = t.type == TYPE_BF16 ? STORE_BF16 : STORE_F32,
                                      .bytes = tensor_bytes(sk) +
                                               (double)sk.batch * heads * (double)count * (double)number_size(t.type)});
    node_request r = *plain;
    r.operation = &attend_op;
    r.input[1] = packed;
    r.parameters = &p;
    r.parameter_size = sizeof p;
    return net_append(n, &r);
}
