#include "rhythm/pose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 10, MEAN_WINDOW = 4, MAX_WINDOW = 6 };
static const float THRESHOLD = 0.1f; /* of the clip's mean envelope */

/* floor(angle mod 180) mod BINS; the remainder of a small negative angle rounds up to 180 itself. */
static int direction(float dx, float dy) {
    float degrees = atan2f(dy, dx) * (float)(180 / 3.14159265358979323846);
    float rest = fmodf(degrees, 180);
    if (rest < 0)
        rest += 180;
    return (int)floorf(rest) % BINS;
}

/* bins [BINS] of the displacements between two poses: each joint adds its length to its direction's bin. */
static void directogram(float *bins, const float *from, const float *to, size_t joints) {
    for (int k = 0; k < BINS; k++)
        bins[k] = 0;
    for (size_t j = 0; j < joints; j++) {
        float dx = to[j * POSE_CHANNELS] - from[j * POSE_CHANNELS];
        float dy = to[j * POSE_CHANNELS + 1] - from[j * POSE_CHANNELS + 1];
        bins[direction(dx, dy)] += sqrtf(dx * dx + dy * dy);
    }
}

/* Growth of the directogram from frame to frame, summed over directions, divided by the clip's maximum. */
static void make_envelope(float *envelope, const float *pose, size_t count, size_t joints) {
    const size_t stride = joints * POSE_CHANNELS;
    float before[BINS], now[BINS], largest = 0;
    directogram(before, pose, pose + stride, joints);
    for (size_t t = 0; t < count; t++) {
        directogram(now, pose + (t + 1) * stride, pose + (t + 2) * stride, joints);
        float growth = 0;
        for (int k = 0; k < BINS; k++)
            growth += now[k] > before[k] ? now[k] - before[k] : 0;
        envelope[t] = growth;
        largest = growth > largest ? growth : largest;
        memcpy(before, now, sizeof before);
    }
    for (size_t t = 0; t < count && largest > 0; t++)
        envelope[t] /= largest;
}

static void pick_peaks(int32_t *peaks, const float *envelope, size_t count) {
    double sum = 0;
    for (size_t t = 0; t < count; t++)
        sum += envelope[t];
    const float least = THRESHOLD * (float)(sum / (double)count);
    for (size_t t = 0; t < count; t++) {
        float mean = 0, highest = 0;
        if (t + MEAN_WINDOW <= count) {
            for (int k = 0; k < MEAN_WINDOW; k++)
                mean += envelope[t + (size_t)k];
            mean /= MEAN_WINDOW;
        }
        if (t + MAX_WINDOW <= count)
            for (int k = 0; k < MAX_WINDOW; k++)
                highest = envelope[t + (size_t)k] > highest ? envelope[t + (size_t)k] : highest;
        peaks[t] = highest - mean > least && highest == envelope[t];
    }
    for (size_t t = 0; t < count; t++) /* the last has no next to differ from */
        peaks[t] = peaks[t] && t + 1 < count && peaks[t + 1] != peaks[t];
}

loris_status pose_rhythm_new(pose_rhythm *out, const float *pose, size_t poses, size_t joints, const char *where) {
    memset(out, 0, sizeof *out);
    if (poses < MAX_WINDOW + 2 || joints < 1)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: %zu poses are too few for a rhythm, at least %d are needed", where,
                    poses, MAX_WINDOW + 2);
    for (size_t i = 0; i < poses * joints * POSE_CHANNELS; i++)
        if (i % POSE_CHANNELS < 2 && !isfinite(pose[i]))
            return fail(LORIS_ERROR_INPUT, NULL, "%s: joint %zu of pose %zu is not at a finite place", where,
                        i / POSE_CHANNELS % joints, i / POSE_CHANNELS / joints);
    const size_t count = poses - 2;
    pose_rhythm r = {
        .count = count, .peaks = calloc(count, sizeof *r.peaks), .envelope = calloc(count, sizeof *r.envelope)};
    if (!r.peaks || !r.envelope) {
        pose_rhythm_free(&r);
        return fail_memory("a dance's rhythm");
    }
    make_envelope(r.envelope, pose, count, joints);
    pick_peaks(r.peaks, r.envelope, count);
    *out = r;
    return LORIS_OK;
}

void pose_rhythm_free(pose_rhythm *r) {
    free(r->peaks);
    free(r->envelope);
    memset(r, 0, sizeof *r);
}

size_t pose_thin(float *pose, size_t poses, size_t joints, size_t limit) {
    if (poses <= limit)
        return poses;
    const size_t surplus = poses - limit, every = (poses + surplus - 1) / surplus, size = joints * POSE_CHANNELS;
    size_t kept = 0, last = 0;
    for (size_t i = 0; i < poses && kept < limit; i++) {
        if (i % every == 0)
            continue;
        memmove(pose + kept++ * size, pose + i * size, size * sizeof *pose);
        last = i;
    }
    return last + 1;
}
