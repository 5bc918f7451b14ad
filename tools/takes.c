/* The names of several takes. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* "path/dance.wav" -> "path/dance" + ending + ".wav", or + `extension` in its place; free() it. */
static char *with_ending(const char *path, const char *ending, const char *extension) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    int stem = (int)(dot && dot > base ? dot - path : (ptrdiff_t)strlen(path));
    char *name;
    return asprintf(&name, "%.*s%s%s", stem, path, ending, extension ? extension : path + stem) < 0 ? NULL : name;
}

bool take_list_make(take_list *list, size_t count, uint64_t seed, const char *output, const char *midi_out) {
    *list = (take_list){.count = count};
    if (count > 1 && !(list->sheet = with_ending(output, "-takes", ".html")))
        return false;
    for (size_t i = 0; i < count; i++) {
        loris_take *t = &list->take[i];
        char ending[32] = "";
        if (count > 1)
            snprintf(ending, sizeof ending, "-take%zu", i + 1);
        t->seed = seed + i;
        t->output = with_ending(output, ending, NULL);
        t->midi_out = midi_out ? with_ending(midi_out, ending, NULL) : NULL;
        if (!t->output || (midi_out && !t->midi_out))
            return false;
    }
    return true;
}

void take_list_free(take_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free((void *)(uintptr_t)list->take[i].output);
        free((void *)(uintptr_t)list->take[i].midi_out);
        free((void *)(uintptr_t)list->take[i].command);
    }
    free(list->sheet);
    *list = (take_list){0};
}
