/* Cuts and flashes. */
#include <math.h>

#include "rhythm/motion.h"

/* Correlation of the earlier frame with the later one warped onto it: brightness and contrast may change, the scene may
 * not. Flat pictures (an empty wall, black frames) correlate by convention unless their brightness jumps. */
static float likeness(const float *row) {
    static const float grain = 4.0f, jump = 12.0f; /* variance of noise; grey levels */
    float a = row[FLOW_SUM_A], b = row[FLOW_SUM_B];
    float var_a = fmaxf(row[FLOW_SUM_AA] - a * a, 0.0f), var_b = fmaxf(row[FLOW_SUM_BB] - b * b, 0.0f);
    if (var_a < 4.0f * grain && var_b < 4.0f * grain)
        return fabsf(a - b) < jump ? 1.0f : 0.0f;
    return (row[FLOW_SUM_AB] - a * b + grain) / (sqrtf(var_a * var_b) + grain);
}

/* Two cuts so close together are a flash. */
static void tell_flashes(const motion *m, pair_mark *marks) {
    static const double longest = 0.15;
    size_t pairs = m->frames - 1;
    for (size_t i = 0; i < pairs; i++) {
        for (size_t j = i + 1; marks[i].cut && j < pairs && m->time[j + 1] - m->time[i + 1] < longest; j++) {
            if (!marks[j].cut)
                continue;
            for (size_t k = i; k <= j; k++) {
                marks[k].cut = false;
                marks[k].flash = true;
            }
        }
    }
}

/* Does the light change in a part of the picture at once: a lamp, a flare as something passes before the sun? What
 * moves changes the mean by at most 2 grey levels from frame to frame in the sample videos, flares there by 8 to 19.
 * Flicker and exposure change all of the picture alike, which stays alike then. */
static bool lights_up(const float *row) {
    static const float jump = 7.5f, alike = 0.98f;
    return fabsf(row[FLOW_SUM_A] - row[FLOW_SUM_B]) > jump && likeness(row) < alike;
}

void motion_cuts(const motion *m, pair_mark *marks) {
    static const float another = 0.6f; /* scene; within a shot pictures stay above 0.75 from frame to frame */
    for (size_t i = 0; i + 1 < m->frames; i++) {
        const float *row = m->features + i * FLOW_FEATURES;
        marks[i].cut = likeness(row) < another;
        marks[i].flash = !marks[i].cut && lights_up(row);
    }
    tell_flashes(m, marks);
}
