/* A stand-in for NVIDIA's management library, of which a test asks what host/bench/nvml.c asks: one card, on bus 7. */
#include <string.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, void **out);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules);
int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts);
int nvmlDeviceGetClockInfo(void *device, unsigned kind, unsigned *megahertz);
int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons);

static unsigned long long counter = 1000;

int nvmlInit_v2(void) {
    return 0;
}

int nvmlShutdown(void) {
    return 0;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, void **out) {
    *out = &counter;
    return strcmp(bus_id, "00000000:07:00.0") != 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    *millijoules = *(unsigned long long *)device += 5000;
    return 0;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) {
    (void)device;
    *milliwatts = 250000;
    return 0;
}

int nvmlDeviceGetClockInfo(void *device, unsigned kind, unsigned *megahertz) {
    (void)device;
    *megahertz = 1410;
    return kind != 1;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons) {
    (void)device;
    *reasons = 4;
    return 0;
}
