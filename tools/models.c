/* Where a model's name leads, and where other data of the program lie. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

enum { FOLDERS = 4, PATH_LENGTH = 4096 };

/* Folders of the program's data of a kind ("models"): of a build tree, of an installation that may have been moved, of
 * the installation as configured, of the user (XDG base directories). Those that cannot be are "". */
static void data_folders(const char *kind, char folder[FOLDERS][PATH_LENGTH]) {
    char program[PATH_LENGTH - 64];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    folder[0][0] = folder[1][0] = '\0';
    if (length > 0) {
        program[length] = '\0';
        char *slash = strrchr(program, '/');
        if (slash) {
            *slash = '\0';
            snprintf(folder[0], PATH_LENGTH, "%s/share/loris-cl/%s", program, kind);
            slash = strrchr(program, '/');
        }
        if (slash) {
            *slash = '\0';
            snprintf(folder[1], PATH_LENGTH, "%s/share/loris-cl/%s", program, kind);
        }
    }
    snprintf(folder[2], PATH_LENGTH, "%s/%s", LORIS_DATADIR, kind);
    if (strcmp(folder[1], folder[2]) == 0)
        folder[1][0] = '\0';
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    folder[3][0] = '\0';
    if (data && *data == '/')
        snprintf(folder[3], PATH_LENGTH, "%s/loris-cl/%s", data, kind);
    else if (home && *home == '/')
        snprintf(folder[3], PATH_LENGTH, "%s/.local/share/loris-cl/%s", home, kind);
}

static bool exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Adds the names of the models in `folder` to `list`, in their order. */
static void list_models(const char *folder, char *list, size_t size) {
    struct dirent **entries;
    int count = *folder ? scandir(folder, &entries, NULL, alphasort) : 0;
    for (int i = 0; i < count; i++) {
        size_t used = strlen(list);
        if (entries[i]->d_name[0] != '.')
            snprintf(list + used, size - used, "%s%s", used ? ", " : "", entries[i]->d_name);
        free(entries[i]);
    }
    if (count > 0)
        free(entries);
}

static void complain_missing(const char *name, char folder[FOLDERS][PATH_LENGTH]) {
    char known[512] = "", hint[640];
    for (int i = 0; i < FOLDERS; i++)
        list_models(folder[i], known, sizeof known);
    if (*known)
        snprintf(hint, sizeof hint, "known models: %s; or give a .safetensors file or its folder", known);
    else
        snprintf(hint, sizeof hint, "no model is installed beside the program; give a .safetensors file or its folder");
    complain(EXIT_INPUT, hint, "there is no model '%s'", name);
}

char *find_model(const char *name, bool optional) {
    char folder[FOLDERS][PATH_LENGTH], *path;
    if (strchr(name, '/') || ends_with(name, ".safetensors"))
        return strdup(name); /* whoever opens it says what is wrong with it */
    data_folders("models", folder);
    for (int i = 0; i < FOLDERS; i++) {
        if (!*folder[i] || !*name || asprintf(&path, "%s/%s", folder[i], name) < 0)
            continue;
        if (exists(path))
            return path;
        free(path);
    }
    if (*name && exists(name))
        return strdup(name);
    if (!optional)
        complain_missing(name, folder);
    return NULL;
}

char *find_data(const char *kind) {
    char folder[FOLDERS][PATH_LENGTH];
    data_folders(kind, folder);
    for (int i = 0; i < FOLDERS; i++)
        if (*folder[i] && exists(folder[i]))
            return strdup(folder[i]);
    complain(EXIT_INPUT, "install the program with its data", "%s/%s: the program's data are missing", LORIS_DATADIR,
             kind);
    return NULL;
}
