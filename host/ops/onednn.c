/* oneDNN's primitives, kept while the device is open. */
#include "ops/onednn.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct backend {
    dnnl_engine_t engine;
    onednn_primitive *primitives;
} backend;

static loris_status check(dnnl_status_t code, const char *call) {
    return code == dnnl_success
               ? LORIS_OK
               : fail(LORIS_ERROR_INTERNAL, "try --backend own", "oneDNN: %s: status %d", call, (int)code);
}

bool onednn_available(const compute *c) {
    return c->dev.type & CL_DEVICE_TYPE_CPU && c->dev.native_kernel;
}

/* ---- the backend ------------------------------------------------------------------------------------------------- */

static void release(void *state) {
    backend *b = state;
    for (onednn_primitive *p = b->primitives, *next; p; p = next) {
        next = p->next;
        if (p->run)
            dnnl_primitive_destroy(p->run);
        if (p->desc)
            dnnl_primitive_desc_destroy(p->desc);
        free(p);
    }
    if (b->engine)
        dnnl_engine_destroy(b->engine);
    free(b);
}

static loris_status open_backend(compute *c, backend **out) {
    if (!c->backend_state) {
        backend *b = calloc(1, sizeof *b);
        if (!b)
            return fail_memory("oneDNN");
        c->backend_state = b;
        c->backend_release = release;
        TRY(check(dnnl_engine_create(&b->engine, dnnl_cpu, 0), "dnnl_engine_create"));
    }
    *out = c->backend_state;
    return LORIS_OK;
}

number_type onednn_type(storage s) {
    return s == STORE_BF16 ? TYPE_BF16 : TYPE_F32;
}

loris_status onednn_engine(compute *c, dnnl_engine_t *out) {
    backend *b = NULL;
    TRY(open_backend(c, &b));
    *out = b->engine;
    return LORIS_OK;
}

/* ---- descriptions ------------------------------------------------------------------------------------------------ */

static loris_status describe_matrix(dnnl_memory_desc_t *out, int rows, int columns, number_type type,
                                    dnnl_format_tag_t tag) {
    const dnnl_dims_t dims = {rows, columns};
    return check(dnnl_memory_desc_init_by_tag(out, 2, dims, type == TYPE_BF16 ? dnnl_bf16 : dnnl_f32, tag),
                 "dnnl_memory_desc_init_by_tag");
}

static loris_status set_epilogue(dnnl_primitive_attr_t attributes, dnnl_post_ops_t operations,
                                 const onednn_primitive *p) {
    TRY(check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "scratchpad mode"));
    if (p->key.depth && p->key.scale != 1)
        TRY(check(dnnl_primitive_attr_set_output_scales(attributes, 1, 0, &p->key.scale), "output scales"));
    if (p->key.residual)
        TRY(check(dnnl_post_ops_append_binary(operations, dnnl_binary_add, &p->residual),
                  "dnnl_post_ops_append_binary"));
    if (p->key.activation != ACTIVATION_NONE) {
        static const struct {
            dnnl_alg_kind_t kind;
            float alpha, beta;
        } functions[] = {[ACTIVATION_SILU] = {dnnl_eltwise_swish, 1, 0},
                         [ACTIVATION_GELU] = {dnnl_eltwise_gelu_erf, 0, 0},
                         [ACTIVATION_RELU] = {dnnl_eltwise_relu, 0, 0},
                         [ACTIVATION_RELU6] = {dnnl_eltwise_clip, 0, 6}};
        const float alpha = functions[p->key.activation].alpha, beta = functions[p->key.activation].beta;
        TRY(check(dnnl_post_ops_append_eltwise(operations, 1, functions[p->key.activation].kind, alpha, beta),
                  "dnnl_post_ops_append_eltwise"));
    }
    return check(dnnl_primitive_attr_set_post_ops(attributes, operations), "dnnl_primitive_attr_set_post_ops");
}

/* An implementation may be missing: then p->desc stays NULL. */
static loris_status make_desc(backend *b, onednn_primitive *p, const_dnnl_op_desc_t operation) {
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t operations = NULL;
    loris_status status;
    TRY_GOTO(check(dnnl_primitive_attr_create(&attributes), "dnnl_primitive_attr_create"));
    TRY_GOTO(check(dnnl_post_ops_create(&operations), "dnnl_post_ops_create"));
    TRY_GOTO(set_epilogue(attributes, operations, p));
    const dnnl_status_t code = dnnl_primitive_desc_create(&p->desc, operation, attributes, b->engine, NULL);
    if (code != dnnl_unimplemented)
        status = check(code, "dnnl_primitive_desc_create");
done:
    if (operations)
        dnnl_post_ops_destroy(operations);
    if (attributes)
        dnnl_primitive_attr_destroy(attributes);
    return status;
}

static loris_status describe_matmul(backend *b, onednn_primitive *p) {
    const onednn_matmul *k = &p->key;
    dnnl_memory_desc_t any;
    dnnl_matmul_desc_t matmul;
    TRY(describe_matrix(&p->x, k->rows, k->depth, k->type, dnnl_ab));
    TRY(describe_matrix(&any, k->depth, k->columns, k->type, dnnl_format_tag_any));
    TRY(describe_matrix(&p->bias, 1, k->columns, TYPE_F32, dnnl_ab));
    TRY(describe_matrix(&p->residual, k->rows, k->columns, TYPE_F32, dnnl_ab));
    TRY(describe_matrix(&p->y, k->rows, k->columns, k->out, dnnl_ab));
    TRY(check(dnnl_matmul_desc_init(&matmul, &p->x, &any, k->bias ? &p->bias : NULL, &p->y), "dnnl_matmul_desc_init"));
    return make_desc(b, p, &matmul);
}

static loris_status describe_softmax(backend *b, onednn_primitive *p) {
    const onednn_matmul *k = &p->key;
    dnnl_softmax_v2_desc_t softmax;
    TRY(describe_matrix(&p->x, k->rows, k->columns, TYPE_F32, dnnl_ab));
    TRY(describe_matrix(&p->y, k->rows, k->columns, k->out, dnnl_ab));
    TRY(check(
        dnnl_softmax_v2_forward_desc_init(&softmax, dnnl_forward_inference, dnnl_softmax_accurate, &p->x, &p->y, 1),
        "dnnl_softmax_v2_forward_desc_init"));
    return make_desc(b, p, &softmax);
}

/* ---- primitives -------------------------------------------------------------------------------------------------- */

/* Products by its small-matrix kernels ("brg"), softmax by a kernel made at run time; "ref", "gemm" and "simple" are
 * slower than our own. */
static bool optimised(const onednn_primitive *p, const char *implementation) {
    return p->key.depth ? strncmp(implementation, "brg:", 4) == 0 && p->w.format_kind == dnnl_blocked
                        : strncmp(implementation, "jit:", 4) == 0;
}

static loris_status make_primitive(backend *b, onednn_primitive *p) {
    TRY(p->key.depth ? describe_matmul(b, p) : describe_softmax(b, p));
    if (!p->desc) /* this processor has nothing for it */
        return LORIS_OK;
    const char *implementation = "";
    TRY(check(dnnl_primitive_desc_query(p->desc, dnnl_query_impl_info_str, 0, &implementation),
              "dnnl_query_impl_info_str"));
    snprintf(p->name, sizeof p->name, "oneDNN %s", implementation);
    if (p->key.depth)
        p->w = *dnnl_primitive_desc_query_md(p->desc, dnnl_query_weights_md, 0);
    p->scratch = dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0);
    p->scratch_bytes = dnnl_memory_desc_get_size(p->scratch);
    p->fast = optimised(p, implementation);
    return p->fast ? check(dnnl_primitive_create(&p->run, p->desc), "dnnl_primitive_create") : LORIS_OK;
}

loris_status onednn_find_matmul(compute *c, const onednn_matmul *key, const onednn_primitive **out) {
    backend *b = NULL;
    TRY(open_backend(c, &b));
    for (const onednn_primitive *p = b->primitives; p; p = p->next)
        if (memcmp(&p->key, key, sizeof *key) == 0) {
            *out = p;
            return LORIS_OK;
        }
    onednn_primitive *p = calloc(1, sizeof *p);
    if (!p)
        return fail_memory("a oneDNN primitive");
    p->key = *key;
    p->next = b->primitives;
    b->primitives = p;
    const int before = omp_get_max_threads(); /* the caller's own setting */
    omp_set_num_threads(1);
    loris_status status = make_primitive(b, p);
    omp_set_num_threads(before);
    *out = p;
    return status;
}

loris_status onednn_find_softmax(compute *c, int rows, int columns, number_type out,
                                 const onednn_primitive **primitive) {
    const onednn_matmul key = {.rows = rows, .columns = columns, .type = TYPE_F32, .out = out};
    return onednn_find_matmul(c, &key, primitive);
}

/* ---- layouts ----------------------------------------------------------------------------------------------------- */

size_t onednn_place(const dnnl_blocking_desc_t *b, int d, dnnl_dim_t i) {
    dnnl_dim_t at = 0, stride = 1;
    for (int k = b->inner_nblks - 1; k >= 0; k--) {
        if (b->inner_idxs[k] == d) {
            at += i % b->inner_blks[k] * stride;
            i /= b->inner_blks[k];
        }
        stride *= b->inner_blks[k];
    }
    return (size_t)(at + i * b->strides[d]);
}

void onednn_layout_key(const onednn_primitive *p, char *out, size_t size) {
    const dnnl_blocking_desc_t *b = &p->w.format_desc.blocking;
    int length = snprintf(out, size, "strides %lld,%lld", (long long)b->strides[0], (long long)b->strides[1]);
    for (int k = 0; k < b->inner_nblks && length > 0 && (size_t)length < size; k++)
        length += snprintf(out + length, size - (size_t)length, " %lldx%lld", (long long)b->inner_blks[k],
                           (long long)b->inner_idxs[k]);
}
