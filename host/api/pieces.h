/* A long sound from clips of one length: where they begin, and how they are joined. */
#ifndef LORIS_API_PIECES_H
#define LORIS_API_PIECES_H

#include <stddef.h>

/* In rows of I3D's features (half seconds). */
typedef struct pieces {
    size_t rows, clip, count; /* of the whole, of a clip; clips */
} pieces;

/* As few clips as overlap by `overlap` rows (less than a clip) at least, evenly spread, the last one ending with the
 * whole; a whole that is shorter than a clip becomes as long as one. */
pieces pieces_lay_out(size_t rows, size_t clip, size_t overlap);
size_t pieces_start(const pieces *p, size_t i);

/* made [count][clip * row][channels] -> out [frames][channels], `row` frames a row. Clips are different music: one
 * fades into the next with equal power over `fade` frames (or all of the overlap where that is shorter) in the middle
 * of where they overlap. */
void pieces_join(float *out, size_t frames, const float *made, size_t channels, const pieces *p, size_t row,
                 size_t fade);

#endif
