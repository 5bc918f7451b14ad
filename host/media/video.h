/* Videos in: decoded frames with their time stamps. Any container and codec FFmpeg knows. */
#ifndef LORIS_MEDIA_VIDEO_H
#define LORIS_MEDIA_VIDEO_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

typedef struct video_info {
    double duration;       /* seconds, > 0; the container's word until all frames are read, then the frames' own */
    int width, height;     /* as displayed: after rotation and with square pixels */
    double frame_rate;     /* average; 0 when unknown */
    bool has_audio;
    int rotation;          /* degrees clockwise applied to frames: 0, 90, 180, 270 */
    char codec[32];
} video_info;

typedef enum video_pixels { VIDEO_LUMA, VIDEO_RGB } video_pixels; /* 1 or 3 bytes a pixel, full range 0..255 */

typedef struct video_frame {
    double time;           /* presentation time, seconds from the first frame */
    const uint8_t *pixels; /* rows of width * (1 or 3) bytes, no padding; valid until the next call */
    int width, height;
} video_frame;

typedef struct video video;

/* Opens the best video stream. Frames are rotated upright (mirror images turned back) and scaled so that their
 * longer side is at most `longest` pixels (0 = as they are), averaging areas. The file alone is read: no address, no
 * playlist, nothing that its contents name. LORIS_ERROR_INPUT: missing, empty, not a video, no video stream, absurd
 * size (a side over 16384). */
loris_status video_open(video **out, const char *path, int longest, video_pixels pixels);

/* The same, scaled up or down so that the shorter side is `side` pixels (and the longer one at most 16384). */
loris_status video_open_covering(video **out, const char *path, int side, video_pixels pixels);
void video_close(video *v);
const video_info *video_get_info(const video *v);
void video_frame_size(const video *v, int *width, int *height); /* of the delivered frames */

/* Next frame in presentation order, the first at time 0, times strictly increasing; *end = true after the last. A
 * damaged part inside the file is skipped with a warning; no frame at all is LORIS_ERROR_INPUT. Decoding runs ahead
 * on a thread of its own. */
loris_status video_next(video *v, video_frame *out, bool *end);

#endif
