/* loris-cl devices: the OpenCL devices of this machine. */
#include <string.h>

#include "cli.h"

typedef struct devices_arguments {
    bool json, quiet, verbose;
} devices_arguments;

static int run(int argc, char **argv);

static const option options[] = {
    OPTION_JSON(devices_arguments, "a list of objects with all that is known of each device"),
    OPTION_QUIET(devices_arguments), OPTION_VERBOSE(devices_arguments), OPTIONS_STANDARD};

const command command_devices = {
    .name = "devices",
    .summary = "list the OpenCL devices",
    .description =
        "Lists the OpenCL devices of this machine: number, type, name, platform, memory, compute units. '*' marks the "
        "default. --device takes the number or a part of \"name (platform)\" that fits one device only.",
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
    printf("   #  %-*s  %-*s  %-*s  %10s  %5s\n", type, "type", name, "name", platform, "platform", "memory", "units");
    for (size_t i = 0; i < count; i++)
        printf("%c %2d  %-*s  %-*s  %-*s  %6.1f GiB  %5u\n", list[i].index == chosen ? '*' : ' ', list[i].index, type,
               type_name(list[i].type), name, list[i].name, platform, list[i].platform,
               (double)list[i].global_memory / (1 << 30), list[i].compute_units);
}

static void print_text_member(const char *key, const char *value) {
    printf("\"%s\": ", key);
    print_json_string(value);
    fputs(", ", stdout);
}

static void print_json(const loris_device_info *list, size_t count, int chosen) {
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
        printf("\"local_memory\": %llu, \"max_work_group\": %zu, \"fp16\": %s, \"default\": %s}",
               (unsigned long long)d->local_memory, d->max_work_group, d->fp16 ? "true" : "false",
               d->index == chosen ? "true" : "false");
    }
    fputs("]\n", stdout);
}

static int run(int argc, char **argv) {
    devices_arguments arguments = {0};
    int exit_status, chosen;
    if (!parse_options(&command_devices, argc, argv, &arguments, NULL, &exit_status))
        return exit_status;
    show_messages(arguments.quiet, arguments.verbose);
    loris_device_info *list;
    size_t count;
    loris_status status = loris_devices(&list, &count, &chosen);
    if (status != LORIS_OK)
        return complain_library(status);
    if (arguments.json)
        print_json(list, count, chosen);
    else
        print_table(list, count, chosen);
    loris_free(list);
    return EXIT_DONE;
}
