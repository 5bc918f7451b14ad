/* Does the camera move? */
#include <stdlib.h>

#include "rhythm/motion.h"
#include "rhythm/signal.h"

/* For one shot: pairs first .. end - 1. `work` holds as many numbers. */
static loris_status camera_moves(const motion *m, size_t first, size_t end, float *work, bool *moves) {
    static const float full = 0.3f;            /* part of the picture that shows the motion: not plain ground */
    static const float visible = 0.02f;        /* mean motion in pixels */
    /* Parts of the moving time, and what is left of the motion in them. Who swings without a rest stands still only as
     * limbs turn round: drawings of that panned by 2 to 5 pixels a frame keep at most 0.19 and 0.60, those before a
     * camera that stands at least 0.49 and 0.64. */
    static const double seldom = 0.1, often = 0.3;
    static const float nearly_nothing = 0.24f, little = 0.62f;
    size_t count = 0;
    float value;
    *moves = true;
    for (size_t i = first; i < end; i++)
        work[count++] = m->features[i * FLOW_FEATURES + FLOW_FOLLOWING];
    TRY(signal_percentile(work, count, 0.5, &value));
    if (value >= full)
        return LORIS_OK;
    count = 0;
    for (size_t i = first; i < end; i++) {
        const float *row = m->features + i * FLOW_FEATURES;
        if (row[FLOW_SEEN_MAGNITUDE] > visible)
            work[count++] = row[FLOW_OWN_MAGNITUDE] / row[FLOW_SEEN_MAGNITUDE];
    }
    float rest;
    TRY(signal_percentile(work, count, seldom, &rest));
    TRY(signal_percentile(work, count, often, &value));
    *moves = 2 * count > end - first && rest < nearly_nothing && value < little;
    return LORIS_OK;
}

loris_status motion_camera(const motion *m, pair_mark *marks) {
    size_t pairs = m->frames - 1;
    float *work = malloc((pairs + 1) * sizeof *work);
    if (!work)
        return fail_memory("the camera's motion");
    loris_status status = LORIS_OK;
    for (size_t first = 0; first < pairs && status == LORIS_OK;) {
        size_t end = first + 1;
        while (end < pairs && !marks[end].cut)
            end++;
        bool moves = false;
        status = camera_moves(m, first, end, work, &moves);
        while (first < end)
            marks[first++].camera = moves;
    }
    free(work);
    return status;
}
