/* Native kernels that share slices of work among threads, and the buffers they see. */
#include <omp.h>

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "core/worker.h"
#include "ops/onednn.h"

enum { MOST_LANES = 64 };

/* What stays the same from run to run. Sub-buffers are given as their parents and offsets: PoCL 3.1 hands native
 * kernels the parent's address. It also sorts the list of buffers but not where their addresses go; so each address is
 * learnt while the plan is built, from a native kernel with that buffer alone. A CPU device's buffers stay where they
 * are, and a run whose addresses are others fails. */
typedef struct native_call {
    onednn_slice *slice;
    int slices, lanes;
    size_t lane_bytes;
    compute *compute;
    dnnl_engine_t engine;
    cl_mem parent[ONEDNN_BUFFERS]; /* each once */
    char *address[ONEDNN_BUFFERS]; /* of parents */
    int parents;
    int from[ONEDNN_BUFFERS]; /* which parent, -1 when there is no buffer */
    size_t offset[ONEDNN_BUFFERS];
    _Alignas(16) unsigned char state[ONEDNN_STATE];
} native_call;

typedef struct native_arguments {
    const native_call *call;
    void *parent[ONEDNN_BUFFERS]; /* their addresses, filled in by OpenCL */
} native_arguments;

typedef struct job {
    const native_call *call;
    char *at[ONEDNN_BUFFERS];
    char *lanes;
    atomic_int next; /* slice */
} job;

static loris_status check(dnnl_status_t code, const char *call) {
    return code == dnnl_success
               ? LORIS_OK
               : fail(LORIS_ERROR_INTERNAL, "try --backend own", "oneDNN: %s: status %d", call, (int)code);
}

/* ---- lanes ------------------------------------------------------------------------------------------------------- */

size_t onednn_lines(size_t bytes) {
    return (bytes + ONEDNN_LINE - 1) / ONEDNN_LINE * ONEDNN_LINE;
}

static int lanes_of(int slices) {
    const int threads = worker_processors(), lanes = slices < threads ? slices : threads;
    return lanes < MOST_LANES ? lanes : MOST_LANES;
}

size_t onednn_scratch(int slices, size_t lane_bytes) {
    return (size_t)lanes_of(slices) * onednn_lines(lane_bytes) + ONEDNN_LINE;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

loris_status onednn_execute(const onednn_lane *lane, const onednn_primitive *p, const onednn_operands *data) {
    const struct {
        int argument;
        const dnnl_memory_desc_t *desc;
        const void *data;
    } operands[] = {{DNNL_ARG_SRC, &p->x, data->x},
                    {DNNL_ARG_WEIGHTS, &p->w, data->w},
                    {DNNL_ARG_BIAS, &p->bias, data->bias},
                    {DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, &p->residual, data->residual},
                    {DNNL_ARG_DST, &p->y, data->y},
                    {DNNL_ARG_SCRATCHPAD, p->scratch, p->scratch_bytes ? data->scratch : NULL}};
    dnnl_exec_arg_t arguments[sizeof operands / sizeof *operands];
    int count = 0;
    dnnl_status_t code = dnnl_success;
    for (size_t i = 0; i < sizeof operands / sizeof *operands && code == dnnl_success; i++)
        if (operands[i].data) {
            arguments[count].arg = operands[i].argument;
            code =
                dnnl_memory_create(&arguments[count].memory, operands[i].desc, lane->engine, (void *)operands[i].data);
            count += code == dnnl_success;
        }
    if (code == dnnl_success)
        code = dnnl_primitive_execute(p->run, lane->stream, count, arguments);
    for (int i = 0; i < count; i++)
        dnnl_memory_destroy(arguments[i].memory);
    return check(code, "dnnl_primitive_execute");
}

static loris_status run_lane(void *user, int index) {
    job *j = user;
    const native_call *call = j->call;
    onednn_lane lane = {
        .engine = call->engine, .at = j->at, .memory = j->lanes + (size_t)index * onednn_lines(call->lane_bytes)};
    omp_set_num_threads(1);
    TRY(check(dnnl_stream_create(&lane.stream, lane.engine, dnnl_stream_default_flags), "dnnl_stream_create"));
    loris_status status = LORIS_OK;
    for (int i; status == LORIS_OK && (i = atomic_fetch_add(&j->next, 1)) < call->slices;)
        status = call->slice(call->state, &lane, i);
    dnnl_stream_destroy(lane.stream);
    return status;
}

static bool same_place(const native_call *call, const void *address) {
    for (int i = 0; i < call->parents; i++)
        if (call->address[i] == address)
            return true;
    return false;
}

/* In a thread of the OpenCL runtime: a failure is left for compute_pace() and compute_finish(). */
static void CL_CALLBACK run_native(void *copied) {
    const native_arguments *arguments = copied;
    const native_call *call = arguments->call;
    job j = {.call = call};
    for (int i = 0; i < call->parents; i++)
        if (!same_place(call, arguments->parent[i])) {
            atomic_store(&call->compute->native_failed, 1);
            return;
        }
    for (int i = 0; i < ONEDNN_BUFFERS; i++)
        j.at[i] = call->from[i] < 0 ? NULL : call->address[call->from[i]] + call->offset[i];
    j.lanes = j.at[0] + (ONEDNN_LINE - (uintptr_t)j.at[0] % ONEDNN_LINE) % ONEDNN_LINE;
    atomic_init(&j.next, 0);
    if (worker_run(call->lanes, call->lanes, run_lane, &j) != LORIS_OK)
        atomic_store(&call->compute->native_failed, 1);
}

static loris_status enqueue_native(compute *c, cl_command_queue queue, void *state, const char *where,
                                   launch_events *events) {
    native_call *call = state;
    native_arguments arguments = {.call = call};
    const void *locations[ONEDNN_BUFFERS];
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

static loris_status set_buffer(native_call *call, int i, cl_mem buffer, const char *where) {
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

loris_status onednn_launch(lowering *l, const node *n, const onednn_work *work, const void *state, size_t size,
                           double flop) {
    compute *c = lowering_compute(l);
    native_call call = {.slice = work->slice,
                        .slices = work->slices,
                        .lanes = lanes_of(work->slices),
                        .lane_bytes = work->lane_bytes,
                        .compute = c};
    TRY(lowering_status(l));
    if (size > ONEDNN_STATE)
        return fail(LORIS_ERROR_INTERNAL, NULL, "%s: %zu bytes of state", node_name(n), size);
    memcpy(call.state, state, size);
    TRY(onednn_engine(c, &call.engine));
    for (int i = 0; i < ONEDNN_BUFFERS; i++) {
        call.from[i] = -1;
        if (work->buffers[i])
            TRY(set_buffer(&call, i, work->buffers[i], node_name(n)));
    }
    launch_call(l, enqueue_native, &call, sizeof call, flop);
    return lowering_status(l);
}
