/* A new folder of a test's own, which may hold folders. */
#ifndef LORIS_TESTS_TEMPORARY_H
#define LORIS_TESTS_TEMPORARY_H

#include <stddef.h>

enum { TEMPORARY_PATH_MAX = 512 };

/* Makes an empty folder under $TMPDIR or the system's and writes its path; fails the test when it cannot. */
void temporary_make(char folder[TEMPORARY_PATH_MAX]);

/* Removes the folder and all in it. */
void temporary_remove(const char *folder);

/* Writes folder/name; the path goes to `path` when that is not NULL. */
void temporary_write(const char *folder, const char *name, const void *data, size_t size,
                     char path[TEMPORARY_PATH_MAX]);

#endif
