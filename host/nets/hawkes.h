/* The rhythm branch of LORIS: peaks of a dance become tokens that the blocks of the U-Net attend to. Depends on the
 * clip only. */
#ifndef LORIS_NETS_HAWKES_H
#define LORIS_NETS_HAWKES_H

#include "nets/transformer.h"

/* peaks [B,T,1] of 0 and 1 (STORE_I32), T <= max_length -> [B,T,features] */
tensor hawkes(net *n, tensor peaks, int features, int max_length, attention_size size);

#endif
