/*
 * loris/estimate.h - what a soundtrack would take on a device, before anything is made.
 */
#ifndef LORIS_ESTIMATE_H
#define LORIS_ESTIMATE_H

#include "loris/loris.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct loris_estimate {
    double duration; /* of the soundtrack, seconds */
    int frames, windows, evaluations;
    uint64_t activations, weights; /* bytes on the device: planned, not measured */
    double gflop;                  /* of denoising, all windows and evaluations */
    double gflop_per_second;       /* measured on a block like those of the network, within half a second */
    double watch_seconds, denoise_seconds, phase_seconds; /* expected; writing takes little besides */
    bool fits;                                            /* in the device's memory and its limits */
    char obstacle[256];                                   /* why not; else "" */
} loris_estimate;

/* Plans what loris_soundtrack() would do with these settings (model, duration, steps, sampler, guidance) for `video`,
 * and measures for about a second how fast the device computes and the host decodes. Nothing of the model is computed
 * or kept on the device. A device that is too small is an estimate that does not fit, no failure. */
LORIS_API loris_status loris_estimate_soundtrack(loris_engine *engine, const loris_settings *settings,
                                                 const char *video, loris_estimate *estimate);

#ifdef __cplusplus
}
#endif
#endif
