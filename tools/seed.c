/* A seed for those who name none. */
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

uint64_t new_seed(void) {
    uint32_t seed; /* short enough to be typed again */
    if (getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed)
        return seed;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint32_t)t.tv_sec ^ (uint32_t)t.tv_nsec ^ (uint32_t)getpid() << 16;
}
