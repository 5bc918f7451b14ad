/* A checkpoint as a network: its tensors under the names a model file gives them, its configuration, and the
 * hyper-parameters the two agree on. */
#ifndef LORIS_NETS_NETWORK_H
#define LORIS_NETS_NETWORK_H

#include "nets/hyper.h"

typedef struct network {
    arena *memory;
    checkpoint *file;
    hyper_tensors tensors;
    size_t repeated;    /* names dropped because another had the same contents */
    const json *config; /* the whole configuration, or NULL */
    const char *kind; /* "movenet", "i3d": what the configuration says it is, or names of tensors; NULL: a U-Net, as all
                         below is about */
    bool nested;      /* its hyper-parameters lie in its member "unet" */
    hyper hyper;
    bool settled; /* heads and groups are known */
} network;

/* Opens and checks a checkpoint. `config` names a JSON file; NULL: the configuration in the file's metadata, or in
 * config.json beside a safetensors file, if there is one. `settle`: fail when nothing tells the heads, and when it
 * is no U-Net. */
loris_status network_open(network **out, const char *path, const char *config, bool settle);
void network_close(network *n); /* NULL is allowed */

void network_write_config(const network *n, const char *key, json_writer *w); /* as an object; key as in json.h */

#endif
