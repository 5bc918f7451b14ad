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
