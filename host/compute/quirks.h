/* What drivers are known to do differently, with a source for each. Code works around a quirk for every device,
 * whatever its driver; the table is for telling. */
#ifndef LORIS_COMPUTE_QUIRKS_H
#define LORIS_COMPUTE_QUIRKS_H

#include "compute/device.h"

typedef struct quirk {
    const char *platform;    /* part of the platform's name, in any case */
    cl_device_type type;     /* of devices it concerns */
    const char *driver;      /* beginning of the driver's version; "" = any */
    const char *name;        /* a word or two */
    const char *what, *done; /* what the driver does; what is done about it */
    const char *link;
} quirk;

/* The first quirk of the table after `after` (NULL = from its start) that concerns `d`; NULL = no more. */
const quirk *quirk_next(const device *d, const quirk *after);

/* All, for tests and documentation. */
const quirk *quirk_table(int *count);

#endif
