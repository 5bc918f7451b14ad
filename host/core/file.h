/* Files: mapped input, whole small files, and outputs that are complete or absent. */
#ifndef LORIS_CORE_FILE_H
#define LORIS_CORE_FILE_H

#include <stdint.h>
#include <stdio.h>

#include "core/status.h"

/* A read-only mapping of a whole regular file. A file of 0 bytes maps to data == NULL, size == 0. While it is mapped no
 * other program may cut the file short: touching what is gone raises SIGBUS. */
typedef struct file_map {
    const uint8_t *data;
    size_t size;
} file_map;

loris_status file_map_open(file_map *map, const char *path); /* LORIS_ERROR_INPUT: missing, unreadable, a directory */
void file_map_close(file_map *map);

/* Gives back the memory behind the mapping; what is read again comes from the file again. Called every so many
 * megabytes, it keeps a program small that walks a large file. (Of the whole: the kernel maps more than the pages that
 * are read, on both sides of them.) */
void file_map_release(const file_map *map);

/* The whole file as a NUL-terminated block (NUL not counted in *size); free() it. Fails beyond `limit` bytes. */
loris_status file_read(const char *path, size_t limit, char **data, size_t *size);

/* An output written beside its final place and renamed on commit. Until then an existing file is untouched.
 *
 *     output_file out;
 *     TRY(output_begin(&out, path));
 *     ... write to out.temporary (a path in the same folder, with path's extension) ...
 *     return output_commit(&out);           or output_discard(&out), which removes the temporary file
 *
 * Both calls free what output_begin made; output_discard after commit does nothing. Temporaries still open are removed
 * by output_discard_all(), which is async-signal-safe in the sense of unlink() alone: for a program that must exit at
 * once. */
typedef struct output_file {
    char *path, *temporary;
    int slot;
} output_file;

loris_status output_begin(output_file *out, const char *path); /* LORIS_ERROR_OUTPUT: no folder, not writable, ... */
loris_status output_commit(output_file *out);                  /* fsync, rename (or held, see below) */
void output_discard(output_file *out);
void output_discard_all(void);

/* For good: from now on no output is begun or takes its place, with LORIS_CANCELLED. What is just taking its place is
 * waited for, for up to 0.1 s, so that of a group all files appear or none. Async-signal-safe. */
void output_stop(void);

/* Outputs that appear together. What this thread commits between output_group_hold() and output_group_rest() is
 * complete but keeps its temporary name until output_group_commit() renames all, in order. A rename that fails (a
 * folder was removed meanwhile) leaves those before it in place and discards the rest. Zero-initialise to start; both
 * ends free. */
typedef struct output_group {
    output_file *held;
    size_t count;
} output_group;

void output_group_hold(output_group *g);
void output_group_rest(void);
loris_status output_group_commit(output_group *g);
void output_group_discard(output_group *g);

/* All at once: begin, write, commit. */
loris_status file_write(const char *path, const void *data, size_t size);

/* Makes a folder and its parents, each with `mode` when new. */
loris_status folder_make(const char *path, unsigned mode);

bool file_exists(const char *path); /* a file or folder of that name */
bool folder_exists(const char *path);

#endif
