/* What the files of host/api share. */
#ifndef LORIS_API_ENGINE_H
#define LORIS_API_ENGINE_H

#include "compute/compute.h"
#include "core/status.h"

struct loris_engine {
    compute *compute;
};

#endif
