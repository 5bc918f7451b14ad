/* Scaling by area (libswscale), full range, then turning upright. */
#include "media/picture.h"

#include <stdlib.h>
#include <string.h>

#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

/* ---- orientation ------------------------------------------------------------------------------------------------- */

/* A decoded point (p, q) is shown at (a p + c q, b p + d q), with y pointing down. */
orientation orientation_of(const int32_t *matrix) {
    if (!matrix)
        return (orientation){0};
    int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
    if (llabs(a) + llabs(d) >= llabs(b) + llabs(c))
        return (orientation){.flip_x = a < 0, .flip_y = d < 0};
    return (orientation){.transpose = true, .flip_x = c < 0, .flip_y = b < 0};
}

int orientation_degrees(orientation o) {
    if (o.transpose)
        return o.flip_y ? 270 : 90;
    return o.flip_x && o.flip_y ? 180 : 0;
}

static void turn_picture(const picture_scaler *s, uint8_t *out) {
    int width = s->width, height = s->height, bytes = s->pixels == VIDEO_RGB ? 3 : 1;
    /* Reading position of out(x, y) is origin + x * step_x + y * step_y. */
    ptrdiff_t along = bytes, down = s->stride[0];
    ptrdiff_t step_x = s->turn.transpose ? down : along, step_y = s->turn.transpose ? along : down;
    const uint8_t *origin = s->plane[0];
    if (s->turn.flip_x) {
        origin += (width - 1) * step_x;
        step_x = -step_x;
    }
    if (s->turn.flip_y) {
        origin += (height - 1) * step_y;
        step_y = -step_y;
    }
    for (int y = 0; y < height; y++, out += (size_t)width * bytes) {
        const uint8_t *in = origin + y * step_y;
        if (step_x == along)
            memcpy(out, in, (size_t)width * bytes);
        else
            for (int x = 0; x < width; x++)
                for (int k = 0; k < bytes; k++)
                    out[x * bytes + k] = in[x * step_x + k];
    }
}

/* ---- scaling ----------------------------------------------------------------------------------------------------- */

static enum AVPixelFormat delivered_format(const picture_scaler *s) {
    return s->pixels == VIDEO_RGB ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_GRAY8;
}

static int scaled_width(const picture_scaler *s) {
    return s->turn.transpose ? s->height : s->width;
}

static int scaled_height(const picture_scaler *s) {
    return s->turn.transpose ? s->width : s->height;
}

loris_status picture_scaler_init(picture_scaler *s, orientation turn, int width, int height, video_pixels pixels) {
    *s = (picture_scaler){.pixels = pixels, .turn = turn, .width = width, .height = height};
    /* Aligned and padded: libswscale writes whole vectors. */
    if (av_image_alloc(s->plane, s->stride, scaled_width(s), scaled_height(s), delivered_format(s), 64) < 0)
        return fail_memory("a picture");
    return LORIS_OK;
}

void picture_scaler_free(picture_scaler *s) {
    sws_freeContext(s->context);
    s->context = NULL;
    av_freep(&s->plane[0]);
}

/* 1 for full range: said by the stream, or by a pixel format of the old "J" kind; grey and RGB are full unless said
 * otherwise. */
static int full_range(const AVFrame *frame) {
    if (frame->color_range != AVCOL_RANGE_UNSPECIFIED)
        return frame->color_range == AVCOL_RANGE_JPEG;
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    return strncmp(format->name, "yuvj", 4) == 0 || format->nb_components < 3 || (format->flags & AV_PIX_FMT_FLAG_RGB);
}

/* Streams that do not say are taken as players take them: BT.709 for high definition, BT.601 below. */
static enum AVColorSpace colour_space(const AVFrame *frame) {
    if (frame->colorspace != AVCOL_SPC_UNSPECIFIED)
        return frame->colorspace;
    return frame->height >= 720 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
}

static bool made_for(const picture_scaler *s, const AVFrame *frame) {
    return s->context && s->from_width == frame->width && s->from_height == frame->height &&
           s->from_format == (enum AVPixelFormat)frame->format && s->from_range == full_range(frame) &&
           s->from_space == colour_space(frame);
}

static loris_status make_context(picture_scaler *s, const AVFrame *frame) {
    if (!sws_isSupportedInput(frame->format))
        return fail(LORIS_ERROR_INPUT, "convert the video first", "frames of pixel format %s cannot be scaled",
                    av_get_pix_fmt_name(frame->format));
    sws_freeContext(s->context);
    s->context = sws_alloc_context();
    if (!s->context)
        return fail_memory("a picture scaler");
    s->from_width = frame->width;
    s->from_height = frame->height;
    s->from_format = frame->format;
    s->from_range = full_range(frame);
    s->from_space = colour_space(frame);
    struct SwsContext *c = s->context;
    av_opt_set_int(c, "srcw", frame->width, 0);
    av_opt_set_int(c, "srch", frame->height, 0);
    av_opt_set_int(c, "src_format", frame->format, 0);
    av_opt_set_int(c, "src_range", s->from_range, 0);
    av_opt_set_int(c, "dstw", scaled_width(s), 0);
    av_opt_set_int(c, "dsth", scaled_height(s), 0);
    av_opt_set_int(c, "dst_format", delivered_format(s), 0);
    av_opt_set_int(c, "dst_range", 1, 0);
    av_opt_set_int(c, "sws_flags", SWS_AREA | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, 0);
    if (sws_init_context(c, NULL, NULL) < 0) {
        sws_freeContext(s->context);
        s->context = NULL;
        return fail(LORIS_ERROR_INPUT, "convert the video first", "frames of %dx%d (%s) cannot be scaled to %dx%d",
                    frame->width, frame->height, av_get_pix_fmt_name(frame->format), s->width, s->height);
    }
    /* Refused where neither side is YUV: there is nothing to convert then. */
    (void)sws_setColorspaceDetails(c, sws_getCoefficients(s->from_space), s->from_range,
                                   sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
    return LORIS_OK;
}

loris_status picture_scale(picture_scaler *s, const AVFrame *frame, uint8_t *out) {
    if (!made_for(s, frame))
        TRY(make_context(s, frame));
    int rows = sws_scale(s->context, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height, s->plane,
                         s->stride);
    if (rows != scaled_height(s))
        return fail(LORIS_ERROR_INTERNAL, NULL, "scaling a frame gave %d rows of %d", rows, scaled_height(s));
    turn_picture(s, out);
    return LORIS_OK;
}
