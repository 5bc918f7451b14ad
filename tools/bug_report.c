/* loris-cl report: what a bug report should hold, in one file without names of people or machines. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli.h"

typedef struct report_arguments {
    const char *model, *output;
    bool json, quiet, verbose;
} report_arguments;

static int run(int argc, char **argv);

static const option options[] = {{.kind = OPTION_FILE,
                                  .letter = 'o',
                                  .name = "output",
                                  .argument = "FILE",
                                  .field = offsetof(report_arguments, output),
                                  .help = "where to write",
                                  .fallback = "standard output"},
                                 OPTION_JSON(report_arguments, "the report"),
                                 OPTION_MODEL(report_arguments),
                                 OPTION_QUIET(report_arguments),
                                 OPTION_VERBOSE(report_arguments),
                                 OPTIONS_STANDARD};

const command command_report = {
    .name = "report",
    .summary = "gather what a bug report should hold",
    .description =
        "Writes one text: version and build, system, what 'devices -v' tells of each device with the known-answer "
        "test, what "
        "'doctor' finds, what the model is, and how the last run that failed ended. Home folder, user name and host "
        "name are replaced. Read it before you "
        "send it.",
    .options = options,
    .run = run};

/* ---- what is gathered -------------------------------------------------------------------------------------------- */

typedef struct gathered {
    loris_findings *doctor;
    loris_device_info *devices;
    loris_findings **examined; /* NULL where it failed; then `failures` tells */
    char **failures;
    size_t count;
    struct utsname system;
    char processor[128];
    loris_model_info model;
    const char *model_failure;       /* NULL = described */
    char last_error[LAST_ERROR_MAX]; /* "" = none */
} gathered;

static void read_processor(char name[128]) {
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(name, 128, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            snprintf(name, 128, "%s", colon + 1 + (colon[1] == ' '));
            name[strcspn(name, "\n")] = '\0';
            break;
        }
    }
    if (file)
        fclose(file);
}

static void examine_devices(gathered *g) {
    int chosen;
    if (loris_devices(&g->devices, &g->count, &chosen) != LORIS_OK) {
        g->devices = NULL; /* the doctor tells why */
        g->count = 0;
        return;
    }
    g->examined = calloc(g->count, sizeof *g->examined);
    g->failures = calloc(g->count, sizeof *g->failures);
    for (size_t i = 0; i < g->count && g->examined && g->failures; i++) {
        loris_engine_settings settings;
        char number[16];
        loris_engine_defaults(&settings);
        snprintf(number, sizeof number, "%d", g->devices[i].index);
        settings.device = number;
        if (loris_device_examine(&settings, &g->examined[i]) != LORIS_OK) {
            g->examined[i] = NULL;
            g->failures[i] = strdup(loris_error_message());
        }
    }
}

static loris_status gather(gathered *g, const char *model) {
    bool usable;
    loris_status status = loris_doctor(NULL, &g->doctor, &usable);
    if (status != LORIS_OK)
        return status;
    uname(&g->system);
    read_processor(g->processor);
    examine_devices(g);
    if (was_interrupted()) /* what the devices then answer is not what they are like */
        return LORIS_CANCELLED;
    if (!read_last_error(g->last_error))
        g->last_error[0] = '\0';
    g->model_failure = "no such model";
    if (model)
        g->model_failure = loris_model_describe(model, NULL, &g->model) == LORIS_OK ? NULL : loris_error_message();
    return LORIS_OK;
}

static void let_go(gathered *g) {
    for (size_t i = 0; i < g->count; i++) {
        if (g->examined)
            loris_findings_free(g->examined[i]);
        if (g->failures)
            free(g->failures[i]);
    }
    free(g->examined);
    free(g->failures);
    loris_free(g->devices);
    loris_findings_free(g->doctor);
    if (!g->model_failure)
        loris_model_info_free(&g->model);
}

/* ---- the text ---------------------------------------------------------------------------------------------------- */

static double memory_gib(void) {
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 30);
}

static void write_text(FILE *out, const gathered *g) {
    fprintf(out, "loris-cl %s\nbuild      %s\n", loris_version(), loris_build());
    fprintf(out, "system     %s %s, %s\nprocessor  %s, %ld online, %.1f GiB\n", g->system.sysname, g->system.release,
            g->system.machine, g->processor, sysconf(_SC_NPROCESSORS_ONLN), memory_gib());
    if (g->model_failure)
        fprintf(out, "model      %s\n", g->model_failure);
    else
        fprintf(out, "model      %s \"%s\", %.3f M parameters of %s, %s\n", g->model.kind, g->model.name,
                1e-6 * (double)g->model.parameters, g->model.dtypes, g->model.container);
    fprintf(out, "last error %s\n", *g->last_error ? g->last_error : "none");
    for (size_t i = 0; i < g->count; i++) {
        const loris_device_info *d = &g->devices[i];
        fprintf(out, "\ndevice %d  %s (%s)\n", d->index, d->name, d->platform);
        if (g->examined && g->examined[i])
            print_findings(out, g->examined[i], "  ");
        else
            fprintf(out, "  ! %s\n", g->failures && g->failures[i] ? g->failures[i] : "out of memory");
    }
    fputs("\ndoctor\n", out);
    print_findings(out, g->doctor, "  ");
}

static void write_member(FILE *out, const char *key, const char *value) {
    fprintf(out, "\"%s\": ", key);
    write_json_string(out, value);
    fputs(",\n ", out);
}

static void write_json(FILE *out, const gathered *g) {
    fputc('{', out);
    write_member(out, "version", loris_version());
    write_member(out, "build", loris_build());
    write_member(out, "system", g->system.sysname);
    write_member(out, "release", g->system.release);
    write_member(out, "machine", g->system.machine);
    write_member(out, "processor", g->processor);
    fprintf(out, "\"processors\": %ld,\n \"memory\": %.0f,\n ", sysconf(_SC_NPROCESSORS_ONLN),
            memory_gib() * (1 << 30));
    if (g->model_failure)
        write_member(out, "model_failure", g->model_failure);
    else {
        write_member(out, "model", g->model.name);
        write_member(out, "model_kind", g->model.kind);
        write_member(out, "model_types", g->model.dtypes);
        fprintf(out, "\"model_parameters\": %llu,\n ", (unsigned long long)g->model.parameters);
    }
    if (*g->last_error)
        write_member(out, "last_error", g->last_error);
    else
        fputs("\"last_error\": null,\n ", out);
    fputs("\"devices\": [", out);
    for (size_t i = 0; i < g->count; i++) {
        fputs(i ? ",\n {" : "{", out);
        write_member(out, "name", g->devices[i].name);
        write_member(out, "platform", g->devices[i].platform);
        if (g->failures && g->failures[i])
            write_member(out, "failure", g->failures[i]);
        fprintf(out, "\"index\": %d, \"findings\": ", g->devices[i].index);
        if (g->examined && g->examined[i])
            print_findings_json(out, g->examined[i]);
        else
            fputs("null", out);
        fputc('}', out);
    }
    fputs("],\n \"doctor\": ", out);
    print_findings_json(out, g->doctor);
    fputs("}\n", out);
}

/* ---- what is nobody's business ----------------------------------------------------------------------------------- */

static bool letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Copies `text` with each `secret` that stands alone replaced; free() it. Takes over `text`. */
static char *replace(char *text, const char *secret, const char *by, bool as_word) {
    const size_t length = secret ? strlen(secret) : 0;
    char *out = NULL;
    size_t size;
    if (!text || length < 2)
        return text;
    FILE *copy = open_memstream(&out, &size);
    if (!copy) {
        free(text);
        return NULL;
    }
    for (const char *at = text; *at;) {
        const bool here =
            strncmp(at, secret, length) == 0 && (!as_word || ((at == text || !letter(at[-1])) && !letter(at[length])));
        if (here)
            fputs(by, copy);
        else
            fputc(*at, copy);
        at += here ? length : 1;
    }
    free(text);
    if (fclose(copy) == 0)
        return out;
    free(out);
    return NULL;
}

static char *without_secrets(char *text, const char *host) {
    const struct passwd *user = getpwuid(getuid());
    const char *home = getenv("HOME");
    text = replace(text, home && strcmp(home, "/") ? home : NULL, "~", false);
    text = replace(text, user && strcmp(user->pw_dir, "/") ? user->pw_dir : NULL, "~", false);
    if (user && user->pw_uid) /* that root is called root is no secret */
        text = replace(text, user->pw_name, "USER", true);
    text = replace(text, getenv("SUDO_USER"), "USER", true);
    return strcmp(host, "localhost") ? replace(text, host, "HOST", true) : text;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Complete or not at all. */
static int write_file(const char *path, const char *text) {
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid()) >= (int)sizeof temporary)
        return complain(EXIT_OUTPUT, NULL, "%s: its name is too long", path);
    set_leftovers(temporary, NULL);
    FILE *file = fopen(temporary, "wx");
    bool written = file && fputs(text, file) >= 0;
    if (file && fclose(file) != 0)
        written = false;
    int status = EXIT_DONE;
    if (!written || rename(temporary, path) != 0) {
        status = complain(EXIT_OUTPUT, "name a file that can be written", "%s: %s", path, strerror(errno));
        if (file)
            unlink(temporary);
    }
    set_leftovers(NULL, NULL);
    return status;
}

static int report(const report_arguments *a, const char *model) {
    gathered g = {0};
    char *text = NULL;
    size_t size;
    loris_status status = gather(&g, model);
    FILE *out = status == LORIS_OK ? open_memstream(&text, &size) : NULL;
    if (out) {
        (a->json ? write_json : write_text)(out, &g);
        if (fclose(out) == 0)
            text = without_secrets(text, g.system.nodename);
    }
    int exit_status = EXIT_DONE;
    if (status != LORIS_OK)
        exit_status = complain_library(status);
    else if (!text)
        exit_status = complain(EXIT_FAULT, NULL, "out of memory");
    else if (a->output)
        exit_status = write_file(a->output, text);
    else
        fputs(text, stdout);
    if (exit_status == EXIT_DONE && a->output && !a->quiet)
        printf("%s: read it before you send it\n", a->output);
    free(text);
    let_go(&g);
    return exit_status;
}

static int run(int argc, char **argv) {
    report_arguments a = {0};
    int exit_status;
    if (!parse_options(&command_report, argc, argv, &a, NULL, &exit_status))
        return exit_status;
    if (a.output && (exit_status = check_folder(a.output)) != EXIT_DONE)
        return exit_status;
    show_messages(a.quiet, a.verbose);
    char *model = find_model(a.model ? a.model : DEFAULT_MODEL, !a.model);
    if (a.model && !model)
        return EXIT_INPUT;
    exit_status = report(&a, model);
    free(model);
    return exit_status;
}
