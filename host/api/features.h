/* The public features as the files of host/api see them. */
#ifndef LORIS_API_FEATURES_H
#define LORIS_API_FEATURES_H

#include "eyes/features.h"
#include "loris/features.h"

struct loris_features {
    features seen;
};

#endif
