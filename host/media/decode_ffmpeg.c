/* Pulling decoded frames out of one stream. */
#include "media/demux.h"

#include <errno.h>

enum { DECODE_FAILURES_MAX = 1000 }; /* in a row, before the rest of a stream counts as undecodable */

loris_status decoder_open(decoder *c, demux *d, AVStream *stream, int threads) {
    *c = (decoder){.input = d, .stream = stream, .earliest = INT64_MAX};
    const AVCodecParameters *parameters = stream->codecpar;
    const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
    if (!codec)
        return fail(LORIS_ERROR_INPUT, "install an FFmpeg that has it, or convert the video first",
                    "%s: no decoder for %s", d->path, avcodec_get_name(parameters->codec_id));
    c->packet = av_packet_alloc();
    c->context = avcodec_alloc_context3(codec);
    if (!c->packet || !c->context)
        return fail_memory("a decoder");
    int code = avcodec_parameters_to_context(c->context, parameters);
    if (code >= 0) {
        c->context->pkt_timebase = stream->time_base;
        c->context->thread_count = threads;
        c->context->max_pixels = (int64_t)VIDEO_LONGEST_SIDE * VIDEO_LONGEST_SIDE;
        code = avcodec_open2(c->context, codec, NULL);
    }
    if (code < 0)
        return demux_error(d, code, "its decoder does not start");
    demux_select(d, stream);
    return LORIS_OK;
}

void decoder_close(decoder *c) {
    avcodec_free_context(&c->context);
    av_packet_free(&c->packet);
}

static void note_damage(decoder *c) {
    c->failures++;
    if (c->input->damaged)
        return;
    c->input->damaged = true;
    log_message(LORIS_LOG_WARNING, "%s: a damaged part of its %s stream is skipped", c->input->path,
                avcodec_get_name(c->context->codec_id));
}

static loris_status feed(decoder *c) {
    bool end;
    TRY(demux_read(c->input, c->packet, &end));
    if (!end && c->packet->pts == AV_NOPTS_VALUE)
        c->unstamped = true;
    else if (!end && c->packet->pts < c->earliest)
        c->earliest = c->packet->pts;
    int code = avcodec_send_packet(c->context, end ? NULL : c->packet);
    av_packet_unref(c->packet);
    c->draining = end;
    if (code == AVERROR(ENOMEM))
        return fail_memory("a packet");
    if (code < 0 && code != AVERROR_EOF)
        note_damage(c);
    return LORIS_OK;
}

loris_status decoder_next(decoder *c, AVFrame *frame, bool *end) {
    *end = false;
    while (c->failures < DECODE_FAILURES_MAX) {
        TRY(check_cancelled());
        int code = avcodec_receive_frame(c->context, frame);
        if (code >= 0) {
            c->failures = 0;
            return LORIS_OK;
        }
        if (code == AVERROR(ENOMEM))
            return fail_memory("a frame");
        if (code == AVERROR_EOF)
            break;
        if (code != AVERROR(EAGAIN))
            note_damage(c);
        else if (c->draining)
            break; /* a decoder that neither ends nor delivers */
        if (!c->draining)
            TRY(feed(c));
    }
    *end = true;
    return LORIS_OK;
}

int64_t frame_duration(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    return frame->duration;
#else
    return frame->pkt_duration;
#endif
}

loris_status demux_first_frame(const char *path, first_frame *first) {
    demux d;
    TRY(demux_open_video(&d, path));
    loris_status status = LORIS_OK;
    decoder c = {0};
    bool end = false;
    AVFrame *frame = av_frame_alloc();
    if (!frame) {
        status = fail_memory("a frame");
        goto done;
    }
    TRY_GOTO(decoder_open(&c, &d, d.video, 1));
    TRY_GOTO(decoder_next(&c, frame, &end));
    if (end)
        status = fail(LORIS_ERROR_INPUT, "is the file complete?", "%s: no frame of the video can be decoded", path);
    else if (frame->best_effort_timestamp != AV_NOPTS_VALUE)
        first->pts = frame->best_effort_timestamp;
    else
        first->pts = d.video->start_time != AV_NOPTS_VALUE ? d.video->start_time : 0;
    first->preroll = c.earliest < first->pts;
    first->unstamped = c.unstamped;
done:
    av_frame_free(&frame);
    decoder_close(&c);
    demux_close(&d);
    return status;
}
