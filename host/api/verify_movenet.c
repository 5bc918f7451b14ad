/* Golden joints of a MoveNet: frames.npy, bytes (pictures, size, size, 3), and keypoints.npy (pictures, 17, 3): y, x in
 * 0..1 of the picture, score. */
#include <stdio.h>
#include <stdlib.h>

#include "api/verify.h"
#include "core/file.h"
#include "nets/movenet.h"

/* An eighth of a map's position; and what a score of 1 may be off by. Both allow for other types and roundings, not for
 * another position. */
static const double PLACE_TOLERANCE = 0.0025, SCORE_TOLERANCE = 0.005;

bool verify_is_movenet(const verifier *v) {
    return verify_has(v, "frames") && verify_has(v, "keypoints");
}

/* One picture: places [17][2], scores [17]. */
static loris_status look(movenet_eye *eye, const int64_t *pixels, uint8_t *frame, float *places, float *scores) {
    const int size = movenet_size(eye);
    const size_t bytes = (size_t)size * (size_t)size * 3;
    float points[MOVENET_JOINTS * 3];
    for (size_t i = 0; i < bytes; i++)
        frame[i] = (uint8_t)pixels[i];
    TRY(movenet_show(eye, frame));
    TRY(movenet_look(eye, (square){0, 0, (float)size}, points));
    for (int j = 0; j < MOVENET_JOINTS; j++) {
        places[2 * j] = points[3 * j + 1] / (float)size;
        places[2 * j + 1] = points[3 * j] / (float)size;
        scores[j] = points[3 * j + 2];
    }
    return LORIS_OK;
}

static loris_status compare(verifier *v, movenet_eye *eye, const npy *frames, const npy *golden) {
    const size_t pictures = (size_t)frames->dim[0], joints = pictures * MOVENET_JOINTS,
                 bytes = frames->count / pictures;
    float *place = malloc(joints * 4 * sizeof *place), *score = malloc(joints * 2 * sizeof *score);
    uint8_t *frame = malloc(bytes);
    loris_status status = place && score && frame ? LORIS_OK : fail_memory("golden arrays");
    for (size_t i = 0; status == LORIS_OK && i < pictures; i++)
        status = look(eye, frames->i64 + i * bytes, frame, place + i * MOVENET_JOINTS * 2, score + i * MOVENET_JOINTS);
    if (status == LORIS_OK) {
        for (size_t i = 0; i < joints; i++) {
            place[2 * (joints + i)] = golden->f32[3 * i];
            place[2 * (joints + i) + 1] = golden->f32[3 * i + 1];
            score[joints + i] = golden->f32[3 * i + 2];
        }
        const int64_t dim[] = {(int64_t)pictures, MOVENET_JOINTS, 2};
        status =
            verify_compare(v, "keypoints", 3, dim, place, place + 2 * joints, verify_tolerance(v, PLACE_TOLERANCE));
        if (status == LORIS_OK)
            status = verify_compare(v, "scores", 2, dim, score, score + joints, verify_tolerance(v, SCORE_TOLERANCE));
    }
    free(place);
    free(score);
    free(frame);
    return status;
}

/* The model beside the arrays, else the one named by the caller. */
static const char *model_of(const verifier *v) {
    char beside[4096];
    const int length = snprintf(beside, sizeof beside, "%s/model.safetensors", v->folder);
    const bool there = length > 0 && length < (int)sizeof beside && file_exists(beside);
    return there || !v->settings->model ? v->folder : v->settings->model;
}

loris_status verify_movenet(verifier *v) {
    npy frames = {0}, golden = {0};
    movenet_eye *eye = NULL;
    loris_status status;
    TRY(verify_read_integers(v, "frames", 4, (const int64_t[]){-1, -1, -1, 3}, &frames));
    TRY_GOTO(verify_read(v, "keypoints", 3, (const int64_t[]){frames.dim[0], MOVENET_JOINTS, 3}, &golden));
    if (frames.dim[0] < 1 || frames.dim[1] > 4096 || frames.dim[2] > 4096) {
        status = fail(LORIS_ERROR_INPUT, NULL, "%s/frames.npy: holds no pictures of a MoveNet's size", v->folder);
        goto done;
    }
    TRY_GOTO(movenet_open(&eye, v->compute, model_of(v), (int)frames.dim[2], (int)frames.dim[1]));
    if (frames.dim[1] != movenet_size(eye) || frames.dim[2] != movenet_size(eye)) {
        status = fail(LORIS_ERROR_INPUT, "is this the model that they were made with?",
                      "%s/frames.npy: pictures of %d x %d pixels for a MoveNet of %d", v->folder, (int)frames.dim[2],
                      (int)frames.dim[1], movenet_size(eye));
        goto done;
    }
    const product_precision asked = movenet_precision(v->compute);
    status = compare(v, eye, &frames, &golden);
    compute_set_precision(v->compute, asked);
done:
    movenet_close(eye);
    npy_free(&frames);
    npy_free(&golden);
    return status;
}
