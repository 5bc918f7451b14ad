/* The settings LORIS was published with, one set for each of its datasets. */
#ifndef LORIS_DIFFUSION_PRESETS_H
#define LORIS_DIFFUSION_PRESETS_H

#include "diffusion/sample.h"

typedef struct preset {
    const char *name;
    int seconds, log2_samples; /* of a clip, and of what the model was trained on: somewhat less */
    int rate, steps;
    int video_rows, poses; /* what a clip's I3D features and poses are brought to */
    double guidance;
    const char *note; /* where this is not what the published file says, or NULL */
} preset;

enum { PRESET_COUNT = 5 };
extern const preset presets[PRESET_COUNT];

loris_status preset_from_name(const char *name, const preset **out); /* LORIS_ERROR_ARGUMENT lists the names */

/* The first whose clips a model with places for so many tokens of video has been trained on, dance_s25 or fe_s50: which
 * of the datasets it was, its weights do not tell. */
const preset *preset_for_tokens(int tokens);

/* The whole clip in one window. */
sampling_settings preset_sampling(const preset *p, double sigma_data);

#endif
