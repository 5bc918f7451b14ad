/* loris-cl verify: compares what a device computes with golden arrays. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct verify_arguments {
    loris_engine_settings engine;
    const char *model, *dump, *against;
    bool json, quiet, verbose;
} verify_arguments;

static int run(int argc, char **argv);

static const option options[] = {
    {.kind = OPTION_TEXT,
     .name = "against",
     .argument = "cpu|N|NAME",
     .field = offsetof(verify_arguments, against),
     .help = "compare with another device instead, node by node",
     .detail = "the model is computed on both with the same inputs; cpu is the first CPU device"},
    {.kind = OPTION_FOLDER,
     .name = "dump",
     .argument = "DIR",
     .field = offsetof(verify_arguments, dump),
     .help = "write each computed array into this folder",
     .detail = "as .npy under the golden array's name"},
    OPTION_JSON(verify_arguments, "a list of {\"quantity\", \"precision\", \"max_abs_error\", \"scale\", "
                                  "\"tolerance\", \"pass\"}, or with --against "
                                  "of nodes,"),
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
    .description =
        "Computes every quantity for which the folder DIR holds a golden array and compares. A quantity "
        "passes when its largest "
        "error is at most the tolerance times the golden array's largest magnitude (scale). Without DIR, a "
        "small network with "
        "known answers is computed, in a few seconds.\n\n"
        "DIR holds .npy arrays beside a model, or NAME-score.json with its golden arrays, which are "
        "computed with the model that "
        "--model names.\n\n"
        "With --against, one evaluation of the model's networks is computed on two devices, each node with the same "
        "inputs on both, and the first node that differs is named with its kernel, variant and sizes. The inputs are "
        "made up, or those of VIDEO. The other device computes with the program's own kernels; --backend and "
        "--kernels-dir are for the device that is verified.\n\n"
        "The exit status is 0 when everything passes, 1 when something does not.",
    .options = options,
    .operand = {.name = "DIR|VIDEO", .kind = OPTION_FILE},
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

/* ---- against another device -------------------------------------------------------------------------------------- */

static void print_node(void *user, const loris_node_comparison *n) {
    output *o = user;
    const bool first = o->count++ == 0;
    if (o->arguments->json) {
        const char *const members[][2] = {{"network", n->network},
                                          {"name", n->name},
                                          {"operation", n->operation},
                                          {"shape", n->shape},
                                          {"kernel", n->kernel[1]},
                                          {"variant", n->variant[1]},
                                          {"backend", n->backend[1]},
                                          {"reference_kernel", n->kernel[0]},
                                          {"reference_variant", n->variant[0]}};
        const double numbers[] = {n->error, n->scale, n->allowed, n->values[1], n->values[0]};
        static const char *const names[] = {"error", "scale", "allowed", "value", "reference_value"};
        fputs(first ? "[{" : ",\n {", stdout);
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
            printf("\"%s\": ", members[i][0]);
            print_json_string(members[i][1]);
            fputs(", ", stdout);
        }
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            printf("\"%s\": ", names[i]);
            print_json_number(numbers[i]);
            fputs(", ", stdout);
        }
        printf("\"position\": %zu, \"differs\": %s}", n->position, n->differs ? "true" : "false");
    } else if (n->differs && !o->arguments->quiet) {
        printf("%s: %s: error %.3g, allowed %.3g, %s %s, kernel %s (%s)\n", n->network, n->name, n->error, n->allowed,
               n->operation, n->shape, n->kernel[1], n->variant[1]);
    }
}

/* The number of the first CPU device for "cpu"; else what was given. */
static const char *reference_device(const char *against, char number[16]) {
    loris_device_info *list;
    size_t count;
    int chosen;
    if (strcmp(against, "cpu") != 0 || loris_devices(&list, &count, &chosen) != LORIS_OK)
        return against;
    for (size_t i = 0; i < count && against; i++)
        if (list[i].type == LORIS_DEVICE_CPU) {
            snprintf(number, 16, "%d", list[i].index);
            against = NULL;
        }
    loris_free(list);
    return against ? against : number;
}

static loris_status compare(const verify_arguments *a, const char *video, const char *model) {
    loris_engine *reference = NULL, *tested = NULL;
    loris_engine_settings settings = a->engine;
    loris_device_info devices[2];
    char number[16];
    size_t nodes;
    output o = {.arguments = a};
    settings.device = reference_device(a->against, number);
    settings.backend = LORIS_BACKEND_OWN;
    settings.kernels_dir = NULL;
    const loris_compare_settings what = {.model = model, .video = video, .node = print_node, .node_user = &o};
    loris_status status = loris_engine_open(&reference, &settings);
    if (status == LORIS_OK)
        status = loris_engine_open(&tested, &a->engine);
    if (status == LORIS_OK)
        status = loris_compare(reference, tested, &what, &nodes);
    if (a->json && o.count)
        puts("]");
    if (status == LORIS_OK && !a->json && !a->quiet) {
        loris_engine_device(reference, &devices[0]);
        loris_engine_device(tested, &devices[1]);
        printf("%zu nodes agree on %s (%s) and %s (%s)\n", nodes, devices[1].name, devices[1].platform, devices[0].name,
               devices[0].platform);
    }
    loris_engine_close(tested);
    loris_engine_close(reference);
    return status;
}

static int run(int argc, char **argv) {
    verify_arguments arguments = {0};
    const char *folder;
    int exit_status;
    loris_engine_defaults(&arguments.engine);
    if (!parse_options(&command_verify, argc, argv, &arguments, &folder, &exit_status))
        return exit_status;
    if (arguments.against && folder && (exit_status = check_video(folder)) != EXIT_DONE)
        return exit_status;
    const bool optional = !arguments.model && !arguments.against;
    char *model = find_model(arguments.model ? arguments.model : DEFAULT_MODEL, optional);
    if (!optional && !model)
        return EXIT_INPUT;
    show_messages(arguments.quiet, arguments.verbose);
    loris_status status = arguments.against ? compare(&arguments, folder, model) : verify(&arguments, folder, model);
    free(model);
    return status == LORIS_OK ? EXIT_DONE : complain_library(status);
}
