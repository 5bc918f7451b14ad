/* Small pictures of a video's frames, as JPEG files in memory. */
#ifndef LORIS_MEDIA_THUMBNAIL_H
#define LORIS_MEDIA_THUMBNAIL_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct thumbnail {
    double time; /* asked for, seconds from the first frame */
    int width, height;
    uint8_t *jpeg;
    size_t size; /* bytes */
} thumbnail;

/* For each of `count` times, ascending, the frame that is shown then (after the video's end: its last), scaled so that
 * its longer side is `longest` pixels at most. Reads the video up to the last of them. Zero-initialised entries of
 * `out` are filled in order; on failure none is left. */
loris_status thumbnails_take(thumbnail *out, const double *times, size_t count, const char *path, int longest);
void thumbnails_free(thumbnail *list, size_t count); /* the pictures, not the list */

#endif
