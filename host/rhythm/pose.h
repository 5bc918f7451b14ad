/* The rhythm encoder of LORIS: 2-D poses become peaks, where a movement sets in (the visual beats of Davis and
 * Agrawala, 2018, as simplified by Yu et al., 2023). */
#ifndef LORIS_RHYTHM_POSE_H
#define LORIS_RHYTHM_POSE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum { POSE_CHANNELS = 3 }; /* of a joint: x, y, confidence */

typedef struct pose_rhythm {
    size_t count;    /* poses - 2 */
    int32_t *peaks;  /* [count] 0 or 1 */
    float *envelope; /* [count] 0..1, all 0 where nothing moves */
} pose_rhythm;

/* pose [poses][joints][POSE_CHANNELS]. The same floats, and so the same peaks, as the published encoder, oddities
 * included:
 *   - the direction of a joint's displacement is floor(angle in degrees mod 180) mod 10: degrees modulo ten, not tenths
 * of a half turn;
 *   - means and maxima are over the 4 and 6 frames that start at a frame, and 0 where those pass the clip's end;
 *   - of successive flags a frame stays only if the next frame's differs.
 * LORIS_ERROR_INPUT: fewer than 8 poses, or a number that is not finite. `where` is named in errors. */
loris_status pose_rhythm_new(pose_rhythm *out, const float *pose, size_t poses, size_t joints, const char *where);
void pose_rhythm_free(pose_rhythm *r);

/* Brings a clip of more than `limit` poses to that many as published: every k-th pose is left out, the first one
 * included, with k = ceil(poses / (poses - limit)), and what is then too many cut from the end. Moves the poses within
 * `pose`; returns how many of the clip's poses the remaining ones span, which may be far fewer than all. */
size_t pose_thin(float *pose, size_t poses, size_t joints, size_t limit);

#endif
