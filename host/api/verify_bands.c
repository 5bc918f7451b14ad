/* Golden arrays of a spectrogram model: from NAME-score.json its conditioning (channels, frames) and features, and the
 * bands (frames, bands) sampled from noise.npy (1, bands, frames). NAME-bands-score-off.npy: only the first accent, no
 * notes. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/verify.h"
#include "core/file.h"
#include "diffusion/bands.h"
#include "music/conditioning.h"

static const double BANDS_TOLERANCE = 1e-3; /* of the range */
static const char score_ending[] = "-score.json";

enum { NAME_LENGTH = 128 };

typedef struct golden {
    model *model;
    weights *weights;
    npy noise;
    size_t frames;
} golden;

static bool score_name(const char *file, char name[NAME_LENGTH]) {
    size_t length = strlen(file), tail = sizeof score_ending - 1;
    if (length <= tail || length - tail >= NAME_LENGTH - 32 || strcmp(file + length - tail, score_ending))
        return false;
    memcpy(name, file, length - tail);
    name[length - tail] = 0;
    return true;
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

/* The names that have a score, in order; *names is newly allocated. */
static loris_status list_scores(const char *folder, char (**names)[NAME_LENGTH], size_t *count) {
    DIR *d = opendir(folder);
    *names = NULL;
    *count = 0;
    if (!d)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: not a folder that can be read", folder);
    loris_status status = LORIS_OK;
    for (struct dirent *e; status == LORIS_OK && (e = readdir(d));) {
        char name[NAME_LENGTH];
        if (!score_name(e->d_name, name))
            continue;
        char(*longer)[NAME_LENGTH] = realloc(*names, (*count + 1) * sizeof **names);
        if (!longer) {
            status = fail_memory("the list of scores");
            break;
        }
        *names = longer;
        memcpy(longer[(*count)++], name, NAME_LENGTH);
    }
    closedir(d);
    if (*count)
        qsort(*names, *count, sizeof **names, by_name);
    return status;
}

bool verify_is_bands(const verifier *v) {
    char(*names)[NAME_LENGTH];
    size_t count;
    bool found = list_scores(v->folder, &names, &count) == LORIS_OK && count > 0;
    free(names);
    return found;
}

/* ---- one score --------------------------------------------------------------------------------------------------- */

static loris_status golden_noise(void *user, int draw, size_t first, size_t count, float *out) {
    const golden *g = user;
    size_t channels = (size_t)g->model->unet.in_channels;
    if (draw >= 0)
        return fail(LORIS_ERROR_INPUT, "golden bands come from a deterministic sampler",
                    "the model's sampler draws noise");
    for (size_t i = 0; i < count; i++) {
        size_t row = (first + i) / channels, channel = (first + i) % channels;
        out[i] = row < g->frames ? g->noise.f32[channel * g->frames + row] : 0;
    }
    return LORIS_OK;
}

static loris_status check_conditioning(verifier *v, const char *name, const conditioning *c) {
    char file[NAME_LENGTH + 32];
    npy want;
    snprintf(file, sizeof file, "%s-conditioning", name);
    if (verify_has(v, file)) {
        const int64_t dim[] = {CONDITIONING_CHANNELS, (int64_t)c->frames};
        TRY(verify_read(v, file, 2, dim, &want));
        float *rows = malloc(want.count * sizeof *rows);
        loris_status status = rows ? LORIS_OK : fail_memory("golden arrays");
        if (rows) {
            verify_transpose(rows, c->level[0], c->frames, CONDITIONING_CHANNELS);
            status = verify_compare(v, file, 2, dim, rows, want.f32, BANDS_TOLERANCE);
        }
        free(rows);
        npy_free(&want);
        TRY(status);
    }
    snprintf(file, sizeof file, "%s-features", name);
    if (!verify_has(v, file))
        return LORIS_OK;
    TRY(verify_read(v, file, 1, (const int64_t[]){CONDITIONING_FEATURES}, &want));
    loris_status status = verify_compare(v, file, 1, want.dim, c->features, want.f32, BANDS_TOLERANCE);
    npy_free(&want);
    return status;
}

static loris_status check_bands(verifier *v, const golden *g, const char *file, const score *s, const conditioning *c) {
    npy want;
    const int64_t dim[] = {(int64_t)g->frames, g->model->bands.bands};
    if (!verify_has(v, file))
        return LORIS_OK;
    TRY(verify_read(v, file, 2, dim, &want));
    float *got = malloc(want.count * sizeof *got);
    loris_status status = got ? LORIS_OK : fail_memory("golden arrays");
    sampling_settings settings;
    if (status == LORIS_OK)
        status = bands_sampling(g->model, &settings);
    if (status == LORIS_OK) {
        bands_request request = {.compute = v->compute,
                                 .model = g->model,
                                 .weights = g->weights,
                                 .settings = &settings,
                                 .conditioning = c,
                                 .style = s->style,
                                 .rows = g->frames,
                                 .noise = golden_noise,
                                 .noise_user = (void *)g};
        status = bands_sample(&request, got, NULL);
    }
    if (status == LORIS_OK)
        status = verify_compare(v, file, 2, dim, got, want.f32, verify_tolerance(v, BANDS_TOLERANCE));
    free(got);
    npy_free(&want);
    return status;
}

static loris_status check_score(verifier *v, const golden *g, const char *name, bool given) {
    char path[4096], file[NAME_LENGTH + 32];
    score s = {0};
    conditioning c = {0};
    snprintf(file, sizeof file, given ? "%s-bands" : "%s-bands-score-off", name);
    snprintf(path, sizeof path, "%s/%s%s", v->folder, name, score_ending);
    if (!given && !verify_has(v, file))
        return LORIS_OK;
    TRY(score_read(&s, path));
    if (!given && s.accent_count > 1)
        s.accent_count = 1;
    loris_status status = conditioning_make(&c, &s, g->frames, given);
    if (status == LORIS_OK && given)
        status = check_conditioning(v, name, &c);
    if (status == LORIS_OK)
        status = check_bands(v, g, file, &s, &c);
    conditioning_free(&c);
    score_free(&s);
    return status;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

/* The model: named by the caller, else in the folder, else above it. */
static loris_status open_model(const verifier *v, golden *g) {
    char path[4096];
    if (v->settings->model)
        return model_open(&g->model, v->settings->model);
    snprintf(path, sizeof path, "%s/model.safetensors", v->folder);
    if (!file_exists(path))
        snprintf(path, sizeof path, "%s/../model.safetensors", v->folder);
    if (!file_exists(path))
        return fail(LORIS_ERROR_INPUT, "name the model that made these arrays: --model FILE",
                    "%s: no model.safetensors here or one folder up", v->folder);
    return model_open(&g->model, path);
}

loris_status verify_bands(verifier *v) {
    golden g = {0};
    char(*names)[NAME_LENGTH];
    size_t count;
    loris_status status = list_scores(v->folder, &names, &count);
    if (status != LORIS_OK)
        goto done;
    TRY_GOTO(open_model(v, &g));
    TRY_GOTO(weights_new(&g.weights, v->compute, g.model->file, g.model->prefix));
    TRY_GOTO(verify_read(v, "noise", 3, (const int64_t[]){1, g.model->unet.in_channels, -1}, &g.noise));
    g.frames = (size_t)g.noise.dim[2];
    for (size_t i = 0; i < count; i++) {
        TRY_GOTO(check_score(v, &g, names[i], true));
        TRY_GOTO(check_score(v, &g, names[i], false));
    }
    status = weights_all_used(g.weights);
done:
    free(names);
    weights_free(g.weights);
    model_close(g.model);
    npy_free(&g.noise);
    return status;
}
