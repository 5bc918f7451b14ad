/* Pictures as JPEG files in memory. */
#ifndef LORIS_MEDIA_JPEG_H
#define LORIS_MEDIA_JPEG_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* rgb [height][width][3] -> *jpeg, which is the caller's to free. The same picture gives the same bytes. */
loris_status jpeg_encode(uint8_t **jpeg, size_t *size, const uint8_t *rgb, int width, int height);

#endif
