/* The OpenCL devices of this machine under one flat numbering: platforms in the loader's order, devices in the
 * platform's. */
#ifndef LORIS_COMPUTE_DEVICE_H
#define LORIS_COMPUTE_DEVICE_H

#include <CL/cl.h>

#include "core/arena.h"
#include "core/status.h"

typedef struct device {
    int index;
    cl_platform_id platform;
    cl_device_id id;
    cl_device_type type;
    /* trimmed, printable; `version` is the device's ("OpenCL 3.0 PoCL HSTR: ...") */
    const char *name, *vendor, *platform_name, *platform_version, *version, *driver, *extensions;
    cl_uint compute_units, clock_mhz, vendor_id;
    size_t max_work_group;   /* CL_DEVICE_MAX_WORK_GROUP_SIZE */
    size_t max_work_item[3]; /* CL_DEVICE_MAX_WORK_ITEM_SIZES */
    cl_ulong local_memory;   /* bytes */
    bool local_is_dedicated; /* CL_DEVICE_LOCAL_MEM_TYPE is CL_LOCAL */
    cl_ulong global_memory, max_alloc;
    size_t alignment;    /* CL_DEVICE_MEM_BASE_ADDR_ALIGN in bytes, at least 64 */
    cl_uint float_width; /* CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, at least 1 */
    bool fp16, native_kernel, unified_memory, available, compiler;
} device;

/* All devices; *count may be 0 (no ICD, or ICDs without devices), which is no error. Texts live in `a`. */
loris_status device_list(const device **list, int *count, arena *a);

/* Picks by `wanted`: NULL = the best (GPU before accelerator before CPU, then compute_units * clock_mhz); digits = the
 * index; otherwise a case-insensitive part of "name (platform)", where a whole device name wins over parts of others
 * ("RTX 3070" beside "RTX 3070 Ti"). LORIS_ERROR_DEVICE: none at all (the hint names the package to install for AMD,
 * Intel, NVIDIA and CPU), out of range, no match or several (the message lists the candidates). The best lacks nothing;
 * an index or a name may pick a device that device_lacks() something, which compute_open() then refuses. */
loris_status device_choose(const device *list, int count, const char *wanted, int *index);

/* Why this device cannot be used ("has no compiler", "its version of OpenCL is too old: 1.2 is needed"), or NULL. */
const char *device_lacks(const device *d);

/* Does each lane of its vectors take a work-item of its own, as on GPUs? Others give an item whole vectors. CPU devices
 * that are one float wide, as they say, do the first too: Mesa's llvmpipe, and simulators of GPUs. */
bool device_is_simt(const device *d);

const char *device_type_name(cl_device_type type); /* "GPU", "CPU", "accelerator", "device" */

#endif
