/* The original sound of a video, on the time axis of its pictures. */
#include "media/audio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include "media/demux.h"

/* Time stamps of sound are often rounded to milliseconds: up to here samples are taken to follow each other. */
static const double gap_time = 0.05; /* seconds */

/* What comes later is left out: an hour of stereo is 1.4 GB, and time stamps of a damaged file can be anything. */
static const double longest_time = 3600; /* seconds */

typedef struct sound_reader {
    demux input;
    decoder decode;
    SwrContext *resampler;
    AVChannelLayout layout; /* what `resampler` was made for */
    int rate;
    enum AVSampleFormat format;

    audio *out;
    size_t capacity;  /* frames */
    int64_t position; /* output frame that the resampler's next sample belongs to; below 0 before the first picture */
    double expected;  /* seconds after the first picture at which the next input sample belongs */
    double first_picture;
    bool running;
} sound_reader;

/* Room for frames up to `frames`, silent where they are new. */
static loris_status grow(sound_reader *r, size_t frames) {
    size_t channels = (size_t)r->out->channels;
    if (frames > r->capacity) {
        size_t capacity = frames + frames / 2;
        float *samples = realloc(r->out->samples, capacity * channels * sizeof *samples);
        if (!samples)
            return fail_memory("the original sound");
        r->out->samples = samples;
        r->capacity = capacity;
    }
    if (frames > r->out->frames) {
        memset(r->out->samples + r->out->frames * channels, 0, (frames - r->out->frames) * channels * sizeof(float));
        r->out->frames = frames;
    }
    return LORIS_OK;
}

static loris_status place(sound_reader *r, const float *samples, size_t count) {
    int64_t from = r->position, to = from + (int64_t)count, limit = (int64_t)(longest_time * r->out->rate);
    r->position = to;
    int64_t first = from < 0 ? 0 : from, end = to < limit ? to : limit;
    if (first >= end)
        return LORIS_OK;
    size_t channels = (size_t)r->out->channels;
    TRY(grow(r, (size_t)end));
    memcpy(r->out->samples + (size_t)first * channels, samples + (size_t)(first - from) * channels,
           (size_t)(end - first) * channels * sizeof *samples);
    return LORIS_OK;
}

/* Through the resampler and into its place; `frame` NULL: what the resampler still holds. */
static loris_status resample(sound_reader *r, const AVFrame *frame) {
    if (!r->resampler)
        return LORIS_OK;
    int count = frame ? frame->nb_samples : 0, room = swr_get_out_samples(r->resampler, count);
    if (room <= 0)
        return LORIS_OK;
    float *samples = malloc((size_t)room * (size_t)r->out->channels * sizeof *samples);
    if (!samples)
        return fail_memory("the original sound");
    uint8_t *plane = (uint8_t *)samples;
    const uint8_t **in = frame ? (const uint8_t **)(void *)frame->extended_data : NULL;
    int made = swr_convert(r->resampler, &plane, room, in, count);
    loris_status status = made < 0 ? fail(LORIS_ERROR_INPUT, NULL, "%s: its sound cannot be resampled", r->input.path)
                                   : place(r, samples, (size_t)made);
    free(samples);
    return status;
}

static bool resampler_fits(const sound_reader *r, const AVFrame *frame) {
    return r->resampler && r->rate == frame->sample_rate && r->format == (enum AVSampleFormat)frame->format &&
           av_channel_layout_compare(&r->layout, &frame->ch_layout) == 0;
}

static loris_status make_resampler(sound_reader *r, const AVFrame *frame) {
    swr_free(&r->resampler);
    av_channel_layout_uninit(&r->layout);
    r->rate = frame->sample_rate;
    r->format = frame->format;
    int code = av_channel_layout_copy(&r->layout, &frame->ch_layout);
    AVChannelLayout wanted, given = {0};
    av_channel_layout_default(&wanted, r->out->channels);
    if (code >= 0 && r->layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&given, r->layout.nb_channels);
    else if (code >= 0)
        code = av_channel_layout_copy(&given, &r->layout);
    if (code >= 0)
        code = swr_alloc_set_opts2(&r->resampler, &wanted, AV_SAMPLE_FMT_FLT, r->out->rate, &given, r->format, r->rate,
                                   0, NULL);
    av_channel_layout_uninit(&given);
    if (code >= 0)
        code = swr_init(r->resampler);
    return code < 0 ? demux_error(&r->input, code, "its sound cannot be resampled") : LORIS_OK;
}

static loris_status take_frame(sound_reader *r, const AVFrame *frame) {
    double length = (double)frame->nb_samples / frame->sample_rate, time = r->expected;
    if (frame->best_effort_timestamp != AV_NOPTS_VALUE)
        time = (double)frame->best_effort_timestamp * av_q2d(r->decode.stream->time_base) - r->first_picture;
    bool gap = !r->running || fabs(time - r->expected) > gap_time;
    if (gap || !resampler_fits(r, frame)) {
        TRY(resample(r, NULL));
        TRY(make_resampler(r, frame));
    }
    if (gap) {
        if (fabs(time) > longest_time)
            time = copysign(longest_time, time);
        r->position = llround(time * r->out->rate);
        r->expected = time;
        r->running = true;
    }
    r->expected += length;
    return resample(r, frame);
}

static loris_status read_sound(sound_reader *r) {
    first_frame first;
    TRY(demux_first_frame(r->input.path, &first));
    r->first_picture = (double)first.pts * av_q2d(r->input.video->time_base);
    TRY(decoder_open(&r->decode, &r->input, r->input.audio, 1));
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        return fail_memory("a frame");
    loris_status status = LORIS_OK;
    for (;;) {
        bool end;
        TRY_GOTO(decoder_next(&r->decode, frame, &end));
        if (end)
            break;
        if (frame->nb_samples > 0 && frame->sample_rate > 0)
            TRY_GOTO(take_frame(r, frame));
        av_frame_unref(frame);
    }
    status = resample(r, NULL);
done:
    av_frame_free(&frame);
    return status;
}

loris_status audio_from_video(audio *out, const char *path, int rate, int channels) {
    *out = (audio){.rate = rate, .channels = channels};
    if (rate < 1000 || rate > 768000 || channels < 1 || channels > 2)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "original sound in %d channels at %d Hz", channels, rate);
    sound_reader r = {.out = out};
    TRY(demux_open_video(&r.input, path));
    loris_status status = r.input.audio ? read_sound(&r) : LORIS_OK;
    swr_free(&r.resampler);
    av_channel_layout_uninit(&r.layout);
    decoder_close(&r.decode);
    demux_close(&r.input);
    if (status != LORIS_OK)
        audio_free(out);
    return status;
}
