#include "ops/stream.h"

bool wide_items(const compute *c) {
    return !device_is_simt(&c->dev);
}

static size_t at_most(size_t wanted, size_t limit) {
    return wanted < limit ? wanted : limit;
}

int stream_candidates(const compute *c, tuned_choice out[STREAM_MAX_CANDIDATES]) {
    static const int sizes[STREAM_MAX_CANDIDATES] = {64, 128, 256, 512};
    int count = 0;
    for (int i = 0; i < STREAM_MAX_CANDIDATES && !wide_items(c); i++)
        if ((size_t)sizes[i] <= c->dev.max_work_group && (size_t)sizes[i] <= c->dev.max_work_item[0])
            out[count++] = (tuned_choice){USE_SIZE, {sizes[i], 0, 0}};
    return count;
}

/* The tuned items of a work-group; 0 = nothing was tuned that the device has. */
static size_t tuned_group(const compute *c, tuned_kind kind) {
    tuned_choice candidates[STREAM_MAX_CANDIDATES];
    const int count = stream_candidates(c, candidates);
    const tuned_entry *tuned = tuning_find(c, &(tuned_shape){.kind = kind}, 0);
    for (int i = 0; tuned && i < count; i++)
        if (tuned_choice_equal(&tuned->choice, &candidates[i]))
            return (size_t)candidates[i].size[0];
    return 0;
}

bool stream_is_tuned(const compute *c) {
    return tuned_group(c, TUNED_STREAM) > 0;
}

/* Items of a work-group. */
static size_t group_on(const compute *c, tuned_kind kind) {
    const size_t tuned = tuned_group(c, kind);
    return tuned ? tuned : at_most(128, c->dev.max_work_group);
}

stream stream_on(const compute *c) {
    /* 16 KiB an item: far above the cost of starting it, and a [1024,192] tensor still makes 48 of them. */
    if (wide_items(c))
        return (stream){.vector = 16, .repeats = 256, .local = 1};
    return (stream){.vector = 4, .repeats = 1, .local = group_on(c, TUNED_STREAM)};
}

void stream_range(lowering *l, stream s, size_t inner, size_t blocks) {
    const size_t item = (size_t)s.vector * (size_t)s.repeats;
    launch_range(l, 2, (const size_t[3]){(inner + item - 1) / item, blocks, 1}, (const size_t[3]){s.local, 1, 1}, 0);
}

row_stream row_stream_on(const compute *c, int channels) {
    if (wide_items(c)) {
        const int rows = 4096 / channels; /* as much as stream_on gives an item */
        return (row_stream){.vector = 16, .lanes = 1, .rows = rows > 1 ? rows : 1, .local = {1, 1, 1}};
    }
    row_stream s = {.vector = 4, .lanes = 1, .rows = 1};
    while (s.lanes < 32 && s.lanes * s.vector < channels)
        s.lanes *= 2;
    const size_t group = group_on(c, TUNED_ROWS);
    while ((size_t)s.lanes > group)
        s.lanes /= 2;
    s.local[0] = (size_t)s.lanes;
    s.local[1] = group / (size_t)s.lanes;
    s.local[2] = 1;
    return s;
}

void row_stream_range(lowering *l, row_stream s, size_t rows, size_t blocks) {
    const size_t items = (rows + (size_t)s.rows - 1) / (size_t)s.rows;
    launch_range(l, 3, (const size_t[3]){(size_t)s.lanes, items, blocks}, s.local, 1);
}

int result_macro(const node *n) {
    return node_out_storage(n) == STORE_BF16 ? 2 : 0;
}

bool gives_any(compute *c, const node *n) {
    (void)c, (void)n;
    return true;
}

/* ---- broadcasting ------------------------------------------------------------------------------------------------ */

int input_eval_step(const node *n, int i) {
    const shape s = node_input_shape(n, i);
    return s.evals > 1 && !node_input_is_run(n, i) ? s.batch : 0;
}

int input_batch_step(const node *n, int i) {
    return node_input_shape(n, i).batch > 1 ? 1 : 0;
}

size_t input_blocks(const node *n, int i) {
    const shape s = node_input_shape(n, i);
    return (size_t)s.batch * (size_t)(node_input_is_run(n, i) ? 1 : s.evals);
}

void input_block_argument(lowering *l, const node *n, int i) {
    input_argument(l, i);
    evaluation_argument(l, i);
    int_argument(l, input_eval_step(n, i));
    int_argument(l, input_batch_step(n, i));
}

size_t block_floats(shape s) {
    return shape_elements(s) / blocks_of(s);
}

size_t blocks_of(shape s) {
    return (size_t)s.evals * (size_t)s.batch;
}

bool broadcastable(shape a, shape b) {
    return (a.batch == b.batch || a.batch == 1 || b.batch == 1) && (a.evals == b.evals || a.evals == 1 || b.evals == 1);
}

double tensor_bytes(shape s) {
    return 4.0 * (double)shape_elements(s);
}

double activation_flop(int act) {
    static const double flop[] = {[ACTIVATION_NONE] = 0,
                                  [ACTIVATION_SILU] = 4,
                                  [ACTIVATION_GELU] = 24, /* the erf of common.clh: 20 */
                                  [ACTIVATION_RELU] = 1,
                                  [ACTIVATION_RELU6] = 2};
    return flop[act];
}
