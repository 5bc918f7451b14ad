/* The hyper-parameters of a LORIS checkpoint: inferred from its tensors' names and shapes, checked against the full
 * list of what such a network holds, and written as the "config" of a model file. Names are those of the reference. */
#ifndef LORIS_NETS_HYPER_H
#define LORIS_NETS_HYPER_H

#include "core/checkpoint.h"
#include "nets/unet.h"

typedef struct hyper {
    unet_config unet;
    int attention_width; /* attention_heads * attention_features: all that shapes tell of the two */
    int genres;          /* rows of the genre table; 0 = none */
} hyper;

/* Tensors under the names they will have, sorted by name. */
typedef struct hyper_tensor {
    const char *name;
    const checkpoint_tensor *tensor;
    bool expected; /* set by hyper_check() */
} hyper_tensor;

typedef struct hyper_tensors {
    hyper_tensor *at;
    size_t count;
    const char *path;   /* named in errors */
    const char *prefix; /* of the U-Net's names: "cond_diffusion.unet.", "unet.", "", ... */
    const char *root;   /* of the encoders' names; NULL: a bare U-Net, which has none */
} hyper_tensors;

/* Finds the prefix by the one tensor every U-Net has; LORIS_ERROR_INPUT when there is none or several. Strings are made
 * in `a`. */
loris_status hyper_find_prefix(hyper_tensors *t, arena *a);

const checkpoint_tensor *hyper_find(const hyper_tensors *t, const char *name); /* NULL when absent */

/* All but attention_heads, attention_features and resnet_groups, which are 0 after it: shapes do not tell them. */
loris_status hyper_infer(hyper *out, const hyper_tensors *t);

/* What a configuration says (NULL: nothing) must agree with the tensors, and settles what they do not tell. Without it
 * the published values are taken, 8 groups and 16 heads of 64 features, where the shapes allow them. */
loris_status hyper_settle(hyper *h, const json *config, const char *where, const char *path);

/* Every tensor the network needs is there with its shape, and no other; the first that is not is named. */
loris_status hyper_check(const hyper *h, hyper_tensors *t);

/* Calls visit() with the name and shape of every tensor of the network. */
typedef loris_status hyper_visit(void *user, const char *name, int rank, const int64_t *dim);
loris_status hyper_shapes(const hyper *h, const char *prefix, const char *root, hyper_visit *visit, void *user);

/* Writes the members into the open object. */
void hyper_write(const hyper *h, json_writer *w);

bool hyper_knows(const char *key); /* is it a member hyper_write() writes? */

#endif
