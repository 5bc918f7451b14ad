/*
 * steps-report MODEL FOLDER: how far a sample of few steps is from its limit, for the default model. For each score
 * FOLDER/NAME-score.json samples the model's spectrogram from the same noise with dpmpp2m in 10, 15, 20 and 30 steps
 * and in 200, which stands for the limit, and prints the log-spectral distance between them: the root of the mean over
 * frames and bands of the squared difference in dB. The last column counts only what is within 60 dB of the loudest.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "diffusion/bands.h"
#include "music/conditioning.h"

enum { LIMIT_STEPS = 200, COUNTS = 4, NAMES_MAX = 64, NAME_LENGTH = 256 };
static const int counts[COUNTS] = {10, 15, 20, 30};
static const double DB = 8.685889638065035; /* of a natural logarithm of magnitude */
static const double HEARD = 60;             /* dB below the loudest */

typedef struct report {
    compute *compute;
    model *model;
    weights *weights;
    size_t frames;
    uint64_t seed;
    float *limit, *few; /* [frames][bands] */
} report;

static loris_status sample(const report *r, const score *s, const conditioning *c, int steps, float *out) {
    sampling_settings settings;
    TRY(bands_sampling(r->model, &settings));
    settings.sampler = SAMPLER_DPMPP2M;
    settings.steps = steps;
    const bands_request request = {.compute = r->compute,
                                   .model = r->model,
                                   .weights = r->weights,
                                   .settings = &settings,
                                   .conditioning = c,
                                   .style = s->style,
                                   .rows = r->frames,
                                   .noise = seeded_noise,
                                   .noise_user = (void *)&r->seed};
    return bands_sample(&request, out, NULL);
}

/* In dB: of everything, and of what is heard in the limit. */
static void distance(const report *r, double *all, double *heard) {
    const size_t count = r->frames * (size_t)r->model->bands.bands;
    double loudest = -INFINITY, squares = 0, heard_squares = 0;
    size_t heard_count = 0;
    for (size_t i = 0; i < count; i++)
        loudest = fmax(loudest, r->limit[i]);
    for (size_t i = 0; i < count; i++) {
        const double d = DB * (r->few[i] - r->limit[i]);
        squares += d * d;
        if (DB * (loudest - r->limit[i]) > HEARD)
            continue;
        heard_squares += d * d;
        heard_count++;
    }
    *all = sqrt(squares / (double)count);
    *heard = sqrt(heard_squares / (double)(heard_count ? heard_count : 1));
}

static loris_status report_score(report *r, const char *folder, const char *name) {
    char path[4096];
    score s = {0};
    conditioning c = {0};
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: the path is too long", folder);
    TRY(score_read(&s, path));
    loris_status status;
    TRY_GOTO(conditioning_make(&c, &s, r->frames, true));
    TRY_GOTO(sample(r, &s, &c, LIMIT_STEPS, r->limit));
    for (int i = 0; i < COUNTS; i++) {
        double all, heard;
        TRY_GOTO(sample(r, &s, &c, counts[i], r->few));
        distance(r, &all, &heard);
        printf("| %.*s | %d | %.2f | %.2f |\n", (int)(strlen(name) - strlen("-score.json")), name, counts[i], all, heard);
        fflush(stdout);
    }
done:
    conditioning_free(&c);
    score_free(&s);
    return status;
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static loris_status report_all(report *r, const char *folder) {
    static const char ending[] = "-score.json";
    char names[NAMES_MAX][NAME_LENGTH];
    size_t count = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: no such folder", folder);
    for (const struct dirent *d; (d = readdir(dir)) != NULL && count < NAMES_MAX;) {
        const size_t length = strlen(d->d_name);
        if (length > strlen(ending) && !strcmp(d->d_name + length - strlen(ending), ending))
            snprintf(names[count++], NAME_LENGTH, "%s", d->d_name);
    }
    closedir(dir);
    qsort(names, count, NAME_LENGTH, by_name);
    puts("| score | steps | distance dB | heard dB |\n| --- | --- | --- | --- |");
    for (size_t i = 0; i < count; i++)
        TRY(report_score(r, folder, names[i]));
    return count ? LORIS_OK : fail(LORIS_ERROR_INPUT, NULL, "%s: holds no NAME-score.json", folder);
}

static loris_status run(report *r, const char *model_path, const char *folder) {
    sampling_settings settings;
    TRY(compute_open(&r->compute, NULL));
    TRY(model_open(&r->model, model_path));
    TRY(weights_new(&r->weights, r->compute, r->model->file, r->model->prefix));
    TRY(bands_sampling(r->model, &settings));
    r->frames = (size_t)settings.window;
    r->limit = malloc(r->frames * (size_t)r->model->bands.bands * sizeof *r->limit);
    r->few = malloc(r->frames * (size_t)r->model->bands.bands * sizeof *r->few);
    if (!r->limit || !r->few)
        return fail_memory("spectrograms");
    return report_all(r, folder);
}

int main(int argc, char **argv) {
    report r = {.seed = 1};
    if (argc != 3) {
        fprintf(stderr, "usage: steps-report MODEL FOLDER\n");
        return 2;
    }
    loris_status status = run(&r, argv[1], argv[2]);
    if (status != LORIS_OK)
        fprintf(stderr, "steps-report: %s\n", loris_error_message());
    free(r.limit);
    free(r.few);
    weights_free(r.weights);
    model_close(r.model);
    compute_close(r.compute);
    return status == LORIS_OK ? 0 : 1;
}
