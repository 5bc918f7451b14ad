/* The band matrix: one band a bin up to 2 kHz, then centres in geometric progression up to the Nyquist frequency;
 * triangles between them. */
#include "media/bands.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static const double linear_hz = 2000.0; /* to here every bin has its own band */

static int linear_bands(const spectrum_format *f) {
    return (int)lround(linear_hz * f->window / f->rate);
}

loris_status spectrum_format_check(const spectrum_format *f) {
    if (f->rate < 1 || f->window < 8 || f->window > 8192 || f->window % 4 || f->hop < 1 || f->window % f->hop ||
        f->window / f->hop < 2 || f->window / f->hop > 16)
        return fail(LORIS_ERROR_INPUT, "the window is a multiple of 4 from 8 to 8192, the hop a 2nd to a 16th of it",
                    "spectrum: rate %d, window %d, hop %d", f->rate, f->window, f->hop);
    const int linear = linear_bands(f);
    if (linear < 1 || linear >= f->window / 2 || f->bands <= linear || f->bands > f->window / 2)
        return fail(LORIS_ERROR_INPUT, "one band a bin up to 2 kHz, more above it, at most one a bin in all",
                    "spectrum: %d bands do not suit %d bins at %d Hz", f->bands, f->window / 2 + 1, f->rate);
    if (!(f->floor > 0.0f && f->floor <= 1e6f))
        return fail(LORIS_ERROR_INPUT, NULL, "spectrum: floor %g is not a positive number", (double)f->floor);
    return LORIS_OK;
}

void band_map_free(band_map *map) {
    if (!map)
        return;
    free(map->lower);
    free(map->weight);
    free(map->row);
    free(map);
}

/* Centre of band j, in bins. */
static double band_centre(int j, int linear, int bands, int nyquist) {
    if (j < linear)
        return j + 1;
    if (j == bands - 1)
        return nyquist; /* exactly, whatever pow() rounds to */
    return linear * pow((double)nyquist / linear, (double)(j + 1 - linear) / (bands - linear));
}

loris_status band_map_new(band_map **out, const spectrum_format *f) {
    *out = NULL;
    TRY(spectrum_format_check(f));
    const int nyquist = f->window / 2, linear = linear_bands(f);
    band_map *map = calloc(1, sizeof *map);
    if (!map)
        return fail_memory("the band matrix");
    map->bins = nyquist + 1;
    map->bands = f->bands;
    map->floor = f->floor;
    map->lower = calloc((size_t)map->bins, sizeof *map->lower);
    map->weight = calloc((size_t)map->bins, sizeof *map->weight);
    map->row = calloc((size_t)map->bands, sizeof *map->row);
    if (!map->lower || !map->weight || !map->row) {
        band_map_free(map);
        return fail_memory("the band matrix");
    }
    int j = 0; /* the first centre at or above the bin */
    for (int k = 0; k < map->bins; k++) {
        while (band_centre(j, linear, f->bands, nyquist) < k)
            j++;
        if (j == 0)
            continue; /* bins 0 and 1 both belong to band 0 alone */
        const double below = band_centre(j - 1, linear, f->bands, nyquist);
        map->lower[k] = j - 1;
        map->weight[k] = (float)((k - below) / (band_centre(j, linear, f->bands, nyquist) - below));
    }
    *out = map;
    return LORIS_OK;
}

loris_status band_map_apply(const band_map *map, const float *bands, size_t frames, size_t first, float *magnitude) {
    for (size_t i = 0; i < frames; i++, bands += map->bands, magnitude += map->bins) {
        for (int j = 0; j < map->bands; j++) {
            if (!(bands[j] <= LOUDEST_BAND))
                return fail(LORIS_ERROR_INTERNAL,
                            "the network's output is not a spectrogram; try f32 precision or other settings",
                            "bands: %g in band %d of frame %zu", (double)bands[j], j, first + i);
            map->row[j] = fmaxf(expf(bands[j]) - map->floor, 0.0f);
        }
        for (int k = 0; k < map->bins; k++) {
            const int j = map->lower[k];
            const float w = map->weight[k];
            magnitude[k] = w > 0.0f ? (1.0f - w) * map->row[j] + w * map->row[j + 1] : map->row[j];
        }
    }
    return LORIS_OK;
}

loris_status band_matrix(const spectrum_format *f, float **out) {
    *out = NULL;
    band_map *map;
    TRY(band_map_new(&map, f));
    float *matrix = calloc((size_t)map->bands * (size_t)map->bins, sizeof *matrix);
    if (!matrix) {
        band_map_free(map);
        return fail_memory("the band matrix");
    }
    for (int k = 0; k < map->bins; k++) {
        float *column = matrix + (size_t)map->lower[k] * (size_t)map->bins + k;
        column[0] = 1.0f - map->weight[k];
        if (map->weight[k] > 0.0f)
            column[map->bins] = map->weight[k];
    }
    band_map_free(map);
    *out = matrix;
    return LORIS_OK;
}

loris_status bands_to_magnitude(const spectrum_format *f, const float *bands, size_t frames, float **out) {
    *out = NULL;
    band_map *map;
    TRY(band_map_new(&map, f));
    loris_status status = LORIS_OK;
    float *magnitude = NULL;
    if (frames > SIZE_MAX / sizeof *magnitude / (size_t)map->bins) {
        status = fail_memory("magnitudes");
        goto done;
    }
    magnitude = malloc((frames ? frames : 1) * (size_t)map->bins * sizeof *magnitude);
    if (!magnitude) {
        status = fail_memory("magnitudes");
        goto done;
    }
    TRY_GOTO(band_map_apply(map, bands, frames, 0, magnitude));
    *out = magnitude;
    magnitude = NULL;
done:
    free(magnitude);
    band_map_free(map);
    return status;
}
