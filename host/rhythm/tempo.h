/* Tempo, beats and downbeats of a clip's events. */
#ifndef LORIS_RHYTHM_TEMPO_H
#define LORIS_RHYTHM_TEMPO_H

#include "rhythm/rhythm.h"

/* Below this confidence the rhythm is free: what the composer uses then has no pulse. */
#define TEMPO_FREE 0.35

/* Fills r->bpm, tempo_confidence, beats and downbeats from r->events, cuts and duration. Impacts, onsets and cuts (a
 * montage of talking heads or slides) are tried apart, and the one that keeps time best decides. A clip in which none
 * keeps a pulse gets bpm 0 and no beats, with the confidence that was too low.
 *
 * The period is the best of a comb over the events' autocorrelation, weighted by a log-normal prior around 110 beats a
 * minute; slower pulses become the downbeats of a faster grid. Beats follow by dynamic programming (Ellis, "Beat
 * Tracking by Dynamic Programming", 2007) with steps within 4 % of the period; downbeats are the quarter of the beats
 * that collects the strongest hits and the cuts. Confidence says how much more of the events' strength lies on the grid
 * than chance would put there. */
loris_status tempo_find(rhythm *r);

#endif
