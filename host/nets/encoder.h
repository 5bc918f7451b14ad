/* The visual encoder of LORIS: I3D features become the tokens that the U-Net attends to. */
#ifndef LORIS_NETS_ENCODER_H
#define LORIS_NETS_ENCODER_H

#include "ops/ops.h"
#include "plan/net.h"

enum { ENCODER_LAYERS = 2, ENCODER_STATES = 2 * ENCODER_LAYERS };

/* video [B,T,V] -> [B,T,features]: a bidirectional LSTM of two layers of V / 2 units a direction, then a linear map.
 * h0, c0 [B,ENCODER_STATES,V / 2]: its initial state, forward before reverse in each layer. */
tensor video_encoder(net *n, tensor video, tensor h0, tensor c0, int features);

#endif
