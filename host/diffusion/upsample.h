/* Sampling a clip from one of a lower rate (the diffusion upsampler of audio-diffusion-pytorch). */
#ifndef LORIS_DIFFUSION_UPSAMPLE_H
#define LORIS_DIFFUSION_UPSAMPLE_H

#include "diffusion/sample.h"

/* low [request->rows / factor][in_channels] -> out [rows][in_channels]: the network sees each row of `low` `factor`
 * times, as the channels at its input. request->conditioning is not looked at. LORIS_ERROR_ARGUMENT: rows are no
 * multiple of the factor; LORIS_ERROR_INPUT: the network is no upsampler. */
loris_status upsample_clip(const sampling_request *request, const float *low, int factor, float *out,
                           sampling_report *report);

#endif
