/* Cuts and flashes. */
#include <math.h>
#include <stdlib.h>

#include "rhythm/motion.h"
#include "rhythm/signal.h"

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

loris_status motion_cuts(const motion *m, bool *cut, bool *flash) {
    static const float unlike = 0.6f; /* real shots stay above 0.9 from frame to frame */
    static const float fall = 0.3f;   /* and a cut is far below its surroundings */
    static const double flash_length = 0.15;
    size_t pairs = m->frames - 1;
    float *like = calloc(pairs + 1, sizeof *like), *around = calloc(pairs + 1, sizeof *around);
    if (!like || !around) {
        free(like);
        free(around);
        return fail_memory("the cuts");
    }
    for (size_t i = 0; i < pairs; i++)
        like[i] = likeness(m->features + i * FLOW_FEATURES);
    signal_local_mean(around, like, pairs, 6);
    for (size_t i = 0; i < pairs; i++) {
        cut[i] = like[i] < unlike && (pairs < 3 || like[i] < around[i] - fall);
        flash[i] = false;
    }
    for (size_t i = 0; i < pairs; i++) {
        for (size_t j = i + 1; cut[i] && j < pairs && m->time[j + 1] - m->time[i + 1] < flash_length; j++) {
            if (!cut[j])
                continue;
            for (size_t k = i; k <= j; k++) {
                cut[k] = false;
                flash[k] = true;
            }
        }
    }
    free(like);
    free(around);
    return LORIS_OK;
}
