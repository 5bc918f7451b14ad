#include "compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* cmocka's fail_msg() names the line it stands on; these name the assertion's. */
#define FAIL_AT(file, line, ...)                                                                                       \
    do {                                                                                                               \
        print_error("ERROR: " __VA_ARGS__);                                                                            \
        print_error("\n");                                                                                             \
        _fail(file, line);                                                                                             \
    } while (0)

/* A comparison with NaN is false, so NaN on either side is not close. */
static bool close_enough(float got, float want, double tolerance) {
    return got == want || fabs((double)got - (double)want) <= tolerance;
}

void compare_arrays_close(const char *name, const float *got, const float *want, size_t count, double tolerance,
                          const char *file, int line) {
    size_t first = count, offending = 0, worst = 0;
    double largest = -1.0;
    for (size_t i = 0; i < count; i++) {
        double error = fabs((double)got[i] - (double)want[i]);
        if (error > largest) {
            largest = error;
            worst = i;
        }
        if (!close_enough(got[i], want[i], tolerance)) {
            if (offending++ == 0)
                first = i;
        }
    }
    if (offending)
        FAIL_AT(file, line,
                "%s[%zu]: got %.9g, want %.9g, tolerance %.3g; %zu of %zu elements offend, largest error %.3g at [%zu]",
                name, first, (double)got[first], (double)want[first], tolerance, offending, count, largest, worst);
}

void compare_arrays_close_relative(const char *name, const float *got, const float *want, size_t count,
                                   double tolerance, const char *file, int line) {
    double scale = 0.0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(want[i]) && fabs((double)want[i]) > scale)
            scale = fabs((double)want[i]);
    compare_arrays_close(name, got, want, count, tolerance * scale, file, line);
}

void compare_arrays_equal_i64(const char *name, const int64_t *got, const int64_t *want, size_t count, const char *file,
                              int line) {
    size_t first = count, offending = 0;
    for (size_t i = 0; i < count; i++) {
        if (got[i] != want[i]) {
            if (offending++ == 0)
                first = i;
        }
    }
    if (offending)
        FAIL_AT(file, line, "%s[%zu]: got %" PRId64 ", want %" PRId64 "; %zu of %zu elements offend", name, first,
                got[first], want[first], offending, count);
}

void compare_status(const char *call, loris_status got, loris_status want, const char *part, const char *file,
                    int line) {
    const char *message = got == LORIS_OK ? "" : loris_error_message();
    if (got != want)
        FAIL_AT(file, line, "%s: got status %d (%s), want %d", call, (int)got, message, (int)want);
    if (want != LORIS_OK && message[0] == '\0')
        FAIL_AT(file, line, "%s: failed with status %d as wanted, but without a message", call, (int)got);
    if (part && !strstr(message, part))
        FAIL_AT(file, line, "%s: the message is \"%s\", which does not contain \"%s\"", call, message, part);
}
