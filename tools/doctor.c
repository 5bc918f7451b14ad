/* loris-cl doctor: why a device is missing. */
#include "cli.h"

typedef struct doctor_arguments {
    const char *root;
    bool json, quiet, verbose;
} doctor_arguments;

static int run(int argc, char **argv);

static const option options[] = {OPTION_JSON(doctor_arguments, "all findings"),
                                 {.kind = OPTION_FOLDER,
                                  .name = "root",
                                  .argument = "DIR",
                                  .field = offsetof(doctor_arguments, root),
                                  .help = "look for /etc, /dev and /sys in this folder",
                                  .detail = "for another system's files",
                                  .fallback = "/"},
                                 OPTION_QUIET(doctor_arguments),
                                 OPTION_VERBOSE(doctor_arguments),
                                 OPTIONS_STANDARD};

const command command_doctor = {
    .name = "doctor",
    .summary = "explain why a device is missing",
    .description =
        "Looks at everything between the program and a device: the OpenCL loader, the drivers that are installed and "
        "whether they load, platforms and devices, GPUs on the PCI bus, permissions of device files, environment "
        "variables that hide devices; and says what to do.\n\n"
        "'+' marks what is as it should be, '?' what may cause trouble, '!' what does. The exit status is 0 when a "
        "device "
        "can be used, else 4.",
    .options = options,
    .run = run};

static int run(int argc, char **argv) {
    doctor_arguments a = {0};
    int exit_status;
    bool usable;
    loris_findings *findings;
    if (!parse_options(&command_doctor, argc, argv, &a, NULL, &exit_status))
        return exit_status;
    show_messages(a.quiet, a.verbose);
    const loris_status status = loris_doctor(a.root, &findings, &usable);
    if (status != LORIS_OK)
        return complain_library(status);
    if (a.json) {
        print_findings_json(stdout, findings);
        putchar('\n');
    } else if (!a.quiet) {
        print_findings(stdout, findings, "");
    }
    loris_findings_free(findings);
    return usable ? EXIT_DONE : EXIT_DEVICE;
}
