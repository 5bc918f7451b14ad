/* What a tuner may choose for products, and what it chose. */
#include <stdio.h>

#include "compute/tuning.h"
#include "ops/product.h"

enum { ITEM_COLUMNS = 4, STEP = 16 }; /* as in gemm_tile.cl */

/* Of a CPU's registers, 32 with vectors of 16 numbers and 16 with shorter ones, rows * vectors hold sums. */
static int panel_candidates(const compute *c, tuned_choice *out) {
    static const int wide[][2] = {{8, 2}, {6, 2}, {10, 2}, {12, 1}, {8, 1}, {6, 4}};
    static const int narrow[][2] = {{6, 2}, {4, 2}, {4, 3}, {8, 1}, {12, 1}};
    const bool is_wide = c->dev.float_width >= 16;
    const int count = is_wide ? sizeof wide / sizeof *wide : sizeof narrow / sizeof *narrow;
    for (int i = 0; i < count; i++)
        out[i] =
            (tuned_choice){USE_PANEL, {is_wide ? wide[i][0] : narrow[i][0], is_wide ? wide[i][1] : narrow[i][1], 0}};
    return count;
}

/* Groups that fit the device; in half precision where it has that. */
static int tile_candidates(const compute *c, tuned_use use, tuned_choice *out) {
    static const int groups[][3] = {{64, 64, 8}, {64, 64, 4}, {128, 64, 8}, {64, 128, 8}, {128, 128, 16}, {32, 64, 4},
                                    {32, 64, 8}, {64, 32, 4}, {64, 32, 8},  {32, 32, 4},  {16, 64, 2},    {16, 64, 4}};
    int count = 0;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        const size_t rows = (size_t)groups[i][0], columns = (size_t)groups[i][1];
        const size_t items = rows * columns / (size_t)(groups[i][2] * ITEM_COLUMNS);
        if (items <= c->dev.max_work_group && STEP * (rows + 1 + columns) * sizeof(float) <= c->dev.local_memory)
            out[count++] = (tuned_choice){use, {groups[i][0], groups[i][1], groups[i][2]}};
    }
    return count;
}

int product_candidates(const compute *c, number_type type, tuned_choice out[PRODUCT_MAX_CANDIDATES]) {
    int count = 0;
    if (product_own_variant(c) == PRODUCT_PANEL)
        count += panel_candidates(c, out);
    else {
        count += tile_candidates(c, USE_TILE, out);
        if (c->dev.fp16 && type == TYPE_F16)
            count += tile_candidates(c, USE_HALF_TILE, out + count);
    }
    if (type == TYPE_F32)
        out[count++] = (tuned_choice){.use = USE_CLBLAST};
    if (product_onednn_available(c) && type != TYPE_F16)
        out[count++] = (tuned_choice){.use = USE_ONEDNN};
    return count;
}

static bool is_candidate(const compute *c, const tuned_choice *choice) {
    tuned_choice all[PRODUCT_MAX_CANDIDATES];
    const int count = product_candidates(c, product_storage(c), all);
    for (int i = 0; i < count; i++)
        if (tuned_choice_equal(&all[i], choice))
            return true;
    return false;
}

/* Do the settings leave the choice? */
static bool allowed(const compute *c, tuned_use use) {
    const product_backend asked = c->settings.backend;
    return asked == BACKEND_AUTO || (asked == BACKEND_OWN && use != USE_CLBLAST && use != USE_ONEDNN);
}

const tuned_entry *product_tuned(const compute *c, const node *n, const tap_product *p) {
    const tuned_shape work = {.kind = TUNED_PRODUCT,
                              .storage = product_storage(c),
                              .batch = p->batch,
                              .rows = p->rows,
                              .columns = p->columns,
                              .channels = p->channels,
                              .taps = p->taps,
                              .stride = p->stride};
    const tuned_entry *found = tuning_find(c, &work, node_flop(n));
    const bool forced = c->tuning && c->tuning->forced;
    return found && allowed(c, found->choice.use) && (forced || is_candidate(c, &found->choice)) ? found : NULL;
}
