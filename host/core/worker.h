/* Threads over an index range, for host work (phase recovery, packing). */
#ifndef LORIS_CORE_WORKER_H
#define LORIS_CORE_WORKER_H

#include "core/status.h"

typedef loris_status worker_function(void *user, int index);

/* Calls function(user, 0 .. count-1), each index once, on up to `threads` threads (0 = one per processor), and returns
 * the first failure (message included) or LORIS_OK. Which thread runs an index never changes a result. Stops early when
 * cancelled. */
loris_status worker_run(int threads, int count, worker_function *function, void *user);

int worker_processors(void); /* processors this process may use, at least 1 */

#endif
