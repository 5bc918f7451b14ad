/* Built without FFmpeg: no video can be opened. */
#include "media/video.h"

loris_status video_open(video **out, const char *path, int longest, video_pixels pixels) {
    (void)longest;
    (void)pixels;
    *out = NULL;
    return fail(LORIS_ERROR_INPUT, "configure with -DLORIS_WITH_FFMPEG=ON",
                "%s: videos cannot be read: built without FFmpeg", path);
}

loris_status video_open_covering(video **out, const char *path, int side, video_pixels pixels) {
    return video_open(out, path, side, pixels);
}

/* Nothing was opened, so the rest is never reached with a video. */
void video_close(video *v) {
    (void)v;
}

const video_info *video_get_info(const video *v) {
    (void)v;
    return NULL;
}

void video_frame_size(const video *v, int *width, int *height) {
    (void)v;
    *width = *height = 0;
}

loris_status video_next(video *v, video_frame *out, bool *end) {
    (void)v;
    (void)out;
    *end = true;
    return fail(LORIS_ERROR_INPUT, "configure with -DLORIS_WITH_FFMPEG=ON",
                "videos cannot be read: built without FFmpeg");
}
