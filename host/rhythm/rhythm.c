#include "rhythm/rhythm.h"

#include <stdlib.h>

void rhythm_free(rhythm *r) {
    if (!r)
        return;
    free(r->beats);
    free(r->downbeats);
    free(r->cuts);
    free(r->energy);
    free(r->events);
    *r = (rhythm){0};
}

static size_t before(const double *times, size_t count, double end) {
    while (count && !(times[count - 1] < end))
        count--;
    return count;
}

void rhythm_cut(rhythm *r, double seconds) {
    if (!(r->duration > seconds))
        return;
    r->duration = seconds;
    r->beat_count = before(r->beats, r->beat_count, seconds);
    r->downbeat_count = before(r->downbeats, r->downbeat_count, seconds);
    r->cut_count = before(r->cuts, r->cut_count, seconds);
    while (r->energy_count && !(r->energy[r->energy_count - 1].time < seconds))
        r->energy_count--;
    while (r->event_count && !(r->events[r->event_count - 1].time < seconds))
        r->event_count--;
}
