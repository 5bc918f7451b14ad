/*
 * loris/prepare.h - a dataset in LORIS' layout from videos with sound (docs/datasets.md).
 *
 * Threads and errors: as in loris.h.
 */
#ifndef LORIS_PREPARE_H
#define LORIS_PREPARE_H

#include "loris/loris.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Called of a video that cannot be used, with the reason; from one thread at a time. */
typedef void loris_skipped_function(void *user, const char *video, const char *why);

typedef struct loris_prepare_settings {
    const char *videos; /* a folder, with its subfolders; required */
    const char *out;    /* a folder, made when it is not there; required */
    int segment;        /* seconds of a clip, 25 or 50; required */
    int shard, shards;  /* this process' part of the videos, 1 .. shards */
    int jobs;           /* videos at a time, 1 to 64, each with an engine of its own */
    double test_share;  /* of the takes, 0..1 */
    bool pad; /* make a clip of a rest shorter than a segment, too: its last picture stays, its sound is silence */
    const char *i3d_model;             /* as in loris_features_settings; required */
    const char *pose_model;            /* required */
    loris_progress_function *progress; /* stage "prepare", in videos; NULL = none */
    loris_skipped_function *skipped;   /* NULL = none */
    void *user;                        /* of both */
} loris_prepare_settings;

LORIS_API void loris_prepare_defaults(loris_prepare_settings *settings);

typedef struct loris_prepare_report {
    size_t videos;               /* of this shard */
    size_t made, found, skipped; /* of these: prepared now, by an earlier run, not usable */
    size_t clips;                /* of made and found */
    bool complete;               /* all shards are done, and the lists written */
    size_t train, test;          /* clips in the lists */
    double seconds;
} loris_prepare_report;

/* Sound, I3D features and poses of each video of the shard, cut into clips; then, when no shard has anything left to
 * do, the lists. Every file appears complete or not at all, and a record of each video last: run again after any
 * interruption, it goes on where it was. The files of all shards are those of one process, byte for byte. A video that
 * cannot be used is skipped, and tried again by the next run. `report` may be NULL. LORIS_ERROR_INPUT: no videos, not
 * such models; LORIS_ERROR_OUTPUT. */
LORIS_API loris_status loris_prepare(const loris_engine_settings *engine, const loris_prepare_settings *settings,
                                     loris_prepare_report *report);

#ifdef __cplusplus
}
#endif
#endif
