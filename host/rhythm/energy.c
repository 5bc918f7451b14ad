#include "rhythm/energy.h"

#include <math.h>
#include <stdlib.h>

#include "rhythm/signal.h"

static const double SPACING = 0.5;      /* seconds */
static const float LOWEST_FULL = 2e-4f; /* lengths of the picture a second that count as 1 at least */

static float mean_speed(const motion_grid *g, double start, double end) {
    size_t first = (size_t)fmax(0.0, floor(start / g->step)), count = 0;
    double sum = 0.0;
    for (size_t k = first; k < g->cells && (double)k * g->step < end; k++, count++)
        sum += (double)g->speed[k];
    return count ? (float)(sum / (double)count) : 0.0f;
}

loris_status energy_find(rhythm *r, const motion_grid *g) {
    size_t count = (size_t)(r->duration / SPACING) + 1;
    float *speed = calloc(count, sizeof *speed);
    r->energy = malloc(count * sizeof *r->energy);
    if (!speed || !r->energy) {
        free(speed);
        return fail_memory("the energy");
    }
    for (size_t i = 0; i < count && g->cells; i++)
        speed[i] = mean_speed(g, ((double)i - 0.5) * SPACING, ((double)i + 0.5) * SPACING);
    float full;
    loris_status status = signal_percentile(speed, count, 0.95, &full);
    r->movement = round((double)full * 1e6) / 1e6;
    full = fmaxf(full, LOWEST_FULL);
    for (size_t i = 0; i < count; i++)
        r->energy[i] = (rhythm_energy){(double)i * SPACING, fminf(speed[i] / full, 1.0f)};
    r->energy_count = count;
    free(speed);
    return status;
}
