/* Errors and messages. A failing function records what and where, plus a hint, and returns the status:
 *
 *     return fail(LORIS_ERROR_INPUT, "is the download complete?", "%s: cut short at byte %zu", path, at);
 *
 * The message belongs to the calling thread; a worker thread hands it over with error_take() and error_put(). */
#ifndef LORIS_CORE_STATUS_H
#define LORIS_CORE_STATUS_H

#include "loris/loris.h"

#if defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define PRINTF_LIKE(text, first)
#endif

enum { ERROR_MESSAGE_MAX = 1024 };

typedef struct error_record {
    loris_status status;
    char message[ERROR_MESSAGE_MAX];
    char hint[ERROR_MESSAGE_MAX];
} error_record;

/* Records the message and hint (NULL = none) for this thread and returns `status`. Control characters in the text (it
 * may quote a hostile file) are replaced by '?'; a text that is too long loses its middle. */
loris_status fail(loris_status status, const char *hint, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "prefix: " before this thread's message; returns `status` unchanged, so: return fail_in(status, "stage %s",
 * name). */
loris_status fail_in(loris_status status, const char *format, ...) PRINTF_LIKE(2, 3);

/* Out of host memory while making `what`. */
loris_status fail_memory(const char *what);

void error_take(error_record *out); /* this thread's last failure */
loris_status error_put(const error_record *record);

/* Return at once when an expression is not LORIS_OK. */
#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        loris_status try_status_ = (expression);                                                                       \
        if (try_status_ != LORIS_OK)                                                                                   \
            return try_status_;                                                                                        \
    } while (0)

/* As TRY, but stores the status in the local `status` and jumps to the label `done`, where everything is released. */
#define TRY_GOTO(expression)                                                                                           \
    do {                                                                                                               \
        status = (expression);                                                                                         \
        if (status != LORIS_OK)                                                                                        \
            goto done;                                                                                                 \
    } while (0)

/* Messages to the callback of loris_set_log(). */
void log_message(loris_level level, const char *format, ...) PRINTF_LIKE(2, 3);

bool cancelled(void);               /* has loris_cancel() been called? */
loris_status check_cancelled(void); /* LORIS_CANCELLED with a message, or LORIS_OK */

#endif
