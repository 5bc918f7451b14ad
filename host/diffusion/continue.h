/* Continuing a clip span by span, with a network that knows no condition: each span's first half is the end of what is
 * there, its second half is made to go with it (the span-by-span composer of audio-diffusion-pytorch, on RePaint,
 * Lugmayr et al., 2022). */
#ifndef LORIS_DIFFUSION_CONTINUE_H
#define LORIS_DIFFUSION_CONTINUE_H

#include "diffusion/sample.h"

/* start [rows][in_channels] -> out [rows + spans * rows / 2][in_channels]: the start, and what follows. request->rows
 * is even; request->inpaint is not looked at. Noise: the draws of span after span, counted on from -1.
 * LORIS_ERROR_ARGUMENT: odd rows, no spans, or fewer than 1 resample. */
loris_status continue_clip(const sampling_request *request, const float *start, int spans, int resamples, float *out);

#endif
