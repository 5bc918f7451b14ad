/* What music goes by where little moves: a static shot, a talking head, a slideshow. */
#ifndef LORIS_RHYTHM_FALLBACK_H
#define LORIS_RHYTHM_FALLBACK_H

#include "rhythm/rhythm.h"

/* One line on what there is to compose to where that is not a pulse and movements; else "". */
void rhythm_note(const rhythm *r, char note[LORIS_NOTE_MAX]);

/* The rhythm that music is to follow; rhythm_free() it. Mostly a copy. Where hardly anything moves (lips, a hand)
 * events are left out, and cuts alone keep time; where little happens cuts become events as well, so that music falls
 * on them. */
loris_status rhythm_followed(rhythm *out, const rhythm *seen);

#endif
