#include "bench/nvml.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/* The C interface as NVIDIA documents it (NVML API reference guide); every function returns 0 on success. */
typedef void *nvml_handle;
typedef int nvml_void_function(void);
typedef int nvml_find_function(const char *bus_id, nvml_handle *out);
typedef int nvml_u64_function(nvml_handle device, unsigned long long *out);
typedef int nvml_u32_function(nvml_handle device, unsigned *out);
typedef int nvml_clock_function(nvml_handle device, unsigned kind, unsigned *out);

enum { CLOCK_SM = 1 };

struct nvml_device {
    void *library;
    nvml_handle handle;
    nvml_void_function *shutdown;
    nvml_u64_function *energy, *reasons;
    nvml_u32_function *power;
    nvml_clock_function *clock;
};

/* ISO C knows no conversion from an object's address to a function's; POSIX demands that this works. */
#define LOOK_UP(library, target, name) (*(void **)&(target) = dlsym(library, name))

static bool begin(nvml_device *d, const char *bus_id) {
    nvml_void_function *init;
    nvml_find_function *find;
    LOOK_UP(d->library, init, "nvmlInit_v2");
    LOOK_UP(d->library, find, "nvmlDeviceGetHandleByPciBusId_v2");
    LOOK_UP(d->library, d->shutdown, "nvmlShutdown");
    LOOK_UP(d->library, d->energy, "nvmlDeviceGetTotalEnergyConsumption");
    LOOK_UP(d->library, d->power, "nvmlDeviceGetPowerUsage");
    LOOK_UP(d->library, d->clock, "nvmlDeviceGetClockInfo");
    LOOK_UP(d->library, d->reasons, "nvmlDeviceGetCurrentClocksThrottleReasons");
    if (!init || !find || !d->shutdown || init() != 0)
        return false;
    if (find(bus_id, &d->handle) == 0)
        return true;
    d->shutdown();
    return false;
}

nvml_device *nvml_open(const char *library, unsigned domain, unsigned bus, unsigned slot) {
    char bus_id[32];
    nvml_device *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    snprintf(bus_id, sizeof bus_id, "%08x:%02x:%02x.0", domain, bus, slot);
    d->library = dlopen(library ? library : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (d->library && begin(d, bus_id))
        return d;
    if (d->library)
        dlclose(d->library);
    free(d);
    return NULL;
}

void nvml_close(nvml_device *d) {
    if (!d)
        return;
    d->shutdown();
    dlclose(d->library);
    free(d);
}

bool nvml_energy(const nvml_device *d, double *joules) {
    unsigned long long millijoules;
    if (!d->energy || d->energy(d->handle, &millijoules) != 0)
        return false;
    *joules = 1e-3 * (double)millijoules;
    return true;
}

bool nvml_power(const nvml_device *d, double *watts) {
    unsigned milliwatts;
    if (!d->power || d->power(d->handle, &milliwatts) != 0)
        return false;
    *watts = 1e-3 * milliwatts;
    return true;
}

double nvml_clock(const nvml_device *d) {
    unsigned megahertz;
    return d->clock && d->clock(d->handle, CLOCK_SM, &megahertz) == 0 ? megahertz : 0;
}

const char *nvml_throttling(const nvml_device *d) {
    static const struct {
        unsigned long long bit;
        const char *reason;
    } known[] = {{0x08, "slowed down by the hardware"},
                 {0x40, "too hot, slowed down by the hardware"},
                 {0x20, "too hot, slowed down by the driver"},
                 {0x80, "slowed down by the power supply"},
                 {0x04, "at its power limit"}};
    unsigned long long now;
    if (!d->reasons || d->reasons(d->handle, &now) != 0)
        return NULL;
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
        if (now & known[i].bit)
            return known[i].reason;
    return NULL;
}
