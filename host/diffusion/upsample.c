#include "diffusion/upsample.h"

#include <stdlib.h>
#include <string.h>

loris_status upsample_clip(const sampling_request *request, const float *low, int factor, float *out,
                           sampling_report *report) {
    const unet_config *u = request->unet;
    const size_t rows = (size_t)request->rows, width = (size_t)u->in_channels;
    bool fits = u->context_channels[0] == u->in_channels && !u->context_features && !u->embedding_features;
    for (int k = 1; k <= u->levels; k++)
        fits = fits && !u->context_channels[k];
    if (!fits)
        return fail(LORIS_ERROR_INPUT, NULL,
                    "the network is no upsampler: it does not take its own %d channels, and nothing else",
                    u->in_channels);
    if (factor < 1 || request->rows < 1 || request->rows % factor)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "%d rows are no multiple of the factor %d", request->rows, factor);
    float *repeated = malloc(rows * width * sizeof *repeated);
    if (!repeated)
        return fail_memory("an upsampled clip");
    for (size_t r = 0; r < rows; r++)
        memcpy(repeated + r * width, low + r / (size_t)factor * width, width * sizeof *repeated);
    const clip_conditioning conditioning = {.rows = request->rows, .channels = {repeated}};
    sampling_request full = *request;
    full.conditioning = &conditioning;
    loris_status status = sample_clip(&full, out, report);
    free(repeated);
    return status;
}
