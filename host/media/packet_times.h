/* Presentation times of packets in files that give none: AVI knows decoding times alone, elementary streams nothing. */
#ifndef LORIS_MEDIA_PACKET_TIMES_H
#define LORIS_MEDIA_PACKET_TIMES_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct packet_times {
    int64_t *pts, *dts; /* of each video packet in the order of the file, in ticks of its stream; dts <= pts */
    size_t count;
} packet_times;

/* Decodes the whole video once to see in which order its packets are shown. */
loris_status packet_times_find(packet_times *t, const char *path);
void packet_times_free(packet_times *t);

#endif
