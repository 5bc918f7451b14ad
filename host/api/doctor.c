/* Why a device is missing: everything on the way from the loader to the device, looked at one after the other. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/findings.h"
#include "compute/device.h"
#include "core/file.h"

typedef struct visit {
    loris_findings *findings;
    const char *root;
    int libraries, devices, usable, gpus,
        closed;           /* drivers that load; OpenCL devices; GPUs on the bus; files shut to us */
    char gpu_vendors[64]; /* of those on the bus, "AMD NVIDIA" */
    char platforms[512];  /* names of OpenCL platforms with devices */
} visit;

#define FACT(v, topic, name, why, ...)                                                                                 \
    findings_add((v)->findings, LORIS_FINDING_FACT, topic, name, why, NULL, __VA_ARGS__)
#define GOOD(v, topic, name, why, ...)                                                                                 \
    findings_add((v)->findings, LORIS_FINDING_GOOD, topic, name, why, NULL, __VA_ARGS__)
#define WARN(v, topic, name, why, ...)                                                                                 \
    findings_add((v)->findings, LORIS_FINDING_WARNING, topic, name, why, NULL, __VA_ARGS__)
#define PROBLEM(v, topic, name, why, ...)                                                                              \
    findings_add((v)->findings, LORIS_FINDING_PROBLEM, topic, name, why, NULL, __VA_ARGS__)

/* ---- the loader and the drivers it is told of -------------------------------------------------------------------- */

static void look_at_loader(visit *v) {
    Dl_info where;
    if (dladdr((void *)(uintptr_t)clGetPlatformIDs, &where) && where.dli_fname)
        GOOD(v, "loader", "OpenCL loader", NULL, "%s", where.dli_fname);
}

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

/* Loads the library as the loader does. It stays loaded: the loader holds it too, and few drivers survive to be let go.
 */
static void try_library(visit *v, const char *icd, const char *library) {
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) {
        const char *message = dlerror();
        PROBLEM(v, "drivers", icd, "reinstall the package that this file belongs to, or remove the file", "%s",
                message ? message : library);
    } else if (!dlsym(handle, "clGetExtensionFunctionAddress")) {
        PROBLEM(v, "drivers", icd, "the file should name an OpenCL driver", "%s is a library, but no OpenCL driver",
                library);
        dlclose(handle);
    } else {
        GOOD(v, "drivers", icd, NULL, "%s loads", library);
        v->libraries++;
    }
}

static void look_at_icd(visit *v, const char *path) {
    char *data;
    size_t size;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (file_read(path, PATH_MAX, &data, &size) != LORIS_OK) {
        PROBLEM(v, "drivers", name, "it must be a text file that can be read", "%s", loris_error_message());
        return;
    }
    data[strcspn(data, "\r\n")] = '\0';
    if (*data)
        try_library(v, name, data);
    else
        PROBLEM(v, "drivers", name, "its first line should name a library", "%s is empty", path);
    free(data);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Visits the files of a folder whose names begin and end so, sorted. Returns how many; -1 when there is no such folder.
 */
static int visit_files(visit *v, const char *folder, const char *begin, const char *end,
                       void (*look)(visit *v, const char *path)) {
    enum { MOST = 64 };
    char *names[MOST];
    int count = 0;
    DIR *d = opendir(folder);
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d)) && count < MOST;) {
        char *path;
        if (*e->d_name == '.' || strncmp(e->d_name, begin, strlen(begin)) || !ends_with(e->d_name, end))
            continue;
        if (asprintf(&path, "%s/%s", folder, e->d_name) >= 0)
            names[count++] = path;
    }
    closedir(d);
    qsort(names, (size_t)count, sizeof *names, by_name);
    for (int i = 0; i < count; i++) {
        look(v, names[i]);
        free(names[i]);
    }
    return count;
}

static const char *set_value(const char *variable) {
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

/* As ocl-icd does (libOpenCL(7)): OCL_ICD_VENDORS is a folder, an .icd file, or a library; OPENCL_VENDOR_PATH a folder.
 */
static void look_at_drivers(visit *v) {
    char folder[PATH_MAX];
    const char *vendors = set_value("OCL_ICD_VENDORS"), *path = set_value("OPENCL_VENDOR_PATH");
    struct stat info;
    if (vendors && ends_with(vendors, ".icd")) {
        if (strchr(vendors, '/'))
            snprintf(folder, sizeof folder, "%s", vendors);
        else
            snprintf(folder, sizeof folder, "%s/etc/OpenCL/vendors/%s", v->root, vendors);
        look_at_icd(v, folder);
        return;
    }
    if (vendors && (stat(vendors, &info) != 0 || !S_ISDIR(info.st_mode))) {
        try_library(v, "OCL_ICD_VENDORS", vendors);
        return;
    }
    if (vendors || path)
        snprintf(folder, sizeof folder, "%s", vendors ? vendors : path);
    else
        snprintf(folder, sizeof folder, "%s/etc/OpenCL/vendors", v->root);
    const int count = visit_files(v, folder, "", ".icd", look_at_icd);
    if (count <= 0)
        PROBLEM(v, "drivers", "ICD files", "no OpenCL driver is installed, or the folder is another one", "%s: %s",
                folder, count < 0 ? strerror(ENOENT) : "holds no .icd file");
}

/* ---- platforms and devices --------------------------------------------------------------------------------------- */

static void platform_name(cl_platform_id id, char name[128]) {
    name[0] = '\0';
    if (clGetPlatformInfo(id, CL_PLATFORM_NAME, 128, name, NULL) != CL_SUCCESS)
        snprintf(name, 128, "unnamed");
}

static void look_at_platforms(visit *v) {
    enum { MOST = 32 };
    cl_platform_id ids[MOST];
    cl_uint count = 0;
    if (clGetPlatformIDs(MOST, ids, &count) != CL_SUCCESS)
        count = 0;
    for (cl_uint i = 0; i < count && i < MOST; i++) {
        char name[128];
        cl_uint devices = 0;
        platform_name(ids[i], name);
        const cl_int error = clGetDeviceIDs(ids[i], CL_DEVICE_TYPE_ALL, 0, NULL, &devices);
        if (error == CL_SUCCESS && devices) {
            GOOD(v, "platforms", name, NULL, "%u device%s", devices, devices == 1 ? "" : "s");
            const size_t used = strlen(v->platforms);
            snprintf(v->platforms + used, sizeof v->platforms - used, "%s\n", name);
        } else if (strcasestr(name, "rusticl"))
            WARN(v, "platforms", name, "set RUSTICL_ENABLE to the driver: radeonsi, iris, nouveau, llvmpipe",
                 "no devices");
        else
            WARN(v, "platforms", name,
                 "its hardware is absent, its kernel driver not loaded, or a file below is closed", "no devices");
    }
    if (!count)
        PROBLEM(v, "platforms", "OpenCL platforms", NULL, "none");
}

static loris_status look_at_devices(visit *v) {
    arena *a = arena_new();
    const device *list = NULL;
    int count = 0;
    loris_status status = a ? device_list(&list, &count, a) : fail_memory("the list of devices");
    for (int i = 0; status == LORIS_OK && i < count; i++) {
        const char *lacks = device_lacks(&list[i]);
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        if (lacks)
            WARN(v, "devices", name, NULL, "%s %s (%s) cannot be used: it %s", device_type_name(list[i].type),
                 list[i].name, list[i].platform_name, lacks);
        else
            GOOD(v, "devices", name, NULL, "%s %s (%s)", device_type_name(list[i].type), list[i].name,
                 list[i].platform_name);
        v->usable += !lacks;
    }
    v->devices = count;
    arena_free(a);
    if (status == LORIS_ERROR_DEVICE) {
        PROBLEM(v, "devices", "OpenCL", loris_error_hint(), "%s", loris_error_message());
        return LORIS_OK;
    }
    return status;
}

/* ---- hardware ---------------------------------------------------------------------------------------------------- */

static bool read_line(const char *folder, const char *name, char line[64]) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    const bool read = fgets(line, 64, file) != NULL;
    fclose(file);
    line[read ? strcspn(line, "\n") : 0] = '\0';
    return read;
}

static const char *vendor_name(const char *id) {
    return !strcmp(id, "0x1002") ? "AMD" : !strcmp(id, "0x10de") ? "NVIDIA" : !strcmp(id, "0x8086") ? "Intel" : NULL;
}

/* A PCI device of class 03 (display) or 12 (processing accelerator). */
static void look_at_pci(visit *v, const char *path) {
    char class[64], vendor[64], driver[PATH_MAX], link[PATH_MAX];
    if (!read_line(path, "class", class) || !read_line(path, "vendor", vendor) ||
        (strncmp(class, "0x03", 4) != 0 && strncmp(class, "0x12", 4) != 0) || !vendor_name(vendor))
        return;
    snprintf(link, sizeof link, "%s/driver", path);
    const ssize_t length = readlink(link, driver, sizeof driver - 1);
    driver[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(driver, '/'), *module = slash ? slash + 1 : driver;
    v->gpus++;
    if (!strstr(v->gpu_vendors, vendor_name(vendor))) {
        const size_t used = strlen(v->gpu_vendors);
        snprintf(v->gpu_vendors + used, sizeof v->gpu_vendors - used, "%s ", vendor_name(vendor));
    }
    if (!*module)
        WARN(v, "hardware", vendor_name(vendor), "load its kernel driver: amdgpu, nvidia, i915 or xe",
             "a GPU at %s without a kernel driver", strrchr(path, '/') + 1);
    else if (!strcmp(module, "vfio-pci"))
        WARN(v, "hardware", vendor_name(vendor), "it is reserved for a virtual machine", "a GPU at %s, driver %s",
             strrchr(path, '/') + 1, module);
    else
        FACT(v, "hardware", vendor_name(vendor), NULL, "a GPU at %s, driver %s", strrchr(path, '/') + 1, module);
}

/* ---- permissions ------------------------------------------------------------------------------------------------- */

static bool in_group(gid_t wanted) {
    gid_t groups[256];
    const int count = getgroups(256, groups);
    bool found = getegid() == wanted;
    for (int i = 0; i < count; i++)
        found = found || groups[i] == wanted;
    return found;
}

static void look_at_node(visit *v, const char *path) {
    struct stat info;
    if (stat(path, &info) != 0)
        return;
    const char *shown = path + strlen(v->root);
    if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0) {
        GOOD(v, "permissions", shown, NULL, "can be read and written");
        return;
    }
    const struct group *group = getgrgid(info.st_gid);
    char why[160] = "ask the administrator for access";
    if (group && (info.st_mode & 0060) == 0060 && !in_group(info.st_gid))
        snprintf(why, sizeof why, "join its group: sudo usermod -aG %s $USER, then log in again", group->gr_name);
    PROBLEM(v, "permissions", shown, why, "cannot be opened: it belongs to group %s, mode %o",
            group ? group->gr_name : "?", (unsigned)(info.st_mode & 0777));
    v->closed++;
}

static void look_at_nodes(visit *v) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/dev/dri", v->root);
    int nodes = visit_files(v, path, "renderD", "", look_at_node);
    snprintf(path, sizeof path, "%s/dev", v->root);
    const int kfd = visit_files(v, path, "kfd", "", look_at_node);
    const int nvidia = visit_files(v, path, "nvidia", "", look_at_node);
    nodes = (nodes > 0 ? nodes : 0) + (kfd > 0 ? kfd : 0) + (nvidia > 0 ? nvidia : 0);
    if (nodes == 0)
        findings_add(v->findings, v->gpus ? LORIS_FINDING_WARNING : LORIS_FINDING_FACT, "permissions", "device files",
                     v->gpus ? "in a container, pass them in: --device /dev/dri --device /dev/kfd, or --gpus all"
                             : "there is no GPU, or its kernel driver is not loaded",
                     NULL, "none: no /dev/dri/renderD*, /dev/kfd or /dev/nvidia*");
}

/* ---- environment ------------------------------------------------------------------------------------------------- */

static void look_at_environment(visit *v) {
    static const struct {
        const char *name, *what;
        bool hides_all_when_empty;
    } variables[] = {
        {"OCL_ICD_VENDORS", "replaces /etc/OpenCL/vendors", false},
        {"OPENCL_VENDOR_PATH", "replaces /etc/OpenCL/vendors", false},
        {"OCL_ICD_FILENAMES", "drivers to load besides", false},
        {"OPENCL_LAYERS", "layers between program and drivers", false},
        {"POCL_DEVICES", "which devices PoCL has", true},
        {"RUSTICL_ENABLE", "for which drivers Mesa's rusticl has devices", true},
        {"RUSTICL_DEVICE_TYPE", "what Mesa's rusticl calls its devices", false},
        {"CUDA_VISIBLE_DEVICES", "which NVIDIA GPUs are seen", true},
        {"NVIDIA_VISIBLE_DEVICES", "which NVIDIA GPUs a container is given", true},
        {"ROCR_VISIBLE_DEVICES", "which AMD GPUs are seen", true},
        {"GPU_DEVICE_ORDINAL", "which AMD GPUs OpenCL sees", true},
        {"ZE_AFFINITY_MASK", "which Intel GPUs are seen", true},
    };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i].name);
        if (!value)
            continue;
        const bool hides =
            variables[i].hides_all_when_empty && (!*value || !strcmp(value, "-1") || !strcmp(value, "none"));
        findings_add(v->findings, hides ? LORIS_FINDING_WARNING : LORIS_FINDING_FACT, "environment", variables[i].name,
                     variables[i].what, NULL, "%s", *value ? value : "set, but empty: it hides all");
    }
}

/* ---- advice ------------------------------------------------------------------------------------------------------ */

static bool has_platform(const visit *v, const char *const *names) {
    for (; *names; names++)
        if (strcasestr(v->platforms, *names))
            return true;
    return false;
}

/* A GPU on the bus whose vendor has no OpenCL platform with devices. */
static void advise_on_gpus(visit *v) {
    static const struct {
        const char *vendor, *package, *platforms[4];
    } drivers[] = {
        {"AMD",
         "install mesa-opencl-icd (and set RUSTICL_ENABLE=radeonsi) or rocm-opencl-icd",
         {"AMD", "rusticl", "Clover"}},
        {"NVIDIA", "install NVIDIA's driver with its OpenCL part: nvidia-opencl-icd", {"NVIDIA", "rusticl", "Clover"}},
        {"Intel", "install intel-opencl-icd", {"Intel", "rusticl", "Clover"}},
    };
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
        if (strstr(v->gpu_vendors, drivers[i].vendor) && !has_platform(v, drivers[i].platforms))
            WARN(v, "advice", drivers[i].vendor,
                 v->closed ? "open the device files first (see permissions)" : drivers[i].package,
                 "a GPU that no OpenCL platform shows");
}

static void advise(visit *v) {
    if (v->usable)
        GOOD(v, "advice", "devices", "'loris-cl devices -v' examines each", "%d can be used", v->usable);
    else if (v->devices)
        PROBLEM(v, "advice", "devices", "install another driver; pocl-opencl-icd serves any CPU",
                "%d, of which none can be used", v->devices);
    else if (v->libraries)
        PROBLEM(v, "advice", "devices", "see the warnings above; pocl-opencl-icd serves any CPU",
                "none, although %d driver%s loaded", v->libraries, v->libraries == 1 ? " is" : "s are");
    else
        PROBLEM(v, "advice", "devices",
                "install a driver. Debian and Ubuntu packages: mesa-opencl-icd or rocm-opencl-icd for AMD, "
                "intel-opencl-icd for Intel GPUs, nvidia-opencl-icd for NVIDIA, pocl-opencl-icd for any CPU",
                "none, because no driver loads");
    advise_on_gpus(v);
}

static loris_status look(visit *v) {
    char path[PATH_MAX];
    look_at_loader(v);
    look_at_drivers(v);
    look_at_platforms(v);
    TRY(look_at_devices(v));
    snprintf(path, sizeof path, "%s/sys/bus/pci/devices", v->root);
    visit_files(v, path, "", "", look_at_pci);
    look_at_nodes(v);
    look_at_environment(v);
    advise(v);
    return LORIS_OK;
}

loris_status loris_doctor(const char *root, loris_findings **findings, bool *usable) {
    visit v = {.findings = findings_new(), .root = root ? root : ""};
    if (!v.findings)
        return fail_memory("findings");
    loris_status status = look(&v);
    *usable = v.usable > 0;
    return findings_end(v.findings, status, findings);
}
