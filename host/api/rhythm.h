/* A rhythm as the public functions know it. */
#ifndef LORIS_API_RHYTHM_H
#define LORIS_API_RHYTHM_H

#include "rhythm/events.h"
#include "rhythm/rhythm.h"

struct loris_rhythm {
    rhythm seen;
    flux curves;
    loris_event *events; /* seen.events as the public type */
    char *path;          /* of the video */
};

/* An empty one of the video at `path`; loris_rhythm_free(). */
loris_status rhythm_new(loris_rhythm **out, const char *path);

/* Makes `events` of what was seen. */
loris_status rhythm_publish(loris_rhythm *r);

#endif
