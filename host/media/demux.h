/* FFmpeg's demuxers and decoders behind statuses; used by the files of this folder that need FFmpeg, and by no
 * other.
 *
 * One regular file is read and nothing else: playlists and containers that name further files or addresses are
 * refused. Damage is skipped and warned of once. Every loop looks at cancelled(). */
#ifndef LORIS_MEDIA_DEMUX_H
#define LORIS_MEDIA_DEMUX_H

#include <stdatomic.h>
#include <stdbool.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "core/status.h"

#if LIBAVUTIL_VERSION_INT < AV_VERSION_INT(57, 28, 100)
#error "FFmpeg 5.1 or newer is needed (its channel layout interface); or configure with -DLORIS_WITH_FFMPEG=OFF"
#endif

enum { VIDEO_LONGEST_SIDE = 16384 };

typedef struct demux {
    AVFormatContext *format;
    AVIOContext *io;
    char *path, *url;    /* url = "file:" + path, so that no part of a path is taken for a protocol */
    AVStream *video;     /* the best video stream, never a cover picture; NULL when there is none */
    AVStream *audio;     /* the best audio stream, NULL when there is none */
    atomic_bool stop;    /* set by another thread: reading ends */
    bool damaged;        /* a warning was given */
} demux;

/* Opens `path` and finds its streams. `d` must stay where it is until demux_close(). LORIS_ERROR_INPUT: missing, a
 * folder, empty, no known container. On failure nothing is left to close. */
loris_status demux_open(demux *d, const char *path);
void demux_close(demux *d);

/* As demux_open(), and LORIS_ERROR_INPUT unless there is a video stream of a sane size. */
loris_status demux_open_video(demux *d, const char *path);

/* Lets only packets of `stream` through. */
void demux_select(demux *d, const AVStream *stream);

/* The next packet of a selected stream; *end at the end of the file, or where it cannot be read any further. */
loris_status demux_read(demux *d, AVPacket *packet, bool *end);

/* Seconds of the video stream by its packets, read to the end of a second opening of the file: for containers that
 * do not say. */
loris_status demux_measure(const char *path, double *seconds);

typedef struct first_frame {
    int64_t pts;    /* of the first picture shown, in units of the video stream's time base */
    bool preroll;   /* packets lie before it: cut off by an edit list, or useless without what they refer to */
    bool unstamped; /* packets do not say when they are shown */
} first_frame;

loris_status demux_first_frame(const char *path, first_frame *first);

/* Display matrix of a video stream (9 numbers) or NULL. */
const int32_t *stream_display_matrix(const AVStream *stream);

/* Records an FFmpeg error code as a loris_status for the input. */
loris_status demux_error(const demux *d, int code, const char *what);

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

typedef struct decoder {
    demux *input;
    AVStream *stream;
    AVCodecContext *context;
    AVPacket *packet;
    bool draining;
    int failures;     /* in a row */
    int64_t earliest; /* presentation time of the packets so far, INT64_MAX = none */
    bool unstamped;   /* some had none */
} decoder;

/* Selects `stream` in `d` and opens its decoder on `threads` threads. Zero or opened: decoder_close() is always
 * allowed. */
loris_status decoder_open(decoder *c, demux *d, AVStream *stream, int threads);
loris_status decoder_next(decoder *c, AVFrame *frame, bool *end);
void decoder_close(decoder *c);

/* In units of the stream's time base; 0 when unknown. */
int64_t frame_duration(const AVFrame *frame);

#endif
