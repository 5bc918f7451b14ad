/* Hyper-parameters from JSON, checked so that recording never meets an impossible network. */
#include <string.h>

#include "nets/unet.h"

static loris_status read_int(const json *o, const char *key, int low, int high, int *out, const char *where) {
    double value;
    TRY(json_need_number(o, key, low, high, &value, where));
    if (value != (int)value)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"%s\" is %g, not a whole number", where, key, value);
    *out = (int)value;
    return LORIS_OK;
}

/* What models without a context lack. */
static loris_status read_context(unet_config *c, const json *o, const char *where) {
    static const int most = 1 << 16;
    if (!json_get(o, "embedding_features"))
        return LORIS_OK;
    TRY(read_int(o, "embedding_features", 0, most, &c->embedding_features, where));
    if (json_get(o, "video_features"))
        TRY(read_int(o, "video_features", 0, most, &c->video_features, where));
    if (!c->embedding_features)
        return LORIS_OK;
    const json *genre = json_get(o, "genre");
    if (genre && genre->type != JSON_TRUE && genre->type != JSON_FALSE)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"genre\" is neither true nor false", where);
    c->genre = genre && genre->type == JSON_TRUE;
    TRY(read_int(o, "embedding_max_length", 1, most, &c->embedding_max_length, where));
    TRY(read_int(o, "rhythm_max_length", 1, most, &c->rhythm_max_length, where));
    if (c->embedding_features % 2 || c->video_features % 2)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"embedding_features\" and \"video_features\" must be even", where);
    return LORIS_OK;
}

/* Whole numbers or truth values; *count receives how many. */
static loris_status read_list(const json *o, const char *key, int low, int high, int *out, int capacity, int *count,
                              const char *where) {
    const json *list;
    TRY(json_need_array(o, key, &list, where));
    if (list->count > (size_t)capacity)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"%s\" has %zu entries, at most %d are possible", where, key,
                    list->count, capacity);
    for (size_t i = 0; i < list->count; i++) {
        const json *e = &list->item[i];
        double value = e->type == JSON_NUMBER ? e->number : e->type == JSON_TRUE ? 1 : e->type == JSON_FALSE ? 0 : -1;
        if (value != (int)value || value < low || value > high)
            return fail(LORIS_ERROR_INPUT, NULL, "%s: \"%s\" entry %zu is not a whole number from %d to %d", where, key,
                        i, low, high);
        out[i] = (int)value;
    }
    *count = (int)list->count;
    return LORIS_OK;
}

static loris_status read_lists(unet_config *c, const json *o, const char *where) {
    int count, contexts, attentions[UNET_MAX_LEVELS];
    TRY(read_list(o, "factors", 1, 64, c->factors, UNET_MAX_LEVELS, &c->levels, where));
    if (c->levels < 1)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"factors\" is empty", where);
    TRY(read_list(o, "multipliers", 1, 256, c->multipliers, UNET_MAX_LEVELS + 1, &count, where));
    if (count != c->levels + 1)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"multipliers\" needs one entry more than \"factors\"", where);
    TRY(read_list(o, "num_blocks", 1, 32, c->num_blocks, UNET_MAX_LEVELS, &count, where));
    if (count != c->levels)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"num_blocks\" needs as many entries as \"factors\"", where);
    TRY(read_list(o, "attentions", 0, 1, attentions, UNET_MAX_LEVELS, &count, where));
    if (count != c->levels)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"attentions\" needs as many entries as \"factors\"", where);
    for (int i = 0; i < c->levels; i++)
        c->attentions[i] = attentions[i];
    TRY(read_list(o, "context_channels", 0, 65536, c->context_channels, UNET_MAX_LEVELS + 1, &contexts, where));
    if (contexts > c->levels + 1)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"context_channels\" has more entries than levels", where);
    return LORIS_OK;
}

loris_status unet_config_read(unet_config *out, const json *object, const char *where) {
    unet_config c;
    memset(&c, 0, sizeof c);
    TRY(read_int(object, "in_channels", 1, 65536, &c.in_channels, where));
    TRY(read_int(object, "channels", 1, 65536, &c.channels, where));
    TRY(read_int(object, "patch_factor", 1, 4096, &c.patch_factor, where));
    TRY(read_int(object, "attention_heads", 1, 256, &c.attention_heads, where));
    TRY(read_int(object, "attention_features", 1, 1024, &c.attention_features, where));
    TRY(read_int(object, "attention_multiplier", 1, 64, &c.attention_multiplier, where));
    TRY(read_int(object, "resnet_groups", 1, 4096, &c.resnet_groups, where));
    TRY(read_int(object, "kernel_multiplier", 1, 16, &c.kernel_multiplier, where));
    TRY(read_int(object, "context_features", 0, 65536, &c.context_features, where));
    TRY(read_lists(&c, object, where));
    TRY(read_context(&c, object, where));
    if (c.channels % c.patch_factor || c.kernel_multiplier % 2)
        return fail(LORIS_ERROR_INPUT, NULL,
                    "%s: \"channels\" must be a multiple of \"patch_factor\", and \"kernel_multiplier\" even", where);
    double hop = c.patch_factor;
    for (int i = 0; i < c.levels; i++)
        hop *= c.factors[i];
    if (hop > 1 << 24)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: its factors multiply to more than 2^24", where);
    *out = c;
    return LORIS_OK;
}

unet_config unet_config_loris(void) {
    return (unet_config){.in_channels = 2,
                         .channels = 256,
                         .patch_factor = 32,
                         .levels = 6,
                         .multipliers = {1, 2, 4, 4, 4, 4, 4},
                         .factors = {4, 4, 4, 2, 2, 2},
                         .num_blocks = {2, 2, 2, 2, 2, 2},
                         .attentions = {false, false, false, true, true, true},
                         .attention_heads = 16,
                         .attention_features = 64,
                         .attention_multiplier = 2,
                         .resnet_groups = 8,
                         .kernel_multiplier = 2,
                         .embedding_features = 1024,
                         .embedding_max_length = 50,
                         .rhythm_max_length = 400,
                         .video_features = 1024};
}
