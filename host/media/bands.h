/* Triangular bands and back: internal to host/media. */
#ifndef LORIS_MEDIA_BANDS_H
#define LORIS_MEDIA_BANDS_H

#include "media/phase.h"

/* Each bin lies between two band centres (or on one), so a column of the band matrix has at most two entries. */
typedef struct band_map {
    int bins, bands;
    float floor;
    int *lower;    /* [bins]: the band at or below the bin */
    float *weight; /* [bins]: share of band lower + 1, 0..1; of band lower it is the rest */
    float *row;    /* [bands], scratch */
} band_map;

loris_status band_map_new(band_map **out, const spectrum_format *f);
void band_map_free(band_map *map);

/* Log bands [frames][bands] -> magnitudes [frames][bins]. `first` is the number of the first frame, for messages. */
loris_status band_map_apply(const band_map *map, const float *bands, size_t frames, size_t first, float *magnitude);

#endif
