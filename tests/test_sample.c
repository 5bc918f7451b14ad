/* Sampling over windows: one window is the plain result, several agree with the whole where the network allows it,
 * conditioning reaches the right rows, runs can be stopped, and devices share windows without a changed bit. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diffusion/sample.h"
#include "nets/synthetic.h"
#include "support_net.h"

static const unet_config network = {.in_channels = 3,
                                    .channels = 8,
                                    .patch_factor = 1,
                                    .levels = 2,
                                    .multipliers = {1, 1, 2},
                                    .factors = {2, 2},
                                    .num_blocks = {1, 1},
                                    .attention_heads = 1,
                                    .attention_features = 8,
                                    .attention_multiplier = 1,
                                    .resnet_groups = 2,
                                    .kernel_multiplier = 2,
                                    .context_channels = {3, 2},
                                    .context_features = 4};

/* Gains of 0 make every norm constant, and with it the attention: what is left sees a bounded neighbourhood. */
static void constant_norms(float *values, const char *name, int rank, const int64_t *dim) {
    size_t length = strlen(name), count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dim[i];
    synthetic_weight(values, name, rank, dim);
    if ((length > 2 && !strcmp(name + length - 2, ".g")) || strstr(name, "groupnorm.weight"))
        memset(values, 0, count * sizeof *values);
}

typedef struct setup {
    weights *weights;
    float *channels[2], features[4];
    sampling_settings settings;
    noise_function *noise;
    void *noise_user; /* NULL = the seed */
    uint64_t seed;
    int rows;
    const sampling_device *others;
    int other_count;
} setup;

static void begin(setup *s, weight_generator *generate, int rows) {
    memset(s, 0, sizeof *s);
    assert_ok(weights_new_generated(&s->weights, support_compute(), generate));
    s->rows = rows;
    s->channels[0] = support_values((size_t)rows * 3, 21);
    s->channels[1] = support_values((size_t)(rows + 1) / 2 * 2, 22);
    support_fill(s->features, 4, 23);
    s->noise = seeded_noise;
    s->seed = 5;
    s->settings = (sampling_settings){.sampler = SAMPLER_HEUN,
                                      .steps = 5,
                                      .sigma_min = 0.01,
                                      .sigma_max = 2,
                                      .rho = 7,
                                      .sigma_data = 0.1,
                                      .guidance = 1.5,
                                      .guidance_low = 0.05,
                                      .guidance_high = 1,
                                      .overlap = 64,
                                      .margin = 24};
}

static void end(setup *s) {
    weights_free(s->weights);
    free(s->channels[0]);
    free(s->channels[1]);
}

typedef struct steps_seen {
    int calls, cancel_after;
    double last, total;
} steps_seen;

static void see(void *user, const char *stage, double done, double total) {
    steps_seen *s = user;
    assert_string_equal(stage, "denoise");
    assert_true(done >= s->last);
    s->last = done;
    s->total = total;
    if (++s->calls == s->cancel_after)
        loris_cancel();
}

static loris_status run(setup *s, int window, float *out, sampling_report *report, steps_seen *seen) {
    s->settings.window = window;
    const clip_conditioning conditioning = {
        .rows = s->rows, .channels = {s->channels[0], s->channels[1]}, .features = s->features};
    const sampling_request request = {.compute = support_compute(),
                                      .weights = s->weights,
                                      .others = s->others,
                                      .other_count = s->other_count,
                                      .unet = &network,
                                      .settings = &s->settings,
                                      .rows = s->rows,
                                      .conditioning = &conditioning,
                                      .noise = s->noise,
                                      .noise_user = s->noise_user ? s->noise_user : &s->seed,
                                      .progress = seen ? see : NULL,
                                      .progress_user = seen};
    return sample_clip(&request, out, report);
}

static void windows_agree_with_the_whole(void **state) {
    (void)state;
    static const int lengths[] = {301, 257, 129};
    for (int k = 0; k < 3; k++)
        for (int kind = 0; kind < SAMPLER_COUNT; kind++) {
            setup s;
            sampling_report report;
            begin(&s, constant_norms, lengths[k]);
            s.settings.sampler = (sampler_kind)kind;
            size_t count = (size_t)s.rows * 3;
            float *whole = malloc(count * sizeof *whole), *cut = malloc(count * sizeof *cut);
            s.settings.overlap = s.settings.margin = 0, s.settings.overlap = 1;
            assert_ok(run(&s, 0, whole, &report, NULL));
            assert_int_equal(report.windows, 1);
            s.settings.overlap = 64, s.settings.margin = 24;
            assert_ok(run(&s, 128, cut, &report, NULL));
            assert_true(report.windows > 1);
            for (size_t i = 0; i < count; i++)
                if (!(fabsf(whole[i] - cut[i]) <= 1e-5f))
                    fail_msg("%s, %d rows: row %zu: whole %.8g, windows %.8g", sampler_name(s.settings.sampler), s.rows,
                             i / 3, whole[i], cut[i]);
            free(whole);
            free(cut);
            end(&s);
        }
}

static loris_status halved_noise(void *user, int draw, size_t first, size_t count, float *out) {
    loris_status status = seeded_noise(user, draw, first, count, out);
    for (size_t i = 0; i < count; i++)
        out[i] *= 0.5f;
    return status;
}

/* Half the temperature is half of all noise, to the bit: a factor of two is exact. */
static void temperature_scales_all_noise(void **state) {
    (void)state;
    for (int kind = 0; kind < SAMPLER_COUNT; kind++) {
        setup s;
        float plain[128 * 3], cool[128 * 3], halved[128 * 3];
        begin(&s, synthetic_weight, 128);
        s.settings.sampler = (sampler_kind)kind;
        assert_ok(run(&s, 0, plain, NULL, NULL));
        s.settings.temperature = 0.5;
        assert_ok(run(&s, 0, cool, NULL, NULL));
        s.settings.temperature = 1;
        s.noise = halved_noise;
        assert_ok(run(&s, 0, halved, NULL, NULL));
        assert_memory_equal(cool, halved, sizeof cool);
        assert_memory_not_equal(cool, plain, sizeof cool);
        end(&s);
    }
}

/* Were every denoised signal 0, Heun's steps would shrink the first noise to the last level. How far denoised signals
 * within the limit lead from there follows from the steps' weights of them. */
static void denoised_signals_keep_the_limit(void **state) {
    (void)state;
    enum { ROWS = 128, STEPS = 5 };
    static const double limit = 0.002;
    setup s;
    float out[ROWS * 3], free_out[ROWS * 3], noise[ROWS * 3], sigmas[STEPS + 1];
    double reach = 0, farthest = 0;
    begin(&s, synthetic_weight, ROWS);
    s.settings.guidance = 1;
    karras_sigmas(sigmas, STEPS, s.settings.sigma_min, s.settings.sigma_max, s.settings.rho);
    for (int i = 0; i + 1 < STEPS; i++) {
        double from = (double)sigmas[i], to = (double)sigmas[i + 1];
        reach = reach * to / from + limit * (from - to) / 2 * (fabs(2 / from - 1 / to) + 1 / to);
    }
    assert_ok(run(&s, 0, free_out, NULL, NULL));
    s.settings.limit = limit;
    assert_ok(run(&s, 0, out, NULL, NULL));
    assert_ok(seeded_noise(&s.seed, -1, 0, ROWS * 3, noise));
    for (int i = 0; i < ROWS * 3; i++) {
        double shrunk = s.settings.sigma_min * (double)noise[i];
        assert_true(fabs((double)out[i] - shrunk) <= reach + 1e-6); /* f32 */
        farthest = fmax(farthest, fabs((double)free_out[i] - shrunk));
    }
    assert_true(farthest > 2 * reach);
    end(&s);
}

static void one_window_is_the_plain_result(void **state) {
    (void)state;
    setup s;
    begin(&s, synthetic_weight, 128);
    float whole[128 * 3], window[128 * 3], again[128 * 3], other[128 * 3];
    assert_ok(run(&s, 0, whole, NULL, NULL));
    assert_ok(run(&s, 128, window, NULL, NULL));
    assert_memory_equal(whole, window, sizeof whole);
    assert_ok(run(&s, 128, again, NULL, NULL));
    assert_memory_equal(again, window, sizeof again);
    s.seed++;
    assert_ok(run(&s, 128, other, NULL, NULL));
    assert_memory_not_equal(other, window, sizeof other);
    end(&s);
}

/* A change of the conditioning at one place moves the sample there, and nowhere far from it. */
static void conditioning_acts_where_it_is(void **state) {
    (void)state;
    enum { ROWS = 400, AT = 211 };
    setup s;
    begin(&s, constant_norms, ROWS);
    float *before = malloc(ROWS * 3 * sizeof *before), *after = malloc(ROWS * 3 * sizeof *after);
    s.settings.steps = 3;
    assert_ok(run(&s, 128, before, NULL, NULL));
    s.channels[0][AT * 3] += 1;
    assert_ok(run(&s, 128, after, NULL, NULL));
    float near = 0, far = 0;
    for (int i = 0; i < ROWS * 3; i++) {
        float change = fabsf(after[i] - before[i]);
        if (abs(i / 3 - AT) <= 1)
            near = fmaxf(near, change);
        if (abs(i / 3 - AT) > 100)
            far = fmaxf(far, change);
    }
    assert_true(near > 1e-3f);
    assert_true(far == 0);
    free(before);
    free(after);
    end(&s);
}

/* Three clips at once are the clips one by one: of a network with channels, and of one with tokens. */
static void clips_side_by_side_are_clips_alone(void **state) {
    (void)state;
    enum { CLIPS = 3, ROWS = 128, TOKENS = 4, PEAKS = 9, WIDTH = 6 };
    for (int attends = 0; attends < 2; attends++) {
        unet_config u = network;
        if (attends) {
            memset(u.context_channels, 0, sizeof u.context_channels);
            u.context_features = 0;
            u.embedding_features = WIDTH;
            u.embedding_max_length = 5;
            u.rhythm_max_length = 12;
            u.genre = true;
        }
        setup s;
        begin(&s, synthetic_weight, ROWS);
        s.settings.overlap = 1, s.settings.margin = 0;
        clip_conditioning clips[CLIPS];
        uint64_t seeds[CLIPS];
        void *users[CLIPS];
        int32_t peaks[CLIPS][PEAKS];
        float *owned[CLIPS], *together = malloc(CLIPS * ROWS * 3 * sizeof *together), alone[ROWS * 3];
        for (int i = 0; i < CLIPS; i++) {
            owned[i] = support_values(ROWS * 3 + ROWS + 4 + TOKENS * WIDTH + WIDTH, (uint64_t)(40 + i));
            float *tokens = owned[i] + ROWS * 3 + ROWS + 4;
            for (int k = 0; k < PEAKS; k++)
                peaks[i][k] = (k + i) % 3 == 0;
            clips[i] = (clip_conditioning){.rows = ROWS - 5 * i,
                                           .channels = {owned[i], owned[i] + ROWS * 3},
                                           .features = owned[i] + ROWS * 3 + ROWS,
                                           .tokens = tokens,
                                           .token_count = TOKENS,
                                           .peaks = peaks[i],
                                           .peak_count = PEAKS,
                                           .genre = attends ? tokens + TOKENS * WIDTH : NULL};
            seeds[i] = (uint64_t)(100 + i);
            users[i] = &seeds[i];
        }
        sampling_request request = {.compute = support_compute(),
                                    .weights = s.weights,
                                    .unet = &u,
                                    .settings = &s.settings,
                                    .rows = ROWS,
                                    .clips = CLIPS,
                                    .conditioning = clips,
                                    .noise = seeded_noise,
                                    .noise_users = users};
        assert_ok(sample_clip(&request, together, NULL));
        for (int i = 0; i < CLIPS; i++) {
            request.clips = 1;
            request.conditioning = &clips[i];
            request.noise_users = &users[i];
            assert_ok(sample_clip(&request, alone, NULL));
            assert_arrays_close(together + i * ROWS * 3, alone, ROWS * 3, 1e-5); /* products may be cut differently */
            free(owned[i]);
        }
        free(together);
        end(&s);
    }
}

/* Networks with tokens see a clip at once; all clips of a sampler have as many tokens. */
static void tokens_belong_to_the_whole_clip(void **state) {
    (void)state;
    unet_config u = network;
    memset(u.context_channels, 0, sizeof u.context_channels);
    u.context_features = 0;
    u.embedding_features = 6;
    u.embedding_max_length = 5;
    u.rhythm_max_length = 12;
    setup s;
    begin(&s, synthetic_weight, 300);
    const float tokens[5 * 6] = {0};
    const int32_t peaks[12] = {0};
    float out[300 * 3];
    clip_conditioning clip = {.tokens = tokens, .token_count = 4, .peaks = peaks, .peak_count = 9};
    s.settings.window = 128;
    const sampling_request request = {.compute = support_compute(),
                                      .weights = s.weights,
                                      .unet = &u,
                                      .settings = &s.settings,
                                      .rows = 300,
                                      .conditioning = &clip,
                                      .noise = seeded_noise,
                                      .noise_user = &s.seed};
    assert_fails(sample_clip(&request, out, NULL), LORIS_ERROR_ARGUMENT, "300 rows");
    s.settings.window = 0, s.settings.overlap = 1, s.settings.margin = 0;
    sampler *made = NULL;
    assert_ok(sampler_new(&made, &request));
    clip.token_count = 5;
    assert_fails(sampler_run(made, out, NULL), LORIS_ERROR_INTERNAL, "5 tokens");
    clip.token_count = 4;
    assert_ok(sampler_run(made, out, NULL));
    sampler_free(made);
    clip.peak_count = 13;
    assert_fails(sampler_new(&made, &request), LORIS_ERROR_ARGUMENT, "13");
    end(&s);
}

static void progress_counts_and_cancelling_stops(void **state) {
    (void)state;
    setup s;
    begin(&s, synthetic_weight, 300);
    float *out = malloc(300 * 3 * sizeof *out);
    sampling_report report;
    steps_seen seen = {0};
    assert_ok(run(&s, 128, out, &report, &seen));
    assert_true(seen.last == seen.total);
    assert_true(seen.total == (double)report.evaluations * report.windows);
    assert_true(report.memory > 0 && report.weights > 0 && report.flop > 0);
    steps_seen stopped = {.cancel_after = 5};
    assert_int_equal(run(&s, 128, out, &report, &stopped), LORIS_CANCELLED);
    assert_true(stopped.calls <= 6);
    loris_resume();
    assert_ok(run(&s, 128, out, &report, NULL));
    free(out);
    end(&s);
}

/* ---- several devices --------------------------------------------------------------------------------------------- */

enum { OTHERS = 2 };

typedef struct others {
    compute *compute[OTHERS];
    weights *weights[OTHERS];
    sampling_device devices[OTHERS];
} others;

/* The device under test, opened again. */
static void open_others(others *o, weight_generator *generate) {
    for (int i = 0; i < OTHERS; i++) {
        assert_ok(compute_open(&o->compute[i], &support_compute()->settings));
        assert_ok(weights_new_generated(&o->weights[i], o->compute[i], generate));
        o->devices[i] = (sampling_device){o->compute[i], o->weights[i]};
    }
}

static void close_others(others *o) {
    for (int i = 0; i < OTHERS; i++) {
        weights_free(o->weights[i]);
        compute_close(o->compute[i]);
    }
}

static void devices_share_windows_without_a_changed_bit(void **state) {
    (void)state;
    static const int lengths[] = {301, 128, 150, 509}; /* 4, 1, 2 and 7 windows over 1 to 3 devices */
    others o;
    open_others(&o, synthetic_weight);
    for (int k = 0; k < 4; k++)
        for (int kind = 0; kind < (k ? 1 : SAMPLER_COUNT); kind++) {
            setup s;
            sampling_report one, several;
            begin(&s, synthetic_weight, lengths[k]);
            s.settings.sampler = (sampler_kind)kind;
            const size_t size = (size_t)s.rows * 3 * sizeof(float);
            float *alone = malloc(size), *shared = malloc(size);
            assert_ok(run(&s, 128, alone, &one, NULL));
            s.others = o.devices;
            for (s.other_count = 1; s.other_count <= OTHERS; s.other_count++) {
                steps_seen seen = {0};
                assert_ok(run(&s, 128, shared, &several, &seen));
                assert_memory_equal(shared, alone, size);
                assert_true(seen.last == seen.total);
                assert_int_equal(several.windows, one.windows);
                assert_true(several.flop == one.flop);
                assert_true(one.windows > 1 ? several.memory > one.memory : several.memory == one.memory);
            }
            free(alone);
            free(shared);
            end(&s);
        }
    close_others(&o);
}

/* Clips side by side have their windows side by side on the way, too; a sampler's second run has what it was given
 * last. */
static void shared_clips_stay_apart(void **state) {
    (void)state;
    enum { CLIPS = 2, ROWS = 301, SIZE = CLIPS * ROWS * 3 };
    setup s;
    others o;
    begin(&s, synthetic_weight, ROWS);
    open_others(&o, synthetic_weight);
    s.settings.window = 128;
    float *other[] = {support_values(ROWS * 3, 31), support_values((ROWS + 1) / 2 * 2, 32)};
    const clip_conditioning first = {.rows = ROWS, .channels = {s.channels[0], s.channels[1]}, .features = s.features},
                            second = {.rows = ROWS, .channels = {other[0], other[1]}, .features = s.features},
                            there[] = {first, second}, back[] = {second, first};
    sampling_request request = {.compute = support_compute(),
                                .weights = s.weights,
                                .unet = &network,
                                .settings = &s.settings,
                                .rows = ROWS,
                                .clips = CLIPS,
                                .conditioning = there,
                                .noise = seeded_noise,
                                .noise_user = &s.seed};
    float *out[4];
    for (int i = 0; i < 4; i++) {
        out[i] = malloc(SIZE * sizeof *out[i]);
        assert_non_null(out[i]);
    }
    for (int i = 0; i < 2; i++) {
        sampler *made;
        request.others = i ? o.devices : NULL;
        request.other_count = i ? OTHERS : 0;
        assert_ok(sampler_new(&made, &request));
        assert_ok(sampler_run(made, out[2 * i], NULL));
        sampler_request(made)->conditioning = back;
        assert_ok(sampler_run(made, out[2 * i + 1], NULL));
        sampler_free(made);
    }
    assert_memory_equal(out[2], out[0], SIZE * sizeof *out[0]);
    assert_memory_equal(out[3], out[1], SIZE * sizeof *out[0]);
    assert_memory_not_equal(out[1], out[0], SIZE * sizeof *out[0]);
    for (int i = 0; i < 4; i++)
        free(out[i]);
    free(other[0]);
    free(other[1]);
    close_others(&o);
    end(&s);
}

static void cancelling_stops_all_devices(void **state) {
    (void)state;
    setup s;
    others o;
    begin(&s, synthetic_weight, 301);
    open_others(&o, synthetic_weight);
    float *out = malloc(301 * 3 * sizeof *out), *again = malloc(301 * 3 * sizeof *again);
    s.others = o.devices;
    s.other_count = OTHERS;
    assert_ok(run(&s, 128, out, NULL, NULL));
    steps_seen stopped = {.cancel_after = 5};
    assert_int_equal(run(&s, 128, again, NULL, &stopped), LORIS_CANCELLED);
    assert_true(stopped.calls <= 6);
    loris_resume();
    assert_ok(run(&s, 128, again, NULL, NULL));
    assert_memory_equal(again, out, 301 * 3 * sizeof *out);
    free(out);
    free(again);
    close_others(&o);
    end(&s);
}

/* Noise is first drawn when all is made and the evaluations begin: from then on a launch has failed there, as oneDNN's
 * kernels tell. */
static loris_status failing_noise(void *user, int draw, size_t first, size_t count, float *out) {
    const others *o = user;
    const uint64_t seed = 5;
    atomic_store(&o->compute[1]->native_failed, 1);
    return seeded_noise((void *)(uintptr_t)&seed, draw, first, count, out);
}

/* While it runs, and while it is built: a model that lacks what the network needs. */
static void another_devices_error_names_it(void **state) {
    (void)state;
    setup s;
    others o;
    char name[300];
    begin(&s, synthetic_weight, 301);
    open_others(&o, synthetic_weight);
    float *out = malloc(301 * 3 * sizeof *out);
    snprintf(name, sizeof name, "device %d, %s: ", support_compute()->dev.index, support_compute()->dev.name);
    s.others = o.devices;
    s.other_count = OTHERS;
    s.noise = failing_noise;
    s.noise_user = &o;
    assert_fails(run(&s, 128, out, NULL, NULL), LORIS_ERROR_DEVICE, name);
    s.noise = seeded_noise;
    s.noise_user = NULL;
    assert_ok(run(&s, 128, out, NULL, NULL));

    weights *empty;
    assert_ok(weights_new_empty(&empty, o.compute[1]));
    o.devices[1].weights = empty;
    assert_fails(run(&s, 128, out, NULL, NULL), LORIS_ERROR_INPUT, name);
    weights_free(empty);
    free(out);
    close_others(&o);
    end(&s);
}

static void impossible_settings_are_refused(void **state) {
    (void)state;
    setup s;
    begin(&s, synthetic_weight, 64);
    float out[64 * 3];
    s.settings.steps = 1;
    assert_int_equal(run(&s, 0, out, NULL, NULL), LORIS_ERROR_ARGUMENT);
    s.settings.steps = 3;
    assert_int_equal(run(&s, 30, out, NULL, NULL), LORIS_ERROR_ARGUMENT); /* not on the network's grid of 4 */
    end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_agree_with_the_whole),    cmocka_unit_test(temperature_scales_all_noise),
        cmocka_unit_test(denoised_signals_keep_the_limit), cmocka_unit_test(one_window_is_the_plain_result),
        cmocka_unit_test(conditioning_acts_where_it_is),   cmocka_unit_test(clips_side_by_side_are_clips_alone),
        cmocka_unit_test(tokens_belong_to_the_whole_clip), cmocka_unit_test(progress_counts_and_cancelling_stops),
        cmocka_unit_test(impossible_settings_are_refused),
        cmocka_unit_test(devices_share_windows_without_a_changed_bit),
        cmocka_unit_test(shared_clips_stay_apart),
        cmocka_unit_test(cancelling_stops_all_devices),
        cmocka_unit_test(another_devices_error_names_it),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
