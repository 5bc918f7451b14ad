/* A soundtrack encoded to AAC at 48 kHz while a video is copied beside it; for video_mux_ffmpeg.c. */
#ifndef LORIS_MEDIA_AAC_TRACK_H
#define LORIS_MEDIA_AAC_TRACK_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswresample/swresample.h>

#include "media/audio.h"

enum { AAC_RATE = 48000 };

typedef struct aac_track {
    const audio *source;
    AVFormatContext *out;
    AVStream *stream;
    AVCodecContext *encoder;
    SwrContext *resampler;
    AVFrame *frame;
    AVPacket *packet;
    size_t read;    /* frames of the source given to the resampler */
    int64_t sent;   /* frames given to the encoder: the time of the next one */
} aac_track;

/* Adds a stream to `out`. Zero or opened: aac_track_close() is always allowed. */
loris_status aac_track_open(aac_track *t, AVFormatContext *out, const audio *source);
void aac_track_close(aac_track *t);

/* Encodes and writes whole AAC frames that begin before sample `end`; silence follows the source's end. With `last`,
 * exactly to `end` and what the encoder still holds. *code is FFmpeg's when writing fails (LORIS_ERROR_OUTPUT,
 * message left to the caller). */
loris_status aac_track_write(aac_track *t, int64_t end, bool last, int *code);

#endif
