/* Opening and reading containers. */
#include "media/demux.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libavutil/avstring.h>

enum { READ_FAILURES_MAX = 64 }; /* in a row, before the rest of a file counts as unreadable */

/* ---- FFmpeg's log ------------------------------------------------------------------------------------------------ */

/* FFmpeg reports what it survives, from any thread and one piece of a line at a time; our own messages say what
 * matters. */
static void log_line(void *object, int level, const char *format, va_list arguments) {
    static _Thread_local char line[512];
    static _Thread_local int print_prefix = 1;
    if (level > AV_LOG_WARNING)
        return;
    size_t length = strlen(line);
    av_log_format_line2(object, level, format, arguments, line + length, (int)(sizeof line - length), &print_prefix);
    if (!print_prefix && strlen(line) < sizeof line - 1)
        return; /* the rest of the line follows */
    line[strcspn(line, "\r\n")] = 0;
    if (line[0])
        log_message(LORIS_LOG_DEBUG, "FFmpeg: %s", line);
    line[0] = 0;
}

static void route_log(void) {
    av_log_set_callback(log_line);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static int interrupted(void *opaque) {
    const demux *d = opaque;
    return cancelled() || atomic_load(&d->stop);
}

/* Contents may name further files or addresses (external references of MP4): none is opened. */
static int open_nothing(AVFormatContext *format, AVIOContext **io, const char *url, int flags, AVDictionary **options) {
    const demux *d = format->opaque;
    (void)io;
    (void)flags;
    (void)options;
    log_message(LORIS_LOG_WARNING, "%s: names another file, which is not opened: %s", d->path, url);
    return AVERROR(EACCES);
}

/* Formats that are lists of files; some open them by ways of their own. */
static bool is_playlist(const AVInputFormat *format) {
    static const char *const names[] = {"hls", "applehttp",          "concat", "dash",
                                        "imf", "webm_dash_manifest", "sdp",    "rtsp"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (av_match_name(names[i], format->name))
            return true;
    return false;
}

static loris_status check_file(const char *path) {
    struct stat s;
    if (stat(path, &s) != 0)
        return fail(LORIS_ERROR_INPUT, errno == ENOENT ? "is the path spelt right?" : NULL, "%s: %s", path,
                    strerror(errno));
    if (S_ISDIR(s.st_mode))
        return fail(LORIS_ERROR_INPUT, "name a video file in it", "%s: is a folder", path);
    if (!S_ISREG(s.st_mode))
        return fail(LORIS_ERROR_INPUT, "write the video to a file first", "%s: not a regular file", path);
    if (s.st_size == 0)
        return fail(LORIS_ERROR_INPUT, "is the download complete?", "%s: is empty", path);
    return LORIS_OK;
}

loris_status demux_error(const demux *d, int code, const char *what) {
    if (code == AVERROR(ENOMEM))
        return fail_memory(what);
    if (code == AVERROR_EXIT)
        TRY(check_cancelled());
    char text[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(code, text, sizeof text);
    return fail(LORIS_ERROR_INPUT, "is the file complete? FFmpeg's ffprobe may tell more", "%s: %s: %s", d->path, what,
                text);
}

/* Text shown as pictures is a curiosity of FFmpeg; a text file is not a video. */
static bool shows_text(enum AVCodecID id) {
    return id == AV_CODEC_ID_ANSI || id == AV_CODEC_ID_BINTEXT || id == AV_CODEC_ID_XBIN || id == AV_CODEC_ID_IDF;
}

static bool is_moving_picture(const AVStream *s) {
    return s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !shows_text(s->codecpar->codec_id) &&
           !(s->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS));
}

static void choose_streams(demux *d) {
    AVFormatContext *f = d->format;
    int best = av_find_best_stream(f, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (best >= 0 && is_moving_picture(f->streams[best]))
        d->video = f->streams[best];
    for (unsigned i = 0; i < f->nb_streams && !d->video; i++)
        if (is_moving_picture(f->streams[i]))
            d->video = f->streams[i];
    int sound = av_find_best_stream(f, AVMEDIA_TYPE_AUDIO, -1, d->video ? d->video->index : -1, NULL, 0);
    if (sound >= 0 && f->streams[sound]->codecpar->ch_layout.nb_channels > 0)
        d->audio = f->streams[sound];
}

/* The file alone, opened and recognised by its contents. */
static int open_io(demux *d, AVIOContext **io, const AVInputFormat **kind) {
    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    int code = avio_open2(io, d->url, AVIO_FLAG_READ, &(AVIOInterruptCB){interrupted, d}, &options);
    av_dict_free(&options);
    if (code >= 0)
        code = av_probe_input_buffer2(*io, kind, d->url, NULL, 0, 0);
    return code;
}

static loris_status open_format(demux *d) {
    size_t size = strlen("file:") + strlen(d->path) + 1;
    d->url = malloc(size);
    if (!d->url)
        return fail_memory("a path");
    snprintf(d->url, size, "file:%s", d->path);
    const AVInputFormat *kind = NULL;
    int code = open_io(d, &d->io, &kind);
    if (code >= 0 && is_playlist(kind))
        return fail(LORIS_ERROR_INPUT, "name the video itself", "%s: a list of videos (%s), not a video", d->path,
                    kind->name);
    if (code >= 0) {
        d->format = avformat_alloc_context();
        if (!d->format)
            return fail_memory("a demuxer");
        d->format->interrupt_callback = (AVIOInterruptCB){interrupted, d};
        d->format->io_open = open_nothing;
        d->format->opaque = d;
        d->format->pb = d->io;
        code = avformat_open_input(&d->format, d->url, kind, NULL);
    }
    if (code == AVERROR_INVALIDDATA || code == AVERROR_EOF)
        return fail(LORIS_ERROR_INPUT,
                    "is it a video, and is the download complete? an MP4 cut short has lost its index",
                    "%s: not a video that FFmpeg can read", d->path);
    if (code < 0)
        return demux_error(d, code, "cannot be opened as a video");
    return LORIS_OK;
}

/* Bounds what avformat_find_stream_info() may decode, so that a small file with an absurd size takes no memory. */
static int find_streams(AVFormatContext *f) {
    unsigned count = f->nb_streams;
    AVDictionary **options = count ? calloc(count, sizeof *options) : NULL;
    if (count && !options)
        return AVERROR(ENOMEM);
    for (unsigned i = 0; i < count; i++)
        av_dict_set_int(&options[i], "max_pixels", (int64_t)VIDEO_LONGEST_SIDE * VIDEO_LONGEST_SIDE, 0);
    int code = avformat_find_stream_info(f, options);
    for (unsigned i = 0; i < count; i++)
        av_dict_free(&options[i]);
    free(options);
    return code;
}

loris_status demux_open(demux *d, const char *path) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, route_log);
    *d = (demux){0};
    atomic_init(&d->stop, false);
    TRY(check_file(path));
    loris_status status = LORIS_OK;
    d->path = strdup(path);
    if (!d->path)
        return fail_memory("a path");
    TRY_GOTO(open_format(d));
    int code = find_streams(d->format);
    if (code < 0) {
        status = demux_error(d, code, "its streams cannot be found");
        goto done;
    }
    TRY_GOTO(check_cancelled());
    choose_streams(d);
done:
    if (status != LORIS_OK)
        demux_close(d);
    return status;
}

void demux_close(demux *d) {
    avformat_close_input(&d->format);
    avio_closep(&d->io);
    free(d->path);
    free(d->url);
    *d = (demux){0};
}

loris_status demux_open_video(demux *d, const char *path) {
    TRY(demux_open(d, path));
    loris_status status = LORIS_OK;
    if (!d->video) {
        status = fail(LORIS_ERROR_INPUT, d->audio ? "it holds sound only; name a video" : "is it a video?",
                      "%s: no video stream in it", path);
    } else {
        int width = d->video->codecpar->width, height = d->video->codecpar->height;
        if (width <= 0 || height <= 0)
            status = fail(LORIS_ERROR_INPUT, "is the file complete?", "%s: no frame of the video can be decoded", path);
        else if (width > VIDEO_LONGEST_SIDE || height > VIDEO_LONGEST_SIDE)
            status = fail(LORIS_ERROR_INPUT, "scale the video down first", "%s: %dx%d pixels; at most %d a side", path,
                          width, height, VIDEO_LONGEST_SIDE);
    }
    if (status != LORIS_OK)
        demux_close(d);
    return status;
}

void demux_select(demux *d, const AVStream *stream) {
    for (unsigned i = 0; i < d->format->nb_streams; i++)
        d->format->streams[i]->discard = i == (unsigned)stream->index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

loris_status demux_read(demux *d, AVPacket *packet, bool *end) {
    *end = false;
    for (int failures = 0; failures < READ_FAILURES_MAX;) {
        TRY(check_cancelled());
        if (atomic_load(&d->stop))
            break;
        int code = av_read_frame(d->format, packet);
        if (code == AVERROR(ENOMEM))
            return fail_memory("a packet");
        if (code == AVERROR_EOF)
            break;
        if (code >= 0) {
            if (d->format->streams[packet->stream_index]->discard != AVDISCARD_ALL)
                return LORIS_OK;
            av_packet_unref(packet);
            continue;
        }
        if (code != AVERROR(EAGAIN) && code != AVERROR_EXIT && !d->damaged) {
            d->damaged = true;
            log_message(LORIS_LOG_WARNING, "%s: a damaged part is skipped", d->path);
        }
        failures++;
    }
    *end = true;
    return check_cancelled();
}

loris_status demux_measure(const char *path, double *seconds) {
    demux d;
    TRY(demux_open_video(&d, path));
    loris_status status = LORIS_OK;
    double unit = av_q2d(d.video->time_base), first = 0, last = 0;
    double rate = av_q2d(d.video->avg_frame_rate.num > 0 && d.video->avg_frame_rate.den > 0 ? d.video->avg_frame_rate
                                                                                            : (AVRational){25, 1});
    long packets = 0;
    bool end = false, timed = false;
    demux_select(&d, d.video);
    AVPacket *packet = av_packet_alloc();
    if (!packet) {
        status = fail_memory("a packet");
        goto done;
    }
    for (;;) {
        TRY_GOTO(demux_read(&d, packet, &end));
        if (end)
            break;
        packets++;
        int64_t pts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
        if (pts != AV_NOPTS_VALUE && !(packet->flags & AV_PKT_FLAG_DISCARD)) {
            double from = (double)pts * unit;
            double to = from + (packet->duration > 0 ? (double)packet->duration * unit : 1 / rate);
            first = !timed || from < first ? from : first;
            last = !timed || to > last ? to : last;
            timed = true;
        }
        av_packet_unref(packet);
    }
    *seconds = timed ? last - first : (double)packets / rate;
done:
    av_packet_free(&packet);
    demux_close(&d);
    return status;
}

const int32_t *stream_display_matrix(const AVStream *stream) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 30, 101)
    const AVPacketSideData *side = av_packet_side_data_get(
        stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return side && side->size >= 9 * sizeof(int32_t) ? (const int32_t *)side->data : NULL;
#else
    size_t size = 0;
    const uint8_t *side = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return side && size >= 9 * sizeof(int32_t) ? (const int32_t *)side : NULL;
#endif
}
