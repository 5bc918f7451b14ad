/* Optical flow as a net over a stream of frames: directograms out, the dense flow readable. */
#ifndef LORIS_NETS_FLOW_H
#define LORIS_NETS_FLOW_H

#include "compute/compute.h"
#include "core/text.h"
#include "ops/flow.h"

typedef struct flow_net flow_net;

/* For frames of width x height luma bytes, handed over up to `rows` at a time. `c` outlives the net. */
loris_status flow_net_new(flow_net **out, compute *c, int width, int height, int rows);
void flow_net_free(flow_net *f); /* NULL is allowed */

/* What such a net would compute, without making it: a line a node. */
loris_status flow_net_outline(compute *c, int width, int height, int rows, text *out);

/* Uploads `count` (1..rows) consecutive frames of the stream and enqueues their analysis, without waiting for it. */
loris_status flow_net_push(flow_net *f, const uint8_t *frames, int count);

/* Waits and reads the first `count` rows of the last push: [count][FLOW_FEATURES], row i from the frame before frame i
 * to frame i. The very first frame of the stream has none before it: its row says nothing. */
loris_status flow_net_collect(flow_net *f, float *features, int count);

/* The dense flow onto the last frame pushed: [height][width][2] pixels, u rightwards, v downwards. */
loris_status flow_net_read(flow_net *f, float *flow);

#endif
