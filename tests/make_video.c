#ifdef LORIS_WITH_FFMPEG

#include "make_video.h"

#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

#include "compare.h"

typedef struct maker {
    const made_video *spec;
    AVFormatContext *format;
    AVCodecContext *video, *sound;
    AVStream *video_stream, *sound_stream, *text_stream;
    AVFrame *picture;
    int frames;
} maker;

enum { SOUND_RATE = 48000 };

static uint8_t moving_gradient(int x, int y, int frame) {
    return (uint8_t)(32 + (3 * x + 2 * y + 5 * frame) % 192);
}

static AVCodecContext *new_encoder(const AVCodec *codec, const AVFormatContext *format) {
    AVCodecContext *c = avcodec_alloc_context3(codec);
    assert_non_null(c);
    if (format->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    c->flags |= AV_CODEC_FLAG_BITEXACT;
    return c;
}

static AVStream *new_stream(AVFormatContext *format, AVCodecContext *encoder, const AVCodec *codec) {
    AVStream *s = avformat_new_stream(format, NULL);
    assert_non_null(s);
    assert_int_equal(avcodec_open2(encoder, codec, NULL), 0);
    assert_true(avcodec_parameters_from_context(s->codecpar, encoder) >= 0);
    s->time_base = encoder->time_base;
    return s;
}

static void add_display_matrix(AVStream *s, int rotation, bool mirror) {
    int32_t matrix[9];
    av_display_rotation_set(matrix, rotation); /* clockwise */
    if (mirror)
        av_display_matrix_flip(matrix, 1, 0);
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 30, 101)
    AVPacketSideData *side = av_packet_side_data_new(&s->codecpar->coded_side_data, &s->codecpar->nb_coded_side_data,
                                                     AV_PKT_DATA_DISPLAYMATRIX, sizeof matrix, 0);
    assert_non_null(side);
    memcpy(side->data, matrix, sizeof matrix);
#else
    uint8_t *side = av_stream_new_side_data(s, AV_PKT_DATA_DISPLAYMATRIX, sizeof matrix);
    assert_non_null(side);
    memcpy(side, matrix, sizeof matrix);
#endif
}

static void add_video(maker *m) {
    const made_video *spec = m->spec;
    const AVCodec *codec = avcodec_find_encoder_by_name(spec->codec ? spec->codec : "mpeg4");
    assert_non_null(codec);
    m->video = new_encoder(codec, m->format);
    m->video->width = spec->width ? spec->width : 64;
    m->video->height = spec->height ? spec->height : 48;
    m->video->pix_fmt = av_get_pix_fmt(spec->pixel_format ? spec->pixel_format : "yuv420p");
    m->video->time_base = (AVRational){1, 1000};
    m->video->framerate = (AVRational){25, 1};
    m->video->gop_size = 12;
    m->video->max_b_frames = spec->b_frames;
    m->video->color_range = spec->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    m->video->global_quality = 2 * FF_QP2LAMBDA;
    m->video->flags |= AV_CODEC_FLAG_QSCALE;
    if (spec->aspect_num)
        m->video->sample_aspect_ratio = (AVRational){spec->aspect_num, spec->aspect_den};
    m->video_stream = new_stream(m->format, m->video, codec);
    if (!spec->ticks)
        m->video_stream->avg_frame_rate = m->video->framerate;
    m->video_stream->sample_aspect_ratio = m->video->sample_aspect_ratio;
    if (spec->cover_picture_only)
        m->video_stream->disposition = AV_DISPOSITION_ATTACHED_PIC;
    if (spec->rotation || spec->mirror)
        add_display_matrix(m->video_stream, spec->rotation, spec->mirror);
    m->picture = av_frame_alloc();
    assert_non_null(m->picture);
    m->picture->width = m->video->width;
    m->picture->height = m->video->height;
    m->picture->format = m->video->pix_fmt;
    assert_int_equal(av_frame_get_buffer(m->picture, 0), 0);
}

static void add_sound(maker *m) {
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PCM_S16LE);
    assert_non_null(codec);
    m->sound = new_encoder(codec, m->format);
    m->sound->sample_rate = SOUND_RATE;
    m->sound->sample_fmt = AV_SAMPLE_FMT_S16;
    m->sound->time_base = (AVRational){1, SOUND_RATE};
    av_channel_layout_default(&m->sound->ch_layout, 1);
    m->sound_stream = new_stream(m->format, m->sound, codec);
}

static void add_text(maker *m) {
    AVStream *s = m->text_stream = avformat_new_stream(m->format, NULL);
    assert_non_null(s);
    s->codecpar->codec_type = AVMEDIA_TYPE_SUBTITLE;
    s->codecpar->codec_id =
        strcmp(m->format->oformat->name, "matroska") == 0 ? AV_CODEC_ID_SUBRIP : AV_CODEC_ID_MOV_TEXT;
    s->time_base = (AVRational){1, 1000};
    av_dict_set(&s->metadata, "language", "eng", 0);
}

static void add_chapter(maker *m) {
    AVChapter **chapters = av_mallocz(sizeof *chapters);
    AVChapter *c = av_mallocz(sizeof *c);
    assert_non_null(chapters);
    assert_non_null(c);
    c->id = 1;
    c->time_base = (AVRational){1, 1000};
    c->start = m->spec->first_ms;
    c->end = m->spec->first_ms + 500;
    av_dict_set(&c->metadata, "title", "first chapter", 0);
    chapters[0] = c;
    m->format->chapters = chapters;
    m->format->nb_chapters = 1;
}

/* ms that the picture of time `ms` is shown; 40 for the last. */
static int shown_for(const maker *m, int64_t ms) {
    for (int i = 0; m->spec->ticks && i + 1 < m->frames; i++)
        if (m->spec->ticks[i] == ms)
            return m->spec->ticks[i + 1] - m->spec->ticks[i];
    return 40;
}

static void write_encoded(maker *m, AVCodecContext *encoder, AVStream *stream, const AVFrame *frame) {
    AVPacket *packet = av_packet_alloc();
    assert_non_null(packet);
    assert_true(avcodec_send_frame(encoder, frame) >= 0);
    while (avcodec_receive_packet(encoder, packet) >= 0) {
        if (stream == m->video_stream)
            packet->duration = shown_for(m, packet->pts - m->spec->first_ms);
        av_packet_rescale_ts(packet, encoder->time_base, stream->time_base);
        packet->stream_index = stream->index;
        assert_int_equal(av_interleaved_write_frame(m->format, packet), 0);
    }
    av_packet_free(&packet);
}

static void write_picture(maker *m, int index) {
    picture_function *luma = m->spec->luma ? m->spec->luma : moving_gradient;
    AVFrame *f = m->picture;
    assert_true(av_frame_make_writable(f) >= 0);
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(f->format);
    bool packed = format->flags & AV_PIX_FMT_FLAG_RGB; /* "bgr0", "rgb24": grey in all of its bytes */
    int bytes = packed ? format->comp[0].step : 1;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width * bytes; x++)
            f->data[0][y * f->linesize[0] + x] = luma(x / bytes, y, index);
    for (int plane = 1; plane < 3 && f->data[plane]; plane++)
        memset(f->data[plane], 128, (size_t)(f->linesize[plane] * AV_CEIL_RSHIFT(f->height, format->log2_chroma_h)));
    f->pts = m->spec->first_ms + (m->spec->ticks ? m->spec->ticks[index] : 40 * index);
    f->quality = m->video->global_quality;
    write_encoded(m, m->video, m->video_stream, f);
}

static void write_sound(maker *m) {
    int64_t total = (int64_t)(m->spec->sound_seconds * SOUND_RATE),
            click = (int64_t)(m->spec->click * SOUND_RATE + 0.5);
    int64_t first = (int64_t)(m->spec->first_ms + m->spec->sound_offset_ms) * SOUND_RATE / 1000;
    for (int64_t at = 0; at < total; at += 1000) {
        AVFrame *f = av_frame_alloc();
        assert_non_null(f);
        f->nb_samples = (int)(total - at < 1000 ? total - at : 1000);
        f->format = AV_SAMPLE_FMT_S16;
        f->sample_rate = SOUND_RATE;
        assert_int_equal(av_channel_layout_copy(&f->ch_layout, &m->sound->ch_layout), 0);
        assert_int_equal(av_frame_get_buffer(f, 0), 0);
        int16_t *samples = (int16_t *)(void *)f->data[0];
        for (int i = 0; i < f->nb_samples; i++)
            samples[i] = m->spec->sound ? (int16_t)(32767 * m->spec->sound((double)(at + i) / SOUND_RATE)) : 0;
        if (click >= at && click < at + f->nb_samples)
            samples[click - at] = 29490;
        f->pts = first + at;
        write_encoded(m, m->sound, m->sound_stream, f);
        av_frame_free(&f);
    }
    write_encoded(m, m->sound, m->sound_stream, NULL);
}

static void write_text(maker *m) {
    static const char line[] = "\0\5hello"; /* mov_text: 16-bit length first; SubRip: the text alone */
    size_t skip = m->text_stream->codecpar->codec_id == AV_CODEC_ID_MOV_TEXT ? 0 : 2;
    AVPacket *packet = av_packet_alloc();
    assert_non_null(packet);
    assert_int_equal(av_new_packet(packet, (int)(sizeof line - 1 - skip)), 0);
    memcpy(packet->data, line + skip, sizeof line - 1 - skip);
    packet->pts = packet->dts = m->spec->first_ms + 100;
    packet->duration = 400;
    av_packet_rescale_ts(packet, (AVRational){1, 1000}, m->text_stream->time_base);
    packet->stream_index = m->text_stream->index;
    assert_int_equal(av_interleaved_write_frame(m->format, packet), 0);
    av_packet_free(&packet);
}

void make_video(const char *path, const made_video *spec) {
    maker m = {.spec = spec, .frames = spec->frames ? spec->frames : 25};
    assert_true(avformat_alloc_output_context2(&m.format, NULL, NULL, path) >= 0);
    m.format->flags |= AVFMT_FLAG_BITEXACT;
    add_video(&m);
    if (spec->sound_seconds > 0)
        add_sound(&m);
    if (spec->subtitle)
        add_text(&m);
    if (spec->chapter)
        add_chapter(&m);
    assert_true(avio_open(&m.format->pb, path, AVIO_FLAG_WRITE) >= 0);
    assert_true(avformat_write_header(m.format, NULL) >= 0);
    for (int i = 0; i < m.frames; i++)
        write_picture(&m, i);
    write_encoded(&m, m.video, m.video_stream, NULL);
    if (m.sound)
        write_sound(&m);
    if (m.text_stream)
        write_text(&m);
    assert_int_equal(av_write_trailer(m.format), 0);
    avio_closep(&m.format->pb);
    av_frame_free(&m.picture);
    avcodec_free_context(&m.video);
    avcodec_free_context(&m.sound);
    avformat_free_context(m.format);
}

#else
typedef int make_video_needs_ffmpeg; /* a translation unit may not be empty */
#endif
