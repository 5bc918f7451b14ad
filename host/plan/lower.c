/* Lowering: each node becomes launches of kernels (or host calls), all kernels one program, all arguments set once. */
#include "plan/lower.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/internal.h"

/* What a byte of memory traffic costs in FLOP when work is paced: the balance of common CPUs and GPUs within a factor
 * of 4. */
static const double FLOP_PER_BYTE = 4;

/* ---- facts about a node ------------------------------------------------------------------------------------------ */

const op *node_op(const node *n) {
    return n->operation;
}

const char *node_name(const node *n) {
    return n->name;
}

int node_inputs(const node *n) {
    return n->inputs;
}

shape node_input_shape(const node *n, int i) {
    return tensor_of(n->owner, n->input[i])->shape;
}

bool node_input_is_run(const node *n, int i) {
    return n->phase == PHASE_STEP && tensor_of(n->owner, n->input[i])->phase == PHASE_RUN;
}

shape node_out_shape(const node *n) {
    return tensor_of(n->owner, n->out)->shape;
}

storage node_input_storage(const node *n, int i) {
    return tensor_of(n->owner, n->input[i])->type;
}

storage node_out_storage(const node *n) {
    return tensor_of(n->owner, n->out)->type;
}

void *node_parameters(const node *n) {
    return (void *)n->parameters;
}

bool node_add_input(node *producer, const node *from, int position) {
    if (producer->inputs == NODE_MAX_INPUTS)
        return false;
    producer->input[producer->inputs++] = from->input[position];
    return true;
}

const weight_entry *node_weight(const node *n, int i) {
    return i < n->weight_count ? n->weights[i].entry : NULL;
}

int node_variant(const node *n) {
    return n->variant;
}

void node_set_variant(node *n, int variant, const char *name) {
    n->variant = variant;
    n->variant_name = name;
}

void node_explain_variant(node *n, const char *why) {
    n->variant_reason = why;
}

void node_set_backend(node *n, const char *name) {
    n->backend = name;
}

void node_scratch(node *n, size_t bytes) {
    n->scratch_bytes = bytes;
}

double node_flop(const node *n) {
    return n->flop;
}

double node_bytes(const node *n) {
    return n->bytes;
}

void node_set_cost(node *n, double flop, double bytes) {
    n->flop = flop;
    n->bytes = bytes;
}

/* ---- launches ---------------------------------------------------------------------------------------------------- */

compute *lowering_compute(lowering *l) {
    return l->plan->compute;
}

loris_status lowering_status(const lowering *l) {
    return l->status;
}

static void keep(lowering *l, loris_status status) {
    if (l->status == LORIS_OK)
        l->status = status;
}

static launch *new_launch(lowering *l) {
    plan *p = l->plan;
    launch *a = arena_alloc(p->memory, 1, sizeof *a);
    if (!a) {
        keep(l, fail_memory("a plan"));
        return NULL;
    }
    a->node = l->node;
    a->split = -1;
    phase which = l->node->phase;
    *p->tail[which] = a;
    p->tail[which] = &a->next;
    p->launch_count[which]++;
    l->current = a;
    return a;
}

void launch_kernel(lowering *l, const char *file, const char *kernel, const char *defines, ...) {
    if (l->status != LORIS_OK)
        return;
    char macros[1024];
    va_list arguments;
    va_start(arguments, defines);
    int length = vsnprintf(macros, sizeof macros, defines, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof macros) {
        keep(l, fail(LORIS_ERROR_INTERNAL, NULL, "%s: its macros are too long", l->node->name));
        return;
    }
    launch *a = new_launch(l);
    if (!a)
        return;
    a->kernel_name = kernel;
    keep(l, program_section(l->plan->program, file, macros, &a->section));
}

static void add_argument(lowering *l, argument value) {
    if (l->status != LORIS_OK)
        return;
    if (!l->current || l->current->argument_count == LAUNCH_MAX_ARGUMENTS) {
        keep(l, fail(LORIS_ERROR_INTERNAL, NULL, "%s: an argument too many", l->node->name));
        return;
    }
    l->current->arguments[l->current->argument_count++] = value;
}

void input_argument(lowering *l, int i) {
    add_argument(l, (argument){.kind = ARGUMENT_BUFFER, .buffer = lowered_input(l, i)});
}

void output_argument(lowering *l) {
    add_argument(l, (argument){.kind = ARGUMENT_BUFFER, .buffer = lowered_output(l)});
}

void scratch_argument(lowering *l) {
    add_argument(l, (argument){.kind = ARGUMENT_BUFFER, .buffer = lowered_scratch(l)});
}

void weight_argument(lowering *l, int i, const char *key, weight_packer *pack, const void *layout, size_t layout_size,
                     size_t count) {
    buffer_argument(l, lowered_weight(l, i, key, pack, layout, layout_size, count, TYPE_F32));
}

void buffer_argument(lowering *l, cl_mem buffer) {
    add_argument(l, (argument){.kind = ARGUMENT_BUFFER, .buffer = buffer});
}

void int_argument(lowering *l, int value) {
    add_argument(l, (argument){.kind = ARGUMENT_INT, .integer = value});
}

void float_argument(lowering *l, float value) {
    add_argument(l, (argument){.kind = ARGUMENT_FLOAT, .number = value});
}

void local_argument(lowering *l, size_t bytes) {
    add_argument(l, (argument){.kind = ARGUMENT_LOCAL, .size = bytes});
}

void parameter_argument(lowering *l, int parameter) {
    add_argument(l, (argument){.kind = ARGUMENT_PARAMETER, .integer = parameter});
}

void evaluation_argument(lowering *l, int i) {
    shape s = node_input_shape(l->node, i);
    bool moves = node_input_is_run(l->node, i) && s.evals > 1;
    add_argument(l, moves ? (argument){.kind = ARGUMENT_EVALUATION, .size = shape_elements(s) / (size_t)s.evals}
                          : (argument){.kind = ARGUMENT_INT, .integer = 0});
}

void launch_range(lowering *l, int dimensions, const size_t global[3], const size_t local[3], int split_dimension) {
    if (l->status != LORIS_OK)
        return;
    launch *a = l->current;
    size_t items = 1;
    a->dimensions = dimensions;
    a->split = split_dimension;
    for (int d = 0; d < dimensions; d++) {
        a->local[d] = local[d] ? local[d] : 1;
        a->global[d] = (global[d] + a->local[d] - 1) / a->local[d] * a->local[d];
        items *= a->local[d];
        if (a->local[d] > l->plan->compute->dev.max_work_item[d])
            keep(l, fail(LORIS_ERROR_INTERNAL, NULL, "%s: work-groups of %zu in dimension %d do not fit the device",
                         l->node->name, a->local[d], d));
    }
    if (items > l->plan->compute->dev.max_work_group)
        keep(l, fail(LORIS_ERROR_INTERNAL, NULL, "%s: work-groups of %zu items do not fit the device", l->node->name,
                     items));
}

void launch_call(lowering *l, host_call *call, const void *state, size_t size, double flop) {
    if (l->status != LORIS_OK)
        return;
    launch *a = new_launch(l);
    if (!a)
        return;
    a->call = call;
    a->work = flop;
    a->state = arena_alloc(l->plan->memory, 1, size ? size : 1);
    if (!a->state)
        keep(l, fail_memory("a plan"));
    else if (size)
        memcpy(a->state, state, size);
}

cl_mem lowered_input(lowering *l, int i) {
    if (l->status != LORIS_OK)
        return NULL;
    if (i < 0 || i >= l->node->inputs) {
        keep(l, fail(LORIS_ERROR_INTERNAL, NULL, "%s: it has no input %d", l->node->name, i));
        return NULL;
    }
    return tensor_of(l->plan->net, l->node->input[i])->buffer;
}

cl_mem lowered_output(lowering *l) {
    return tensor_of(l->plan->net, l->node->out)->buffer;
}

cl_mem lowered_scratch(lowering *l) {
    return l->node->scratch;
}

cl_mem lowered_weight(lowering *l, int i, const char *key, weight_packer *pack, const void *layout, size_t layout_size,
                      size_t count, number_type type) {
    const weight_entry *e = node_weight(l->node, i);
    cl_mem buffer = NULL;
    if (l->status != LORIS_OK)
        return NULL;
    if (!e)
        keep(l, fail(LORIS_ERROR_INTERNAL, NULL, "%s: it has no weight %d", l->node->name, i));
    else if (l->plan->draft)
        return NULL;
    else
        keep(l, stage_take(l->plan, l->node, i, pack, layout, layout_size, count, type, &buffer));
    if (e && !buffer && l->status == LORIS_OK)
        keep(l, weights_device(l->plan->net->weights, e, key, pack, layout, layout_size, count, type, &buffer));
    return buffer;
}

/* ---- the program and its arguments ------------------------------------------------------------------------------- */

static loris_status set_argument(plan *p, launch *a, int i) {
    const argument *g = &a->arguments[i];
    cl_int error = CL_SUCCESS;
    cl_uint zero = 0;
    switch (g->kind) {
    case ARGUMENT_BUFFER:
        error = clSetKernelArg(a->kernel, (cl_uint)i, sizeof g->buffer, &g->buffer);
        break;
    case ARGUMENT_INT:
        error = clSetKernelArg(a->kernel, (cl_uint)i, sizeof g->integer, &g->integer);
        break;
    case ARGUMENT_FLOAT:
        error = clSetKernelArg(a->kernel, (cl_uint)i, sizeof g->number, &g->number);
        break;
    case ARGUMENT_LOCAL:
        error = clSetKernelArg(a->kernel, (cl_uint)i, g->size, NULL);
        break;
    case ARGUMENT_PARAMETER:
    case ARGUMENT_EVALUATION:
        error = clSetKernelArg(a->kernel, (cl_uint)i, sizeof zero, &zero);
        p->dynamic[p->dynamic_count++] = (dynamic_argument){.launch = a, .index = i, .value = 0};
        break;
    }
    return compute_check(p->compute, error, "clSetKernelArg", a->node->name);
}

static loris_status make_kernels(plan *p) {
    int dynamic = 0;
    for (int which = 0; which < PHASE_COUNT; which++)
        for (launch *a = p->launches[which]; a; a = a->next)
            for (int i = 0; i < a->argument_count; i++)
                dynamic += a->arguments[i].kind == ARGUMENT_PARAMETER || a->arguments[i].kind == ARGUMENT_EVALUATION;
    p->dynamic = arena_alloc(p->memory, dynamic ? (size_t)dynamic : 1, sizeof *p->dynamic);
    if (!p->dynamic)
        return fail_memory("a plan");
    for (int which = 0; which < PHASE_COUNT; which++)
        for (launch *a = p->launches[which]; a; a = a->next) {
            if (a->call)
                continue;
            TRY(program_kernel(p->program, a->section, a->kernel_name, &a->kernel));
            for (int i = 0; i < a->argument_count; i++)
                TRY(set_argument(p, a, i));
        }
    return LORIS_OK;
}

/* "a, b": the kernels of the launches from `first` on, each once, then whose calls there are. */
static const char *kernel_names(plan *p, const node *n, const launch *first) {
    text names = {0};
    const char *last = "";
    bool calls = false;
    for (const launch *a = first; a; a = a->next) {
        calls = calls || a->call;
        if (a->call || !strcmp(last, a->kernel_name))
            continue;
        text_printf(&names, "%s%s", *last ? ", " : "", a->kernel_name);
        last = a->kernel_name;
    }
    if (calls)
        text_printf(&names, "%s%s", *last ? ", " : "", n->backend ? n->backend : n->operation->name);
    const char *copy = text_failed(&names) ? NULL : arena_strdup(p->memory, names.data ? names.data : "");
    text_free(&names);
    return copy;
}

static loris_status record_node(plan *p, node *n, const launch *first) {
    n->kernels = kernel_names(p, n, first);
    if (!n->kernels)
        return fail_memory("a plan");
    if (!p->compute->profile)
        return LORIS_OK;
    node_dims dims;
    const profile_node facts = node_facts(n, &dims);
    return profile_add(p->compute->profile, &facts, &n->record);
}

static void tell_observer(const plan *p, const launch *a) {
    const compute *c = p->compute;
    kernel_use use = {.kernel = a->kernel_name, .local = {1, 1, 1}};
    program_section_facts(p->program, a->section, &use.file, &use.defines);
    for (int d = 0; d < a->dimensions; d++)
        use.local[d] = a->local[d];
    for (int i = 0; i < a->argument_count; i++)
        if (a->arguments[i].kind == ARGUMENT_LOCAL)
            use.local_bytes += a->arguments[i].size;
    c->observer(c->observer_user, &use);
}

loris_status lower_nodes(plan *p) {
    bool kernels = false;
    for (int k = 0; k < p->order_count; k++) {
        node *n = p->order[k];
        lowering l = {.plan = p, .node = n};
        launch **before = p->tail[n->phase];
        loris_status status = n->operation->lower(&l, n);
        TRY(status != LORIS_OK ? status : l.status);
        int launches = 0;
        bool calls = false;
        for (launch *a = *before; a; a = a->next) {
            launches += !a->call;
            calls = calls || a->call;
        }
        for (launch *a = *before; a; a = a->next)
            if (!a->call) /* a node's kernels share its cost; beside host calls, which carry the FLOP, they only move
                             data */
                a->work = ((calls ? 0 : n->flop) + FLOP_PER_BYTE * n->bytes) / launches;
        kernels = kernels || launches > 0;
        TRY(record_node(p, n, *before));
        for (launch *a = *before; a && p->compute->observer; a = a->next)
            if (!a->call)
                tell_observer(p, a);
    }
    if (p->draft)
        return LORIS_OK;
    if (p->net->weights)
        TRY(weights_fill(p->net->weights));
    if (kernels)
        TRY(program_build(p->program));
    return make_kernels(p);
}
