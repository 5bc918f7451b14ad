/* The built-in known-answer test: one evaluation and one short guided sample of a small network with synthetic weights,
 * which between them use every operation, against answers of the PyTorch reference. */
#include <stdlib.h>

#include "api/verify.h"
#include "nets/synthetic.h"
#include "plan/plan.h"

enum {
    ROWS = 528,
    CHANNELS = 2,
    LEVEL_ROWS = ROWS / 16,
    FEATURES = 5,
    STRIDE = 13,
    ANSWERS = (ROWS * CHANNELS + STRIDE - 1) / STRIDE
};

/* Every STRIDE-th element of [ROWS][CHANNELS]. */
static const float expected_unet[ANSWERS] = {
    -0.17140099f,  -2.0689976f,   -0.76890886f, -0.31766561f, -2.1276009f,  -1.1235594f,  -0.055524267f, -2.1855476f,
    0.95078099f,   0.6897434f,    -0.43425399f, 2.198442f,    -2.9728045f,  -0.45356774f, 0.53388298f,   2.0376282f,
    1.6867204f,    -0.033812448f, 1.6579919f,   1.1197406f,   -0.87549472f, -0.55078834f, -0.54246283f,  1.1191272f,
    -0.047307611f, -1.0900909f,   2.6070673f,   -1.4089501f,  -4.4811287f,  1.8551673f,   0.13924253f,   -0.98977065f,
    -0.21409661f,  1.7362232f,    -0.11691117f, -0.45632827f, -1.5041558f,  3.2155828f,   -1.337903f,    -0.3219161f,
    -1.4194536f,   -1.3458422f,   -0.95784742f, -1.3862547f,  -2.7628617f,  0.73465407f,  -7.8154364f,   -1.0657938f,
    -1.1882725f,   1.4892803f,    -0.43700951f, 0.67871296f,  0.1386722f,   -0.69386482f, -0.11752823f,  -0.77092367f,
    -2.2376707f,   1.7210509f,    -1.477965f,   2.0883684f,   0.7329613f,   1.3161411f,   0.44370234f,   -1.0343242f,
    1.1193448f,    -2.0967557f,   1.4946231f,   -0.64276898f, -1.0244414f,  0.3541089f,   -0.97440016f,  -1.4431533f,
    -6.5146017f,   -0.87011945f,  -1.351813f,   -0.66235894f, 0.96375477f,  -0.53132617f, 0.13544619f,   0.31134212f,
    -1.32147f,     1.1056302f,
};
static const float expected_sample[ANSWERS] = {
    -0.086353458f, -0.6917432f,   0.12512423f,    0.4062131f,   -0.15129621f,  -0.30730945f,  -0.024096988f,
    -0.37505633f,  -0.099644594f, 0.022909692f,   -0.1567865f,  0.12570328f,   -0.23938328f,  -0.37453473f,
    -0.17922179f,  0.24591231f,   -0.10025342f,   0.18914218f,  -0.07706856f,  0.63046402f,   -0.0071723284f,
    0.022319967f,  -0.20480499f,  -0.32680371f,   0.26524213f,  -0.14502156f,  0.32782924f,   -0.74023169f,
    -0.27537557f,  0.066633582f,  0.00099512259f, -0.13346905f, 0.26025736f,   -0.034039117f, -0.031704281f,
    -0.32556972f,  -0.1867948f,   0.32476822f,    -0.41681832f, 0.29128432f,   0.11063571f,   -0.57393306f,
    -0.010429574f, -0.4683089f,   0.20033117f,    0.18885618f,  0.04713637f,   0.21599239f,   -0.29278123f,
    0.04484427f,   -0.22185686f,  0.36187255f,    -0.22722544f, -0.11527099f,  -0.055562187f, -0.36026338f,
    -0.11815282f,  0.22014683f,   -0.0024502713f, 0.14432845f,  -0.029328598f, -0.035630405f, -0.04098222f,
    0.13981202f,   -0.16851756f,  0.34702548f,    0.1069004f,   0.22521006f,   0.01216821f,   0.08220131f,
    -0.31115708f,  0.57411605f,   0.019823879f,   -0.52519339f, 0.059615884f,  -0.46308956f,  -0.093456678f,
    -0.15088393f,  -0.30511642f,  0.26661944f,    -0.15232621f, 0.034906052f,
};

static const unet_config network = {.in_channels = CHANNELS,
                                    .channels = 16,
                                    .patch_factor = 4,
                                    .levels = 2,
                                    .multipliers = {1, 2, 3},
                                    .factors = {4, 3},
                                    .num_blocks = {2, 1},
                                    .attentions = {false, true},
                                    .attention_heads = 2,
                                    .attention_features = 16,
                                    .attention_multiplier = 2,
                                    .resnet_groups = 8,
                                    .kernel_multiplier = 2,
                                    .context_channels = {2, 8},
                                    .context_features = FEATURES};

typedef struct inputs {
    float x[ROWS * CHANNELS], channels0[ROWS * 2], channels1[LEVEL_ROWS * 8], features[FEATURES];
    float got[ROWS * CHANNELS], every[ANSWERS];
} inputs;

static loris_status draw_noise(void *user, int draw, size_t first, size_t count, float *out) {
    static const char *const names[] = {"noise", "draw0", "draw1", "draw2"};
    (void)user;
    float *all = malloc((first + count) * sizeof *all);
    if (!all)
        return fail_memory("noise");
    synthetic_uniform(all, names[draw + 1], first + count);
    for (size_t i = 0; i < count; i++)
        out[i] = 1.7f * all[first + i];
    free(all);
    return LORIS_OK;
}

static loris_status compare(verifier *v, inputs *in, const char *name, const float *want, double tolerance) {
    for (int i = 0; i < ANSWERS; i++)
        in->every[i] = in->got[i * STRIDE];
    return verify_compare(v, name, 1, (const int64_t[]){ANSWERS}, in->every, want, tolerance);
}

static net *record(compute *c, const weights *w) {
    net *n = net_new(c, w, "known answer", 1);
    unet_inputs u = {.x = net_input(n, "x", PHASE_STEP, shape_1d(1, ROWS, CHANNELS), STORE_F32),
                     .c_noise = net_input(n, "c_noise", PHASE_RUN, shape_1d(1, 1, 1), STORE_F32),
                     .features = net_input(n, "features", PHASE_CLIP, shape_1d(1, 1, FEATURES), STORE_F32)};
    u.channels[0] = net_input(n, "channels0", PHASE_CLIP, shape_1d(1, ROWS, 2), STORE_F32);
    u.channels[1] = net_input(n, "channels1", PHASE_CLIP, shape_1d(1, LEVEL_ROWS, 8), STORE_F32);
    net_output(n, "y", unet(n, &network, &u));
    return n;
}

loris_status known_answer_draft(compute *c, weights **w, plan **out) {
    TRY(weights_new_generated(w, c, synthetic_weight));
    loris_status status = plan_draft(out, record(c, *w));
    if (status != LORIS_OK)
        weights_free(*w);
    return status;
}

static loris_status evaluate(verifier *v, const weights *w, inputs *in) {
    net *n = record(v->compute, w);
    const float c_noise = -0.4f;
    plan *p = NULL;
    loris_status status;
    TRY_GOTO(plan_build(&p, n));
    TRY_GOTO(plan_write(p, "x", in->x, sizeof in->x));
    TRY_GOTO(plan_write(p, "c_noise", &c_noise, sizeof c_noise));
    TRY_GOTO(plan_write(p, "features", in->features, sizeof in->features));
    TRY_GOTO(plan_write(p, "channels0", in->channels0, sizeof in->channels0));
    TRY_GOTO(plan_write(p, "channels1", in->channels1, sizeof in->channels1));
    for (int which = PHASE_CLIP; which <= PHASE_STEP; which++)
        TRY_GOTO(plan_run(p, (phase)which, 0));
    TRY_GOTO(plan_read(p, "y", in->got, sizeof in->got));
    status = compare(v, in, "evaluation", expected_unet, verify_tolerance(v, EVALUATION_TOLERANCE));
done:
    plan_free(p);
    return status;
}

static loris_status sample(verifier *v, const weights *w, inputs *in) {
    const sampling_settings settings = {.sampler = SAMPLER_ADPM2,
                                        .steps = 4,
                                        .sigma_min = 1e-4,
                                        .sigma_max = 3,
                                        .rho = 9,
                                        .sigma_data = 0.1,
                                        .guidance = 2,
                                        .guidance_high = 1e9,
                                        .overlap = 1};
    const clip_conditioning conditioning = {
        .rows = ROWS, .channels = {in->channels0, in->channels1}, .features = in->features};
    const sampling_request request = {.compute = v->compute,
                                      .weights = w,
                                      .unet = &network,
                                      .settings = &settings,
                                      .rows = ROWS,
                                      .conditioning = &conditioning,
                                      .noise = draw_noise};
    TRY(sample_clip(&request, in->got, NULL));
    return compare(v, in, "guided_sample", expected_sample, verify_tolerance(v, SAMPLE_TOLERANCE));
}

loris_status verify_device(verifier *v) {
    inputs *in = calloc(1, sizeof *in);
    weights *w = NULL;
    loris_status status = in ? LORIS_OK : fail_memory("the known-answer test");
    if (status != LORIS_OK)
        return status;
    synthetic_uniform(in->x, "x", ROWS * CHANNELS);
    for (int i = 0; i < ROWS * CHANNELS; i++)
        in->x[i] *= 0.5f;
    synthetic_uniform(in->channels0, "channels0", ROWS * 2);
    synthetic_uniform(in->channels1, "channels1", LEVEL_ROWS * 8);
    synthetic_uniform(in->features, "features", FEATURES);
    TRY_GOTO(weights_new_generated(&w, v->compute, synthetic_weight));
    TRY_GOTO(evaluate(v, w, in));
    TRY_GOTO(sample(v, w, in));
done:
    weights_free(w);
    free(in);
    return status;
}
