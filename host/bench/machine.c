#include "bench/machine.h"

#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/worker.h"

enum { LINE = 256, PATH_LENGTH = 512 };

/* ---- small files ------------------------------------------------------------------------------------------------- */

static FILE *open_file(const char *root, const char *path) {
    char full[PATH_LENGTH];
    const int length = snprintf(full, sizeof full, "%s%s", root, path);
    return length > 0 && (size_t)length < sizeof full ? fopen(full, "re") : NULL;
}

bool system_line(const char *root, char *line, size_t size, const char *format, ...) {
    char path[PATH_LENGTH];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    FILE *f = open_file(root, path);
    const bool read = f && fgets(line, (int)size, f);
    if (f)
        fclose(f);
    if (!read)
        return false;
    size_t end = strcspn(line, "\n");
    while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '\t'))
        end--;
    line[end] = '\0';
    return end > 0;
}

/* What follows `key` in the first line of the file that begins with it; past blanks and a colon or equals sign. */
static bool find_value(const char *root, const char *path, const char *key, char *value, size_t size) {
    char line[LINE];
    const size_t length = strlen(key);
    bool found = false;
    FILE *f = open_file(root, path);
    while (f && !found && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, length))
            continue;
        const char *from = line + length;
        from += strspn(from, " \t:=");
        snprintf(value, size, "%.*s", (int)strcspn(from, "\n"), from);
        found = true;
    }
    if (f)
        fclose(f);
    return found;
}

/* ---- the machine ------------------------------------------------------------------------------------------------- */

static const char *board_name(const char *root, arena *a) {
    char vendor[LINE], name[LINE];
    if (system_line(root, name, sizeof name, "/sys/class/dmi/id/board_name")) {
        const bool vendor_known = system_line(root, vendor, sizeof vendor, "/sys/class/dmi/id/board_vendor");
        return vendor_known ? arena_printf(a, "%s %s", vendor, name) : arena_strdup(a, name);
    }
    return system_line(root, name, sizeof name, "/proc/device-tree/model") ? arena_strdup(a, name) : NULL;
}

static const char *processor_name(const char *root, arena *a) {
    static const char *const keys[] = {"model name", "Hardware", "cpu model", "uarch"};
    char value[LINE];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (find_value(root, "/proc/cpuinfo", keys[i], value, sizeof value))
            return arena_strdup(a, value);
    return NULL;
}

machine machine_facts(const char *root, arena *a) {
    char value[LINE];
    struct utsname system;
    machine m = {.board = board_name(root, a), .processor = processor_name(root, a), .processors = worker_processors()};
    if (find_value(root, "/proc/meminfo", "MemTotal", value, sizeof value))
        m.memory = 1024 * strtod(value, NULL);
    if (uname(&system) == 0)
        m.system = arena_printf(a, "%s %s %s", system.sysname, system.release, system.machine);
    return m;
}

double load_average(const char *root) {
    char line[LINE];
    return system_line(root, line, sizeof line, "/proc/loadavg") ? strtod(line, NULL) : -1;
}

double peak_resident(void) {
    char value[LINE];
    return find_value("", "/proc/self/status", "VmHWM", value, sizeof value) ? 1024 * strtod(value, NULL) : 0;
}

/* Of all cores; -1 where none counts. */
static double thermal_events(const char *root) {
    double sum = -1;
    char line[LINE];
    for (int core = 0; core < 1024; core++) {
        if (!system_line(root, line, sizeof line, "/sys/devices/system/cpu/cpu%d/thermal_throttle/core_throttle_count",
                         core))
            break;
        sum = fmax(sum, 0) + strtod(line, NULL);
    }
    return sum;
}

strain machine_strain(const char *root) {
    char line[LINE];
    strain s = {.waited = -1, .held_back = -1, .thermal = thermal_events(root)};
    const char *total = NULL;
    if (find_value(root, "/proc/pressure/cpu", "some", line, sizeof line))
        total = strstr(line, "total=");
    if (total)
        s.waited = strtod(total + 6, NULL);
    if (find_value(root, "/sys/fs/cgroup/cpu.stat", "throttled_usec", line, sizeof line))
        s.held_back = strtod(line, NULL);
    return s;
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

/* Members of vendors' extensions, by their numbers: CL/cl_ext.h of some distributions lacks them. */
enum {
    DEVICE_PCI_BUS_ID_NV = 0x4008,
    DEVICE_PCI_SLOT_ID_NV = 0x4009,
    DEVICE_PCI_DOMAIN_ID_NV = 0x400A,
    DEVICE_TOPOLOGY_AMD = 0x4037,
    DEVICE_BOARD_NAME_AMD = 0x4038,
    DEVICE_PCI_BUS_INFO_KHR = 0x410F
};

static bool has_extension(const device *d, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = d->extensions; (at = strstr(at, name)); at += length)
        if ((at == d->extensions || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

pci_place device_pci(const device *d) {
    pci_place p = {0};
    cl_uint khr[4], nv[3] = {0};
    unsigned char amd[24]; /* type, then 17 unused bytes, bus, device, function */
    if (has_extension(d, "cl_khr_pci_bus_info") &&
        clGetDeviceInfo(d->id, DEVICE_PCI_BUS_INFO_KHR, sizeof khr, khr, NULL) == CL_SUCCESS)
        return (pci_place){true, khr[0], khr[1], khr[2], khr[3]};
    if (has_extension(d, "cl_nv_device_attribute_query") &&
        clGetDeviceInfo(d->id, DEVICE_PCI_BUS_ID_NV, sizeof nv[0], &nv[0], NULL) == CL_SUCCESS &&
        clGetDeviceInfo(d->id, DEVICE_PCI_SLOT_ID_NV, sizeof nv[1], &nv[1], NULL) == CL_SUCCESS) {
        if (clGetDeviceInfo(d->id, DEVICE_PCI_DOMAIN_ID_NV, sizeof nv[2], &nv[2], NULL) != CL_SUCCESS)
            nv[2] = 0;
        return (pci_place){true, nv[2], nv[0], nv[1] >> 3, nv[1] & 7};
    }
    if (has_extension(d, "cl_amd_device_attribute_query") &&
        clGetDeviceInfo(d->id, DEVICE_TOPOLOGY_AMD, sizeof amd, amd, NULL) == CL_SUCCESS)
        return (pci_place){true, 0, amd[21], amd[22], amd[23]};
    return p;
}

const char *device_board(const device *d, arena *a) {
    char name[LINE] = "";
    if (!has_extension(d, "cl_amd_device_attribute_query") ||
        clGetDeviceInfo(d->id, DEVICE_BOARD_NAME_AMD, sizeof name - 1, name, NULL) != CL_SUCCESS || !*name)
        return NULL;
    return arena_strdup(a, name);
}

/* The fastest core: those that idle say nothing of the one that works. */
static double processor_clock(const char *root, const char **source) {
    double fastest = 0;
    char line[LINE];
    for (int core = 0; core < 1024; core++) {
        if (!system_line(root, line, sizeof line, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", core))
            break;
        fastest = fmax(fastest, 1e-3 * strtod(line, NULL));
    }
    *source = "cpufreq, fastest core";
    if (fastest > 0)
        return fastest;
    if (find_value(root, "/proc/cpuinfo", "cpu MHz", line, sizeof line))
        fastest = strtod(line, NULL);
    *source = fastest > 0 ? "/proc/cpuinfo" : "neither cpufreq nor /proc/cpuinfo tells it";
    return fastest;
}

/* amdgpu and others have hwmon/hwmonN/freq1_input in Hz, i915 and xe gt_act_freq_mhz of the card. */
static double card_clock(const char *root, pci_place place, const char **source) {
    char folder[PATH_LENGTH / 2], full[PATH_LENGTH], line[LINE];
    double clock = 0;
    snprintf(folder, sizeof folder, "/sys/bus/pci/devices/%04x:%02x:%02x.%x", place.domain, place.bus, place.slot,
             place.function);
    for (int i = 0; i < 64 && clock == 0; i++)
        if (system_line(root, line, sizeof line, "%s/hwmon/hwmon%d/freq1_input", folder, i))
            clock = 1e-6 * strtod(line, NULL);
    *source = "hwmon freq1_input";
    if (clock > 0)
        return clock;
    snprintf(full, sizeof full, "%s%s/drm", root, folder);
    DIR *d = opendir(full);
    for (struct dirent *e; d && clock == 0 && (e = readdir(d));)
        if (!strncmp(e->d_name, "card", 4) &&
            system_line(root, line, sizeof line, "%s/drm/%.64s/gt_act_freq_mhz", folder, e->d_name))
            clock = strtod(line, NULL);
    if (d)
        closedir(d);
    *source = clock > 0 ? "drm gt_act_freq_mhz" : "neither hwmon nor drm tells the card's";
    return clock;
}

double clock_now(const char *root, const device *d, pci_place place, const char **source) {
    if (d->type & CL_DEVICE_TYPE_CPU)
        return processor_clock(root, source);
    if (place.known)
        return card_clock(root, place, source);
    *source = "the driver does not tell the card's place on the bus";
    return 0;
}
