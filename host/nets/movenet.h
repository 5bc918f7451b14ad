/* MoveNet SinglePose (Votel, Li and others, Google 2021; Apache-2.0): where the joints of the person nearest to the
 * middle of a picture are. The features of a MobileNetV2 (Sandler et al., 2018) go through a feature pyramid (Lin et
 * al., 2017) to the heads of a CenterNet (Zhou, Wang and Kraehenbuehl, 2019). */
#ifndef LORIS_NETS_MOVENET_H
#define LORIS_NETS_MOVENET_H

#include "core/safetensors.h"
#include "ops/ops.h"

enum { MOVENET_JOINTS = 17 }; /* the key points of COCO, in its order */

typedef struct movenet_config {
    char name[64];
    int size;     /* side of the picture: 192 (Lightning) or 256 (Thunder) */
    double width; /* of the MobileNetV2's layers: 1, or 1.75 */
} movenet_config;

/* Is this the configuration of a MoveNet? `config` is what a model file says of itself (docs/formats.md); NULL says
 * nothing. */
bool movenet_is(const json *config);
loris_status movenet_config_read(movenet_config *out, const json *config, const char *where);

/* picture [B,size,size,3] in -1..1 -> [B,MOVENET_JOINTS,3]: y, x (0..1 of the picture), score. */
tensor movenet(net *n, const movenet_config *c, tensor picture);

/* ---- on frames of a video ---------------------------------------------------------------------------------------- */

typedef struct movenet_eye movenet_eye;

/* A square of a frame in its pixels; it may reach beyond the frame, where it is black. */
typedef struct square {
    float left, top, side;
} square;

/* For frames of width x height RGB bytes; `path` is a model file or its folder. LORIS_ERROR_INPUT: it is no MoveNet. */
loris_status movenet_open(movenet_eye **out, compute *c, const char *path, int width, int height);
void movenet_close(movenet_eye *e); /* NULL is allowed */
int movenet_size(const movenet_eye *e);
size_t movenet_memory(const movenet_eye *e); /* bytes planned on the device, weights included */

/* Sets what its products keep their weights in: f16, as in the file, where that is asked for, else f32. Returns what it
 * was; compute_set_precision() puts it back. */
product_precision movenet_precision(compute *c);

/* Uploads a frame; the following looks are at it. */
loris_status movenet_show(movenet_eye *e, const uint8_t *frame);

/* Looks at a square of it: points [MOVENET_JOINTS][3], x, y in pixels of the frame, score. */
loris_status movenet_look(movenet_eye *e, square s, float *points);

/* What a look would compute on a device, appended as plan_describe() tells it; of made-up weights. */
loris_status movenet_outline(compute *c, const movenet_config *config, int width, int height, text *out);

#endif
