/* What other operations need to know about the elementwise ones: to absorb them (an epilogue), and to stream like them.
 */
#ifndef LORIS_OPS_ELEMENTWISE_H
#define LORIS_OPS_ELEMENTWISE_H

#include "ops/ops.h"
#include "plan/lower.h"

extern const op add_op;      /* inputs 0 and 1, no parameters; the output has their broadcast shape */
extern const op activate_op; /* input 0, struct activate_parameters */

struct activate_parameters {
    int activation; /* an `activation` */
};

#endif
