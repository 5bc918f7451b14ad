/* Placement: every tensor and scratch area gets its memory by lifetime, largest first, lowest free offset (greedy by
 * size). Slabs are as large as the device allows in one allocation; each tensor is a sub-buffer, so that kernels see
 * plain pointers. */
#include "plan/internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct request {
    cl_mem *buffer; /* receives the sub-buffer */
    const char *what;
    size_t bytes, offset;
    int first, last, slab;
} request;

static void lifetimes(plan *p) {
    net *n = p->net;
    for (int i = 1; i < n->tensor_count; i++)
        n->tensors[i]->first = n->tensors[i]->last = -1;
    for (int k = 0; k < p->order_count; k++) {
        const node *o = p->order[k];
        tensor_info *out = tensor_of(n, o->out);
        if (out->first < 0)
            out->first = k;
        if (out->last < k)
            out->last = k;
        for (int i = 0; i < o->inputs; i++) {
            tensor_info *in = tensor_of(n, o->input[i]);
            if (in->producer && in->phase < o->phase) /* made once, read at every replay of a later phase */
                in->first = 0, in->last = NODE_LAST;
            else if (in->last < k)
                in->last = k;
        }
    }
    for (int i = 1; i < n->tensor_count; i++)
        if (n->tensors[i]->is_output && n->tensors[i]->first >= 0)
            n->tensors[i]->first = 0, n->tensors[i]->last = NODE_LAST;
}

static size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

static int larger_first(const void *a, const void *b) {
    const request *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->first - y->first;
}

/* The lowest offset in `slab` that is free during the request's life; SIZE_MAX when it does not fit. */
static size_t free_offset(const request *r, const request *placed, int count, int slab, size_t limit) {
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < count; i++) {
            const request *o = &placed[i];
            bool together = o->slab == slab && o->first <= r->last && r->first <= o->last;
            if (together && o->offset < offset + r->bytes && offset < o->offset + o->bytes) {
                offset = o->offset + o->bytes;
                moved = true;
            }
        }
    }
    return offset + r->bytes <= limit ? offset : SIZE_MAX;
}

static loris_status assign_offsets(plan *p, request *requests, int count) {
    const device *d = &p->compute->dev;
    size_t limit = d->max_alloc / d->alignment * d->alignment;
    qsort(requests, (size_t)count, sizeof *requests, larger_first);
    for (int i = 0; i < count; i++) {
        request *r = &requests[i];
        if (r->bytes > limit)
            return fail(LORIS_ERROR_DEVICE, "choose another device, or a shorter window",
                        "%s: %s needs %zu MB, %s allocates at most %zu MB at once", p->net->name, r->what,
                        r->bytes >> 20, d->name, limit >> 20);
        r->slab = 0;
        while ((r->offset = free_offset(r, requests, i, r->slab, limit)) == SIZE_MAX)
            r->slab++;
        if (r->slab >= p->slab_count)
            p->slab_count = r->slab + 1;
    }
    p->slabs = arena_alloc(p->memory, (size_t)p->slab_count, sizeof *p->slabs);
    p->slab_bytes = arena_alloc(p->memory, (size_t)p->slab_count, sizeof *p->slab_bytes);
    if (arena_failed(p->memory))
        return fail_memory("a plan");
    for (int i = 0; i < count; i++)
        if (requests[i].offset + requests[i].bytes > p->slab_bytes[requests[i].slab])
            p->slab_bytes[requests[i].slab] = requests[i].offset + requests[i].bytes;
    return LORIS_OK;
}

static loris_status make_buffers(plan *p, request *requests, int count) {
    for (int s = 0; s < p->slab_count; s++) {
        p->memory_bytes += p->slab_bytes[s];
        if (!p->draft)
            TRY(buffer_new(p->compute, &p->slabs[s], p->slab_bytes[s], NULL, p->net->name));
    }
    if (p->draft)
        return LORIS_OK;
    for (int i = 0; i < count; i++) {
        request *r = &requests[i];
        cl_buffer_region region = {r->offset, r->bytes};
        cl_int error;
        *r->buffer =
            clCreateSubBuffer(p->slabs[r->slab], CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &error);
        TRY(compute_check(p->compute, error, "clCreateSubBuffer", r->what));
    }
    return LORIS_OK;
}

/* Inputs and states have buffers of their own: callers write, read and copy them. */
static loris_status make_named_buffers(plan *p) {
    net *n = p->net;
    for (int i = 1; i < n->tensor_count; i++) {
        tensor_info *t = n->tensors[i];
        size_t bytes = shape_elements(t->shape) * storage_size(t->type);
        if (!(t->is_input || t->is_state))
            continue;
        if (t->bound) {
            size_t have = 0;
            TRY(compute_check(p->compute, clGetMemObjectInfo(t->bound, CL_MEM_SIZE, sizeof have, &have, NULL),
                              "clGetMemObjectInfo", t->name));
            if (have < bytes)
                return fail(LORIS_ERROR_INTERNAL, NULL, "%s: %s is bound to %zu bytes and needs %zu", n->name, t->name,
                            have, bytes);
            t->buffer = t->bound;
        } else if (!(p->draft && t->is_bound)) {
            p->memory_bytes += bytes;
            if (!p->draft)
                TRY(buffer_new(p->compute, &t->buffer, bytes, NULL, t->name));
        }
    }
    return LORIS_OK;
}

/* What node k needs while it runs: scratch memory, and weights that do not stay. */
static int node_requests(node *n, int k, size_t unit, request *out) {
    int count = 0;
    if (n->scratch_bytes)
        out[count++] = (request){.buffer = &n->scratch, .bytes = round_up(n->scratch_bytes, unit)};
    for (int i = 0; n->staged && i < n->weight_count; i++)
        if (n->staged[i].bytes)
            out[count++] = (request){.buffer = &n->staged[i].place, .bytes = round_up(n->staged[i].bytes, unit)};
    for (int i = 0; i < count; i++) {
        out[i].what = n->name;
        out[i].first = out[i].last = k;
    }
    return count;
}

loris_status place_tensors(plan *p) {
    net *n = p->net;
    lifetimes(p);
    request *requests =
        calloc((size_t)n->tensor_count + (size_t)p->order_count * (1 + NODE_MAX_WEIGHTS), sizeof *requests);
    if (!requests)
        return fail_memory("a plan");
    int count = 0;
    size_t unit = p->compute->dev.alignment;
    for (int i = 1; i < n->tensor_count; i++) {
        tensor_info *t = n->tensors[i];
        if (t->producer && t->first >= 0)
            requests[count++] = (request){.buffer = &t->buffer,
                                          .what = t->producer->name,
                                          .first = t->first,
                                          .last = t->last,
                                          .bytes = round_up(shape_elements(t->shape) * storage_size(t->type), unit)};
    }
    for (int k = 0; k < p->order_count; k++)
        count += node_requests(p->order[k], k, unit, requests + count);
    loris_status status = make_named_buffers(p);
    if (status == LORIS_OK)
        status = assign_offsets(p, requests, count);
    if (status == LORIS_OK)
        status = make_buffers(p, requests, count);
    free(requests);
    return status;
}

void plan_release_objects(plan *p) {
    for (int i = 1; i < p->net->tensor_count; i++) {
        tensor_info *t = p->net->tensors[i];
        if (!t->bound)
            buffer_free(&t->buffer);
    }
    for (int k = 0; k < p->order_count; k++) {
        buffer_free(&p->order[k]->scratch);
        for (int i = 0; p->order[k]->staged && i < p->order[k]->weight_count; i++)
            buffer_free(&p->order[k]->staged[i].place);
    }
    for (int s = 0; s < p->slab_count && p->slabs; s++)
        buffer_free(&p->slabs[s]);
}
