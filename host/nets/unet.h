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
    /* channels concatenated at the input and after each downsampling; 0 = none */
    int context_channels[UNET_MAX_LEVELS + 1];
    int context_features;   /* width of the global feature vector; 0 = none */
    int embedding_features; /* width of the tokens that blocks attend to; 0 = none, then neither of these: */
    int embedding_max_length, rhythm_max_length; /* most visual tokens, most poses */
    bool genre;                                  /* blocks attend to a genre */
    int video_features;                          /* width of the I3D features that tokens are made of; 0 = no encoder */
} unet_config;

/* Reads and checks the hyper-parameters: the members named as here ("in_channels", ...). Those from embedding_features
 * on may be missing. */
loris_status unet_config_read(unet_config *out, const json *object, const char *where);

/* The hyper-parameters of the published LORIS (766.5 M parameters). */
unet_config unet_config_loris(void);

/* Samples per position of level k (0 = the input, before patching): inputs are divisible by the last level's. */
int unet_hop(const unet_config *c, int level);

/* What the blocks of a conditional network attend to. */
typedef struct unet_context {
    tensor tokens; /* [A,T,embedding_features], T <= embedding_max_length */
    tensor peaks;  /* [A,R,1] of 0 and 1 (STORE_I32), R <= rhythm_max_length: the rhythm */
    tensor genre;  /* [A,1,embedding_features], or none where the network has no genre */
} unet_context;

enum { UNET_MAX_CONTEXTS = 2 };

typedef struct unet_inputs {
    tensor x;        /* [B,S,in_channels], S divisible by unet_hop(c, levels) */
    tensor c_noise;  /* [E,B or 1,1,1]: ln(sigma) / 4 */
    tensor features; /* [B,1,context_features], or none */
    /* where context_channels[k] > 0: [B, S / unet_hop(c, k), context_channels[k]] */
    tensor channels[UNET_MAX_LEVELS + 1];
    /* Where embedding_features > 0, one context of x's batch, or two for guidance (conditional, null; the second may be
     * of batch 1 and then goes with every x): x stays B until the two differ, and the result has a batch of 2 B, the
     * conditional ones first. */
    unet_context context[UNET_MAX_CONTEXTS];
    int contexts;
} unet_inputs;

/* What the network has learned to take for no context, with as many tokens and peaks as the context beside it. Record
 * it in the scope that unet() is recorded in. */
unet_context unet_null_context(net *n, const unet_config *c, int tokens, int peaks);

/* Records one evaluation: returns [B,S,in_channels]. */
tensor unet(net *n, const unet_config *c, const unet_inputs *in);

#endif
