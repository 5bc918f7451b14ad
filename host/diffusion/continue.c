#include "diffusion/continue.h"

#include <stdlib.h>
#include <string.h>

/* Numbers the draws of all spans in one go. */
typedef struct span_noise {
    noise_function *noise;
    void *user;
    int before; /* draws of the earlier spans */
    int made;   /* by this one */
} span_noise;

static loris_status draw_for_span(void *user, int draw, size_t first, size_t count, float *out) {
    span_noise *s = user;
    if (draw + 2 > s->made)
        s->made = draw + 2;
    return s->noise(s->user, s->before + draw, first, count, out);
}

loris_status continue_clip(const sampling_request *request, const float *start, int spans, int resamples, float *out) {
    const size_t channels = (size_t)request->unet->in_channels, half = (size_t)request->rows / 2 * channels;
    if (request->rows % 2 || request->rows < 2 || spans < 1 || resamples < 1)
        return fail(LORIS_ERROR_ARGUMENT, "use an even number of rows, at least 1 span and 1 resample",
                    "%d spans of half of %d rows with %d resamples", spans, request->rows, resamples);
    float *source = calloc(2 * half, sizeof *source), *span = malloc(2 * half * sizeof *span);
    uint8_t *known = calloc(2 * half, sizeof *known);
    sampler *s = NULL;
    span_noise noise = {.noise = request->noise, .user = request->noise_user};
    const inpainting inpaint = {.source = source, .known = known, .resamples = resamples};
    sampling_request each = *request;
    each.inpaint = &inpaint;
    each.noise = draw_for_span;
    each.noise_user = &noise;
    loris_status status = source && span && known ? LORIS_OK : fail_memory("a clip's continuation");
    if (status != LORIS_OK)
        goto done;
    memset(known, 1, half);
    memcpy(out, start, 2 * half * sizeof *out);
    TRY_GOTO(sampler_new(&s, &each));
    for (size_t i = 0; i < (size_t)spans; i++) {
        memcpy(source, out + (i + 1) * half, half * sizeof *source);
        noise.made = 0;
        TRY_GOTO(sampler_run(s, span, NULL));
        noise.before += noise.made;
        memcpy(out + (i + 2) * half, span + half, half * sizeof *out);
    }
done:
    sampler_free(s);
    free(source);
    free(span);
    free(known);
    return status;
}
