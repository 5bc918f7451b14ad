#include "compute/device.h"

#include <ctype.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compute/compute.h"
#include "core/text.h"

enum { PLATFORM_NOT_FOUND_KHR = -1001 }; /* cl_khr_icd: the loader found no driver; absent from the core headers */

/* ---- texts ------------------------------------------------------------------------------------------------------- */

/* Drivers pad names with runs of blanks and are not to be trusted with a terminal: printable ASCII, single blanks,
 * trimmed. */
static void tidy(char *s) {
    char *out = s;
    for (const unsigned char *in = (const unsigned char *)s; *in; in++) {
        if (isspace(*in)) {
            if (out != s && out[-1] != ' ')
                *out++ = ' ';
        } else {
            *out++ = *in > 0x20 && *in < 0x7f ? (char)*in : '?';
        }
    }
    if (out != s && out[-1] == ' ')
        out--;
    *out = '\0';
}

static const char *platform_text(cl_platform_id id, cl_platform_info what, arena *a) {
    size_t size = 0;
    if (clGetPlatformInfo(id, what, 0, NULL, &size) != CL_SUCCESS)
        return "";
    char *s = arena_alloc(a, size + 1, 1);
    if (!s || clGetPlatformInfo(id, what, size, s, NULL) != CL_SUCCESS)
        return "";
    tidy(s);
    return s;
}

static const char *device_text(cl_device_id id, cl_device_info what, arena *a) {
    size_t size = 0;
    if (clGetDeviceInfo(id, what, 0, NULL, &size) != CL_SUCCESS)
        return "";
    char *s = arena_alloc(a, size + 1, 1);
    if (!s || clGetDeviceInfo(id, what, size, s, NULL) != CL_SUCCESS)
        return "";
    tidy(s);
    return s;
}

/* Is `word` one of the blank-separated words of `list`? */
static bool has_word(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length) {
        if ((at == list || at[-1] == ' ') && (at[length] == '\0' || at[length] == ' '))
            return true;
    }
    return false;
}

/* ---- enumeration ------------------------------------------------------------------------------------------------- */

/* Fills in everything but the index. False: the driver does not answer for this device. */
static bool describe(device *d, cl_platform_id platform, cl_device_id id, arena *a) {
    cl_bool unified = CL_FALSE, available = CL_FALSE, compiler = CL_FALSE;
    cl_uint alignment_bits = 0, width = 0;
    cl_device_local_mem_type local_type = 0;
    cl_device_exec_capabilities can = 0;
    size_t items[16] = {0};
    struct {
        cl_device_info what;
        size_t size;
        void *value;
        bool needed;
    } facts[] = {
        {CL_DEVICE_TYPE, sizeof d->type, &d->type, true},
        {CL_DEVICE_MAX_COMPUTE_UNITS, sizeof d->compute_units, &d->compute_units, true},
        {CL_DEVICE_MAX_CLOCK_FREQUENCY, sizeof d->clock_mhz, &d->clock_mhz, false},
        {CL_DEVICE_VENDOR_ID, sizeof d->vendor_id, &d->vendor_id, false},
        {CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof d->max_work_group, &d->max_work_group, true},
        {CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof items, items, true},
        {CL_DEVICE_LOCAL_MEM_SIZE, sizeof d->local_memory, &d->local_memory, true},
        {CL_DEVICE_LOCAL_MEM_TYPE, sizeof local_type, &local_type, false},
        {CL_DEVICE_GLOBAL_MEM_SIZE, sizeof d->global_memory, &d->global_memory, true},
        {CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof d->max_alloc, &d->max_alloc, true},
        {CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof alignment_bits, &alignment_bits, true},
        {CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width, false},
        {CL_DEVICE_EXECUTION_CAPABILITIES, sizeof can, &can, false},
        {CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified, false},
        {CL_DEVICE_AVAILABLE, sizeof available, &available, true},
        {CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, true},
    };
    *d = (device){.platform = platform, .id = id};
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (clGetDeviceInfo(id, facts[i].what, facts[i].size, facts[i].value, NULL) != CL_SUCCESS && facts[i].needed)
            return false;
    }
    d->name = device_text(id, CL_DEVICE_NAME, a);
    d->vendor = device_text(id, CL_DEVICE_VENDOR, a);
    d->platform_name = platform_text(platform, CL_PLATFORM_NAME, a);
    d->platform_version = platform_text(platform, CL_PLATFORM_VERSION, a);
    d->version = device_text(id, CL_DEVICE_VERSION, a);
    d->driver = device_text(id, CL_DRIVER_VERSION, a);
    d->extensions = device_text(id, CL_DEVICE_EXTENSIONS, a);
    if (!*d->name)
        d->name = "unnamed device";
    for (int i = 0; i < 3; i++)
        d->max_work_item[i] = items[i] ? items[i] : 1;
    d->local_is_dedicated = local_type == CL_LOCAL;
    d->alignment = alignment_bits / 8 > 64 ? alignment_bits / 8 : 64;
    d->float_width = width ? width : 1;
    d->fp16 = has_word(d->extensions, "cl_khr_fp16");
    d->native_kernel = (can & CL_EXEC_NATIVE_KERNEL) != 0;
    d->unified_memory = unified == CL_TRUE;
    d->available = available == CL_TRUE;
    d->compiler = compiler == CL_TRUE;
    return true;
}

/* Appends the platform's devices to list[0..*count), which has room for them. A platform that fails is left out: one
 * broken driver must not hide the devices of the others. */
static void add_platform(cl_platform_id platform, cl_device_id *ids, cl_uint room, device *list, int *count, arena *a) {
    cl_uint found = 0;
    cl_int error = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, room, ids, &found);
    if (error == CL_DEVICE_NOT_FOUND)
        return;
    if (error != CL_SUCCESS) {
        log_message(LORIS_LOG_WARNING, "OpenCL platform \"%s\" is left out: clGetDeviceIDs: %s (%d)",
                    platform_text(platform, CL_PLATFORM_NAME, a), compute_error_name(error), error);
        return;
    }
    for (cl_uint i = 0; i < found && i < room; i++) {
        device *d = &list[*count];
        if (!describe(d, platform, ids[i], a)) {
            log_message(LORIS_LOG_WARNING,
                        "a device of OpenCL platform \"%s\" is left out: its driver does not describe it",
                        platform_text(platform, CL_PLATFORM_NAME, a));
            continue;
        }
        d->index = (*count)++;
    }
}

static loris_status list_devices(const device **list, int *count, arena *a) {
    *list = NULL;
    *count = 0;
    cl_uint platforms = 0;
    cl_int error = clGetPlatformIDs(0, NULL, &platforms);
    if (error == PLATFORM_NOT_FOUND_KHR || (error == CL_SUCCESS && platforms == 0))
        return LORIS_OK;
    if (error != CL_SUCCESS)
        return fail(LORIS_ERROR_DEVICE, "is the OpenCL loader (ocl-icd-libopencl1) installed completely?",
                    "clGetPlatformIDs: %s (%d)", compute_error_name(error), error);

    cl_platform_id *platform = arena_alloc(a, platforms, sizeof *platform);
    cl_uint *devices = arena_alloc(a, platforms, sizeof *devices);
    if (!platform || !devices)
        return fail_memory("list of OpenCL platforms");
    error = clGetPlatformIDs(platforms, platform, NULL);
    if (error != CL_SUCCESS)
        return fail(LORIS_ERROR_DEVICE, NULL, "clGetPlatformIDs: %s (%d)", compute_error_name(error), error);
    size_t total = 0;
    for (cl_uint i = 0; i < platforms; i++) {
        /* A failure shows again, and is reported, when the devices are asked for. */
        if (clGetDeviceIDs(platform[i], CL_DEVICE_TYPE_ALL, 0, NULL, &devices[i]) != CL_SUCCESS)
            devices[i] = 1;
        total += devices[i];
    }
    device *all = arena_alloc(a, total, sizeof *all);
    cl_device_id *ids = arena_alloc(a, total, sizeof *ids);
    if (!all || !ids)
        return fail_memory("list of OpenCL devices");
    for (cl_uint i = 0; i < platforms; i++)
        add_platform(platform[i], ids, devices[i], all, count, a);
    if (arena_failed(a))
        return fail_memory("list of OpenCL devices");
    *list = all;
    return LORIS_OK;
}

/* Drivers make their devices when they are first asked for them. PoCL 3.1 shows another thread that asks meanwhile
 * devices without a name, and none at all: one thread asks at a time. */
static pthread_mutex_t listing = PTHREAD_MUTEX_INITIALIZER;

loris_status device_list(const device **list, int *count, arena *a) {
    pthread_mutex_lock(&listing);
    loris_status status = list_devices(list, count, a);
    pthread_mutex_unlock(&listing);
    return status;
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

static const char install_hint[] =
    "install an OpenCL driver. Debian and Ubuntu packages: mesa-opencl-icd or rocm-opencl-icd for AMD, "
    "intel-opencl-icd for "
    "Intel GPUs, nvidia-opencl-icd or NVIDIA's own driver for NVIDIA, pocl-opencl-icd for any CPU; 'loris-cl doctor' "
    "tells more";

const char *device_lacks(const device *d) {
    int major = 0, minor = 0;
    if (!d->available)
        return "is not available (switched off, or used exclusively by another program)";
    if (!d->compiler)
        return "has no compiler";
    if (sscanf(d->version, "OpenCL %d.%d", &major, &minor) != 2 || major < 1 || (major == 1 && minor < 2))
        return "its version of OpenCL is too old: 1.2 is needed";
    return NULL;
}

/* Higher is better: type first, then raw speed. */
static bool better(const device *a, const device *b) {
    static const cl_device_type order[] = {CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_ACCELERATOR, CL_DEVICE_TYPE_CPU};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        bool first = (a->type & order[i]) != 0, second = (b->type & order[i]) != 0;
        if (first != second)
            return first;
        if (first)
            break;
    }
    return (uint64_t)a->compute_units * a->clock_mhz > (uint64_t)b->compute_units * b->clock_mhz;
}

static loris_status choose_best(const device *list, int count, int *index) {
    int best = -1;
    for (int i = 0; i < count; i++) {
        if (!device_lacks(&list[i]) && (best < 0 || better(&list[i], &list[best])))
            best = i;
    }
    if (best < 0)
        return fail(LORIS_ERROR_DEVICE, install_hint,
                    "none of the %d OpenCL devices is available, has a compiler and OpenCL 1.2", count);
    *index = best;
    return LORIS_OK;
}

static loris_status choose_index(int count, const char *digits, int *index) {
    char *end;
    unsigned long long wanted = strtoull(digits, &end, 10); /* ULLONG_MAX beyond its range */
    if (wanted >= (unsigned long long)count)
        return fail(LORIS_ERROR_DEVICE, "'loris-cl devices' lists them", "device %.40s: there %s %d, numbered from 0",
                    digits, count == 1 ? "is only" : "are only", count);
    *index = (int)wanted;
    return LORIS_OK;
}

static void append_candidates(text *t, const device *list, int count, const bool *chosen) {
    int listed = 0, all = 0;
    for (int i = 0; i < count; i++) {
        if (chosen && !chosen[i])
            continue;
        if (++all <= 8)
            text_printf(t, "%s%d: %s (%s)", listed++ ? ", " : "", i, list[i].name, list[i].platform_name);
    }
    if (all > listed)
        text_printf(t, " and %d more", all - listed);
}

/* `part` in "name (platform)", whatever the case of its letters. */
static bool name_contains(const device *d, const char *part, arena *a) {
    char *full = arena_printf(a, "%s (%s)", d->name, d->platform_name);
    return full && strcasestr(full, part) != NULL;
}

static loris_status choose_name(const device *list, int count, const char *wanted, int *index) {
    loris_status status = LORIS_OK;
    arena *a = arena_new();
    text candidates = {0};
    bool *match = arena_alloc(a, (size_t)count, sizeof *match);
    int matches = 0, exact = 0, last = 0, last_exact = 0;
    for (int i = 0; match && i < count; i++) {
        if (strcasecmp(list[i].name, wanted) == 0) {
            exact++;
            last_exact = i;
        }
        match[i] = name_contains(&list[i], wanted, a);
        if (match[i]) {
            matches++;
            last = i;
        }
    }
    append_candidates(&candidates, list, count, matches ? match : NULL);
    if (arena_failed(a) || text_failed(&candidates)) {
        status = fail_memory("names of OpenCL devices");
    } else if (exact == 1 || matches == 1) {
        *index = exact == 1 ? last_exact : last;
    } else if (matches == 0) {
        status = fail(LORIS_ERROR_DEVICE, "give a device's number or a part of its name",
                      "no OpenCL device is named \"%.80s\"; "
                      "there are %s",
                      wanted, candidates.data);
    } else {
        status = fail(LORIS_ERROR_DEVICE, "give the number or more of the name",
                      "\"%.80s\" may be any of these OpenCL devices: %s", wanted, candidates.data);
    }
    text_free(&candidates);
    arena_free(a);
    return status;
}

loris_status device_choose(const device *list, int count, const char *wanted, int *index) {
    if (count <= 0)
        return fail(LORIS_ERROR_DEVICE, install_hint, "no OpenCL device found");
    if (!wanted)
        return choose_best(list, count, index);
    if (*wanted && strspn(wanted, "0123456789") == strlen(wanted))
        return choose_index(count, wanted, index);
    return choose_name(list, count, wanted, index);
}

bool device_is_simt(const device *d) {
    return !(d->type & CL_DEVICE_TYPE_CPU) || d->float_width == 1;
}

const char *device_type_name(cl_device_type type) {
    if (type & CL_DEVICE_TYPE_GPU)
        return "GPU";
    if (type & CL_DEVICE_TYPE_ACCELERATOR)
        return "accelerator";
    if (type & CL_DEVICE_TYPE_CPU)
        return "CPU";
    return "device";
}
