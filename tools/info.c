/* loris-cl info: what a model file or a checkpoint is. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct info_arguments {
    loris_engine_settings engine;
    const char *config;
    bool tensors, plan, json, quiet, verbose;
} info_arguments;

static int run(int argc, char **argv);

static const option options[] = {{.kind = OPTION_FLAG,
                                  .name = "tensors",
                                  .field = offsetof(info_arguments, tensors),
                                  .help = "list every tensor with its type and shape"},
                                 {.kind = OPTION_FLAG,
                                  .name = "plan",
                                  .field = offsetof(info_arguments, plan),
                                  .help = "print what a device would compute",
                                  .detail = "memory and FLOP of an evaluation, and every node"},
                                 OPTION_DEVICE(info_arguments),
                                 OPTION_BACKEND(info_arguments),
                                 {.kind = OPTION_FILE,
                                  .name = "config",
                                  .argument = "FILE",
                                  .field = offsetof(info_arguments, config),
                                  .help = "JSON with what tensors do not tell, as for convert"},
                                 OPTION_JSON(info_arguments, "all that is known, tensors included,"),
                                 OPTION_QUIET(info_arguments),
                                 OPTION_VERBOSE(info_arguments),
                                 OPTIONS_STANDARD};

const command command_info = {
    .name = "info",
    .summary = "tell what a model or checkpoint is",
    .description =
        "Prints the kind of a model, its size, types and hyper-parameters. MODEL is an installed model's name, "
        "a .safetensors file or its folder, or a checkpoint that convert reads.",
    .options = options,
    .operand = {.name = "MODEL", .required = true, .kind = OPTION_FILE},
    .run = run};

static const char *explain_kind(const char *kind) {
    static const char *const kinds[][2] = {
        {"loris", "waveform from video features and movement"},
        {"loris-genre", "waveform from video features, movement and a genre"},
        {"bands", "spectrogram from a score and movement"},
        {"movenet", "joints of a person in pictures"},
        {"i3d", "features of LORIS from frames"},
        {"upsampler", "waveform from one of a lower rate"},
        {"conditional", "waveform from channels or features"},
        {"unconditional", "waveform from noise alone"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i][0]) == 0)
            return kinds[i][1];
    return "";
}

static void print_summary(const loris_model_info *info) {
    printf("kind        %s: %s\n", info->kind, explain_kind(info->kind));
    if (info->name[0]) {
        char name[sizeof info->name];
        memcpy(name, info->name, sizeof name);
        make_printable(name);
        printf("name        %s\n", name);
    }
    printf("container   %s, %.1f MB\n", info->container, 1e-6 * (double)info->bytes);
    printf("parameters  %.3f M in %zu tensors of %s\n", 1e-6 * (double)info->parameters, info->tensors, info->dtypes);
    if (info->repeated)
        printf("repeated    %zu tensors are there under a second name\n", info->repeated);
    if (info->hop)
        printf("lengths     multiples of %d\n", info->hop);
    if (info->window)
        printf("trained on  lengths of %d\n", info->window);
}

static void print_tensors(const loris_model_info *info) {
    for (size_t i = 0; i < info->tensors; i++) {
        const loris_tensor_info *t = &info->tensor[i];
        printf("%-5s %s [", t->dtype, t->name);
        for (int k = 0; k < t->rank; k++)
            printf("%s%lld", k ? ", " : "", (long long)t->dim[k]);
        puts("]");
    }
}

/* Networks that `convert` has not made models of have no settings to plan with: the library says so. */
static int print_plan(const info_arguments *a, const char *path) {
    loris_engine *engine = NULL;
    char *plan = NULL;
    loris_status status = loris_engine_open(&engine, &a->engine);
    if (status == LORIS_OK)
        status = loris_model_plan(engine, path, &plan);
    loris_engine_close(engine);
    if (status != LORIS_OK)
        return complain_library(status);
    fputs(plan, stdout);
    loris_free(plan);
    return EXIT_DONE;
}

static int print_model(const info_arguments *a, const char *path) {
    loris_model_info info;
    loris_status status = loris_model_describe(path, a->config, &info);
    if (status != LORIS_OK)
        return complain_library(status);
    if (a->json) {
        fputs(info.json, stdout);
    } else {
        print_summary(&info);
        puts(info.config);
        if (a->tensors)
            print_tensors(&info);
    }
    loris_model_info_free(&info);
    return a->plan && !a->json ? print_plan(a, path) : EXIT_DONE;
}

static int run(int argc, char **argv) {
    info_arguments arguments = {0};
    const char *name;
    int exit_status;
    loris_engine_defaults(&arguments.engine);
    if (!parse_options(&command_info, argc, argv, &arguments, &name, &exit_status))
        return exit_status;
    char *path = find_model(name, false);
    if (!path)
        return EXIT_INPUT;
    show_messages(arguments.quiet, arguments.verbose);
    exit_status = print_model(&arguments, path);
    free(path);
    return finish_output(exit_status);
}
