/* Building a plan and replaying it. */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "plan/internal.h"

static loris_status order_nodes(plan *p) {
    net *n = p->net;
    p->order = arena_alloc(p->memory, n->node_count ? (size_t)n->node_count : 1, sizeof *p->order);
    if (!p->order)
        return fail_memory("a plan");
    for (int which = 0; which < PHASE_COUNT; which++)
        for (int k = 0; k < n->node_count; k++)
            if (n->nodes[k]->index >= 0 && n->nodes[k]->phase == (phase)which)
                p->order[p->order_count++] = n->nodes[k];
    return LORIS_OK;
}

static loris_status build(plan *p) {
    if (p->net->error.status != LORIS_OK)
        return error_put(&p->net->error);
    TRY(program_new(&p->program, p->compute));
    fold_nodes(p->net);
    TRY(order_nodes(p));
    for (int k = 0; k < p->order_count; k++)
        if (p->order[k]->operation->prepare)
            TRY(p->order[k]->operation->prepare(p->compute, p->order[k]));
    narrow_tensors(p);
    TRY(stage_weights(p));
    TRY(place_tensors(p));
    if (p->draft) /* lowered for those alone who want to know the kernels */
        return p->compute->observer ? lower_nodes(p) : LORIS_OK;
    TRY(lower_nodes(p));
    for (int which = 0; which < PHASE_COUNT; which++)
        if (p->launches[which])
            p->last_phase = (phase)which;
    return plan_run(p, PHASE_LOAD, 0);
}

static loris_status make_plan(plan **out, net *n, bool draft) {
    if (!n)
        return fail_memory("a network");
    arena *memory = arena_new();
    plan *p = arena_alloc(memory, 1, sizeof *p);
    if (!p) {
        arena_free(memory);
        net_free(n);
        return fail_memory("a plan");
    }
    p->memory = memory;
    p->compute = n->compute;
    p->net = n;
    p->draft = draft;
    for (int which = 0; which < PHASE_COUNT; which++)
        p->tail[which] = &p->launches[which];
    const double from = profile_now();
    loris_status status = build(p);
    profile_add_stage(p->compute, "build", from);
    if (status != LORIS_OK) {
        plan_free(p);
        return status;
    }
    *out = p;
    return LORIS_OK;
}

loris_status plan_build(plan **out, net *n) {
    return make_plan(out, n, false);
}

loris_status plan_draft(plan **out, net *n) {
    return make_plan(out, n, true);
}

void plan_free(plan *p) {
    if (!p)
        return;
    if (!p->draft && p->launch_count[PHASE_LOAD] + p->launch_count[PHASE_CLIP] + p->launch_count[PHASE_RUN] +
                             p->launch_count[PHASE_STEP] > 0)
        clFinish(p->compute->queue);
    for (int which = 0; which < PHASE_COUNT; which++)
        for (launch *a = p->launches[which]; a; a = a->next)
            if (a->kernel)
                clReleaseKernel(a->kernel);
    plan_release_objects(p);
    program_free(p->program);
    net_free(p->net);
    arena_free(p->memory);
}

/* ---- data in and out --------------------------------------------------------------------------------------------- */

static tensor_info *find_named(const plan *p, const char *name) {
    for (int i = 1; i < p->net->tensor_count; i++) {
        tensor_info *t = p->net->tensors[i];
        if (t->name && !strcmp(t->name, name))
            return t;
    }
    return NULL;
}

loris_status plan_buffer(plan *p, const char *name, cl_mem *buffer, size_t *bytes) {
    tensor_info *t = find_named(p, name);
    if (!t || !t->buffer)
        return fail(LORIS_ERROR_INTERNAL, NULL, "%s has nothing named %s", p->net->name, name);
    *buffer = t->buffer;
    *bytes = shape_elements(t->shape) * storage_size(t->type);
    return LORIS_OK;
}

static loris_status sized_buffer(plan *p, const char *name, size_t bytes, cl_mem *buffer) {
    size_t have;
    TRY(plan_buffer(p, name, buffer, &have));
    if (have != bytes)
        return fail(LORIS_ERROR_INTERNAL, NULL, "%s: %s holds %zu bytes, not %zu", p->net->name, name, have, bytes);
    return LORIS_OK;
}

loris_status plan_write(plan *p, const char *input, const void *data, size_t bytes) {
    cl_mem buffer;
    TRY(sized_buffer(p, input, bytes, &buffer));
    return buffer_write(p->compute, buffer, 0, data, bytes, input);
}

loris_status plan_read(plan *p, const char *output, void *data, size_t bytes) {
    cl_mem buffer;
    TRY(sized_buffer(p, output, bytes, &buffer));
    return buffer_read(p->compute, buffer, 0, data, bytes, output);
}

void plan_set(plan *p, int parameter, cl_uint value) {
    p->parameters[parameter] = value;
}

/* ---- replay ------------------------------------------------------------------------------------------------------ */

static loris_status update_arguments(plan *p, phase which, int evaluation) {
    for (int i = 0; i < p->dynamic_count; i++) {
        dynamic_argument *d = &p->dynamic[i];
        if (d->launch->node->phase != which)
            continue;
        const argument *g = &d->launch->arguments[d->index];
        cl_uint value =
            g->kind == ARGUMENT_PARAMETER ? p->parameters[g->integer] : (cl_uint)((size_t)evaluation * g->size);
        if (value == d->value)
            continue;
        TRY(compute_check(p->compute, clSetKernelArg(d->launch->kernel, (cl_uint)d->index, sizeof value, &value),
                          "clSetKernelArg", d->launch->node->name));
        d->value = value;
    }
    return LORIS_OK;
}

/* Enqueues a kernel, in several pieces when it is too long for one: a cancelled run must stop within a second. `first`:
 * of its node. */
static loris_status enqueue(compute *c, const launch *a, bool first) {
    size_t global[3] = {a->global[0], a->global[1], a->global[2]}, offset[3] = {0, 0, 0};
    int d = a->split;
    size_t step = d >= 0 ? global[d] : 0, whole = step;
    double work = a->work;
    double limit = compute_launch_flop(c);
    if (d >= 0 && work > limit) {
        size_t groups = whole / a->local[d], pieces = (size_t)(work / limit) + 1;
        step = (groups + pieces - 1) / pieces * a->local[d];
        work *= (double)step / (double)whole;
    }
    do {
        if (d >= 0)
            global[d] = whole - offset[d] < step ? whole - offset[d] : step;
        TRY(compute_pace(c, work, a->node->name));
        launch_events events = profile_begin(c);
        cl_int error = clEnqueueNDRangeKernel(c->queue, a->kernel, (cl_uint)a->dimensions, d >= 0 ? offset : NULL,
                                              global, a->local, 0, NULL, c->profile ? &events.last : NULL);
        TRY(compute_check(c, error, "clEnqueueNDRangeKernel", a->node->name));
        if (c->profile)
            TRY(profile_launch(c, a->node->record, first, events));
        first = false;
        if (d >= 0)
            offset[d] += step;
    } while (d >= 0 && offset[d] < whole);
    return LORIS_OK;
}

static loris_status enqueue_call(compute *c, const launch *a, bool first) {
    TRY(compute_pace(c, a->work, a->node->name));
    launch_events events = profile_begin(c);
    loris_status status = a->call(c, c->queue, a->state, a->node->name, c->profile ? &events : NULL);
    if (status == LORIS_OK && c->profile)
        return profile_launch(c, a->node->record, first, events);
    launch_events_release(&events);
    return status;
}

/* `only`: of its launches alone; NULL = all. */
static loris_status enqueue_phase(plan *p, phase which, int evaluation, const node *only) {
    compute *c = p->compute;
    if (evaluation < 0 || evaluation >= p->net->evals)
        return fail(LORIS_ERROR_INTERNAL, NULL, "%s: there is no evaluation %d", p->net->name, evaluation);
    TRY(update_arguments(p, which, evaluation));
    const node *before = NULL;
    for (const launch *a = p->launches[which]; a; a = a->next) {
        if (only && a->node != only)
            continue;
        if (a->node != before)
            TRY(stage_fill(p, a->node));
        TRY(a->call ? enqueue_call(c, a, a->node != before) : enqueue(c, a, a->node != before));
        before = a->node;
    }
    return LORIS_OK;
}

loris_status plan_run_node(plan *p, int k, int evaluation) {
    return enqueue_phase(p, p->order[k]->phase, evaluation, p->order[k]);
}

loris_status plan_run(plan *p, phase which, int evaluation) {
    TRY(enqueue_phase(p, which, evaluation, NULL));
    /* Some drivers finish compiling a kernel at its first launch, so the binary is worth keeping only after that. */
    if (which == p->last_phase && !p->stored) {
        p->stored = true;
        program_store(p->program);
    }
    return LORIS_OK;
}

/* ---- facts ------------------------------------------------------------------------------------------------------- */

size_t plan_memory(const plan *p) {
    return p->memory_bytes;
}

static bool weight_seen(const plan *p, int before, const weight_entry *e) {
    for (int k = 0; k < before; k++)
        for (int i = 0; i < p->order[k]->weight_count; i++)
            if (p->order[k]->weights[i].entry == e)
                return true;
    return false;
}

size_t plan_weights(const plan *p, size_t number) {
    size_t bytes = 0;
    for (int k = 0; k < p->order_count; k++) {
        const node *n = p->order[k];
        for (int i = 0; i < n->weight_count; i++) {
            const weight_entry *e = n->weights[i].entry;
            if (e && !(n->staged && n->staged[i].bytes) && !weight_seen(p, k, e))
                bytes += e->source->count * (e->source->rank > 1 ? number : sizeof(float));
        }
    }
    return bytes;
}

double plan_flop(const plan *p, phase which) {
    double sum = 0;
    for (int k = 0; k < p->order_count; k++)
        if (p->order[k]->phase == which)
            sum += p->order[k]->flop;
    return sum;
}

int plan_nodes(const plan *p, phase which) {
    int count = 0;
    for (int k = 0; k < p->order_count; k++)
        count += p->order[k]->phase == which;
    return count;
}

/* Bytes read: all of the inputs (of what a run made for all evaluations, one) and weights, unless the operation, which
 * counts what it moves, knows that it is less: a window of a clip, rows of a table, weights kept in 16 bits. */
static double bytes_read(const node *n, double written) {
    double sum = 0;
    for (int i = 0; i < n->inputs; i++) {
        const tensor_info *t = tensor_of(n->owner, n->input[i]);
        bool again = false;
        for (int k = 0; k < i; k++)
            again = again || n->input[k].id == n->input[i].id;
        const int rows = node_input_is_run(n, i) ? t->shape.evals : 1;
        sum += again ? 0 : (double)(shape_elements(t->shape) * storage_size(t->type)) / rows;
    }
    for (int i = 0; i < n->weight_count; i++)
        if (n->weights[i].entry)
            sum += 4.0 * (double)n->weights[i].entry->source->count;
    const double counted = n->bytes > written ? n->bytes - written : 0;
    return counted < sum ? counted : sum;
}

profile_node node_facts(const node *n, node_dims *dims) {
    const tensor_info *out = tensor_of(n->owner, n->out);
    const double written = n->written > 0 ? n->written : (double)(shape_elements(out->shape) * storage_size(out->type));
    return (profile_node){.network = n->owner->name,
                          .name = n->name,
                          .operation = n->operation->name,
                          .variant = n->variant_name ? n->variant_name : "-",
                          .reason = n->variant_reason ? n->variant_reason : "",
                          .backend = n->backend ? n->backend : "own",
                          .kernel = n->kernels ? n->kernels : "",
                          .phase = phase_name(n->phase),
                          .shape = shape_text(out->shape, *dims),
                          .flop = n->flop,
                          .read_bytes = bytes_read(n, written),
                          .written_bytes = written};
}

int plan_node_count(const plan *p) {
    return p->order_count;
}

profile_node plan_node(const plan *p, int k, char (*dims)[96]) {
    return node_facts(p->order[k], dims);
}

int plan_launches(const plan *p, phase which) {
    return p->launch_count[which];
}

void plan_describe(const plan *p, text *out) {
    for (int k = 0; k < p->order_count; k++) {
        const node *n = p->order[k];
        char dims[96];
        text_printf(out, "%-4s  %-16s  %-14s  %-20s  %10.4f GFLOP  %9.3f MB  %s\n", phase_name(n->phase),
                    n->operation->name, n->variant_name ? n->variant_name : "-", shape_text(node_out_shape(n), dims),
                    n->flop * 1e-9, n->bytes * 1e-6, n->name);
    }
}

loris_status plan_poison(plan *p) {
    const cl_uint nan = 0x7fc00000u;
    for (int s = 0; s < p->slab_count; s++) {
        cl_int error = clEnqueueFillBuffer(p->compute->queue, p->slabs[s], &nan, sizeof nan, 0,
                                           p->slab_bytes[s] / 4 * 4, 0, NULL, NULL);
        TRY(compute_check(p->compute, error, "clEnqueueFillBuffer", p->net->name));
    }
    return plan_run(p, PHASE_LOAD, 0);
}
