/* In place of onednn*.c and *_onednn.c where oneDNN is left out of the build. */
#include "ops/attention.h"
#include "ops/product.h"

bool product_onednn_available(const compute *c) {
    (void)c;
    return false;
}

loris_status product_onednn_prepare(compute *c, node *n, const tap_product *parts, int count, bool *taken) {
    (void)c, (void)n, (void)parts, (void)count;
    *taken = false;
    return LORIS_OK;
}

loris_status product_onednn_lower(lowering *l, const node *n, const tap_product *parts, int count) {
    (void)l, (void)parts, (void)count;
    return fail(LORIS_ERROR_INTERNAL, NULL, "%s: this build has no oneDNN", node_name(n));
}

tensor attention_onednn(net *n, const node_request *plain, bool *taken) {
    (void)n, (void)plain;
    *taken = false;
    return (tensor){0};
}
