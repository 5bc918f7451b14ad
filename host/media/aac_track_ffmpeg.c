/* The encoder's priming samples need no care here: its first packet lies 1024 samples before time 0, which
 * containers express by an edit list (MP4, MOV) or a codec delay (Matroska), and players leave out. */
#include "media/aac_track.h"

#include <math.h>
#include <string.h>

enum { SOURCE_BLOCK = 1024, BIT_RATE_MONO = 128000, BIT_RATE_STEREO = 192000 };

static loris_status open_encoder(aac_track *t) {
    const AVCodec *codec = avcodec_find_encoder_by_name("aac");
    if (!codec)
        return fail(LORIS_ERROR_OUTPUT, "write the sound alone (.wav .flac .ogg)", "this FFmpeg has no AAC encoder");
    AVCodecContext *c = t->encoder = avcodec_alloc_context3(codec);
    if (!c)
        return fail_memory("an AAC encoder");
    c->sample_rate = AAC_RATE;
    c->sample_fmt = AV_SAMPLE_FMT_FLTP; /* the native encoder's only one */
    c->bit_rate = t->source->channels == 1 ? BIT_RATE_MONO : BIT_RATE_STEREO;
    c->time_base = (AVRational){1, AAC_RATE};
    av_channel_layout_default(&c->ch_layout, t->source->channels);
    if (t->out->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    c->flags |= AV_CODEC_FLAG_BITEXACT; /* no version string in the stream */
    if (avcodec_open2(c, codec, NULL) < 0 || avcodec_parameters_from_context(t->stream->codecpar, c) < 0)
        return fail(LORIS_ERROR_OUTPUT, NULL, "the AAC encoder does not start");
    t->stream->time_base = c->time_base;
    t->stream->disposition = AV_DISPOSITION_DEFAULT;
    return LORIS_OK;
}

static loris_status open_resampler(aac_track *t) {
    AVChannelLayout *layout = &t->encoder->ch_layout;
    if (swr_alloc_set_opts2(&t->resampler, layout, AV_SAMPLE_FMT_FLTP, AAC_RATE, layout, AV_SAMPLE_FMT_FLT,
                            t->source->rate, 0, NULL) < 0 ||
        swr_init(t->resampler) < 0)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "sound at %d Hz cannot be resampled", t->source->rate);
    return LORIS_OK;
}

loris_status aac_track_open(aac_track *t, AVFormatContext *out, const audio *source) {
    *t = (aac_track){.source = source, .out = out};
    if (source->channels < 1 || source->channels > 2 || source->rate < 1000 || source->rate > 768000)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "a soundtrack in %d channels at %d Hz", source->channels, source->rate);
    t->stream = avformat_new_stream(out, NULL);
    t->packet = av_packet_alloc();
    t->frame = av_frame_alloc();
    if (!t->stream || !t->packet || !t->frame)
        return fail_memory("an AAC track");
    TRY(open_encoder(t));
    TRY(open_resampler(t));
    AVFrame *f = t->frame;
    f->nb_samples = t->encoder->frame_size;
    f->format = AV_SAMPLE_FMT_FLTP;
    f->sample_rate = AAC_RATE;
    if (av_channel_layout_copy(&f->ch_layout, &t->encoder->ch_layout) < 0 || av_frame_get_buffer(f, 0) < 0)
        return fail_memory("an AAC track");
    return LORIS_OK;
}

void aac_track_close(aac_track *t) {
    swr_free(&t->resampler);
    avcodec_free_context(&t->encoder);
    av_frame_free(&t->frame);
    av_packet_free(&t->packet);
}

/* Up to `count` samples a channel from the resampler to offset `at` of the frame, feeding it only once it has run
 * dry: what it keeps does not grow. 0 at the end of the source. */
static int pull(aac_track *t, int at, int count) {
    const audio *a = t->source;
    uint8_t *planes[2] = {0};
    for (int c = 0; c < a->channels; c++)
        planes[c] = (uint8_t *)((float *)(void *)t->frame->extended_data[c] + at);
    for (;;) {
        size_t left = a->frames - t->read, block = left < SOURCE_BLOCK ? left : SOURCE_BLOCK;
        const uint8_t *in = left ? (const uint8_t *)(a->samples + t->read * (size_t)a->channels) : NULL;
        int made = swr_convert(t->resampler, planes, count, left ? &in : NULL, 0);
        if (made != 0 || left == 0)
            return made;
        made = swr_convert(t->resampler, planes, count, &in, (int)block);
        t->read += block;
        if (made != 0)
            return made;
    }
}

static loris_status fill(aac_track *t, int count) {
    if (av_frame_make_writable(t->frame) < 0)
        return fail_memory("an AAC frame");
    t->frame->nb_samples = count;
    int filled = 0;
    while (filled < count) {
        int made = pull(t, filled, count - filled);
        if (made < 0)
            return fail(LORIS_ERROR_INTERNAL, NULL, "resampling the soundtrack failed");
        if (made == 0)
            break;
        filled += made;
    }
    for (int c = 0; c < t->source->channels; c++) {
        float *x = (float *)(void *)t->frame->extended_data[c];
        memset(x + filled, 0, (size_t)(count - filled) * sizeof *x);
        for (int i = 0; i < filled; i++) {
            if (isnan(x[i]))
                return fail(LORIS_ERROR_INTERNAL, "please report this", "a sample of the soundtrack is not a number");
            x[i] = fminf(1, fmaxf(-1, x[i]));
        }
    }
    return LORIS_OK;
}

static loris_status encode(aac_track *t, const AVFrame *frame, int *code) {
    if (avcodec_send_frame(t->encoder, frame) < 0)
        return fail(LORIS_ERROR_INTERNAL, NULL, "encoding the soundtrack failed");
    while (avcodec_receive_packet(t->encoder, t->packet) >= 0) {
        av_packet_rescale_ts(t->packet, t->encoder->time_base, t->stream->time_base);
        t->packet->stream_index = t->stream->index;
        *code = av_interleaved_write_frame(t->out, t->packet);
        if (*code < 0)
            return LORIS_ERROR_OUTPUT;
    }
    return LORIS_OK;
}

loris_status aac_track_write(aac_track *t, int64_t end, bool last, int *code) {
    int size = t->encoder->frame_size;
    while (t->sent < end) {
        TRY(check_cancelled());
        int count = last && end - t->sent < size ? (int)(end - t->sent) : size;
        TRY(fill(t, count));
        t->frame->pts = t->sent;
        t->sent += count;
        TRY(encode(t, t->frame, code));
    }
    return last ? encode(t, NULL, code) : LORIS_OK;
}
