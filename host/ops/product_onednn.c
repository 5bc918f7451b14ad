/*
 * Products on CPU devices by oneDNN (onednn.h), in f32 or, twice as fast where processors multiply bf16, in bf16 with
 * f32 sums.
 *
 * A slice gathers its rows of X, zero outside it, into a matrix [rows][taps * channels] of its own (in the second-level
 * cache, converted when asked for) and multiplies it by packed weights, with bias, residual and activation applied by
 * the same primitive. oneDNN has fast implementations for rows that lie side by side only: what writes every n-th
 * column (a transposed convolution's phases) goes through a matrix of its own, too, and is copied from there.
 */
#include <stdio.h>
#include <string.h>

#include "ops/onednn.h"
#include "ops/product.h"

enum { SLICE_ROWS = 128, ROW_UNIT = 16 };

/* ---- a product's slices ------------------------------------------------------------------------------------------ */

typedef struct slicing {
    int rows, count;                      /* of a slice; in a batch */
    const onednn_primitive *whole, *last; /* the last slice may be shorter */
} slicing;

static int round_up(int a, int unit) {
    return (a + unit - 1) / unit * unit;
}

static loris_status slice(compute *c, const node *n, const tap_product *p, number_type out, slicing *s) {
    const product_addends a = product_addends_of(n);
    const product_parameters *parameters = node_parameters(n);
    const int half = round_up((p->rows + 1) / 2, ROW_UNIT); /* two processors at least are to have something to do */
    *s = (slicing){.rows = half < SLICE_ROWS ? half : SLICE_ROWS};
    if (s->rows > p->rows)
        s->rows = p->rows;
    s->count = (p->rows + s->rows - 1) / s->rows;
    onednn_matmul key = {.rows = s->rows,
                         .columns = p->columns,
                         .depth = p->taps * p->channels,
                         .activation = parameters->activation,
                         .bias = a.bias,
                         .residual = a.residual,
                         .scale = 1,
                         .type = product_storage(c),
                         .out = out};
    TRY(onednn_find_matmul(c, &key, &s->whole));
    key.rows = p->rows - (s->count - 1) * s->rows;
    return onednn_find_matmul(c, &key, &s->last);
}

/* Do rows of Y lie side by side? */
static bool dense(const tap_product *p) {
    return p->offset == 0 && p->pitch == p->columns && p->last_columns == p->columns;
}

/* The numbers of X that `rows` rows of the product take. */
static size_t span_of(const tap_product *p, int rows) {
    return (size_t)(rows - 1) * (size_t)p->stride * (size_t)p->channels + (size_t)p->taps * (size_t)p->channels;
}

/* What a lane needs: the span of X and the matrix, the primitive's scratchpad, and where rows of Y lie apart those of
 * the result and the residual. */
typedef struct lane_layout {
    size_t matrix, scratch, y, residual, bytes;
} lane_layout;

static lane_layout lane_of(const tap_product *p, const slicing *s) {
    const size_t size = number_size(s->whole->key.type), rows = (size_t)s->rows;
    const size_t scratch =
        s->whole->scratch_bytes > s->last->scratch_bytes ? s->whole->scratch_bytes : s->last->scratch_bytes;
    const size_t y = dense(p) ? 0 : onednn_lines(rows * (size_t)p->columns * sizeof(float));
    lane_layout l;
    l.matrix = onednn_lines(span_of(p, s->rows) * size);
    l.scratch = l.matrix + onednn_lines(rows * (size_t)s->whole->key.depth * size);
    l.y = l.scratch + onednn_lines(scratch);
    l.residual = l.y + y;
    l.bytes = l.residual + (s->whole->key.residual ? y : 0);
    return l;
}

bool product_onednn_available(const compute *c) {
    return onednn_available(c);
}

static bool usable(const slicing *s) {
    return s->whole->fast && s->last->fast && dnnl_memory_desc_equal(&s->whole->w, &s->last->w);
}

loris_status product_onednn_prepare(compute *c, node *n, const tap_product *parts, int count, bool *taken) {
    product_parameters *parameters = node_parameters(n);
    const onednn_primitive *first = NULL;
    size_t scratch = 0;
    *taken = false;
    parameters->gives_bf16 = product_storage(c) == TYPE_BF16;
    for (int i = 0; i < count; i++) {
        const tap_product *p = &parts[i];
        slicing s, narrow;
        TRY(slice(c, n, p, TYPE_F32, &s));
        if (!usable(&s))
            return LORIS_OK;
        size_t bytes = lane_of(p, &s).bytes;
        if (parameters->gives_bf16 && dense(p)) {
            TRY(slice(c, n, p, TYPE_BF16, &narrow));
            if (usable(&narrow) && dnnl_memory_desc_equal(&narrow.whole->w, &s.whole->w))
                bytes = lane_of(p, &narrow).bytes > bytes ? lane_of(p, &narrow).bytes : bytes;
            else
                parameters->gives_bf16 = 0;
        } else
            parameters->gives_bf16 = 0;
        bytes = onednn_scratch(s.count * p->batch, bytes);
        scratch = bytes > scratch ? bytes : scratch;
        first = first ? first : s.whole;
    }
    *taken = true;
    node_scratch(n, scratch);
    node_set_variant(n, PRODUCT_ONEDNN, first->name);
    return LORIS_OK;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

typedef struct blocked_layout {
    product_weight weight;
    int channels, taps, columns;
    dnnl_blocking_desc_t blocking;
} blocked_layout;

/* Some channels of a tap at a time, so that what is read of each column and where it goes stay in the cache. `out`
 * starts as zeros. */
static void pack_blocked(float *out, const float *in, const void *layout) {
    enum { CHUNK = 256 };
    const blocked_layout *p = layout;
    const product_weight *w = &p->weight;
    size_t places[CHUNK];
    for (int t = 0; t < p->taps; t++)
        for (int first = 0; first < p->channels; first += CHUNK) {
            const int count = p->channels - first < CHUNK ? p->channels - first : CHUNK;
            for (int c = 0; c < count; c++)
                places[c] = onednn_place(&p->blocking, 0, (dnnl_dim_t)t * p->channels + first + c);
            for (int n = 0; n < p->columns; n++) {
                const int r = n / w->outputs, o = n % w->outputs; /* the phase, and the channel in it */
                const int tap = w->tap_first + w->tap_step * t + r;
                if (tap < 0 || tap >= w->kernel)
                    continue;
                const float *from =
                    in + (size_t)o * (size_t)w->column_stride + (size_t)first * (size_t)w->channel_stride + tap;
                float *column = out + onednn_place(&p->blocking, 1, n);
                for (int c = 0; c < count; c++)
                    column[places[c]] = from[(size_t)c * (size_t)w->channel_stride];
            }
        }
}

static cl_mem lowered_blocked(lowering *l, const tap_product *p, const onednn_primitive *which) {
    const product_weight *w = &p->weight;
    const blocked_layout layout = {*w, p->channels, p->taps, p->columns, which->w.format_desc.blocking};
    char key[320], blocks[128];
    onednn_layout_key(which, blocks, sizeof blocks);
    snprintf(key, sizeof key, "onednn taps%d channels%d columns%d of kernel%d outputs%d tap%d%+d strides%d,%d as %s",
             p->taps, p->channels, p->columns, w->kernel, w->outputs, w->tap_first, w->tap_step, w->channel_stride,
             w->column_stride, blocks);
    const size_t count = dnnl_memory_desc_get_size(&which->w) / number_size(which->key.type);
    return lowered_weight(l, 0, key, pack_blocked, &layout, sizeof layout, count, which->key.type);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

enum { LANES, X, W, Y, BIAS_BUFFER, RESIDUAL }; /* buffers of the work */

typedef struct product_state {
    tap_product shape;
    slicing slices;
    lane_layout lane;
    product_addends addends;
    number_type x_type;
} product_state;

/* Numbers [start, start + count) of a batch of X with `extent` of them, zero outside it. */
static void copy_span(char *to, number_type type, const char *x, number_type x_type, ptrdiff_t start, size_t count,
                      ptrdiff_t extent) {
    const size_t size = number_size(type), x_size = number_size(x_type);
    const ptrdiff_t end = start + (ptrdiff_t)count;
    const ptrdiff_t low = start < 0 ? (end < 0 ? end : 0) : start,
                    high = end > extent ? (start > extent ? start : extent) : end;
    const size_t before = (size_t)(low - start), inside = high > low ? (size_t)(high - low) : 0;
    memset(to, 0, before * size);
    if (inside && type == x_type)
        memcpy(to + before * size, x + (size_t)low * size, inside * size);
    else if (inside)
        number_from_f32(to + before * size, type, (const float *)(x + (size_t)low * x_size), inside);
    memset(to + (before + inside) * size, 0, (count - before - inside) * size);
}

/* Rows [m0, m0 + rows) of the product's left side, as a matrix of numbers of the primitive's type. */
static const void *gather(const tap_product *p, number_type type, const char *x, number_type x_type, int m0, int rows,
                          char *span, char *matrix) {
    const size_t size = number_size(type), depth = (size_t)p->taps * (size_t)p->channels;
    const size_t step = (size_t)p->stride * (size_t)p->channels, count = span_of(p, rows);
    const ptrdiff_t start = ((ptrdiff_t)m0 * p->stride + p->first) * p->channels;
    const ptrdiff_t extent = (ptrdiff_t)p->rows_in * p->channels;
    const bool side_by_side = rows == 1 || step == depth;
    if (type == x_type && side_by_side && start >= 0 && start + (ptrdiff_t)count <= extent)
        return x + (size_t)start * size;
    if (type == x_type && !side_by_side) {
        for (int r = 0; r < rows; r++)
            copy_span(matrix + (size_t)r * depth * size, type, x, x_type, start + (ptrdiff_t)((size_t)r * step), depth,
                      extent);
        return matrix;
    }
    copy_span(span, type, x, x_type, start, count, extent);
    if (side_by_side)
        return span;
    for (int r = 0; r < rows; r++)
        memcpy(matrix + (size_t)r * depth * size, span + (size_t)r * step * size, depth * size);
    return matrix;
}

/* The numbers of row m that Y has. */
static size_t columns_of(const tap_product *p, int m) {
    return (size_t)(m == p->rows - 1 ? p->last_columns : p->columns);
}

/* Rows [m0, m0 + rows) of the residual, which lie as those of Y, side by side. */
static void gather_residual(const tap_product *p, const float *from, int m0, int rows, float *to) {
    for (int r = 0; r < rows; r++) {
        const size_t count = columns_of(p, m0 + r), all = (size_t)p->columns;
        memcpy(to + (size_t)r * all, from + (size_t)(m0 + r) * (size_t)p->pitch, count * sizeof *to);
        memset(to + (size_t)r * all + count, 0, (all - count) * sizeof *to);
    }
}

static void scatter(const tap_product *p, const float *from, int m0, int rows, float *to) {
    for (int r = 0; r < rows; r++)
        memcpy(to + (size_t)(m0 + r) * (size_t)p->pitch, from + (size_t)r * (size_t)p->columns,
               columns_of(p, m0 + r) * sizeof *to);
}

static loris_status run_slice(const void *state, const onednn_lane *lane, int index) {
    const product_state *q = state;
    const tap_product *p = &q->shape;
    const slicing *s = &q->slices;
    const product_addends *a = &q->addends;
    const int b = index / s->count, m0 = index % s->count * s->rows;
    const onednn_primitive *which = index % s->count == s->count - 1 ? s->last : s->whole;
    const int rows = which->key.rows;
    const size_t batch = (size_t)p->y_extent, residual_b = (size_t)(b / a->batches) * (size_t)a->eval_step +
                                                           (size_t)(b % a->batches) * (size_t)a->batch_step;
    const char *x = lane->at[X] + (size_t)b * (size_t)p->rows_in * (size_t)p->channels * number_size(q->x_type);
    const float *residual =
        a->residual ? (const float *)lane->at[RESIDUAL] + residual_b * batch + (size_t)p->offset : NULL;
    char *y = lane->at[Y] + ((size_t)b * batch + (size_t)p->offset) * number_size(which->key.out);
    onednn_operands data = {
        .x = gather(p, which->key.type, x, q->x_type, m0, rows, lane->memory, lane->memory + q->lane.matrix),
        .w = lane->at[W],
        .bias = lane->at[BIAS_BUFFER],
        .scratch = lane->memory + q->lane.scratch};
    if (dense(p)) {
        const size_t first = (size_t)m0 * (size_t)p->columns;
        data.y = y + first * number_size(which->key.out);
        data.residual = residual ? residual + first : NULL;
        return onednn_execute(lane, which, &data);
    }
    float *own = (float *)(lane->memory + q->lane.y), *own_residual = (float *)(lane->memory + q->lane.residual);
    if (residual)
        gather_residual(p, residual, m0, rows, own_residual);
    data.y = own;
    data.residual = residual ? own_residual : NULL;
    TRY(onednn_execute(lane, which, &data));
    scatter(p, own, m0, rows, (float *)y);
    return LORIS_OK;
}

_Static_assert(sizeof(product_state) <= ONEDNN_STATE, "a product's state has to fit");

static loris_status lower_part(lowering *l, const node *n, const tap_product *p, double flop) {
    product_state state = {
        .shape = *p, .addends = product_addends_of(n), .x_type = onednn_type(node_input_storage(n, 0))};
    TRY(slice(lowering_compute(l), n, p, onednn_type(node_out_storage(n)), &state.slices));
    state.lane = lane_of(p, &state.slices);
    onednn_work work = {.slice = run_slice,
                        .slices = state.slices.count * p->batch,
                        .lane_bytes = state.lane.bytes,
                        .buffers = {[LANES] = lowered_scratch(l),
                                    [X] = lowered_input(l, 0),
                                    [W] = lowered_blocked(l, p, state.slices.whole),
                                    [Y] = lowered_output(l)}};
    if (state.addends.bias)
        work.buffers[BIAS_BUFFER] = product_lowered_bias(l, p, p->columns);
    if (state.addends.residual)
        work.buffers[RESIDUAL] = lowered_input(l, 1);
    return onednn_launch(l, n, &work, &state, sizeof state, flop);
}

loris_status product_onednn_lower(lowering *l, const node *n, const tap_product *parts, int count) {
    for (int i = 0; i < count; i++)
        TRY(lower_part(l, n, &parts[i], node_flop(n) / count));
    return lowering_status(l);
}
