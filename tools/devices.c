/* loris-cl devices: the OpenCL devices of this machine. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct devices_arguments {
    loris_engine_settings engine;
    bool json, quiet, verbose;
} devices_arguments;

static int run(int argc, char **argv);

static const option options[] = {
    OPTION_JSON(devices_arguments, "a list of objects with all that is known of each device"),
    {.kind = OPTION_FLAG,
     .letter = 'v',
     .name = "verbose",
     .field = offsetof(devices_arguments, verbose),
     .help = "examine each device",
     .detail = "limits, what is chosen for it and why, known quirks of its driver, and a known-answer test; it takes "
               "seconds"},
    OPTION_DEVICE(devices_arguments),
    OPTION_BACKEND(devices_arguments),
    OPTION_PRECISION(devices_arguments),
    OPTION_KERNELS(devices_arguments),
    OPTION_QUIET(devices_arguments),
    OPTIONS_STANDARD};

const command command_devices = {
    .name = "devices",
    .summary = "list the OpenCL devices",
    .description =
        "Lists the OpenCL devices of this machine: number, type, name, platform, memory, compute units, and whether "
        "tune "
        "has measured it. '*' marks the default. --device takes the number or a part of \"name (platform)\" that fits "
        "one device only; here it leaves "
        "the "
        "others out.\n\n"
        "With -v each device is examined: '+' marks what was checked and is right, '!' what is wrong. The exit status "
        "is "
        "then 1 when a device computes wrong results. When the list is empty, 'loris-cl doctor' explains why.",
    .options = options,
    .run = run};

static const char *type_name(loris_device_type type) {
    static const char *const names[] = {[LORIS_DEVICE_CPU] = "CPU",
                                        [LORIS_DEVICE_GPU] = "GPU",
                                        [LORIS_DEVICE_ACCELERATOR] = "accelerator",
                                        [LORIS_DEVICE_OTHER] = "other"};
    return names[type];
}

static int widest(const char *text, int width) {
    return (int)strlen(text) > width ? (int)strlen(text) : width;
}

static void print_table(const loris_device_info *list, size_t count, int chosen) {
    int type = 4, name = 4, platform = 8;
    for (size_t i = 0; i < count; i++) {
        type = widest(type_name(list[i].type), type);
        name = widest(list[i].name, name);
        platform = widest(list[i].platform, platform);
    }
    printf("   #  %-*s  %-*s  %-*s  %10s  %5s  %s\n", type, "type", name, "name", platform, "platform", "memory",
           "units", "tuned");
    for (size_t i = 0; i < count; i++)
        printf("%c %2d  %-*s  %-*s  %-*s  %6.1f GiB  %5u  %s\n", list[i].index == chosen ? '*' : ' ', list[i].index,
               type, type_name(list[i].type), name, list[i].name, platform, list[i].platform,
               (double)list[i].global_memory / (1 << 30), list[i].compute_units, list[i].tuned ? "yes" : "no");
}

static void print_text_member(const char *key, const char *value) {
    printf("\"%s\": ", key);
    print_json_string(value);
    fputs(", ", stdout);
}

static void print_json(const loris_device_info *list, loris_findings *const *examined, size_t count, int chosen) {
    for (size_t i = 0; i < count; i++) {
        const loris_device_info *d = &list[i];
        printf("%s{\"index\": %d, ", i ? ",\n " : "[", d->index);
        print_text_member("type", type_name(d->type));
        print_text_member("name", d->name);
        print_text_member("vendor", d->vendor);
        print_text_member("platform", d->platform);
        print_text_member("version", d->version);
        print_text_member("driver", d->driver);
        printf("\"compute_units\": %u, \"clock_mhz\": %u, \"global_memory\": %llu, \"max_allocation\": %llu, ",
               d->compute_units, d->clock_mhz, (unsigned long long)d->global_memory,
               (unsigned long long)d->max_allocation);
        printf("\"local_memory\": %llu, \"max_work_group\": %zu, \"fp16\": %s, \"tuned\": %s, \"default\": %s",
               (unsigned long long)d->local_memory, d->max_work_group, d->fp16 ? "true" : "false",
               d->tuned ? "true" : "false", d->index == chosen ? "true" : "false");
        if (examined[i]) {
            fputs(", \"findings\": ", stdout);
            print_findings_json(stdout, examined[i]);
        }
        putchar('}');
    }
    fputs("]\n", stdout);
}

static void print_examined(const loris_device_info *list, loris_findings *const *examined, size_t count) {
    for (size_t i = 0; i < count; i++) {
        printf("\n%d %s %s (%s)\n", list[i].index, type_name(list[i].type), list[i].name, list[i].platform);
        print_findings(stdout, examined[i], "  ");
    }
}

/* One after the other: each is opened and computes. */
static loris_status examine(const devices_arguments *a, const loris_device_info *list, size_t count,
                            loris_findings **examined) {
    loris_status status = LORIS_OK;
    for (size_t i = 0; i < count && status == LORIS_OK; i++) {
        loris_engine_settings settings = a->engine;
        char number[16];
        snprintf(number, sizeof number, "%d", list[i].index);
        settings.device = number;
        status = loris_device_examine(&settings, &examined[i]);
    }
    return status;
}

/* Leaves the chosen device alone in the list. */
static loris_status choose(const devices_arguments *a, loris_device_info *list, size_t *count) {
    loris_engine *engine = NULL;
    if (!a->engine.device)
        return LORIS_OK;
    loris_status status = loris_engine_open(&engine, &a->engine);
    if (status == LORIS_OK) {
        status = loris_engine_device(engine, &list[0]);
        *count = 1;
    }
    loris_engine_close(engine);
    return status;
}

static int show(const devices_arguments *a, loris_device_info *list, size_t count, int chosen) {
    loris_findings **examined = calloc(count, sizeof *examined);
    bool wrong = false;
    loris_status status = examined ? LORIS_OK : LORIS_ERROR_MEMORY;
    if (status == LORIS_OK)
        status = choose(a, list, &count);
    if (status == LORIS_OK && a->verbose)
        status = examine(a, list, count, examined);
    if (status == LORIS_OK && a->json)
        print_json(list, examined, count, chosen);
    else if (status == LORIS_OK)
        print_table(list, count, chosen);
    if (status == LORIS_OK && a->verbose && !a->json)
        print_examined(list, examined, count);
    for (size_t i = 0; examined && i < count; i++) {
        wrong = wrong || (examined[i] && worst_finding(examined[i]) == LORIS_FINDING_PROBLEM);
        loris_findings_free(examined[i]);
    }
    free(examined);
    return status != LORIS_OK ? complain_library(status) : wrong ? EXIT_FAULT : EXIT_DONE;
}

static int run(int argc, char **argv) {
    devices_arguments arguments = {0};
    int exit_status, chosen;
    loris_engine_defaults(&arguments.engine);
    if (!parse_options(&command_devices, argc, argv, &arguments, NULL, &exit_status))
        return exit_status;
    show_messages(arguments.quiet, false);
    loris_device_info *list;
    size_t count;
    loris_status status = loris_devices(&list, &count, &chosen);
    if (status != LORIS_OK)
        return complain_library(status);
    exit_status = show(&arguments, list, count, chosen);
    loris_free(list);
    return exit_status;
}
