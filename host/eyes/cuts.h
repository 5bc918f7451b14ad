/* Where a new shot begins, seen from small grey copies of the frames alone. */
#ifndef LORIS_EYES_CUTS_H
#define LORIS_EYES_CUTS_H

#include <stdbool.h>
#include <stdint.h>

enum { CUTS_SIDE = 24 }; /* of the copies, in pixels */

typedef struct cut_finder {
    bool started;
    float last[CUTS_SIDE * CUTS_SIDE];
} cut_finder; /* zero to begin with */

/* Does a new shot begin with this frame of RGB bytes? Two frames belong together when their copies correlate: movements
 * and changes of light keep most of a picture in its place. False for the first frame. */
bool cuts_next(cut_finder *f, const uint8_t *frame, int width, int height);

#endif
