/*
 * Products by CLBlast.
 *
 * BLAS knows matrices, not taps: each group of `stride` taps is a GEMM of its own over X seen as [rows_in / stride,
 * stride C], and adds to Y. (All taps at once would need rows of X that overlap, lda < K, which BLAS forbids.) Rows
 * whose taps reach beyond X are left out, or take fewer taps, instead of padding X. CLBlast is called in column-major
 * order for Y^T = W^T X^T, with the weights stored as [K,N]: of the copies that it makes to fill up its tiles, only
 * those of activations remain.
 */
#include <clblast_c.h>

#include "ops/product.h"

/* One call: Y[0..rows)[0..columns) = X[0..rows)[0..depth) W + beta Y, from these first numbers on. */
typedef struct gemm {
    int rows, columns, depth;
    size_t w_offset, w_pitch, x_offset, x_pitch, y_offset, y_pitch;
    float beta;
} gemm;

typedef loris_status gemm_visitor(void *user, const gemm *g);

/* ---- products as GEMMs ------------------------------------------------------------------------------------------- */

typedef struct tap_range {
    int low, high;
} tap_range;

/* The taps of group `g` that meet X in row m. */
static tap_range taps_inside(const tap_product *p, int g, int m) {
    const int from = m * p->stride + p->first;
    tap_range r = {g * p->stride, (g + 1) * p->stride};
    if (r.high > p->taps)
        r.high = p->taps;
    if (r.low < -from)
        r.low = -from;
    if (r.high > p->rows_in - from)
        r.high = p->rows_in - from;
    return r;
}

static int group_count(const tap_product *p) {
    return (p->taps + p->stride - 1) / p->stride;
}

/* A group with the same taps in all rows can assign instead of add. -1 = none. */
static int covering_group(const tap_product *p) {
    for (int g = 0; g < group_count(p); g++) {
        const tap_range first = taps_inside(p, g, 0), last = taps_inside(p, g, p->rows - 1);
        const int taps = first.high - first.low;
        if (taps > 0 && first.low == last.low && first.high == last.high)
            return g;
    }
    return -1;
}

/* Rows m0 .. m1-1 of batch b with taps `r`, in slabs of `slab` rows. The last row of Y may be shorter. */
static loris_status visit_rows(const tap_product *p, int b, tap_range r, int m0, int m1, float beta, int slab,
                               gemm_visitor *visit, void *user) {
    for (int m = m0; m < m1;) {
        const bool short_row = m == p->rows - 1;
        int end = m1 - m > slab ? m + slab : m1;
        if (!short_row && end == p->rows && p->last_columns != p->columns)
            end--;
        const gemm g = {.rows = end - m,
                        .columns = short_row ? p->last_columns : p->columns,
                        .depth = (r.high - r.low) * p->channels,
                        .w_offset = (size_t)r.low * (size_t)p->channels * (size_t)p->columns,
                        .w_pitch = (size_t)p->columns,
                        .x_offset = (size_t)b * (size_t)p->rows_in * (size_t)p->channels +
                                    (size_t)(m * p->stride + p->first + r.low) * (size_t)p->channels,
                        .x_pitch = (size_t)p->stride * (size_t)p->channels,
                        .y_offset = (size_t)b * (size_t)p->y_extent + (size_t)m * (size_t)p->pitch + (size_t)p->offset,
                        .y_pitch = (size_t)p->pitch,
                        .beta = beta};
        TRY(visit(user, &g));
        m = end;
    }
    return LORIS_OK;
}

/* Runs of rows with the same taps inside X: nearly all of them, and a few at each border. */
static loris_status visit_group(const tap_product *p, int b, int group, float beta, int slab, gemm_visitor *visit,
                                void *user) {
    for (int m = 0; m < p->rows;) {
        const tap_range r = taps_inside(p, group, m);
        int end = m + 1;
        for (; end < p->rows; end++) {
            const tap_range next = taps_inside(p, group, end);
            if (next.low != r.low || next.high != r.high)
                break;
        }
        if (r.low < r.high)
            TRY(visit_rows(p, b, r, m, end, beta, slab, visit, user));
        m = end;
    }
    return LORIS_OK;
}

/* `prefilled`: Y holds what the product is added to. Otherwise each product has a covering group, which comes first. */
static loris_status visit_gemms(const tap_product *p, bool prefilled, int slab, gemm_visitor *visit, void *user) {
    const int first = prefilled ? -1 : covering_group(p);
    for (int b = 0; b < p->batch; b++) {
        if (first >= 0)
            TRY(visit_group(p, b, first, 0, slab, visit, user));
        for (int g = 0; g < group_count(p); g++)
            if (g != first)
                TRY(visit_group(p, b, g, 1, slab, visit, user));
    }
    return LORIS_OK;
}

static bool needs_prefill(const node *n, const tap_product *parts, int count) {
    const product_addends a = product_addends_of(n);
    bool covered = true;
    for (int i = 0; i < count; i++)
        covered = covered && covering_group(&parts[i]) >= 0;
    return a.bias || a.residual || !covered;
}

/* ---- parameters ----------------------------------------------------------------------------------------------------
 */

/* CLBlast comes tuned for some devices; these are for the others. Sets of its large kernel's parameters that keep its
 * rules (tiles divide by work-groups times vectors, the depth of a step by what a group loads), from small tiles to
 * large ones. They hold for a device as long as the process lives. */
enum { XGEMM_PARAMETERS = 16 };
static const char *const xgemm_names[XGEMM_PARAMETERS] = {"GEMMK", "KREG",  "KWG",   "KWI", "MDIMA", "MDIMC",
                                                          "MWG",   "NDIMB", "NDIMC", "NWG", "SA",    "SB",
                                                          "STRM",  "STRN",  "VWM",   "VWN"};
static const size_t xgemm_sets[CLBLAST_SETS][XGEMM_PARAMETERS] = {
    {0, 1, 16, 2, 8, 8, 32, 8, 8, 32, 0, 0, 0, 0, 2, 2},       /* 32 x 32 */
    {0, 1, 16, 2, 8, 8, 64, 8, 8, 64, 1, 1, 0, 0, 4, 4},       /* 64 x 64 */
    {0, 1, 32, 2, 16, 16, 128, 8, 8, 64, 1, 1, 0, 0, 4, 4},    /* 128 x 64 */
    {0, 1, 16, 2, 16, 16, 128, 16, 16, 128, 1, 1, 0, 0, 4, 4}, /* 128 x 128 */
};

static loris_status clblast_check(const compute *c, CLBlastStatusCode code, const char *call, const char *where);

/* The set that the product is forced to, or that was tuned for the device; 0 = CLBlast's own. */
static int wanted_set(const compute *c, const node *n) {
    const int forced = ((const product_parameters *)node_parameters(n))->choice.size[0];
    const tuned_entry *tuned = forced ? NULL : tuning_find(c, &(tuned_shape){.kind = TUNED_CLBLAST}, 0);
    const int set = tuned ? tuned->choice.size[0] : forced;
    return set >= 0 && set <= CLBLAST_SETS ? set : 0;
}

static loris_status override_parameters(compute *c, const node *n) {
    const int set = wanted_set(c, n);
    if (set == 0 || set == c->clblast_set)
        return LORIS_OK;
    c->clblast_set = set;
    return clblast_check(c,
                         CLBlastOverrideParameters(c->dev.id, "Xgemm", CLBlastPrecisionSingle, XGEMM_PARAMETERS,
                                                   (const char **)xgemm_names, xgemm_sets[set - 1]),
                         "CLBlastOverrideParameters", node_name(n));
}

/* ---- preparing --------------------------------------------------------------------------------------------------- */

/* OpenCL's errors pass through CLBlast unchanged; its own, from -1000 down, are faults of our calls. */
static loris_status clblast_check(const compute *c, CLBlastStatusCode code, const char *call, const char *where) {
    if ((int)code > -1000)
        return compute_check(c, (cl_int)code, call, where);
    return fail(LORIS_ERROR_INTERNAL, NULL, "%s: %s: status %d on %s", where, call, (int)code, c->dev.name);
}

typedef struct workspace {
    compute *compute;
    const char *where;
    size_t bytes;
} workspace;

static loris_status measure_workspace(void *user, const gemm *g) {
    workspace *w = user;
    size_t bytes = 0;
    const CLBlastStatusCode code =
        CLBlastSGemmTempBufferSize(CLBlastLayoutColMajor, CLBlastTransposeNo, CLBlastTransposeNo, (size_t)g->columns,
                                   (size_t)g->rows, (size_t)g->depth, g->w_offset, g->w_pitch, g->x_offset, g->x_pitch,
                                   g->y_offset, g->y_pitch, &w->compute->queue, &bytes);
    TRY(clblast_check(w->compute, code, "CLBlastSGemmTempBufferSize", w->where));
    if (bytes > w->bytes)
        w->bytes = bytes;
    return LORIS_OK;
}

/* CLBlast compiles at its first GEMM on a context and keeps the program. A product of single numbers makes that happen
 * now, while the plan is built, and costs next to nothing when it has happened. */
static loris_status compile_now(compute *c, const char *where) {
    const float one = 1;
    cl_mem numbers = NULL, result = NULL;
    loris_status status;
    TRY_GOTO(buffer_new(c, &numbers, sizeof one, &one, "CLBlast's first operand"));
    TRY_GOTO(buffer_new(c, &result, sizeof one, &one, "CLBlast's first result"));
    TRY_GOTO(clblast_check(c,
                           CLBlastSgemm(CLBlastLayoutColMajor, CLBlastTransposeNo, CLBlastTransposeNo, 1, 1, 1, 1,
                                        numbers, 0, 1, numbers, 0, 1, 0, result, 0, 1, &c->queue, NULL),
                           "CLBlastSgemm", where));
    TRY_GOTO(compute_finish(c, where));
done:
    buffer_free(&numbers);
    buffer_free(&result);
    return status;
}

loris_status product_clblast_prepare(compute *c, node *n, const tap_product *parts, int count) {
    if (c->queue) { /* else the device is imagined */
        TRY(override_parameters(c, n));
        TRY(compile_now(c, node_name(n)));
    }
    /* No call should take longer than the throttle likes, nor be so small that its tiles do not fill. */
    product_parameters *parameters = node_parameters(n);
    const tap_product *p = &parts[0];
    const double row_flop = 2.0 * p->columns * p->channels * (p->taps < p->stride ? p->taps : p->stride);
    const double rows = compute_launch_flop(c) / row_flop;
    parameters->slab_rows = rows > p->rows ? p->rows : rows < 256 ? 256 : (int)rows / 64 * 64;

    if (!c->queue)
        return LORIS_OK;
    workspace w = {.compute = c, .where = node_name(n)};
    const bool prefilled = needs_prefill(n, parts, count);
    for (int i = 0; i < count; i++)
        TRY(visit_gemms(&parts[i], prefilled, parameters->slab_rows, measure_workspace, &w));
    if (w.bytes > 0)
        node_scratch(n, w.bytes);
    return LORIS_OK;
}

/* ---- lowering ---------------------------------------------------------------------------------------------------- */

typedef struct gemm_call {
    gemm shape;
    cl_mem x, w, y, workspace; /* workspace NULL when none is needed */
} gemm_call;

/* CLBlast's event is that of the last of its kernels; a marker tells when the first may begin. */
static loris_status run_gemm(compute *c, cl_command_queue queue, void *state, const char *where,
                             launch_events *events) {
    const gemm_call *call = state;
    const gemm *g = &call->shape;
    if (events)
        TRY(compute_check(c, clEnqueueMarkerWithWaitList(queue, 0, NULL, &events->before),
                          "clEnqueueMarkerWithWaitList", where));
    const CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutColMajor, CLBlastTransposeNo, CLBlastTransposeNo, (size_t)g->columns, (size_t)g->rows,
        (size_t)g->depth, 1, call->w, g->w_offset, g->w_pitch, call->x, g->x_offset, g->x_pitch, g->beta, call->y,
        g->y_offset, g->y_pitch, &queue, events ? &events->last : NULL, call->workspace);
    return clblast_check(c, code, "CLBlastSgemmWithTempBuffer", where);
}

typedef struct gemm_lowering {
    lowering *lowering;
    gemm_call call;
} gemm_lowering;

static loris_status lower_gemm(void *user, const gemm *g) {
    gemm_lowering *state = user;
    state->call.shape = *g;
    launch_call(state->lowering, run_gemm, &state->call, sizeof state->call, 2.0 * g->rows * g->columns * g->depth);
    return lowering_status(state->lowering);
}

static void lower_prefill(lowering *l, const node *n) {
    const product_addends a = product_addends_of(n);
    const shape out = node_out_shape(n);
    const size_t blocks = (size_t)out.evals * (size_t)out.batch, block = shape_elements(out) / blocks;
    launch_kernel(l, "product_epilogue", "product_prefill", "ACTIVATION=%d", ACTIVATION_NONE);
    output_argument(l);
    if (a.bias)
        weight_argument(l, 1, "f32", NULL, NULL, 0, (size_t)out.channels);
    else
        input_argument(l, 0); /* not read */
    input_argument(l, a.residual ? 1 : 0);
    int_argument(l, (int)block);
    int_argument(l, out.channels);
    int_argument(l, a.batches);
    int_argument(l, a.eval_step);
    int_argument(l, a.batch_step);
    int_argument(l, a.bias);
    int_argument(l, a.residual);
    launch_range(l, 2, (const size_t[3]){block, blocks}, (const size_t[3]){64, 1}, -1);
}

static void lower_activation(lowering *l, const node *n, int which) {
    const size_t elements = shape_elements(node_out_shape(n));
    launch_kernel(l, "product_epilogue", "product_activate", "ACTIVATION=%d", which);
    output_argument(l);
    int_argument(l, (int)elements);
    launch_range(l, 1, (const size_t[3]){elements}, (const size_t[3]){64}, -1);
}

loris_status product_clblast_lower(lowering *l, const node *n, const tap_product *parts, int count) {
    const product_parameters *parameters = node_parameters(n);
    const bool prefilled = needs_prefill(n, parts, count);
    if (prefilled)
        lower_prefill(l, n);
    for (int i = 0; i < count; i++) {
        gemm_lowering state = {.lowering = l,
                               .call = {.x = lowered_input(l, 0),
                                        .w = product_lowered_weight(l, &parts[i]),
                                        .y = lowered_output(l),
                                        .workspace = lowered_scratch(l)}};
        TRY(lowering_status(l));
        TRY(visit_gemms(&parts[i], prefilled, parameters->slab_rows, lower_gemm, &state));
    }
    if (parameters->activation != ACTIVATION_NONE)
        lower_activation(l, n, parameters->activation);
    return lowering_status(l);
}
