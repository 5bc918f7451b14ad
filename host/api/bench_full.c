/* The benchmark of LORIS: samples of a clip from made-up tokens and poses, with weights that are made up or a model's.
 * A step of the published preset takes as long as any other, so a few are made and the others counted. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/bench_run.h"
#include "api/full_case.h"
#include "diffusion/presets.h"
#include "nets/synthetic.h"

enum { STEPS = 3 }; /* make two updates: four evaluations of the published sampler */

typedef struct full {
    verifier verifier; /* of the folder with the golden output */
    full_case made_up;
    unet_config unet;
    model *model; /* NULL: weights are made up */
    weights *weights;
    sampling_settings sampling;
    clip_conditioning clip;
    sampler *sampler;
    int rows;
    uint64_t noise_seed;
    float *genre, *sound, *first; /* sound [rows][channels] */
} full;

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static loris_status open_made_up(bench_run *b, full *f) {
    record *r = b->record;
    f->unet = f->made_up.unet;
    r->workload.name = "full-synthetic";
    r->workload.model = "LORIS, 766.5 M parameters, on made-up weights";
    r->workload.model_hash = "";
    return full_case_weights(&f->weights, b->compute);
}

static loris_status open_model(bench_run *b, full *f) {
    record *r = b->record;
    char hash[65];
    TRY(model_open(&f->model, b->settings->model));
    f->unet = f->model->unet;
    if (!f->unet.embedding_features)
        return fail(LORIS_ERROR_INPUT, "benchmarks are of spectrogram models and of LORIS'",
                    "%s: a model without visual tokens", b->settings->model);
    model_hash(f->model, b->compute->cache_folder, hash);
    r->workload.name = "loris";
    r->workload.model = arena_strdup(b->memory, f->model->name);
    r->workload.model_hash = arena_strdup(b->memory, hash);
    return weights_new(&f->weights, b->compute, f->model->file, f->model->prefix);
}

/* How many evaluations `steps` of the sampler are. */
static loris_status count_evaluations(const sampling_settings *s, int steps, int *count) {
    float *sigmas = calloc((size_t)steps + 1, sizeof *sigmas);
    evaluation *list = NULL;
    if (!sigmas)
        return fail_memory("a benchmark");
    karras_sigmas(sigmas, steps, s->sigma_min, s->sigma_max, s->rho);
    loris_status status = sampler_evaluations(s->sampler, sigmas, steps, &list, count);
    free(sigmas);
    free(list);
    return status;
}

static loris_status plan_clip(bench_run *b, full *f) {
    const preset *p = &presets[0];
    record *r = b->record;
    int all, made;
    f->sampling = preset_sampling(p, f->model ? f->model->sigma_data : 0.1);
    TRY(count_evaluations(&f->sampling, f->sampling.steps, &all));
    TRY(count_evaluations(&f->sampling, STEPS, &made));
    r->workload.evaluations = made;
    r->workload.further_evaluations = all - made;
    r->workload.audio_seconds = (double)f->made_up.samples / p->rate;
    r->workload.what =
        arena_printf(b->memory,
                     "%.1f s of sound as of preset %s: %s, %d steps, guidance %g, of which %d "
                     "evaluations are made and %d are counted",
                     r->workload.audio_seconds, p->name, sampler_name(f->sampling.sampler), f->sampling.steps,
                     f->sampling.guidance, made, all - made);
    f->sampling.steps = STEPS;
    const int hop = unet_hop(&f->unet, f->unet.levels);
    f->rows = (int)f->made_up.samples / hop * hop;
    return f->rows ? LORIS_OK : fail(LORIS_ERROR_INPUT, NULL, "the model's window is longer than the benchmark's clip");
}

static loris_status make_inputs(full *f) {
    const size_t width = (size_t)f->unet.embedding_features, count = (size_t)f->rows * (size_t)f->unet.in_channels;
    f->sound = calloc(count, sizeof *f->sound);
    f->first = calloc(count, sizeof *f->first);
    const int tokens_max = f->unet.embedding_max_length, peaks_max = f->unet.rhythm_max_length - 2;
    float *tokens = realloc(f->made_up.tokens, FULL_TOKENS * width * sizeof *tokens);
    if (!f->sound || !f->first || !tokens)
        return fail_memory("a benchmark's inputs");
    f->made_up.tokens = tokens;
    synthetic_uniform(tokens, "tokens", FULL_TOKENS * width);
    if (f->unet.genre) {
        f->genre = calloc(width, sizeof *f->genre);
        if (!f->genre)
            return fail_memory("a benchmark's inputs");
        synthetic_uniform(f->genre, "genre", width);
    }
    f->clip = (clip_conditioning){.rows = f->rows,
                                  .tokens = tokens,
                                  .peaks = f->made_up.peaks,
                                  .token_count = tokens_max < FULL_TOKENS ? tokens_max : FULL_TOKENS,
                                  .peak_count = peaks_max < FULL_PEAKS ? peaks_max : FULL_PEAKS,
                                  .genre = f->genre};
    return LORIS_OK;
}

static loris_status open_full(bench_run *b) {
    full *f = calloc(1, sizeof *f);
    b->state = f;
    if (!f)
        return fail_memory("a benchmark");
    f->noise_seed = 1;
    f->verifier =
        (verifier){.compute = b->compute, .folder = bench_data(b, b->settings->quick ? "full-16" : "full-19")};
    TRY(full_case_read(&f->made_up, &f->verifier));
    TRY(b->settings->model ? open_model(b, f) : open_made_up(b, f));
    TRY(plan_clip(b, f));
    return make_inputs(f);
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static loris_status prepare(bench_run *b) {
    full *f = b->state;
    const sampling_request request = {.compute = b->compute,
                                      .weights = f->weights,
                                      .unet = &f->unet,
                                      .settings = &f->sampling,
                                      .rows = f->rows,
                                      .conditioning = &f->clip,
                                      .noise = seeded_noise,
                                      .noise_user = &f->noise_seed};
    return sampler_new(&f->sampler, &request);
}

static loris_status sample(bench_run *b) {
    full *f = b->state;
    const bool is_first = b->device_memory == 0;
    sampling_report report;
    TRY(sampler_run(f->sampler, f->sound, &report));
    if (is_first)
        memcpy(f->first, f->sound, (size_t)f->rows * (size_t)f->unet.in_channels * sizeof *f->sound);
    b->device_memory = report.memory + report.weights;
    return LORIS_OK;
}

static plan *network(bench_run *b) {
    const full *f = b->state;
    return sampler_network(f->sampler);
}

/* ---- the golden output ------------------------------------------------------------------------------------------- */

static loris_status check_made_up(bench_run *b, full *f) {
    bench_checks checks = {b, "golden: "};
    const loris_verify_settings settings = {.quantity = bench_take_quantity, .quantity_user = &checks};
    plan *p = NULL;
    f->verifier.settings = &settings;
    sampler_free(f->sampler); /* makes room */
    f->sampler = NULL;
    loris_status status;
    TRY_GOTO(plan_build(&p, full_case_record(&f->made_up, b->compute, f->weights)));
    TRY_GOTO(full_case_write(&f->made_up, p));
    for (int which = PHASE_CLIP; which <= PHASE_STEP; which++)
        TRY_GOTO(plan_run(p, (phase)which, 0));
    status = full_case_check(&f->made_up, &f->verifier, p);
done:
    plan_free(p);
    f->verifier.settings = NULL;
    return status;
}

static loris_status check(bench_run *b) {
    full *f = b->state;
    TRY(bench_check(b, NULL, NULL, "known answer: "));
    TRY(bench_quantity(b, "the last sample beside the first", f->sound, f->first,
                       (size_t)f->rows * (size_t)f->unet.in_channels, 0));
    if (!f->model)
        return check_made_up(b, f);
    record_note(b->record, b->memory,
                "the model has no golden output here: the device's known answers alone were checked");
    return LORIS_OK;
}

static void close_full(bench_run *b) {
    full *f = b->state;
    if (!f)
        return;
    sampler_free(f->sampler);
    weights_free(f->weights);
    model_close(f->model);
    full_case_free(&f->made_up);
    free(f->genre);
    free(f->sound);
    free(f->first);
    free(f);
    b->state = NULL;
}

static const bench_stage stages[] = {
    {"prepare", "network planned, kernels compiled, weights made or read, packed and uploaded", prepare, true},
    {"sampling", "keys and values of the clip, then two steps, on the device", sample, false},
    {NULL, NULL, NULL, false}};

const bench_workload bench_full = {
    .stages = stages, .open = open_full, .check = check, .sample = sample, .network = network, .close = close_full};
