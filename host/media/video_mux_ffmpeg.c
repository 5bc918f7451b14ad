/* The same video with a new soundtrack. Packets are copied, never decoded; every time is moved by the first
 * picture's, so that picture and sound both begin at 0. */
#include "media/audio.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libavutil/opt.h>

#include "core/file.h"
#include "core/text.h"
#include "media/aac_track.h"
#include "media/demux.h"
#include "media/packet_times.h"

typedef struct muxer {
    demux in;
    AVFormatContext *out;
    const char *path; /* of the finished file, for messages */
    char *url;
    AVStream **target; /* for each input stream known at the start, NULL = left out */
    unsigned targets;
    aac_track sound;
    AVPacket *packet;
    int64_t first;        /* presentation time of the first picture, in input ticks of the video stream */
    bool preroll;         /* packets lie before it */
    packet_times times;   /* of the video's packets where they carry none; count = 0 otherwise */
    size_t video_packets; /* so far */

    int64_t torn;                /* added to input ticks since the clock was torn */
    int64_t last_dts, last_step; /* of the video, input ticks less `first`; AV_NOPTS_VALUE at first */
    double end;                  /* seconds: when the last picture ceases to show */
    double until;                /* seconds: packets to be decoded from then on are left out */
    bool reached;                /* such a packet of the video came */
} muxer;

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static loris_status output_error(const muxer *m, int code) {
    if (code == AVERROR(ENOMEM))
        return fail_memory("the output");
    if (code == AVERROR_EXIT)
        TRY(check_cancelled());
    char reason[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(code, reason, sizeof reason);
    const char *hint = code == AVERROR(ENOSPC) || code == AVERROR(EDQUOT) || code == AVERROR(EFBIG)
                           ? "free some space or write to another disk"
                           : NULL;
    return fail(LORIS_ERROR_OUTPUT, hint, "%s: cannot be written: %s", m->path, reason);
}

/* An error that the writer behind the muxer met earlier and the muxer did not pass on. */
static int hidden_error(const muxer *m, int code) {
    return m->out->pb && m->out->pb->error < 0 && code != AVERROR_EXIT ? m->out->pb->error : code;
}

static bool is_matroska(const AVOutputFormat *format) {
    return strcmp(format->name, "matroska") == 0;
}

/* Matroska takes what AVI knows, too (its V_MS/VFW/FOURCC). */
static bool can_hold(const AVOutputFormat *format, enum AVCodecID id) {
    const struct AVCodecTag *const avi[] = {avformat_get_riff_video_tags(), NULL};
    return avformat_query_codec(format, id, FF_COMPLIANCE_NORMAL) == 1 ||
           (is_matroska(format) && av_codec_get_tag(avi, id) != 0);
}

static loris_status cannot_hold(const muxer *m) {
    enum AVCodecID id = m->in.video->codecpar->codec_id;
    const AVOutputFormat *matroska = av_guess_format("matroska", NULL, NULL);
    bool other = matroska && m->out->oformat != matroska && can_hold(matroska, id);
    return fail(LORIS_ERROR_OUTPUT, other ? "name the output .mkv" : "convert the video to H.264 first",
                "%s: %s video cannot be kept in this kind of file", m->path, avcodec_get_name(id));
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

/* Before FFmpeg 6.1 side data (rotation, mastering display, stereo layout) belongs to the stream, not to its
 * parameters. */
static int copy_side_data(AVStream *to, const AVStream *from) {
#if LIBAVCODEC_VERSION_INT < AV_VERSION_INT(60, 30, 101)
    for (int i = 0; i < from->nb_side_data; i++) {
        const AVPacketSideData *side = &from->side_data[i];
        uint8_t *copy = av_stream_new_side_data(to, side->type, side->size);
        if (!copy)
            return AVERROR(ENOMEM);
        memcpy(copy, side->data, side->size);
    }
#else
    (void)to;
    (void)from;
#endif
    return 0;
}

static loris_status add_copy(muxer *m, AVStream *from) {
    AVStream *to = m->target[from->index] = avformat_new_stream(m->out, NULL);
    if (!to || avcodec_parameters_copy(to->codecpar, from->codecpar) < 0 || copy_side_data(to, from) < 0 ||
        av_dict_copy(&to->metadata, from->metadata, 0) < 0)
        return fail_memory("a stream");
    /* The tag names the codec in the container it comes from; it stays where it means the same in the new one. */
    if (av_codec_get_id(m->out->oformat->codec_tag, from->codecpar->codec_tag) != from->codecpar->codec_id)
        to->codecpar->codec_tag = 0;
    to->time_base = from->time_base;
    to->disposition = from->disposition;
    to->avg_frame_rate = from->avg_frame_rate;
    to->r_frame_rate = from->r_frame_rate;
    to->sample_aspect_ratio = av_guess_sample_aspect_ratio(m->in.format, from, NULL);
    return LORIS_OK;
}

static loris_status add_streams(muxer *m, const audio *a) {
    AVFormatContext *in = m->in.format;
    m->targets = in->nb_streams;
    m->target = calloc(m->targets, sizeof(AVStream *));
    if (!m->target)
        return fail_memory("streams");
    if (!can_hold(m->out->oformat, m->in.video->codecpar->codec_id))
        return cannot_hold(m);
    TRY(add_copy(m, m->in.video));
    TRY(aac_track_open(&m->sound, m->out, a));
    for (unsigned i = 0; i < in->nb_streams; i++) {
        AVStream *s = in->streams[i];
        enum AVMediaType type = s->codecpar->codec_type;
        if ((type == AVMEDIA_TYPE_SUBTITLE && can_hold(m->out->oformat, s->codecpar->codec_id)) ||
            (type == AVMEDIA_TYPE_ATTACHMENT && is_matroska(m->out->oformat)))
            TRY(add_copy(m, s));
        else if (type == AVMEDIA_TYPE_SUBTITLE)
            log_message(LORIS_LOG_INFO, "%s: %s subtitles cannot be kept in this kind of file (.mkv may)", m->path,
                        avcodec_get_name(s->codecpar->codec_id));
        s->discard = m->target[i] ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    }
    return LORIS_OK;
}

/* ---- metadata and chapters --------------------------------------------------------------------------------------- */

/* MP4 and MOV have a fixed set of keys; others join the comment as "key=value". */
static bool is_known_key(const muxer *m, const char *key) {
    static const char *const known[] = {"title", "artist", "album", "date", "genre", "copyright", "description"};
    if (is_matroska(m->out->oformat))
        return true;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(key, known[i]) == 0)
            return true;
    return false;
}

static loris_status add_metadata(muxer *m, const metadata_entry *metadata, size_t count) {
    static const char *const of_container[] = {"encoder", "major_brand", "minor_version", "compatible_brands",
                                               "DURATION"};
    AVDictionary **to = &m->out->metadata;
    text comment = {0};
    bool failed = av_dict_copy(to, m->in.format->metadata, 0) < 0;
    for (size_t i = 0; i < sizeof of_container / sizeof of_container[0]; i++)
        av_dict_set(to, of_container[i], NULL, 0);
    for (size_t i = 0; i < count; i++) {
        const metadata_entry *e = &metadata[i];
        if (strcasecmp(e->key, "comment") == 0)
            text_printf(&comment, "%s%s", comment.length ? "; " : "", e->value);
        else if (is_known_key(m, e->key))
            failed = av_dict_set(to, e->key, e->value, 0) < 0 || failed;
        else
            text_printf(&comment, "%s%s=%s", comment.length ? "; " : "", e->key, e->value);
    }
    failed = failed || text_failed(&comment) || (comment.length && av_dict_set(to, "comment", comment.data, 0) < 0);
    text_free(&comment);
    return failed ? fail_memory("metadata") : LORIS_OK;
}

static loris_status add_chapters(muxer *m) {
    const AVFormatContext *in = m->in.format;
    if (in->nb_chapters == 0)
        return LORIS_OK;
    m->out->chapters = av_calloc(in->nb_chapters, sizeof(AVChapter *));
    if (!m->out->chapters)
        return fail_memory("chapters");
    for (unsigned i = 0; i < in->nb_chapters; i++) {
        const AVChapter *from = in->chapters[i];
        int64_t shift = av_rescale_q(m->first, m->in.video->time_base, from->time_base);
        if ((from->end != AV_NOPTS_VALUE && from->end <= shift) ||
            (double)(from->start - shift) * av_q2d(from->time_base) >= m->until)
            continue;
        AVChapter *to = av_mallocz(sizeof *to);
        if (!to)
            return fail_memory("chapters");
        m->out->chapters[m->out->nb_chapters++] = to;
        to->id = from->id;
        to->time_base = from->time_base;
        to->start = from->start > shift ? from->start - shift : 0;
        to->end = from->end != AV_NOPTS_VALUE ? from->end - shift : AV_NOPTS_VALUE;
        if (to->end != AV_NOPTS_VALUE && (double)to->end * av_q2d(to->time_base) > m->until)
            to->end = llround(m->until / av_q2d(to->time_base));
        if (av_dict_copy(&to->metadata, from->metadata, 0) < 0)
            return fail_memory("chapters");
    }
    return LORIS_OK;
}

/* Times that no clip has, and that sums of times must not overflow with. */
static const int64_t stamp_limit = INT64_C(1) << 60;
static const double longest_time = 24 * 3600; /* seconds */

static bool sane(int64_t stamp) {
    return stamp == AV_NOPTS_VALUE || (stamp > -stamp_limit && stamp < stamp_limit);
}

static loris_status check_times(const muxer *m, const AVPacket *p) {
    if (!sane(m->first) || !sane(p->pts) || !sane(p->dts) || !sane(p->duration) || m->end > longest_time)
        return fail(LORIS_ERROR_INPUT, "is the file damaged?", "%s: its time stamps go beyond %g hours", m->in.path,
                    longest_time / 3600);
    return LORIS_OK;
}

/* ---- copying ----------------------------------------------------------------------------------------------------- */

/* Makes times of a video packet start at the first picture, whole again after a torn clock, and decoding times
 * increase: the rules of frame_clock.c, for packets. */
static loris_status restamp_video(muxer *m, AVPacket *p) {
    AVRational unit = m->in.video->time_base, rate = m->in.video->avg_frame_rate;
    int64_t second = llround(1 / av_q2d(unit));
    if (m->video_packets < m->times.count) {
        p->pts = m->times.pts[m->video_packets];
        p->dts = m->times.dts[m->video_packets];
    }
    m->video_packets++;
    if (p->dts == AV_NOPTS_VALUE)
        p->dts = p->pts;
    if (p->pts == AV_NOPTS_VALUE)
        p->pts = p->dts;
    if (p->pts == AV_NOPTS_VALUE)
        return fail(LORIS_ERROR_INPUT, "convert the video first: ffmpeg can give it time stamps",
                    "%s: its packets do not say when they are shown", m->in.path);
    int64_t step = p->duration > 0                ? p->duration
                   : rate.num > 0 && rate.den > 0 ? av_rescale_q(1, av_inv_q(rate), unit)
                                                  : 1;
    int64_t shift = m->torn - m->first;
    if (m->last_dts != AV_NOPTS_VALUE) {
        int64_t ahead = p->dts + shift - m->last_dts;
        bool discontinuous = m->in.format->iformat->flags & AVFMT_TS_DISCONT;
        if (ahead < -second || (discontinuous && ahead > 10 * second)) {
            m->torn += m->last_step - ahead;
            shift = m->torn - m->first;
        }
    }
    p->dts += shift;
    p->pts += shift;
    if (m->last_dts != AV_NOPTS_VALUE && p->dts <= m->last_dts)
        p->dts = m->last_dts + 1;
    if (p->pts < p->dts)
        p->pts = p->dts;
    if (p->duration <= 0 && !is_matroska(m->out->oformat))
        p->duration = step; /* the last picture of an MP4 would not show without one */
    m->last_dts = p->dts;
    m->last_step = step;
    if (!(p->flags & AV_PKT_FLAG_DISCARD))
        m->end = fmax(m->end, (double)(p->pts + step) * av_q2d(unit));
    return LORIS_OK;
}

/* False: wholly before the first picture. */
static bool restamp_other(const muxer *m, AVPacket *p, const AVStream *from) {
    int64_t shift = av_rescale_q(m->torn - m->first, m->in.video->time_base, from->time_base);
    if (p->pts == AV_NOPTS_VALUE)
        return false;
    p->pts += shift;
    if (p->pts < 0) {
        p->duration += p->pts;
        p->pts = 0;
        if (p->duration <= 0)
            return false;
    }
    p->dts = p->pts;
    return true;
}

static loris_status copy_packet(muxer *m) {
    AVPacket *p = m->packet;
    AVStream *from = m->in.format->streams[p->stream_index], *to = m->target[p->stream_index];
    int code = 0;
    TRY(check_times(m, p));
    if (from == m->in.video) {
        const double end = m->end;
        TRY(restamp_video(m, p));
        TRY(check_times(m, p));
        if ((double)p->dts * av_q2d(from->time_base) >= m->until) {
            m->reached = true;
            m->end = end;
            return LORIS_OK;
        }
        /* Sound keeps pace, so that the muxer can interleave without holding the whole video back. */
        int64_t until = av_rescale_q(p->dts, from->time_base, (AVRational){1, AAC_RATE});
        loris_status status = aac_track_write(&m->sound, until, false, &code);
        if (status != LORIS_OK)
            return code < 0 ? output_error(m, hidden_error(m, code)) : status;
    } else if (!restamp_other(m, p, from) || (double)p->pts * av_q2d(from->time_base) >= m->until) {
        return LORIS_OK;
    }
    av_packet_rescale_ts(p, from->time_base, to->time_base);
    p->stream_index = to->index;
    p->pos = -1;
    code = av_interleaved_write_frame(m->out, p);
    return code < 0 ? output_error(m, hidden_error(m, code)) : LORIS_OK;
}

/* Samples of sound: as long as the pictures, or as was asked for. Decoders that ignore the length of the last AAC frame
 * (1024 samples, 21 ms) play all of it; where a picture is shorter than that, whole AAC frames come closest to its end.
 */
static int64_t sound_length(const muxer *m) {
    int frame = m->sound.encoder->frame_size;
    bool short_pictures = (double)m->last_step * av_q2d(m->in.video->time_base) * AAC_RATE < frame;
    int64_t exact = llround(fmin(m->end, m->until) * AAC_RATE);
    return short_pictures && exact > frame ? (exact + frame / 2) / frame * frame : exact;
}

static loris_status copy_all(muxer *m) {
    while (!m->reached) {
        bool end;
        TRY(demux_read(&m->in, m->packet, &end));
        if (end)
            break;
        loris_status status = (unsigned)m->packet->stream_index < m->targets ? copy_packet(m) : LORIS_OK;
        av_packet_unref(m->packet);
        TRY(status);
    }
    int code = 0;
    loris_status status = aac_track_write(&m->sound, sound_length(m), true, &code);
    return code < 0 ? output_error(m, hidden_error(m, code)) : status;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int interrupted(void *opaque) {
    (void)opaque;
    return cancelled();
}

static loris_status open_output(muxer *m, const char *temporary) {
    const char *dot = strrchr(m->path, '.');
    const char *format = strcasecmp(dot, ".mkv") == 0 ? "matroska" : strcasecmp(dot, ".mov") == 0 ? "mov" : "mp4";
    size_t size = strlen("file:") + strlen(temporary) + 1;
    m->url = malloc(size);
    if (!m->url)
        return fail_memory("a path");
    snprintf(m->url, size, "file:%s", temporary);
    if (avformat_alloc_output_context2(&m->out, NULL, format, m->url) < 0)
        return fail(LORIS_ERROR_OUTPUT, "choose another kind of file", "%s: this FFmpeg cannot write %s", m->path,
                    format);
    m->out->flags |= AVFMT_FLAG_BITEXACT; /* the same run twice gives the same file */
    m->out->interrupt_callback = (AVIOInterruptCB){interrupted, NULL};
    /* Every container here has its way to begin sound before 0 (the encoder's priming), but Matroska none for
     * pictures. */
    bool moved = m->preroll && is_matroska(m->out->oformat);
    m->out->avoid_negative_ts = moved ? AVFMT_AVOID_NEG_TS_MAKE_NON_NEGATIVE : AVFMT_AVOID_NEG_TS_DISABLED;
    if (moved)
        log_message(LORIS_LOG_WARNING, "%s: what was cut off the video's beginning will show; .mp4 keeps it hidden",
                    m->path);
    return LORIS_OK;
}

static loris_status write_header(muxer *m) {
    int code = avio_open2(&m->out->pb, m->url, AVIO_FLAG_WRITE, &m->out->interrupt_callback, NULL);
    if (code < 0)
        return output_error(m, code);
    AVDictionary *options = NULL;
    if (!is_matroska(m->out->oformat))
        av_dict_set(&options, "movflags", "+faststart", 0);
    code = avformat_write_header(m->out, &options);
    av_dict_free(&options);
    if (code >= 0)
        return LORIS_OK;
    int writing = hidden_error(m, 0);
    if (writing < 0 || code == AVERROR(ENOMEM) || code == AVERROR_EXIT)
        return output_error(m, writing < 0 ? writing : code);
    return cannot_hold(m);
}

static loris_status write_end(muxer *m) {
    TRY(check_cancelled());
    int code = av_write_trailer(m->out);
    code = hidden_error(m, code);
    int closed = avio_closep(&m->out->pb);
    if (code >= 0)
        code = closed;
    return code < 0 ? output_error(m, code) : LORIS_OK;
}

/* Some FFmpeg versions do not write a rotation into Matroska. */
static loris_status check_rotation(const muxer *m, const char *temporary) {
    if (!stream_display_matrix(m->in.video))
        return LORIS_OK;
    demux written;
    TRY(demux_open(&written, temporary));
    if (written.video && !stream_display_matrix(written.video))
        log_message(LORIS_LOG_WARNING, "%s: players will not turn the video upright; .mp4 keeps its rotation", m->path);
    demux_close(&written);
    return LORIS_OK;
}

static loris_status mux(muxer *m, const audio *a, const char *temporary, const metadata_entry *metadata,
                        size_t metadata_count) {
    TRY(open_output(m, temporary));
    TRY(add_streams(m, a));
    TRY(add_metadata(m, metadata, metadata_count));
    TRY(add_chapters(m));
    m->packet = av_packet_alloc();
    if (!m->packet)
        return fail_memory("a packet");
    TRY(write_header(m));
    TRY(copy_all(m));
    TRY(write_end(m));
    return check_rotation(m, temporary);
}

static loris_status find_start(muxer *m, const char *video_path) {
    first_frame first;
    TRY(demux_first_frame(video_path, &first));
    m->first = first.pts;
    m->preroll = first.preroll;
    if (!first.unstamped)
        return LORIS_OK;
    TRY(packet_times_find(&m->times, video_path));
    m->preroll = false;
    m->first = INT64_MAX;
    for (size_t i = 0; i < m->times.count; i++)
        m->first = m->times.pts[i] < m->first ? m->times.pts[i] : m->first;
    return LORIS_OK;
}

static void close_muxer(muxer *m) {
    aac_track_close(&m->sound);
    av_packet_free(&m->packet);
    if (m->out)
        avio_closep(&m->out->pb);
    avformat_free_context(m->out);
    packet_times_free(&m->times);
    free(m->target);
    free(m->url);
    demux_close(&m->in);
}

loris_status video_mux(const char *video_path, const audio *a, const char *path, const metadata_entry *metadata,
                       size_t metadata_count, double seconds) {
    if (output_kind_of(path) != OUTPUT_VIDEO)
        return fail(LORIS_ERROR_ARGUMENT, "end its name in .mp4, .mkv or .mov", "%s: not the name of a video", path);
    muxer m = {.path = path, .last_dts = AV_NOPTS_VALUE, .until = seconds > 0 ? seconds : HUGE_VAL};
    TRY(find_start(&m, video_path));
    output_file out;
    loris_status status = demux_open_video(&m.in, video_path);
    if (status == LORIS_OK)
        status = output_begin(&out, path);
    if (status == LORIS_OK) {
        status = mux(&m, a, out.temporary, metadata, metadata_count);
        if (status == LORIS_OK)
            status = output_commit(&out);
        else
            output_discard(&out);
    }
    close_muxer(&m);
    return status;
}
