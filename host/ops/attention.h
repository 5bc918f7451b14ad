/* What the two ways of computing attention share. */
#ifndef LORIS_OPS_ATTENTION_H
#define LORIS_OPS_ATTENTION_H

#include "plan/net.h"

enum { ATTENTION_HEAD_MAX = 128 }; /* channels of a head */

/* Records for oneDNN what `plain` asks of our own kernels (inputs q and kv, parameter heads), or nothing, without
 * *taken: where oneDNN is not wanted or has nothing fast for it. */
tensor attention_onednn(net *n, const node_request *plain, bool *taken);

#endif
