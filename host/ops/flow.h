/*
 * Dense optical flow and its directogram, as operations of a net.
 *
 * The method is dense inverse search (Kroeger et al., ECCV 2016) without its variational refinement: inverse
 * compositional patch alignment from coarse to fine, then a photometrically weighted average per pixel. Patches are
 * compared free of brightness and contrast, so that flicker is no motion. Directions are counted as seen and without
 * the camera's motion, which is fitted robustly.
 *
 * A pyramid level of a width x height image is a net_state of shape [2, height + 2 PAD, width + 2 PAD, 1]: the current
 * and the previous frame, which change places by the parameter `slot` (0, 1, 0, ...). All images are luma 0..255.
 */
#ifndef LORIS_OPS_FLOW_H
#define LORIS_OPS_FLOW_H

#include "ops/directogram.h"
#include "plan/net.h"

enum {
    FLOW_PAD = 16,  /* replicated pixels around a level; bounds how far a patch may leave the picture */
    FLOW_PATCH = 8, /* kernels use vectors of 8 and of 4 */
    FLOW_STRIDE = 4,
    FLOW_PATCH_CHANNELS = 8,
};

int flow_grid(int pixels); /* patches along a side */

shape flow_level_shape(int height, int width);

/* frames [rows,h,w,1] u8, row `row` (a parameter) -> slot `slot` of level 0; and level l -> l + 1 of half the size,
 * rounded up. Both return the level written. */
tensor flow_base(net *n, tensor level, tensor frames, int row, int slot);
tensor flow_down(net *n, tensor coarse, tensor fine, int slot);

/* level -> [1,grid(h),grid(w),8] displacement, brightness change, error and structure tensor of each patch, starting
 * from the coarser level's flow (the tensor 0: from rest). */
tensor flow_search(net *n, tensor level, tensor coarse_flow, int slot);

/* patches [1,grid(h),grid(w),8] -> flow [1,h,w,2], (u, v) in pixels from the earlier to the later frame */
tensor flow_densify(net *n, tensor level, tensor patches, int slot);

/* patches of an h x w picture -> the state `camera` [1,1,1,8], which holds the motion between the frames before (zeros
 * to begin with): u = c0 + c1 X + c2 Y, v = c3 + c4 X + c5 Y with X, Y in -1..1 along the longer side, from the centre;
 * then FOLLOWING and DEVIATION. */
tensor flow_camera(net *n, tensor camera, tensor patches, int height, int width);

/* Writes row `row` of the state `features` [1,1,rows,FLOW_FEATURES] and returns it. */
tensor flow_features(net *n, tensor features, tensor level, tensor flow, tensor camera, int row, int slot);

#endif
