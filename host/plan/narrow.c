/* Narrowing: what every reader rounds to bf16 anyway is stored in bf16 by its producer, where it can: the same results
 * with half the memory, half the traffic and no conversion on the way. */
#include "plan/internal.h"

static bool reads_narrow(const plan *p, const node *n, int i) {
    return n->operation->takes_bf16 && n->operation->takes_bf16(p->compute, n, i);
}

void narrow_tensors(plan *p) {
    net *n = p->net;
    for (int i = 1; i < n->tensor_count; i++) {
        tensor_info *t = n->tensors[i];
        const node *from = t->producer;
        t->narrow = from && from->index >= 0 && !from->in_place && t->type == STORE_F32 && !t->is_output &&
                    from->operation->gives_bf16 && from->operation->gives_bf16(p->compute, from);
    }
    for (int k = 0; k < p->order_count; k++)
        for (int i = 0; i < p->order[k]->inputs; i++) {
            tensor_info *t = tensor_of(n, p->order[k]->input[i]);
            t->narrow = t->narrow && reads_narrow(p, p->order[k], i);
        }
    for (int k = 0; k < p->order_count; k++) {
        node *o = p->order[k];
        tensor_info *out = tensor_of(n, o->out);
        if (out->narrow) {
            out->type = STORE_BF16;
            o->bytes -= 2.0 * (double)shape_elements(out->shape);
        }
        for (int i = 0; i < o->inputs; i++)
            if (tensor_of(n, o->input[i])->narrow)
                o->bytes -= 2.0 * (double)shape_elements(tensor_of(n, o->input[i])->shape);
    }
}
