/* MoveNet's published weights to a model file: the TensorFlow.js graph models of SinglePose Lightning and Thunder, in
 * which batch norms are folded into the convolutions. Names become those of movenet.c; kernels [height,width,in,out]
 * become [out,in,height,width], [out,in] where 1 x 1, and [channels,height,width] where depthwise. */
#ifndef LORIS_NETS_MOVENET_CONVERT_H
#define LORIS_NETS_MOVENET_CONVERT_H

#include "nets/convert.h"

/* `input` is the graph model's JSON (core/tfjs.h). LORIS_ERROR_INPUT names the tensor: missing, of another shape, with
 * numbers that are not finite. */
loris_status movenet_convert(const char *input, const char *output, const convert_settings *settings,
                             convert_result *result);

#endif
