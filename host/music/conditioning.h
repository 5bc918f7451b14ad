/* A score as the network of the default model sees it (model card: models/base): conditioning channels on four levels
 * of the U-Net and a vector of global features, over a whole clip.
 *
 * Level 0, [frames][120], frame i covering 12 ms from 12 i ms:
 *   0        accent strength at the frame that holds it
 *   1..3     decaying after an accent over 50, 200, 600 ms
 *   4        rising before an accent over 100 ms
 *   5..9     cos, sin of the beat's phase; cos, sin of the bar's; position in four bars, 0..1 (0 without a pulse)
 *   10, 11   section energy; one
 *   12..21   drum lanes: velocity / 127 decaying over 40 ms
 *   22..45   bass, pitches 28..51     46..82  harmony, 45..81     83..119  lead, 55..91
 *            (notes outside move by octaves; half the velocity while held, all of it in the first two frames)
 * Levels 1..3, [frames / 2^k][16]: the first 12 of level 0, kick, snare or clap, bass on, harmony on; pairs of frames
 * averaged, except that 0, 12 and 13 keep the larger. */
#ifndef LORIS_MUSIC_CONDITIONING_H
#define LORIS_MUSIC_CONDITIONING_H

#include "music/score.h"

enum {
    CONDITIONING_LEVELS = 4,
    CONDITIONING_CHANNELS = 120,
    CONDITIONING_DEEP_CHANNELS = 16,
    CONDITIONING_FEATURES = 52,
    CONDITIONING_MULTIPLE = 8,    /* frames come in multiples of 2^(levels - 1) */
    CONDITIONING_SCORE_FIRST = 12 /* channels from here are 0 when the score is withheld */
};

typedef struct conditioning {
    size_t frames;
    float *level[CONDITIONING_LEVELS];     /* channels last; one block, level[0] owns it */
    float features[CONDITIONING_FEATURES]; /* style (10), programs (39), bpm / 120, accents a second / 4, one */
} conditioning;

/* frames: a positive multiple of CONDITIONING_MULTIPLE. given_score false: the network follows rhythm alone (channels
 * 12..119 are 0). LORIS_ERROR_INPUT when the score asks for a program that the model does not know. */
loris_status conditioning_make(conditioning *out, const score *s, size_t frames, bool given_score);
void conditioning_free(conditioning *c);

#endif
