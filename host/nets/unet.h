/* The one-dimensional U-Net of LORIS (Yu et al., 2023), which is that of audio-diffusion-pytorch: a patched waveform or
 * spectrogram goes through residual blocks, down and up again, modulated by the noise level. */
#ifndef LORIS_NETS_UNET_H
#define LORIS_NETS_UNET_H

#include "core/json.h"
#include "ops/ops.h"
#include "plan/net.h"

enum { UNET_MAX_LEVELS = 12 };

/* Hyper-parameters. `levels` is the number of downsamplings; multipliers and context_channels have one entry more. */
typedef struct unet_config {
    int in_channels, channels, patch_factor, levels;
    int multipliers[UNET_MAX_LEVELS + 1];
    int factors[UNET_MAX_LEVELS], num_blocks[UNET_MAX_LEVELS];
    bool attentions[UNET_MAX_LEVELS];
    int attention_heads, attention_features, attention_multiplier, resnet_groups, kernel_multiplier;
    int context_channels[UNET_MAX_LEVELS + 1]; /* channels concatenated at the input and after each downsampling; 0 = none */
    int context_features;                      /* width of the global feature vector; 0 = none */
} unet_config;

/* Reads and checks the hyper-parameters: the members named as in the struct of the reference ("in_channels", ...). */
loris_status unet_config_read(unet_config *out, const json *object, const char *where);

/* Samples per position of level k (0 = the input, before patching): inputs are divisible by the last level's. */
int unet_hop(const unet_config *c, int level);

typedef struct unet_inputs {
    tensor x;        /* [B,S,in_channels], S divisible by unet_hop(c, levels) */
    tensor c_noise;  /* [E,B or 1,1,1]: ln(sigma) / 4 */
    tensor features; /* [B,1,context_features], or none */
    tensor channels[UNET_MAX_LEVELS + 1]; /* where context_channels[k] > 0: [B, S / unet_hop(c, k), context_channels[k]] */
} unet_inputs;

/* Records one evaluation: returns [B,S,in_channels]. */
tensor unet(net *n, const unet_config *c, const unet_inputs *in);

#endif
