/* Comparing computed quantities with golden ones: what the files host/api/verify_*.c share. */
#ifndef LORIS_API_VERIFY_H
#define LORIS_API_VERIFY_H

#include "api/engine.h"
#include "core/npy.h"
#include "diffusion/sample.h"
#include "nets/model.h"
#include "plan/plan.h"

/* Tolerances relative to the golden array's largest magnitude. An evaluation in f32 differs from the reference by
 * rounding in another order: some 100 layers of relative error 2^-24 sqrt(K), K about 1000 terms, give about 2e-5. A
 * sampler repeats it. */
static const double EVALUATION_TOLERANCE = 1e-4;
static const double SAMPLE_TOLERANCE = 1e-3;
static const double GUIDED_TOLERANCE = 1e-3; /* a guidance scale of 20 multiplies the difference of two evaluations */

typedef struct verifier {
    compute *compute;
    const char *folder;
    const loris_verify_settings *settings;
    int checked, failed;
} verifier;

/* Golden arrays are of f32. Weights kept in f16 or bf16, and with oneDNN what is multiplied by them, are each off by up
 * to u = 2^-11 or 2^-8 of themselves; measured errors of an evaluation are below 9 u, of a sample below 17 u
 * (docs/performance.md). This is what a tolerance of those above becomes: 16 u more for an evaluation, 32 u more for
 * what repeats or multiplies evaluations. */
double verify_tolerance(const verifier *v, double f32_tolerance);

/* The same with `units` of u, for networks that are known to lose less. */
double verify_rounded(const verifier *v, double f32_tolerance, double units);

/* Compares, reports to the callback and dumps `got` (same layout as the golden). */
loris_status verify_compare(verifier *v, const char *name, int rank, const int64_t *dim, const float *got,
                            const float *want, double tolerance);

/* Reads folder/name.npy as f32 of the given shape (-1 = any). */
loris_status verify_read(const verifier *v, const char *name, int rank, const int64_t *dim, npy *out);
loris_status verify_read_integers(const verifier *v, const char *name, int rank, const int64_t *dim, npy *out);
bool verify_has(const verifier *v, const char *name); /* folder/name.npy exists */

/* [channels][length] <-> [length][channels] */
void verify_transpose(float *out, const float *in, size_t rows, size_t columns);

loris_status verify_unet(verifier *v);    /* a U-Net with config.json, model.safetensors, x, c_noise, ... */
loris_status verify_full(verifier *v);    /* the full network on made-up weights and inputs: config.json says which */
loris_status verify_bands(verifier *v);   /* scores with their conditioning, features and bands */
loris_status verify_movenet(verifier *v); /* pictures and the joints in them */
loris_status verify_device(verifier *v);  /* the built-in known-answer test */
/* Its network as a draft, which uses every operation; free the plan, then the weights. */
loris_status known_answer_draft(compute *c, weights **w, plan **out);
loris_status verify_i3d(verifier *v);      /* frames with I3D's features and logits */
bool verify_is_i3d(const verifier *v);     /* does the folder hold frames and features? */
bool verify_is_bands(const verifier *v);   /* does the folder hold NAME-score.json? */
bool verify_is_movenet(const verifier *v); /* does the folder hold frames.npy and keypoints.npy? */
bool verify_is_full(const verifier *v);    /* does its config.json say that weights are made up? */

#endif
