/* Staging: the weights of phases that run once in a while (load, clip, run) do not stay on the device. They are packed
 * from the model's file each time before their node runs, into a place that they share, by lifetime, with activations;
 * packing on the host goes on beside what the device is still computing. Small ones stay: they cost more to write than
 * to keep. */
#include "plan/internal.h"

#include <stdlib.h>
#include <string.h>

static const size_t least_bytes = (size_t)256 << 10;

loris_status stage_weights(plan *p) {
    for (int k = 0; k < p->order_count; k++) {
        node *n = p->order[k];
        if (n->phase == PHASE_STEP || !n->weight_count)
            continue;
        n->staged = arena_alloc(p->memory, (size_t)n->weight_count, sizeof *n->staged);
        if (!n->staged)
            return fail_memory("a plan");
        for (int i = 0; i < n->weight_count; i++) {
            const size_t bytes = n->weights[i].entry ? n->weights[i].entry->source->count * sizeof(float) : 0;
            n->staged[i].bytes = bytes >= least_bytes ? bytes : 0;
        }
    }
    return LORIS_OK;
}

loris_status stage_take(plan *p, const node *n, int i, weight_packer *pack, const void *layout, size_t layout_size,
                        size_t count, number_type type, cl_mem *out) {
    staged_weight *s = n->staged ? &n->staged[i] : NULL;
    if (!s || s->entry || s->bytes < count * number_size(type))
        return LORIS_OK; /* it stays, as does what an operation packs in a second way, or with much padding */
    void *copy = arena_alloc(p->memory, layout_size ? layout_size : 1, 1);
    if (!copy)
        return fail_memory("a plan");
    if (layout_size)
        memcpy(copy, layout, layout_size);
    s->entry = n->weights[i].entry;
    s->pack = pack;
    s->layout = copy;
    s->count = count;
    s->type = type;
    *out = s->place;
    return LORIS_OK;
}

loris_status stage_fill(plan *p, const node *n) {
    for (int i = 0; n->staged && i < n->weight_count; i++) {
        const staged_weight *s = &n->staged[i];
        if (!s->entry)
            continue;
        void *numbers;
        TRY(compute_check(p->compute, clFlush(p->compute->queue), "clFlush", n->name));
        TRY(weights_pack(p->net->weights, s->entry, s->pack, s->layout, s->count, s->type, &numbers));
        loris_status status =
            buffer_write(p->compute, s->place, 0, numbers, s->count * number_size(s->type), s->entry->name);
        free(numbers);
        TRY(status);
    }
    return LORIS_OK;
}
