/* loris-cl tune: measures what is fastest on a device, and keeps it for every run. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "loris/tune.h"

typedef struct tune_arguments {
    loris_engine_settings engine;
    loris_tune_settings settings;
    const char *model;
    bool json, quiet, verbose;
} tune_arguments;

static int run(int argc, char **argv);

static const option options[] = {OPTION_MODEL(tune_arguments),
                                 {.kind = OPTION_NUMBER,
                                  .name = "share",
                                  .argument = "X",
                                  .field = offsetof(tune_arguments, settings.share),
                                  .low = 0.01,
                                  .high = 1,
                                  .help = "tune the shapes that make up this much of the work",
                                  .detail = "less is quicker",
                                  .fallback = "0.95"},
                                 OPTION_JSON(tune_arguments, "what was found for each shape"),
                                 OPTION_DEVICE(tune_arguments),
                                 OPTION_BACKEND(tune_arguments),
                                 OPTION_PRECISION(tune_arguments),
                                 OPTION_KERNELS(tune_arguments),
                                 OPTION_QUIET(tune_arguments),
                                 OPTION_VERBOSE(tune_arguments),
                                 OPTIONS_STANDARD};

const command command_tune = {.name = "tune",
                              .summary = "measure what is fastest on a device, and keep it",
                              .description =
                                  "Takes the shapes of products, attention and streams from the networks of the model "
                                  "and of the published LORIS, "
                                  "measures for each what the device could do (libraries, sizes of tiles and "
                                  "work-groups, precisions) and keeps what "
                                  "has the best score, speed times a penalty for the error, in the user's "
                                  "configuration. Every run on this device "
                                  "with this driver uses it. Takes some minutes; let nothing else run meanwhile.",
                              .options = options,
                              .run = run};

/* ---- what is printed --------------------------------------------------------------------------------------------- */

typedef struct output {
    const tune_arguments *arguments;
    int count;
} output;

static void print_members(const loris_tuned *t) {
    fputs("{\"kind\": ", stdout);
    print_json_string(t->kind);
    fputs(", \"storage\": ", stdout);
    print_json_string(t->storage);
    printf(
        ", \"batch\": %d, \"rows\": %d, \"columns\": %d, \"channels\": %d, \"taps\": %d, \"stride\": %d, \"choice\": ",
        t->batch, t->rows, t->columns, t->channels, t->taps, t->stride);
    print_json_string(t->choice);
    fputs(", \"speed\": ", stdout);
    print_json_number(t->speed);
    fputs(", \"default_speed\": ", stdout);
    print_json_number(t->default_speed);
    fputs(", \"error\": ", stdout);
    print_json_number(t->error);
    putchar('}');
}

static void print_tuned(void *user, const loris_tuned *t) {
    output *o = user;
    const bool first = o->count++ == 0;
    if (o->arguments->quiet && !o->arguments->json)
        return;
    progress_hide();
    if (o->arguments->json) {
        fputs(first ? "{\"shapes\": [" : ",\n ", stdout);
        print_members(t);
        return;
    }
    if (first)
        printf("%-9s %6s %7s %7s %8s %4s %6s  %10s %10s %8s  %s\n", "kind", "batch", "rows", "columns", "channels",
               "taps", "stride", "default", "tuned", "error", "choice");
    printf("%-9s %6d %7d %7d %8d %4d %6d  %8.1f G %8.1f G %8.1e  %s\n", t->kind, t->batch, t->rows, t->columns,
           t->channels, t->taps, t->stride, t->default_speed * 1e-9, t->speed * 1e-9, t->error, t->choice);
    fflush(stdout);
}

static void print_end(const tune_arguments *a, const loris_tune_report *r) {
    if (a->json) {
        fputs("],\n \"precision\": ", stdout);
        print_json_string(r->precision);
        printf(", \"shapes_changed\": %d, \"seconds\": ", r->changed);
        print_json_number(r->seconds);
        fputs(", \"file\": ", stdout);
        print_json_string(r->path);
        fputs("}\n", stdout);
    } else if (!a->quiet) {
        printf("%d of %d shapes do better than by default, found in %.0f s\n", r->changed, r->shapes, r->seconds);
        if (*r->precision)
            printf("--precision auto is %s from now on\n", r->precision);
        printf("kept in %s\n", r->path);
    }
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static loris_status tune(tune_arguments *a) {
    loris_engine *engine;
    loris_tune_report report;
    output o = {.arguments = a};
    loris_status status = loris_engine_open(&engine, &a->engine);
    if (status != LORIS_OK)
        return status;
    a->settings.tuned = print_tuned;
    a->settings.tuned_user = &o;
    a->settings.progress = progress_update;
    progress_begin(a->quiet, a->verbose);
    status = loris_tune(engine, &a->settings, &report);
    progress_end(status == LORIS_OK);
    if (status == LORIS_OK)
        print_end(a, &report);
    loris_engine_close(engine);
    return status;
}

static int run(int argc, char **argv) {
    tune_arguments arguments = {0};
    int exit_status;
    loris_engine_defaults(&arguments.engine);
    loris_tune_defaults(&arguments.settings);
    if (!parse_options(&command_tune, argc, argv, &arguments, NULL, &exit_status))
        return exit_status;
    char *model = find_model(arguments.model ? arguments.model : DEFAULT_MODEL, !arguments.model);
    if (arguments.model && !model)
        return EXIT_INPUT;
    arguments.settings.model = model;
    show_messages(arguments.quiet, arguments.verbose);
    loris_status status = tune(&arguments);
    free(model);
    return status == LORIS_OK ? EXIT_DONE : complain_library(status);
}
