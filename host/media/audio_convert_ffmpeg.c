#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
#include <limits.h>
#include <stdlib.h>

#include "media/audio.h"

/* Converts count frames of `in` (NULL: what the filter still holds) to the end of out[0 .. room frames). */
static int convert(struct SwrContext *resampler, const float *in, size_t count, float *out, size_t room, int channels,
                   size_t *made) {
    const uint8_t *from = (const uint8_t *)in;
    uint8_t *to = (uint8_t *)(out + *made * (size_t)channels);
    int got = swr_convert(resampler, &to, (int)(room - *made), in ? &from : NULL, (int)count);
    *made += got > 0 ? (size_t)got : 0;
    return got;
}

static int convert_all(struct SwrContext *resampler, const audio *a, float *out, size_t room, int channels,
                       size_t *made) {
    const size_t block = 1 << 16;
    for (size_t done = 0; done < a->frames; done += block) {
        size_t left = a->frames - done, count = left < block ? left : block;
        int code = convert(resampler, a->samples + done * (size_t)a->channels, count, out, room, channels, made);
        if (code < 0)
            return code;
    }
    return convert(resampler, NULL, 0, out, room, channels, made);
}

loris_status audio_convert(audio *a, int rate, int channels) {
    if (a->rate == rate && a->channels == channels)
        return LORIS_OK;
    AVChannelLayout from, to;
    av_channel_layout_default(&from, a->channels);
    av_channel_layout_default(&to, channels);
    struct SwrContext *resampler = NULL;
    const double spread[] = {1, 1, 1, 1, 1,
                             1, 1, 1}; /* mono goes to every channel as it is, where the library would keep the power */
    size_t frames = (size_t)((double)a->frames * rate / a->rate + 0.5), room = frames + 4096, made = 0;
    float *out = calloc(room * (size_t)channels, sizeof *out);
    loris_status status = LORIS_OK;
    if (channels < 1 || channels > 8)
        status = fail(LORIS_ERROR_INTERNAL, NULL, "sound of %d channels", channels);
    else if (room > INT_MAX)
        status = fail(LORIS_ERROR_INPUT, NULL, "sound of %zu frames is too long to resample", a->frames);
    else if (!out)
        status = fail_memory("resampled sound");
    else if (swr_alloc_set_opts2(&resampler, &to, AV_SAMPLE_FMT_FLT, rate, &from, AV_SAMPLE_FMT_FLT, a->rate, 0, NULL) <
                 0 ||
             (a->channels == 1 && swr_set_matrix(resampler, spread, 1) < 0) || swr_init(resampler) < 0 ||
             convert_all(resampler, a, out, room, channels, &made) < 0)
        status = fail(LORIS_ERROR_INTERNAL, NULL, "sound of %d Hz and %d channels cannot be converted to %d Hz and %d",
                      a->rate, a->channels, rate, channels);
    swr_free(&resampler);
    if (status != LORIS_OK) {
        free(out);
        return status;
    }
    free(a->samples); /* what the filter did not fill at the end is silence */
    *a = (audio){.samples = out, .frames = frames, .channels = channels, .rate = rate};
    return LORIS_OK;
}
