/* Drafts of the networks that the program runs: what they would compute on a device, before anything is computed. Each
 * appends what plan_describe() tells; the device's observer is told of the kernels. */
#ifndef LORIS_API_OUTLINE_H
#define LORIS_API_OUTLINE_H

#include "compute/compute.h"
#include "core/text.h"
#include "nets/model.h"
#include "plan/weights.h"

/* Sampling in one window, as the model's authors sample it. */
loris_status outline_model(compute *c, const model *m, const weights *w, text *out);

/* The same of the published LORIS, with attention to a genre or without, and its visual encoder. */
loris_status outline_loris(compute *c, bool genre, text *out);

/* Optical flow over frames of width x height. */
loris_status outline_flow(compute *c, int width, int height, text *out);

/* Looks of MoveNet Lightning and Thunder at frames of width x height. */
loris_status outline_movenets(compute *c, int width, int height, text *out);

#endif
