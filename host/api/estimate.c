/* What a soundtrack would take: planned memory and FLOP, and times by short measurements. */
#include "loris/estimate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/job.h"
#include "media/phase.h"
#include "media/video.h"
#include "nets/flow.h"
#include "nets/synthetic.h"
#include "ops/ops.h"
#include "rhythm/watch.h"

enum {
    BLOCK_ROWS = 1024,
    BLOCK_CHANNELS = 192,
    BLOCK_LAYERS = 4, /* a window of the default model on its second level: what it computes most of */
    TOGETHER = 8,
    FLOW_FRAMES = 8,
    DECODED_FRAMES = 48
};
static const double MEASURED = 0.25; /* seconds */

/* ---- how fast the device computes -------------------------------------------------------------------------------- */

static net *record_block(compute *c, const weights *w) {
    net *n = net_new(c, w, "block", 1);
    tensor x = net_input(n, "x", PHASE_STEP, shape_1d(1, BLOCK_ROWS, BLOCK_CHANNELS), STORE_F32);
    for (int i = 0; i < BLOCK_LAYERS; i++) {
        enter(n, "layer%d.", i);
        const tensor h = group_norm(n, x, "groupnorm", 8, (tensor){0}, ACTIVATION_SILU);
        x = add(n, conv1d(n, h, "project", BLOCK_CHANNELS, 3), x);
        leave(n);
    }
    net_output(n, "y", x);
    return n;
}

/* Twice to get compiled and warm, then until the time is up. */
static loris_status time_block(compute *c, plan *p, double *flop_per_second) {
    double from = 0, elapsed = 0;
    int runs = 0;
    for (int i = 0; i < 2; i++)
        TRY(plan_run(p, PHASE_STEP, 0));
    TRY(compute_finish(c, "block"));
    for (from = seconds_now(); elapsed < MEASURED; runs += TOGETHER) {
        for (int i = 0; i < TOGETHER; i++) /* the device is not to wait for the host in between */
            TRY(plan_run(p, PHASE_STEP, 0));
        TRY(compute_finish(c, "block"));
        elapsed = seconds_now() - from;
    }
    *flop_per_second = runs * plan_flop(p, PHASE_STEP) / elapsed;
    return LORIS_OK;
}

static loris_status measure_speed(compute *c, double *flop_per_second) {
    weights *w = NULL;
    plan *p = NULL;
    float *x = malloc((size_t)BLOCK_ROWS * BLOCK_CHANNELS * sizeof *x);
    loris_status status = x ? weights_new_generated(&w, c, synthetic_weight) : fail_memory("a block to measure");
    if (status == LORIS_OK)
        status = plan_build(&p, record_block(c, w));
    if (status == LORIS_OK) {
        synthetic_uniform(x, "x", (size_t)BLOCK_ROWS * BLOCK_CHANNELS);
        status = plan_write(p, "x", x, (size_t)BLOCK_ROWS * BLOCK_CHANNELS * sizeof *x);
    }
    if (status == LORIS_OK)
        status = time_block(c, p, flop_per_second);
    plan_free(p);
    weights_free(w);
    free(x);
    return status;
}

/* ---- how fast frames are seen ------------------------------------------------------------------------------------ */

static loris_status time_flow(compute *c, int width, int height, const uint8_t *frames, double *seconds) {
    flow_net *f;
    float features[FLOW_FRAMES * FLOW_FEATURES];
    double from = 0;
    TRY(flow_net_new(&f, c, width, height, FLOW_FRAMES));
    loris_status status = LORIS_OK;
    for (int i = 0; i < 2 && status == LORIS_OK; i++) { /* the first compiles */
        from = seconds_now();
        status = flow_net_push(f, frames, FLOW_FRAMES);
        if (status == LORIS_OK)
            status = flow_net_collect(f, features, FLOW_FRAMES);
    }
    *seconds = (seconds_now() - from) / FLOW_FRAMES;
    flow_net_free(f);
    return status;
}

/* Decoding runs beside the device; on a CPU they share the processors. */
static loris_status measure_watching(compute *c, video *v, double *seconds) {
    int width, height, taken = 0;
    bool end = false;
    double flow = 0;
    video_frame_size(v, &width, &height);
    const size_t frame = (size_t)width * (size_t)height;
    uint8_t *frames = calloc(FLOW_FRAMES, frame);
    if (!frames)
        return fail_memory("frames to watch");
    const double from = seconds_now();
    loris_status status = LORIS_OK;
    while (status == LORIS_OK && !end && taken < DECODED_FRAMES) {
        video_frame shown;
        status = video_next(v, &shown, &end);
        if (status == LORIS_OK && !end)
            memcpy(frames + (size_t)(taken++ % FLOW_FRAMES) * frame, shown.pixels, frame);
    }
    const double decode = taken ? (seconds_now() - from) / taken : 0;
    if (status == LORIS_OK)
        status = time_flow(c, width, height, frames, &flow);
    free(frames);
    TRY(status);
    *seconds = c->dev.type & CL_DEVICE_TYPE_CPU ? decode + flow : fmax(decode, flow);
    return LORIS_OK;
}

/* ---- how fast phases are found ----------------------------------------------------------------------------------- */

static loris_status forget(void *user, const float *samples, size_t count) {
    (void)user;
    (void)samples;
    (void)count;
    return check_cancelled();
}

/* Wall time for each second of sound. */
static loris_status measure_phase(const model_bands *b, double *seconds) {
    const spectrum_format format = {
        .rate = b->rate, .window = b->window, .hop = b->hop, .bands = b->bands, .floor = b->floor};
    const size_t rows = PHASE_BLOCK, count = rows * (size_t)b->bands;
    float *bands = malloc(count * sizeof *bands);
    phase_stream *stream = NULL;
    if (!bands)
        return fail_memory("a spectrogram to measure");
    synthetic_uniform(bands, "bands", count);
    loris_status status = phase_stream_new(&stream, &format, 0);
    const double from = seconds_now();
    if (status == LORIS_OK)
        status = phase_stream_push(stream, bands, rows, true, forget, NULL);
    *seconds = (seconds_now() - from) / ((double)rows * b->hop / b->rate);
    if (stream)
        phase_stream_free(stream);
    free(bands);
    return status;
}

/* ---- the estimate ------------------------------------------------------------------------------------------------ */

static loris_status plan_sampling(const job *j, loris_estimate *e) {
    sampling_report planned;
    const clip_conditioning counts = {.rows = (int)j->rows};
    const sampling_request request = {.compute = j->engine->compute,
                                      .weights = j->weights,
                                      .unet = &j->model->unet,
                                      .settings = &j->sampling,
                                      .rows = (int)j->rows,
                                      .conditioning = &counts};
    loris_status status = sampler_estimate(&request, &planned);
    if (status == LORIS_ERROR_DEVICE) { /* a tensor is larger than the device allows */
        snprintf(e->obstacle, sizeof e->obstacle, "%s", loris_error_message());
        return LORIS_OK;
    }
    TRY(status);
    e->windows = planned.windows;
    e->evaluations = planned.evaluations;
    e->activations = planned.memory;
    e->weights = planned.weights;
    e->gflop = planned.flop * 1e-9;
    const double have = (double)j->engine->compute->dev.global_memory;
    e->fits = (double)e->activations + (double)e->weights <= have;
    if (!e->fits)
        snprintf(e->obstacle, sizeof e->obstacle, "needs %.1f GB, the device has %.1f GB",
                 1e-9 * ((double)e->activations + (double)e->weights), 1e-9 * have);
    return LORIS_OK;
}

static loris_status measure(const job *j, video *v, loris_estimate *e) {
    double speed = 0, frame = 0, recovery = 0;
    TRY(measure_watching(j->engine->compute, v, &frame));
    TRY(measure_phase(&j->model->bands, &recovery));
    TRY(measure_speed(j->engine->compute, &speed));
    e->gflop_per_second = speed * 1e-9;
    e->watch_seconds = frame * e->frames;
    e->denoise_seconds = e->gflop / e->gflop_per_second;
    e->phase_seconds = recovery * e->duration;
    return LORIS_OK;
}

static loris_status estimate(job *j, video **v, loris_estimate *e) {
    const watch_settings watching = watch_defaults();
    TRY(video_open(v, j->video, watching.longest, VIDEO_LUMA));
    const video_info *info = video_get_info(*v);
    TRY(job_open(j));
    const double wanted = j->settings->duration;
    e->duration = wanted > 0 && wanted < info->duration ? wanted : info->duration;
    e->frames = (int)ceil(e->duration * (info->frame_rate > 0 ? info->frame_rate : 25));
    job_set_duration(j, e->duration);
    TRY(plan_sampling(j, e));
    return e->fits ? measure(j, *v, e) : LORIS_OK;
}

loris_status loris_estimate_soundtrack(loris_engine *engine, const loris_settings *settings, const char *path,
                                       loris_estimate *out) {
    job j = {.engine = engine, .settings = settings, .video = path, .takes = 1};
    video *v = NULL;
    *out = (loris_estimate){0};
    if (!settings->model)
        return fail(LORIS_ERROR_ARGUMENT, "set loris_settings.model", "no model was named");
    loris_status status = estimate(&j, &v, out);
    if (v)
        video_close(v);
    job_close(&j);
    return status;
}
