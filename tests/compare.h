/* Assertions of the tests: arrays with the first difference reported, and statuses with their message. Each may be
 * called from the main thread of a CMocka test only. Include this instead of cmocka.h: it brings what cmocka.h needs
 * before it. */
#ifndef LORIS_TESTS_COMPARE_H
#define LORIS_TESTS_COMPARE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Before cmocka.h, whose macro fail() would otherwise meet the declaration of ours. A test that needs the library's
 * writes (fail)(...). */
#include "core/status.h"

#include <cmocka.h>

/* Fails unless |got[i] - want[i]| <= tolerance for every i. A NaN on either side fails; infinities must be equal.
 * Reports the array's name, the first offending index, got, want, the tolerance, how many offend and the largest error.
 */
#define assert_arrays_close(got, want, count, tolerance)                                                               \
    compare_arrays_close(#got, got, want, count, tolerance, __FILE__, __LINE__)

/* The same with the tolerance as a fraction of the largest finite |want|. */
#define assert_arrays_close_relative(got, want, count, tolerance)                                                      \
    compare_arrays_close_relative(#got, got, want, count, tolerance, __FILE__, __LINE__)

/* Every number the same. */
#define assert_arrays_equal_i64(got, want, count) compare_arrays_equal_i64(#got, got, want, count, __FILE__, __LINE__)

/* A call succeeds, or the test fails with its message. */
#define assert_ok(call) compare_status(#call, call, LORIS_OK, NULL, __FILE__, __LINE__)

/* A call fails with `status` and a message that contains `part` (NULL: any message that is not empty). */
#define assert_fails(call, status, part) compare_status(#call, call, status, part, __FILE__, __LINE__)

void compare_arrays_close(const char *name, const float *got, const float *want, size_t count, double tolerance,
                          const char *file, int line);
void compare_arrays_close_relative(const char *name, const float *got, const float *want, size_t count,
                                   double tolerance, const char *file, int line);
void compare_arrays_equal_i64(const char *name, const int64_t *got, const int64_t *want, size_t count, const char *file,
                              int line);
void compare_status(const char *call, loris_status got, loris_status want, const char *part, const char *file,
                    int line);

#endif
