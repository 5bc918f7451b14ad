/* What the device hands back for each pair of frames (ops/flow.h makes it, rhythm/ reads it). */
#ifndef LORIS_OPS_DIRECTOGRAM_H
#define LORIS_OPS_DIRECTOGRAM_H

/* One row of features per pair of frames, means over the pixels. Lengths in pixels of the analysed picture per frame.
 */
enum {
    FLOW_BINS = 36,                     /* directions of 10 degrees; 0 = rightwards, then clockwise */
    FLOW_OWN = 0,                       /* bins of what moves by itself: without the camera's motion */
    FLOW_SEEN = FLOW_BINS,              /* bins of all motion */
    FLOW_OWN_MAGNITUDE = 2 * FLOW_BINS, /* sums of these bins */
    FLOW_SEEN_MAGNITUDE,
    FLOW_GRADIENT,   /* mean length of the luma gradient */
    FLOW_DIFFERENCE, /* mean absolute difference of the frames as they are */
    FLOW_SUM_A,      /* luma - 128 of the earlier frame, the warped later one, their squares and product */
    FLOW_SUM_B,
    FLOW_SUM_AA,
    FLOW_SUM_BB,
    FLOW_SUM_AB,
    FLOW_SUMS,                        /* the above are sums over pixels */
    FLOW_CAMERA = FLOW_SUMS,          /* affine model, see flow_camera() */
    FLOW_FOLLOWING = FLOW_CAMERA + 6, /* the part of the picture that shows it, 0..2: both directions count */
    FLOW_DEVIATION,                   /* rms deviation of that share, pixels */
    FLOW_FEATURES
};

#endif
