/* From a checkpoint as published to a model file: PyTorch or safetensors in, safetensors out.
 *
 * Names lose "module." before them. A LORIS checkpoint names its U-Net twice, as "...unet." and "...diffusion.net.": it
 * is stored once, as "...unet."; LORIS_ERROR_INPUT names a tensor that differs under its two names. The
 * hyper-parameters are inferred (hyper.h), every tensor is checked against them, and they become the metadata entry
 * "config", beside what else the configuration holds. A bare U-Net of audio-diffusion-pytorch is taken too, and the
 * weights of I3D and of MoveNet are, for which see i3d_convert.h and movenet_convert.h.
 *
 * Numbers that are infinite or not numbers are refused. Matrices and kernels take the wanted type. In files of f16 and
 * bf16, vectors (biases, gains, frequencies, position tables: no more than one dimension over 1) stay what they are,
 * f64 becoming f32: they are small, and rounding them would move every value they touch, and the null rhythm, which
 * looks for its one largest entry. Tensors are written one after the other; memory does not grow with the file. */
#ifndef LORIS_NETS_CONVERT_H
#define LORIS_NETS_CONVERT_H

#include "nets/network.h"

typedef struct convert_settings {
    bool keep;          /* the types of the checkpoint */
    number_type type;   /* else TYPE_F32, TYPE_F16 or TYPE_BF16 */
    const char *config; /* a JSON file; NULL: the input's metadata, or config.json beside a safetensors input */
    loris_progress_function *progress; /* stage "convert", in bytes read; NULL = none */
    void *progress_user;
} convert_settings;

typedef struct convert_result {
    size_t tensors, repeated;
    uint64_t parameters, bytes_in, bytes_out;
} convert_result;

/* `result` may be NULL. The output may be the input. */
loris_status convert_checkpoint(const char *input, const char *output, const convert_settings *settings,
                                convert_result *result);

#endif
