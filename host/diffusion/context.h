/* What LORIS' U-Net attends to, made of what is known of a clip: I3D features, poses, a genre. */
#ifndef LORIS_DIFFUSION_CONTEXT_H
#define LORIS_DIFFUSION_CONTEXT_H

#include "core/text.h"
#include "nets/unet.h"

/* video [clips][rows][video_features] -> tokens [clips][rows][embedding_features]. `encoders`: the model's weights
 * outside the U-Net. h0, c0 [clips][ENCODER_STATES][video_features / 2]: initial states of the recurrent network. */
loris_status encode_video(compute *c, const weights *encoders, const unet_config *u, const float *video, int clips,
                          int rows, const float *h0, const float *c0, float *tokens);

/* What that would compute for one clip, without computing it: a line a node. */
loris_status encode_video_outline(compute *c, const weights *encoders, const unet_config *u, int rows, text *out);

/* Initial states as LORIS takes them, at inference, too: normal noise, here drawn from the seed alone.
 * [ENCODER_STATES][units] */
void encoder_states(float *h0, float *c0, int units, uint64_t seed);

/* out [embedding_features]. LORIS_ERROR_INPUT: the model knows no such genre, or none at all. */
loris_status embed_genre(const weights *encoders, const unet_config *u, int64_t genre, float *out);

#endif
