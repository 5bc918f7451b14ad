/* An opened device: context, queue, limits, and the throttle that keeps every run cancellable. */
#ifndef LORIS_COMPUTE_COMPUTE_H
#define LORIS_COMPUTE_COMPUTE_H

#include <CL/cl.h>
#include <stdatomic.h>

#include "compute/device.h"
#include "core/status.h"

typedef enum product_backend { BACKEND_AUTO, BACKEND_OWN, BACKEND_CLBLAST, BACKEND_ONEDNN } product_backend;

/* What products keep their weights in. Sums are f32; oneDNN rounds what it multiplies to bf16 weights to bf16 too. */
typedef enum product_precision { PRECISION_AUTO, PRECISION_F32, PRECISION_BF16, PRECISION_F16 } product_precision;

typedef struct compute_settings {
    const char *device;      /* see device_choose() */
    const char *kernels_dir; /* its .cl and .clh files take the place of the embedded ones of that name; NULL = none */
    const char *tuning_dir;  /* where the device's tuning lies (compute/tuning.h); NULL = nowhere: defaults are used */
    const char *cache_dir;   /* program binaries; NULL = $XDG_CACHE_HOME/loris-cl or ~/.cache/loris-cl; "" = none */
    product_backend backend;
    product_precision precision;
    bool profile; /* record what runs when, see compute/profile.h */
} compute_settings;

/* What compute_pace() knows. A chunk is the launches between two markers. */
typedef struct compute_throttle {
    double cautious_flop_per_second; /* estimated from the device's units and clock */
    double flop_per_second;          /* measured and smoothed; starts as the estimate */
    double chunk_flop;               /* enqueued since the last marker */
    double chunk_since;              /* when its first launch was enqueued, in seconds of the monotonic clock */
    int chunk_launches;
    int launch_limit;  /* launches per chunk: small at first, adapted to what launches take */
    int cold_programs; /* programs whose kernels a driver may still have to specialise, see program_store() */
    bool measured;     /* has a chunk been timed yet? */
    cl_event pending;  /* marker after the chunk in flight, or NULL */
    double pending_flop, pending_since;
    int pending_launches;
} compute_throttle;

/* A kernel that a plan launches: its section of the program (see program.h), its work-group, and the local memory that
 * is an argument, in bytes. */
typedef struct kernel_use {
    const char *file, *defines, *kernel;
    size_t local[3];
    size_t local_bytes;
} kernel_use;

typedef void kernel_observer(void *user, const kernel_use *use);

/* Work that can be tuned, as plans choose its variants: see compute/tuning.h. */
struct tuned_shape;
typedef void shape_observer(void *user, const struct tuned_shape *shape, double flop);

typedef struct compute {
    arena *memory;
    device dev;
    cl_context context;
    cl_command_queue queue; /* in order */
    compute_settings settings;
    const char *cache_folder; /* for program binaries, checked; NULL = no cache */
    compute_throttle throttle;
    struct program *programs; /* built so far; later ones use their sections again */
    void *backend_state;      /* what a product backend keeps while the device is open, or NULL ... */
    void (*backend_release)(void *state);
    struct profile *profile;   /* what ran when, or NULL: compute/profile.h */
    atomic_int native_failed;  /* ... set when a native kernel failed, which OpenCL cannot report */
    kernel_observer *observer; /* told of each launch that a plan is lowered to, also in drafts; or NULL */
    void *observer_user;
    int clblast_set;                /* of parameters that CLBlast was given, 0 = none (ops/product_clblast.c) */
    struct tuning *tuning;          /* what was measured to be best here, or NULL */
    shape_observer *shape_observer; /* told of work that can be tuned, also in drafts; or NULL */
    void *shape_observer_user;
} compute;

/* `settings` is copied, NULL means all zero. LORIS_ERROR_ARGUMENT: kernels_dir is not a folder, or
 * the backend lacks the precision. LORIS_ERROR_DEVICE: see
 * device_choose(); or the device is not available, has no compiler, or its driver fails. */
loris_status compute_open(compute **out, const compute_settings *settings);
/* What products planned from now on keep their weights in; returns what it was, to be put back. For networks that need
 * more than was asked for. */
product_precision compute_set_precision(compute *c, product_precision precision);
void compute_close(compute *c); /* NULL is allowed */

/* A device that is not there, to draft plans for (plan_draft): `imagined` is copied, its texts must outlive it. There
 * is no context and no queue. */
loris_status compute_imagine(compute **out, const device *imagined, const compute_settings *settings);

/* Turns an OpenCL error into a status with call, node, device and a hint (out of memory, lost device, ...). CL_SUCCESS
 * gives LORIS_OK, CL_OUT_OF_HOST_MEMORY LORIS_ERROR_MEMORY, anything else LORIS_ERROR_DEVICE. `node` names the
 * network's node or is NULL. */
loris_status compute_check(const compute *c, cl_int error, const char *call, const char *node);

const char *compute_error_name(cl_int error); /* "CL_OUT_OF_RESOURCES"; "unknown error" for any other number */

/* Buffers. `what` names the buffer in errors. Writing and reading block; they go in pieces, between which cancelling is
 * noticed (LORIS_CANCELLED). `initial`, when not NULL, is `bytes` long and copied. */
loris_status buffer_new(compute *c, cl_mem *out, size_t bytes, const void *initial, const char *what);
void buffer_free(cl_mem *buffer);
loris_status buffer_write(compute *c, cl_mem buffer, size_t offset, const void *data, size_t bytes, const char *what);
loris_status buffer_read(compute *c, cl_mem buffer, size_t offset, void *data, size_t bytes, const char *what);

/* Writing without waiting, for what is sent while the device works: `data` must stay until compute_wait(done). */
loris_status buffer_send(compute *c, cl_mem buffer, const void *data, size_t bytes, cl_event *done, const char *what);

/* Waits for an event, releases it and sets it to NULL (NULL is allowed). Cancelling is noticed; the event then stays.
 */
loris_status compute_wait(compute *c, cl_event *event, const char *node);

/* Called before each enqueue with the work about to be enqueued: returns LORIS_CANCELLED when asked to stop, and waits
 * so that at most about 200 ms of work is in flight: the chunk being enqueued and the one before it, about 80 ms each
 * at the measured speed. The first chunk is an eighth of that. A chunk also ends after a number of launches that adapts
 * to their duration, and after 4 while a program's kernels are new, because drivers may compile at a kernel's first
 * launch. After LORIS_CANCELLED or a failure the queue stays usable; call compute_finish() before releasing what the
 * launches use. `flop` stands for time: whoever moves memory counts a few per byte. */
loris_status compute_pace(compute *c, double flop, const char *node);

/* Waits until everything enqueued is done, cancelled or not (that is at most the work in flight); reports asynchronous
 * failures. */
loris_status compute_finish(compute *c, const char *node);

/* FLOP that take about 80 ms here: one launch should not exceed it (see plan's splitting by rows). */
double compute_launch_flop(const compute *c);

#endif
