/* Phase-gradient heap integration (Prusa, Balazs, Sondergaard, "A Noniterative Method for Reconstruction of Phase from
 * STFT Magnitude", IEEE/ACM TASLP 2017): internal to host/media. */
#ifndef LORIS_MEDIA_PGHI_H
#define LORIS_MEDIA_PGHI_H

#include "media/stft.h"

typedef struct pghi pghi;

/* For blocks of up to `max_frames` frames. `floor` (> 0) is the magnitude below which detail is noise. */
loris_status pghi_new(pghi **out, const stft *s, float floor, int max_frames);
void pghi_free(pghi *p);

/* Magnitudes [frames][bins] -> phases [frames][bins], radians, not wrapped. The phases of the first `known` frames are
 * given and kept; the others continue them. Bins of practically no magnitude get phase 0. */
void pghi_run(pghi *p, const float *magnitude, int frames, int known, float *phase);

#endif
