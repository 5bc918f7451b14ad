/* Golden features and logits of I3D: frames.npy (16,224,224,3) of bytes -> features.npy (1,1024), logits.npy (1,400).
 * The weights, which are not ours to give, are named by the caller. */
#include <stdlib.h>

#include "api/verify.h"
#include "nets/i3d.h"

bool verify_is_i3d(const verifier *v) {
    return verify_has(v, "frames") && verify_has(v, "features");
}

/* Some 60 layers of sums of up to 5200 terms, each off by 2^-24 sqrt(K) of its magnitude: 3e-5; a hundredth part of a
 * margin of 1e-3 of the largest that the golden arrays are asked to keep to. */
static const double TOLERANCE = 1e-3;

static loris_status read_frames(const verifier *v, uint8_t **out) {
    npy frames;
    TRY(verify_read_integers(v, "frames", 4, (const int64_t[]){I3D_FRAMES, I3D_SIDE, I3D_SIDE, 3}, &frames));
    *out = malloc(frames.count);
    loris_status status = *out ? LORIS_OK : fail_memory("frames");
    for (size_t i = 0; i < frames.count && status == LORIS_OK; i++)
        (*out)[i] = (uint8_t)frames.i64[i];
    npy_free(&frames);
    return status;
}

static loris_status compare(verifier *v, const char *name, const float *got, int count) {
    npy want;
    const int64_t dim[] = {1, count};
    TRY(verify_read(v, name, 2, dim, &want));
    loris_status status = verify_compare(v, name, 2, dim, got, want.f32, verify_tolerance(v, TOLERANCE));
    npy_free(&want);
    return status;
}

loris_status verify_i3d(verifier *v) {
    i3d *i = NULL;
    uint8_t *frames = NULL;
    float *features = NULL, *logits = NULL;
    loris_status status;
    if (!v->settings->model)
        return fail(LORIS_ERROR_ARGUMENT, "make one with tools/get-i3d.sh, and name it: --model FILE",
                    "%s: golden arrays of I3D, whose weights are not part of loris-cl", v->folder);
    TRY_GOTO(i3d_new(&i, v->compute, v->settings->model, 1));
    TRY_GOTO(read_frames(v, &frames));
    features = malloc((size_t)i3d_features(i) * sizeof *features);
    logits = malloc((size_t)(i3d_logits(i) + 1) * sizeof *logits);
    if (!features || !logits) {
        status = fail_memory("features");
        goto done;
    }
    TRY_GOTO(i3d_push(i, frames, 1));
    TRY_GOTO(i3d_collect(i, features, logits, 1));
    TRY_GOTO(compare(v, "features", features, i3d_features(i)));
    if (i3d_logits(i) && verify_has(v, "logits"))
        status = compare(v, "logits", logits, i3d_logits(i));
done:
    i3d_free(i);
    free(frames);
    free(features);
    free(logits);
    return status;
}
