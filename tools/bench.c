/* loris-cl bench: measures devices, each in a process of its own, so that a driver that crashes or hangs takes no other
 * with it. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "loris/bench.h"

#define FULL_SYNTHETIC "full-synthetic"

extern char **environ;

typedef struct bench_arguments {
    loris_engine_settings engine;
    const char *devices, *model, *output, *from, *slower;
    bool quick, compare, json, quiet, verbose;
    int runs, limit;
    int one; /* the device that this process is to measure; -1 = none: it starts others */
} bench_arguments;

static int run(int argc, char **argv);

static const option options[] = {
    {.kind = OPTION_TEXT,
     .name = "devices",
     .argument = "all|LIST",
     .field = offsetof(bench_arguments, devices),
     .help = "the devices to measure, one after the other",
     .detail = "numbers and parts of names, separated by commas; a part stands for every device that has it",
     .fallback = "the best GPU, else the CPU"},
    {.kind = OPTION_FILE,
     .name = "model",
     .argument = "NAME|FILE|" FULL_SYNTHETIC,
     .field = offsetof(bench_arguments, model),
     .help = "the network",
     .detail = FULL_SYNTHETIC
     " is that of LORIS, 766.5 million parameters, on made-up weights: nothing to download, 3 GB in memory",
     .fallback = DEFAULT_MODEL},
    {.kind = OPTION_FLAG,
     .name = "quick",
     .field = offsetof(bench_arguments, quick),
     .help = "measure less, for slow devices",
     .detail = "three passes at least over 12 s of the video; " FULL_SYNTHETIC " makes 3 s of sound instead of 24"},
    {.kind = OPTION_INTEGER,
     .letter = 'r',
     .name = "runs",
     .argument = "N",
     .field = offsetof(bench_arguments, runs),
     .low = 1,
     .high = 100,
     .help = "passes over the work, at least",
     .detail = "up to four times as many where times scatter",
     .fallback = "7, with --quick 3"},
    {.kind = OPTION_INTEGER,
     .name = "time-limit",
     .argument = "SECONDS",
     .field = offsetof(bench_arguments, limit),
     .low = 1,
     .high = 86400,
     .help = "end a device that takes longer",
     .fallback = "1800, with --quick 480"},
    {.kind = OPTION_FILE,
     .letter = 'o',
     .name = "output",
     .argument = "FILE",
     .field = offsetof(bench_arguments, output),
     .help = "write the records",
     .detail = ".json keeps everything; .csv, .md and .html are made of it"},
    {.kind = OPTION_FILE,
     .name = "from",
     .argument = "FILE|DIR",
     .field = offsetof(bench_arguments, from),
     .help = "measure nothing, take these records",
     .detail = "a .json file, or all of a folder"},
    {.kind = OPTION_FLAG,
     .name = "compare",
     .field = offsetof(bench_arguments, compare),
     .help = "compare the records of two files, B.json over A.json"},
    {.kind = OPTION_TEXT,
     .name = "fail-if-slower",
     .argument = "PERCENT",
     .field = offsetof(bench_arguments, slower),
     .help = "with --compare, end with status 1 where B certainly takes longer, and by more than this"},
    OPTION_BACKEND(bench_arguments),
    OPTION_PRECISION(bench_arguments),
    OPTION_KERNELS(bench_arguments),
    {.kind = OPTION_INTEGER,
     .name = "one",
     .argument = "N",
     .field = offsetof(bench_arguments, one),
     .low = 0,
     .high = 1e6,
     .hidden = true,
     .help = "measure this device in this process and print its record"},
    OPTION_JSON(bench_arguments, "the records"),
    OPTION_QUIET(bench_arguments),
    OPTION_VERBOSE(bench_arguments),
    OPTIONS_STANDARD};

const command command_bench = {
    .name = "bench",
    .summary = "measure devices by the work they are for",
    .description =
        "Measures what devices take from a video to its soundtrack: each stage cold and warm, every node of the "
        "network beside "
        "what the device can do at most, memory, and energy where the system shows it. Results are compared with "
        "golden output: a device "
        "that computes something else gets no headline, and the exit status is 1. Prints a table in Markdown.\n\n"
        "Each device runs in a process of its own. One that crashes or exceeds its time has a record that says so.\n\n"
        "With --compare, prints how much longer (above 1) or shorter B takes than A for each stage, with an interval "
        "that holds the true "
        "ratio with 95 % confidence. Records that were measured in turn on one machine compare best.",
    .options = options,
    .operand = {.name = "A.json", .kind = OPTION_FILE, .second = "B.json"},
    .run = run};

/* ---- one device, in this process --------------------------------------------------------------------------------- */

/* Less than that of the program which started this one and which the signal may have reached as well: seconds. */
static const double PATIENCE_APART = 0.4;

static int measure_one(const bench_arguments *arguments, const loris_bench_settings *settings) {
    char number[16], *record;
    loris_engine_settings engine = arguments->engine;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever asked is gone: nobody will read it */
    set_patience(PATIENCE_APART);
    snprintf(number, sizeof number, "%d", arguments->one);
    engine.device = number;
    loris_status status = loris_bench(&engine, settings, &record);
    if (status != LORIS_OK && status != LORIS_MISMATCH)
        return complain_library(status);
    fputs(record, stdout);
    loris_free(record);
    return status == LORIS_OK ? EXIT_DONE : complain_library(status);
}

/* ---- one device, in a process of its own ------------------------------------------------------------------------- */

static char *content(FILE *f) {
    const off_t size = lseek(fileno(f), 0, SEEK_END);
    char *data = size >= 0 ? calloc((size_t)size + 1, 1) : NULL;
    if (data && pread(fileno(f), data, (size_t)size, 0) != size)
        data[0] = '\0';
    return data;
}

/* This program's command line for device `index`: that of the user, then what differs. */
static pid_t start(int argc, char **argv, int index, FILE *out, FILE *err) {
    posix_spawn_file_actions_t actions;
    char number[16];
    pid_t child = -1;
    const char **words = calloc((size_t)argc + 6, sizeof *words);
    size_t count = 0;
    if (!words)
        return -1;
    snprintf(number, sizeof number, "%d", index);
    words[count++] = PROGRAM;
    words[count++] = "bench";
    words[count++] = "--one";
    words[count++] = number;
    for (int i = 0; i < argc; i++)
        words[count++] = argv[i];
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
    if (err)
        posix_spawn_file_actions_adddup2(&actions, fileno(err), STDERR_FILENO);
    if (posix_spawn(&child, "/proc/self/exe", &actions, NULL, (char *const *)(uintptr_t)words, environ) != 0)
        child = -1;
    posix_spawn_file_actions_destroy(&actions);
    free(words);
    return child;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Waits for the child, asks it to stop when this program was asked to, ends it when its time is up (*late). Returns its
 * wait status. */
static int await(pid_t child, double limit, const char *stage, bool *late) {
    static const double GRACE = 5; /* seconds to leave nothing behind */
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    const double from = now();
    double asked = 0;
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(child, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        const bool over = now() - from > limit;
        if (!asked && (was_interrupted() || over)) {
            kill(child, SIGTERM);
            asked = now();
            *late = over;
        } else if (asked && now() - asked > GRACE) {
            kill(child, SIGKILL);
        }
        progress_update(NULL, stage, fmin(now() - from, limit), 0);
        nanosleep(&pause, NULL);
    }
    return status;
}

/* Why a process gave no record, in words: its last line on standard error, or how it ended. */
static void tell_end(char *why, size_t size, int status, bool late, double limit, const char *said) {
    static const char begin[] = PROGRAM ": ";
    if (late) {
        snprintf(why, size, "did not end within %.0f s", limit);
        return;
    }
    if (WIFSIGNALED(status)) {
        snprintf(why, size, "the process crashed: %s", strsignal(WTERMSIG(status)));
        return;
    }
    size_t length = said ? strlen(said) : 0;
    while (length > 0 && said[length - 1] == '\n')
        length--;
    const char *line = said;
    for (size_t i = 0; i < length; i++)
        if (said[i] == '\n')
            line = said + i + 1;
    if (length && !strncmp(line, begin, sizeof begin - 1))
        line += sizeof begin - 1;
    if (length)
        snprintf(why, size, "%.*s", (int)(said + length - line), line);
    else
        snprintf(why, size, "the process ended with status %d", WEXITSTATUS(status));
    make_printable(why);
}

typedef struct measuring {
    const bench_arguments *arguments;
    const loris_bench_settings *settings;
    int argc;
    char **argv;
} measuring;

/* *record is the device's, of whatever kind. */
static int measure_apart(const measuring *m, const loris_device_info *d, const char *stage, char **record) {
    /* A simulator or a software device may take minutes and yet be at work. */
    const double limit = m->arguments->limit ? m->arguments->limit : m->settings->quick ? 480 : 1800;
    char why[512];
    bool late = false;
    FILE *out = tmpfile(), *err = m->arguments->verbose ? NULL : tmpfile();
    int result = EXIT_DONE, status = 0;
    *record = NULL;
    if (!out || (!err && !m->arguments->verbose)) {
        result = complain(EXIT_OUTPUT, NULL, "a temporary file: %s", strerror(errno));
    } else {
        const pid_t child = start(m->argc, m->argv, d->index, out, err);
        if (child < 0)
            result = complain(EXIT_FAULT, NULL, "a process for the device cannot be started");
        else
            status = await(child, limit, stage, &late);
    }
    const bool measured = WIFEXITED(status) && (WEXITSTATUS(status) == EXIT_DONE || WEXITSTATUS(status) == EXIT_FAULT);
    char *said = err ? content(err) : NULL;
    if (result == EXIT_DONE && was_interrupted())
        result = complain_interrupted();
    if (result == EXIT_DONE && measured && !late)
        *record = content(out);
    if (result == EXIT_DONE && (!*record || !**record)) {
        free(*record);
        *record = NULL;
        tell_end(why, sizeof why, status, late, limit, said);
        complain(EXIT_FAULT, NULL, "device %d, %s: %s", d->index, d->name, why);
        if (loris_bench_failed(d, m->settings, why, record) != LORIS_OK)
            result = complain(EXIT_FAULT, NULL, "out of memory");
    } else if (said && *said && result == EXIT_DONE) {
        progress_hide();
        fputs(said, stderr);
    }
    free(said);
    if (out)
        fclose(out);
    if (err)
        fclose(err);
    return result;
}

/* ---- which devices ----------------------------------------------------------------------------------------------- */

static bool is_number(const char *text) {
    return *text && text[strspn(text, "0123456789")] == '\0';
}

/* Marks the devices that one part of the list means. */
static bool choose_part(const char *part, const loris_device_info *list, size_t count, bool *chosen) {
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        char full[sizeof list->name + sizeof list->platform + 4];
        snprintf(full, sizeof full, "%s (%s)", list[i].name, list[i].platform);
        const bool meant =
            !strcmp(part, "all") || (is_number(part) ? atoi(part) == list[i].index : strcasestr(full, part) != NULL);
        chosen[i] = chosen[i] || meant;
        any = any || meant;
    }
    return any;
}

static int choose_devices(const char *wanted, const loris_device_info *list, size_t count, int best, bool *chosen) {
    if (!wanted) {
        for (size_t i = 0; i < count; i++)
            chosen[i] = list[i].index == best;
        return EXIT_DONE;
    }
    char *copy = strdup(wanted), *rest = copy, *part;
    int status = copy ? EXIT_DONE : complain(EXIT_FAULT, NULL, "out of memory");
    while (status == EXIT_DONE && (part = strsep(&rest, ",")) != NULL)
        if (!*part || !choose_part(part, list, count, chosen))
            status = complain(EXIT_DEVICE, "'" PROGRAM " devices' lists them", "there is no device '%s'", part);
    free(copy);
    return status;
}

static int measure_chosen(const measuring *m, const loris_device_info *list, size_t count, const bool *chosen,
                          char **joined) {
    char **records = calloc(count, sizeof *records);
    size_t done = 0, wanted = 0;
    int status = records ? EXIT_DONE : complain(EXIT_FAULT, NULL, "out of memory");
    for (size_t i = 0; i < count; i++)
        wanted += chosen[i];
    for (size_t i = 0; i < count && status == EXIT_DONE; i++) {
        char stage[32];
        if (!chosen[i])
            continue;
        snprintf(stage, sizeof stage, "device %zu/%zu", done + 1, wanted);
        status = measure_apart(m, &list[i], stage, &records[done]);
        done += status == EXIT_DONE;
    }
    if (status == EXIT_DONE && loris_bench_join((const char *const *)records, done, joined) != LORIS_OK)
        status = complain(EXIT_FAULT, loris_error_hint(), "%s", loris_error_message());
    for (size_t i = 0; records && i < count; i++)
        free(records[i]);
    free(records);
    return status;
}

static int measure(const measuring *m, char **joined) {
    loris_device_info *list;
    size_t count;
    int best;
    loris_status found = loris_devices(&list, &count, &best);
    if (found != LORIS_OK)
        return complain_library(found);
    bool *chosen = calloc(count, sizeof *chosen);
    int status = chosen ? choose_devices(m->arguments->devices, list, count, best, chosen)
                        : complain(EXIT_FAULT, NULL, "out of memory");
    if (status == EXIT_DONE) {
        progress_begin(m->arguments->quiet, m->arguments->verbose);
        status = measure_chosen(m, list, count, chosen, joined);
        progress_end(status == EXIT_DONE);
    }
    free(chosen);
    loris_free(list);
    return status;
}

/* ---- what is done with records ----------------------------------------------------------------------------------- */

static int show(const bench_arguments *arguments, const char *records) {
    bool passed = false;
    char *table = NULL;
    loris_status status = loris_bench_passed(records, &passed);
    if (status == LORIS_OK && arguments->output)
        status = loris_bench_write(records, arguments->output);
    if (status == LORIS_OK && arguments->json)
        fputs(records, stdout);
    else if (status == LORIS_OK && !arguments->quiet)
        status = loris_bench_table(records, &table);
    if (table)
        fputs(table, stdout);
    loris_free(table);
    return status == LORIS_OK ? passed ? EXIT_DONE : EXIT_FAULT : complain_library(status);
}

static int take_records(const bench_arguments *arguments) {
    char *records;
    loris_status found = loris_bench_read(arguments->from, &records);
    if (found != LORIS_OK)
        return complain_library(found);
    const int status = show(arguments, records);
    loris_free(records);
    return status;
}

/* "5%" or "5" */
static bool read_percent(const char *given, double *part) {
    char *end;
    *part = strtod(given, &end) / 100;
    return end != given && (!*end || !strcmp(end, "%")) && *part >= 0 && *part <= 10;
}

static int compare(const bench_arguments *arguments, const char *const *files) {
    double limit = 0;
    int slower;
    char *table;
    if (!files[0])
        return complain(EXIT_USAGE, "give A.json and B.json", "--compare needs two files of records");
    if (arguments->slower && !read_percent(arguments->slower, &limit))
        return complain(EXIT_USAGE, "use 5%, say", "--fail-if-slower %s: not a percentage from 0 to 1000",
                        arguments->slower);
    loris_status status = loris_bench_compare(files[0], files[1], limit, &table, &slower);
    if (status != LORIS_OK)
        return complain_library(status);
    if (!arguments->quiet)
        fputs(table, stdout);
    loris_free(table);
    if (!arguments->slower || !slower)
        return EXIT_DONE;
    return complain(EXIT_FAULT, NULL, "%d stages take more than %g %% longer in %s", slower, 100 * limit, files[1]);
}

/* Known before anything is measured, which takes minutes. */
static int check_output(const char *output) {
    static const char *const endings[] = {".json", ".csv", ".md", ".html"};
    const char *ending = output ? strrchr(output, '.') : NULL;
    for (size_t i = 0; ending && i < sizeof endings / sizeof *endings; i++)
        if (!strcmp(ending, endings[i]))
            return EXIT_DONE;
    return output ? complain(EXIT_USAGE, "use .json, .csv, .md or .html", "%s: the ending names no format", output)
                  : EXIT_DONE;
}

static int check_usage(const bench_arguments *arguments, const char *const *files) {
    if (files[0] && !arguments->compare)
        return complain(EXIT_USAGE, "to compare two files, give --compare", "unexpected argument: '%s'", files[0]);
    if (arguments->slower && !arguments->compare)
        return complain(EXIT_USAGE, NULL, "--fail-if-slower goes with --compare");
    if (arguments->from && arguments->compare)
        return complain(EXIT_USAGE, NULL, "--from and --compare exclude each other");
    return check_output(arguments->output);
}

static int run(int argc, char **argv) {
    bench_arguments arguments = {.one = -1};
    loris_bench_settings settings;
    const char *files[2];
    char *records = NULL;
    int status;
    loris_engine_defaults(&arguments.engine);
    loris_bench_defaults(&settings);
    if (!parse_options(&command_bench, argc, argv, &arguments, files, &status))
        return status;
    status = check_usage(&arguments, files);
    if (status != EXIT_DONE || arguments.compare || arguments.from)
        return status != EXIT_DONE ? status : arguments.compare ? compare(&arguments, files) : take_records(&arguments);
    show_messages(arguments.quiet, arguments.verbose);
    const bool made_up = arguments.model && !strcmp(arguments.model, FULL_SYNTHETIC);
    char *model = made_up ? NULL : find_model(arguments.model ? arguments.model : DEFAULT_MODEL, false);
    char *data = find_data("bench");
    settings.model = model;
    settings.data = data;
    settings.quick = arguments.quick;
    settings.runs = arguments.runs;
    if (!data || (!model && !made_up))
        status = EXIT_INPUT;
    else if (arguments.one >= 0)
        status = measure_one(&arguments, &settings);
    else
        status = measure(&(measuring){&arguments, &settings, argc, argv}, &records);
    if (status == EXIT_DONE && records)
        status = show(&arguments, records);
    loris_free(records);
    free(model);
    free(data);
    return status;
}
