/* A folder of its own for a test program's files, made among the system's temporary ones and gone after the group:
 *
 *     return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown); */
#ifndef LORIS_TESTS_SCRATCH_H
#define LORIS_TESTS_SCRATCH_H

#include <stddef.h>

int scratch_setup(void **state);
int scratch_teardown(void **state); /* removes the folder with all that is in it */

/* The path of `name` in it ("" = the folder itself), whether it exists or not. Valid until the tear-down. */
const char *scratch(const char *name);

/* By plain stdio, not by what is tested. */
void scratch_write(const char *path, const void *data, size_t size);
const char *scratch_file(const char *name, const void *data, size_t size); /* writes and returns scratch(name) */
void *scratch_read(const char *path, size_t *size);                       /* free() */

/* Entries of the folder, or of a folder in it. */
size_t scratch_count(void);
size_t scratch_entries(const char *path);

#endif
