/*
 * loris/batch.h - soundtracks of several videos, on one device or several.
 *
 * Videos are shared out: each device makes one at a time, in order, while the next ones are already being decoded and
 * watched. A single video has all devices: its windows are shared out, each device denoises some of them at each step.
 * Either way a soundtrack has the same samples as loris_soundtrack() makes on one device, if all are of that kind.
 */
#ifndef LORIS_BATCH_H
#define LORIS_BATCH_H

#include "loris/loris.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct loris_item {
    const char *video, *output;        /* as of loris_soundtrack() */
    const char *midi_out, *rhythm_out; /* NULL = nowhere */
    uint64_t seed;
} loris_item;

/* One video is finished, or has failed: its outputs are complete, or absent. Texts and report live during the call. */
typedef struct loris_item_result {
    size_t item; /* which */
    loris_status status;
    const char *message, *hint; /* of a failure, else "" */
    const loris_report *report; /* of a success, else NULL */
} loris_item_result;

/* Called from the threads that work, one call at a time, in the order in which videos are finished. */
typedef void loris_item_function(void *user, const loris_item_result *result);

/* Makes the soundtracks of `count` videos. engine->device may name several devices, separated by commas ("0,1"); the
 * first watches all videos. The settings' seed, midi_out and rhythm_out are the items'; rhythm_in must be NULL.
 * Progress has one stage, "videos", and is called from the threads that work, one call at a time. A video that fails
 * leaves the others alone. `done` may be NULL. Returns LORIS_OK when all succeeded; else the failure of the first that
 * did not, with its message. */
LORIS_API loris_status loris_batch(const loris_engine_settings *engine, const loris_settings *settings,
                                   const loris_item *items, size_t count, loris_item_function *done, void *user);

#ifdef __cplusplus
}
#endif
#endif
