/* Windows that slide over depth (time), height and length (width): what convolutions and pools of images and videos
 * share. Images have a depth of 1. */
#ifndef LORIS_OPS_GEOMETRY_H
#define LORIS_OPS_GEOMETRY_H

#include "plan/net.h"

typedef struct lowering lowering; /* plan/lower.h */

/* Over depth, height and length, in this order: output position q sees input positions q * stride - before + 0 ..
 * kernel-1; those outside the input are padding, `before` and `after` it. */
typedef struct geometry {
    int kernel[3], stride[3], before[3], after[3];
} geometry;

/* TensorFlow's SAME padding: ceil(input / stride) outputs; of an odd padding the larger half comes after. */
geometry geometry_same(shape in, const int kernel[3], const int stride[3]);

/* PyTorch's: the same padding before and after. */
geometry geometry_padded(const int kernel[3], const int stride[3], const int padding[3]);

/* For images, where kernel and stride are square. */
geometry geometry_same_2d(shape in, int kernel, int stride);

/* What comes out, with the channels of `in`; fails the net when nothing would, or when a window would see nothing but
 * padding. */
shape geometry_output(net *n, const char *at, shape in, const geometry *g);

int geometry_volume(const geometry *g); /* of the kernel */

bool geometry_is_point(const geometry *g); /* kernel and stride 1, no padding: every position by itself */

/* The arguments of GEOMETRY in kernels/common.clh: sides of input and output, kernel, stride, padding before. */
void geometry_arguments(lowering *l, const geometry *g, shape in, shape out);

#endif
