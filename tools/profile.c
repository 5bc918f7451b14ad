/* loris-cl profile: what a device does while it makes a soundtrack. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "loris/profile.h"

enum { TOP = 10 };

typedef struct profile_arguments {
    loris_engine_settings engine;
    loris_settings settings;
    const char *model, *output;
    bool json, quiet, verbose;
} profile_arguments;

static int run(int argc, char **argv);

static const option options[] = {{.kind = OPTION_FILE,
                                  .letter = 'o',
                                  .name = "output",
                                  .argument = "FILE",
                                  .field = offsetof(profile_arguments, output),
                                  .help = "where to write the trace",
                                  .detail = "for ui.perfetto.dev or chrome://tracing",
                                  .fallback = "VIDEO's name with \"-trace.json\", in the current folder"},
                                 OPTION_JSON(profile_arguments, "every node that ran, the longest first,"),
                                 OPTION_MODEL(profile_arguments),
                                 {.kind = OPTION_INTEGER,
                                  .name = "steps",
                                  .argument = "N",
                                  .field = offsetof(profile_arguments, settings.steps),
                                  .low = 2,
                                  .high = 1000,
                                  .help = "steps of denoising",
                                  .fallback = "the model's"},
                                 OPTION_DEVICE(profile_arguments),
                                 OPTION_BACKEND(profile_arguments),
                                 OPTION_PRECISION(profile_arguments),
                                 OPTION_KERNELS(profile_arguments),
                                 OPTION_QUIET(profile_arguments),
                                 OPTION_VERBOSE(profile_arguments),
                                 OPTIONS_STANDARD};

const command command_profile = {
    .name = "profile",
    .summary = "tell what takes how long on a device",
    .description =
        "Makes the soundtrack of a video as run does, throws it away, and keeps the time of each launch on the "
        "device and of each stage of the host. Prints the ten nodes of the networks that took longest, with the "
        "rate at which they compute and move memory, and writes a trace: stages of the host, launches nested by "
        "scope, transfers.",
    .options = options,
    .operand = {.name = "VIDEO", .required = true, .kind = OPTION_FILE},
    .run = run};

/* ---- what is printed --------------------------------------------------------------------------------------------- */

static double per_second(const loris_profile_node *n, double of_a_call) {
    return n->seconds > 0 ? of_a_call * (double)n->calls / n->seconds : 0;
}

static double moved(const loris_profile_node *n) {
    return n->read_bytes + n->written_bytes;
}

static void print_top(const loris_profile_node *list, size_t count) {
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += list[i].seconds;
    printf("%8s %6s %8s %9s %8s  %-16s %-20s %s\n", "seconds", "share", "calls", "GFLOP/s", "GB/s", "operation",
           "kernel", "node");
    for (size_t i = 0; i < count && i < TOP; i++) {
        const loris_profile_node *n = &list[i];
        printf("%8.3f %5.1f%% %8ld %9.2f %8.2f  %-16s %-20s %s%s%s\n", n->seconds, 100 * n->seconds / total, n->calls,
               1e-9 * per_second(n, n->flop), 1e-9 * per_second(n, moved(n)), n->operation, n->kernel, n->network,
               *n->network ? ": " : "", n->name);
    }
    printf("%8.3f seconds of the device in %zu nodes\n", total, count);
}

static void print_member(const char *key, const char *value) {
    printf(", \"%s\": ", key);
    print_json_string(value);
}

static void print_number(const char *key, double value) {
    printf(", \"%s\": ", key);
    print_json_number(value);
}

static void print_nodes(const loris_profile_node *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const loris_profile_node *n = &list[i];
        fputs(i ? ",\n {\"network\": " : "[{\"network\": ", stdout);
        print_json_string(n->network);
        print_member("name", n->name);
        print_member("operation", n->operation);
        print_member("variant", n->variant);
        print_member("backend", n->backend);
        print_member("kernel", n->kernel);
        print_member("phase", n->phase);
        print_member("shape", n->shape);
        printf(", \"calls\": %ld, \"launches\": %ld", n->calls, n->launches);
        print_number("seconds", n->seconds);
        print_number("flop", n->flop);
        print_number("read_bytes", n->read_bytes);
        print_number("written_bytes", n->written_bytes);
        putchar('}');
    }
    puts(count ? "]" : "[]");
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

/* "path/dance.webm" -> "dance-trace.json"; free() it. */
static char *default_trace(const char *video) {
    const char *slash = strrchr(video, '/'), *base = slash ? slash + 1 : video, *dot = strrchr(base, '.');
    int length = dot && dot > base ? (int)(dot - base) : (int)strlen(base);
    char *name;
    return asprintf(&name, "%.*s-trace.json", length, base) < 0 ? NULL : name;
}

static loris_status record(loris_engine **engine, const profile_arguments *a, const char *video, const char *discarded,
                           const char *trace, loris_profile_node **nodes, size_t *count) {
    loris_status status = loris_engine_open(engine, &a->engine);
    if (status == LORIS_OK)
        status = loris_soundtrack(*engine, &a->settings, video, discarded, NULL);
    if (status == LORIS_OK)
        status = loris_profile_write_trace(*engine, trace);
    return status == LORIS_OK ? loris_profile_nodes(*engine, nodes, count) : status;
}

/* The soundtrack goes into a folder of its own, which then disappears. */
static int profile(const profile_arguments *a, const char *video, const char *trace) {
    const char *temporary = getenv("TMPDIR");
    char folder[4096], discarded[4128];
    loris_engine *engine = NULL;
    loris_profile_node *nodes = NULL;
    size_t count = 0;
    snprintf(folder, sizeof folder, "%s/loris-cl-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(folder))
        return complain(EXIT_OUTPUT, "set TMPDIR to a folder that can be written", "%s: cannot be made", folder);
    snprintf(discarded, sizeof discarded, "%s/soundtrack.mp4", folder);
    set_leftovers(discarded, folder);
    progress_begin(a->quiet, a->verbose);
    loris_status status = record(&engine, a, video, discarded, trace, &nodes, &count);
    progress_end(status == LORIS_OK);
    unlink(discarded);
    rmdir(folder);
    set_leftovers(NULL, NULL);
    const int exit_status = status == LORIS_OK ? EXIT_DONE : complain_library(status);
    if (status == LORIS_OK && a->json)
        print_nodes(nodes, count);
    else if (status == LORIS_OK && !a->quiet)
        print_top(nodes, count);
    loris_free(nodes);
    loris_engine_close(engine);
    return exit_status;
}

static int run(int argc, char **argv) {
    profile_arguments a = {.model = DEFAULT_MODEL};
    const char *video;
    int status;
    loris_engine_defaults(&a.engine);
    loris_settings_defaults(&a.settings);
    a.engine.profile = true;
    a.settings.seed = 1;
    a.settings.progress = progress_update;
    if (!parse_options(&command_profile, argc, argv, &a, &video, &status))
        return status;
    show_messages(a.quiet, a.verbose);
    if ((status = check_video(video)) != EXIT_DONE || (a.output && (status = check_folder(a.output)) != EXIT_DONE))
        return status;
    char *trace = a.output ? strdup(a.output) : default_trace(video), *model = find_model(a.model, false);
    a.settings.model = model;
    if (!model || !trace)
        status = model ? complain(EXIT_FAULT, NULL, "out of memory") : EXIT_INPUT;
    else if ((status = check_names((const char *const[]){video, trace}, 2)) == EXIT_DONE)
        status = profile(&a, video, trace);
    free(model);
    free(trace);
    return status;
}
