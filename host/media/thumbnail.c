#include "media/thumbnail.h"

#include <stdlib.h>
#include <string.h>

#include "media/jpeg.h"
#include "media/video.h"

void thumbnails_free(thumbnail *list, size_t count) {
    for (size_t i = 0; list && i < count; i++) {
        free(list[i].jpeg);
        list[i] = (thumbnail){0};
    }
}

/* A frame is shown until the next one's time, so it is kept until that is known. */
typedef struct shown {
    uint8_t *pixels;
    int width, height;
} shown;

static loris_status take(thumbnail *out, double time, const shown *s) {
    out->time = time;
    out->width = s->width;
    out->height = s->height;
    return jpeg_encode(&out->jpeg, &out->size, s->pixels, s->width, s->height);
}

static loris_status take_all(thumbnail *out, const double *times, size_t count, video *source, shown *s) {
    size_t next = 0;
    for (bool end = false; next < count && !end;) {
        video_frame frame;
        TRY(video_next(source, &frame, &end));
        for (; next < count && (end || times[next] < frame.time); next++)
            TRY(take(&out[next], times[next], s));
        if (!end)
            memcpy(s->pixels, frame.pixels, 3 * (size_t)s->width * (size_t)s->height);
    }
    return LORIS_OK;
}

loris_status thumbnails_take(thumbnail *out, const double *times, size_t count, const char *path, int longest) {
    video *source;
    shown s = {0};
    TRY(video_open(&source, path, longest, VIDEO_RGB));
    video_frame_size(source, &s.width, &s.height);
    s.pixels = calloc((size_t)s.width * (size_t)s.height, 3);
    loris_status status = s.pixels ? take_all(out, times, count, source, &s) : fail_memory("a picture");
    if (status != LORIS_OK)
        thumbnails_free(out, count);
    free(s.pixels);
    video_close(source);
    return status;
}
