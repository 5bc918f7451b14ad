/* loris-cl verify: compares what a device computes with golden arrays. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct verify_arguments {
    loris_engine_settings engine;
    const char *model, *dump;
    bool json, quiet, verbose;
} verify_arguments;

static int run(int argc, char **argv);

static const option options[] = {
    {.kind = OPTION_FOLDER,
     .name = "dump",
     .argument = "DIR",
     .field = offsetof(verify_arguments, dump),
     .help = "write each computed array into this folder",
     .detail = "as .npy under the golden array's name"},
    OPTION_JSON(verify_arguments,
                "a list of {\"quantity\", \"precision\", \"max_abs_error\", \"scale\", \"tolerance\", \"pass\"}"),
    OPTION_MODEL(verify_arguments),
    OPTION_DEVICE(verify_arguments),
    OPTION_BACKEND(verify_arguments),
    OPTION_PRECISION(verify_arguments),
    OPTION_KERNELS(verify_arguments),
    OPTION_QUIET(verify_arguments),
    OPTION_VERBOSE(verify_arguments),
    OPTIONS_STANDARD};

const command command_verify = {
    .name = "verify",
    .summary = "check that a device computes what it should",
    .description = "Computes every quantity for which the folder DIR holds a golden array and compares. A quantity "
                   "passes when its largest "
                   "error is at most the tolerance times the golden array's largest magnitude (scale). Without DIR, a "
                   "small network with "
                   "known answers is computed, in a few seconds.\n\n"
                   "DIR holds .npy arrays beside a model, or NAME-score.json with its golden arrays, which are "
                   "computed with the model that "
                   "--model names. The exit status is 0 when everything passes, 1 when something does not.",
    .options = options,
    .operand = {.name = "DIR", .kind = OPTION_FOLDER},
    .run = run};

/* What is printed as results come in. */
typedef struct output {
    const verify_arguments *arguments;
    size_t count;
} output;

static void print_quantity(void *user, const loris_quantity *q) {
    output *o = user;
    bool first = o->count++ == 0;
    progress_hide();
    if (o->arguments->json) {
        fputs(first ? "[{\"quantity\": " : ",\n {\"quantity\": ", stdout);
        print_json_string(q->name);
        fputs(", \"precision\": ", stdout);
        print_json_string(q->precision);
        fputs(", \"max_abs_error\": ", stdout);
        print_json_number(q->max_abs_error);
        fputs(", \"scale\": ", stdout);
        print_json_number(q->scale);
        fputs(", \"tolerance\": ", stdout);
        print_json_number(q->tolerance);
        printf(", \"pass\": %s}", q->pass ? "true" : "false");
    } else if (!o->arguments->quiet) {
        if (first)
            printf("%-28s %-9s %12s %12s %12s  %s\n", "quantity", "precision", "max error", "scale", "allowed", "pass");
        printf("%-28s %-9s %12.3g %12.3g %12.3g  %s\n", q->name, q->precision, q->max_abs_error, q->scale,
               q->tolerance * q->scale, q->pass ? "yes" : "NO");
        fflush(stdout);
    }
}

static loris_status verify(const verify_arguments *arguments, const char *folder, const char *model) {
    loris_engine *engine;
    loris_status status = loris_engine_open(&engine, &arguments->engine);
    if (status != LORIS_OK)
        return status;
    output o = {.arguments = arguments};
    const loris_verify_settings settings = {
        .dump = arguments->dump, .model = model, .quantity = print_quantity, .quantity_user = &o};
    status = loris_verify(engine, folder, &settings);
    if (arguments->json && (o.count || status == LORIS_OK))
        puts(o.count ? "]" : "[]");
    loris_engine_close(engine);
    return status;
}

static int run(int argc, char **argv) {
    verify_arguments arguments = {0};
    const char *folder;
    int exit_status;
    loris_engine_defaults(&arguments.engine);
    if (!parse_options(&command_verify, argc, argv, &arguments, &folder, &exit_status))
        return exit_status;
    char *model = find_model(arguments.model ? arguments.model : DEFAULT_MODEL, !arguments.model);
    if (arguments.model && !model)
        return EXIT_INPUT;
    show_messages(arguments.quiet, arguments.verbose);
    loris_status status = verify(&arguments, folder, model);
    free(model);
    return status == LORIS_OK ? EXIT_DONE : complain_library(status);
}
