#include <stddef.h>
#include <string.h>

#include "nets/hyper.h"

/* One row for each member that is a number or a list, in the reference's order. */
typedef enum length_kind { SINGLE, LEVELS, LEVELS_AND_ONE } length_kind;

static const struct {
    const char *key;
    size_t offset;
    length_kind length;
    bool conditional; /* of networks with tokens only */
} member[] = {
    {"in_channels", offsetof(hyper, unet.in_channels), SINGLE, false},
    {"channels", offsetof(hyper, unet.channels), SINGLE, false},
    {"patch_factor", offsetof(hyper, unet.patch_factor), SINGLE, false},
    {"multipliers", offsetof(hyper, unet.multipliers), LEVELS_AND_ONE, false},
    {"factors", offsetof(hyper, unet.factors), LEVELS, false},
    {"num_blocks", offsetof(hyper, unet.num_blocks), LEVELS, false},
    {"attention_heads", offsetof(hyper, unet.attention_heads), SINGLE, false},
    {"attention_features", offsetof(hyper, unet.attention_features), SINGLE, false},
    {"attention_multiplier", offsetof(hyper, unet.attention_multiplier), SINGLE, false},
    {"resnet_groups", offsetof(hyper, unet.resnet_groups), SINGLE, false},
    {"kernel_multiplier", offsetof(hyper, unet.kernel_multiplier), SINGLE, false},
    {"context_channels", offsetof(hyper, unet.context_channels), LEVELS_AND_ONE, false},
    {"context_features", offsetof(hyper, unet.context_features), SINGLE, false},
    {"embedding_features", offsetof(hyper, unet.embedding_features), SINGLE, false},
    {"embedding_max_length", offsetof(hyper, unet.embedding_max_length), SINGLE, true},
    {"rhythm_max_length", offsetof(hyper, unet.rhythm_max_length), SINGLE, true},
    {"video_features", offsetof(hyper, unet.video_features), SINGLE, false},
};

enum { MEMBERS = sizeof member / sizeof *member };

static const int *values_of(const hyper *h, size_t i) {
    return (const int *)(const void *)((const char *)h + member[i].offset);
}

static size_t length_of(const hyper *h, size_t i) {
    return member[i].length == SINGLE ? 1 : (size_t)h->unet.levels + (member[i].length == LEVELS_AND_ONE);
}

static bool told_by_shapes(const hyper *h, size_t i) {
    const int *value = values_of(h, i);
    return value != &h->unet.attention_heads && value != &h->unet.attention_features && value != &h->unet.resnet_groups;
}

bool hyper_knows(const char *key) {
    for (size_t i = 0; i < MEMBERS; i++)
        if (strcmp(key, member[i].key) == 0)
            return true;
    return strcmp(key, "attentions") == 0 || strcmp(key, "genre") == 0;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void write_attentions(const hyper *h, json_writer *w) {
    json_open(w, "attentions", '[');
    for (int i = 0; i < h->unet.levels; i++)
        json_bool(w, NULL, h->unet.attentions[i]);
    json_close(w, ']');
}

void hyper_write(const hyper *h, json_writer *w) {
    for (size_t i = 0; i < MEMBERS; i++) {
        const int *value = values_of(h, i);
        size_t length = length_of(h, i);
        if ((member[i].conditional && !h->unet.embedding_features) || (!told_by_shapes(h, i) && value[0] == 0))
            continue;
        if (member[i].length == SINGLE) {
            json_integer(w, member[i].key, value[0]);
            continue;
        }
        if (value == h->unet.context_channels)
            while (length > 0 && value[length - 1] == 0)
                length--;
        json_open(w, member[i].key, '[');
        for (size_t k = 0; k < length; k++)
            json_integer(w, NULL, value[k]);
        json_close(w, ']');
        if (value == h->unet.num_blocks)
            write_attentions(h, w);
    }
    json_bool(w, "genre", h->unet.genre);
}

/* ---- a configuration against the tensors ------------------------------------------------------------------------- */

static loris_status fail_differs(const char *where, const char *key, const char *path) {
    return fail(LORIS_ERROR_INPUT, "correct the configuration or leave the entry out: tensors tell it by themselves",
                "%s: \"%s\" is not what the tensors of %s say", where, key, path);
}

/* Entry k of a member: a number or, of "attentions", a truth value; -1 when it is neither. */
static double entry(const json *v, size_t k) {
    const json *e = v->type == JSON_ARRAY ? &v->item[k] : v;
    return e->type == JSON_NUMBER ? e->number : e->type == JSON_TRUE ? 1 : e->type == JSON_FALSE ? 0 : -1;
}

/* Is it the same number or list? Missing entries at a list's end count as 0. */
static bool agrees(const json *v, const int *value, size_t length, bool list) {
    if (list != (v->type == JSON_ARRAY) || (list && v->count > length))
        return false;
    for (size_t k = 0; k < length; k++)
        if ((list && k >= v->count ? 0.0 : entry(v, k)) != value[k])
            return false;
    return true;
}

static loris_status compare(const hyper *h, const json *config, const char *where, const char *path) {
    for (size_t i = 0; i < MEMBERS; i++) {
        const json *v = json_get(config, member[i].key);
        const int *value = values_of(h, i);
        bool told = told_by_shapes(h, i) && !(member[i].conditional && !h->unet.embedding_features);
        if (v && told && !agrees(v, value, length_of(h, i), member[i].length != SINGLE))
            return fail_differs(where, member[i].key, path);
    }
    int attentions[UNET_MAX_LEVELS], genre = h->unet.genre;
    for (int i = 0; i < h->unet.levels; i++)
        attentions[i] = h->unet.attentions[i];
    const json *attends = json_get(config, "attentions"), *has_genre = json_get(config, "genre");
    if (attends && !agrees(attends, attentions, (size_t)h->unet.levels, true))
        return fail_differs(where, "attentions", path);
    if (has_genre && !agrees(has_genre, &genre, 1, false))
        return fail_differs(where, "genre", path);
    return LORIS_OK;
}

/* A whole number of the configuration; 0 when it has none. */
static loris_status read_optional(const json *config, const char *key, int *out, const char *where) {
    double value;
    *out = 0;
    if (!config || !json_get(config, key))
        return LORIS_OK;
    TRY(json_need_number(config, key, 1, 4096, &value, where));
    if (value != (int)value)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"%s\" is not a whole number", where, key);
    *out = (int)value;
    return LORIS_OK;
}

static loris_status settle_heads(hyper *h, const json *config, const char *where, const char *path) {
    int width = h->attention_width, heads, features;
    TRY(read_optional(config, "attention_heads", &heads, where));
    TRY(read_optional(config, "attention_features", &features, where));
    if (!heads && !features && width == 16 * 64)
        heads = 16;
    if (!heads && !features)
        return fail(LORIS_ERROR_INPUT, "give a configuration (--config FILE) with \"attention_heads\"",
                    "%s: attention is %d wide, in how many heads the tensors do not tell", path, width);
    if (!heads)
        heads = width / features;
    if (!features)
        features = width / heads;
    if ((long)heads * features != width)
        return fail(LORIS_ERROR_INPUT, "correct \"attention_heads\" and \"attention_features\"",
                    "%s: %d heads of %d features do not make the %d the tensors of %s have", where, heads, features,
                    width, path);
    h->unet.attention_heads = heads;
    h->unet.attention_features = features;
    return LORIS_OK;
}

/* Every block's first norm is over a multiple of its level's width, but for channels that come in there. */
static loris_status settle_groups(hyper *h, const json *config, const char *where, const char *path) {
    TRY(read_optional(config, "resnet_groups", &h->unet.resnet_groups, where));
    bool told = h->unet.resnet_groups != 0;
    if (!told)
        h->unet.resnet_groups = 8;
    for (int i = 1; i <= h->unet.levels; i++) {
        int width = h->unet.channels * h->unet.multipliers[i], joined = width + h->unet.context_channels[i];
        if (width % h->unet.resnet_groups || joined % h->unet.resnet_groups)
            return fail(
                LORIS_ERROR_INPUT, "give a configuration (--config FILE) with \"resnet_groups\" that divides it",
                "%s: %d channels are no multiple of %s%d groups", told ? where : path,
                width % h->unet.resnet_groups ? width : joined, told ? "" : "the published ", h->unet.resnet_groups);
    }
    return LORIS_OK;
}

loris_status hyper_settle(hyper *h, const json *config, const char *where, const char *path) {
    if (config)
        TRY(compare(h, config, where, path));
    TRY(settle_heads(h, config, where, path));
    return settle_groups(h, config, where, path);
}
