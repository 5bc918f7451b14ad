/*
 * loris/tune.h - measure what is fastest on a device, and keep it.
 *
 * Which kernels, tiles and libraries are fastest differs from device to device. The tuner takes the shapes of matrix
 * products, attention and streams from the networks that a model runs (and those of the published LORIS), measures for
 * each what the device could do, and keeps what has the best score: speed times a penalty for the error, as in KataGo.
 * Every engine opened on the device with this driver uses the result by itself (loris_engine_settings.tuning_dir).
 * Results of the networks then differ by rounding.
 */
#ifndef LORIS_TUNE_H
#define LORIS_TUNE_H

#include "loris/loris.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What was found for one shape. Speeds in FLOP a second, for streams ("stream", "rows") in bytes. */
typedef struct loris_tuned {
    const char *kind;                                 /* "product", "attention", "stream", "rows" */
    const char *storage;                              /* of weights: "f32", "f16", "bf16" */
    int batch, rows, columns, channels, taps, stride; /* of attention: heads, queries, keys, channels of a head */
    const char *choice;                               /* "default", "own tile 128x64x8", "CLBlast", "oneDNN bf16" */
    double speed, default_speed;
    double error; /* root of the mean square of the result's error, relative to the result */
} loris_tuned;

typedef void loris_tuned_function(void *user, const loris_tuned *tuned);

typedef struct loris_tune_settings {
    const char *model;           /* whose shapes are measured, beside the published LORIS; NULL = that alone */
    double share;                /* 0..1 of the FLOP: shapes that make up less are left as they are */
    loris_tuned_function *tuned; /* receives each result, at the end; NULL = none */
    void *tuned_user;
    loris_progress_function *progress; /* stage "tune", done of total shapes; NULL = none */
    void *progress_user;
} loris_tune_settings;

LORIS_API void loris_tune_defaults(loris_tune_settings *settings);

typedef struct loris_tune_report {
    char path[4096];     /* of the file written; "" = nowhere, with tuning_dir "" */
    char precision[8];   /* what "auto" means from now on: "f32", "f16", "bf16"; "" = what it meant before */
    int shapes, changed; /* measured; that do better than by default */
    double seconds;
} loris_tune_report;

/* Tunes the engine's device, in the engine's precision, or in each where that is AUTO, and within its backend. The file
 * appears complete or not at all; the engine itself goes on as it was opened. Cancelling takes less than a second.
 * `settings` and `report` may be NULL. LORIS_ERROR_INPUT: the model; LORIS_ERROR_OUTPUT: the file. */
LORIS_API loris_status loris_tune(loris_engine *engine, const loris_tune_settings *settings, loris_tune_report *report);

#ifdef __cplusplus
}
#endif

#endif
