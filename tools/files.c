/* Names of files on the command line. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

static bool same_file(const char *a, const char *b) {
    struct stat one, other;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

int check_names(const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (names[i] && names[j] && same_file(names[i], names[j]))
                return complain(EXIT_USAGE, "give another name", "%s: %s", names[j],
                                i == 0 ? "is the video itself, which is not overwritten" : "is named for two outputs");
    return EXIT_DONE;
}

int check_video(const char *video) {
    const char *candidates[COMMANDS_MAX + 1];
    char hint[128] = "check the path";
    size_t count = 0;
    struct stat info;
    if (stat(video, &info) == 0 || errno != ENOENT)
        return EXIT_DONE;
    for (const command *const *c = commands; *c; c++)
        candidates[count++] = (*c)->name;
    candidates[count] = NULL;
    const char *near = suggest(video, candidates);
    if (near)
        snprintf(hint, sizeof hint, "did you mean the command '" PROGRAM " %s'?", near);
    return complain(EXIT_INPUT, hint, "%s: no such file", video);
}

int check_folder(const char *output) {
    char folder[4096];
    const char *slash = strrchr(output, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - output + 1) : 1, slash ? output : ".");
    if (access(folder, W_OK) == 0)
        return EXIT_DONE;
    return complain(EXIT_OUTPUT, "name a folder that is there and can be written", "%s: %s", folder, strerror(errno));
}
