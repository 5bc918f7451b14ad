#include "bench/energy.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/nvml.h"

enum { PACKAGES_MAX = 16, LINE = 128, PATH_LENGTH = 160 };

/* A counter of energy, or a power. */
typedef struct gauge {
    char path[PATH_LENGTH];
    double unit;  /* joules or watts in one of what the file counts */
    double range; /* where it starts again from 0; 0 = never */
    double from;  /* at energy_begin() */
} gauge;

struct energy_meter {
    const char *root;
    gauge gauges[PACKAGES_MAX];
    int count;
    bool power;        /* the gauge is a power */
    nvml_device *card; /* or NULL */
    bool card_counts;  /* has a counter of its own */

    pthread_t thread; /* where there is only a power */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool running, stop, broken;
    double joules;
};

/* ---- gauges ------------------------------------------------------------------------------------------------------ */

static bool read_gauge(const energy_meter *m, const gauge *g, double *value) {
    char line[LINE];
    if (!system_line(m->root, line, sizeof line, "%s", g->path))
        return false;
    char *end;
    *value = g->unit * strtod(line, &end);
    return end != line;
}

static bool add_gauge(energy_meter *m, double unit, double range, const char *format, ...) PRINTF_LIKE(4, 5);

static bool add_gauge(energy_meter *m, double unit, double range, const char *format, ...) {
    gauge g = {.unit = unit, .range = range};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(g.path, sizeof g.path, format, arguments);
    va_end(arguments);
    double ignored;
    if (m->count == PACKAGES_MAX || !read_gauge(m, &g, &ignored))
        return false;
    m->gauges[m->count++] = g;
    return true;
}

/* Every package of the machine: a process cannot be told from others. */
static const char *find_rapl(energy_meter *m) {
    char line[LINE];
    bool there = false;
    for (int i = 0; i < PACKAGES_MAX; i++) {
        if (!system_line(m->root, line, sizeof line, "/sys/class/powercap/intel-rapl:%d/name", i) ||
            strncmp(line, "package", 7))
            continue;
        there = true;
        double range = 0;
        if (system_line(m->root, line, sizeof line, "/sys/class/powercap/intel-rapl:%d/max_energy_range_uj", i))
            range = 1e-6 * strtod(line, NULL);
        add_gauge(m, 1e-6, range, "/sys/class/powercap/intel-rapl:%d/energy_uj", i);
    }
    return m->count ? NULL
           : there  ? "RAPL counters are there, but may be read by root alone (/sys/class/powercap)"
                    : "the system shows no RAPL counters (/sys/class/powercap)";
}

static const char *find_hwmon(energy_meter *m, pci_place p) {
    for (int i = 0; i < 64; i++) {
        char folder[LINE];
        snprintf(folder, sizeof folder, "/sys/bus/pci/devices/%04x:%02x:%02x.%x/hwmon/hwmon%d", p.domain, p.bus, p.slot,
                 p.function, i);
        if (add_gauge(m, 1e-6, 0, "%s/energy1_input", folder))
            return NULL;
        m->power =
            add_gauge(m, 1e-6, 0, "%s/power1_average", folder) || add_gauge(m, 1e-6, 0, "%s/power1_input", folder);
        if (m->power)
            return NULL;
    }
    return "neither NVML nor the card's hwmon shows energy or power";
}

/* ---- powers, added up -------------------------------------------------------------------------------------------- */

static bool power_now(const energy_meter *m, double *watts) {
    return m->card ? nvml_power(m->card, watts) : read_gauge(m, &m->gauges[0], watts);
}

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *add_up(void *user) {
    energy_meter *m = user;
    double watts, before, at = seconds_now();
    pthread_mutex_lock(&m->lock);
    m->broken = !power_now(m, &before);
    for (bool last = false; !last && !m->broken;) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100 * 1000 * 1000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        while (!m->stop && pthread_cond_timedwait(&m->wake, &m->lock, &until) == 0)
            ;
        last = m->stop;
        m->broken = !power_now(m, &watts);
        const double now = seconds_now();
        m->joules += 0.5 * (before + watts) * (now - at);
        before = watts;
        at = now;
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

static void stop_thread(energy_meter *m) {
    if (!m->running)
        return;
    pthread_mutex_lock(&m->lock);
    m->stop = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->thread, NULL);
    m->running = false;
}

static bool needs_thread(const energy_meter *m) {
    return m->card ? !m->card_counts : m->power;
}

/* ---- the meter --------------------------------------------------------------------------------------------------- */

energy_meter *energy_open(const energy_place *place, const char **source, const char **reason) {
    energy_meter *m = calloc(1, sizeof *m);
    *source = NULL;
    *reason = "out of memory";
    if (!m)
        return NULL;
    m->root = place->root;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->wake, NULL);
    if (place->processor) {
        *reason = find_rapl(m);
        *source = "RAPL, all packages of the machine";
    } else if (!place->pci.known) {
        *reason = "the driver does not tell the card's place on the bus";
    } else if ((m->card = nvml_open(place->nvml, place->pci.domain, place->pci.bus, place->pci.slot))) {
        double ignored;
        m->card_counts = nvml_energy(m->card, &ignored);
        *reason =
            m->card_counts || nvml_power(m->card, &ignored) ? NULL : "NVML shows neither energy nor power of this card";
        *source = m->card_counts ? "NVML, energy of the card" : "NVML, power of the card";
    } else {
        *reason = find_hwmon(m, place->pci);
        *source = m->power ? "hwmon, power of the card" : "hwmon, energy of the card";
    }
    if (!*reason)
        return m;
    *source = NULL;
    energy_close(m);
    return NULL;
}

void energy_close(energy_meter *m) {
    if (!m)
        return;
    stop_thread(m);
    nvml_close(m->card);
    pthread_cond_destroy(&m->wake);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

void energy_begin(energy_meter *m) {
    m->joules = 0;
    m->broken = m->stop = false;
    if (needs_thread(m)) {
        m->running = pthread_create(&m->thread, NULL, add_up, m) == 0;
        m->broken = !m->running;
    } else if (m->card) {
        m->broken = !nvml_energy(m->card, &m->joules);
    } else {
        for (int i = 0; i < m->count; i++)
            m->broken = !read_gauge(m, &m->gauges[i], &m->gauges[i].from) || m->broken;
    }
}

bool energy_end(energy_meter *m, double *joules) {
    double now;
    *joules = 0;
    if (needs_thread(m)) {
        stop_thread(m);
        *joules = m->joules;
    } else if (m->card) {
        m->broken = !nvml_energy(m->card, &now) || m->broken;
        *joules = now - m->joules;
    } else {
        for (int i = 0; i < m->count; i++) {
            const gauge *g = &m->gauges[i];
            m->broken = !read_gauge(m, g, &now) || m->broken;
            *joules += now >= g->from ? now - g->from : now - g->from + g->range;
        }
    }
    return !m->broken && *joules > 0;
}

double energy_clock(const energy_meter *m) {
    return m && m->card ? nvml_clock(m->card) : 0;
}

const char *energy_throttling(const energy_meter *m) {
    return m && m->card ? nvml_throttling(m->card) : NULL;
}
