/* A folder for a test program's files, in the current folder, gone after the group. */
#ifndef LORIS_TESTS_SCRATCH_H
#define LORIS_TESTS_SCRATCH_H

#include <stddef.h>

/* For cmocka_run_group_tests(). */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* The path of `name` in it. Eight results are valid at a time. */
const char *scratch(const char *name);

void scratch_write(const char *path, const void *data, size_t size);
void *scratch_read(const char *path, size_t *size); /* free() */
size_t scratch_count(void);                         /* entries of the folder */

#endif
