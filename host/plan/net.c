/* Recording: shapes, phases, scopes, weights, and common nodes found again. */
#include "plan/net.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/internal.h"

size_t shape_elements(shape s) {
    return shape_rows(s) * (size_t)s.channels;
}

size_t shape_rows(shape s) {
    return (size_t)s.evals * (size_t)s.batch * (size_t)s.depth * (size_t)s.height * (size_t)s.length;
}

bool shape_equal(shape a, shape b) {
    return a.evals == b.evals && a.batch == b.batch && a.depth == b.depth && a.height == b.height &&
           a.length == b.length && a.channels == b.channels;
}

const char *shape_text(shape s, char buffer[96]) {
    int at = 0;
    buffer[at++] = '[';
    if (s.evals != 1)
        at += snprintf(buffer + at, 16, "%dx", s.evals);
    at += snprintf(buffer + at, 16, "%d,", s.batch);
    if (s.depth != 1)
        at += snprintf(buffer + at, 16, "%d,", s.depth);
    if (s.height != 1 || s.depth != 1)
        at += snprintf(buffer + at, 16, "%d,", s.height);
    snprintf(buffer + at, 32, "%d,%d]", s.length, s.channels);
    return buffer;
}

size_t storage_size(storage s) {
    return s == STORE_U8 ? 1 : s == STORE_BF16 ? 2 : 4;
}

static const char *phase_names[PHASE_COUNT] = {"load", "clip", "run", "step"};

const char *phase_name(phase p) {
    return phase_names[p];
}

/* ---- the net ----------------------------------------------------------------------------------------------------- */

net *net_new(compute *c, const weights *w, const char *name, int evals) {
    arena *memory = arena_new();
    net *n = arena_alloc(memory, 1, sizeof *n);
    if (!n) {
        arena_free(memory);
        return NULL;
    }
    n->memory = memory;
    n->compute = c;
    n->weights = w;
    n->name = arena_strdup(memory, name);
    n->evals = evals > 0 ? evals : 1;
    n->tensor_count = 1;
    return n;
}

void net_free(net *n) {
    if (!n)
        return;
    free(n->tensors);
    free(n->nodes);
    arena_free(n->memory);
}

compute *net_compute(const net *n) {
    return n->compute;
}

bool net_failed(const net *n) {
    return !n || n->error.status != LORIS_OK;
}

tensor net_keep_failure(net *n, loris_status status) {
    if (n && n->error.status == LORIS_OK) {
        error_take(&n->error);
        n->error.status = status;
    }
    return (tensor){0};
}

tensor net_fail(net *n, loris_status status, const char *hint, const char *format, ...) {
    if (net_failed(n))
        return (tensor){0};
    char message[ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return net_keep_failure(n, fail(status, hint, "%s: %s%s", n->name, n->scope, message));
}

static tensor new_tensor(net *n, tensor_info info) {
    if (n->tensor_count >= n->tensor_capacity) {
        int capacity = n->tensor_capacity ? 2 * n->tensor_capacity : 256;
        tensor_info **tensors = realloc(n->tensors, (size_t)capacity * sizeof *tensors);
        if (!tensors)
            return net_keep_failure(n, fail_memory("a network's tensors"));
        n->tensors = tensors;
        n->tensor_capacity = capacity;
    }
    tensor_info *t = arena_alloc(n->memory, 1, sizeof *t);
    if (!t)
        return net_keep_failure(n, fail_memory("a network's tensors"));
    *t = info;
    n->tensors[n->tensor_count] = t;
    return (tensor){n->tensor_count++};
}

static bool shape_valid(shape s) {
    const int sides[6] = {s.evals, s.batch, s.depth, s.height, s.length, s.channels};
    double elements = 1;
    for (int i = 0; i < 6; i++) {
        if (sides[i] < 1)
            return false;
        elements *= sides[i];
    }
    return elements <= INT32_MAX; /* kernels count in int */
}

static tensor named_tensor(net *n, const char *name, phase p, shape s, storage type, bool is_state) {
    char dims[96];
    if (net_failed(n))
        return (tensor){0};
    if (!shape_valid(s))
        return net_fail(n, LORIS_ERROR_ARGUMENT, NULL, "input %s has the impossible shape %s", name,
                        shape_text(s, dims));
    return new_tensor(n, (tensor_info){.shape = s,
                                       .type = type,
                                       .phase = p,
                                       .name = arena_strdup(n->memory, name),
                                       .is_input = !is_state,
                                       .is_state = is_state});
}

tensor net_input(net *n, const char *name, phase p, shape s, storage type) {
    return named_tensor(n, name, p, s, type, false);
}

tensor net_state(net *n, const char *name, shape s, storage type) {
    return named_tensor(n, name, PHASE_STEP, s, type, true);
}

void net_bind(net *n, tensor t, cl_mem buffer) {
    if (net_failed(n))
        return;
    tensor_of(n, t)->is_bound = true;
    tensor_of(n, t)->bound = buffer;
}

void net_output(net *n, const char *name, tensor t) {
    if (net_failed(n))
        return;
    tensor_info *info = tensor_of(n, t);
    if (info->name) {
        net_fail(n, LORIS_ERROR_INTERNAL, NULL, "output %s has a name already: %s", name, info->name);
        return;
    }
    info->is_output = true;
    info->name = arena_strdup(n->memory, name);
}

int net_parameter(net *n, const char *name) {
    if (net_failed(n))
        return 0;
    if (n->parameter_count == PARAMETER_MAX) {
        net_fail(n, LORIS_ERROR_INTERNAL, NULL, "more than %d parameters", PARAMETER_MAX);
        return 0;
    }
    n->parameters[n->parameter_count] = arena_strdup(n->memory, name);
    return n->parameter_count++;
}

shape shape_of(const net *n, tensor t) {
    return net_failed(n) || !t.id ? shape_1d(1, 1, 1) : tensor_of(n, t)->shape;
}

phase phase_of(const net *n, tensor t) {
    return net_failed(n) || !t.id ? PHASE_LOAD : tensor_of(n, t)->phase;
}

/* ---- scopes and weights ------------------------------------------------------------------------------------------ */

void enter(net *n, const char *format, ...) {
    if (net_failed(n))
        return;
    size_t length = strlen(n->scope);
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(n->scope + length, SCOPE_MAX - length, format, arguments);
    va_end(arguments);
    if (n->scope_depth == 32 || written < 0 || length + (size_t)written >= SCOPE_MAX) {
        n->scope[length] = 0;
        net_fail(n, LORIS_ERROR_INTERNAL, NULL, "scopes nest too deeply");
        return;
    }
    n->scope_length[n->scope_depth++] = length;
}

void leave(net *n) {
    if (!net_failed(n) && n->scope_depth > 0)
        n->scope[n->scope_length[--n->scope_depth]] = 0;
}

const char *scope_of(const net *n) {
    return n->scope;
}

static void full_name(const net *n, const char *name, char full[2 * SCOPE_MAX]) {
    snprintf(full, 2 * SCOPE_MAX, "%s%s", n->scope, name);
}

static const weight_entry *find_weight(const net *n, const char *name) {
    char full[2 * SCOPE_MAX];
    if (net_failed(n) || !n->weights)
        return NULL;
    full_name(n, name, full);
    return weights_find(n->weights, full);
}

bool has(net *n, const char *name) {
    return find_weight(n, name) != NULL;
}

int net_weight_rank(net *n, const char *name) {
    const weight_entry *e = find_weight(n, name);
    return e ? e->source->rank : 0;
}

int net_weight_outputs(net *n, const char *at) {
    char name[SCOPE_MAX];
    snprintf(name, sizeof name, "%s.weight", at);
    const weight_entry *e = find_weight(n, name);
    return e && e->source->rank > 0 && e->source->dim[0] <= INT32_MAX ? (int)e->source->dim[0] : 0;
}

static void dims_text(char *out, size_t size, int rank, const int64_t *dim) {
    size_t at = (size_t)snprintf(out, size, "[");
    for (int i = 0; i < rank && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, i ? ",%lld" : "%lld", (long long)dim[i]);
    if (at < size)
        snprintf(out + at, size - at, "]");
}

weight net_weight(net *n, const char *name, int rank, const int64_t *dim) {
    if (net_failed(n))
        return (weight){0};
    char full[2 * SCOPE_MAX], want[128], got[128];
    full_name(n, name, full);
    const weight_entry *e = n->weights ? weights_find_or_make(n->weights, full, rank, dim) : NULL;
    dims_text(want, sizeof want, rank, dim);
    if (!e) {
        net_fail(n, LORIS_ERROR_INPUT, "is this the model that its configuration describes?",
                 "%s: the model lacks this tensor, of shape %s", name, want);
        return (weight){0};
    }
    const safetensor *t = e->source;
    bool same = t->rank == rank;
    for (int i = 0; same && i < rank; i++)
        same = t->dim[i] == dim[i];
    if (!same) {
        dims_text(got, sizeof got, t->rank, t->dim);
        net_fail(n, LORIS_ERROR_INPUT, "do the hyper-parameters in its configuration belong to these weights?",
                 "%s: the network wants shape %s, the model has %s", name, want, got);
        return (weight){0};
    }
    weights_mark_used(e);
    return (weight){e};
}

weight net_weight_1d(net *n, const char *name, int64_t d0) {
    return net_weight(n, name, 1, (const int64_t[]){d0});
}

weight net_weight_2d(net *n, const char *name, int64_t d0, int64_t d1) {
    return net_weight(n, name, 2, (const int64_t[]){d0, d1});
}

weight net_weight_3d(net *n, const char *name, int64_t d0, int64_t d1, int64_t d2) {
    return net_weight(n, name, 3, (const int64_t[]){d0, d1, d2});
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

/* A step that reads what the run phase made for all evaluations wants one row of it: this operation copies it. */
static loris_status select_lower(lowering *l, const node *n) {
    size_t elements = shape_elements(node_out_shape(n));
    launch_kernel(l, "select", "select_row", "%s", "");
    input_argument(l, 0);
    evaluation_argument(l, 0);
    output_argument(l);
    int_argument(l, (int)elements);
    launch_range(l, 1, (const size_t[3]){elements}, (const size_t[3]){64}, -1);
    return lowering_status(l);
}

static const op select_op = {.name = "select", .reads_evaluations = true, .lower = select_lower};

static node *find_equal(net *n, const node_request *r) {
    for (int i = 0; i < r->inputs; i++)
        if (tensor_of(n, r->input[i])->is_state)
            return NULL; /* its value changes between the two */
    for (int k = 0; k < n->node_count; k++) {
        node *o = n->nodes[k];
        if (o->operation == r->operation && o->inputs == r->inputs && o->weight_count == r->weight_count &&
            o->parameter_size == r->parameter_size && !o->in_place &&
            !memcmp(o->input, r->input, (size_t)r->inputs * sizeof *r->input) &&
            !memcmp(o->weights, r->weights, (size_t)r->weight_count * sizeof *r->weights) &&
            !memcmp(o->parameters, r->parameters, r->parameter_size))
            return o;
    }
    return NULL;
}

static node *new_node(net *n) {
    if (n->node_count >= n->node_capacity) {
        int capacity = n->node_capacity ? 2 * n->node_capacity : 256;
        node **nodes = realloc(n->nodes, (size_t)capacity * sizeof *nodes);
        if (!nodes) {
            net_keep_failure(n, fail_memory("a network's nodes"));
            return NULL;
        }
        n->nodes = nodes;
        n->node_capacity = capacity;
    }
    node *o = arena_alloc(n->memory, 1, sizeof *o);
    if (!o) {
        net_keep_failure(n, fail_memory("a network's nodes"));
        return NULL;
    }
    o->owner = n;
    o->index = n->node_count;
    n->nodes[n->node_count++] = o;
    return o;
}

tensor net_append(net *n, const node_request *request) {
    if (net_failed(n))
        return (tensor){0};
    node_request r = *request;
    if (r.inputs > NODE_MAX_INPUTS || r.weight_count > NODE_MAX_WEIGHTS || r.parameter_size > NODE_MAX_PARAMETERS)
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%s: a node that large does not fit", r.label);

    phase p = r.writes.id ? PHASE_STEP : PHASE_LOAD;
    for (int i = 0; i < r.inputs; i++) {
        if (!r.input[i].id)
            return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%s: input %d is missing", r.label, i);
        if (phase_of(n, r.input[i]) > p)
            p = phase_of(n, r.input[i]);
    }
    r.out.evals = 1;
    for (int i = 0; i < r.inputs; i++) {
        tensor_info *t = tensor_of(n, r.input[i]);
        if (p == PHASE_RUN && t->shape.evals > r.out.evals)
            r.out.evals = t->shape.evals;
        if (p == PHASE_STEP && t->phase == PHASE_RUN && t->shape.evals > 1 && !r.operation->reads_evaluations) {
            shape row = t->shape;
            row.evals = 1;
            tensor copy = net_append(n, &(node_request){.operation = &select_op,
                                                        .label = "select",
                                                        .input = {r.input[i]},
                                                        .inputs = 1,
                                                        .out = row,
                                                        .type = t->type,
                                                        .bytes = 8.0 * (double)shape_elements(row)});
            r.input[i] = copy;
            if (net_failed(n))
                return (tensor){0};
        }
    }
    if (r.operation == &select_op) {
        p = PHASE_STEP; /* although it depends on the noise levels alone: the row differs from step to step */
        r.out.evals = 1;
    }

    char dims[96];
    if (!shape_valid(r.out))
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%s: impossible shape %s", r.label, shape_text(r.out, dims));
    if (!r.writes.id) {
        node *equal = find_equal(n, &r);
        if (equal)
            return equal->out;
    } else if (!tensor_of(n, r.writes)->is_state || !shape_equal(tensor_of(n, r.writes)->shape, r.out))
        return net_fail(n, LORIS_ERROR_INTERNAL, NULL, "%s: writes a tensor that is no state of its shape", r.label);

    node *o = new_node(n);
    if (!o)
        return (tensor){0};
    o->operation = r.operation;
    o->name = arena_printf(n->memory, "%s%s", n->scope, r.label);
    memcpy(o->input, r.input, sizeof o->input);
    o->inputs = r.inputs;
    memcpy(o->weights, r.weights, sizeof o->weights);
    o->weight_count = r.weight_count;
    if (r.parameter_size)
        memcpy(o->parameters, r.parameters, r.parameter_size);
    o->parameter_size = r.parameter_size;
    o->phase = p;
    o->flop = r.flop;
    o->bytes = r.bytes;
    o->written = r.written;
    o->in_place = r.writes.id != 0;
    o->out = o->in_place ? r.writes
                         : new_tensor(n, (tensor_info){.shape = r.out, .type = r.type, .phase = p, .producer = o});
    return o->out;
}
