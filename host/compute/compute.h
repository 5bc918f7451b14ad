/* An opened device: context, queue, limits, and the throttle that keeps every run cancellable. */
#ifndef LORIS_COMPUTE_COMPUTE_H
#define LORIS_COMPUTE_COMPUTE_H

#include <CL/cl.h>

#include "compute/device.h"
#include "core/status.h"

typedef enum product_backend { BACKEND_AUTO, BACKEND_OWN, BACKEND_CLBLAST } product_backend;

typedef struct compute_settings {
    const char *device;      /* see device_choose() */
    const char *kernels_dir; /* read .cl files here instead of the embedded ones; NULL = embedded */
    const char *cache_dir;   /* program binaries; NULL = $XDG_CACHE_HOME/loris-cl or ~/.cache/loris-cl; "" = no cache */
    product_backend backend;
} compute_settings;

typedef struct compute {
    arena *memory;
    device dev;
    cl_context context;
    cl_command_queue queue; /* in order */
    compute_settings settings;
    /* throttle, see compute_pace() */
    double flop_per_second; /* measured, starts as a cautious estimate from the device's units and clock */
    double chunk_flop;      /* enqueued since the last marker */
    double pending_flop;    /* of the chunk before it, still in flight */
    cl_event pending;       /* marker after that chunk, or NULL */
    double pending_since;
} compute;

loris_status compute_open(compute **out, const compute_settings *settings);
void compute_close(compute *c); /* NULL is allowed */

/* Turns an OpenCL error into a status with call, node, device and a hint (out of memory, lost device, ...). CL_SUCCESS gives
 * LORIS_OK. `node` names the network's node or is NULL. */
loris_status compute_check(const compute *c, cl_int error, const char *call, const char *node);

const char *compute_error_name(cl_int error); /* "CL_OUT_OF_RESOURCES" */

/* Buffers. `what` names the buffer in errors. Writing and reading block. */
loris_status buffer_new(compute *c, cl_mem *out, size_t bytes, const void *initial, const char *what);
void buffer_free(cl_mem *buffer);
loris_status buffer_write(compute *c, cl_mem buffer, size_t offset, const void *data, size_t bytes, const char *what);
loris_status buffer_read(compute *c, cl_mem buffer, size_t offset, void *data, size_t bytes, const char *what);

/* Called before each enqueue with the work about to be enqueued: returns LORIS_CANCELLED when asked to stop, and waits so that
 * at most about 200 ms of work is in flight (two chunks of about 80 ms at the measured speed). */
loris_status compute_pace(compute *c, double flop, const char *node);

/* Waits until everything enqueued is done; reports asynchronous failures. */
loris_status compute_finish(compute *c, const char *node);

/* FLOP that take about 80 ms here: one launch should not exceed it (see plan's splitting by rows). */
double compute_launch_flop(const compute *c);

#endif
