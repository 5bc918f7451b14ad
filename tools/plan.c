/* loris-cl plan: what a soundtrack would take on each device. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "loris/estimate.h"

typedef struct plan_arguments {
    loris_engine_settings engine;
    loris_settings settings;
    const char *model;
    bool json, quiet, verbose;
} plan_arguments;

static int run(int argc, char **argv);

static const option options[] = {{.kind = OPTION_TEXT,
                                  .letter = 'd',
                                  .name = "device",
                                  .argument = "all|N|NAME",
                                  .field = offsetof(plan_arguments, engine.device),
                                  .help = "for which device, by number or a part of its name",
                                  .fallback = "all"},
                                 {.kind = OPTION_NUMBER,
                                  .letter = 't',
                                  .name = "duration",
                                  .argument = "SECONDS",
                                  .field = offsetof(plan_arguments, settings.duration),
                                  .low = 0.5,
                                  .high = 600,
                                  .help = "only this much of the video's beginning",
                                  .fallback = "all of it"},
                                 OPTION_MODEL(plan_arguments),
                                 {.kind = OPTION_INTEGER,
                                  .name = "steps",
                                  .argument = "N",
                                  .field = offsetof(plan_arguments, settings.steps),
                                  .low = 2,
                                  .high = 1000,
                                  .help = "steps of denoising",
                                  .fallback = "the model's"},
                                 OPTION_BACKEND(plan_arguments),
                                 OPTION_PRECISION(plan_arguments),
                                 OPTION_JSON(plan_arguments, "a list of estimates"),
                                 OPTION_QUIET(plan_arguments),
                                 OPTION_VERBOSE(plan_arguments),
                                 OPTIONS_STANDARD};

const command command_plan = {
    .name = "plan",
    .summary = "tell what a soundtrack would take on each device",
    .description =
        "Plans the soundtrack of VIDEO without making it: memory, FLOP, the time expected, and whether it fits. Memory "
        "and "
        "FLOP are exact; times follow from short measurements of the device and the host, which take a second or two "
        "each. The exit status is 0 when it fits on a device, else 4.",
    .options = options,
    .operand = {.name = "VIDEO", .required = true, .kind = OPTION_FILE},
    .run = run};

/* One device's row; `failure` is NULL or what went wrong there. */
typedef struct row {
    loris_device_info device;
    loris_estimate estimate;
    char *failure;
} row;

static double total_seconds(const loris_estimate *e) {
    return e->watch_seconds + e->denoise_seconds + e->phase_seconds;
}

static void print_rows(const row *rows, size_t count) {
    printf("%3s %-32s %9s %10s %10s %9s %9s %9s %9s  %s\n", "#", "device", "memory", "GFLOP", "GFLOP/s", "watch",
           "denoise", "phase", "in all", "fits");
    for (size_t i = 0; i < count; i++) {
        const loris_estimate *e = &rows[i].estimate;
        printf("%3d %-32.32s ", rows[i].device.index, rows[i].device.name);
        if (rows[i].failure)
            printf("%s\n", rows[i].failure);
        else if (!e->fits)
            printf("%6.0f MB %10.0f %10s %9s %9s %9s %9s  no: %s\n", 1e-6 * (double)(e->activations + e->weights),
                   e->gflop, "-", "-", "-", "-", "-", e->obstacle);
        else
            printf("%6.0f MB %10.0f %10.1f %7.1f s %7.1f s %7.1f s %7.1f s  yes\n",
                   1e-6 * (double)(e->activations + e->weights), e->gflop, e->gflop_per_second, e->watch_seconds,
                   e->denoise_seconds, e->phase_seconds, total_seconds(e));
    }
    if (count && !rows[0].failure)
        printf("%.1f s of video, %d frames; %d window%s, %d evaluations of each\n", rows[0].estimate.duration,
               rows[0].estimate.frames, rows[0].estimate.windows, rows[0].estimate.windows == 1 ? "" : "s",
               rows[0].estimate.evaluations);
}

static void print_number(const char *name, double value) {
    printf(", \"%s\": ", name);
    print_json_number(value);
}

static void print_json(const row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const loris_estimate *e = &rows[i].estimate;
        printf("%s{\"index\": %d, \"device\": ", i ? ",\n " : "[", rows[i].device.index);
        print_json_string(rows[i].device.name);
        if (rows[i].failure) {
            fputs(", \"failure\": ", stdout);
            print_json_string(rows[i].failure);
        } else {
            printf(", \"fits\": %s, \"obstacle\": ", e->fits ? "true" : "false");
            print_json_string(e->obstacle);
            printf(", \"frames\": %d, \"windows\": %d, \"evaluations\": %d, \"activations\": %llu, \"weights\": %llu",
                   e->frames, e->windows, e->evaluations, (unsigned long long)e->activations,
                   (unsigned long long)e->weights);
            print_number("duration", e->duration);
            print_number("gflop", e->gflop);
            print_number("gflop_per_second", e->gflop_per_second);
            print_number("watch_seconds", e->watch_seconds);
            print_number("denoise_seconds", e->denoise_seconds);
            print_number("phase_seconds", e->phase_seconds);
            print_number("seconds", total_seconds(e));
        }
        putchar('}');
    }
    puts("]");
}

/* A device that fails has its failure in its row; what is wrong with the video or the model is the same on all. */
static loris_status estimate(const plan_arguments *a, const char *video, const char *device, row *r) {
    loris_engine_settings settings = a->engine;
    loris_engine *engine = NULL;
    settings.device = device;
    loris_status status = loris_engine_open(&engine, &settings);
    if (status == LORIS_OK)
        status = loris_engine_device(engine, &r->device);
    if (status == LORIS_OK)
        status = loris_estimate_soundtrack(engine, &a->settings, video, &r->estimate);
    loris_engine_close(engine);
    return status;
}

static loris_status estimate_all(const plan_arguments *a, const char *video, row **rows, size_t *count) {
    loris_device_info *list;
    int chosen;
    loris_status status = loris_devices(&list, count, &chosen);
    if (status != LORIS_OK)
        return status;
    *rows = calloc(*count, sizeof **rows);
    status = *rows ? LORIS_OK : LORIS_ERROR_MEMORY;
    for (size_t i = 0; i < *count && status == LORIS_OK; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", list[i].index);
        (*rows)[i].device = list[i];
        status = estimate(a, video, number, &(*rows)[i]);
        if (status == LORIS_ERROR_DEVICE) {
            (*rows)[i].failure = strdup(loris_error_message());
            status = LORIS_OK;
        }
    }
    loris_free(list);
    return status;
}

static int plan(const plan_arguments *a, const char *video) {
    row *rows = NULL;
    size_t count = 1;
    loris_status status;
    bool fits = false;
    if (!a->engine.device || !strcmp(a->engine.device, "all")) {
        status = estimate_all(a, video, &rows, &count);
    } else {
        rows = calloc(1, sizeof *rows);
        status = rows ? estimate(a, video, a->engine.device, rows) : LORIS_ERROR_MEMORY;
    }
    if (status == LORIS_OK && a->json)
        print_json(rows, count);
    else if (status == LORIS_OK && !a->quiet)
        print_rows(rows, count);
    for (size_t i = 0; rows && i < count; i++) {
        fits = fits || rows[i].estimate.fits;
        free(rows[i].failure);
    }
    free(rows);
    return status != LORIS_OK ? complain_library(status) : fits ? EXIT_DONE : EXIT_DEVICE;
}

static int run(int argc, char **argv) {
    plan_arguments a = {.model = DEFAULT_MODEL};
    const char *video;
    int status;
    loris_engine_defaults(&a.engine);
    loris_settings_defaults(&a.settings);
    if (!parse_options(&command_plan, argc, argv, &a, &video, &status))
        return status;
    show_messages(a.quiet, a.verbose);
    if ((status = check_video(video)) != EXIT_DONE)
        return status;
    char *model = find_model(a.model, false);
    if (!model)
        return EXIT_INPUT;
    a.settings.model = model;
    status = plan(&a, video);
    free(model);
    return status;
}
