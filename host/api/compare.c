/* The same networks on two devices: which node differs first? */
#include "plan/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/engine.h"
#include "diffusion/bands.h"
#include "diffusion/presets.h"
#include "loris/diagnose.h"
#include "music/compose.h"
#include "nets/synthetic.h"
#include "rhythm/fallback.h"
#include "rhythm/watch.h"

enum { LEAST_SAMPLES = 1 << 16, TOKENS = 16, PEAKS = 64 };

/* What the networks are told: of a video, or made up. */
typedef struct told {
    clip_conditioning clip;
    conditioning of_video;
    float *made[UNET_MAX_LEVELS + 1], *features, *tokens, *genre;
    int32_t *peaks;
} told;

typedef struct comparer {
    const loris_compare_settings *settings;
    model *model;
    sampling_settings sampling;
    int rows;
    told told;
    uint64_t seed;
    weights *weights[2]; /* on the reference, on the tested device */
    sampler *samplers[2];
    size_t nodes, differing;
    char first[768]; /* the first node that differs, for people */
} comparer;

static loris_status make_up(float **out, const char *name, size_t count) {
    if (!count)
        return LORIS_OK;
    *out = malloc(count * sizeof **out);
    if (!*out)
        return fail_memory("made-up inputs");
    synthetic_uniform(*out, name, count);
    return LORIS_OK;
}

static loris_status make_up_all(comparer *c) {
    const unet_config *u = &c->model->unet;
    told *t = &c->told;
    t->clip.rows = c->rows;
    for (int k = 0; k <= u->levels; k++) {
        char name[16];
        snprintf(name, sizeof name, "channels%d", k);
        TRY(make_up(&t->made[k], name, (size_t)(c->rows / unet_hop(u, k)) * (size_t)u->context_channels[k]));
        t->clip.channels[k] = t->made[k];
    }
    TRY(make_up(&t->features, "features", (size_t)u->context_features));
    t->clip.features = t->features;
    if (!u->embedding_features)
        return LORIS_OK;
    t->clip.token_count = TOKENS < u->embedding_max_length ? TOKENS : u->embedding_max_length;
    t->clip.peak_count = PEAKS < u->rhythm_max_length - 2 ? PEAKS : u->rhythm_max_length - 2;
    TRY(make_up(&t->tokens, "tokens", (size_t)t->clip.token_count * (size_t)u->embedding_features));
    t->peaks = calloc((size_t)t->clip.peak_count, sizeof *t->peaks);
    if (!t->peaks)
        return fail_memory("made-up inputs");
    for (int i = 0; i < t->clip.peak_count; i++)
        t->peaks[i] = i % 5 == 0;
    if (u->genre)
        TRY(make_up(&t->genre, "genre", (size_t)u->embedding_features));
    t->clip.tokens = t->tokens;
    t->clip.peaks = t->peaks;
    t->clip.genre = t->genre;
    return LORIS_OK;
}

/* The first window of what `run` would tell the network of this video. */
static loris_status take_from_video(comparer *c, compute *on) {
    told *t = &c->told;
    if (!c->model->has_bands)
        return fail(LORIS_ERROR_ARGUMENT, "leave the video out: made-up inputs are taken then",
                    "%s: a model that composing does not condition", c->model->path);
    rhythm seen, followed;
    score played = {0};
    const watch_settings watching = watch_defaults();
    compose_settings composing = compose_defaults();
    composing.seed = c->seed;
    TRY(watch_video(&seen, on, c->settings->video, &watching, NULL, NULL));
    loris_status status = rhythm_followed(&followed, &seen);
    rhythm_free(&seen);
    TRY(status);
    status = compose(&played, &followed, &composing);
    rhythm_free(&followed);
    if (status == LORIS_OK) {
        const size_t unit = CONDITIONING_MULTIPLE;
        status = conditioning_make(&t->of_video, &played, ((size_t)c->rows + unit - 1) / unit * unit, true);
    }
    score_free(&played);
    TRY(status);
    t->clip = (clip_conditioning){.rows = (int)t->of_video.frames, .features = t->of_video.features};
    for (int k = 0; k < CONDITIONING_LEVELS; k++)
        t->clip.channels[k] = t->of_video.level[k];
    return LORIS_OK;
}

/* One window; of a model without settings of its own a short one, with guidance where there is a context. */
static loris_status choose_sampling(comparer *c) {
    const model *m = c->model;
    const int hop = unet_hop(&m->unet, m->unet.levels);
    if (m->has_bands) {
        TRY(bands_sampling(m, &c->sampling));
        c->rows = c->sampling.window;
    } else {
        c->sampling = preset_sampling(&presets[0], m->sigma_data);
        c->sampling.window = 0;
        c->rows = (LEAST_SAMPLES + hop - 1) / hop * hop;
        if (!m->unet.embedding_features)
            c->sampling.guidance = 1;
    }
    return LORIS_OK;
}

static loris_status make_sampler(comparer *c, int i, compute *on) {
    TRY(weights_new(&c->weights[i], on, c->model->file, c->model->prefix));
    const sampling_request request = {.compute = on,
                                      .weights = c->weights[i],
                                      .unet = &c->model->unet,
                                      .settings = &c->sampling,
                                      .rows = c->rows,
                                      .conditioning = &c->told.clip,
                                      .noise = seeded_noise,
                                      .noise_user = &c->seed};
    return sampler_new(&c->samplers[i], &request);
}

static void visit(void *user, const node_comparison *n) {
    comparer *c = user;
    c->nodes++;
    if (n->differs && c->differing++ == 0)
        snprintf(
            c->first, sizeof c->first,
            "%s %s of the %s, kernel %s, variant %s (%s), output %s: %.9g in place of %.9g at %zu, an error of %.3g "
            "where %.3g is allowed",
            n->got.operation, n->got.name, n->got.network, n->got.kernel, n->got.variant, n->got.backend, n->got.shape,
            n->got_value, n->want_value, n->position, n->error, n->allowed);
    if (!c->settings->node)
        return;
    const loris_node_comparison node = {.network = n->got.network,
                                        .name = n->got.name,
                                        .operation = n->got.operation,
                                        .shape = n->got.shape,
                                        .kernel = {n->want.kernel, n->got.kernel},
                                        .variant = {n->want.variant, n->got.variant},
                                        .backend = {n->want.backend, n->got.backend},
                                        .error = n->error,
                                        .scale = n->scale,
                                        .allowed = n->allowed,
                                        .position = n->position,
                                        .values = {n->want_value, n->got_value},
                                        .differs = n->differs};
    c->settings->node(c->settings->node_user, &node);
}

static loris_status compare_all(comparer *c, compute *reference, compute *tested) {
    plan *plans[2][SAMPLER_PLANS];
    int count[2];
    TRY(model_open(&c->model, c->settings->model));
    TRY(choose_sampling(c));
    TRY(c->settings->video ? take_from_video(c, reference) : make_up_all(c));
    TRY(make_sampler(c, 0, reference));
    TRY(make_sampler(c, 1, tested));
    for (int i = 0; i < 2; i++)
        TRY(sampler_stand(c->samplers[i], plans[i], &count[i]));
    for (int k = 0; k < count[0]; k++)
        TRY(plans_compare(plans[0][k], plans[1][k], visit, c));
    if (c->differing)
        return fail(LORIS_MISMATCH, "report it with 'loris-cl report'; another --backend may avoid it",
                    "%zu of %zu nodes differ on %s; the first: %s", c->differing, c->nodes, tested->dev.name, c->first);
    return LORIS_OK;
}

loris_status loris_compare(loris_engine *reference, loris_engine *tested, const loris_compare_settings *settings,
                           size_t *nodes) {
    if (!settings->model)
        return fail(LORIS_ERROR_ARGUMENT, "set loris_compare_settings.model", "no model was named");
    comparer c = {.settings = settings, .seed = 1};
    loris_status status = compare_all(&c, reference->compute, tested->compute);
    if (nodes)
        *nodes = c.nodes;
    for (int i = 0; i < 2; i++) {
        sampler_free(c.samplers[i]);
        weights_free(c.weights[i]);
    }
    for (int k = 0; k <= UNET_MAX_LEVELS; k++)
        free(c.told.made[k]);
    free(c.told.features);
    free(c.told.tokens);
    free(c.told.genre);
    free(c.told.peaks);
    conditioning_free(&c.told.of_video);
    model_close(c.model);
    return status;
}
