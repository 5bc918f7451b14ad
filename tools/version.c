/* loris-cl version */
#include "cli.h"

static int run(int argc, char **argv);

static const option options[] = {OPTIONS_STANDARD};

const command command_version = {.name = "version",
                                 .summary = "print the version",
                                 .description = "Prints the program's name and version.",
                                 .options = options,
                                 .run = run};

static int run(int argc, char **argv) {
    int status;
    if (!parse_options(&command_version, argc, argv, NULL, NULL, &status))
        return status;
    printf(PROGRAM " %s\n", loris_version());
    return EXIT_DONE;
}
