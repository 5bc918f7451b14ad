#include "media/jpeg.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>

enum { QUALITY = 5 }; /* libavcodec's scale: 2 is best, 31 worst; at 5 no block shows at twice the size */

static loris_status fail_encode(const char *what, int width, int height) {
    return fail(LORIS_ERROR_OUTPUT, "does this FFmpeg have an MJPEG encoder?",
                "a picture of %dx%d cannot be encoded: %s", width, height, what);
}

/* Full-range BT.601, as JFIF has it. */
static loris_status convert(AVFrame *out, const uint8_t *rgb) {
    struct SwsContext *c = sws_alloc_context();
    if (!c)
        return fail_memory("a picture scaler");
    const struct {
        const char *name;
        int value;
    } options[] = {{"srcw", out->width}, {"srch", out->height}, {"src_format", AV_PIX_FMT_RGB24},
                   {"dstw", out->width}, {"dsth", out->height}, {"dst_format", out->format},
                   {"src_range", 1},     {"dst_range", 1},      {"sws_flags", SWS_AREA | SWS_ACCURATE_RND}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        av_opt_set_int(c, options[i].name, options[i].value, 0);
    loris_status status = LORIS_OK;
    const int stride = 3 * out->width;
    if (sws_init_context(c, NULL, NULL) < 0 ||
        sws_scale(c, &rgb, &stride, 0, out->height, out->data, out->linesize) != out->height)
        status = fail_encode("its colours cannot be converted", out->width, out->height);
    sws_freeContext(c);
    return status;
}

static loris_status encode(AVCodecContext *encoder, AVFrame *frame, AVPacket *packet, const uint8_t *rgb) {
    TRY(convert(frame, rgb));
    frame->quality = encoder->global_quality;
    if (avcodec_send_frame(encoder, frame) < 0 || avcodec_send_frame(encoder, NULL) < 0 ||
        avcodec_receive_packet(encoder, packet) < 0)
        return fail_encode("the encoder failed", frame->width, frame->height);
    return LORIS_OK;
}

loris_status jpeg_encode(uint8_t **jpeg, size_t *size, const uint8_t *rgb, int width, int height) {
    *jpeg = NULL;
    *size = 0;
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (!codec)
        return fail_encode("there is no encoder", width, height);
    AVCodecContext *encoder = avcodec_alloc_context3(codec);
    AVFrame *frame = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    loris_status status = encoder && frame && packet ? LORIS_OK : fail_memory("a picture");
    if (status != LORIS_OK)
        goto done;
    encoder->width = frame->width = width;
    encoder->height = frame->height = height;
    encoder->pix_fmt = AV_PIX_FMT_YUV420P;
    frame->format = AV_PIX_FMT_YUV420P;
    encoder->color_range = frame->color_range = AVCOL_RANGE_JPEG;
    encoder->time_base = (AVRational){1, 1};
    encoder->global_quality = QUALITY * FF_QP2LAMBDA;
    encoder->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
    encoder->thread_count = 1;
    if (avcodec_open2(encoder, codec, NULL) < 0)
        status = fail_encode("the encoder refuses it", width, height);
    else if (av_frame_get_buffer(frame, 0) < 0)
        status = fail_memory("a picture");
    else
        status = encode(encoder, frame, packet, rgb);
    if (status == LORIS_OK && !(*jpeg = malloc((size_t)packet->size)))
        status = fail_memory("a picture");
    if (status == LORIS_OK) {
        memcpy(*jpeg, packet->data, (size_t)packet->size);
        *size = (size_t)packet->size;
    }
done:
    av_packet_free(&packet);
    av_frame_free(&frame);
    avcodec_free_context(&encoder);
    return status;
}
