/*
 * loris.h - watch a video, compose its soundtrack, on any OpenCL device.
 *
 * An independent implementation of "Long-Term Rhythmic Video Soundtracker" (Yu et al., ICML 2023) and of a small default
 * model of its own. Every function returns a loris_status; when it is not LORIS_OK, loris_error_message() and
 * loris_error_hint() say what went wrong, where, and what to do. No function prints, exits or aborts.
 *
 * Threads: an engine and what was made from it belong to one thread at a time; different engines are independent. The error
 * message belongs to the thread that received the status. loris_cancel() may be called from any thread and from a signal
 * handler.
 */
#ifndef LORIS_LORIS_H
#define LORIS_LORIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define LORIS_API
#else
#define LORIS_API __attribute__((visibility("default")))
#endif

#define LORIS_VERSION "0.1.0"

/* ---- status -------------------------------------------------------------------------------------------------------- */

typedef enum loris_status {
    LORIS_OK = 0,
    LORIS_ERROR_INTERNAL = 1,  /* a fault of this library; please report it */
    LORIS_ERROR_ARGUMENT = 2,  /* a setting is out of its range or contradicts another */
    LORIS_ERROR_INPUT = 3,     /* a video, model or other input cannot be used */
    LORIS_ERROR_DEVICE = 4,    /* no device, or the device failed or ran out of memory */
    LORIS_ERROR_OUTPUT = 5,    /* an output cannot be written */
    LORIS_ERROR_MEMORY = 6,    /* the host ran out of memory */
    LORIS_MISMATCH = 7,        /* a verification ran and found values outside their tolerance */
    LORIS_CANCELLED = 130      /* stopped by loris_cancel() */
} loris_status;

/* One line without a trailing newline: what failed and where. Valid until this thread's next failing call. */
LORIS_API const char *loris_error_message(void);

/* One line: what to do about it; "" when there is nothing sensible to suggest. */
LORIS_API const char *loris_error_hint(void);

/* The library's version, as "major.minor.patch". */
LORIS_API const char *loris_version(void);

/* ---- messages and cancelling --------------------------------------------------------------------------------------- */

typedef enum loris_level { LORIS_LOG_WARNING = 0, LORIS_LOG_INFO = 1, LORIS_LOG_DEBUG = 2 } loris_level;

/* Receives each message (one line, no newline). Default: messages are dropped. */
typedef void loris_log_function(void *user, loris_level level, const char *message);
LORIS_API void loris_set_log(loris_log_function *function, void *user);

/* Asks every running call to stop: it returns LORIS_CANCELLED within a second and leaves no partial output.
 * Async-signal-safe. loris_resume() clears the request. */
LORIS_API void loris_cancel(void);
LORIS_API void loris_resume(void);

#ifdef __cplusplus
}
#endif
#endif
