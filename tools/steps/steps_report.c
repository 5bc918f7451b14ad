/*
 * steps-report MODEL FOLDER FULL: how far a sample of few steps is from its limit, and one of 16-bit weights from one
 * in f32. For each score FOLDER/NAME-score.json samples the model's spectrogram from the same noise with dpmpp2m in 10,
 * 15, 20 and 30 steps and in 200, which stands for the limit, then in 50 steps in f32, bf16 and f16, and prints the
 * log-spectral distance between them: the root of the mean over frames and bands of the squared difference in dB. The
 * last column counts only what is within 60 dB of the loudest. Then samples LORIS' network on the made-up weights and
 * conditioning of FULL (tests/data/full-16) in 50 steps, guided, and prints the error of bf16 and f16 against f32.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/full_case.h"
#include "diffusion/bands.h"
#include "diffusion/presets.h"
#include "music/conditioning.h"

enum { LIMIT_STEPS = 200, PRECISION_STEPS = 50, COUNTS = 4, ROUNDED = 2, NAMES_MAX = 64, NAME_LENGTH = 256 };
static const int counts[COUNTS] = {10, 15, 20, 30};
static const struct {
    product_precision precision;
    const char *name;
} rounded[ROUNDED] = {{PRECISION_BF16, "bf16"}, {PRECISION_F16, "f16"}};
static const double DB = 8.685889638065035; /* of a natural logarithm of magnitude */
static const char ENDING[] = "-score.json";
static const double HEARD = 60; /* dB below the loudest */

typedef struct report {
    compute *compute;
    model *model;
    weights *weights;
    size_t frames;
    uint64_t seed;
    float *best, *other; /* [frames][bands]: what comes closest to the limit, and what is compared with it */
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

/* In dB: of everything, and of what is heard in the better one. */
static void distance(const report *r, double *all, double *heard) {
    const size_t count = r->frames * (size_t)r->model->bands.bands;
    double loudest = -INFINITY, squares = 0, heard_squares = 0;
    size_t heard_count = 0;
    for (size_t i = 0; i < count; i++)
        loudest = fmax(loudest, r->best[i]);
    for (size_t i = 0; i < count; i++) {
        const double d = DB * (r->other[i] - r->best[i]);
        squares += d * d;
        if (DB * (loudest - r->best[i]) > HEARD)
            continue;
        heard_squares += d * d;
        heard_count++;
    }
    *all = sqrt(squares / (double)count);
    *heard = sqrt(heard_squares / (double)(heard_count ? heard_count : 1));
}

static void print_distance(const report *r, const char *name, int steps, const char *precision, int best_steps) {
    double all, heard;
    distance(r, &all, &heard);
    printf("| %.*s | %d, %s | %d, f32 | %.3f | %.3f |\n", (int)(strlen(name) - strlen(ENDING)), name, steps, precision,
           best_steps, all, heard);
    fflush(stdout);
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
    TRY_GOTO(sample(r, &s, &c, LIMIT_STEPS, r->best));
    for (int i = 0; i < COUNTS; i++) {
        TRY_GOTO(sample(r, &s, &c, counts[i], r->other));
        print_distance(r, name, counts[i], "f32", LIMIT_STEPS);
    }
    TRY_GOTO(sample(r, &s, &c, PRECISION_STEPS, r->best));
    for (int i = 0; i < ROUNDED; i++) {
        compute_set_precision(r->compute, rounded[i].precision);
        status = sample(r, &s, &c, PRECISION_STEPS, r->other);
        compute_set_precision(r->compute, PRECISION_F32);
        if (status != LORIS_OK)
            goto done;
        print_distance(r, name, PRECISION_STEPS, rounded[i].name, PRECISION_STEPS);
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
    char names[NAMES_MAX][NAME_LENGTH];
    size_t count = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: no such folder", folder);
    for (const struct dirent *d; (d = readdir(dir)) != NULL && count < NAMES_MAX;) {
        const size_t length = strlen(d->d_name);
        if (length > strlen(ENDING) && !strcmp(d->d_name + length - strlen(ENDING), ENDING))
            snprintf(names[count++], NAME_LENGTH, "%s", d->d_name);
    }
    closedir(dir);
    qsort(names, count, NAME_LENGTH, by_name);
    puts("| score | steps | against | distance dB | heard dB |\n| --- | --- | --- | --- | --- |");
    for (size_t i = 0; i < count; i++)
        TRY(report_score(r, folder, names[i]));
    return count ? LORIS_OK : fail(LORIS_ERROR_INPUT, NULL, "%s: holds no NAME-score.json", folder);
}

/* ---- LORIS' network ---------------------------------------------------------------------------------------------- */

static loris_status sample_full(compute *c, const full_case *f, product_precision precision, float *out) {
    const product_precision before = compute_set_precision(c, precision);
    sampling_settings settings = preset_sampling(&presets[0], 0.1);
    settings.sampler = SAMPLER_DPMPP2M;
    settings.steps = PRECISION_STEPS;
    uint64_t seed = 1;
    const clip_conditioning clip = {.rows = (int)f->samples,
                                    .tokens = f->tokens,
                                    .peaks = f->peaks,
                                    .token_count = FULL_TOKENS,
                                    .peak_count = FULL_PEAKS};
    weights *w = NULL;
    sampler *s = NULL;
    sampling_report told;
    loris_status status;
    TRY_GOTO(full_case_weights(&w, c));
    const sampling_request request = {.compute = c,
                                      .weights = w,
                                      .unet = &f->unet,
                                      .settings = &settings,
                                      .rows = clip.rows,
                                      .conditioning = &clip,
                                      .noise = seeded_noise,
                                      .noise_user = &seed};
    TRY_GOTO(sampler_new(&s, &request));
    TRY_GOTO(sampler_run(s, out, &told));
done:
    sampler_free(s);
    weights_free(w);
    compute_set_precision(c, before);
    return status;
}

static void print_error(const char *precision, const float *want, const float *got, size_t count) {
    double squares = 0, error_squares = 0, largest = 0, largest_error = 0;
    for (size_t i = 0; i < count; i++) {
        const double error = (double)got[i] - want[i];
        squares += (double)want[i] * want[i];
        error_squares += error * error;
        largest = fmax(largest, fabs(want[i]));
        largest_error = fmax(largest_error, fabs(error));
    }
    printf("| %s | %d | %.1f | %.2e |\n", precision, PRECISION_STEPS, 10 * log10(error_squares / squares),
           largest_error / largest);
    fflush(stdout);
}

static loris_status report_full(compute *c, const char *folder) {
    const verifier v = {.compute = c, .folder = folder};
    full_case f = {0};
    float *want = NULL, *got = NULL;
    loris_status status;
    TRY_GOTO(full_case_read(&f, &v));
    const size_t count = f.samples * (size_t)f.unet.in_channels;
    want = malloc(count * sizeof *want);
    got = malloc(count * sizeof *got);
    if (!want || !got) {
        status = fail_memory("samples");
        goto done;
    }
    puts("\n| LORIS on made-up weights | steps | RMS of the error, dB of the sample's | largest error, of the largest "
         "magnitude |\n"
         "| --- | --- | --- | --- |");
    TRY_GOTO(sample_full(c, &f, PRECISION_F32, want));
    for (int i = 0; i < ROUNDED; i++) {
        TRY_GOTO(sample_full(c, &f, rounded[i].precision, got));
        print_error(rounded[i].name, want, got, count);
    }
done:
    free(want);
    free(got);
    full_case_free(&f);
    return status;
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static loris_status run(report *r, const char *model_path, const char *folder, const char *full) {
    const compute_settings in_f32 = {.precision = PRECISION_F32};
    sampling_settings settings;
    TRY(compute_open(&r->compute, &in_f32));
    TRY(model_open(&r->model, model_path));
    TRY(weights_new(&r->weights, r->compute, r->model->file, r->model->prefix));
    TRY(bands_sampling(r->model, &settings));
    r->frames = (size_t)settings.window;
    r->best = malloc(r->frames * (size_t)r->model->bands.bands * sizeof *r->best);
    r->other = malloc(r->frames * (size_t)r->model->bands.bands * sizeof *r->other);
    if (!r->best || !r->other)
        return fail_memory("spectrograms");
    TRY(report_all(r, folder));
    return report_full(r->compute, full);
}

int main(int argc, char **argv) {
    report r = {.seed = 1};
    if (argc != 4) {
        fprintf(stderr, "usage: steps-report MODEL FOLDER FULL\n");
        return 2;
    }
    loris_status status = run(&r, argv[1], argv[2], argv[3]);
    if (status != LORIS_OK)
        fprintf(stderr, "steps-report: %s\n", loris_error_message());
    free(r.best);
    free(r.other);
    weights_free(r.weights);
    model_close(r.model);
    compute_close(r.compute);
    return status == LORIS_OK ? 0 : 1;
}
