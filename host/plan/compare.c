#include "plan/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan/internal.h"

static const double ROUNDOFF = 0x1p-24, ALWAYS = 64, PER_TERM = 8, BF16_PRODUCT = 0x1p-7;

/* One node of a plan, with its output read. */
typedef struct side {
    plan *plan;
    void *values;
} side;

static size_t output_bytes(const plan *p, int k) {
    const tensor_info *out = tensor_of(p->net, p->order[k]->out);
    return shape_elements(out->shape) * storage_size(out->type);
}

static loris_status run_side(side *s, int k) {
    const plan *p = s->plan;
    TRY(plan_run_node(s->plan, k, 0));
    return buffer_read(p->compute, tensor_of(p->net, p->order[k]->out)->buffer, 0, s->values, output_bytes(p, k),
                       p->order[k]->name);
}

static bool narrow(const profile_node *n) {
    return !strcmp(n->backend, "oneDNN") && strstr(n->variant, "bf16");
}

static double allowed_error(const node_comparison *c, size_t elements) {
    const double terms = c->want.flop / (double)elements;
    const double relative =
        ROUNDOFF * (ALWAYS + PER_TERM * sqrt(terms)) + (narrow(&c->want) != narrow(&c->got) ? BF16_PRODUCT : 0);
    return relative * c->scale;
}

static void compare_floats(node_comparison *c, const float *want, const float *got, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const double w = want[i], g = got[i];
        double error = w == g || (isnan(w) && isnan(g)) ? 0 : fabs(g - w);
        if (isnan(error))
            error = INFINITY;
        if (isfinite(w) && fabs(w) > c->scale)
            c->scale = fabs(w);
        if (error > c->error) {
            c->error = error;
            c->position = i;
        }
    }
    c->want_value = want[c->position];
    c->got_value = got[c->position];
    c->allowed = allowed_error(c, count);
}

static void compare_bytes(node_comparison *c, const uint8_t *want, const uint8_t *got, size_t bytes, size_t size) {
    size_t i = 0;
    while (i < bytes && want[i] == got[i])
        i++;
    c->error = i < bytes;
    c->position = i < bytes ? i / size : 0;
    if (i < bytes) {
        int32_t numbers[2] = {want[i], got[i]};
        if (size == sizeof numbers[0]) {
            memcpy(&numbers[0], want + c->position * size, size);
            memcpy(&numbers[1], got + c->position * size, size);
        }
        c->want_value = numbers[0];
        c->got_value = numbers[1];
    }
}

static loris_status compare_node(side *want, side *got, int k, node_visitor *visit, void *user) {
    char dims[2][96];
    node_comparison c = {.want = plan_node(want->plan, k, &dims[0]), .got = plan_node(got->plan, k, &dims[1])};
    const tensor_info *out = tensor_of(got->plan->net, got->plan->order[k]->out);
    const size_t bytes = output_bytes(want->plan, k);
    if (strcmp(c.want.name, c.got.name) != 0 || strcmp(c.want.operation, c.got.operation) != 0 ||
        strcmp(c.want.shape, c.got.shape) != 0 || bytes != output_bytes(got->plan, k))
        return fail(LORIS_ERROR_INTERNAL, NULL, "%s: node %d is %s on one device and %s on the other", c.want.network,
                    k, c.want.name, c.got.name);
    want->values = malloc(bytes);
    got->values = malloc(bytes);
    loris_status status = want->values && got->values ? LORIS_OK : fail_memory("the outputs of a node");
    if (status == LORIS_OK)
        status = run_side(want, k);
    if (status == LORIS_OK)
        status = run_side(got, k);
    if (status == LORIS_OK) {
        if (out->type == STORE_F32)
            compare_floats(&c, want->values, got->values, bytes / sizeof(float));
        else
            compare_bytes(&c, want->values, got->values, bytes, storage_size(out->type));
        c.differs = !(c.error <= c.allowed);
        visit(user, &c);
        status = buffer_write(got->plan->compute, out->buffer, 0, want->values, bytes, c.got.name);
    }
    free(want->values);
    free(got->values);
    return status;
}

loris_status plans_compare(plan *want, plan *got, node_visitor *visit, void *user) {
    side sides[2] = {{.plan = want}, {.plan = got}};
    if (want->order_count != got->order_count)
        return fail(LORIS_ERROR_INTERNAL, NULL, "%s has %d nodes on one device and %d on the other", want->net->name,
                    want->order_count, got->order_count);
    for (int k = 0; k < want->order_count; k++)
        TRY(compare_node(&sides[0], &sides[1], k, visit, user));
    return LORIS_OK;
}
