#include "core/status.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

/* ---- the last failure of each thread ----------------------------------------------------------------------------- */

static _Thread_local error_record last_error;

/* Text may quote a hostile file: nothing of it may move a terminal's cursor or break a line. C1 controls arrive as the
 * UTF-8 pair C2 80..9F; both bytes are replaced. */
static void make_printable(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f) {
            *c = '?';
        } else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
            c[0] = '?';
            c[1] = '?';
        }
    }
}

/* Does `c` continue a UTF-8 character? Before it is no place to cut. */
static bool is_continuation(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Copies `text`. One that is too long loses its middle, between UTF-8 characters: a long path or a quoted name must not
 * push out the reason that stands behind it. */
static void copy_message(char out[ERROR_MESSAGE_MAX], const char *text) {
    static const char gap[] = " ... ";
    size_t length = strlen(text);
    if (length < ERROR_MESSAGE_MAX) {
        memcpy(out, text, length + 1);
    } else {
        size_t head = ERROR_MESSAGE_MAX / 2, tail = ERROR_MESSAGE_MAX - sizeof gap - head;
        while (head > 0 && is_continuation(text[head]))
            head--;
        while (tail > 0 && is_continuation(text[length - tail]))
            tail--;
        memcpy(out, text, head);
        memcpy(out + head, gap, sizeof gap - 1);
        memcpy(out + head + sizeof gap - 1, text + length - tail, tail + 1);
    }
    make_printable(out);
}

/* Formats on the stack where it fits: running out of memory is reported here too. */
static void format_message(char out[ERROR_MESSAGE_MAX], const char *format, va_list arguments) {
    char formatted[2 * ERROR_MESSAGE_MAX];
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(formatted, sizeof formatted, format, arguments);
    char *whole = length >= (int)sizeof formatted ? malloc((size_t)length + 1) : NULL;
    if (whole)
        vsnprintf(whole, (size_t)length + 1, format, again);
    va_end(again);
    copy_message(out, whole ? whole : length >= 0 ? formatted : "");
    free(whole);
}

loris_status fail(loris_status status, const char *hint, const char *format, ...) {
    /* The arguments may point into the previous record (a message that quotes the last one): format aside, then copy.
     */
    error_record record = {.status = status};
    va_list arguments;
    va_start(arguments, format);
    format_message(record.message, format, arguments);
    va_end(arguments);
    copy_message(record.hint, hint ? hint : "");
    last_error = record;
    return status;
}

loris_status fail_in(loris_status status, const char *format, ...) {
    char prefix[ERROR_MESSAGE_MAX], prefixed[2 * ERROR_MESSAGE_MAX + 2];
    va_list arguments;
    va_start(arguments, format);
    format_message(prefix, format, arguments);
    va_end(arguments);
    snprintf(prefixed, sizeof prefixed, "%s: %s", prefix, last_error.message);
    copy_message(last_error.message, prefixed);
    last_error.status = status;
    return status;
}

loris_status fail_memory(const char *what) {
    return fail(LORIS_ERROR_MEMORY, "close other programs or work on a shorter piece", "out of memory: %s", what);
}

void error_take(error_record *out) {
    *out = last_error;
}

loris_status error_put(const error_record *record) {
    last_error = *record;
    return record->status;
}

const char *loris_error_message(void) {
    return last_error.message;
}

const char *loris_error_hint(void) {
    return last_error.hint;
}

const char *loris_version(void) {
    return LORIS_VERSION;
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

/* Workers report from any thread: the lock keeps the function and its user pointer a pair. It is not held during the
 * call, so that a callback may log or change the callback itself. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static loris_log_function *log_function;
static void *log_user;

void loris_set_log(loris_log_function *function, void *user) {
    pthread_mutex_lock(&log_lock);
    log_function = function;
    log_user = user;
    pthread_mutex_unlock(&log_lock);
}

void log_message(loris_level level, const char *format, ...) {
    pthread_mutex_lock(&log_lock);
    loris_log_function *function = log_function;
    void *user = log_user;
    pthread_mutex_unlock(&log_lock);
    if (!function)
        return;
    char message[ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    format_message(message, format, arguments);
    va_end(arguments);
    function(user, level, message);
}

/* ---- cancelling -------------------------------------------------------------------------------------------------- */

/* Set from signal handlers: C11 allows lock-free atomics there. */
static atomic_int cancel_requested;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "loris_cancel() must be async-signal-safe");

void loris_cancel(void) {
    atomic_store(&cancel_requested, 1);
}

void loris_resume(void) {
    atomic_store(&cancel_requested, 0);
}

bool cancelled(void) {
    return atomic_load_explicit(&cancel_requested, memory_order_relaxed) != 0;
}

loris_status check_cancelled(void) {
    return cancelled() ? fail(LORIS_CANCELLED, NULL, "cancelled") : LORIS_OK;
}
