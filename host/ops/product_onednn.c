/*
 * Products on CPU devices by oneDNN, in f32 or, twice as fast where processors multiply bf16, in bf16 with f32 sums.
 *
 * A product runs inside the queue, as one native kernel on the OpenCL runtime's thread, which shares its slices of rows
 * with as many more threads as there are processors. A slice gathers its rows of X, zero outside it, into a matrix
 * [rows][taps * channels] of its own (in the second-level cache, converted when asked for) and multiplies it by packed
 * weights, with bias, residual and activation applied by the same primitive. The slices follow from the shape alone and
 * each is computed by one thread, so that results do not depend on the number of processors. oneDNN's own OpenMP
 * threads, which would spin against OpenCL's, stay out: primitives are made and run with omp_set_num_threads(1), and
 * scratchpads are the caller's, because oneDNN ties its own to the thread that made the primitive.
 *
 * oneDNN has fast implementations for rows that lie side by side only: what writes every n-th column (a transposed
 * convolution's phases) is left to our own kernels, as is what it would give to a slow reference implementation.
 */
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/worker.h"
#include "ops/product.h"

enum { SLICE_ROWS = 128, ROW_UNIT = 16, MOST_LANES = 64, LINE = 64 };

/* ---- primitives: made once for a device and shape ---------------------------------------------------------------- */

typedef struct primitive_key {
    int rows, columns, depth, activation;
    int bias, residual; /* 0 or 1 */
    number_type type;
} primitive_key;

typedef struct primitive {
    struct primitive *next;
    primitive_key key;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t run;
    dnnl_memory_desc_t x, w, bias, y;
    const dnnl_memory_desc_t *scratch; /* of desc */
    size_t scratch_bytes;
    bool fast; /* not a reference implementation */
} primitive;

typedef struct backend {
    dnnl_engine_t engine;
    primitive *primitives;
} backend;

static loris_status check(dnnl_status_t code, const char *call) {
    return code == dnnl_success
               ? LORIS_OK
               : fail(LORIS_ERROR_INTERNAL, "try --backend own", "oneDNN: %s: status %d", call, (int)code);
}

static void release(void *state) {
    backend *b = state;
    for (primitive *p = b->primitives, *next; p; p = next) {
        next = p->next;
        if (p->run)
            dnnl_primitive_destroy(p->run);
        if (p->desc)
            dnnl_primitive_desc_destroy(p->desc);
        free(p);
    }
    if (b->engine)
        dnnl_engine_destroy(b->engine);
    free(b);
}

static loris_status open_backend(compute *c, backend **out) {
    if (!c->backend_state) {
        backend *b = calloc(1, sizeof *b);
        if (!b)
            return fail_memory("oneDNN");
        c->backend_state = b;
        c->backend_release = release;
        TRY(check(dnnl_engine_create(&b->engine, dnnl_cpu, 0), "dnnl_engine_create"));
    }
    *out = c->backend_state;
    return LORIS_OK;
}

static loris_status describe_matrix(dnnl_memory_desc_t *out, int rows, int columns, dnnl_data_type_t type,
                                    dnnl_format_tag_t tag) {
    const dnnl_dims_t dims = {rows, columns};
    return check(dnnl_memory_desc_init_by_tag(out, 2, dims, type, tag), "dnnl_memory_desc_init_by_tag");
}

/* y = act(bias + residual + x w) */
static loris_status set_epilogue(dnnl_primitive_attr_t attributes, dnnl_post_ops_t operations, const primitive *p) {
    TRY(check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "scratchpad mode"));
    if (p->key.residual)
        TRY(check(dnnl_post_ops_append_binary(operations, dnnl_binary_add, &p->y), "dnnl_post_ops_append_binary"));
    if (p->key.activation != ACTIVATION_NONE) {
        static const struct {
            dnnl_alg_kind_t kind;
            float alpha, beta;
        } functions[] = {[ACTIVATION_SILU] = {dnnl_eltwise_swish, 1, 0},
                         [ACTIVATION_GELU] = {dnnl_eltwise_gelu_erf, 0, 0},
                         [ACTIVATION_RELU] = {dnnl_eltwise_relu, 0, 0},
                         [ACTIVATION_RELU6] = {dnnl_eltwise_clip, 0, 6}};
        const float alpha = functions[p->key.activation].alpha, beta = functions[p->key.activation].beta;
        TRY(check(dnnl_post_ops_append_eltwise(operations, 1, functions[p->key.activation].kind, alpha, beta),
                  "dnnl_post_ops_append_eltwise"));
    }
    return check(dnnl_primitive_attr_set_post_ops(attributes, operations), "dnnl_primitive_attr_set_post_ops");
}

static loris_status make_desc(backend *b, primitive *p) {
    const dnnl_data_type_t type = p->key.type == TYPE_BF16 ? dnnl_bf16 : dnnl_f32;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t operations = NULL;
    dnnl_memory_desc_t any;
    dnnl_matmul_desc_t matmul;
    loris_status status;
    TRY(describe_matrix(&p->x, p->key.rows, p->key.depth, type, dnnl_ab));
    TRY(describe_matrix(&any, p->key.depth, p->key.columns, type, dnnl_format_tag_any));
    TRY(describe_matrix(&p->bias, 1, p->key.columns, dnnl_f32, dnnl_ab));
    TRY(describe_matrix(&p->y, p->key.rows, p->key.columns, dnnl_f32, dnnl_ab));
    TRY(check(dnnl_matmul_desc_init(&matmul, &p->x, &any, p->key.bias ? &p->bias : NULL, &p->y),
              "dnnl_matmul_desc_init"));
    TRY_GOTO(check(dnnl_primitive_attr_create(&attributes), "dnnl_primitive_attr_create"));
    TRY_GOTO(check(dnnl_post_ops_create(&operations), "dnnl_post_ops_create"));
    TRY_GOTO(set_epilogue(attributes, operations, p));
    const dnnl_status_t code = dnnl_primitive_desc_create(&p->desc, &matmul, attributes, b->engine, NULL);
    if (code != dnnl_unimplemented)
        status = check(code, "dnnl_primitive_desc_create");
done:
    if (operations)
        dnnl_post_ops_destroy(operations);
    if (attributes)
        dnnl_primitive_attr_destroy(attributes);
    return status;
}

static loris_status make_primitive(backend *b, primitive *p) {
    TRY(make_desc(b, p));
    if (!p->desc) /* this processor has nothing for it */
        return LORIS_OK;
    const char *name = "";
    TRY(check(dnnl_primitive_desc_query(p->desc, dnnl_query_impl_info_str, 0, &name), "dnnl_query_impl_info_str"));
    p->w = *dnnl_primitive_desc_query_md(p->desc, dnnl_query_weights_md, 0);
    p->scratch = dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0);
    p->scratch_bytes = dnnl_memory_desc_get_size(p->scratch);
    p->fast = strncmp(name, "brg:", 4) == 0 && p->w.format_kind == dnnl_blocked;
    return p->fast ? check(dnnl_primitive_create(&p->run, p->desc), "dnnl_primitive_create") : LORIS_OK;
}

static loris_status find_primitive(compute *c, const primitive_key *key, const primitive **out) {
    backend *b = NULL;
    TRY(open_backend(c, &b));
    for (const primitive *p = b->primitives; p; p = p->next)
        if (memcmp(&p->key, key, sizeof *key) == 0) {
            *out = p;
            return LORIS_OK;
        }
    primitive *p = calloc(1, sizeof *p);
    if (!p)
        return fail_memory("a oneDNN primitive");
    p->key = *key;
    p->next = b->primitives;
    b->primitives = p;
    const int before = omp_get_max_threads(); /* the caller's own setting */
    omp_set_num_threads(1);
    loris_status status = make_primitive(b, p);
    omp_set_num_threads(before);
    *out = p;
    return status;
}

/* ---- a product's slices ------------------------------------------------------------------------------------------ */

typedef struct slicing {
    int rows, count;               /* of a slice; in a batch */
    const primitive *whole, *last; /* the last slice may be shorter */
} slicing;

static int round_up(int a, int unit) {
    return (a + unit - 1) / unit * unit;
}

static loris_status slice(compute *c, const node *n, const tap_product *p, slicing *s) {
    const product_addends a = product_addends_of(n);
    const product_parameters *parameters = node_parameters(n);
    const int half = round_up((p->rows + 1) / 2, ROW_UNIT); /* two processors at least are to have something to do */
    *s = (slicing){.rows = half < SLICE_ROWS ? half : SLICE_ROWS};
    if (s->rows > p->rows)
        s->rows = p->rows;
    s->count = (p->rows + s->rows - 1) / s->rows;
    primitive_key key = {.rows = s->rows,
                         .columns = p->columns,
                         .depth = p->taps * p->channels,
                         .activation = parameters->activation,
                         .bias = a.bias,
                         .residual = a.residual,
                         .type = product_storage(c)}; /* of ints: no padding to compare */
    TRY(find_primitive(c, &key, &s->whole));
    key.rows = p->rows - (s->count - 1) * s->rows;
    return find_primitive(c, &key, &s->last);
}

/* The numbers of X that `rows` rows of the product take. */
static size_t span_of(const tap_product *p, int rows) {
    return (size_t)(rows - 1) * (size_t)p->stride * (size_t)p->channels + (size_t)p->taps * (size_t)p->channels;
}

static size_t lines(size_t bytes) {
    return (bytes + LINE - 1) / LINE * LINE;
}

/* What a lane (a thread at work on slices) needs: the span, the matrix, the primitive's scratchpad. */
static size_t lane_bytes(const tap_product *p, const slicing *s) {
    const size_t size = number_size(s->whole->key.type);
    const size_t scratch =
        s->whole->scratch_bytes > s->last->scratch_bytes ? s->whole->scratch_bytes : s->last->scratch_bytes;
    return lines(span_of(p, s->rows) * size) + lines((size_t)s->rows * (size_t)s->whole->key.depth * size) +
           lines(scratch);
}

static int lanes_of(const tap_product *p, const slicing *s) {
    const int slices = s->count * p->batch, threads = worker_processors();
    const int lanes = slices < threads ? slices : threads;
    return lanes < MOST_LANES ? lanes : MOST_LANES;
}

bool product_onednn_available(const compute *c) {
    return c->dev.type & CL_DEVICE_TYPE_CPU && c->dev.native_kernel;
}

loris_status product_onednn_prepare(compute *c, node *n, const tap_product *p, bool *taken) {
    slicing s;
    *taken = false;
    if (p->offset != 0 || p->pitch != p->columns || p->last_columns != p->columns)
        return LORIS_OK;
    TRY(slice(c, n, p, &s));
    if (!s.whole->fast || !s.last->fast || !dnnl_memory_desc_equal(&s.whole->w, &s.last->w))
        return LORIS_OK;
    *taken = true;
    node_scratch(n, (size_t)lanes_of(p, &s) * lane_bytes(p, &s) + LINE);
    return LORIS_OK;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

typedef struct blocked_layout {
    product_weight weight;
    int channels, taps, columns;
    dnnl_blocking_desc_t blocking;
} blocked_layout;

/* Where index `i` of dimension d lies: blocked layouts add up over dimensions. */
static size_t place(const dnnl_blocking_desc_t *b, int d, dnnl_dim_t i) {
    dnnl_dim_t at = 0, stride = 1;
    for (int k = b->inner_nblks - 1; k >= 0; k--) {
        if (b->inner_idxs[k] == d) {
            at += i % b->inner_blks[k] * stride;
            i /= b->inner_blks[k];
        }
        stride *= b->inner_blks[k];
    }
    return (size_t)(at + i * b->strides[d]);
}

/* `out` starts as zeros. */
static void pack_blocked(float *out, const float *in, const void *layout) {
    const blocked_layout *p = layout;
    const product_weight *w = &p->weight;
    for (int n = 0; n < p->columns; n++) {
        const int r = n / w->outputs, o = n % w->outputs; /* the phase, and the channel in it */
        float *column = out + place(&p->blocking, 1, n);
        for (int t = 0; t < p->taps; t++) {
            const int tap = w->tap_first + w->tap_step * t + r;
            if (tap < 0 || tap >= w->kernel)
                continue;
            const float *from = in + (size_t)o * (size_t)w->column_stride + tap;
            for (int c = 0; c < p->channels; c++)
                column[place(&p->blocking, 0, (dnnl_dim_t)t * p->channels + c)] =
                    from[(size_t)c * (size_t)w->channel_stride];
        }
    }
}

static cl_mem lowered_blocked(lowering *l, const tap_product *p, const primitive *which) {
    const dnnl_blocking_desc_t *b = &which->w.format_desc.blocking;
    const product_weight *w = &p->weight;
    const blocked_layout layout = {*w, p->channels, p->taps, p->columns, *b};
    char key[256];
    int length = snprintf(key, sizeof key,
                          "onednn taps%d channels%d columns%d of kernel%d outputs%d tap%d%+d strides%d,%d as %lld,%lld",
                          p->taps, p->channels, p->columns, w->kernel, w->outputs, w->tap_first, w->tap_step,
                          w->channel_stride, w->column_stride, (long long)b->strides[0], (long long)b->strides[1]);
    for (int k = 0; k < b->inner_nblks; k++)
        length += snprintf(key + length, sizeof key - (size_t)length, " %lldx%lld", (long long)b->inner_blks[k],
                           (long long)b->inner_idxs[k]);
    const size_t count = dnnl_memory_desc_get_size(&which->w) / number_size(which->key.type);
    return lowered_weight(l, 0, key, pack_blocked, &layout, sizeof layout, count, which->key.type);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

enum { X, W, SCRATCH, Y, BIAS_BUFFER, RESIDUAL, BUFFERS };

/* What stays the same from run to run. Sub-buffers are given as their parents and offsets: PoCL 3.1 hands native
 * kernels the parent's address. It also sorts the list of buffers but not where their addresses go; so each address is
 * learnt while the plan is built, from a native kernel with that buffer alone. A CPU device's buffers stay where they
 * are, and a run whose addresses are others fails. */
typedef struct onednn_call {
    tap_product shape;
    slicing slices;
    product_addends addends;
    int lanes;
    size_t lane_bytes;
    compute *compute;
    cl_mem parent[BUFFERS]; /* each once */
    char *address[BUFFERS]; /* of parents */
    int parents;
    int from[BUFFERS]; /* which parent, -1 when not needed */
    size_t offset[BUFFERS];
} onednn_call;

typedef struct native_arguments {
    const onednn_call *call;
    void *parent[BUFFERS]; /* their addresses, filled in by OpenCL */
} native_arguments;

typedef struct job {
    const onednn_call *call;
    char *at[BUFFERS];
    dnnl_engine_t engine;
    atomic_int next; /* slice of all batches */
} job;

/* Rows [m0, m0 + rows) of the product's left side, as a matrix of numbers of the primitive's type. */
static const void *gather(const tap_product *p, number_type type, const float *x, int m0, int rows, char *span,
                          char *matrix) {
    const size_t size = number_size(type), depth = (size_t)p->taps * (size_t)p->channels;
    const size_t step = (size_t)p->stride * (size_t)p->channels, count = span_of(p, rows);
    const ptrdiff_t start = ((ptrdiff_t)m0 * p->stride + p->first) * p->channels;
    const ptrdiff_t extent = (ptrdiff_t)p->rows_in * p->channels, end = start + (ptrdiff_t)count;
    const ptrdiff_t low = start < 0 ? (end < 0 ? end : 0) : start,
                    high = end > extent ? (start > extent ? start : extent) : end;
    if (type == TYPE_F32 && low == start && high == end && (rows == 1 || step == depth))
        return x + start;
    const size_t before = (size_t)(low - start), inside = high > low ? (size_t)(high - low) : 0;
    memset(span, 0, before * size);
    if (inside)
        number_from_f32(span + before * size, type, x + low, inside);
    memset(span + (before + inside) * size, 0, (count - before - inside) * size);
    if (rows == 1 || step == depth)
        return span;
    for (int r = 0; r < rows; r++)
        memcpy(matrix + (size_t)r * depth * size, span + (size_t)r * step * size, depth * size);
    return matrix;
}

static dnnl_status_t multiply(const job *j, dnnl_stream_t stream, const primitive *p, const void *const data[BUFFERS]) {
    const struct {
        int argument;
        const dnnl_memory_desc_t *desc;
    } kinds[BUFFERS] = {[X] = {DNNL_ARG_SRC, &p->x},
                        [W] = {DNNL_ARG_WEIGHTS, &p->w},
                        [SCRATCH] = {DNNL_ARG_SCRATCHPAD, p->scratch},
                        [Y] = {DNNL_ARG_DST, &p->y},
                        [BIAS_BUFFER] = {DNNL_ARG_BIAS, &p->bias},
                        [RESIDUAL] = {DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, &p->y}};
    dnnl_exec_arg_t arguments[BUFFERS];
    int count = 0;
    dnnl_status_t code = dnnl_success;
    for (int i = 0; i < BUFFERS && code == dnnl_success; i++)
        if (data[i]) {
            arguments[count].arg = kinds[i].argument;
            code = dnnl_memory_create(&arguments[count].memory, kinds[i].desc, j->engine, (void *)data[i]);
            count += code == dnnl_success;
        }
    if (code == dnnl_success)
        code = dnnl_primitive_execute(p->run, stream, count, arguments);
    for (int i = 0; i < count; i++)
        dnnl_memory_destroy(arguments[i].memory);
    return code;
}

static dnnl_status_t run_slice(job *j, dnnl_stream_t stream, int index, char *lane) {
    const onednn_call *call = j->call;
    const tap_product *p = &call->shape;
    const slicing *s = &call->slices;
    const int b = index / s->count, m0 = index % s->count * s->rows;
    const primitive *which = index % s->count == s->count - 1 ? s->last : s->whole;
    const size_t size = number_size(which->key.type), block = (size_t)p->y_extent,
                 first = (size_t)m0 * (size_t)p->columns;
    char *matrix = lane + lines(span_of(p, s->rows) * size);
    char *scratch = matrix + lines((size_t)s->rows * (size_t)which->key.depth * size);
    const float *x = (const float *)j->at[X] + (size_t)b * (size_t)p->rows_in * (size_t)p->channels;
    const product_addends *a = &call->addends;
    const size_t residual_b =
        (size_t)(b / a->batches) * (size_t)a->eval_step + (size_t)(b % a->batches) * (size_t)a->batch_step;
    const void *const data[BUFFERS] = {
        [X] = gather(p, which->key.type, x, m0, which->key.rows, lane, matrix),
        [W] = j->at[W],
        [SCRATCH] = which->scratch_bytes ? scratch : NULL,
        [Y] = (float *)j->at[Y] + (size_t)b * block + first,
        [BIAS_BUFFER] = j->at[BIAS_BUFFER],
        [RESIDUAL] = a->residual ? (const float *)j->at[RESIDUAL] + residual_b * block + first : NULL};
    return multiply(j, stream, which, data);
}

static loris_status run_lane(void *user, int index) {
    job *j = user;
    const int slices = j->call->slices.count * j->call->shape.batch;
    char *lane = j->at[SCRATCH] + (size_t)index * j->call->lane_bytes;
    dnnl_stream_t stream;
    omp_set_num_threads(1);
    TRY(check(dnnl_stream_create(&stream, j->engine, dnnl_stream_default_flags), "dnnl_stream_create"));
    loris_status status = LORIS_OK;
    for (int i; status == LORIS_OK && (i = atomic_fetch_add(&j->next, 1)) < slices;)
        status = check(run_slice(j, stream, i, lane), "dnnl_primitive_execute");
    dnnl_stream_destroy(stream);
    return status;
}

static bool same_place(const onednn_call *call, const void *address) {
    for (int i = 0; i < call->parents; i++)
        if (call->address[i] == address)
            return true;
    return false;
}

/* In a thread of the OpenCL runtime: a failure is left for compute_pace() and compute_finish(). */
static void CL_CALLBACK run_native(void *copied) {
    const native_arguments *arguments = copied;
    const onednn_call *call = arguments->call;
    const backend *b = call->compute->backend_state;
    job j = {.call = call, .engine = b->engine};
    for (int i = 0; i < call->parents; i++)
        if (!same_place(call, arguments->parent[i])) {
            atomic_store(&call->compute->native_failed, 1);
            return;
        }
    for (int i = 0; i < BUFFERS; i++)
        j.at[i] = call->from[i] < 0 ? NULL : call->address[call->from[i]] + call->offset[i];
    j.at[SCRATCH] += (LINE - (uintptr_t)j.at[SCRATCH] % LINE) % LINE;
    atomic_init(&j.next, 0);
    if (worker_run(call->lanes, call->lanes, run_lane, &j) != LORIS_OK)
        atomic_store(&call->compute->native_failed, 1);
}

static loris_status enqueue_native(compute *c, cl_command_queue queue, void *state, const char *where,
                                   launch_events *events) {
    onednn_call *call = state;
    native_arguments arguments = {.call = call};
    const void *locations[BUFFERS];
    for (int i = 0; i < call->parents; i++) {
        arguments.parent[i] = call->parent[i];
        locations[i] = &arguments.parent[i];
    }
    return compute_check(c,
                         clEnqueueNativeKernel(queue, run_native, &arguments, sizeof arguments, (cl_uint)call->parents,
                                               call->parent, locations, 0, NULL, events ? &events->last : NULL),
                         "clEnqueueNativeKernel", where);
}

/* ---- lowering ---------------------------------------------------------------------------------------------------- */

typedef struct address_probe {
    char *address; /* filled in by OpenCL */
    char **out;
} address_probe;

static void CL_CALLBACK tell_address(void *copied) {
    const address_probe *probe = copied;
    *probe->out = probe->address;
}

static loris_status learn_address(compute *c, cl_mem buffer, char **out, const char *where) {
    address_probe probe = {.out = out};
    memcpy(&probe.address, &buffer, sizeof buffer);
    const void *location = &probe.address;
    TRY(compute_check(
        c, clEnqueueNativeKernel(c->queue, tell_address, &probe, sizeof probe, 1, &buffer, &location, 0, NULL, NULL),
        "clEnqueueNativeKernel", where));
    return compute_finish(c, where);
}

static loris_status set_buffer(onednn_call *call, int i, cl_mem buffer, const char *where) {
    cl_mem parent = NULL;
    TRY(compute_check(call->compute,
                      clGetMemObjectInfo(buffer, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof parent, &parent, NULL),
                      "clGetMemObjectInfo", where));
    if (!parent)
        parent = buffer;
    int slot = 0;
    while (slot < call->parents && call->parent[slot] != parent)
        slot++;
    if (slot == call->parents) {
        TRY(learn_address(call->compute, parent, &call->address[slot], where));
        call->parent[call->parents++] = parent;
    }
    call->from[i] = slot;
    return compute_check(call->compute,
                         clGetMemObjectInfo(buffer, CL_MEM_OFFSET, sizeof call->offset[i], &call->offset[i], NULL),
                         "clGetMemObjectInfo", where);
}

loris_status product_onednn_lower(lowering *l, const node *n, const tap_product *p) {
    compute *c = lowering_compute(l);
    onednn_call call = {.shape = *p, .addends = product_addends_of(n), .compute = c};
    TRY(slice(c, n, p, &call.slices));
    call.lanes = lanes_of(p, &call.slices);
    call.lane_bytes = lane_bytes(p, &call.slices);
    cl_mem buffers[BUFFERS] = {[X] = lowered_input(l, 0),
                               [W] = lowered_blocked(l, p, call.slices.whole),
                               [SCRATCH] = lowered_scratch(l),
                               [Y] = lowered_output(l)};
    if (call.addends.bias)
        buffers[BIAS_BUFFER] = product_lowered_bias(l, p, p->columns);
    if (call.addends.residual)
        buffers[RESIDUAL] = lowered_input(l, 1);
    TRY(lowering_status(l));
    for (int i = 0; i < BUFFERS; i++)
        call.from[i] = -1;
    for (int i = 0; i < BUFFERS; i++)
        if (buffers[i])
            TRY(set_buffer(&call, i, buffers[i], node_name(n)));
    launch_call(l, enqueue_native, &call, sizeof call, node_flop(n));
    return lowering_status(l);
}
