/* The rhythm of a person's movements, from poses in place of flow. */
#ifndef LORIS_RHYTHM_DANCE_H
#define LORIS_RHYTHM_DANCE_H

#include "eyes/poses.h"
#include "rhythm/events.h"
#include "rhythm/rhythm.h"

/* Each joint's way from frame to frame counts in its direction, as if it were that of a part of the body's area: a
 * directogram of the person alone, from which events, energy and tempo follow as from flow (watch.h). How much a joint
 * counts follows from its score, over a second: one that is never sure does not move. `curves` receives what the events
 * were picked from, unless NULL. Without a person the rhythm is empty but for duration and cuts. */
loris_status dance_rhythm(rhythm *out, const poses *p, flux *curves);

#endif
