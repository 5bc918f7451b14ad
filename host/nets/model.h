/* A model on disk: weights in safetensors, hyper-parameters and signal format in the file's "config" metadata or in
 * config.json beside it (docs/formats.md). */
#ifndef LORIS_NETS_MODEL_H
#define LORIS_NETS_MODEL_H

#include "core/safetensors.h"
#include "core/sha256.h"
#include "nets/unet.h"

/* A spectrogram model's signal: log bands of a mono sound, minus the style's mean, scaled. */
typedef struct model_bands {
    int rate, window, hop, bands, styles;
    float floor, scale;
    const float *mean; /* [styles][bands] */
} model_bands;

/* How the model's authors sample it. */
typedef struct model_sampling {
    char sampler[16];
    int steps, frames; /* frames: the window it was trained on */
    double sigma_min, sigma_max, rho, guidance, guidance_low, guidance_high;
} model_sampling;

typedef struct model {
    arena *memory;
    const char *name, *path;
    safetensors *file;
    const char *prefix; /* of the U-Net's tensors */
    const char *root;   /* of the encoders' tensors beside it */
    unet_config unet;
    double sigma_data;
    bool has_bands, has_sampling;
    model_bands bands;
    model_sampling sampling;
} model;

/* `path`: a .safetensors file or a folder that holds model.safetensors. LORIS_ERROR_INPUT: not a model, no
 * configuration, a hyper-parameter that is missing or out of range. */
loris_status model_open(model **out, const char *path);
void model_close(model *m);

/* What any model says of itself: the "config" of the file's metadata, else config.json beside it. `where` names it in
 * errors. Lives in `memory`. LORIS_ERROR_INPUT: there is neither. */
loris_status model_configuration(const json **out, const char **where, arena *memory, const safetensors *file);

/* `path`, or the model.safetensors in it when it is a folder; NULL when out of memory. */
const char *model_path(arena *memory, const char *path);

/* SHA-256 of the weights file as 64 hex digits, "" when it cannot be read; `folder` as of known_hash(). */
void model_hash(const model *m, const char *folder, char hex[SHA256_HEX]);

#endif
