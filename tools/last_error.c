/* The last run that failed, kept in the user's state folder for 'loris-cl report'. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

enum { PATH_LENGTH = 4096 };

/* $XDG_STATE_HOME/loris-cl/last-error; relative paths are to be ignored, as the specification says. */
static bool state_path(char path[PATH_LENGTH]) {
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (base && base[0] == '/')
        length = snprintf(path, PATH_LENGTH, "%s/loris-cl/last-error", base);
    else if (home && home[0] == '/')
        length = snprintf(path, PATH_LENGTH, "%s/.local/state/loris-cl/last-error", home);
    return length > 0 && length < PATH_LENGTH;
}

static bool make_folders_of(char path[PATH_LENGTH]) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made)
            return false;
    }
    return true;
}

/* What cannot be kept is not: the run has failed already, and has told why. */
void keep_last_error(const char *name, int status, const char *line) {
    char path[PATH_LENGTH], temporary[PATH_LENGTH + 32], when[32] = "";
    const time_t now = time(NULL);
    struct tm utc;
    if (!state_path(path) || !make_folders_of(path))
        return;
    if (gmtime_r(&now, &utc))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &utc);
    snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    const int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (!file) {
        if (descriptor >= 0)
            close(descriptor);
        return;
    }
    bool kept = fprintf(file, "%s, %s of version %s, exit status %d: %s\n", when, name, loris_version(), status,
                        line) > 0;
    kept = fclose(file) == 0 && kept;
    if (!kept || rename(temporary, path) != 0)
        unlink(temporary);
}

bool read_last_error(char line[LAST_ERROR_MAX]) {
    char path[PATH_LENGTH];
    FILE *file = state_path(path) ? fopen(path, "re") : NULL;
    const bool read = file && fgets(line, LAST_ERROR_MAX, file);
    if (file)
        fclose(file);
    if (!read)
        return false;
    line[strcspn(line, "\n")] = '\0';
    make_printable(line);
    return *line;
}
