/* Folding: nodes that an earlier one can absorb, and nodes that nothing reads, disappear. */
#include "plan/internal.h"

#include <string.h>

static void count_consumers(net *n) {
    for (int i = 1; i < n->tensor_count; i++)
        n->tensors[i]->consumers = 0;
    for (int k = 0; k < n->node_count; k++)
        if (n->nodes[k]->index >= 0)
            for (int i = 0; i < n->nodes[k]->inputs; i++)
                tensor_of(n, n->nodes[k]->input[i])->consumers++;
}

/* May the producer of the consumer's input `position` run with all other inputs of the consumer at hand? */
static bool others_ready(const net *n, const node *producer, const node *consumer, int position) {
    for (int i = 0; i < consumer->inputs; i++) {
        const tensor_info *other = tensor_of(n, consumer->input[i]);
        if (i != position && (other->is_state || (other->producer && other->producer->index > producer->index)))
            return false;
    }
    return true;
}

static bool try_absorb(net *n, node *consumer, int position) {
    tensor_info *between = tensor_of(n, consumer->input[position]);
    node *producer = between->producer;
    if (!producer || producer->phase != consumer->phase || !producer->operation->absorb || between->consumers != 1 ||
        between->is_output || consumer->in_place || !others_ready(n, producer, consumer, position))
        return false;
    if (!producer->operation->absorb(producer, consumer, position))
        return false;
    producer->bytes += consumer->bytes - 2 * (double)(shape_elements(between->shape) * storage_size(between->type));
    producer->out = consumer->out;
    tensor_of(n, producer->out)->producer = producer;
    between->producer = NULL;
    between->consumers = 0;
    producer->flop += consumer->flop;
    consumer->index = -1;
    return true;
}

static void absorb_nodes(net *n) {
    for (int k = 0; k < n->node_count; k++) {
        node *consumer = n->nodes[k];
        /* Of several producers the later one: by then the other operand is there. */
        int best[NODE_MAX_INPUTS], count = 0;
        for (int i = 0; i < consumer->inputs; i++) {
            node *p = tensor_of(n, consumer->input[i])->producer;
            if (!p)
                continue;
            int at = count++;
            for (; at > 0 && tensor_of(n, consumer->input[best[at - 1]])->producer->index < p->index; at--)
                best[at] = best[at - 1];
            best[at] = i;
        }
        for (int i = 0; i < count; i++)
            if (try_absorb(n, consumer, best[i]))
                break;
    }
}

static void drop_unused(net *n) {
    for (int k = n->node_count - 1; k >= 0; k--) {
        node *o = n->nodes[k];
        const tensor_info *out = tensor_of(n, o->out);
        if (o->index < 0 || o->in_place || out->is_output || out->consumers > 0)
            continue;
        o->index = -1;
        for (int i = 0; i < o->inputs; i++)
            tensor_of(n, o->input[i])->consumers--;
    }
}

void fold_nodes(net *n) {
    count_consumers(n);
    absorb_nodes(n);
    count_consumers(n);
    drop_unused(n);
}
