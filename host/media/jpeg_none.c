/* Built without FFmpeg: no picture can be encoded. */
#include "media/jpeg.h"

loris_status jpeg_encode(uint8_t **jpeg, size_t *size, const uint8_t *rgb, int width, int height) {
    (void)rgb;
    *jpeg = NULL;
    *size = 0;
    return fail(LORIS_ERROR_OUTPUT, "configure with -DLORIS_WITH_FFMPEG=ON",
                "a picture of %dx%d cannot be encoded: built without FFmpeg", width, height);
}
