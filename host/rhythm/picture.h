/* A rhythm as a picture: one SVG file with everything in it, readable in light and dark and without a mouse. */
#ifndef LORIS_RHYTHM_PICTURE_H
#define LORIS_RHYTHM_PICTURE_H

#include "core/text.h"
#include "media/thumbnail.h"
#include "rhythm/events.h"
#include "rhythm/rhythm.h"

enum { PICTURE_THUMBNAIL = 224 }; /* longer side in pixels of what picture_svg() shows at half that size */

/* Times of the strongest events whose thumbnails find room beside each other, ascending; *times is the caller's to
 * free. `aspect`: width of the video's frames over their height. */
loris_status picture_moments(double **times, size_t *count, const rhythm *r, double aspect);

/* Time runs from left to right, in equal rows of at most 20 s. A row shows from top to bottom: thumbnails; flux up with
 * the onsets above an axis, flux down with the impacts below it; beats and numbered bars; energy; seconds. Cuts cross
 * all of it. `curves` may be NULL or of another rhythm's grid; every event is one element of class "event". */
loris_status picture_svg(text *out, const rhythm *r, const flux *curves, const char *title, const thumbnail *thumbnails,
                         size_t count);

#endif
