/* Decoded frames to upright, square-pixelled luma or RGB of one fixed size; for the files of this folder that need
 * FFmpeg. */
#ifndef LORIS_MEDIA_PICTURE_H
#define LORIS_MEDIA_PICTURE_H

#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>

#include "media/video.h"

/* One of the eight ways a picture can lie. Applied in this order: transpose, then mirror. */
typedef struct orientation {
    bool transpose, flip_x, flip_y;
} orientation;

/* From the 3x3 display matrix in 16.16 fixed point (ISO 14496-12, 6.2.2), NULL for upright; other angles go to the
 * nearest right one. */
orientation orientation_of(const int32_t *matrix);
int orientation_degrees(orientation o); /* clockwise rotation, 0 .. 270, a mirror image left aside */

typedef struct picture_scaler {
    struct SwsContext *context;
    int from_width, from_height, from_range; /* what `context` was made for */
    enum AVPixelFormat from_format;
    enum AVColorSpace from_space;

    video_pixels pixels;
    orientation turn;
    int width, height; /* delivered */
    uint8_t *plane[4]; /* scaled, not yet turned */
    int stride[4];
} picture_scaler;

/* Zero or initialised: picture_scaler_free() is always allowed. */
loris_status picture_scaler_init(picture_scaler *s, orientation turn, int width, int height, video_pixels pixels);
void picture_scaler_free(picture_scaler *s);

/* Writes width * height * (1 or 3) bytes. The size, format and colours of `frame` may change from one call to the
 * next. */
loris_status picture_scale(picture_scaler *s, const AVFrame *frame, uint8_t *out);

#endif
