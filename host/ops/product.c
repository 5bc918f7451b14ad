/* What all products share: recording, folding, packing of weights, the choice of a backend. */
#include "ops/product.h"

#include <limits.h>
#include <stdio.h>

#include "ops/elementwise.h"

/* ---- recording --------------------------------------------------------------------------------------------------- */

enum { NAME_MAX_LENGTH = 256 };

static const char *join(char out[NAME_MAX_LENGTH], const char *at, const char *suffix) {
    snprintf(out, NAME_MAX_LENGTH, "%s%s", at, suffix);
    return out;
}

weight product_weight_of(net *n, const char *at, int64_t d0, int64_t d1, int64_t kernel) {
    char name[NAME_MAX_LENGTH];
    join(name, at, ".weight");
    const int rank = net_weight_rank(n, name);
    if (kernel == 1 && rank >= 2 && rank <= 5)
        return net_weight(n, name, rank, (const int64_t[]){d0, d1, 1, 1, 1});
    return net_weight_3d(n, name, d0, d1, kernel);
}

/* Kernels count the numbers of X in ints, padding included, and a tile reaches up to 64 rows beyond the last. */
static bool countable(shape in, shape out, const product_parameters *p) {
    const double beyond = 2.0 * p->padding + p->kernel + 64.0 * p->stride;
    return (double)shape_elements(in) + beyond * in.channels < INT_MAX && (double)shape_elements(out) < INT_MAX;
}

bool product_along_length(net *n, tensor x, const char *at) {
    char dims[96];
    const shape in = shape_of(n, x);
    if (in.depth != 1 || in.height != 1)
        net_fail(n, LORIS_ERROR_INTERNAL, NULL,
                 "%s: a convolution along the length of %s, which has more than one dimension", at,
                 shape_text(in, dims));
    return !net_failed(n);
}

tensor product_record(net *n, const op *operation, tensor x, const char *at, weight w, bias b, shape out,
                      const product_parameters *parameters, double multiplies) {
    if (net_failed(n))
        return (tensor){0};
    char dims[96], name[NAME_MAX_LENGTH];
    const shape in = shape_of(n, x);
    if (!countable(in, out, parameters))
        return net_fail(n, LORIS_ERROR_ARGUMENT, "use a smaller batch or a shorter window", "%s: %s of %s is too large",
                        at, operation->name, shape_text(in, dims));
    node_request r = {.operation = operation,
                      .label = at,
                      .input = {x},
                      .inputs = 1,
                      .weights = {w},
                      .weight_count = 1,
                      .parameters = parameters,
                      .parameter_size = sizeof *parameters,
                      .out = out,
                      .type = STORE_F32};
    if (b == BIAS)
        r.weights[r.weight_count++] = net_weight_1d(n, join(name, at, ".bias"), out.channels);
    if (net_failed(n))
        return (tensor){0};
    r.flop = 2 * multiplies;
    r.bytes = 4.0 * ((double)shape_elements(in) + (double)shape_elements(out) + (double)w.entry->source->count);
    return net_append(n, &r);
}

/* ---- folding ----------------------------------------------------------------------------------------------------- */

/* y = act(bias + product + residual): an addition comes first, once, and then an activation. */
bool product_absorb(node *producer, const node *consumer, int position) {
    product_parameters *own = node_parameters(producer);
    if (own->activation != ACTIVATION_NONE)
        return false;
    if (node_op(consumer) == &activate_op) {
        const struct activate_parameters *theirs = node_parameters(consumer);
        own->activation = theirs->activation;
        return true;
    }
    return node_op(consumer) == &add_op && node_inputs(producer) == 1 &&
           shape_equal(node_out_shape(producer), node_out_shape(consumer)) &&
           node_add_input(producer, consumer, 1 - position);
}

product_addends product_addends_of(const node *n) {
    const shape out = node_out_shape(n);
    product_addends a = {.bias = node_weight(n, 1) != NULL, .residual = node_inputs(n) > 1, .batches = out.batch};
    if (a.residual) {
        const shape r = node_input_shape(n, 1);
        a.eval_step = r.evals > 1 ? r.batch : 0;
        a.batch_step = r.batch > 1 ? 1 : 0;
    }
    return a;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

typedef struct panel_layout {
    product_weight weight;
    int channels, taps, columns, panel, depth;
} panel_layout;

typedef struct panel_key {
    char text[160];
} panel_key;

static panel_layout layout_of(const tap_product *p, int panel, int depth_step, panel_key *key) {
    const int depth = (p->taps * p->channels + depth_step - 1) / depth_step * depth_step;
    const product_weight *w = &p->weight;
    snprintf(key->text, sizeof key->text,
             "panel%d depth%d taps%d channels%d columns%d of kernel%d outputs%d tap%d%+d strides%d,%d", panel, depth,
             p->taps, p->channels, p->columns, w->kernel, w->outputs, w->tap_first, w->tap_step, w->channel_stride,
             w->column_stride);
    return (panel_layout){*w, p->channels, p->taps, p->columns, panel, depth};
}

static size_t layout_count(const panel_layout *p) {
    return (size_t)((p->columns + p->panel - 1) / p->panel) * (size_t)p->depth * (size_t)p->panel;
}

/* `out` starts as zeros. */
static void pack_panels(float *out, const float *in, const void *layout) {
    const panel_layout *p = layout;
    const product_weight *w = &p->weight;
    for (int n = 0; n < p->columns; n++) {
        const int r = n / w->outputs, o = n % w->outputs; /* the phase, and the channel in it */
        float *column = out + (size_t)(n / p->panel) * (size_t)p->depth * (size_t)p->panel + n % p->panel;
        for (int t = 0; t < p->taps; t++) {
            const int tap = w->tap_first + w->tap_step * t + r;
            if (tap < 0 || tap >= w->kernel)
                continue;
            const float *from = in + (size_t)o * (size_t)w->column_stride + tap;
            float *to = column + (size_t)t * (size_t)p->channels * (size_t)p->panel;
            for (int c = 0; c < p->channels; c++)
                to[(size_t)c * (size_t)p->panel] = from[(size_t)c * (size_t)w->channel_stride];
        }
    }
}

void product_weight_argument(lowering *l, const tap_product *p, int panel, int depth_step, number_type type) {
    panel_key key;
    const panel_layout layout = layout_of(p, panel, depth_step, &key);
    buffer_argument(l,
                    lowered_weight(l, 0, key.text, pack_panels, &layout, sizeof layout, layout_count(&layout), type));
}

cl_mem product_lowered_weight(lowering *l, const tap_product *p) {
    panel_key key;
    const panel_layout layout = layout_of(p, p->columns, 1, &key);
    return lowered_weight(l, 0, key.text, pack_panels, &layout, sizeof layout, layout_count(&layout), TYPE_F32);
}

typedef struct bias_layout {
    int outputs, columns;
} bias_layout;

static void pack_bias(float *out, const float *in, const void *layout) {
    const bias_layout *b = layout;
    for (int n = 0; n < b->columns; n++)
        out[n] = in[n % b->outputs];
}

cl_mem product_lowered_bias(lowering *l, const tap_product *p, int count) {
    const bias_layout layout = {p->weight.outputs, p->columns};
    char key[96];
    snprintf(key, sizeof key, "columns%d padded%d of outputs%d", p->columns, count, p->weight.outputs);
    return lowered_weight(l, 1, key, pack_bias, &layout, sizeof layout, (size_t)count, TYPE_F32);
}

/* ---- backends ---------------------------------------------------------------------------------------------------- */

/* Which backend makes products on this device. On CPU devices our register-tiled kernel is an order of magnitude
 * faster than CLBlast, whose kernels are written for GPUs; on GPUs it saves CLBlast's copies and separate epilogues. */
static int product_choose(const compute *c) {
    return c->settings.backend == BACKEND_CLBLAST ? PRODUCT_CLBLAST : product_own_variant(c);
}

number_type product_storage(const compute *c) {
    static const number_type types[] = {[PRECISION_AUTO] = TYPE_F32,
                                        [PRECISION_F32] = TYPE_F32,
                                        [PRECISION_BF16] = TYPE_BF16,
                                        [PRECISION_F16] = TYPE_F16};
    const product_precision asked = c->settings.precision;
    return types[asked == PRECISION_AUTO && c->tuning ? c->tuning->precision : asked];
}

/* oneDNN: for what is asked of it; left to itself, for bf16, where it is twice as fast as our kernel, of products that
 * take longer than waking threads does. Of few columns it uses a part of a vector, with little less work each. */
bool product_worth_onednn(const compute *c, double flop, int columns) {
    static const double least_flop = 8e6;
    static const int least_columns = 16;
    const bool asked = c->settings.backend == BACKEND_ONEDNN;
    const bool chosen = c->settings.backend == BACKEND_AUTO && product_storage(c) == TYPE_BF16 && flop >= least_flop &&
                        columns >= least_columns;
    return (asked || chosen) && product_onednn_available(c);
}

const char *product_onednn_reason(const compute *c) {
    return c->settings.backend == BACKEND_ONEDNN
               ? "asked for"
               : "a CPU that runs native kernels, bf16, and enough FLOP to be worth waking threads";
}

static const char *reason_for(const compute *c, int variant) {
    switch (variant) {
    case PRODUCT_CLBLAST:
        return "asked for";
    case PRODUCT_ONEDNN:
        return product_onednn_reason(c);
    case PRODUCT_TILE:
        return "items fill its vectors; its work-groups hold a tile of 32 items";
    default:
        return device_is_simt(&c->dev) ? "its work-groups are too small for a tile of 32 items"
                                       : "a CPU: registers and caches in place of local memory";
    }
}

loris_status product_prepare(compute *c, node *n, const tap_product *parts, int count) {
    static const char *const names[][3] = {
        [PRODUCT_PANEL] = {[TYPE_F32] = "own panel", [TYPE_F16] = "own panel f16", [TYPE_BF16] = "own panel bf16"},
        [PRODUCT_TILE] = {[TYPE_F32] = "own tile", [TYPE_F16] = "own tile f16", [TYPE_BF16] = "own tile bf16"},
        [PRODUCT_CLBLAST] = {[TYPE_F32] = "CLBlast"}};
    static const char *const backends[] = {
        [PRODUCT_PANEL] = "own", [PRODUCT_TILE] = "own", [PRODUCT_CLBLAST] = "CLBlast", [PRODUCT_ONEDNN] = "oneDNN"};
    static const int tuned_variants[TUNED_USES] = {[USE_PANEL] = PRODUCT_PANEL,
                                                   [USE_TILE] = PRODUCT_TILE,
                                                   [USE_HALF_TILE] = PRODUCT_TILE,
                                                   [USE_CLBLAST] = PRODUCT_CLBLAST};
    const tuned_entry *tuned = product_tuned(c, n, &parts[0]);
    const bool wants_onednn =
        tuned ? tuned->choice.use == USE_ONEDNN : product_worth_onednn(c, node_flop(n), node_out_shape(n).channels);
    const bool own_choice = tuned && !wants_onednn;
    int variant = own_choice ? tuned_variants[tuned->choice.use] : product_choose(c);
    bool taken = false;
    if (wants_onednn)
        TRY(product_onednn_prepare(c, n, parts, count, &taken));
    if (taken)
        variant = PRODUCT_ONEDNN;
    else
        node_set_variant(n, variant, own_choice ? tuned->name : names[variant][product_storage(c)]);
    if (own_choice)
        ((product_parameters *)node_parameters(n))->choice = tuned->choice;
    node_set_backend(n, backends[variant]);
    node_explain_variant(n, own_choice || (tuned && taken) ? TUNED_REASON
                                                           : reason_for(c, variant));
    const double narrowed = 4.0 - (double)number_size(product_storage(c));
    node_set_cost(n, node_flop(n), node_bytes(n) - narrowed * (double)node_weight(n, 0)->source->count);
    return variant == PRODUCT_CLBLAST ? product_clblast_prepare(c, n, parts, count) : LORIS_OK;
}

/* oneDNN rounds X to bf16 when it multiplies bf16; nothing else here does. */
bool product_takes_bf16(compute *c, const node *n, int i) {
    return i == 0 && node_variant(n) == PRODUCT_ONEDNN && product_storage(c) == TYPE_BF16;
}

bool product_gives_bf16(compute *c, const node *n) {
    (void)c;
    return ((const product_parameters *)node_parameters(n))->gives_bf16;
}

loris_status product_lower(lowering *l, const node *n, const tap_product *parts, int count) {
    switch (node_variant(n)) {
    case PRODUCT_CLBLAST:
        return product_clblast_lower(l, n, parts, count);
    case PRODUCT_ONEDNN:
        return product_onednn_lower(l, n, parts, count);
    default:
        return product_own_lower(l, n, parts, count);
    }
}
