/* Lists of clips in the layout of LORIS' datasets: text files of paths, and an array of genres. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/file.h"
#include "core/npy.h"
#include "loris/loris.h"

typedef struct path_list {
    char *text; /* what `path` points into */
    const char **path;
    size_t count;
} path_list;

static void free_paths(path_list *l) {
    free(l->text);
    free(l->path);
}

/* One path a line, blanks at its end and empty lines dropped. */
static loris_status read_paths(path_list *l, const char *file) {
    size_t size, lines = 1;
    TRY(file_read(file, (size_t)64 << 20, &l->text, &size));
    for (size_t i = 0; i < size; i++)
        lines += l->text[i] == '\n';
    l->path = calloc(lines, sizeof *l->path);
    if (!l->path)
        return fail_memory("a list of clips");
    for (char *at = l->text, *next; at; at = next) {
        next = strchr(at, '\n');
        char *end = next ? next : at + strlen(at);
        next = next ? next + 1 : NULL;
        while (end > at && strchr(" \t\r", end[-1]))
            end--;
        *end = 0;
        if (end > at)
            l->path[l->count++] = at;
    }
    return l->count ? LORIS_OK : fail(LORIS_ERROR_INPUT, NULL, "%s: the list is empty", file);
}

/* A path in a list is relative to the list's folder. */
static const char *resolve(arena *a, const char *list, const char *path) {
    const char *slash = strrchr(list, '/');
    if (path[0] == '/' || !slash)
        return arena_strdup(a, path);
    return arena_printf(a, "%.*s%s", (int)(slash - list + 1), list, path);
}

/* Row i of one-hot rows [N, genres], or number i of [N]. */
static loris_status genre_at(const npy *a, const char *path, size_t i, int *out) {
    if (a->rank == 1) {
        const double value = a->f32 ? a->f32[i] : (double)a->i64[i];
        if (!(value >= 0 && value < 1 << 20) || value != (int)value)
            return fail(LORIS_ERROR_INPUT, NULL, "%s: genre %zu is %g", path, i, value);
        *out = (int)value;
        return LORIS_OK;
    }
    const size_t width = (size_t)a->dim[1];
    int found = 0;
    for (size_t k = 0; k < width; k++)
        if (a->f32 ? a->f32[i * width + k] != 0 : a->i64[i * width + k] != 0) {
            *out = (int)k;
            found++;
        }
    return found == 1 ? LORIS_OK
                      : fail(LORIS_ERROR_INPUT, NULL, "%s: row %zu names %d genres, and one is wanted", path, i, found);
}

static loris_status read_genres(int *genre, size_t count, const char *path) {
    npy a;
    TRY(npy_read(&a, path));
    loris_status status = LORIS_OK;
    if ((a.rank != 1 && a.rank != 2) || (size_t)a.dim[0] != count)
        status = fail(LORIS_ERROR_INPUT, "expected a number or a one-hot row for each clip",
                      "%s: no genres of %zu clips", path, count);
    for (size_t i = 0; status == LORIS_OK && i < count; i++)
        status = genre_at(&a, path, i, &genre[i]);
    npy_free(&a);
    return status;
}

/* The clips and their strings in one block, which loris_free() releases. */
static loris_status pack(loris_clip **out, const loris_clip *clips, size_t count) {
    size_t bytes = count * sizeof *clips;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(clips[i].i3d) + strlen(clips[i].pose) + strlen(clips[i].output) + 3;
    loris_clip *packed = malloc(bytes);
    if (!packed)
        return fail_memory("a list of clips");
    char *text = (char *)(packed + count);
    for (size_t i = 0; i < count; i++) {
        packed[i] = clips[i];
        const char **member[] = {&packed[i].i3d, &packed[i].pose, &packed[i].output};
        for (int k = 0; k < 3; k++) {
            const size_t length = strlen(*member[k]) + 1;
            memcpy(text, *member[k], length);
            *member[k] = text;
            text += length;
        }
    }
    *out = packed;
    return LORIS_OK;
}

loris_status loris_clips_read(loris_clip **out, size_t *count, const char *list_i3d, const char *list_pose,
                              const char *genres, const char *out_dir) {
    path_list i3d = {0}, pose = {0};
    loris_clip *clips = NULL;
    int *genre = NULL;
    arena *a = arena_new();
    loris_status status = a ? LORIS_OK : fail_memory("a list of clips");
    if (status != LORIS_OK)
        goto done;
    TRY_GOTO(read_paths(&i3d, list_i3d));
    TRY_GOTO(read_paths(&pose, list_pose));
    if (i3d.count != pose.count) {
        status = fail(LORIS_ERROR_INPUT, "line N of one belongs to line N of the other", "%s names %zu clips, %s %zu",
                      list_i3d, i3d.count, list_pose, pose.count);
        goto done;
    }
    clips = calloc(i3d.count, sizeof *clips);
    genre = malloc(i3d.count * sizeof *genre);
    TRY_GOTO(clips && genre ? LORIS_OK : fail_memory("a list of clips"));
    if (genres)
        TRY_GOTO(read_genres(genre, i3d.count, genres));
    for (size_t i = 0; i < i3d.count; i++)
        clips[i] = (loris_clip){.i3d = resolve(a, list_i3d, i3d.path[i]),
                                .pose = resolve(a, list_pose, pose.path[i]),
                                .genre = genres ? genre[i] : -1,
                                .output = arena_printf(a, "%s/generated_%zu.wav", out_dir, i + 1)};
    TRY_GOTO(arena_failed(a) ? fail_memory("a list of clips") : LORIS_OK);
    TRY_GOTO(pack(out, clips, i3d.count));
    *count = i3d.count;
done:
    free(clips);
    free(genre);
    free_paths(&i3d);
    free_paths(&pose);
    arena_free(a);
    return status;
}
